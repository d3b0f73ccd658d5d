/* Sampling helpers: argmax against a plain search, exp_sum against double and the bits of ref. */
#include "check.h"
#include <math.h>

static size_t search(const float *x, size_t n)
{
    size_t best = n;
    for (size_t i = n; i-- > 0;)
        if (!isnan(x[i]) && (best == n || x[i] >= x[best])) best = i;
    return best == n ? 0 : best;
}

CHECK(argmax)
{
    if (!check_new(t, "argmax", (check_any *)k->argmax)) return;
    for (size_t n = 1; n < 400; n++) {
        int kind = (int)(n % 4);
        check_case(t, "n=%zu kind %d", n, kind);
        float *x = check_in(t, n * 4, 4);
        for (size_t i = 0; i < n; i++) {
            x[i] = floorf(check_uniform(t, -4, 4)); /* many equal */
            if (kind == 1 && check_below(t, 2)) x[i] = NAN;
            if (kind == 2) x[i] = check_below(t, 3) ? NAN : -INFINITY;
            if (kind == 3) x[i] = n % 8 == 3 ? NAN : -0.0f * x[i];
        }
        check_seal(t);
        size_t got = k->argmax(x, n), want = search(x, n);
        if (got != want) check_fail(t, "%zu, not %zu", got, want);
    }
    check_case(t, "n=128256");
    const float *x = check_f32(t, 128256, -9, 9);
    volatile size_t at;
    CHECK_BENCH(t, 128256e-9, "G values/s", at = k->argmax(x, 128256));
    (void)at;
}

CHECK(exp_sum)
{
    if (!check_new(t, "exp_sum", (check_any *)k->exp_sum)) return;
    for (size_t n = 1; n < 3000; n += n < 70 ? 1 : 333) {
        check_case(t, "n=%zu", n);
        const float *x = check_f32(t, n, -30, 5);
        check_seal(t);
        float got = k->exp_sum(x, 5, n), want = cx__exp_sum_ref(x, 5, n);
        if (!check_is_ref(t)) check_bits(t, &got, &want, 1);
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - 5);
        want = (float)sum;
        check_near(t, &got, &want, NULL, 1, (float)(n / 16 + 24) * 0x1p-24f);
    }
    /* All floats of the range were tried once: 1.0065 ulp at the worst, at 0x1.2e3ea2p+5. */
    check_case(t, "e^x alone within 1.01 ulp");
    for (size_t i = 0; i < 300000; i++) {
        float x = check_uniform(t, -104, 89), got = k->exp_sum(&x, 0, 1);
        double want = exp(x), ulp = fmax(0x1p-149, ldexp(0x1p-23, ilogb(want)));
        if (want < 3.4028235677973366e38 ? !(fabs(got - want) <= 1.01 * ulp) : !isinf(got))
            check_fail(t, "e^%a is %a, not %a", (double)x, (double)got, want);
    }
    check_case(t, "-inf, NaN");
    float x[] = { -INFINITY, NAN }, zero = k->exp_sum(x, 0, 1);
    CHECK_TRUE(t, zero == 0);
    CHECK_TRUE(t, isnan(k->exp_sum(x, 0, 2)));
    check_case(t, "n=128256");
    const float *big = check_f32(t, 128256, -9, 9);
    volatile float sum;
    CHECK_BENCH(t, 128256e-9, "G values/s", sum = k->exp_sum(big, 9, 128256));
    (void)sum;
}
