/* Norms over 16 lanes. Specification: ref/norm.c. */
#include "kernels/x16/math.h"
#include <math.h>

static inline float inverse_deviation(float squares, size_t n, float eps)
{
    return 1.0f / sqrtf(squares / (float)n + eps);
}

void X16(rms_norm)(float *y, const float *x, const float *w, size_t n, float eps)
{
    size_t i = 0, full = n / 16 * 16;
    vf lane = vf_set(0);
    for (; i < full; i += 16) lane = vf_fma(vf_load(x + i), vf_load(x + i), lane);
    vf rest = vf_load_n(x + i, n - i); /* 0 * 0 changes no lane */
    vf inv = vf_set(inverse_deviation(vf_sum(vf_fma(rest, rest, lane)), n, eps));
    for (i = 0; i < full; i += 16)
        vf_store(y + i, vf_mul(vf_mul(vf_load(x + i), inv), vf_load(w + i)));
    vf_store_n(y + i, vf_mul(vf_mul(rest, inv), vf_load_n(w + i, n - i)), n - i);
}

static inline vf weigh(vf x, vf mean, vf inv, vf w, vf b, bool has_bias)
{
    vf z = vf_mul(vf_sub(x, mean), inv);
    return has_bias ? vf_fma(z, w, b) : vf_mul(z, w);
}

void X16(layer_norm)(float *y, const float *x, const float *w, const float *b, size_t n, float eps)
{
    size_t i = 0, full = n / 16 * 16, m = n - full;
    vf lane = vf_set(0), rest = vf_load_n(x + full, m), none = lane;
    for (; i < full; i += 16) lane = vf_add(lane, vf_load(x + i));
    vf mean = vf_set(vf_sum(vf_add(lane, rest)) / (float)n);
    lane = none;
    for (i = 0; i < full; i += 16) {
        vf d = vf_sub(vf_load(x + i), mean);
        lane = vf_fma(d, d, lane);
    }
    vf d = vf_keep_n(vf_sub(rest, mean), m);
    vf inv = vf_set(inverse_deviation(vf_sum(vf_fma(d, d, lane)), n, eps));
    for (i = 0; i < full; i += 16)
        vf_store(y + i, weigh(vf_load(x + i), mean, inv, vf_load(w + i), b ? vf_load(b + i) : none,
                              b != NULL));
    vf_store_n(
        y + i,
        weigh(rest, mean, inv, vf_load_n(w + i, m), b ? vf_load_n(b + i, m) : none, b != NULL), m);
}
