/* Packed matrices of a model file: their tensors and the config must make one packing. Source:
 * mlx-lm 0.32.2 utils.py load_model, infer_quant_config (mlx.md 1.1). Tested by
 * tests/unit/test_quant_matrix.c. */
#include "quant/modes.h"
#include <stdio.h>

typedef struct source {
    const cx_tensor *weight, *scales, *biases, *global_scale;
    const json_t *quantization;
    const char *where, *name;
    size_t cols; /* that the model expects; 0: not known */
} source;

/* What the config says; an absent number is 0. */
typedef struct stated {
    const char *mode;
    const cx__quant_codec *codec; /* NULL: it says nothing */
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

/* The module's own entry, else the default; null numbers are the mode's defaults. An entry `true`
 * stands for the default. */
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
    out->own = json_is_object(own) || json_is_true(own);
    if (!out->own && !s->quantization) return CX_OK;
    CX_TRY(read_entry(s, json_is_object(own) ? own : s->quantization, out));
    out->codec = cx__quant_codec_find(out->mode);
    if (!out->codec)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: tensor '%s': quantization mode '%s' is not supported",
                       s->where, s->name, out->mode);
    if (!out->bits) out->bits = out->codec->mode.default_bits;
    if (!out->group) out->group = out->codec->mode.default_group;
    if (cx__quant_list_has(out->codec->mode.bits, out->bits) &&
        cx__quant_list_has(out->codec->mode.groups, out->group))
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
    if (type != CX_U8 && !cx__quant_is_float(type))
        return CX_FAIL(CX_ETYPE,
                       "%s: scales of tensor '%s': expected F32, F16, BF16 or U8, found %s",
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

static bool takes_scales(const cx__quant_codec *c, cx_dtype dtype)
{
    return c->own_scale_dtype ? c->scale_dtype == dtype : cx__quant_is_float(dtype);
}

/* The packing that shapes and scales give: of all modes, that with so many bits in a group and,
 * if they are known, the columns. Else the stated group goes first, as MLX's tools keep one for
 * a model; else only one may have that product. */
static bool infer(const source *s, size_t product, int64_t hint, cx__packing *out)
{
    size_t groups = (size_t)s->scales->shape[s->scales->ndim - 1], found = 0;
    const cx__quant_codec *c;
    for (size_t i = 0; (c = cx__quant_codec_at(i)); i++) {
        if (!takes_scales(c, s->scales->dtype)) continue;
        for (const int *g = c->mode.groups; *g; g++)
            for (const int *b = c->mode.bits; *b; b++) {
                if ((size_t)*g * (size_t)*b != product) continue;
                if (s->cols && (s->cols % (size_t)*g || s->cols / (size_t)*g != groups)) continue;
                *out = (cx__packing){ &c->mode, c->id, *b, *g };
                if (*g == hint) return true;
                found++;
            }
    }
    return found == 1;
}

static cx_status contradiction(const source *s, const stated *said, size_t product)
{
    return CX_FAIL(CX_EFORMAT,
                   "%s: tensor '%s': config.json says %s, %d bits in groups of %d, but a group has "
                   "%zu bits and %s scales",
                   s->where, s->name, said->mode, (int)said->bits, (int)said->group, product,
                   cx_dtype_name(s->scales->dtype));
}

static cx_status packing(const source *s, cx__packing *out)
{
    stated said = { 0 };
    size_t product = 0;
    CX_TRY(read_config(s, &said));
    CX_TRY(group_bits(s, &product));
    bool fits = said.codec && (size_t)(said.bits * said.group) == product &&
                takes_scales(said.codec, s->scales->dtype);
    if (fits && (said.own || !s->cols)) {
        *out = (cx__packing){ &said.codec->mode, said.codec->id, (int)said.bits, (int)said.group };
        return CX_OK;
    }
    if (said.own) return contradiction(s, &said, product);
    if (infer(s, product, said.group, out)) return CX_OK;
    if (s->cols)
        return CX_FAIL(CX_EFORMAT,
                       "%s: tensor '%s': no packing of %zu columns has %zu bits in a group and %s "
                       "scales",
                       s->where, s->name, s->cols, product, cx_dtype_name(s->scales->dtype));
    return CX_FAIL(
        CX_EFORMAT,
        "%s: tensor '%s': no bits and group size follow from config.json and %zu bits in a "
        "group",
        s->where, s->name, product);
}

static cx_status check_biases(const source *s, const cx_quant_mode *mode)
{
    size_t count;
    if (!mode->has_bias && s->biases)
        return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' has biases, which mode '%s' has not", s->where,
                       s->name, mode->name);
    if (!mode->has_bias) return CX_OK;
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

/* One number an expert, as mlx-lm's SwitchLinear has; its other layers have none. */
static cx_status check_global_scale(const source *s, const cx__packing *p)
{
    const cx_tensor *g = s->global_scale;
    char text[128];
    if (!g) return CX_OK;
    if (p->id != CX__NVFP4)
        return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' has a global scale, which mode '%s' has not",
                       s->where, s->name, p->mode->name);
    if (g->dtype == CX_F32 && g->ndim == 1 && s->weight->ndim == 3 &&
        g->shape[0] == s->weight->shape[0] && g->bytes == (size_t)g->shape[0] * sizeof(float))
        return CX_OK;
    return CX_FAIL(CX_ESHAPE,
                   "%s: global scale of tensor '%s': expected F32 with one value for each of its "
                   "experts, found %s",
                   s->where, s->name, cx__tensor_text(g, text, sizeof text));
}

static cx_status take_parts(const cx__quant_parts *parts, const json_t *quantization,
                            const char *where, const char *name, size_t cols, source *out)
{
    *out = (source){ .weight = parts->weight,
                     .scales = parts->scales,
                     .biases = parts->biases,
                     .global_scale = parts->global_scale,
                     .quantization = quantization,
                     .where = where,
                     .name = name,
                     .cols = cols };
    if (!parts->weight) return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' is missing", where, name);
    if (!parts->scales) return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' has no scales", where, name);
    return CX_OK;
}

cx_status cx__quant_matrix(const cx__quant_parts *parts, const json_t *quantization,
                           const char *where, const char *name, size_t cols, cx__qmat *out)
{
    source s;
    cx__packing p;
    size_t count = 0;
    CX_TRY(take_parts(parts, quantization, where, name, cols, &s));
    CX_TRY(packing(&s, &p));
    CX_TRY(check_biases(&s, p.mode));
    CX_TRY(check_global_scale(&s, &p));
    if (!cx__tensor_count(s.scales, &count)) return no_fit(&s, s.scales, "scales");
    size_t groups = (size_t)s.scales->shape[s.scales->ndim - 1], rows = count / groups;
    bool global = s.global_scale && rows;
    *out = (cx__qmat){ .q = s.weight->data,
                       .scales = s.scales->data,
                       .biases = s.biases ? s.biases->data : NULL,
                       .scale_dtype = s.scales->dtype,
                       .mode = p.id,
                       .bits = p.bits,
                       .group = p.group,
                       .globals = global ? s.global_scale->data : NULL,
                       .global_rows = global ? rows / (size_t)s.weight->shape[0] : 0,
                       .rows = rows,
                       .cols = groups * (size_t)p.group };
    return CX_OK;
}

cx_status cx__quant_packing(const cx__quant_parts *parts, const json_t *quantization,
                            const char *where, const char *name, size_t cols, cx__packing *out)
{
    source s;
    cx__packing p;
    CX_TRY(take_parts(parts, quantization, where, name, cols, &s));
    CX_TRY(packing(&s, &p));
    *out = p;
    return CX_OK;
}
