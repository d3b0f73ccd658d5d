/* Scalar exp, tanh and normal tail of the reference kernels. Coefficients: fitted by
 * tools/fit-math.py (least maximum relative error). Tested by tests/check/check_unary.c and
 * check_exp_sum.c against libm in double. */
#include "kernels/ref/math.h"
#include <math.h>

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* 2^e for -126 <= e <= 127; anything for other e, which only NaN brings here. */
static float power_of_2(uint32_t e)
{
    return float_of((e + 127) << 23);
}

/* x = n ln 2 + r; e^x = 2^n (1 + r + r^2 P(r)), P within 3.1e-9. The clamp keeps n in
 * [-150, 128], where 2^n is split in two factors; the last product alone rounds. */
float cx__exp_scalar(float x)
{
    x = -104.0f > x ? -104.0f : x; /* in this order NaN passes */
    x = 89.0f < x ? 89.0f : x;
    float t = fmaf(x, 0x1.715476p+0f, 0x1.8p23f); /* the low bits of t are n */
    float n = t - 0x1.8p23f;
    float r = fmaf(n, -0x1.62e430p-1f, x);
    r = fmaf(n, 0x1.05c610p-29f, r);
    float p = 0x1.6a2342p-10f;
    p = fmaf(p, r, 0x1.123a6cp-7f);
    p = fmaf(p, r, 0x1.5558f4p-5f);
    p = fmaf(p, r, 0x1.555490p-3f);
    p = fmaf(p, r, 0x1.fffffcp-2f);
    p = 1.0f + fmaf(p, r * r, r);
    uint32_t i = bits_of(t) - bits_of(0x1.8p23f), half = i >> 1 | (i & 0x80000000u);
    return p * power_of_2(half) * power_of_2(i - half);
}

/* Below 0.625: x + x^3 P(x^2), P within 4.6e-9 of the series' rest; above: 1 - 2 / (e^2|x| + 1). */
float cx__tanh_scalar(float x)
{
    float a = fabsf(x), z = x * x;
    float p = -0x1.743278p-8f;
    p = fmaf(p, z, 0x1.51ce90p-6f);
    p = fmaf(p, z, -0x1.b83058p-5f);
    p = fmaf(p, z, 0x1.1106d8p-3f);
    p = fmaf(p, z, -0x1.555532p-2f);
    if (a < 0.625f) return fmaf(x, z * p, x);
    return copysignf(1.0f - 2.0f / (cx__exp_scalar(a + a) + 1.0f), x);
}

/* e^(-x^2/2) u P(u) with u = 1 / (1 + 0.3|x|), P within 3.5e-9. The square's rounding error would
 * be multiplied by its size in the exponent, so it is carried along. Zero from 15 on. */
float cx__normal_tail_scalar(float x)
{
    float a = fabsf(x);
    a = 15.0f < a ? 15.0f : a;
    float sq = a * a, err = fmaf(a, a, -sq), e = cx__exp_scalar(-0.5f * sq);
    e = fmaf(e, -0.5f * err, e);
    float u = 1.0f / fmaf(0.3f, a, 1.0f);
    float p = -0x1.51f722p-6f;
    p = fmaf(p, u, 0x1.cca1f2p-4f);
    p = fmaf(p, u, -0x1.d37ed6p-3f);
    p = fmaf(p, u, 0x1.88ed7cp-3f);
    p = fmaf(p, u, -0x1.459306p-4f);
    p = fmaf(p, u, 0x1.89ff04p-4f);
    p = fmaf(p, u, 0x1.41094ap-4f);
    p = fmaf(p, u, 0x1.c388d6p-4f);
    p = fmaf(p, u, 0x1.e9c3d2p-4f);
    p = fmaf(p, u, 0x1.ea3c9cp-4f);
    return e * (u * p);
}

float cx__lane_sum_scalar(const float *lane)
{
    float sum = lane[0];
    for (int l = 1; l < 16; l++) sum += lane[l];
    return sum;
}

float cx__load_scalar(const void *p, cx_dtype dtype, size_t i)
{
    uint16_t h;
    float f;
    if (dtype == CX_F32) return memcpy(&f, (const uint8_t *)p + 4 * i, 4), f;
    memcpy(&h, (const uint8_t *)p + 2 * i, 2);
    return dtype == CX_F16 ? cx__f16_to_f32(h) : cx__bf16_to_f32(h);
}

void cx__store_scalar(void *p, cx_dtype dtype, size_t i, float f)
{
    if (dtype == CX_F32) {
        memcpy((uint8_t *)p + 4 * i, &f, 4);
        return;
    }
    uint16_t h = dtype == CX_F16 ? cx__f32_to_f16(f) : cx__f32_to_bf16(f);
    memcpy((uint8_t *)p + 2 * i, &h, 2);
}
