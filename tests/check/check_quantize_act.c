/* quantize_act: bit for bit the reference; the reference against the definition in doubles. */
#include "check.h"
#include <math.h>

/* Blocks of every kind that the contract names. */
static void fill(check *t, float *x, size_t n)
{
    static const float special[] = { 0.0f,     -0.0f,     0x1p-120f, 0x1.fffffep-121f, 0x1p-149f,
                                     INFINITY, -INFINITY, NAN,       0x1.fffffep127f,  -0x1p-126f };
    for (size_t i = 0; i < n; i += 64) {
        size_t kind = check_below(t, 8);
        float size = ldexpf(1, (int)check_below(t, 252) - 125);
        for (size_t j = i; j < n && j < i + 64; j++)
            x[j] = kind == 0   ? 0
                   : kind == 1 ? (float)((int)check_below(t, 255) - 127) * 0.5f /* ties */
                   : kind == 2 ? check_uniform(t, -size, size)
                               : check_uniform(t, -3, 3);
        if (kind == 1) x[i] = 63.5f;
        if (kind == 3)
            x[i + check_below(t, n - i < 64 ? n - i : 64)] =
                special[check_below(t, sizeof special / sizeof *special)];
    }
}

/* The stored row gives x back within half a step, and its sums are those of its values. */
static void check_meaning(check *t, const uint8_t *row, const float *x, size_t cols)
{
    for (size_t i = 0; i < cols; i += 32) {
        float a, sum;
        double exact = 0;
        bool finite = true;
        memcpy(&a, row + cx__qact_scale_at(cols) + i / 64 * 4, 4);
        memcpy(&sum, row + cx__qact_sum_at(cols) + i / 32 * 4, 4);
        for (size_t j = i / 64 * 64; j < i / 64 * 64 + 64 && j < cols; j++)
            finite = finite && isfinite(x[j]);
        CHECK_TRUE(t, finite == !isnan(a));
        for (size_t j = i; finite && j < i + 32 && j < cols; j++) {
            double value = (double)a * (int8_t)row[j];
            exact += value;
            CHECK_TRUE(t, fabs(value - (double)x[j]) <= 0.5001 * (double)a + 0x1p-120);
        }
        double bound = 0x1p-23 * fabs(exact) + 0x1p-149;
        bool overflow = isinf(sum) && fabs(exact) > 0x1.fffffp127;
        CHECK_TRUE(t, !finite || overflow || fabs((double)sum - exact) <= bound);
    }
}

CHECK(quantize_act)
{
    if (!check_new(t, "quantize_act", (check_any *)k->quantize_act)) return;
    for (size_t i = 0; i < 150; i++) {
        size_t cols = i < 70 ? i + 1 : 32 * (1 + check_below(t, 80)), bytes = cx__qact_stride(cols);
        check_case(t, "cols=%zu", cols);
        float *x = check_in(t, cols * 4, 4);
        fill(t, x, cols);
        uint8_t *want = check_out(t, bytes, 1), *got = check_out(t, bytes, 1);
        check_seal(t);
        cx__quantize_act_ref(want, x, cols);
        k->quantize_act(got, x, cols);
        check_same(t, got, want, bytes);
        check_meaning(t, got, x, cols);
    }
    check_case(t, "cols=8192");
    float *x = check_f32(t, 8192, -3, 3);
    void *dst = check_out(t, cx__qact_stride(8192), 64);
    CHECK_BENCH(t, 8192e-9, "Gvalues/s", k->quantize_act(dst, x, 8192));
}
