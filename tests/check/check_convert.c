/* Conversions: the reference against arithmetic in double, the variants against its bytes. */
#include "check.h"
#include <math.h>

/* Value of a 16-bit float with `exp_bits` exponent bits. */
static double value(uint16_t h, int exp_bits)
{
    int man_bits = 15 - exp_bits, bias = (1 << (exp_bits - 1)) - 1;
    int exp = h >> man_bits & ((1 << exp_bits) - 1), man = h & ((1 << man_bits) - 1);
    double sign = h >> 15 ? -1 : 1;
    if (exp == (1 << exp_bits) - 1) return man ? NAN : sign * INFINITY;
    if (!exp) return sign * ldexp(man, 1 - bias - man_bits);
    return sign * ldexp(man + (1 << man_bits), exp - bias - man_bits);
}

/* f rounded to such a float, half to even, as a value. */
static double rounded(float f, int exp_bits)
{
    int man_bits = 15 - exp_bits, bias = (1 << (exp_bits - 1)) - 1, exp;
    if (!isfinite(f) || f == 0) return f;
    frexp(f, &exp); /* |f| in [2^(exp-1), 2^exp) */
    int unit = (exp - 1 < 1 - bias ? 1 - bias : exp - 1) - man_bits;
    double r = ldexp(rint(ldexp(f, -unit)), unit);
    return fabs(r) >= ldexp(1, bias + 1) ? copysign(INFINITY, f) : r;
}

static void check_to_f32(check *t, const char *slot, cx__to_f32_fn *fn, cx__to_f32_fn *ref,
                         int exp_bits)
{
    if (!check_new(t, slot, (check_any *)fn)) return;
    check_case(t, "all values");
    uint16_t *x = check_in(t, 65536 * 2, 2);
    float *got = check_out(t, 65536 * 4, 4), *want = check_out(t, 65536 * 4, 4);
    for (size_t i = 0; i < 65536; i++) {
        x[i] = (uint16_t)i;
        want[i] = (float)value((uint16_t)i, exp_bits);
    }
    check_seal(t);
    fn(got, x, 65536);
    check_bits(t, got, want, 65536);
    for (size_t n = 0; n < 70; n++) {
        check_case(t, "n=%zu", n);
        const uint8_t *in = check_bytes(t, n * 2);
        float *a = check_out(t, n * 4, 4), *b = check_out(t, n * 4, 4);
        check_seal(t);
        fn(a, in, n);
        ref(b, in, n);
        check_bits(t, a, b, n);
    }
    check_case(t, "n=65536");
    const uint8_t *in = check_bytes(t, 65536 * 2);
    float *y = check_out(t, 65536 * 4, 4);
    CHECK_BENCH(t, 65536e-9, "G values/s", fn(y, in, 65536));
}

/* x: floats of all exponents, and the 16-bit values' midpoints and their neighbours. */
static void fill(float *x, size_t n, int exp_bits)
{
    int low = 16 - (exp_bits == 5 ? 3 : 0); /* bits that rounding drops */
    for (size_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)(i * 40009);
        if (i % 3) u = (u >> low << low | 1u << (low - 1)) + (uint32_t)(i % 4) - 1;
        memcpy(x + i, &u, 4);
    }
}

static void check_from_f32(check *t, const char *slot, cx__from_f32_fn *fn, cx__from_f32_fn *ref,
                           int exp_bits)
{
    enum { N = 107350 };
    if (!check_new(t, slot, (check_any *)fn)) return;
    check_case(t, "all exponents");
    float *x = check_in(t, N * 4, 4);
    uint16_t *got = check_out(t, N * 2, 2), *want = check_out(t, N * 2, 2);
    fill(x, N, exp_bits);
    check_seal(t);
    fn(got, x, N);
    ref(want, x, N);
    check_same(t, got, want, N * 2);
    for (size_t i = 0; i < N; i++) {
        double g = value(got[i], exp_bits), w = rounded(x[i], exp_bits);
        if (isnan(w) ? !isnan(g) : g != w || !signbit(g) != !signbit(w))
            check_fail(t, "%a became %a, not %a", (double)x[i], g, w);
    }
    for (size_t n = 0; n < 70; n++) {
        check_case(t, "n=%zu", n);
        const float *in = check_f32(t, n, -3, 3);
        uint8_t *a = check_out(t, n * 2, 1), *b = check_out(t, n * 2, 1);
        check_seal(t);
        fn(a, in, n);
        ref(b, in, n);
        check_same(t, a, b, n * 2);
    }
    check_case(t, "n=65536");
    const float *in = check_f32(t, 65536, -3, 3);
    uint16_t *y = check_out(t, 65536 * 2, 2);
    CHECK_BENCH(t, 65536e-9, "G values/s", fn(y, in, 65536));
}

CHECK(convert)
{
    check_to_f32(t, "f16_to_f32", k->f16_to_f32, cx__f16_to_f32_ref, 5);
    check_to_f32(t, "bf16_to_f32", k->bf16_to_f32, cx__bf16_to_f32_ref, 8);
    check_from_f32(t, "f32_to_f16", k->f32_to_f16, cx__f32_to_f16_ref, 5);
    check_from_f32(t, "f32_to_bf16", k->f32_to_bf16, cx__f32_to_bf16_ref, 8);
}
