/* Element-wise kernels over 16 lanes. Specification: ref/activation.c. */
#include "kernels/x16/math.h"

static inline vf quotient(vf x, vf minus_u) /* x / (1 + e^-u) */
{
    return vf_div(x, vf_add(vf_set(1.0f), vf_exp(minus_u)));
}

static inline vf silu(vf x)
{
    return quotient(x, vf_sub(vf_set(0), x));
}

static inline vf gelu_erf(vf x)
{
    vf tail = vf_normal_tail(x), positive = vf_sub(vf_set(1.0f), tail);
    return vf_mul(x, vf_select(vf_less(vf_set(0), x), positive, tail));
}

static inline vf gelu_tanh(vf x)
{
    vf u = vf_fma(vf_mul(x, x), vf_set(0.0713548163f), vf_set(1.5957691216f));
    return quotient(x, vf_sub(vf_set(0), vf_mul(x, u)));
}

static inline vf gelu_quick(vf x)
{
    return quotient(x, vf_mul(vf_set(-1.702f), x));
}

static inline vf relu(vf x)
{
    return vf_max(vf_set(0), x);
}

static inline vf relu2(vf x)
{
    return vf_mul(relu(x), relu(x));
}

static inline vf silu_mul(vf a, vf b)
{
    return vf_mul(silu(a), b);
}

#define UNARY(slot, op)                                                                            \
    void X16(slot)(float *y, const float *x, size_t n)                                             \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) vf_store(y + i, op(vf_load(x + i)));                          \
        if (i < n) vf_store_n(y + i, op(vf_load_n(x + i, n - i)), n - i);                          \
    }
UNARY(silu, silu)
UNARY(gelu_erf, gelu_erf)
UNARY(gelu_tanh, gelu_tanh)
UNARY(gelu_quick, gelu_quick)
UNARY(relu, relu)
UNARY(relu2, relu2)
UNARY(tanh, vf_tanh)

#define BINARY(slot, op)                                                                           \
    void X16(slot)(float *y, const float *a, const float *b, size_t n)                             \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) vf_store(y + i, op(vf_load(a + i), vf_load(b + i)));          \
        if (i < n) vf_store_n(y + i, op(vf_load_n(a + i, n - i), vf_load_n(b + i, n - i)), n - i); \
    }
BINARY(add, vf_add)
BINARY(mul, vf_mul)
BINARY(silu_mul, silu_mul)

void X16(scale)(float *y, const float *x, float s, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) vf_store(y + i, vf_mul(vf_load(x + i), vf_set(s)));
    if (i < n) vf_store_n(y + i, vf_mul(vf_load_n(x + i, n - i), vf_set(s)), n - i);
}
