/* Roof of AVX-512 VNNI: vpdpbusd on twelve independent accumulators. */
#include "kernels/variants.h"
#include <immintrin.h>

enum { CHAINS = 12 };

uint64_t cx__roof_int8_vnni512(size_t rounds, int32_t *sink)
{
    __m512i a = _mm512_set1_epi8((char)(*sink & 7)), b = _mm512_set1_epi8(3), s[CHAINS];
    for (int j = 0; j < CHAINS; j++) s[j] = _mm512_set1_epi32(j);
    for (size_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) s[j] = _mm512_dpbusd_epi32(s[j], a, b);
        __asm__ volatile("" : "+v"(a), "+v"(b)); /* keeps the products inside the loop */
    }
    for (int j = 0; j < CHAINS; j++) *sink += _mm512_reduce_add_epi32(s[j]);
    return rounds * CHAINS * 64 * 2;
}
