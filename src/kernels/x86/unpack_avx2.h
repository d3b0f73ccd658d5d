/* 32 codes of a packed row as 32 bytes, in order; and their exact product with int8. For qgemv and
 * qgemm. */
#ifndef CX_KERNELS_UNPACK_AVX2_H
#define CX_KERNELS_UNPACK_AVX2_H

#include "kernels/x86/simd_avx2.h"

/* 3, 5 and 6 bits: 16 codes are 2*bits bytes, one half of the register. Code e of a half begins in
 * byte e*bits/8 and ends at most one byte later; the shuffle makes a word of the two. Multiplied
 * by 2^(8 - e*bits%8) the code starts at bit 8: there odd codes stay, even ones go down. */
#define CX__PAIR(bits, e) (short)((e) * (bits) / 8 | ((e) * (bits) / 8 + 1) << 8)
#define CX__UP(bits, e) (short)(1 << (8 - (e) * (bits) % 8))
#define CX__HALF(f, bits, e0)                                                                      \
    _mm256_broadcastsi128_si256(_mm_setr_epi16(                                                    \
        f(bits, (e0)), f(bits, (e0) + 2), f(bits, (e0) + 4), f(bits, (e0) + 6), f(bits, (e0) + 8), \
        f(bits, (e0) + 10), f(bits, (e0) + 12), f(bits, (e0) + 14)))
#define CX__UNPACK(bits)                                                                           \
    CX__INLINE __m256i cx__unpack_b##bits(__m256i v)                                               \
    {                                                                                              \
        __m256i even = _mm256_shuffle_epi8(v, CX__HALF(CX__PAIR, bits, 0));                        \
        __m256i odd = _mm256_shuffle_epi8(v, CX__HALF(CX__PAIR, bits, 1));                         \
        even = _mm256_srli_epi16(_mm256_mullo_epi16(even, CX__HALF(CX__UP, bits, 0)), 8);          \
        odd = _mm256_mullo_epi16(odd, CX__HALF(CX__UP, bits, 1));                                  \
        v = _mm256_blendv_epi8(odd, even, _mm256_set1_epi16(0xff));                                \
        return _mm256_and_si256(v, _mm256_set1_epi8((1 << bits) - 1));                             \
    }
CX__UNPACK(3)
CX__UNPACK(5)
CX__UNPACK(6)

/* 32 codes from p, 4*bits bytes; 3, 5 and 6 bits read up to 10 bytes more. */
CX__INLINE __m256i cx__unpack32(const uint8_t *p, int bits)
{
    __m256i v;
    switch (bits) {
    case 2:
        v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
        v = _mm256_or_si256(v, _mm256_slli_epi32(v, 12));
        v = _mm256_or_si256(v, _mm256_slli_epi32(v, 6));
        return _mm256_and_si256(v, _mm256_set1_epi8(3));
    case 4:
        v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
        v = _mm256_or_si256(v, _mm256_slli_epi16(v, 4));
        return _mm256_and_si256(v, _mm256_set1_epi8(15));
    case 8: return _mm256_loadu_si256((const __m256i *)p);
    default:
        v = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p)),
                                    _mm_loadu_si128((const __m128i *)(p + 2 * bits)), 1);
        return bits == 3 ? cx__unpack_b3(v) : bits == 5 ? cx__unpack_b5(v) : cx__unpack_b6(v);
    }
}

/* The same, where p has only `left` >= 4*bits bytes and nothing may be read behind them. */
CX__INLINE __m256i cx__unpack32_end(const uint8_t *p, size_t left, int bits)
{
    uint8_t end[40] = { 0 };
    if (left >= 40) return cx__unpack32(p, bits);
    memcpy(end, p, (size_t)bits * 4);
    return cx__unpack32(end, bits);
}

/* How many vpmaddubsw results an int16 can take: a pair of codes reaches 2 * 127 * (2^bits - 1).
 * 8 bits do not fit once and are split. */
CX__INLINE int cx__i16_sums(int bits)
{
    return bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 0;
}

/* sum + the dwords of codes (8 bits) * x. 7 bits reach 2 * 127 * 127, the eighth counts 128. */
CX__INLINE __m256i cx__multiply_b8(__m256i sum, __m256i codes, __m256i x)
{
    __m256i low = _mm256_and_si256(codes, _mm256_set1_epi8(127));
    __m256i top = _mm256_and_si256(_mm256_srli_epi16(codes, 7), _mm256_set1_epi8(1));
    low = _mm256_madd_epi16(_mm256_maddubs_epi16(low, x), _mm256_set1_epi16(1));
    top = _mm256_madd_epi16(_mm256_maddubs_epi16(top, x), _mm256_set1_epi16(128));
    return _mm256_add_epi32(sum, _mm256_add_epi32(low, top));
}

#endif
