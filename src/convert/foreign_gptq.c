/* Method gptq: qweight I32 [in*bits/32, out], each column a stream of codes along `in`, lowest bits
 * first (also of 3 bits); qzeros I32 [groups, out*bits/32], streams along `out`; scales [groups,
 * out]; g_idx I32 [in], the group of each column of the weight (act-order). Value (code - zero) *
 * scale. In checkpoint_format "gptq" zeros are stored less 1, in "gptq_v2" as they are. Source:
 * AutoGPTQ, nn_modules/qlinear; GPTQModel, utils/model.py. */
#include "convert/foreign.h"

#include <string.h>

static const char *const marks[] = { ".qweight", NULL };
static const char *const parts[] = { ".qweight", ".qzeros", ".scales", ".g_idx", NULL };
static const char *const drop[] = { NULL };

/* What was taken from each zero. Whole words are added to, as GPTQModel does: a zero of 0 borrowed
 * from its neighbour. Of 3 bits AutoGPTQ took 1 of each zero; GPTQModel other numbers of each word
 * (those of 1, but in reverse order). */
static void stored_less_one(const cx__foreign *f, cx__codes *zeros)
{
    static const uint32_t ones[9][3] = {
        [2] = { 0x55555555, 0x55555555, 0x55555555 },
        [3] = { 0x24924924, 0x92492492, 0x49249249 },
        [4] = { 0x11111111, 0x11111111, 0x11111111 },
        [8] = { 0x01010101, 0x01010101, 0x01010101 },
    };
    if (zeros->bits == 3 && !f->gptqmodel) zeros->plus = 1;
    else memcpy(zeros->add, ones[zeros->bits], sizeof zeros->add);
}

/* meta.quantizer of GPTQModel: ["gptqmodel:1.4.0"]. */
static bool by_gptqmodel(const json_t *config)
{
    const json_t *q = json_object_get(json_object_get(config, "meta"), "quantizer");
    const char *name = json_string_value(json_is_array(q) ? json_array_get(q, 0) : q);
    return name && !strncmp(name, "gptqmodel", 9);
}

static cx_status begin(cx__foreign *f)
{
    const char *format = "gptq", *words = "int32";
    f->bits = 4;
    f->group = 128;
    CX_TRY(cx__json_int(f->config, f->where, "bits", 1, 64, &f->bits));
    CX_TRY(cx__json_int(f->config, f->where, "group_size", -1, 1 << 20, &f->group));
    CX_TRY(cx__json_str(f->config, f->where, "format", &format));
    CX_TRY(cx__json_str(f->config, f->where, "checkpoint_format", &format));
    CX_TRY(cx__json_str(f->config, f->where, "pack_dtype", &words));
    f->flexible = json_object_size(json_object_get(f->config, "dynamic")) > 0;
    if (strcmp(format, "gptq") && strcmp(format, "gptq_v2"))
        return cx__foreign_unsupported(f, "checkpoint_format", format);
    if (strcmp(words, "int32")) return cx__foreign_unsupported(f, "pack_dtype", words);
    bool known = f->bits == 2 || f->bits == 3 || f->bits == 4 || f->bits == 8;
    if (!known || !f->group)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: quantization 'gptq': expected 2, 3, 4 or 8 bits in groups, found %d "
                       "bits in groups of %d",
                       f->where, (int)f->bits, (int)f->group);
    f->v2 = !strcmp(format, "gptq_v2");
    f->gptqmodel = by_gptqmodel(f->config);
    return CX_OK;
}

typedef struct layer {
    const cx_tensor *q, *scales, *zeros, *g_idx;
    int64_t bits, group;
} layer;

static cx_status take(cx__foreign *f, layer *l)
{
    CX_TRY(cx__foreign_need(f, ".qweight", &l->q));
    CX_TRY(cx__foreign_need(f, ".scales", &l->scales));
    CX_TRY(cx__foreign_take(f, ".qzeros", &l->zeros));
    CX_TRY(cx__foreign_take(f, ".g_idx", &l->g_idx));
    CX_TRY(cx__foreign_is(f, l->q, CX_I32, 2, (const int64_t[]){ -1, -1 }));
    CX_TRY(cx__foreign_wide(f, l->scales));
    CX_TRY(
        cx__foreign_is(f, l->scales, l->scales->dtype, 2, (const int64_t[]){ -1, l->q->shape[1] }));
    if (l->zeros)
        CX_TRY(
            cx__foreign_is(f, l->zeros, CX_I32, 2, (const int64_t[]){ l->scales->shape[0], -1 }));
    return CX_OK;
}

/* Where the config lets modules differ, the zeros tell the bits, the scales the group. Nothing here
 * overflows: the shapes are those of data in memory. */
static cx_status find_bits(const cx__foreign *f, layer *l)
{
    int64_t out = l->q->shape[1], groups = l->scales->shape[0];
    l->bits = f->bits;
    if (f->flexible && l->zeros) {
        int64_t bits = l->zeros->shape[1] * 32 / out;
        if (bits == 2 || bits == 3 || bits == 4 || bits == 8) l->bits = bits;
    }
    int64_t in = l->q->shape[0] * 32 / l->bits;
    if (l->q->shape[0] * 32 % l->bits)
        return cx__foreign_expected(f, CX_ESHAPE, l->q, "whole codes of %d bits", (int)l->bits);
    if (l->zeros && (out * l->bits % 32 || l->zeros->shape[1] != out * l->bits / 32))
        return cx__foreign_expected(f, CX_ESHAPE, l->zeros, "%d bits for each of %lld rows",
                                    (int)l->bits, (long long)out);
    l->group = f->group < 0 ? in : f->group;
    if (f->flexible && in % groups == 0 && (in - 1) / l->group + 1 != groups)
        l->group = in / groups;
    return CX_OK;
}

static cx_status merge(cx__foreign *f)
{
    layer l;
    cx__foreign_weight *w;
    CX_TRY(take(f, &l));
    CX_TRY(cx__foreign_new(f, &w));
    CX_TRY(find_bits(f, &l));
    CX_TRY(cx__foreign_matrix(f, l.q, 16, w)); /* codes of 2 bits: the most */
    w->rows = (size_t)l.q->shape[1];
    w->cols = (size_t)(l.q->shape[0] * 32 / l.bits);
    CX_TRY(cx__foreign_columns(f, l.scales, (size_t)l.group, w));
    if (l.g_idx) CX_TRY(cx__foreign_order(f, l.g_idx, w));
    w->codes = (cx__codes){
        .data = l.q->data, .bits = (int)l.bits, .word = 4 * w->rows, .line = 4
    };
    if (!l.zeros) {
        w->zero = (float)(1 << (l.bits - 1));
    } else {
        w->zeros = (cx__codes){ .data = l.zeros->data,
                                .bits = (int)l.bits,
                                .word = 4,
                                .line = (size_t)l.zeros->shape[1] * 4,
                                .turned = true };
        if (!f->v2) stored_less_one(f, &w->zeros);
    }
    return cx__foreign_put(f, ".weight", l.q, l.scales->dtype, "gptq", w);
}

const cx__foreign_method cx__foreign_gptq = { marks, parts, drop, begin, merge };
