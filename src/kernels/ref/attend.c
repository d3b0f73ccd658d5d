/* Specification of attention over one block of 64 cached positions. Orders that the variants keep:
 * a score adds its products by rising dimension, from +0, one fmaf each; the sum of the weights is
 * taken in 16 lanes (position mod 16); the accumulator is scaled, then takes the positions by
 * rising number, one fmaf each. Tested by tests/check/check_attend.c against double. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

typedef struct block {
    const void *k, *v;
    cx_dtype dtype;
    size_t dim;
    float scale, cap;
} block;

static float score(const block *b, const float *q, size_t j)
{
    float s = 0;
    for (size_t d = 0; d < b->dim; d++)
        s = fmaf(q[d], cx__load_scalar(b->k, b->dtype, d * 64 + j), s);
    s *= b->scale;
    return b->cap > 0 ? b->cap * cx__tanh_scalar(s / b->cap) : s;
}

/* One query. A NaN score does not enter the maximum, but makes its weight NaN and so the result. */
static void attend(const block *b, const float *q, size_t lo, size_t hi, float *max, float *sum,
                   float *acc)
{
    float p[64] = { 0 }, lane[16] = { 0 }, top = *max;
    for (size_t j = lo; j < hi; j++) {
        p[j] = score(b, q, j);
        top = p[j] > top ? p[j] : top;
    }
    float keep = cx__exp_scalar(*max - top);
    for (size_t j = lo; j < hi; j++) {
        p[j] = cx__exp_scalar(p[j] - top);
        lane[j % 16] += p[j];
    }
    *max = top;
    *sum = fmaf(*sum, keep, cx__lane_sum_scalar(lane));
    for (size_t d = 0; d < b->dim; d++) {
        float a = acc[d] * keep;
        for (size_t j = lo; j < hi; j++)
            a = fmaf(p[j], cx__load_scalar(b->v, b->dtype, j * b->dim + d), a);
        acc[d] = a;
    }
}

#define ATTEND(name, type)                                                                         \
    void cx__attend_##name##_ref(const float *q, size_t ldq, size_t nq, size_t dim, const void *k, \
                                 const void *v, const uint8_t *lo, const uint8_t *hi, float scale, \
                                 float cap, float *max, float *sum, float *acc)                    \
    {                                                                                              \
        block b = { .k = k, .v = v, .dtype = type, .dim = dim, .scale = scale, .cap = cap };       \
        for (size_t i = 0; i < nq; i++)                                                            \
            if (lo[i] < hi[i])                                                                     \
                attend(&b, q + i * ldq, lo[i], hi[i], max + i, sum + i, acc + i * dim);            \
    }
ATTEND(f16, CX_F16)
ATTEND(f32, CX_F32)
