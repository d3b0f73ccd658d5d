/* Specification of the rotary embedding. Tested by tests/check/check_rope.c against double. */
#include "kernels/variants.h"
#include <math.h>

static void rotate(float *a, float *b, float cos, float sin)
{
    float x = *a, y = *b;
    *a = fmaf(x, cos, -(y * sin));
    *b = fmaf(y, cos, x * sin);
}

void cx__rope_ref(float *x, size_t heads, size_t dim, size_t half, const float *cs,
                  bool interleaved)
{
    for (size_t h = 0; h < heads; h++, x += dim)
        for (size_t i = 0; i < half; i++) {
            size_t a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + half;
            rotate(x + a, x + b, cs[i], cs[half + i]);
        }
}
