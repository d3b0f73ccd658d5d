/* Method modelopt (NVIDIA): NVFP4, weight U8 [..., out, in/2] of E2M1, low nibble first,
 * weight_scale F8_E4M3 [..., out, in/16], weight_scale_2 F32, value code * (scale * scale_2); FP8,
 * weight F8_E4M3 and weight_scale of the whole; MXFP8, weight_scale U8 [out, in/32]. Of fused
 * experts X the scales are X_weight_scale and X_weight_scale_2. Config: hf_quant_config.json, or
 * quantization_config. Source: TensorRT-Model-Optimizer,
 * torch/quantization/qtensor/nvfp4_tensor.py; mlx-lm 0.32.2. */
#include "convert/foreign.h"

#include <string.h>

static const char *const marks[] = { "weight_scale", NULL };
static const char *const parts[] = { "weight_scale", "weight_scale_2", "pre_quant_scale", NULL };
static const char *const drop[] = { "input_scale",  ".k_scale",     ".v_scale",      ".q_scale",
                                    ".k_bmm_scale", ".v_bmm_scale", ".output_scale", NULL };

static cx_status begin(cx__foreign *f)
{
    static const char *const known[] = { "NVFP4", "FP8", "MXFP8", "MIXED_PRECISION" };
    const json_t *nested = json_object_get(f->config, "quantization");
    const char *algo = NULL;
    f->group = 16;
    if (json_is_object(nested)) f->config = nested;
    CX_TRY(cx__json_str(f->config, f->where, "quant_algo", &algo));
    CX_TRY(cx__json_int(f->config, f->where, "group_size", 0, 1 << 20, &f->group));
    f->blocks[0][0] = 1;
    f->blocks[0][1] = 32; /* of MXFP8 */
    f->block_count = 1;
    if (!algo) return CX_FAIL(CX_EFORMAT, "%s: quantization: 'quant_algo' is missing", f->where);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(algo, known[i])) return CX_OK;
    return cx__foreign_unsupported(f, "quant_algo", algo);
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *q, *scale, *scale_2;
    size_t len = strlen(f->base);
    /* "X." of "X.weight_scale", whose weight is X.weight; "X_" of experts, whose weight is X. */
    bool fused = len && f->base[len - 1] == '_';
    CX_TRY(cx__foreign_need(f, "weight_scale", &scale));
    CX_TRY(cx__foreign_take(f, "weight_scale_2", &scale_2));
    if (fused) f->base[len - 1] = '\0';
    const char *tail = fused ? "" : "weight";
    CX_TRY(cx__foreign_need(f, tail, &q));
    if (!scale_2) return cx__foreign_float8(f, tail, q, scale);
    return cx__foreign_float4(f, tail, q, scale, scale_2, CX__GLOBAL_TIMES);
}

const cx__foreign_method cx__foreign_modelopt = { marks, parts, drop, begin, merge };
