/* Specification of the activations and of the other element-wise kernels. Quotients are written so
 * that nothing cancels: x / (1 + e^-x), not x (1 + tanh(x/2)) / 2. An infinite negative input of
 * silu and gelu gives NaN (0 times infinity), as in MLX. Tested by tests/check/check_unary.c and
 * check_binary.c against libm in double. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

static float silu(float x)
{
    return x / (1.0f + cx__exp_scalar(-x));
}

static float gelu_erf(float x)
{
    float tail = cx__normal_tail_scalar(x);
    return x * (x > 0 ? 1.0f - tail : tail);
}

/* x (1 + tanh(u/2)) / 2 = x / (1 + e^-u), u = 2 sqrt(2/pi) (x + 0.044715 x^3) */
static float gelu_tanh(float x)
{
    float u = x * fmaf(x * x, 0.0713548163f, 1.5957691216f);
    return x / (1.0f + cx__exp_scalar(-u));
}

static float gelu_quick(float x)
{
    return x / (1.0f + cx__exp_scalar(-1.702f * x));
}

static float relu(float x)
{
    return 0.0f > x ? 0.0f : x; /* in this order NaN stays NaN */
}

#define UNARY(slot, formula)                                                                       \
    void cx__##slot##_ref(float *y, const float *x, size_t n)                                      \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) y[i] = formula;                                             \
    }
UNARY(silu, silu(x[i]))
UNARY(gelu_erf, gelu_erf(x[i]))
UNARY(gelu_tanh, gelu_tanh(x[i]))
UNARY(gelu_quick, gelu_quick(x[i]))
UNARY(relu, relu(x[i]))
UNARY(relu2, relu(x[i]) * relu(x[i]))
UNARY(tanh, cx__tanh_scalar(x[i]))

#define BINARY(slot, formula)                                                                      \
    void cx__##slot##_ref(float *y, const float *a, const float *b, size_t n)                      \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) y[i] = formula;                                             \
    }
BINARY(add, a[i] + b[i])
BINARY(mul, a[i] * b[i])
BINARY(silu_mul, silu(a[i]) * b[i])

void cx__scale_ref(float *y, const float *x, float s, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] * s;
}
