/* Codes of a source that is quantized already: whole rows are taken as they are, wherever the rules
 * put them; anything else is decoded. */
#include "source_case.h"

#include "convert/job.h"
#include "models/arch.h"
#include <math.h>
#include <stdlib.h>

enum { ROWS = 12, COLS = 128 };

static const cx__arch *arch_of(const cx__rename *rules)
{
    static cx__arch arch;
    arch = (cx__arch){ .name = "made", .renames = rules };
    return &arch;
}

/* want[i]: the stored row that row i of the result is. */
static void check_rows(const cx__entry *e, const size_t *want, size_t n)
{
    uint8_t q[ROWS * COLS / 2], scales[ROWS * COLS / 32 * 2], biases[sizeof scales];
    size_t q_row = COLS / 2, scale_row = COLS / 32 * 2;
    CHECK(e->whole_rows);
    for (size_t first = 0; first < n; first++) {
        cx__entry_codes(e, first, n - first, q, scales, biases, q_row, scale_row);
        for (size_t r = first; r < n; r++) {
            for (size_t i = 0; i < q_row; i++)
                CHECK_INT(q[(r - first) * q_row + i], source_code(want[r], i));
            uint16_t scale = cx__f32_to_f16((float)(want[r] * COLS / 32));
            CHECK(!memcmp(scales + (r - first) * scale_row, &scale, 2));
        }
    }
}

static void check_rule(unsigned how, const size_t *want, size_t n)
{
    const cx__rename rules[] = { { "w", NULL, how }, { NULL, NULL, CX__KEEP } };
    cx_tensor t = { .name = "w", .dtype = CX_F16, .ndim = 2, .shape = { ROWS, COLS } };
    cx__source *s = source_of(&t, 1);
    cx__entries e = { 0 };
    source_pack(s, 0, &source_four);
    CHECK_OK(cx__entries_make(s, arch_of(rules), false, &e));
    if (want) check_rows(&e.list[0], want, n);
    else CHECK(!e.list[0].whole_rows);
    cx__entries_free(&e);
}

TEST(convert_codes, rules_that_move_rows)
{
    static const size_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    check_rule(CX__KEEP, all, ROWS);
    check_rule(CX__FIRST_HALF, all, ROWS / 2);
    check_rule(CX__SECOND_HALF, all + 6, ROWS / 2);
    check_rule(CX__EVEN, (const size_t[]){ 0, 2, 4, 6, 8, 10 }, ROWS / 2);
    check_rule(CX__ODD, (const size_t[]){ 1, 3, 5, 7, 9, 11 }, ROWS / 2);
}

TEST(convert_codes, rules_that_cut_rows)
{
    check_rule(CX__TRANSPOSE, NULL, 0);
    check_rule(CX__LAST_AXIS | CX__FIRST_HALF, NULL, 0);
    check_rule(CX__LAST_AXIS | CX__ODD, NULL, 0);
}

/* Rows that a format permuted (llama.cpp's queries): their codes have to follow. */
TEST(convert_codes, rows_follow_the_axes_of_the_origin)
{
    static const size_t want[] = { 0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11 };
    cx_tensor t = { .name = "w", .dtype = CX_F16, .ndim = 2, .shape = { ROWS, COLS } };
    cx__source *s = source_of(&t, 1);
    cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, 0);
    cx__entries e = { 0 };
    source_pack(s, 0, &source_four);
    o->axes = (cx__axes){ 4, { 2, 3, 2, COLS }, { 6 * COLS, COLS, 3 * COLS, 1 } };
    CHECK_OK(cx__entries_make(s, NULL, false, &e));
    check_rows(&e.list[0], want, ROWS);
    cx__entries_free(&e);
    o->axes = (cx__axes){ 2, { ROWS, COLS }, { 1, ROWS } }; /* columns lie together */
    CHECK_OK(cx__entries_make(s, NULL, false, &e));
    CHECK(!e.list[0].whole_rows);
    cx__entries_free(&e);
    o->axes = (cx__axes){ 2, { ROWS, COLS }, { COLS / 2, 1 } }; /* rows overlap */
    CHECK_OK(cx__entries_make(s, NULL, false, &e));
    CHECK(!e.list[0].whole_rows);
    cx__entries_free(&e);
}

static const cx__rename stack_rules[] = { { "e.#.w", "experts.weight", CX__SECOND_HALF },
                                          { NULL, NULL, CX__KEEP } };

TEST(convert_codes, stacks_of_one_packing)
{
    cx_tensor t[] = { { .name = "e.0.w", .dtype = CX_F16, .ndim = 2, .shape = { 4, COLS } },
                      { .name = "e.1.w", .dtype = CX_F16, .ndim = 2, .shape = { 4, COLS } } };
    cx__source *s = source_of(t, 2);
    cx__entries e = { 0 };
    source_pack(s, 0, &source_four);
    source_pack(s, 1, &source_four);
    CHECK_OK(cx__entries_make(s, arch_of(stack_rules), false, &e));
    check_rows(&e.list[0], (const size_t[]){ 2, 3, 2, 3 }, 4);
    cx__entries_free(&e);
    source_pack(s, 1, &source_eight); /* a mix has no codes in common */
    CHECK_OK(cx__entries_make(s, arch_of(stack_rules), false, &e));
    CHECK(!e.list[0].whole_rows);
    cx__entries_free(&e);
}

/* ---- through to the file ---- */

