/* Specification of MLX's affine quantization. Source: mlx.md 1.4 (mlx/backend/cpu/quantized.cpp;
 * the GPU rule: its Metal kernels). Bytes pinned by tests/golden/quant, made with MLX.
 * Tested by tests/check/check_affine.c and tests/unit/test_quant.c. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

typedef struct code_rule {
    float scale, bias;
} code_rule;

static float round_by(float f, bool gpu_rule)
{
    return gpu_rule ? roundf(f) : rintf(f);
}

/* Step and value of code 0 of a group. NaN enters no extremum; an infinity makes the scale NaN. */
static code_rule group_rule(const void *w, cx_dtype dtype, size_t from, size_t group, float codes,
                            bool gpu_rule)
{
    float hi = gpu_rule ? 0 : -INFINITY, lo = INFINITY;
    for (size_t i = from; i < from + group; i++) {
        float f = cx__load_scalar(w, dtype, i);
        hi = f > hi ? f : hi;
        lo = f < lo ? f : lo;
    }
    if (codes == 1) return (code_rule){ hi - lo < 1e-7f ? 1e-7f : hi - lo, lo };
    bool low_edge = fabsf(lo) > fabsf(hi);
    float scale = (hi - lo) / codes, edge = low_edge ? lo : hi;
    scale = scale < 1e-7f ? 1e-7f : scale;
    scale = low_edge ? scale : -scale;
    float q0 = round_by(edge / scale, gpu_rule);
    if (q0 == 0) return (code_rule){ scale, 0 };
    return (code_rule){ edge / q0, edge };
}

static void put_code(uint8_t *q, size_t i, int bits, unsigned code)
{
    for (int b = 0; b < bits; b++) {
        size_t at = i * (size_t)bits + (size_t)b;
        q[at / 8] |= (uint8_t)((code >> b & 1) << at % 8);
    }
}

void cx__affine_encode_ref(uint8_t *q, void *scales, void *biases, const void *w, cx_dtype dtype,
                           size_t cols, int bits, int group, bool gpu_rule)
{
    float codes = (float)((1 << bits) - 1);
    memset(q, 0, cols * (size_t)bits / 8);
    for (size_t g = 0; g < cols / (size_t)group; g++) {
        size_t from = g * (size_t)group;
        code_rule r = group_rule(w, dtype, from, (size_t)group, codes, gpu_rule);
        cx__store_scalar(scales, dtype, g, r.scale);
        cx__store_scalar(biases, dtype, g, r.bias);
        for (size_t i = from; i < from + (size_t)group; i++) {
            /* The f32 scale and bias, not the stored ones. */
            float code = round_by((cx__load_scalar(w, dtype, i) - r.bias) / r.scale, gpu_rule);
            code = code > 0 ? code : 0; /* NaN becomes 0 */
            code = code < codes ? code : codes;
            put_code(q, i, bits, (unsigned)code);
        }
    }
}

void cx__affine_decode_ref(float *dst, const cx__qmat *w, size_t row)
{
    const uint8_t *q = w->q + row * (w->cols * (size_t)w->bits / 8);
    size_t groups = w->cols / (size_t)w->group;
    for (size_t i = 0; i < w->cols; i++) {
        size_t at = i * (size_t)w->bits, g = row * groups + i / (size_t)w->group;
        unsigned code = q[at / 8];
        if (at % 8 + (size_t)w->bits > 8) code |= (unsigned)q[at / 8 + 1] << 8;
        code = code >> at % 8 & ((1u << w->bits) - 1);
        dst[i] = (float)code * cx__load_scalar(w->scales, w->scale_dtype, g);
        dst[i] += cx__load_scalar(w->biases, w->scale_dtype, g);
    }
}
