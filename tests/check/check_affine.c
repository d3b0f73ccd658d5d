/* Affine quantization: variants against the bytes of the reference; the reference against what
 * the code must do (each value comes back within half a step) and against a decoder of its own.
 * That the reference is MLX's rule is shown by tests/unit/test_quant.c with MLX's own bytes. */
#include "check.h"
#include <math.h>

static const int all_bits[] = { 1, 2, 3, 4, 5, 6, 8 }, all_groups[] = { 32, 64, 128 };
static const cx_dtype all_dtypes[] = { CX_F32, CX_F16, CX_BF16 };

static void put(void *w, cx_dtype dtype, size_t i, float f)
{
    uint16_t h = dtype == CX_F16 ? cx__f32_to_f16(f) : cx__f32_to_bf16(f);
    memcpy((uint8_t *)w + i * cx_dtype_size(dtype), dtype == CX_F32 ? (void *)&f : (void *)&h,
           cx_dtype_size(dtype));
}

static float get(const void *w, cx_dtype dtype, size_t i)
{
    cx_tensor view = { .dtype = dtype, .data = w };
    return cx__tensor_f32(&view, i);
}

enum { KINDS = 13 };

/* Values of a group: random, one-sided, constant, with exact ties, tiny, huge, not finite. */
static float hostile(check *t, int kind, size_t i)
{
    float f = check_uniform(t, -1, 1);
    switch (kind) {
    case 1: return 0;
    case 2: return 0.3f;
    case 3: return -0.5f - fabsf(f);
    case 4: return 0.5f + fabsf(f);
    case 5: return i % 32 ? floorf(f * 30) * 0.5f : 15; /* steps of 1 and halves between them */
    case 6: return f * 1e-7f;
    case 7: return f * 6e4f;
    case 8: return f * 1e-39f;
    case 9: return i % 7 ? -0.0f : 0;
    case 10: return 0x1.ad7f28p-25f; /* over the least step, 1e-7: the float below one half */
    case 11: return i % 19 ? f : NAN;
    case 12: return i % 19 ? f : -INFINITY;
    default: return f;
    }
}

typedef struct coded {
    uint8_t *q;
    void *scales, *biases;
    size_t bytes, groups;
} coded;

static coded encode(check *t, cx__affine_encode_fn *fn, const void *w, cx_dtype dtype, size_t cols,
                    int bits, int group, bool gpu)
{
    size_t groups = cols / (size_t)group, size = groups * cx_dtype_size(dtype);
    size_t bytes = cols * (size_t)bits / 8;
    coded c = { .q = check_out(t, bytes, 1),
                .scales = check_out(t, size, 1),
                .biases = check_out(t, size, 1),
                .bytes = bytes,
                .groups = groups };
    fn(c.q, c.scales, c.biases, w, dtype, cols, bits, group, gpu);
    return c;
}

static void compare(check *t, const coded *got, const coded *want, cx_dtype dtype)
{
    check_same(t, got->q, want->q, got->bytes);
    check_same(t, got->scales, want->scales, got->groups * cx_dtype_size(dtype));
    check_same(t, got->biases, want->biases, got->groups * cx_dtype_size(dtype));
}

/* Within a step: half of one by rounding, and since one code is moved to 0 the range may lose up to
 * one at its far end. Besides, step and bias are stored rounded. */
static void check_round_trip(check *t, const coded *c, const void *w, cx_dtype dtype, size_t cols,
                             int bits, int group)
{
    cx__qmat m = { .q = c->q,
                   .scales = c->scales,
                   .biases = c->biases,
                   .scale_dtype = dtype,
                   .bits = bits,
                   .group = group,
                   .rows = 1,
                   .cols = cols };
    float *back = check_out(t, cols * 4, 4);
    double eps = dtype == CX_F32 ? 0x1p-22 : dtype == CX_F16 ? 0x1p-9 : 0x1p-6;
    cx__affine_decode_ref(back, &m, 0);
    for (size_t i = 0; i < cols; i++) {
        double s = fabs((double)get(c->scales, dtype, i / (size_t)group)), f = get(w, dtype, i);
        double size = s * (1 << bits) + fabs((double)get(c->biases, dtype, i / (size_t)group));
        if (!(fabs(back[i] - f) <= s + eps * size))
            check_fail(t, "%g came back as %g, step %g", f, (double)back[i], s);
    }
}

