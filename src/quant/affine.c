/* Mode affine: code * scale + bias. The work is done by kernels; kernels.h has the rule's source.
 * Tested by tests/unit/test_quant.c with MLX's bytes. */
#include "quant/quant.h"

/* Code i of a row: a little-endian bit stream. */
static unsigned code_at(const uint8_t *row, size_t i, int bits)
{
    size_t bit = i * (size_t)bits;
    unsigned at = (unsigned)(bit % 8), code = row[bit / 8];
    if (at + (unsigned)bits > 8) code |= (unsigned)row[bit / 8 + 1] << 8;
    return code >> at & ((1u << bits) - 1);
}

/* Product and sum rounded to `dtype` each. f32 holds the product exactly, and the sum closely
 * enough (2 * 11 + 2 bits) that rounding it again gives the rounded sum. */
static void decode_narrow(uint16_t *out, cx_dtype dtype, const cx__qmat *w, size_t row)
{
    bool f16 = dtype == CX_F16;
    uint16_t (*narrow)(float) = f16 ? cx__f32_to_f16 : cx__f32_to_bf16;
    size_t group = (size_t)w->group, first = row * (w->cols / group);
    const uint8_t *codes = w->q + row * (w->cols * (size_t)w->bits / 8);
    cx_tensor scales = { .dtype = dtype, .data = w->scales };
    cx_tensor biases = { .dtype = dtype, .data = w->biases };
    for (size_t i = 0; i < w->cols; i++) {
        float s = cx__tensor_f32(&scales, first + i / group);
        float b = cx__tensor_f32(&biases, first + i / group);
        uint16_t h = narrow((float)code_at(codes, i, w->bits) * s);
        h = narrow((f16 ? cx__f16_to_f32(h) : cx__bf16_to_f32(h)) + b);
        memcpy(out + i, &h, sizeof h);
    }
}

static void decode(void *out, cx_dtype dtype, const cx__qmat *w, size_t row, bool gpu_rule)
{
    (void)gpu_rule;
    if (dtype == CX_F32) cx__kernels_get()->affine_decode(out, w, row);
    else decode_narrow(out, dtype, w, row);
}

/* The kernel picks scale and bias of 16 groups at once and codes with them; a solver that picks
 * better ones takes the place of its group_rules (x16/affine.h, ref/affine.c). */
static void encode(const cx__quant_row *r, uint8_t *q, void *scales, void *biases, const void *w)
{
    cx__kernels_get()->affine_encode(q, scales, biases, w, r->dtype, r->cols, r->bits, r->group,
                                     r->gpu_rule);
}

/* A step is at most 2 / (codes - 1) of the largest value. One code is moved to 0, which changes the
 * step so that the far end of the range may lose up to one step. One bit moves nothing: half a
 * step. */
static double error_bound(int bits)
{
    return bits == 1 ? 1.0 : 2.0 / ((1 << bits) - 1);
}

static const int all_bits[] = { 1, 2, 3, 4, 5, 6, 8, 0 };
static const int all_groups[] = { 32, 64, 128, 0 };

const cx__quant_codec cx__quant_affine = {
    .mode = { .name = "affine",
              .bits = all_bits,
              .groups = all_groups,
              .default_bits = 4,
              .default_group = 64,
              .has_bias = true },
    .id = CX__AFFINE,
    .encode = encode,
    .decode = decode,
    .error_bound = error_bound,
};
