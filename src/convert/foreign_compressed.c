/* Method compressed-tensors (vLLM, llm-compressor). By format:
 *   pack-quantized          weight_packed I32, each row a stream of codes less -2^(bits-1), lowest
 *                           bits first; weight_scale [out, groups] or [out, 1]; weight_shape [2];
 *                           weight_zero_point I32, packed along `out`, if asymmetric
 *   int-, naive-quantized   weight I8, weight_scale, weight_zero_point I8
 *   float-, naive-, mxfp8-quantized  weight F8_E4M3, weight_scale of the whole, rows, groups or
 *                           blocks
 *   nvfp4-pack-quantized    weight_packed U8 of E2M1, weight_scale F8_E4M3 [out, in/16],
 *                           weight_global_scale, value code * (scale / global)
 *   mxfp4-pack-quantized    weight_packed U8, weight_scale U8 of E8M0 [out, in/32]
 * The type of the tensors tells which a weight has; config_groups only the sizes of groups. Source:
 * compressed-tensors 0.20, compressors and quantization/lifecycle/forward.py. */
#include "convert/foreign.h"

#include <string.h>

static const char *const marks[] = { ".weight_scale", NULL };
static const char *const parts[] = { ".weight_scale",
                                     ".weight_packed",
                                     ".weight_zero_point",
                                     ".weight_global_scale",
                                     ".weight_shape",
                                     ".weight_g_idx",
                                     NULL };
static const char *const drop[] = { ".input_scale",
                                    ".input_zero_point",
                                    ".k_scale",
                                    ".v_scale",
                                    ".q_scale",
                                    ".output_scale",
                                    ".input_global_scale",
                                    ".k_zero_point",
                                    ".v_zero_point",
                                    ".output_zero_point",
                                    NULL };

static cx_status check_format(const cx__foreign *f, const json_t *where)
{
    static const char *const known[] = {
        "pack-quantized",  "int-quantized",        "float-quantized",
        "naive-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized",
        "mxfp8-quantized", "mixed-precision",      "dense",
    };
    const char *format = "dense";
    CX_TRY(cx__json_str(where, f->where, "format", &format));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(format, known[i])) return CX_OK;
    return cx__foreign_unsupported(f, "format", format);
}

/* A size of groups or blocks that some module may have. */
static cx_status add_block(cx__foreign *f, int64_t rows, int64_t cols)
{
    for (int i = 0; i < f->block_count; i++)
        if (f->blocks[i][0] == rows && f->blocks[i][1] == cols) return CX_OK;
    if (f->block_count == CX__FOREIGN_BLOCKS)
        return CX_FAIL(CX_ELIMIT, "%s: config_groups: more than %d sizes of groups", f->where,
                       CX__FOREIGN_BLOCKS);
    f->blocks[f->block_count][0] = rows;
    f->blocks[f->block_count++][1] = cols;
    return CX_OK;
}

static cx_status read_group(cx__foreign *f, const json_t *group)
{
    const json_t *weights = json_object_get(group, "weights");
    const json_t *block = json_object_get(weights, "block_structure");
    int64_t size = -1;
    CX_TRY(check_format(f, group));
    CX_TRY(cx__json_int(weights, f->where, "group_size", -1, 1 << 20, &size));
    if (size > 0) CX_TRY(add_block(f, 1, size));
    int64_t rows = json_integer_value(json_array_get(block, 0));
    int64_t cols = json_integer_value(json_array_get(block, 1));
    if (rows > 0 && cols > 0) CX_TRY(add_block(f, rows, cols));
    const char *type = "int";
    bool symmetric = true;
    int64_t bits = 0;
    CX_TRY(cx__json_int(weights, f->where, "num_bits", 1, 64, &bits));
    CX_TRY(cx__json_str(weights, f->where, "type", &type));
    if (!strcmp(type, "int") && bits <= 8) f->bits |= 1 << bits;
    CX_TRY(cx__json_bool(weights, f->where, "symmetric", &symmetric));
    if (symmetric) f->symmetric = true;
    return CX_OK;
}

/* Weights that are rotated or sparse are other weights than those of the model. */
static cx_status check_plain(const cx__foreign *f)
{
    const char *sparse = "dense";
    CX_TRY(
        cx__json_str(json_object_get(f->config, "sparsity_config"), f->where, "format", &sparse));
    if (strcmp(sparse, "dense")) return cx__foreign_unsupported(f, "sparsity_config", sparse);
    const json_t *t = json_object_get(f->config, "transform_config");
    if (json_object_size(json_object_get(t, "config_groups")))
        return cx__foreign_unsupported(f, "transform_config", "config_groups");
    return CX_OK;
}

static cx_status begin(cx__foreign *f)
{
    const char *name;
    json_t *group, *groups = json_object_get(f->config, "config_groups");
    CX_TRY(check_format(f, f->config));
    CX_TRY(check_plain(f));
    json_object_foreach(groups, name, group) CX_TRY(read_group(f, group));
    if (!json_object_size(groups)) f->symmetric = true;
    return CX_OK;
}

/* ---- integers ---- */

static int64_t value_at(const cx_tensor *t, size_t i)
{
    int64_t wide;
    int32_t narrow;
    if (t->dtype == CX_I64) memcpy(&wide, (const uint8_t *)t->data + 8 * i, sizeof wide);
    else memcpy(&narrow, (const uint8_t *)t->data + 4 * i, sizeof narrow), wide = narrow;
    return wide;
}

