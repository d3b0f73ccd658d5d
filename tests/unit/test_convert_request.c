/* Whether a folder that is there is what is asked for: conversion.json against the request. */
#include "convert_case.h"

#include "base/base.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *source, *out;

static void begin(cx_convert_options o)
{
    const char *dir = unit_dir();
    source = case_llama(dir, "src");
    out = case_path(dir, "out");
    CHECK_OK(cx_convert(source, out, &o, NULL));
}

static void expect_cached(cx_convert_options o)
{
    cx_convert_result r;
    CHECK_OK(cx_convert(source, out, &o, &r));
    CHECK(r.cached);
}

static void expect_refused(cx_convert_options o, const char *says)
{
    CHECK_INT(cx_convert(source, out, &o, NULL), CX_EEXIST);
    CHECK_HAS(cx_error(), says);
    CHECK_HAS(cx_error(), "--force replaces it");
}

TEST(convert_request, auto_is_speed_where_nothing_is_quantized)
{
    begin((cx_convert_options){ .recipe = CX_RECIPE_AUTO });
    CHECK_HAS(case_get(out, "conversion.json", NULL), "\"recipe\": \"speed\"");
    expect_cached((cx_convert_options){ .recipe = CX_RECIPE_SPEED_4BIT });
    expect_cached((cx_convert_options){ .recipe = CX_RECIPE_AUTO });
    expect_cached((cx_convert_options){ .bits = 4, .group_size = 64 });
    expect_cached((cx_convert_options){ .mode = "affine" });
    expect_cached((cx_convert_options){ .threads = 3 });
}

TEST(convert_request, each_difference_is_named)
{
    static const char *const critical[] = { "lm_head", NULL };
    begin((cx_convert_options){ .recipe = CX_RECIPE_SPEED_4BIT });
    expect_refused((cx_convert_options){ .recipe = CX_RECIPE_QUALITY_8BIT },
                   "another bits (4, asked for is 8)");
    expect_refused((cx_convert_options){ .bits = 3 }, "another bits (4, asked for is 3)");
    expect_refused((cx_convert_options){ .group_size = 32 }, "another group_size (64, asked");
    expect_refused((cx_convert_options){ .dtype_set = true, .dtype = CX_F16 },
                   "another dtype (none, asked for is F16)");
    expect_refused((cx_convert_options){ .cpu_rule = true },
                   "another rule (gpu, asked for is cpu)");
    expect_refused((cx_convert_options){ .dequantize = true },
                   "another bits (4, asked for is none)");
    begin((cx_convert_options){ .recipe = CX_RECIPE_MIXED_PRECISION });
    expect_cached((cx_convert_options){ .recipe = CX_RECIPE_MIXED_PRECISION, .critical_bits = 6 });
    expect_refused((cx_convert_options){ .recipe = CX_RECIPE_MIXED_PRECISION, .critical_bits = 8 },
                   "another critical_bits (6, asked for is 8)");
    expect_refused(
        (cx_convert_options){ .recipe = CX_RECIPE_MIXED_PRECISION, .critical = critical },
        "another critical (none, asked for is [\"lm_head\"])");
}

TEST(convert_request, rules_count_by_their_text)
{
    const char *one = unit_file("one", "* bits=4\n", 9), *same = unit_file("two", "* bits=4\n", 9);
    begin((cx_convert_options){ .rules = one });
    expect_cached((cx_convert_options){ .rules = same });
    expect_refused((cx_convert_options){ 0 }, "another rules (");
    expect_refused((cx_convert_options){ .rules = unit_file("three", "* bits=5\n", 9) }, "rules (");
}

static int nothing(void *user, const cx_convert_module *m, cx_convert_choice *choice)
{
    (void)user;
    (void)m;
    (void)choice;
    return 0;
}

TEST(convert_request, a_predicate_is_never_the_same)
{
    begin((cx_convert_options){ .predicate = nothing });
    expect_refused((cx_convert_options){ .predicate = nothing }, "whether a predicate chose");
    expect_refused((cx_convert_options){ 0 }, "whether a predicate chose");
    begin((cx_convert_options){ 0 });
    expect_refused((cx_convert_options){ .predicate = nothing }, "whether a predicate chose");
}

TEST(convert_request, state_of_the_source)
{
    begin((cx_convert_options){ 0 });
    case_put(source, ".hidden", "x"); /* is not looked at */
    expect_cached((cx_convert_options){ 0 });
    case_put(source, "tokenizer.json", "{}");
    expect_refused((cx_convert_options){ 0 }, "another state of the source (");
    CHECK_INT(remove(case_path(source, "tokenizer.json")), 0);
    expect_cached((cx_convert_options){ 0 });
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
    CHECK_INT(utimensat(AT_FDCWD, case_path(source, "config.json"), times, 0), 0);
    expect_refused((cx_convert_options){ 0 }, "another state of the source (");
}

