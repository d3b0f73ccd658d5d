/* Element-wise kernels of two inputs: the reference against double, variants against its bits. */
#include "check.h"
#include <math.h>

typedef struct binary {
    const char *slot;
    cx__binary_fn *fn, *ref;
    double (*exact)(double, double);
    float ulps;
} binary;

static double add(double a, double b)
{
    return a + b;
}
static double mul(double a, double b)
{
    return a * b;
}
static double silu_mul(double a, double b)
{
    return a / (1 + exp(-a)) * b;
}

static void run(check *t, const binary *b, size_t n)
{
    const float *x = check_f32(t, n, -9, 9), *y = check_f32(t, n, -9, 9);
    float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
    check_seal(t);
    b->fn(got, x, y, n);
    b->ref(want, x, y, n);
    if (!check_is_ref(t)) {
        check_bits(t, got, want, n);
        return;
    }
    for (size_t i = 0; i < n; i++) want[i] = (float)b->exact(x[i], y[i]);
    check_near(t, got, want, NULL, n, b->ulps * 0x1p-23f);
}

/* y may be an input. */
static void run_in_place(check *t, const binary *b)
{
    enum { N = 45 };
    const float *x = check_f32(t, N, -2, 2), *y = check_f32(t, N, -2, 2);
    float *one = check_out(t, N * 4, 4), *two = check_out(t, N * 4, 4);
    float *want = check_out(t, N * 4, 4);
    memcpy(one, x, N * 4);
    memcpy(two, y, N * 4);
    b->ref(want, x, y, N);
    b->fn(one, one, y, N);
    b->fn(two, x, two, N);
    check_bits(t, one, want, N);
    check_bits(t, two, want, N);
}

CHECK(binary)
{
    const binary all[] = { { "add", k->add, cx__add_ref, add, 0 },
                           { "mul", k->mul, cx__mul_ref, mul, 0 },
                           { "silu_mul", k->silu_mul, cx__silu_mul_ref, silu_mul, 4 } };
    for (const binary *b = all; b < all + 3; b++) {
        if (!check_new(t, b->slot, (check_any *)b->fn)) continue;
        for (size_t n = 0; n < 70; n++) {
            check_case(t, "n=%zu", n);
            run(t, b, n);
        }
        check_case(t, "in place");
        run_in_place(t, b);
        check_case(t, "n=8192");
        const float *x = check_f32(t, 8192, -8, 8), *z = check_f32(t, 8192, -8, 8);
        float *y = check_out(t, 8192 * 4, 4);
        CHECK_BENCH(t, 8192e-9, "G values/s", b->fn(y, x, z, 8192));
    }
}

CHECK(scale)
{
    if (!check_new(t, "scale", (check_any *)k->scale)) return;
    for (size_t n = 0; n < 70; n++) {
        check_case(t, "n=%zu", n);
        const float *x = check_f32(t, n, -9, 9);
        float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
        for (size_t i = 0; i < n; i++) want[i] = x[i] * 0.37f;
        check_seal(t);
        k->scale(got, x, 0.37f, n);
        check_bits(t, got, want, n);
    }
}
