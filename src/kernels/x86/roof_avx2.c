/* Roofs of AVX2: reading 32 bytes at a time, and the vpmaddubsw + vpmaddwd + vpaddd triple that
 * its integer products are made of. */
#include "kernels/variants.h"
#include <immintrin.h>

/* Streams: how many places are read side by side; the best differs from machine to machine. */
static uint64_t read_streams(const uint8_t *p, size_t bytes, size_t streams, size_t ahead)
{
    size_t part = bytes / streams / 128 * 128;
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t i = 0; i < part; i += 128)
        for (size_t s = 0; s < streams; s++) {
            const uint8_t *q = p + s * part + i;
            _mm_prefetch((const char *)q + ahead, _MM_HINT_T0);
            _mm_prefetch((const char *)q + ahead + 64, _MM_HINT_T0);
            s0 = _mm256_xor_si256(s0, _mm256_loadu_si256((const void *)q));
            s1 = _mm256_xor_si256(s1, _mm256_loadu_si256((const void *)(q + 32)));
            s2 = _mm256_xor_si256(s2, _mm256_loadu_si256((const void *)(q + 64)));
            s3 = _mm256_xor_si256(s3, _mm256_loadu_si256((const void *)(q + 96)));
        }
    s0 = _mm256_xor_si256(_mm256_xor_si256(s0, s1), _mm256_xor_si256(s2, s3));
    return (uint64_t)_mm256_extract_epi64(s0, 0) ^ (uint64_t)_mm256_extract_epi64(s0, 3);
}

uint64_t cx__roof_read_avx2(const void *data, size_t bytes, int pattern)
{
    static const struct {
        size_t streams, ahead;
    } patterns[CX__ROOF_PATTERNS] = { { 1, 0 },    { 1, 2048 }, { 2, 2048 },
                                      { 4, 1024 }, { 1, 4096 }, { 8, 512 } };
    return read_streams(data, bytes, patterns[pattern].streams, patterns[pattern].ahead);
}

#define STEP(acc) acc = _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones))

uint64_t cx__roof_int8_avx2(size_t rounds, int32_t *sink)
{
    __m256i a = _mm256_set1_epi8((char)(*sink & 7)), b = _mm256_set1_epi8(3);
    __m256i ones = _mm256_set1_epi16(1), s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a;
    for (size_t i = 0; i < rounds; i++) {
        STEP(s0), STEP(s1), STEP(s2), STEP(s3), STEP(s4), STEP(s5);
        __asm__ volatile("" : "+x"(a), "+x"(b)); /* keeps the products inside the loop */
    }
    s0 = _mm256_add_epi32(_mm256_add_epi32(_mm256_add_epi32(s0, s1), _mm256_add_epi32(s2, s3)),
                          _mm256_add_epi32(s4, s5));
    *sink += _mm256_extract_epi32(s0, 0);
    return rounds * 6 * 32 * 2;
}
