/* What the machine can do at most, for `bench --roofline`: plain reading, and the multiply that
 * the integer products use, here in portable C. */
#include "kernels/variants.h"

uint64_t cx__roof_read_ref(const void *data, size_t bytes, int pattern)
{
    const uint8_t *p = data;
    uint64_t sum = 0, word;
    (void)pattern;
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        memcpy(&word, p + i, 8);
        sum += word;
    }
    return sum;
}

uint64_t cx__roof_int8_ref(size_t rounds, int32_t *sink)
{
    int32_t acc[16] = { 0 };
    for (size_t i = 0; i < rounds; i++)
        for (int j = 0; j < 16; j++) acc[j] += (int32_t)(i & 15) * (j + 1);
    for (int j = 0; j < 16; j++) *sink += acc[j];
    return rounds * 16 * 2;
}