static void check_file(const cx_tensors *t, const char *name, const void *want, size_t len)
{
    const cx_tensor *x = cx_tensors_find(t, name);
    CHECK(x != NULL);
    CHECK_INT(x->bytes, len);
    CHECK(!memcmp(x->data, want, len));
}

static cx_tensors *run(cx__source *s, const cx__arch *arch, const cx_convert_options *o)
{
    cx__layout plan = { 0 };
    cx_tensors *t = NULL;
    const char *dir = unit_dir();
    cx__job_options jo = { 0 };
    source_plan(s, arch, o, &plan);
    cx__tensor_hash *hashes = calloc(plan.output_count, sizeof *hashes);
    CHECK(hashes != NULL);
    CHECK_OK(cx__pool_new(3, &jo.pool));
    CHECK_OK(cx__job_run(&plan, s, dir, &jo, hashes));
    cx__pool_free(jo.pool);
    cx__layout_free(&plan);
    free(hashes);
    CHECK_OK(cx_tensors_open(dir, &t));
    return t;
}

/* 9000 rows of 128: three pieces. */
TEST(convert_codes, are_written_as_they_are_scales_cast)
{
    enum { MANY = 9000 };
    static uint8_t q[MANY * COLS / 2];
    static uint16_t scales[MANY * COLS / 32], biases[MANY * COLS / 32];
    cx_tensor t = { .name = "w.weight", .dtype = CX_F16, .ndim = 2, .shape = { MANY, COLS } };
    cx_convert_options o = { .dtype_set = true, .dtype = CX_BF16 };
    cx__source *s = source_of(&t, 1);
    source_pack(s, 0, &source_four);
    cx_tensors *made = run(s, NULL, &o);
    for (size_t i = 0; i < sizeof q; i++) q[i] = source_code(i / (COLS / 2), i % (COLS / 2));
    for (size_t i = 0; i < MANY * COLS / 32; i++) {
        scales[i] = cx__f32_to_bf16((float)(i % 1024));
        biases[i] = cx__f32_to_bf16(-(float)(i % 1024));
    }
    check_file(made, "w.weight", q, sizeof q);
    check_file(made, "w.scales", scales, sizeof scales);
    check_file(made, "w.biases", biases, sizeof biases);
    cx_tensors_close(made);
}

TEST(convert_codes, that_are_cut_are_decoded_and_packed_anew)
{
    static const uint16_t values[4 * COLS] = { 0x3c00, 0x4000, 0x4200 };
    static uint8_t q[4 * 64 / 2];
    uint16_t scales[4], biases[4], halves[4 * 64];
    const cx__rename rules[] = { { "w.weight", NULL, CX__LAST_AXIS | CX__FIRST_HALF },
                                 { NULL, NULL, CX__KEEP } };
    cx_tensor t = {
        .name = "w.weight", .dtype = CX_F16, .ndim = 2, .shape = { 4, COLS }, .data = values
    };
    cx_tensor half = { .name = "w", .dtype = CX_F16, .ndim = 2, .shape = { 4, 64 } };
    cx_convert_options o = { .recipe = CX_RECIPE_SPEED_4BIT };
    cx__source *s = source_of(&t, 1);
    source_pack(s, 0, &source_four);
    cx_tensors *made = run(s, arch_of(rules), &o);
    for (size_t r = 0; r < 4; r++) memcpy(halves + r * 64, values + r * COLS, 128);
    half.data = halves;
    half.bytes = sizeof halves;
    CHECK_OK(cx_quantize(&half, NULL, q, scales, biases));
    check_file(made, "w.weight", q, sizeof q);
    check_file(made, "w.scales", scales, sizeof scales);
    check_file(made, "w.biases", biases, sizeof biases);
    cx_tensors_close(made);
}

/* 1 + w in BF16 is rounded in BF16, as mlx-lm does it before it casts: 1 + 2^-8 is half way and
 * goes to the even 1, whatever the result's type. */
TEST(convert_codes, one_more_is_rounded_in_the_source_type)
{
    const cx__rename rules[] = { { "n", NULL, CX__PLUS_ONE_HF | CX__HF },
                                 { NULL, NULL, CX__KEEP } };
    uint16_t w[] = { cx__f32_to_bf16(0x1p-8f), cx__f32_to_bf16(0x1.8p-7f), cx__f32_to_bf16(-1.f) };
    static const float sums[] = { 1, 1 + 0x1p-6f, 0 };
    cx_tensor t = { .name = "n", .dtype = CX_BF16, .ndim = 1, .shape = { 3 }, .data = w };
    cx_convert_options o = { .recipe = CX_RECIPE_NONE, .dtype_set = true, .dtype = CX_F32 };
    cx_tensors *made = run(source_of(&t, 1), arch_of(rules), &o);
    check_file(made, "n", sums, sizeof sums);
    cx_tensors_close(made);
}

TEST(convert_codes, f64_becomes_f32)
{
    const double w[] = { 1.0 / 3, -1e300, 0x1p-200 };
    static const float want[] = { 1.0f / 3, -HUGE_VALF, 0 };
    cx_tensor t = { .name = "n", .dtype = CX_F64, .ndim = 1, .shape = { 3 }, .data = w };
    cx_convert_options o = { .recipe = CX_RECIPE_NONE };
    cx_tensors *made = run(source_of(&t, 1), NULL, &o);
    check_file(made, "n", want, sizeof want);
    cx_tensors_close(made);
}
