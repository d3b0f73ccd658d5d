/* Specification of the sampling helpers. Tested by tests/check/check_logits.c. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"

size_t cx__argmax_ref(const float *x, size_t n)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (best == n ? x[i] == x[i] : x[i] > x[best]) best = i;
    return best == n ? 0 : best;
}

float cx__exp_sum_ref(const float *x, float max, size_t n)
{
    float lane[16] = { 0 };
    for (size_t i = 0; i < n; i++) lane[i % 16] += cx__exp_scalar(x[i] - max);
    return cx__lane_sum_scalar(lane);
}
