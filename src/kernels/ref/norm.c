/* Specification of the norms. Sums in 16 lanes, see kernels.h. Tested by tests/check/check_norm.c
 * against double sums. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

static float inverse_deviation(float squares, size_t n, float eps)
{
    return 1.0f / sqrtf(squares / (float)n + eps);
}

void cx__rms_norm_ref(float *y, const float *x, const float *w, size_t n, float eps)
{
    float lane[16] = { 0 };
    for (size_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    float inv = inverse_deviation(cx__lane_sum_scalar(lane), n, eps);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * inv * w[i];
}

void cx__layer_norm_ref(float *y, const float *x, const float *w, const float *b, size_t n,
                        float eps)
{
    float lane[16] = { 0 };
    for (size_t i = 0; i < n; i++) lane[i % 16] += x[i];
    float mean = cx__lane_sum_scalar(lane) / (float)n;
    memset(lane, 0, sizeof lane);
    for (size_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i] - mean, x[i] - mean, lane[i % 16]);
    float inv = inverse_deviation(cx__lane_sum_scalar(lane), n, eps);
    for (size_t i = 0; i < n; i++) {
        float z = (x[i] - mean) * inv;
        y[i] = b ? fmaf(z, w[i], b[i]) : z * w[i];
    }
}
