/* Rotary embedding over 16 lanes. Specification: ref/rope.c. */
#include "kernels/x16/math.h"

static inline void rotate_halves(float *x, size_t half, const float *cs)
{
    for (size_t i = 0; i < half; i += 16) {
        size_t n = half - i < 16 ? half - i : 16;
        vf cos = vf_load_n(cs + i, n), sin = vf_load_n(cs + half + i, n);
        vf a = vf_load_n(x + i, n), b = vf_load_n(x + half + i, n);
        vf_store_n(x + i, vf_fms(a, cos, vf_mul(b, sin)), n);
        vf_store_n(x + half + i, vf_fma(b, cos, vf_mul(a, sin)), n);
    }
}

/* Lanes 2i, 2i+1 are a pair: a cos - b sin, b cos + a sin. */
static inline vf rotate_pairs_8(vf x, const float *cos, const float *sin)
{
    return vf_fmaddsub(x, vf_load_twice(cos), vf_mul(vf_swap_pairs(x), vf_load_twice(sin)));
}

static inline void rotate_pairs(float *x, size_t half, const float *cs)
{
    size_t i = 0;
    for (; i + 8 <= half; i += 8)
        vf_store(x + 2 * i, rotate_pairs_8(vf_load(x + 2 * i), cs + i, cs + half + i));
    if (i == half) return;
    float cos[8] = { 0 }, sin[8] = { 0 };
    memcpy(cos, cs + i, (half - i) * sizeof *cs);
    memcpy(sin, cs + half + i, (half - i) * sizeof *cs);
    size_t n = 2 * (half - i);
    vf_store_n(x + 2 * i, rotate_pairs_8(vf_load_n(x + 2 * i, n), cos, sin), n);
}

void X16(rope)(float *x, size_t heads, size_t dim, size_t half, const float *cs, bool interleaved)
{
    for (size_t h = 0; h < heads; h++, x += dim) {
        if (interleaved) rotate_pairs(x, half, cs);
        else rotate_halves(x, half, cs);
    }
}
