/* Modes mxfp4, mxfp8 and nvfp4: variants against the bytes of the reference; the reference
 * against the nearest value of a table that is written out here. That the reference is MLX's
 * rule is shown by tests/unit/test_quant.c with MLX's own bytes. */
#include "check.h"
#include <math.h>

static const cx__qmode all_modes[] = { CX__MXFP4, CX__MXFP8, CX__NVFP4 };
static const char *const names[] = { "affine", "mxfp4", "mxfp8", "nvfp4" };
static const cx_dtype all_dtypes[] = { CX_F32, CX_F16, CX_BF16 };
static const float e2m1[] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };

static size_t group_of(cx__qmode mode)
{
    return mode == CX__NVFP4 ? 16 : 32;
}

static size_t code_bytes(cx__qmode mode, size_t cols)
{
    return mode == CX__MXFP8 ? cols : cols / 2;
}

/* Value of a code without its sign. */
static double e4m3(unsigned code)
{
    unsigned e = code >> 3, m = code & 7;
    return e ? (1 + m / 8.0) * pow(2, (double)e - 7) : m / 8.0 * 0x1p-6;
}

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

enum { KINDS = 14 };

/* Values of a group: random, zeros, one-sided, ties, tiny, huge, any bits, not finite. */
static float hostile(check *t, int kind, size_t i)
{
    float f = check_uniform(t, -1, 1), any;
    uint32_t bits = (uint32_t)check_rand(t);
    memcpy(&any, &bits, 4);
    switch (kind) {
    case 1: return 0;
    case 2: return i % 7 ? -0.0f : 0;
    case 3: return -0.5f - fabsf(f);
    case 4: return i % 16 ? floorf(f * 24) * 0.25f : 6; /* ties of E2M1 */
    case 5: return i % 16 ? floorf(f * 896) * 0.5f : -448;
    case 6: return f * 1e-39f;
    case 7: return f * 1e-44f;
    case 8: return f * 2e-7f;
    case 9: return f * 6e4f;
    case 10: return f * 3.3e38f;
    case 11: return i % 9 ? f : NAN;
    case 12: return i % 9 ? f : -INFINITY;
    case 13: return isnan(any) ? -NAN : any;
    default: return f;
    }
}

/* Of the codes 0..top the nearest to |x|, ties to the even one. */
static unsigned nearest(double x, unsigned top, bool wide)
{
    unsigned best = 0;
    x = fmin(fabs(x), wide ? 448 : 6);
    for (unsigned c = 1; c <= top; c++) {
        double new = fabs(x - (wide ? e4m3(c) : (double)e2m1[c]));
        double old = fabs(x - (wide ? e4m3(best) : (double)e2m1[best]));
        if (new < old || (new == old &&c % 2 == 0)) best = c;
    }
    return best;
}

/* GPU rule without a global scale, finite values. */
static void check_codes(check *t, const uint8_t *q, const uint8_t *scales, const void *w,
                        cx_dtype dtype, cx__qmode mode, size_t cols)
{
    bool wide = mode == CX__MXFP8;
    unsigned sign = wide ? 128 : 8, top = wide ? 126 : 7;
    for (size_t i = 0; i < cols; i++) {
        unsigned s = scales[i / group_of(mode)], code = wide ? q[i] : q[i / 2] >> 4 * (i % 2) & 15;
        float step = mode == CX__NVFP4 ? (float)e4m3(s) : ldexpf(1, (int)s - 127);
        float w_i = get(w, dtype, i), inverse = step > 0 ? 1 / step : 0;
        unsigned want = nearest((double)(w_i * inverse), top, wide) | (signbit(w_i) ? sign : 0);
        if (code != want) {
            check_fail(t, "%a with scale %u is code %u, not %u", (double)w_i, s, code, want);
            return;
        }
    }
}

/* The scale reaches the largest value of the group, and half of it would not. */
static void check_mx_scales(check *t, const uint8_t *scales, const void *w, cx_dtype dtype,
                            double top, size_t cols)
{
    for (size_t g = 0; g < cols / 32; g++) {
        double amax = 0, reach = top * pow(2, scales[g] - 127.0);
        for (size_t i = 32 * g; i < 32 * g + 32; i++)
            amax = fmax(amax, fabs((double)get(w, dtype, i)));
        bool good = (float)(amax / top) == 0
                        ? scales[g] == 127
                        : amax <= reach && (amax > reach / 2 || scales[g] == 0);
        if (!good) check_fail(t, "largest value %a has scale %u", amax, scales[g]);
    }
}

static void run(check *t, cx__fp_encode_fn *fn, cx_dtype dtype, cx__qmode mode, float global,
                bool gpu)
{
    size_t group = group_of(mode), groups = KINDS + check_below(t, 9), cols = groups * group;
    size_t bytes = code_bytes(mode, cols);
    check_case(t, "%s of %s, cols %zu, global scale %g%s", names[mode], cx_dtype_name(dtype), cols,
               (double)global, gpu ? ", GPU rule" : "");
    void *w = check_in(t, cols * cx_dtype_size(dtype), 1);
    for (size_t i = 0; i < cols; i++) put(w, dtype, i, hostile(t, (int)(i / group), i));
    check_seal(t);
    uint8_t *q = check_out(t, bytes, 1), *want_q = check_out(t, bytes, 1);
    uint8_t *scales = check_out(t, groups, 1), *want_scales = check_out(t, groups, 1);
    fn(q, scales, w, dtype, cols, mode, global, gpu);
    cx__fp_encode_ref(want_q, want_scales, w, dtype, cols, mode, global, gpu);
    check_same(t, scales, want_scales, groups);
    check_same(t, q, want_q, bytes);
    if (!check_is_ref(t) || !gpu || global > 0) return;
    size_t finite = (dtype == CX_F16 ? 10 : 11) * group; /* later kinds may be infinite */
    check_codes(t, q, scales, w, dtype, mode, finite);
    if (mode != CX__NVFP4)
        check_mx_scales(t, scales, w, dtype, mode == CX__MXFP8 ? 448 : 6, finite);
}

