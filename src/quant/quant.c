/* Public packing and unpacking: checks, then row by row through the mode's codec. Tested by
 * tests/unit/test_quant.c. */
#include "quant/modes.h"
#include <stdio.h>

static const cx__quant_codec *const codecs[] = {
#define CX_QUANT_MODE(name) &cx__quant_##name,
#include "quant/modes.def"
#undef CX_QUANT_MODE
};
enum { CODECS = sizeof codecs / sizeof *codecs };

size_t cx_quant_mode_count(void)
{
    return CODECS;
}

const cx_quant_mode *cx_quant_mode_at(size_t i)
{
    return i < CODECS ? &codecs[i]->mode : NULL;
}

const cx__quant_codec *cx__quant_codec_find(const char *name)
{
    for (size_t i = 0; i < CODECS; i++)
        if (!strcmp(codecs[i]->mode.name, name)) return codecs[i];
    return NULL;
}

const cx__quant_codec *cx__quant_codec_at(size_t i)
{
    return i < CODECS ? codecs[i] : NULL;
}

cx_status cx_quant_mode_find(const char *name, const cx_quant_mode **out)
{
    const cx__quant_codec *c = cx__quant_codec_find(name);
    char known[256] = "";
    if (c) {
        *out = &c->mode;
        return CX_OK;
    }
    for (size_t i = 0, at = 0; i < CODECS && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                               codecs[i]->mode.name);
    return CX_FAIL(CX_EUNSUPPORTED, "quantization mode '%s' is not known, only %s", name, known);
}

bool cx__quant_list_has(const int *list, int64_t value)
{
    while (*list && *list != value) list++;
    return *list != 0;
}

/* A checked packing of [rows, cols]. */
typedef struct job {
    const cx__quant_codec *codec;
    int bits, group;
    size_t rows, cols;
    bool gpu_rule;
    float global_scale;
} job;

/* A finite number above 0: MLX's scales are NaN with others. */
static cx_status take_global_scale(float global_scale, job *j)
{
    j->global_scale = global_scale;
    if (global_scale == 0) return CX_OK;
    if (j->codec->id != CX__NVFP4)
        return CX_FAIL(CX_EARG, "quantization mode '%s' has no global scale", j->codec->mode.name);
    if (global_scale > 0 && global_scale <= 3.4028235e38f) return CX_OK;
    return CX_FAIL(CX_EARG, "quantization: global scale %g, expected a positive number",
                   (double)global_scale);
}

static cx_status take_spec(const cx_quant_spec *spec, job *j)
{
    static const cx_quant_spec defaults = { 0 };
    spec = spec ? spec : &defaults;
    j->codec = codecs[0];
    if (spec->mode) j->codec = cx__quant_codec_find(spec->mode->name);
    if (!j->codec) return CX_FAIL(CX_EARG, "quantization: no mode of this library is given");
    const cx_quant_mode *m = &j->codec->mode;
    j->bits = spec->bits ? spec->bits : m->default_bits;
    j->group = spec->group ? spec->group : m->default_group;
    j->gpu_rule = !spec->cpu_rule;
    if (!cx__quant_list_has(m->bits, j->bits))
        return CX_FAIL(CX_EARG, "quantization mode '%s' has no %d bits", m->name, j->bits);
    if (!cx__quant_list_has(m->groups, j->group))
        return CX_FAIL(CX_EARG, "quantization mode '%s' has no groups of %d", m->name, j->group);
    return take_global_scale(spec->global_scale, j);
}

static const char *name_of(const cx_tensor *t)
{
    return t->name ? t->name : "tensor";
}

/* [..., rows, cols] with the bytes it must have, as rows and cols. */
static cx_status take_matrix(const cx_tensor *t, size_t *rows, size_t *cols)
{
    char text[128];
    size_t count = 0, bytes = 0;
    bool good = t->ndim >= 2 && t->ndim <= CX_MAX_DIMS && t->shape[t->ndim - 1] > 0 &&
                cx__tensor_count(t, &count) && cx__mul(count, cx_dtype_size(t->dtype), &bytes);
    if (!good)
        return CX_FAIL(CX_ESHAPE, "'%s': expected a matrix with columns, found %s", name_of(t),
                       t->ndim <= CX_MAX_DIMS ? cx__tensor_text(t, text, sizeof text)
                                              : "too many dimensions");
    if (bytes != t->bytes)
        return CX_FAIL(CX_ESHAPE, "'%s': %s takes %zu bytes, found %zu", name_of(t),
                       cx__tensor_text(t, text, sizeof text), bytes, t->bytes);
    *cols = (size_t)t->shape[t->ndim - 1];
    *rows = count / *cols;
    return CX_OK;
}

bool cx__quant_is_float(cx_dtype dtype)
{
    return dtype == CX_F32 || dtype == CX_F16 || dtype == CX_BF16;
}

static cx_status take_weights(const cx_tensor *w, const cx_quant_spec *spec, job *j)
{
    CX_TRY(take_spec(spec, j));
    if (!cx__quant_is_float(w->dtype))
        return CX_FAIL(CX_ETYPE, "'%s': expected F32, F16 or BF16, found %s", name_of(w),
                       cx_dtype_name(w->dtype));
    CX_TRY(take_matrix(w, &j->rows, &j->cols));
    if (j->cols % (size_t)j->group)
        return CX_FAIL(CX_ESHAPE, "'%s': expected columns in groups of %d, found %zu", name_of(w),
                       j->group, j->cols);
    return CX_OK;
}

static cx_dtype scale_dtype(const job *j, const cx_tensor *w)
{
    return j->codec->own_scale_dtype ? j->codec->scale_dtype : w->dtype;
}