TEST(convert_request, revision_stands_for_the_state)
{
    const cx_convert_options a = { .name = "org/m", .revision = "abc" };
    begin(a);
    const char *text = case_get(out, "conversion.json", NULL);
    CHECK_HAS(text, "\"source\": \"org/m\"");
    CHECK_HAS(text, "\"revision\": \"abc\"");
    CHECK(!strstr(text, "source_state"));
    case_put(source, "tokenizer.json", "{}");
    expect_cached(a);
    expect_refused((cx_convert_options){ .name = "org/m", .revision = "abd" },
                   "another revision (abc, asked for is abd)");
    expect_refused((cx_convert_options){ .name = "org/n", .revision = "abc" }, "another source (");
}

TEST(convert_request, hub_snapshots_say_name_and_revision)
{
    const char *dir = unit_dir(), *to = case_path(dir, "out");
    CHECK_INT(mkdir(case_path(dir, "models--org--m"), 0700), 0);
    CHECK_INT(mkdir(case_path(dir, "models--org--m/snapshots"), 0700), 0);
    CHECK_OK(cx_convert(case_llama(dir, "models--org--m/snapshots/0a1b"), to, NULL, NULL));
    const char *text = case_get(to, "conversion.json", NULL);
    CHECK_HAS(text, "\"source\": \"org/m\"");
    CHECK_HAS(text, "\"revision\": \"0a1b\"");
}

TEST(convert_request, damaged_targets_are_no_answer)
{
    begin((cx_convert_options){ 0 });
    case_put(out, "conversion.json", "{}");
    CHECK_INT(cx_convert(source, out, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "out/conversion.json: no checksum");
    CHECK_OK(cx_convert(source, out, &(cx_convert_options){ .force = true }, NULL));
    CHECK_INT(remove(case_path(out, "conversion.json")), 0);
    CHECK_INT(cx_convert(source, out, NULL, NULL), CX_EEXIST); /* made by somebody else */
}

/* ---- the plan ---- */

typedef struct told {
    int lines, stop_at;
    uint64_t parameters, bytes;
    char text[4096];
} told;

static int tell(void *user, const cx_convert_planned *p)
{
    told *t = user;
    t->parameters += p->parameters;
    t->bytes += p->bytes;
    sprintf(t->text + strlen(t->text), "%s %s %d %d %s\n", p->module.path, p->mode ? p->mode : "-",
            p->bits, p->group_size, p->dtype);
    return ++t->lines == t->stop_at;
}

TEST(convert_request, the_plan_adds_up_and_nothing_is_written)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src");
    told t = { 0 };
    cx_convert_options o = { .plan = tell, .plan_user = &t, .dry_run = true };
    cx_convert_result r;
    CHECK_OK(cx_convert(src, case_path(dir, "out"), &o, &r));
    CHECK_INT(t.lines, 11);
    CHECK_INT(t.parameters, r.parameters);
    CHECK_INT(t.bytes, r.bytes_out);
    CHECK_HAS(t.text, "model.embed_tokens affine 4 64 F32\n");
    CHECK_HAS(t.text, "model.layers.0.mlp.down_proj - 0 0 F32\n");
    CHECK_HAS(t.text, "model.norm.weight - 0 0 F32\n");
    CHECK_INT(case_entries(dir), 1);
    t = (told){ .stop_at = 2 };
    o.dry_run = false;
    CHECK_INT(cx_convert(src, case_path(dir, "out"), &o, NULL), CX_ECANCELED);
    CHECK_INT(t.lines, 2);
    CHECK_INT(case_entries(dir), 1);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

/* Rules, predicate, plan and mixed recipe together: cx_convert without the weights. */
TEST(alloc, plans_fail_cleanly)
{
    static const char *const critical[] = { "embed_tokens", NULL };
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *to = case_path(dir, "out");
    const char *rules = unit_file("rules", "/q_proj/ bits=8\n*.k_proj leave\n", 31);
    told t = { 0 };
    cx_convert_options o = { .recipe = CX_RECIPE_MIXED_PRECISION,
                             .critical = critical,
                             .rules = rules,
                             .predicate = nothing,
                             .plan = tell,
                             .plan_user = &t,
                             .chip = "m1",
                             .dry_run = true };
    cx_status st = CX_ENOMEM;
    for (int n = 0; st != CX_OK; n++) {
        CHECK(n < 3000);
        t = (told){ 0 };
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx_convert(src, to, &o, NULL);
        cx__alloc_fault_set(NULL);
        if (st != CX_OK && st != CX_ENOMEM) fail_msg("%d: %d %s", n, st, cx_error());
    }
    CHECK_HAS(t.text, "model.embed_tokens affine 6 64 F32\n");
    CHECK_HAS(t.text, "self_attn.q_proj affine 8 64 F32\n");
    CHECK_HAS(t.text, "self_attn.k_proj - 0 0 F32\n");
    CHECK_HAS(t.text, "self_attn.v_proj affine 4 64 F32\n");
}
