/* quantize_act: one block of 64 in four registers. Specification: ref/quantize_act.c. */
#include "kernels/x86/simd_avx512.h"
#include <math.h>

/* Quantizes up to 64 values (those in the masks) to q[64], sum[2]; returns the scale. */
CX__INLINE float quantize_block(uint8_t *q, int sum[2], const float *x, size_t n)
{
    __m512 v[4];
    __m512i top = _mm512_setzero_si512(), code[4];
    CX__UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_maskz_loadu_ps(cx__mask16(n, (size_t)i * 16), x + 16 * i);
        top = _mm512_max_epu32(
            top, _mm512_and_si512(_mm512_castps_si512(v[i]), _mm512_set1_epi32(0x7fffffff)));
    }
    /* As integers, magnitudes sort like floats and NaN and Inf come out on top. */
    unsigned bits = _mm512_reduce_max_epu32(top);
    float amax, inv;
    memcpy(&amax, &bits, 4);
    bool none = bits >= 0x7f800000u || amax < 0x1p-120f;
    inv = none ? 0 : 127.0f / amax;
    CX__UNROLL
    for (int i = 0; i < 4; i++) {
        code[i] = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], _mm512_set1_ps(inv)));
        if (none) code[i] = _mm512_setzero_si512(); /* NaN * 0 */
        _mm_storeu_si128((__m128i *)(q + 16 * i), _mm512_cvtepi32_epi8(code[i]));
    }
    sum[0] = _mm512_reduce_add_epi32(_mm512_add_epi32(code[0], code[1]));
    sum[1] = _mm512_reduce_add_epi32(_mm512_add_epi32(code[2], code[3]));
    return bits >= 0x7f800000u ? NAN : none ? 0 : amax / 127.0f;
}

void cx__quantize_act_avx512(void *dst, const float *x, size_t cols)
{
    uint8_t *row = dst, *scale = row + cx__qact_scale_at(cols), *sum = row + cx__qact_sum_at(cols);
    uint8_t *end = row + cx__qact_stride(cols);
    for (size_t c = 0; c < cols; c += 64, scale += 4) {
        size_t n = cols - c;
        int isum[2];
        float a = n >= 64 ? quantize_block(row + c, isum, x + c, 64)
                          : quantize_block(row + c, isum, x + c, n);
        memcpy(scale, &a, 4);
        for (int i = 0; i < (n > 32 ? 2 : 1); i++, sum += 4) {
            float t = a * (float)isum[i];
            memcpy(sum, &t, 4);
        }
    }
    memset(sum, 0, (size_t)(end - sum));
}