/* Nothing here overflows: a code is smaller than its value, a group longer than 1. */
cx_status cx_quant_bytes(const cx_tensor *w, const cx_quant_spec *spec, cx_quant_size *out)
{
    job j;
    CX_TRY(take_weights(w, spec, &j));
    cx_dtype dtype = scale_dtype(&j, w);
    size_t scales = j.rows * (j.cols / (size_t)j.group) * cx_dtype_size(dtype);
    *out = (cx_quant_size){ .q = j.rows * (j.cols / 32 * (size_t)j.bits * 4),
                            .scales = scales,
                            .biases = j.codec->mode.has_bias ? scales : 0,
                            .scale_dtype = dtype };
    return CX_OK;
}

cx_status cx_quantize(const cx_tensor *w, const cx_quant_spec *spec, void *q, void *scales,
                      void *biases)
{
    job j;
    CX_TRY(take_weights(w, spec, &j));
    size_t row_bytes = j.cols * cx_dtype_size(w->dtype), q_bytes = j.cols / 32 * (size_t)j.bits * 4;
    size_t s_bytes = j.cols / (size_t)j.group * cx_dtype_size(scale_dtype(&j, w));
    bool has_bias = j.codec->mode.has_bias;
    if (has_bias && !biases)
        return CX_FAIL(CX_EARG, "'%s': quantization mode '%s' needs room for biases", name_of(w),
                       j.codec->mode.name);
    const cx__quant_row row = { w->dtype, j.cols, j.bits, j.group, j.gpu_rule, j.global_scale };
    for (size_t r = 0; r < j.rows; r++)
        j.codec->encode(&row, (uint8_t *)q + r * q_bytes, (uint8_t *)scales + r * s_bytes,
                        has_bias ? (uint8_t *)biases + r * s_bytes : NULL,
                        (const uint8_t *)w->data + r * row_bytes);
    return CX_OK;
}

static bool same_shape(const cx_tensor *a, const cx_tensor *b, int dims)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < dims; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

/* Checks that scales (or biases) fit q, whose rows and cols are in j. */
static cx_status take_scales(const cx_tensor *q, const cx_tensor *s, cx_dtype dtype, const job *j)
{
    char text[128];
    size_t rows, cols;
    CX_TRY(take_matrix(s, &rows, &cols));
    if (s->dtype != dtype)
        return CX_FAIL(CX_ETYPE, "'%s': expected %s, found %s", name_of(s), cx_dtype_name(dtype),
                       cx_dtype_name(s->dtype));
    if (!same_shape(q, s, q->ndim - 1) || cols != j->cols / (size_t)j->group)
        return CX_FAIL(CX_ESHAPE,
                       "'%s': expected a value for each group of %d of %zu columns, found %s",
                       name_of(s), j->group, j->cols, cx__tensor_text(s, text, sizeof text));
    return CX_OK;
}

static cx_status take_packed(const cx_tensor *q, const cx_tensor *scales, const cx_tensor *biases,
                             job *j)
{
    size_t words;
    bool own = j->codec->own_scale_dtype;
    if (q->dtype != CX_U32)
        return CX_FAIL(CX_ETYPE, "'%s': expected U32, found %s", name_of(q),
                       cx_dtype_name(q->dtype));
    CX_TRY(take_matrix(q, &j->rows, &words));
    if (words > SIZE_MAX / 32 || words * 32 % ((size_t)j->bits * (size_t)j->group))
        return CX_FAIL(CX_ESHAPE, "'%s': %zu words a row are not groups of %d codes of %d bits",
                       name_of(q), words, j->group, j->bits);
    j->cols = words * 32 / (size_t)j->bits;
    if (!own && !cx__quant_is_float(scales->dtype))
        return CX_FAIL(CX_ETYPE, "'%s': expected F32, F16 or BF16, found %s", name_of(scales),
                       cx_dtype_name(scales->dtype));
    CX_TRY(take_scales(q, scales, own ? j->codec->scale_dtype : scales->dtype, j));
    if (!j->codec->mode.has_bias) return CX_OK;
    if (!biases) return CX_FAIL(CX_EARG, "'%s': its biases are missing", name_of(q));
    return take_scales(q, biases, scales->dtype, j);
}

cx_status cx_dequantize(const cx_tensor *q, const cx_tensor *scales, const cx_tensor *biases,
                        const cx_quant_spec *spec, cx_dtype dtype, void *out)
{
    job j;
    CX_TRY(take_spec(spec, &j));
    CX_TRY(take_packed(q, scales, biases, &j));
    if (j.codec->own_scale_dtype ? !cx__quant_is_float(dtype)
                                 : dtype != CX_F32 && dtype != scales->dtype)
        return CX_FAIL(CX_ETYPE, "'%s': mode '%s' with %s scales does not unpack to %s", name_of(q),
                       j.codec->mode.name, cx_dtype_name(scales->dtype), cx_dtype_name(dtype));
    cx__qmat m = { .q = q->data,
                   .scales = scales->data,
                   .biases = j.codec->mode.has_bias ? biases->data : NULL,
                   .scale_dtype = scales->dtype,
                   .mode = j.codec->id,
                   .globals = j.global_scale > 0 ? &j.global_scale : NULL,
                   .global_rows = j.rows,
                   .bits = j.bits,
                   .group = j.group,
                   .rows = j.rows,
                   .cols = j.cols };
    for (size_t r = 0; r < j.rows; r++)
        j.codec->decode((uint8_t *)out + r * j.cols * cx_dtype_size(dtype), dtype, &m, r,
                        j.gpu_rule);
    return CX_OK;
}
