/* Roof of AVX-512: reading a cache line at a time. */
#include "kernels/variants.h"
#include <immintrin.h>

static uint64_t read_streams(const uint8_t *p, size_t bytes, size_t streams, size_t ahead)
{
    size_t part = bytes / streams / 256 * 256;
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t i = 0; i < part; i += 256)
        for (size_t s = 0; s < streams; s++) {
            const uint8_t *q = p + s * part + i;
            for (size_t j = 0; ahead && j < 256; j += 64)
                _mm_prefetch((const char *)q + ahead + j, _MM_HINT_T0);
            s0 = _mm512_xor_si512(s0, _mm512_loadu_si512(q));
            s1 = _mm512_xor_si512(s1, _mm512_loadu_si512(q + 64));
            s2 = _mm512_xor_si512(s2, _mm512_loadu_si512(q + 128));
            s3 = _mm512_xor_si512(s3, _mm512_loadu_si512(q + 192));
        }
    s0 = _mm512_xor_si512(_mm512_xor_si512(s0, s1), _mm512_xor_si512(s2, s3));
    return (uint64_t)_mm512_reduce_add_epi64(s0);
}

uint64_t cx__roof_read_avx512(const void *data, size_t bytes, int pattern)
{
    static const struct {
        size_t streams, ahead;
    } patterns[CX__ROOF_PATTERNS] = { { 1, 0 },    { 1, 2048 }, { 2, 2048 },
                                      { 4, 1024 }, { 1, 4096 }, { 8, 1024 } };
    return read_streams(data, bytes, patterns[pattern].streams, patterns[pattern].ahead);
}
