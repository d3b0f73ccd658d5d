/* 64 codes of a packed row as 64 bytes, in order. For qgemv and qgemm. */
#ifndef CX_KERNELS_UNPACK_AVX512_H
#define CX_KERNELS_UNPACK_AVX512_H

#include "kernels/x86/simd_avx512.h"

/* Bytes [at, at + n) of p, which has `len`; what lies behind is 0 and not read. */
CX__INLINE __m512i cx__load_bytes(const uint8_t *p, size_t at, size_t len, size_t n)
{
    if (n == 64 && len >= at + 64) return _mm512_loadu_si512(p + at);
    return _mm512_maskz_loadu_epi8(cx__mask64(len, at) & cx__mask64(n, 0), p + at);
}

/* Tables for 3, 5 and 6 bits. 16 codes are 2*bits bytes: word bits*L is where those of 128-bit
 * lane L begin. Code e of a lane begins in byte e*bits/8 and ends at most one byte later; even
 * codes are shifted down to the low byte of their word, odd ones up to the high byte. */
#define CX__BIT(bits, e) ((e) * (bits))
#define CX__PAIR(bits, e) /* bytes of code e, as a word of shuffle indices */                      \
    (short)(CX__BIT(bits, e) / 8 | (CX__BIT(bits, e) / 8 + 1) << 8)
#define CX__EIGHT(f, bits, e0)                                                                     \
    f(bits, (e0)), f(bits, (e0) + 2), f(bits, (e0) + 4), f(bits, (e0) + 6), f(bits, (e0) + 8),     \
        f(bits, (e0) + 10), f(bits, (e0) + 12), f(bits, (e0) + 14)
#define CX__DOWN(bits, e) (short)(CX__BIT(bits, e) % 8)
#define CX__UP(bits, e) (short)(8 - CX__BIT(bits, e) % 8)
#define CX__LANES(f, bits, e0) _mm512_broadcast_i32x4(_mm_setr_epi16(CX__EIGHT(f, bits, e0)))
#define CX__WORDS(b, l)                                                                            \
    (b) * (l), (b) * (l) + 1, (b) * (l) + 2, (b) * (l) + 3, (b) * (l) + 4, (b) * (l) + 5,          \
        (b) * (l) + 6, (b) * (l) + 7

#define CX__UNPACK(bits)                                                                           \
    CX__INLINE __m512i cx__unpack_b##bits(__m512i v)                                               \
    {                                                                                              \
        static const uint16_t words[32] = { CX__WORDS(bits, 0), CX__WORDS(bits, 1),                \
                                            CX__WORDS(bits, 2), CX__WORDS(bits, 3) };              \
        v = _mm512_permutexvar_epi16(_mm512_loadu_si512(words), v);                                \
        __m512i even = _mm512_shuffle_epi8(v, CX__LANES(CX__PAIR, bits, 0));                       \
        __m512i odd = _mm512_shuffle_epi8(v, CX__LANES(CX__PAIR, bits, 1));                        \
        even = _mm512_srlv_epi16(even, CX__LANES(CX__DOWN, bits, 0));                              \
        odd = _mm512_sllv_epi16(odd, CX__LANES(CX__UP, bits, 1));                                  \
        /* low bytes of even, high bytes of odd */                                                 \
        v = _mm512_ternarylogic_epi32(_mm512_set1_epi16(0xff), even, odd, 0xca);                   \
        return _mm512_and_si512(v, _mm512_set1_epi8((1 << bits) - 1));                             \
    }
CX__UNPACK(3)
CX__UNPACK(5)
CX__UNPACK(6)

/* 64 codes from byte `at` of p, which has `len` bytes; those behind are 0 and not read. */
CX__INLINE __m512i cx__unpack64(const uint8_t *p, size_t at, size_t len, int bits)
{
    __m512i v = cx__load_bytes(p, at, len, (size_t)bits * 8);
    switch (bits) {
    case 2:
        v = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(v));
        v = _mm512_or_si512(v, _mm512_slli_epi32(v, 12));
        v = _mm512_or_si512(v, _mm512_slli_epi32(v, 6));
        return _mm512_and_si512(v, _mm512_set1_epi8(3));
    case 3: return cx__unpack_b3(v);
    case 4:
        v = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(v));
        v = _mm512_or_si512(v, _mm512_slli_epi16(v, 4));
        return _mm512_and_si512(v, _mm512_set1_epi8(15));
    case 5: return cx__unpack_b5(v);
    case 6: return cx__unpack_b6(v);
    default: return v;
    }
}

#endif
