/* Activations: the reference against libm in double, the variants against its bits. */
#include "check.h"
#include <float.h>
#include <math.h>

static double silu(double x)
{
    return x / (1 + exp(-x));
}
static double gelu_erf(double x)
{
    return x * erfc(-x / sqrt(2)) / 2;
}
static double gelu_u(double x)
{
    return 2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);
}
static double gelu_tanh(double x)
{
    return x / (1 + exp(-gelu_u(x)));
}
static double gelu_quick(double x)
{
    return x / (1 + exp(-1.702 * x));
}
static double relu(double x)
{
    return x < 0 ? 0 : x;
}
static double relu2(double x)
{
    return relu(x) * relu(x);
}

/* ulps allowed, and for those whose exponent u is itself rounded, so many for each unit of u. */
static const struct {
    const char *slot;
    size_t at;
    double (*exact)(double);
    double ulps, per_u;
} kinds[] = {
    { "silu", offsetof(cx__kernels, silu), silu, 3, 0 },
    { "gelu_erf", offsetof(cx__kernels, gelu_erf), gelu_erf, 4, 0 },
    { "gelu_tanh", offsetof(cx__kernels, gelu_tanh), gelu_tanh, 3, 2 },
    { "gelu_quick", offsetof(cx__kernels, gelu_quick), gelu_quick, 3, 1 },
    { "relu", offsetof(cx__kernels, relu), relu, 0, 0 },
    { "relu2", offsetof(cx__kernels, relu2), relu2, 0.5, 0 },
    { "tanh", offsetof(cx__kernels, tanh), tanh, 2, 0 },
};
enum { KINDS = sizeof kinds / sizeof *kinds, RELU = 4 };

static cx__unary_fn *kernel(const cx__kernels *k, size_t kind)
{
    cx__unary_fn *fn;
    memcpy(&fn, (const char *)k + kinds[kind].at, sizeof fn);
    return fn;
}

/* Below 3e-37, where 1 + e^-u may already be infinite, no relative accuracy is promised. */
static void compare_exact(check *t, size_t kind, const float *x, const float *got, size_t n)
{
    float *want = check_out(t, n * 4, 4), *mag = check_out(t, n * 4, 4);
    for (size_t i = 0; i < n; i++) {
        double y = kinds[kind].exact(x[i]), u = fmin(fabs(gelu_u(x[i])), 100);
        want[i] = (float)y;
        mag[i] = (float)fmin((kinds[kind].ulps + kinds[kind].per_u * u) * fabs(y), FLT_MAX);
        if (kind != RELU) mag[i] += 3e-37f * 0x1p23f;
    }
    check_near(t, got, want, mag, n, 0x1p-23f);
}

static void run(check *t, const cx__kernels *k, size_t kind, const float *x, size_t n)
{
    float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
    check_seal(t);
    kernel(k, kind)(got, x, n);
    if (check_is_ref(t)) {
        compare_exact(t, kind, x, got, n);
        return;
    }
    kernel(&(cx__kernels){ .silu = cx__silu_ref,
                           .gelu_erf = cx__gelu_erf_ref,
                           .gelu_tanh = cx__gelu_tanh_ref,
                           .gelu_quick = cx__gelu_quick_ref,
                           .relu = cx__relu_ref,
                           .relu2 = cx__relu2_ref,
                           .tanh = cx__tanh_ref },
           kind)(want, x, n);
    check_bits(t, got, want, n);
}

/* Every 40009th float: all exponents, both signs, NaN. */
static void run_all_floats(check *t, const cx__kernels *k, size_t kind)
{
    size_t n = ((uint64_t)1 << 32) / 40009;
    float *x = check_in(t, n * 4, 4);
    for (size_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)(i * 40009);
        memcpy(x + i, &u, 4);
    }
    run(t, k, kind, x, n);
}

static void run_in_place(check *t, const cx__kernels *k, size_t kind)
{
    size_t n = 37;
    const float *x = check_f32(t, n, -4, 4);
    float *y = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
    memcpy(y, x, n * 4);
    kernel(k, kind)(y, y, n);
    kernel(k, kind)(want, x, n);
    check_bits(t, y, want, n);
}

CHECK(unary)
{
    static const float special[] = { 0,        -0.0f,   INFINITY, -INFINITY, NAN,    FLT_MAX,
                                     -FLT_MAX, FLT_MIN, 1e-45f,   -1e-45f,   0.625f, -0.625f,
                                     88.8f,    -88.8f,  -103.9f,  15 };
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (!check_new(t, kinds[kind].slot, (check_any *)kernel(k, kind))) continue;
        for (size_t n = 0; n < 70; n++) {
            check_case(t, "n=%zu", n);
            run(t, k, kind, check_f32(t, n, -12, 12), n);
        }
        check_case(t, "special values");
        float *x = check_in(t, sizeof special, 4);
        memcpy(x, special, sizeof special);
        run(t, k, kind, x, sizeof special / 4);
        check_case(t, "all exponents");
        run_all_floats(t, k, kind);
        check_case(t, "100000 from -20 to 20");
        run(t, k, kind, check_f32(t, 100000, -20, 20), 100000);
        check_case(t, "in place");
        run_in_place(t, k, kind);
        check_case(t, "n=8192");
        x = check_f32(t, 8192, -8, 8);
        float *y = check_out(t, 8192 * 4, 4);
        CHECK_BENCH(t, 8192e-9, "G values/s", kernel(k, kind)(y, x, 8192));
    }
}
