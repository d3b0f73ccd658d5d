/* What several AVX-512 kernels share. Only files with AVX-512 flags include this. */
#ifndef CX_KERNELS_SIMD_AVX512_H
#define CX_KERNELS_SIMD_AVX512_H

#include "kernels/variants.h"
#include <immintrin.h>

#define CX__INLINE static inline __attribute__((always_inline))
/* Before a loop over registers: at -O2 gcc would keep the array in memory. */
#if defined(__clang__)
#define CX__UNROLL _Pragma("unroll")
#else
#define CX__UNROLL _Pragma("GCC unroll 16")
#endif

/* Lanes of [at, at + 16) that are below n. */
CX__INLINE __mmask16 cx__mask16(size_t n, size_t at)
{
    return n >= at + 16 ? 0xffff : n <= at ? 0 : (__mmask16)((1u << (n - at)) - 1);
}

CX__INLINE __mmask64 cx__mask64(size_t n, size_t at)
{
    return n >= at + 64 ? ~0ull : n <= at ? 0 : (1ull << (n - at)) - 1;
}

CX__INLINE size_t cx__scale_size(cx_dtype dtype)
{
    return dtype == CX_F32 ? 4 : 2;
}

/* The lanes in `mask` of 16 values of a floating type, converted to f32. */
CX__INLINE __m512 cx__load16_f32(const void *p, cx_dtype dtype, __mmask16 mask)
{
    if (dtype == CX_F32) return _mm512_maskz_loadu_ps(mask, p);
    __m256i h = mask == 0xffff ? _mm256_loadu_si256(p) : _mm256_maskz_loadu_epi16(mask, p);
    if (dtype == CX_F16) return _mm512_cvtph_ps(h);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

/* a * b + c in the lanes of the first n, c in the others. */
CX__INLINE __m512 cx__fma_first(__m512 a, __m512 b, __m512 c, size_t n)
{
    return n >= 16 ? _mm512_fmadd_ps(a, b, c) : _mm512_mask3_fmadd_ps(a, b, c, cx__mask16(n, 0));
}

/* 16x16 transpose of 32-bit values. */
CX__INLINE void cx__transpose16(__m512i v[16])
{
    __m512i a[16];
    CX__UNROLL
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    CX__UNROLL
    for (int i = 0; i < 16; i += 4) { /* v[i + j], lane L: column 4L + j of rows i..i+3 */
        v[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    CX__UNROLL
    for (int j = 0; j < 4; j++) {
        a[j] = _mm512_shuffle_i32x4(v[j], v[j + 4], 0x88);          /* L 0 2 of rows 0-7 */
        a[j + 4] = _mm512_shuffle_i32x4(v[j], v[j + 4], 0xdd);      /* L 1 3 */
        a[j + 8] = _mm512_shuffle_i32x4(v[j + 8], v[j + 12], 0x88); /* of rows 8-15 */
        a[j + 12] = _mm512_shuffle_i32x4(v[j + 8], v[j + 12], 0xdd);
    }
    CX__UNROLL
    for (int j = 0; j < 4; j++) {
        v[j] = _mm512_shuffle_i32x4(a[j], a[j + 8], 0x88);
        v[j + 8] = _mm512_shuffle_i32x4(a[j], a[j + 8], 0xdd);
        v[j + 4] = _mm512_shuffle_i32x4(a[j + 4], a[j + 12], 0x88);
        v[j + 12] = _mm512_shuffle_i32x4(a[j + 4], a[j + 12], 0xdd);
    }
}

/* out[i] = the 16 lanes of row i added from left to right, for the first n rows. */
CX__INLINE void cx__sum_lanes16(float *out, const __m512 lanes[16], size_t n)
{
    __m512i v[16];
    CX__UNROLL
    for (int i = 0; i < 16; i++) v[i] = _mm512_castps_si512(lanes[i]);
    cx__transpose16(v);
    __m512 sum = _mm512_castsi512_ps(v[0]);
    CX__UNROLL
    for (int i = 1; i < 16; i++) sum = _mm512_add_ps(sum, _mm512_castsi512_ps(v[i]));
    _mm512_mask_storeu_ps(out, cx__mask16(n, 0), sum);
}

#endif
