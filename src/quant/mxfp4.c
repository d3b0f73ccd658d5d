/* Mode mxfp4: E2M1 codes, groups of 32 with a power of two as the scale.
 * The work is done by kernels; docs/kernels.md has the rule. Tested by tests/unit/test_quant.c with
 * MLX's bytes. */
#include "quant/modes.h"

static void encode(const cx__quant_row *r, uint8_t *q, void *scales, void *biases, const void *w)
{
    (void)biases;
    cx__kernels_get()->fp_encode(q, scales, w, r->dtype, r->cols, CX__MXFP4, 0, r->gpu_rule);
}

/* The widest step is 2 of 6, so a value near 5 may be off by 1 of at least 5. The scale is
 * rounded up: no value is cut off. */
static double error_bound(int bits)
{
    (void)bits;
    return 0.2;
}

static const int all_bits[] = { 4, 0 };
static const int all_groups[] = { 32, 0 };

const cx__quant_codec cx__quant_mxfp4 = {
    .mode = { .name = "mxfp4",
              .bits = all_bits,
              .groups = all_groups,
              .default_bits = 4,
              .default_group = 32 },
    .id = CX__MXFP4,
    .own_scale_dtype = true,
    .scale_dtype = CX_U8,
    .encode = encode,
    .decode = cx__quant_fp_decode,
    .error_bound = error_bound,
};
