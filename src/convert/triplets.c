/* What a quantized MLX folder must hold. Source: mlx_lm 0.32.2 utils.py (load_model) and MLX's
 * quantize(). Tested by tests/unit/test_convert_verify.c. */
#include "convert/triplets.h"
#include "quant/quant.h"

#include <stdio.h>
#include <string.h>

typedef struct checker {
    const char *where;
    const json_t *quantization; /* NULL if the config has none */
    const cx_tensors *tensors;
} checker;

static bool split_name(const char *name, const char *tail, char *stem, size_t len)
{
    size_t n = strlen(name), m = strlen(tail);
    if (n <= m || strcmp(name + n - m, tail) != 0 || n - m >= len) return false;
    memcpy(stem, name, n - m);
    stem[n - m] = '\0';
    return true;
}

static const cx_tensor *part(const checker *c, const char *stem, const char *tail)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", stem, tail);
    return cx_tensors_find(c->tensors, name);
}

static cx_status check_packed(const checker *c, const char *stem, const cx_tensor *scales)
{
    const cx__quant_parts parts = { .weight = part(c, stem, ".weight"),
                                    .scales = scales,
                                    .biases = part(c, stem, ".biases"),
                                    .global_scale = part(c, stem, ".global_scale") };
    const char *file = cx_tensors_path(c->tensors, scales);
    cx__qmat matrix;
    if (!c->quantization)
        return CX_FAIL(CX_EFORMAT, "%s: '%s' is packed, but config.json has no 'quantization'",
                       file, stem);
    if (json_is_false(json_object_get(c->quantization, stem)))
        return CX_FAIL(CX_EFORMAT, "%s/config.json: quantization: '%s' is false, but it has scales",
                       c->where, stem);
    if (!parts.weight) return CX_FAIL(CX_EFORMAT, "%s: '%s.weight' is missing", file, stem);
    return cx__quant_matrix(&parts, c->quantization, file, stem, 0, &matrix);
}

static cx_status check_tensor(const checker *c, const cx_tensor *t, size_t *packed)
{
    char stem[480];
    if (split_name(t->name, ".scales", stem, sizeof stem)) {
        ++*packed;
        return check_packed(c, stem, t);
    }
    bool weight = t->dtype == CX_U32 && split_name(t->name, ".weight", stem, sizeof stem);
    bool partner = weight || split_name(t->name, ".biases", stem, sizeof stem) ||
                   split_name(t->name, ".global_scale", stem, sizeof stem);
    if (partner && !part(c, stem, ".scales"))
        return CX_FAIL(CX_EFORMAT, "%s: '%s' has no '%s.scales' beside it",
                       cx_tensors_path(c->tensors, t), t->name, stem);
    return CX_OK;
}

/* Modules that the config names must be there. */
static cx_status check_overrides(const checker *c)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)c->quantization, key, value)
    {
        if (!json_is_object(value) || part(c, key, ".scales")) continue;
        return CX_FAIL(CX_EFORMAT, "%s/config.json: quantization: '%s': no such packed module",
                       c->where, key);
    }
    return CX_OK;
}

cx_status cx__triplets_check(const char *where, const json_t *config, const cx_tensors *t)
{
    const json_t *q = json_object_get(config, "quantization");
    const json_t *twin = json_object_get(config, "quantization_config");
    checker c = { where, json_is_null(q) ? NULL : q, t };
    size_t packed = 0;
    if (c.quantization && !json_is_object(c.quantization))
        return CX_FAIL(CX_EFORMAT, "%s/config.json: 'quantization' is no object", where);
    if (c.quantization && twin && !json_equal(q, twin))
        return CX_FAIL(CX_EFORMAT,
                       "%s/config.json: 'quantization' and 'quantization_config' differ", where);
    for (size_t i = 0; i < cx_tensors_count(t); i++)
        CX_TRY(check_tensor(&c, cx_tensors_at(t, i), &packed));
    if (c.quantization && !packed)
        return CX_FAIL(CX_EFORMAT, "%s/config.json: 'quantization' is set, but nothing is packed",
                       where);
    return check_overrides(&c);
}
