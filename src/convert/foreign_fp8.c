/* Methods fp8, mxfp8, fbgemm_fp8: F8 weights; weight_scale_inv (a factor, in spite of its name) or
 * weight_scale for the whole, each row, or each block of weight_block_size. Of fused experts X the
 * scale is X_scale_inv. Source: DeepSeek-V3, inference/fp8_cast_bf16.py; transformers
 * FineGrainedFP8Config, FbgemmFp8Config; mlx-lm 0.32.2 models/deepseek_v3.py, ministral3.py. */
#include "convert/foreign.h"

#include <string.h>

static const char *const marks[] = { "_scale_inv", ".weight_scale", NULL };
static const char *const parts[] = { "_scale_inv", ".weight_scale", NULL };
static const char *const drop[] = { "activation_scale", ".input_scale",
                                    ".k_scale",         ".v_scale",
                                    ".q_scale",         ".output_scale",
                                    "input_scale_ub",   NULL };

static cx_status begin(cx__foreign *f)
{
    const json_t *block = json_object_get(f->config, "weight_block_size");
    const char *mxfp8 = !strcmp(f->method_name, "mxfp8") ? "mxfp8" : NULL;
    f->block_count = 1;
    f->blocks[0][0] = mxfp8 ? 1 : 128;
    f->blocks[0][1] = mxfp8 ? 32 : 128;
    if (!block || json_is_null(block)) return CX_OK;
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_array_get(block, i);
        f->blocks[0][i] = json_integer_value(v);
        if (json_array_size(block) != 2 || f->blocks[0][i] < 1 || f->blocks[0][i] > 1 << 20)
            return CX_FAIL(CX_EFORMAT,
                           "%s: 'weight_block_size': expected two integers from 1 to %d", f->where,
                           1 << 20);
    }
    return CX_OK;
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *q, *scale;
    /* The base of "X.weight_scale" is "X.weight" here: the weight has no tail. */
    bool inverse = cx__foreign_has(f, "_scale_inv");
    if (!inverse) strcat(f->base, ".weight"); /* there is room: it had ".weight_scale" */
    CX_TRY(cx__foreign_take(f, inverse ? "_scale_inv" : "_scale", &scale));
    CX_TRY(cx__foreign_need(f, "", &q));
    return cx__foreign_float8(f, "", q, scale);
}

const cx__foreign_method cx__foreign_fp8 = { marks, parts, drop, begin, merge };