/* Bits of a code: those of a group of the config with which a row has as many words as it has. */
static cx_status find_bits(const cx__foreign *f, const cx_tensor *q, cx__foreign_weight *w)
{
    int found = 0;
    for (int bits = 1; bits <= 8; bits++) {
        size_t words = w->cols / 32 * (size_t)bits + (w->cols % 32 * (size_t)bits + 31) / 32;
        if (!(f->bits >> bits & 1) || words != (size_t)q->shape[1]) continue;
        w->codes.bits = bits;
        found++;
    }
    if (found == 1) return CX_OK;
    return cx__foreign_expected(f, CX_ESHAPE, q,
                                "words for %zu codes of the num_bits of one config group", w->cols);
}

static cx_status take_shape(cx__foreign *f, const cx_tensor *q, cx__foreign_weight *w)
{
    const cx_tensor *t;
    CX_TRY(cx__foreign_need(f, ".weight_shape", &t));
    CX_TRY(cx__foreign_is(f, t, t->dtype == CX_I32 ? CX_I32 : CX_I64, 1, (const int64_t[]){ 2 }));
    int64_t rows = value_at(t, 0), cols = value_at(t, 1);
    if (rows != q->shape[0] || cols < 1 || (cols - 1) / 32 >= q->shape[1])
        return CX_FAIL(CX_ESHAPE, "%s: '%s': expected %lld rows of %lld words, found %lld x %lld",
                       f->path, t->name, (long long)q->shape[0], (long long)q->shape[1],
                       (long long)rows, (long long)cols);
    w->cols = (size_t)cols;
    return find_bits(f, q, w);
}

/* I32, packed along the rows, [rows*bits/32, groups]; or I8, of the shape of the scales. Stored
 * with the same offset as the codes, if packed. */
static cx_status take_zeros(cx__foreign *f, const cx_tensor *scale, float offset,
                            cx__foreign_weight *w)
{
    const cx_tensor *t;
    CX_TRY(cx__foreign_take(f, ".weight_zero_point", &t));
    w->zero = offset;
    if (!t && f->symmetric) return CX_OK;
    if (!t) return cx__foreign_need(f, ".weight_zero_point", &t);
    if (t->dtype == CX_I8) {
        CX_TRY(cx__foreign_is(f, t, CX_I8, scale->ndim, scale->shape));
        w->zero = offset - 128;
        w->zeros = (cx__codes){
            .data = t->data, .bits = 8, .word = 4, .line = w->groups, .flip = 0x80
        };
        return CX_OK;
    }
    int64_t words = (int64_t)((w->rows * (size_t)w->codes.bits + 31) / 32);
    if (w->step_rows != 1)
        return cx__foreign_expected(f, CX_EUNSUPPORTED, scale, "scales of rows or groups");
    CX_TRY(cx__foreign_is(f, t, CX_I32, 2, (const int64_t[]){ words, (int64_t)w->groups }));
    w->zero = 0;
    w->zeros = (cx__codes){
        .data = t->data, .bits = w->codes.bits, .word = 4 * w->groups, .line = 4, .turned = true
    };
    return CX_OK;
}

static cx_status take_scales(cx__foreign *f, const cx_tensor *scale, cx__foreign_weight *w)
{
    const cx_tensor *g_idx;
    CX_TRY(cx__foreign_wide(f, scale));
    CX_TRY(cx__foreign_scales(f, scale, w));
    CX_TRY(cx__foreign_take(f, ".weight_g_idx", &g_idx));
    return g_idx ? cx__foreign_order(f, g_idx, w) : CX_OK;
}

static cx_status merge_packed(cx__foreign *f, const cx_tensor *q, const cx_tensor *scale)
{
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_new(f, &w));
    CX_TRY(cx__foreign_is(f, q, CX_I32, 2, (const int64_t[]){ -1, -1 }));
    CX_TRY(cx__foreign_matrix(f, q, 32, w)); /* codes of 1 bit: the most */
    CX_TRY(take_shape(f, q, w));
    CX_TRY(take_scales(f, scale, w));
    CX_TRY(take_zeros(f, scale, (float)(1 << (w->codes.bits - 1)), w));
    w->codes.data = q->data;
    w->codes.word = 4;
    w->codes.line = (size_t)q->shape[1] * 4;
    return cx__foreign_put(f, ".weight", q, scale->dtype, "compressed-tensors", w);
}

static cx_status merge_int8(cx__foreign *f, const cx_tensor *q, const cx_tensor *scale)
{
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_new(f, &w));
    CX_TRY(cx__foreign_matrix(f, q, 1, w));
    w->codes = (cx__codes){ .data = q->data, .bits = 8, .word = 4, .line = w->cols, .flip = 0x80 };
    CX_TRY(take_scales(f, scale, w));
    CX_TRY(take_zeros(f, scale, 128, w));
    return cx__foreign_put(f, ".weight", q, scale->dtype, "compressed-tensors", w);
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *q, *scale, *global;
    CX_TRY(cx__foreign_need(f, ".weight_scale", &scale));
    CX_TRY(cx__foreign_take(f, ".weight_packed", &q));
    if (q && q->dtype == CX_U8) {
        CX_TRY(cx__foreign_take(f, ".weight_global_scale", &global));
        return cx__foreign_float4(f, ".weight", q, scale, global, CX__GLOBAL_OVER);
    }
    if (q) return merge_packed(f, q, scale);
    CX_TRY(cx__foreign_need(f, ".weight", &q));
    return q->dtype == CX_I8 ? merge_int8(f, q, scale) : cx__foreign_float8(f, ".weight", q, scale);
}

const cx__foreign_method cx__foreign_compressed = { marks, parts, drop, begin, merge };
