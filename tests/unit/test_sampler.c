/* Sampling against probabilities that mlx-lm computes (tests/oracle/golden_sampler.py). */
#include "unit.h"

#include "base/base.h"
#include <cortex/generate.h>
#include <math.h>

enum { DRAWS = 40000, VOCABULARY = 24 };

static float number(const json_t *o, const char *key)
{
    return (float)json_number_value(json_object_get(o, key));
}

static void floats_of(const json_t *list, float *out)
{
    CHECK_INT(json_array_size(list), VOCABULARY);
    for (size_t i = 0; i < VOCABULARY; i++)
        out[i] = (float)json_number_value(json_array_get(list, i));
}

/* Draws many times: what has no probability never comes, the rest within five standard errors. */
static void check_case(const json_t *c)
{
    cx_sampling o = { .temperature = number(c, "temperature"),
                      .top_p = number(c, "top_p"),
                      .min_p = number(c, "min_p"),
                      .top_k = (int32_t)number(c, "top_k"),
                      .repetition_penalty = number(c, "repetition_penalty"),
                      .presence_penalty = number(c, "presence_penalty"),
                      .frequency_penalty = number(c, "frequency_penalty"),
                      .seed = 11 };
    float logits[VOCABULARY], work[VOCABULARY], p[VOCABULARY];
    int drawn[VOCABULARY] = { 0 };
    cx_sampler *s;
    json_t *id;
    size_t i;
    floats_of(json_object_get(c, "logits"), logits);
    floats_of(json_object_get(c, "p"), p);
    CHECK_OK(cx_sampler_new(&o, VOCABULARY, &s));
    json_array_foreach(json_object_get(c, "history"), i, id)
        cx_sampler_accept(s, (int32_t)json_integer_value(id));
    for (int n = 0; n < DRAWS; n++) {
        memcpy(work, logits, sizeof work);
        drawn[cx_sampler_pick(s, work)]++;
    }
    for (i = 0; i < VOCABULARY; i++) {
        double want = (double)p[i] * DRAWS, slack = 5 * sqrt(want * (1 - p[i])) + 1e-9;
        if (fabs(drawn[i] - want) > slack + (p[i] > 0 ? 1 : 0))
            fail_msg("temperature %g: token %zu drawn %d times, %.1f expected",
                     (double)o.temperature, i, drawn[i], want);
    }
    cx_sampler_free(s);
}

TEST(sampler, draws_with_the_probabilities_of_mlx_lm)
{
    json_t *cases, *c;
    size_t i;
    CHECK_OK(cx__json_load("tests/golden/sampler/cases.json", 1 << 20, &cases));
    CHECK(json_array_size(cases) >= 15);
    json_array_foreach(cases, i, c) check_case(c);
    json_decref(cases);
}

TEST(sampler, greedy_takes_the_lowest_of_equals_and_skips_filters)
{
    cx_sampling o = { .top_p = 0.1f, .top_k = 3 };
    float logits[5] = { 1, 7, 3, 7, 2 };
    cx_sampler *s;
    CHECK_OK(cx_sampler_new(&o, 5, &s));
    CHECK_INT(cx_sampler_pick(s, logits), 1);
    cx_sampler_free(s);
}

TEST(sampler, same_seed_same_tokens_other_seed_others)
{
    int32_t first[64], again[64], other[64];
    int32_t *runs[3] = { first, again, other };
    for (int r = 0; r < 3; r++) {
        cx_sampling o = { .temperature = 1, .seed = r == 2 ? 5 : 4 };
        cx_sampler *s;
        CHECK_OK(cx_sampler_new(&o, 100, &s));
        for (int i = 0; i < 64; i++) {
            float logits[100] = { 0 };
            runs[r][i] = cx_sampler_pick(s, logits);
        }
        cx_sampler_free(s);
    }
    CHECK(!memcmp(first, again, sizeof first));
    CHECK(memcmp(first, other, sizeof first) != 0);
}

TEST(sampler, hostile_logits_give_a_token_in_range)
{
    static const float values[] = { NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 0 };
    cx_sampling o = { .temperature = 0.5f, .top_p = 0.9f, .min_p = 0.1f, .top_k = 3 };
    cx_sampler *s;
    CHECK_OK(cx_sampler_new(&o, 3, &s));
    for (int a = 0; a < 6; a++)
        for (int b = 0; b < 6; b++)
            for (int c = 0; c < 6; c++) {
                float logits[3] = { values[a], values[b], values[c] };
                int32_t t = cx_sampler_pick(s, logits);
                CHECK(t >= 0 && t < 3);
            }
    cx_sampler_free(s);
}

TEST(sampler, options_out_of_range_are_named)
{
    cx_sampling bad[] = { { .temperature = -1 },        { .top_p = 1.5f },
                          { .min_p = -0.1f },           { .top_k = -2 },
                          { .repetition_penalty = -1 }, { .temperature = NAN } };
    const char *names[] = { "temperature",        "top_p",      "min_p", "top_k",
                            "repetition_penalty", "temperature" };
    for (size_t i = 0; i < 6; i++) {
        cx_sampler *s;
        CHECK_INT(cx_sampler_new(&bad[i], 10, &s), CX_EARG);
        CHECK_HAS(cx_error(), names[i]);
    }
}
