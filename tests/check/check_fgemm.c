/* Products with f32 activations: the reference against double sums, variants against its bits. */
#include "check.h"
#include <math.h>

static float weight(const void *w, cx_dtype dtype, size_t i)
{
    cx_tensor view = { .dtype = dtype, .data = w };
    return cx__tensor_f32(&view, i);
}

typedef struct shape {
    size_t row0, row1, cols, rows_x, ldw, ldx, ldy;
} shape;

static void exact(float *y, float *mag, const void *w, cx_dtype dtype, const float *x,
                  const shape *s)
{
    for (size_t m = 0; m < s->rows_x; m++)
        for (size_t r = s->row0; r < s->row1; r++) {
            double sum = 0, size = 0;
            for (size_t c = 0; c < s->cols; c++) {
                double p = (double)weight(w, dtype, r * s->ldw + c) * x[m * s->ldx + c];
                sum += p;
                size += fabs(p);
            }
            y[m * s->ldy + r - s->row0] = (float)sum;
            mag[m * s->ldy + r - s->row0] = (float)size;
        }
}

static void run(check *t, cx__fgemm_fn *fn, cx__fgemm_fn *ref, cx_dtype dtype, const shape *s)
{
    size_t n = s->rows_x * s->ldy;
    const void *w = check_values(t, dtype, (s->row1 - 1) * s->ldw + s->cols, -1, 1);
    const float *x = check_f32(t, (s->rows_x - 1) * s->ldx + s->cols, -1, 1);
    float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
    float *mag = check_out(t, n * 4, 4);
    check_seal(t);
    memset(got, 0x7b, n * 4); /* between the rows nothing is written */
    memcpy(want, got, n * 4);
    memset(mag, 0, n * 4);
    fn(got, s->ldy, w, s->ldw, s->row0, s->row1, s->cols, x, s->ldx, s->rows_x);
    ref(want, s->ldy, w, s->ldw, s->row0, s->row1, s->cols, x, s->ldx, s->rows_x);
    if (!check_is_ref(t)) check_bits(t, got, want, n);
    exact(want, mag, w, dtype, x, s);
    check_near(t, got, want, mag, n, (float)(s->cols / 16 + 18) * 0x1p-24f);
}

static void bench(check *t, cx__fgemm_fn *fn, cx_dtype dtype, size_t rows_x)
{
    size_t cols = 2048, rows = 512;
    check_case(t, "512x2048 by %zu rows", rows_x);
    const void *w = check_values(t, dtype, rows * cols, -1, 1);
    const float *x = check_f32(t, rows_x * cols, -1, 1);
    float *y = check_out(t, rows_x * rows * 4, 4);
    CHECK_BENCH(t, 2e-9 * (double)(rows * cols * rows_x), "GFLOP/s",
                fn(y, rows, w, cols, 0, rows, cols, x, cols, rows_x));
}

static void check_all(check *t, const char *slot, cx__fgemm_fn *fn, cx__fgemm_fn *ref,
                      cx_dtype dtype)
{
    static const size_t cols[] = { 1, 5, 15, 16, 17, 48, 80, 100, 160 };
    if (!check_new(t, slot, (check_any *)fn)) return;
    for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
        for (size_t m = 1; m < 10; m++) {
            shape s = { .row0 = c % 3,
                        .cols = cols[c],
                        .rows_x = m,
                        .ldw = cols[c] + m % 2 * 3,
                        .ldx = cols[c] + c % 2 * 5 };
            s.row1 = s.row0 + 1 + check_below(t, 11);
            s.ldy = s.row1 - s.row0 + m % 3;
            check_case(t, "rows %zu-%zu, cols %zu, x %zu", s.row0, s.row1, s.cols, s.rows_x);
            run(t, fn, ref, dtype, &s);
        }
    /* More activation rows than one block holds. */
    shape s = { .row1 = 5, .cols = 4099, .rows_x = 37, .ldw = 4099, .ldx = 4099, .ldy = 5 };
    check_case(t, "blocks of activation rows");
    run(t, fn, ref, dtype, &s);
    if (!check_benching(t)) return;
    bench(t, fn, dtype, 1);
    bench(t, fn, dtype, 4);
    bench(t, fn, dtype, 128);
}

CHECK(fgemm)
{
    check_all(t, "fgemm_f32", k->fgemm_f32, cx__fgemm_f32_ref, CX_F32);
    check_all(t, "fgemm_f16", k->fgemm_f16, cx__fgemm_f16_ref, CX_F16);
    check_all(t, "fgemm_bf16", k->fgemm_bf16, cx__fgemm_bf16_ref, CX_BF16);
}
