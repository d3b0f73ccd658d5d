/* What several AVX2 kernels share. Only files with AVX2 flags include this. */
#ifndef CX_KERNELS_SIMD_AVX2_H
#define CX_KERNELS_SIMD_AVX2_H

#include "kernels/variants.h"
#include <immintrin.h>

#define CX__INLINE static inline __attribute__((always_inline))
/* Before a loop over registers: at -O2 gcc would keep the array in memory. */
#if defined(__clang__)
#define CX__UNROLL _Pragma("unroll")
#else
#define CX__UNROLL _Pragma("GCC unroll 16")
#endif

CX__INLINE int cx__hadd_i32(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

CX__INLINE size_t cx__scale_size(cx_dtype dtype)
{
    return dtype == CX_F32 ? 4 : 2;
}

/* The first min(n, 8) values of a floating type as f32; the others are 0 and not read. */
CX__INLINE __m256 cx__load8_f32(const void *p, cx_dtype dtype, size_t n)
{
    uint8_t first[32] = { 0 };
    if (n < 8) p = memcpy(first, p, n * cx__scale_size(dtype));
    if (dtype == CX_F32) return _mm256_loadu_ps(p);
    __m128i h = _mm_loadu_si128(p);
    if (dtype == CX_F16) return _mm256_cvtph_ps(h);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

/* 8x8 transpose of 32-bit values. */
CX__INLINE void cx__transpose8(__m256i v[8])
{
    __m256i a[8], b[8];
    CX__UNROLL
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    CX__UNROLL
    for (int i = 0; i < 8; i += 4) { /* b[i + j]: columns j, j + 4 of rows i..i+3 */
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    CX__UNROLL
    for (int j = 0; j < 4; j++) {
        v[j] = _mm256_permute2x128_si256(b[j], b[j + 4], 0x20);
        v[j + 4] = _mm256_permute2x128_si256(b[j], b[j + 4], 0x31);
    }
}

#endif