static void bench_encode(check *t, cx__fp_encode_fn *fn, cx_dtype dtype, cx__qmode mode)
{
    enum { COLS = 4096 };
    check_case(t, "%s of %s", names[mode], cx_dtype_name(dtype));
    const void *w = check_values(t, dtype, COLS, -1, 1);
    uint8_t *q = check_out(t, COLS, 1), *scales = check_out(t, COLS / 16, 1);
    CHECK_BENCH(t, 1e-9 * COLS * (double)cx_dtype_size(dtype), "GB/s",
                fn(q, scales, w, dtype, COLS, mode, 0, true));
}

CHECK(fp_encode)
{
    if (!check_new(t, "fp_encode", (check_any *)k->fp_encode)) return;
    for (int turn = 0; turn < 8; turn++)
        for (size_t d = 0; d < 3; d++)
            for (size_t m = 0; m < 3; m++)
                run(t, k->fp_encode, all_dtypes[d], all_modes[m],
                    turn >= 4 && all_modes[m] == CX__NVFP4 ? check_uniform(t, 0.1f, 9) : 0,
                    turn % 2);
    for (size_t m = 0; m < 3 && check_benching(t); m++)
        bench_encode(t, k->fp_encode, CX_BF16, all_modes[m]);
    if (check_benching(t)) bench_encode(t, k->fp_encode, CX_F32, CX__MXFP4);
}

static float scale_of(const cx__qmat *m, size_t row, size_t i)
{
    size_t g = (row * m->cols + i) / (size_t)m->group;
    uint8_t s = ((const uint8_t *)m->scales)[g];
    if (m->mode != CX__NVFP4) return s == 255 ? INFINITY : ldexpf(1, s - 127);
    float f = s % 128 == 127 ? NAN : (float)e4m3(s & 127);
    f = s & 128 ? -f : f;
    if (m->globals) f *= get(m->globals, CX_F32, row / m->global_rows) / 2688;
    return f;
}

static float decoded(const cx__qmat *m, size_t row, size_t i)
{
    const uint8_t *q = m->q + row * code_bytes(m->mode, m->cols);
    unsigned code = m->mode == CX__MXFP8 ? q[i] : q[i / 2] >> 4 * (i % 2) & 15;
    float f = m->mode != CX__MXFP8 ? e2m1[code & 7]
              : code % 128 == 127  ? NAN
                                   : (float)e4m3(code & 127);
    bool negative = code & (m->mode == CX__MXFP8 ? 128 : 8);
    return scale_of(m, row, i) * (negative ? -f : f);
}

static cx__qmat matrix(check *t, cx__qmode mode, bool global, size_t rows, size_t cols)
{
    size_t group = group_of(mode);
    return (cx__qmat){ .q = check_bytes(t, rows * code_bytes(mode, cols)),
                       .scales = check_bytes(t, rows * cols / group),
                       .scale_dtype = CX_U8,
                       .mode = mode,
                       .bits = mode == CX__MXFP8 ? 8 : 4,
                       .group = (int)group,
                       .globals = global ? check_values(t, CX_F32, (rows + 1) / 2, 0.1f, 9) : NULL,
                       .global_rows = 2,
                       .rows = rows,
                       .cols = cols };
}

static void run_decode(check *t, cx__fp_decode_fn *fn, cx__qmode mode, bool global)
{
    size_t cols = group_of(mode) * (1 + check_below(t, 40)), row = check_below(t, 5);
    check_case(t, "%s, cols %zu, row %zu%s", names[mode], cols, row, global ? ", global" : "");
    cx__qmat m = matrix(t, mode, global, 5, cols);
    float *got = check_out(t, cols * 4, 4), *want = check_out(t, cols * 4, 4);
    check_seal(t);
    fn(got, &m, row);
    for (size_t i = 0; i < cols; i++) want[i] = decoded(&m, row, i);
    check_bits(t, got, want, cols);
}

CHECK(fp_decode)
{
    if (!check_new(t, "fp_decode", (check_any *)k->fp_decode)) return;
    for (int turn = 0; turn < 8; turn++)
        for (size_t m = 0; m < 3; m++)
            run_decode(t, k->fp_decode, all_modes[m], all_modes[m] == CX__NVFP4 && turn % 2);
    for (size_t m = 0; m < 3 && check_benching(t); m++) {
        check_case(t, "%s", names[all_modes[m]]);
        cx__qmat w = matrix(t, all_modes[m], false, 1, 4096);
        float *y = check_out(t, 4096 * 4, 4);
        CHECK_BENCH(t, 4096e-9, "G values/s", k->fp_decode(y, &w, 0));
    }
}
