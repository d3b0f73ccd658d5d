/* A trained Llama (stories260K) against what transformers computed: greedy ids, first choices,
 * and that no way of splitting the work changes a bit. */
#include "unit.h"

#include "base/base.h"
#include <cortex/generate.h>
#include <math.h>
#include <stdio.h>

static const char *folder(void)
{
    static char path[1024];
    if (!unit_data()) unit_skip("no ../shared/data");
    snprintf(path, sizeof path, "%s/models/stories260K", unit_data());
    return path;
}

static cx_model *open_model(int threads, bool exact)
{
    cx_model_options o = { .threads = threads, .exact = exact };
    cx_model *m;
    CHECK_OK(cx_model_open(folder(), &o, &m));
    return m;
}

static json_t *reference(void)
{
    char path[1100];
    json_t *o;
    snprintf(path, sizeof path, "%s/reference.json", folder());
    CHECK_OK(cx__json_load(path, 1 << 24, &o));
    return o;
}

static size_t ids_of(const json_t *list, int32_t *out, size_t max)
{
    size_t n = json_array_size(list);
    CHECK(n <= max);
    for (size_t i = 0; i < n; i++) out[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return n;
}

static void check_greedy(int threads, bool exact)
{
    json_t *all = reference(), *r;
    cx_model *m = open_model(threads, exact);
    size_t i;
    json_array_foreach(all, i, r)
    {
        int32_t prompt[64], want[512];
        size_t n, len;
        cx_session *s;
        cx_generation g;
        if (!json_object_get(r, "greedy_ids")) continue;
        n = ids_of(json_object_get(r, "ids"), prompt, 64);
        len = ids_of(json_object_get(r, "greedy_ids"), want, 512);
        cx_generate_options o = { .max_tokens = len - n, .ignore_eos = true };
        CHECK_OK(cx_session_new(m, NULL, &s));
        CHECK_OK(cx_generate(s, NULL, prompt, n, &o, &g));
        CHECK_INT(g.token_count, len - n);
        for (size_t j = 0; j < g.token_count; j++) CHECK_INT(g.tokens[j], want[n + j]);
        cx_generation_deinit(&g);
        cx_session_free(s);
    }
    cx_model_close(m);
    json_decref(all);
}

TEST(stories, greedy_ids_equal_transformers)
{
    check_greedy(1, true);
    check_greedy(2, true);
}

static float rows[400][512];

static int keep(void *user, size_t first, size_t n, const float *logits)
{
    memcpy((float(*)[512])user + first, logits, n * sizeof rows[0]);
    return 0;
}

TEST(stories, first_choices_equal_transformers)
{
    json_t *all = reference(), *r;
    cx_model *m = open_model(1, true);
    size_t i, j;
    json_array_foreach(all, i, r)
    {
        int32_t prompt[64];
        cx_session *s;
        json_t *top = json_object_get(r, "top5"), *pair;
        double sum = 0;
        if (!top) continue;
        size_t n = ids_of(json_object_get(r, "ids"), prompt, 64);
        CHECK_OK(cx_session_new(m, NULL, &s));
        CHECK_OK(cx_session_eval(s, 0, prompt, n, CX_LOGITS_ALL, keep, rows));
        for (int v = 0; v < 512; v++) sum += exp(rows[n - 1][v]);
        json_array_foreach(top, j, pair)
        {
            double want = json_number_value(json_array_get(pair, 1));
            size_t id = (size_t)json_integer_value(json_array_get(pair, 0));
            CHECK(fabs(rows[n - 1][id] - log(sum) - want) < 1e-4);
        }
        cx_session_free(s);
    }
    cx_model_close(m);
    json_decref(all);
}

enum { LEN = 300 };
static float want[LEN][512], got[LEN][512];

static void tokens_of(int32_t *t)
{
    t[0] = 1;
    for (int i = 1; i < LEN; i++) t[i] = 3 + i * 7919 % 509;
}

/* Logits of LEN tokens, `piece` at a time, with `threads`. */
static void eval(cx_model *m, size_t piece, size_t max_rows, float (*out)[512])
{
    int32_t t[LEN];
    cx_session_options o = { .rows = max_rows };
    cx_session *s;
    tokens_of(t);
    CHECK_OK(cx_session_new(m, &o, &s));
    for (size_t i = 0; i < LEN; i += piece) {
        size_t n = LEN - i < piece ? LEN - i : piece;
        CHECK_OK(cx_session_eval(s, 0, t + i, n, CX_LOGITS_ALL, keep, out + i));
    }
    cx_session_free(s);
}

TEST(stories, same_bits_for_any_threads_and_pieces)
{
    for (int exact = 0; exact < 2; exact++) {
        cx_model *one = open_model(1, exact), *three = open_model(3, exact);
        eval(one, LEN, 512, want);
        eval(one, 1, 512, got);
        CHECK(!memcmp(want, got, sizeof want));
        eval(one, LEN, 37, got);
        CHECK(!memcmp(want, got, sizeof want));
        eval(three, 100, 64, got);
        CHECK(!memcmp(want, got, sizeof want));
        eval(three, 1, 512, got);
        CHECK(!memcmp(want, got, sizeof want));
        cx_model_close(one);
        cx_model_close(three);
    }
}

TEST(stories, batch_gives_the_bits_of_each_sequence_alone)
{
    enum { SEQS = 5, STEPS = 40 };
    cx_model *m = open_model(2, false);
    cx_session_options o = { .sequences = SEQS };
    cx_session *s;
    int32_t t[LEN];
    static float batch[SEQS][512];
    tokens_of(t);
    CHECK_OK(cx_session_new(m, &o, &s));
    /* Sequence i is at position i + step; all share the tokens, so eval() has the answer. */
    for (size_t i = 1; i < SEQS; i++)
        CHECK_OK(cx_session_eval(s, i, t, i, CX_LOGITS_NONE, NULL, NULL));
    eval(m, LEN, 512, want);
    for (size_t step = 0; step < STEPS; step++) {
        size_t seqs[SEQS] = { 3, 0, 4, 1, 2 };
        int32_t next[SEQS];
        for (size_t i = 0; i < SEQS; i++) next[i] = t[seqs[i] + step];
        CHECK_OK(cx_session_step(s, seqs, next, SEQS, batch[0]));
        for (size_t i = 0; i < SEQS; i++)
            CHECK(!memcmp(batch[i], want[seqs[i] + step], sizeof batch[i]));
    }
    cx_session_free(s);
    cx_model_close(m);
}

TEST(stories, rotating_cache_equals_a_full_one_until_it_rotates)
{
    cx_model *m = open_model(1, true);
    cx_session_options o = { .window = 128, .keep = 4, .rows = 48 };
    cx_session *s;
    int32_t t[LEN];
    tokens_of(t);
    eval(m, LEN, 512, want);
    CHECK_OK(cx_session_new(m, &o, &s));
    CHECK_OK(cx_session_eval(s, 0, t, LEN, CX_LOGITS_ALL, keep, got));
    CHECK(!memcmp(want, got, 128 * sizeof *want));
    CHECK(memcmp(want[200], got[200], sizeof *want) != 0);
    cx_session_free(s);
    o.rows = 7; /* what a query sees does not depend on the pass it comes in */
    CHECK_OK(cx_session_new(m, &o, &s));
    CHECK_OK(cx_session_eval(s, 0, t, LEN, CX_LOGITS_ALL, keep, rows));
    CHECK(!memcmp(rows, got, LEN * sizeof *got));
    cx_session_free(s);
    cx_model_close(m);
}

TEST(stories, trim_and_continue_equals_a_fresh_run)
{
    cx_model *m = open_model(1, false);
    cx_session *s;
    int32_t t[LEN];
    tokens_of(t);
    eval(m, LEN, 512, want);
    CHECK_OK(cx_session_new(m, NULL, &s));
    CHECK_OK(cx_session_eval(s, 0, t, 250, CX_LOGITS_NONE, NULL, NULL));
    CHECK_OK(cx_session_trim(s, 0, 70));
    CHECK_INT(cx_session_length(s, 0), 70);
    CHECK_OK(cx_session_eval(s, 0, t + 70, LEN - 70, CX_LOGITS_ALL, keep, got + 70));
    CHECK(!memcmp(want + 70, got + 70, (LEN - 70) * sizeof *got));
    cx_session_free(s);
    cx_model_close(m);
}

TEST(stories, bad_tokens_and_full_context_change_nothing)
{
    cx_model *m = open_model(1, false);
    cx_session_options o = { .context = 10 };
    cx_session *s;
    int32_t t[LEN], bad[3] = { 1, 512, 3 };
    tokens_of(t);
    CHECK_OK(cx_session_new(m, &o, &s));
    CHECK_INT(cx_session_eval(s, 0, bad, 3, CX_LOGITS_NONE, NULL, NULL), CX_EARG);
    CHECK_HAS(cx_error(), "512");
    bad[1] = -1;
    CHECK_INT(cx_session_eval(s, 0, bad, 3, CX_LOGITS_NONE, NULL, NULL), CX_EARG);
    CHECK_INT(cx_session_length(s, 0), 0);
    CHECK_INT(cx_session_eval(s, 7, t, 3, CX_LOGITS_NONE, NULL, NULL), CX_EARG);
    CHECK_OK(cx_session_eval(s, 0, t, 10, CX_LOGITS_NONE, NULL, NULL));
    CHECK_INT(cx_session_eval(s, 0, t, 1, CX_LOGITS_NONE, NULL, NULL), CX_ELIMIT);
    CHECK_INT(cx_session_length(s, 0), 10);
    cx_session_free(s);
    cx_model_close(m);
}

TEST(stories, decode_loop_allocates_nothing)
{
    cx_model *m = open_model(2, false);
    cx_session *s;
    int32_t t[LEN];
    static float logits[512];
    const size_t seq = 0;
    tokens_of(t);
    CHECK_OK(cx_session_new(m, NULL, &s));
    CHECK_OK(cx_session_eval(s, 0, t, 10, CX_LOGITS_LAST, keep, rows));
    uint64_t before = cx__alloc_count();
    for (int i = 10; i < LEN; i++) CHECK_OK(cx_session_step(s, &seq, t + i, 1, logits));
    CHECK_INT(cx__alloc_count(), before);
    cx_session_free(s);
    cx_model_close(m);
}