static void run(check *t, cx__affine_encode_fn *fn, cx_dtype dtype, int bits, int group, bool gpu)
{
    size_t cols = (size_t)group * (KINDS + check_below(t, 9));
    check_case(t, "%s %d bits, groups of %d, cols %zu%s", cx_dtype_name(dtype), bits, group, cols,
               gpu ? ", GPU rule" : "");
    void *w = check_in(t, cols * cx_dtype_size(dtype), 1);
    for (size_t i = 0; i < cols; i++) put(w, dtype, i, hostile(t, (int)(i / (size_t)group), i));
    check_seal(t);
    coded got = encode(t, fn, w, dtype, cols, bits, group, gpu);
    coded want = encode(t, cx__affine_encode_ref, w, dtype, cols, bits, group, gpu);
    compare(t, &got, &want, dtype);
    /* The first six kinds; later ones are smaller than the least step, too large for f16, ... */
    if (check_is_ref(t) && bits > 2)
        check_round_trip(t, &got, w, dtype, (size_t)group * 6, bits, group);
}

static void bench_encode(check *t, cx__affine_encode_fn *fn, cx_dtype dtype, int bits)
{
    enum { COLS = 4096 };
    check_case(t, "%s %d bits", cx_dtype_name(dtype), bits);
    const void *w = check_values(t, dtype, COLS, -1, 1);
    coded c = encode(t, fn, w, dtype, COLS, bits, 64, false);
    CHECK_BENCH(t, 1e-9 * COLS * (double)cx_dtype_size(dtype), "GB/s",
                fn(c.q, c.scales, c.biases, w, dtype, COLS, bits, 64, true));
}

CHECK(affine_encode)
{
    if (!check_new(t, "affine_encode", (check_any *)k->affine_encode)) return;
    for (size_t d = 0; d < 3; d++)
        for (size_t b = 0; b < 7; b++)
            for (size_t g = 0; g < 3; g++)
                for (int gpu = 0; gpu < 2; gpu++)
                    run(t, k->affine_encode, all_dtypes[d], all_bits[b], all_groups[g], gpu);
    for (size_t b = 0; b < 7 && check_benching(t); b++)
        bench_encode(t, k->affine_encode, CX_BF16, all_bits[b]);
    if (check_benching(t)) bench_encode(t, k->affine_encode, CX_F32, 4);
}

/* Bit by bit. */
static float decoded(const cx__qmat *m, size_t row, size_t i)
{
    size_t bits = (size_t)m->bits, at = (row * m->cols + i) * bits;
    size_t g = (row * m->cols + i) / (size_t)m->group;
    unsigned code = 0;
    for (size_t b = 0; b < bits; b++)
        code |= (unsigned)(m->q[(at + b) / 8] >> (at + b) % 8 & 1) << b;
    volatile float scaled = (float)code * get(m->scales, m->scale_dtype, g);
    return scaled + get(m->biases, m->scale_dtype, g);
}

static cx__qmat matrix(check *t, cx_dtype dtype, int bits, int group, size_t rows, size_t cols)
{
    size_t groups = rows * cols / (size_t)group;
    return (cx__qmat){ .q = check_bytes(t, rows * cols * (size_t)bits / 8),
                       .scales = check_values(t, dtype, groups, -1, 1),
                       .biases = check_values(t, dtype, groups, -9, 9),
                       .scale_dtype = dtype,
                       .bits = bits,
                       .group = group,
                       .rows = rows,
                       .cols = cols };
}

static void run_decode(check *t, cx__affine_decode_fn *fn, cx_dtype dtype, int bits, int group)
{
    size_t cols = (size_t)group * (1 + check_below(t, 4)), row = check_below(t, 3);
    check_case(t, "%s %d bits, groups of %d, cols %zu, row %zu", cx_dtype_name(dtype), bits, group,
               cols, row);
    cx__qmat m = matrix(t, dtype, bits, group, 3, cols);
    float *got = check_out(t, cols * 4, 4), *want = check_out(t, cols * 4, 4);
    check_seal(t);
    fn(got, &m, row);
    for (size_t i = 0; i < cols; i++) want[i] = decoded(&m, row, i);
    check_bits(t, got, want, cols);
}

CHECK(affine_decode)
{
    if (!check_new(t, "affine_decode", (check_any *)k->affine_decode)) return;
    for (size_t d = 0; d < 3; d++)
        for (size_t b = 0; b < 7; b++)
            for (size_t g = 0; g < 9; g++)
                run_decode(t, k->affine_decode, all_dtypes[d], all_bits[b], all_groups[g % 3]);
    for (size_t b = 0; b < 7 && check_benching(t); b++) {
        check_case(t, "BF16 %d bits", all_bits[b]);
        cx__qmat m = matrix(t, CX_BF16, all_bits[b], 64, 1, 4096);
        float *y = check_out(t, 4096 * 4, 4);
        CHECK_BENCH(t, 4096e-9, "G values/s", k->affine_decode(y, &m, 0));
    }
}
