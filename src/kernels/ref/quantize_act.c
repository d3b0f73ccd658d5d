/* Specification of quantize_act: f32 activations to int8 in blocks of 64. Source: field.md 1.5
 * (the sum is that of the quantized values). Tested by tests/check/check_quantize_act.c. */
#include "kernels/variants.h"
#include <math.h>

/* Quantizes x[0, n), n <= 64, to q (64 bytes, zero padded) and returns the scale.
 * A block without a value of at least 2^-120 is 0: 127/amax would overflow, and so little cannot
 * matter beside the f32 sums. A block with NaN or Inf gets scale NaN, so that the product shows it
 * instead of a plausible number. */
static float quantize_block(int8_t *q, const float *x, size_t n)
{
    float amax = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        amax = fmaxf(amax, fabsf(x[i]));
    }
    memset(q, 0, 64);
    if (!finite) return NAN;
    if (amax < 0x1p-120f) return 0;
    float inv = 127.0f / amax;
    for (size_t i = 0; i < n; i++) q[i] = (int8_t)rintf(x[i] * inv);
    return amax / 127.0f;
}

static int sum_i8(const int8_t *q, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) sum += q[i];
    return sum;
}

void cx__quantize_act_ref(void *dst, const float *x, size_t cols)
{
    uint8_t *row = dst, *scale = row + cx__qact_scale_at(cols), *sum = row + cx__qact_sum_at(cols);
    memset(scale, 0, cx__qact_stride(cols) - cx__qact_scale_at(cols)); /* padding is 0 too */
    for (size_t c = 0; c < cols; c += 64, scale += 4) {
        int8_t q[64];
        float a = quantize_block(q, x + c, cols - c < 64 ? cols - c : 64);
        memcpy(row + c, q, 64);
        memcpy(scale, &a, 4);
        for (size_t i = c; i < c + 64 && i < cols; i += 32, sum += 4) {
            float t = a * (float)sum_i8(q + (i - c), 32);
            memcpy(sum, &t, 4);
        }
    }
}
