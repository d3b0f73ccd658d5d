/* Packed matrices of a model file: three tensors and the config must make one packing. Source:
 * mlx-lm 0.32.2 utils.py load_model (mlx.md 1.1). Tested by tests/unit/test_quant_matrix.c. */
#include "quant/modes.h"
#include <stdio.h>

typedef struct source {
    const cx_tensor *weight, *scales, *biases;
    const json_t *quantization;
    const char *where, *name;
} source;

/* What the config says; an absent number is 0. */
typedef struct stated {
    const char *mode;
    int64_t bits, group;
    bool own; /* an entry of this module, not the default of all */
} stated;

static cx_status read_entry(const source *s, const json_t *entry, stated *out)
{
    out->mode = "affine";
    CX_TRY(cx__json_str(entry, s->where, "mode", &out->mode));
    CX_TRY(cx__json_int(entry, s->where, "bits", 1, 64, &out->bits));
    return cx__json_int(entry, s->where, "group_size", 1, 65536, &out->group);
}

/* The module's own entry, else the default; null numbers are the mode's defaults. */
static cx_status read_config(const source *s, stated *out)
{
    char path[512];
    size_t len = strlen(s->name), tail = strlen(".weight");
    if (len > tail && !strcmp(s->name + len - tail, ".weight")) len -= tail;
    snprintf(path, sizeof path, "%.*s", (int)len, s->name);
    const json_t *own = json_object_get(s->quantization, path);
    if (json_is_false(own))
        return CX_FAIL(CX_EFORMAT, "%s: quantization says false for '%s', which has scales",
                       s->where, path);
    out->own = json_is_object(own);
    if (!out->own && !s->quantization) return CX_OK;
    CX_TRY(read_entry(s, out->own ? own : s->quantization, out));
    const cx__quant_codec *codec = cx__quant_codec_find(out->mode);
    if (!codec)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: tensor '%s': quantization mode '%s' is not supported",
                       s->where, s->name, out->mode);
    if (!out->bits) out->bits = codec->mode.default_bits;
    if (!out->group) out->group = codec->mode.default_group;
    if (cx__quant_list_has(codec->mode.bits, out->bits) &&
        cx__quant_list_has(codec->mode.groups, out->group))
        return CX_OK;
    return CX_FAIL(
        CX_EUNSUPPORTED,
        "%s: tensor '%s': quantization mode '%s' of %d bits in groups of %d is not supported",
        s->where, s->name, out->mode, (int)out->bits, (int)out->group);
}

static cx_status no_fit(const source *s, const cx_tensor *other, const char *what)
{
    char weight[128], text[128];
    return CX_FAIL(CX_ESHAPE, "%s: tensor '%s' is %s, which does not fit its %s %s", s->where,
                   s->name, cx__tensor_text(s->weight, weight, sizeof weight), what,
                   cx__tensor_text(other, text, sizeof text));
}

static bool whole(const cx_tensor *t, size_t *count)
{
    size_t bytes;
    return t->ndim >= 2 && t->ndim <= CX_MAX_DIMS && t->shape[t->ndim - 1] > 0 &&
           cx__tensor_count(t, count) && cx__mul(*count, cx_dtype_size(t->dtype), &bytes) &&
           bytes == t->bytes;
}

/* All but the last dimension equal, and the last too if `last`. */
static bool same_shape(const cx_tensor *a, const cx_tensor *b, bool last)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim - !last; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

static cx_status check_types(const source *s)
{
    cx_dtype type = s->scales->dtype;
    if (s->weight->dtype != CX_U32)
        return CX_FAIL(CX_ETYPE, "%s: tensor '%s' has scales, so expected U32, found %s", s->where,
                       s->name, cx_dtype_name(s->weight->dtype));
    if (type == CX_U8)
        return CX_FAIL(
            CX_EUNSUPPORTED,
            "%s: tensor '%s' has U8 scales: quantization modes mxfp4, mxfp8 and nvfp4 are "
            "not supported",
            s->where, s->name);
    if (type != CX_F32 && type != CX_F16 && type != CX_BF16)
        return CX_FAIL(CX_ETYPE, "%s: scales of tensor '%s': expected F32, F16 or BF16, found %s",
                       s->where, s->name, cx_dtype_name(type));
    return CX_OK;
}

