/* Mode nvfp4: E2M1 codes, groups of 16 with an E4M3 scale and perhaps a global one.
 * The work is done by kernels; docs/kernels.md has the rule. Tested by tests/unit/test_quant.c with
 * MLX's bytes. */
#include "quant/modes.h"

static void encode(const cx__quant_row *r, uint8_t *q, void *scales, void *biases, const void *w)
{
    (void)biases;
    cx__kernels_get()->fp_encode(q, scales, w, r->dtype, r->cols, CX__NVFP4, r->global_scale,
                                 r->gpu_rule);
}

/* As for mxfp4; the scale may be rounded down by 1/16, which cuts less than that off. */
static double error_bound(int bits)
{
    (void)bits;
    return 0.2;
}

static const int all_bits[] = { 4, 0 };
static const int all_groups[] = { 16, 0 };

const cx__quant_codec cx__quant_nvfp4 = {
    .mode = { .name = "nvfp4",
              .bits = all_bits,
              .groups = all_groups,
              .default_bits = 4,
              .default_group = 16 },
    .id = CX__NVFP4,
    .own_scale_dtype = true,
    .scale_dtype = CX_U8,
    .encode = encode,
    .decode = cx__quant_fp_decode,
    .error_bound = error_bound,
};
