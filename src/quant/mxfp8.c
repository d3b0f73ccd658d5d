/* Mode mxfp8: E4M3 codes, groups of 32 with a power of two as the scale.
 * The work is done by kernels; docs/kernels.md has the rule. Tested by tests/unit/test_quant.c with
 * MLX's bytes. */
#include "quant/modes.h"

static void encode(const cx__quant_row *r, uint8_t *q, void *scales, void *biases, const void *w)
{
    (void)biases;
    cx__kernels_get()->fp_encode(q, scales, w, r->dtype, r->cols, CX__MXFP8, 0, r->gpu_rule);
}

/* Three bits and the hidden one: half a step of 1/8. The scale is rounded up: no value is cut
 * off. */
static double error_bound(int bits)
{
    (void)bits;
    return 1.0 / 16;
}

static const int all_bits[] = { 8, 0 };
static const int all_groups[] = { 32, 0 };

const cx__quant_codec cx__quant_mxfp8 = {
    .mode = { .name = "mxfp8",
              .bits = all_bits,
              .groups = all_groups,
              .default_bits = 8,
              .default_group = 32 },
    .id = CX__MXFP8,
    .own_scale_dtype = true,
    .scale_dtype = CX_U8,
    .encode = encode,
    .decode = cx__quant_fp_decode,
    .error_bound = error_bound,
};
