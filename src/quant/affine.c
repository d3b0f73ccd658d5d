/* Mode affine: code * scale + bias. The work is done by kernels; kernels.h has the rule's source.
 * Tested by tests/unit/test_quant.c with MLX's bytes. */
#include "quant/quant.h"

/* Codes of one group, a little-endian bit stream that begins at a byte. */
static void unpack_group(float *out, const uint8_t *q, size_t n, int bits)
{
    unsigned mask = (1u << bits) - 1, have = 0, held = 0;
    for (size_t i = 0; i < n; i++) {
        if (have < (unsigned)bits) {
            held |= (unsigned)*q++ << have;
            have += 8;
        }
        out[i] = (float)(held & mask);
        held >>= bits;
        have -= (unsigned)bits;
    }
}

/* Product and sum rounded to `dtype` each. f32 holds the product exactly, and the sum closely
 * enough (2 * 11 + 2 bits) that rounding it again gives the rounded sum. */
static void decode_narrow(uint16_t *out, cx_dtype dtype, const cx__qmat *w, size_t row)
{
    const cx__kernels *k = cx__kernels_get();
    cx__from_f32_fn *narrow = dtype == CX_F16 ? k->f32_to_f16 : k->f32_to_bf16;
    cx__to_f32_fn *widen = dtype == CX_F16 ? k->f16_to_f32 : k->bf16_to_f32;
    size_t n = (size_t)w->group, groups = w->cols / n;
    const uint8_t *q = w->q + row * (w->cols * (size_t)w->bits / 8);
    cx_tensor scales = { .dtype = dtype, .data = w->scales };
    cx_tensor biases = { .dtype = dtype, .data = w->biases };
    float v[128];
    for (size_t g = 0; g < groups; g++, q += n * (size_t)w->bits / 8, out += n) {
        float s = cx__tensor_f32(&scales, row * groups + g);
        float b = cx__tensor_f32(&biases, row * groups + g);
        unpack_group(v, q, n, w->bits);
        for (size_t i = 0; i < n; i++) v[i] *= s;
        narrow(out, v, n);
        widen(v, out, n);
        for (size_t i = 0; i < n; i++) v[i] += b;
        narrow(out, v, n);
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
