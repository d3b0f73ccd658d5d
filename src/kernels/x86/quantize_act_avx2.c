/* quantize_act: one block of 64 in eight registers. Specification: ref/quantize_act.c. */
#include "kernels/x86/simd_avx2.h"
#include <math.h>

static unsigned max_u32(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (unsigned)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

/* Quantizes 64 values to q[64], sum[2]; returns the scale. */
static float quantize_block(uint8_t *q, int sum[2], const float *x)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i top = _mm256_setzero_si256(), code[8];
    for (int i = 0; i < 8; i++)
        top = _mm256_max_epu32(top, _mm256_and_si256(_mm256_loadu_si256((const void *)(x + 8 * i)),
                                                     _mm256_set1_epi32(0x7fffffff)));
    /* As integers, magnitudes sort like floats and NaN and Inf come out on top. */
    unsigned bits = max_u32(top);
    float amax, inv;
    memcpy(&amax, &bits, 4);
    bool none = bits >= 0x7f800000u || amax < 0x1p-120f;
    inv = none ? 0 : 127.0f / amax;
    for (int i = 0; i < 8; i++) {
        code[i] = _mm256_cvtps_epi32(
            _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(inv)));
        if (none) code[i] = _mm256_setzero_si256(); /* NaN * 0 */
    }
    for (int i = 0; i < 8; i += 4) { /* packs work within halves: reorder dwords */
        __m256i b = _mm256_packs_epi16(_mm256_packs_epi32(code[i], code[i + 1]),
                                       _mm256_packs_epi32(code[i + 2], code[i + 3]));
        _mm256_storeu_si256((__m256i *)(q + 8 * i), _mm256_permutevar8x32_epi32(b, order));
        sum[i / 4] = cx__hadd_i32(_mm256_add_epi32(_mm256_add_epi32(code[i], code[i + 1]),
                                                   _mm256_add_epi32(code[i + 2], code[i + 3])));
    }
    return bits >= 0x7f800000u ? NAN : none ? 0 : amax / 127.0f;
}

void cx__quantize_act_avx2(void *dst, const float *x, size_t cols)
{
    uint8_t *row = dst, *scale = row + cx__qact_scale_at(cols), *sum = row + cx__qact_sum_at(cols);
    uint8_t *end = row + cx__qact_stride(cols);
    for (size_t c = 0; c < cols; c += 64, scale += 4) {
        float tail[64] = { 0 }, a;
        size_t n = cols - c;
        int isum[2];
        if (n < 64) memcpy(tail, x + c, n * 4);
        a = quantize_block(row + c, isum, n < 64 ? tail : x + c);
        memcpy(scale, &a, 4);
        for (int i = 0; i < (n > 32 ? 2 : 1); i++, sum += 4) {
            float t = a * (float)isum[i];
            memcpy(sum, &t, 4);
        }
    }
    memset(sum, 0, (size_t)(end - sum));
}
