/* Sampling helpers over 16 lanes. Specification: ref/logits.c. */
#include "kernels/x16/math.h"
#include <math.h>

static float largest(const float *x, size_t n) /* -INFINITY if there is only NaN */
{
    vf top[4] = { vf_set(-INFINITY), vf_set(-INFINITY), vf_set(-INFINITY), vf_set(-INFINITY) };
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++) top[j] = vf_max(vf_load(x + i + 16 * j), top[j]);
    for (; i + 16 <= n; i += 16) top[0] = vf_max(vf_load(x + i), top[0]);
    float best = vf_top(vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3])));
    for (; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

size_t X16(argmax)(const float *x, size_t n)
{
    float best = largest(x, n);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        unsigned at = vm_bits(vf_equal(vf_load(x + i), vf_set(best)));
        if (at) return i + (size_t)__builtin_ctz(at);
    }
    for (; i < n; i++)
        if (x[i] == best) return i;
    return 0; /* all NaN */
}

float X16(exp_sum)(const float *x, float max, size_t n)
{
    vf lane = vf_set(0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) lane = vf_add(lane, vf_exp(vf_sub(vf_load(x + i), vf_set(max))));
    vf rest = vf_exp(vf_sub(vf_load_n(x + i, n - i), vf_set(max)));
    return vf_sum(vf_add(lane, vf_keep_n(rest, n - i)));
}