/* Bits of a group, all that the shapes say: group size times bits of a code. */
static cx_status group_bits(const source *s, size_t *out)
{
    size_t words, groups, bits, count;
    CX_TRY(check_types(s));
    if (!whole(s->weight, &count) || !whole(s->scales, &count) ||
        !same_shape(s->weight, s->scales, false))
        return no_fit(s, s->scales, "scales");
    words = (size_t)s->weight->shape[s->weight->ndim - 1];
    groups = (size_t)s->scales->shape[s->scales->ndim - 1];
    if (!cx__mul(words, 32, &bits) || bits % groups) return no_fit(s, s->scales, "scales");
    *out = bits / groups;
    return CX_OK;
}

/* Bits and group of one product. With the stated group if that goes, as MLX's tools keep one group
 * size for a model; else if only one pair has that product. */
static bool infer(size_t product, int64_t group_hint, int *bits, int *group)
{
    const cx_quant_mode *m = cx_quant_mode_at(0);
    int found = 0;
    for (const int *g = m->groups; *g; g++)
        for (const int *b = m->bits; *b; b++) {
            if ((size_t)*g * (size_t)*b != product) continue;
            *bits = *b;
            *group = *g;
            if (*g == group_hint) return true;
            found++;
        }
    return found == 1;
}

static cx_status packing(const source *s, int *bits, int *group)
{
    stated said = { 0 };
    size_t product = 0;
    CX_TRY(read_config(s, &said));
    CX_TRY(group_bits(s, &product));
    if (said.bits && (size_t)(said.bits * said.group) == product) {
        *bits = (int)said.bits;
        *group = (int)said.group;
        return CX_OK;
    }
    if (said.own)
        return CX_FAIL(
            CX_EFORMAT,
            "%s: tensor '%s': config.json says %d bits in groups of %d, but a group has %zu "
            "bits",
            s->where, s->name, (int)said.bits, (int)said.group, product);
    if (infer(product, said.group, bits, group)) return CX_OK;
    return CX_FAIL(
        CX_EFORMAT,
        "%s: tensor '%s': no bits and group size follow from config.json and %zu bits in a "
        "group",
        s->where, s->name, product);
}

static cx_status check_biases(const source *s)
{
    size_t count;
    if (!s->biases)
        return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' has scales but no biases", s->where, s->name);
    if (s->biases->dtype != s->scales->dtype)
        return CX_FAIL(CX_ETYPE, "%s: biases of tensor '%s': expected %s as the scales, found %s",
                       s->where, s->name, cx_dtype_name(s->scales->dtype),
                       cx_dtype_name(s->biases->dtype));
    if (!whole(s->biases, &count) || !same_shape(s->scales, s->biases, true))
        return no_fit(s, s->biases, "biases");
    return CX_OK;
}

cx_status cx__quant_matrix(const cx_tensor *weight, const cx_tensor *scales,
                           const cx_tensor *biases, const json_t *quantization, const char *where,
                           const char *name, cx__qmat *out)
{
    source s = { .weight = weight,
                 .scales = scales,
                 .biases = biases,
                 .quantization = quantization,
                 .where = where,
                 .name = name };
    int bits, group;
    size_t count = 0;
    if (!weight) return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' is missing", where, name);
    if (!scales) return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' has no scales", where, name);
    CX_TRY(packing(&s, &bits, &group));
    CX_TRY(check_biases(&s));
    if (!cx__tensor_count(scales, &count)) return no_fit(&s, scales, "scales");
    size_t groups = (size_t)scales->shape[scales->ndim - 1];
    *out = (cx__qmat){ .q = weight->data,
                       .scales = scales->data,
                       .biases = biases->data,
                       .scale_dtype = scales->dtype,
                       .bits = bits,
                       .group = group,
                       .rows = count / groups,
                       .cols = groups * (size_t)group };
    return CX_OK;
}

int cx__quant_bits(const cx_tensor *weight, const cx_tensor *scales, const json_t *quantization,
                   const char *where, const char *name)
{
    source s = { .weight = weight,
                 .scales = scales,
                 .quantization = quantization,
                 .where = where,
                 .name = name };
    int bits, group;
    return packing(&s, &bits, &group) == CX_OK ? bits : 0;
}
