/* Recipes: the guide's and mlx-lm's, and what may go with them. Tested by
 * tests/unit/test_convert_choose.c. */
#include "convert/choose.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* bits 0: not one number for all. */
static const struct {
    const char *name, *guide, *shorthand;
    int bits;
} recipes[CX_RECIPES] = {
    [CX_RECIPE_AUTO] = { "auto", "auto", "auto", 4 },
    [CX_RECIPE_SPEED_4BIT] = { "speed", "SPEED_4BIT", "4bit", 4 },
    [CX_RECIPE_BALANCED_5BIT] = { "balanced", "BALANCED_5BIT", "5bit", 5 },
    [CX_RECIPE_QUALITY_8BIT] = { "quality", "QUALITY_8BIT", "8bit", 8 },
    [CX_RECIPE_MIXED_PRECISION] = { "mixed", "MIXED_PRECISION", "mixed_precision", 0 },
    [CX_RECIPE_NONE] = { "none", "NONE", "none", 0 },
    [CX_RECIPE_MIXED_2_6] = { "mixed_2_6", "mixed_2_6", "2_6", 2 },
    [CX_RECIPE_MIXED_3_4] = { "mixed_3_4", "mixed_3_4", "3_4", 3 },
    [CX_RECIPE_MIXED_3_6] = { "mixed_3_6", "mixed_3_6", "3_6", 3 },
    [CX_RECIPE_MIXED_4_6] = { "mixed_4_6", "mixed_4_6", "4_6", 4 },
};

cx_status cx_recipe_parse(const char *name, cx_recipe *out)
{
    char known[256] = "";
    for (int i = 0, at = 0; i < CX_RECIPES; i++) {
        if (!strcasecmp(name, recipes[i].name) || !strcasecmp(name, recipes[i].guide) ||
            !strcasecmp(name, recipes[i].shorthand)) {
            *out = (cx_recipe)i;
            return CX_OK;
        }
        at += snprintf(known + at, sizeof known - (size_t)at, "%s%s", i ? ", " : "",
                       recipes[i].name);
    }
    return CX_FAIL(CX_EARG, "recipe '%s': expected one of %s", name, known);
}

const char *cx_recipe_name(cx_recipe recipe)
{
    return recipe >= 0 && recipe < CX_RECIPES ? recipes[recipe].name : "";
}

static bool has(const int *list, int value)
{
    while (*list && *list != value) list++;
    return *list != 0;
}

/* "2, 3, 4 or 8" */
static const char *list_text(const int *list, char *out, size_t len)
{
    size_t at = 0;
    *out = '\0';
    for (; *list && at < len; list++)
        at += (size_t)snprintf(out + at, len - at, "%s%d",
                               !at       ? ""
                               : list[1] ? ", "
                                         : " or ",
                               *list);
    return out;
}

static cx_status check_bits(const cx_quant_mode *mode, int bits, const char *what)
{
    char known[64];
    if (has(mode->bits, bits)) return CX_OK;
    return CX_FAIL(CX_EARG, "%s %d: mode %s has %s", what, bits, mode->name,
                   list_text(mode->bits, known, sizeof known));
}

static cx_status check_group(const cx_quant_mode *mode, int group)
{
    char known[64];
    if (has(mode->groups, group)) return CX_OK;
    return CX_FAIL(CX_EARG, "group size %d: mode %s has %s", group, mode->name,
                   list_text(mode->groups, known, sizeof known));
}

static bool is_mixed(cx_recipe r)
{
    return r == CX_RECIPE_MIXED_PRECISION || r >= CX_RECIPE_MIXED_2_6;
}

static cx_status check_mixed(cx_convert_options *o, const cx_quant_mode *mode)
{
    if (strcmp(mode->name, "affine") != 0)
        return CX_FAIL(CX_EARG, "mode %s: recipe %s is for mode affine", mode->name,
                       cx_recipe_name(o->recipe));
    if (o->bits)
        return CX_FAIL(CX_EARG, "bits %d: recipe %s has its own", o->bits,
                       cx_recipe_name(o->recipe));
    if (o->recipe != CX_RECIPE_MIXED_PRECISION) return CX_OK;
    if (!o->critical_bits) o->critical_bits = 6;
    if (!o->standard_bits) o->standard_bits = 4;
    CX_TRY(check_bits(mode, o->critical_bits, "critical bits"));
    return check_bits(mode, o->standard_bits, "standard bits");
}

/* Whole range of the enum; C callers may pass anything. */
cx_status cx__recipe_check(cx_convert_options *o)
{
    const cx_quant_mode *mode;
    if (o->recipe < 0 || o->recipe >= CX_RECIPES)
        return CX_FAIL(CX_EARG, "recipe %d: expected 0 to %d", (int)o->recipe, CX_RECIPES - 1);
    if (o->dequantize && (o->recipe > CX_RECIPE_AUTO || o->bits || o->mode || o->group_size))
        return CX_FAIL(CX_EARG, "to dequantize goes with no recipe, bits, mode or group size");
    if (o->recipe == CX_RECIPE_NONE && (o->bits || o->group_size || o->mode))
        return CX_FAIL(CX_EARG, "recipe none goes with no bits, group size or mode");
    /* Who says how, means it: codes are kept only where they fit what is asked for. */
    if (o->recipe == CX_RECIPE_AUTO && (o->bits || o->group_size || o->mode))
        o->recipe = CX_RECIPE_SPEED_4BIT;
    CX_TRY(cx_quant_mode_find(o->mode ? o->mode : "affine", &mode));
    if (is_mixed(o->recipe)) CX_TRY(check_mixed(o, mode));
    if (o->bits) CX_TRY(check_bits(mode, o->bits, "bits"));
    if (o->group_size) CX_TRY(check_group(mode, o->group_size));
    if (!o->mode || o->bits || o->recipe == CX_RECIPE_SPEED_4BIT || is_mixed(o->recipe))
        return CX_OK;
    return check_bits(mode, recipes[o->recipe].bits, "recipe's bits");
}

cx_status cx__recipe_packing(const cx_convert_options *o, cx__choice *out)
{
    const cx_quant_mode *mode;
    int bits = o->bits ? o->bits : recipes[o->recipe].bits;
    if (o->dequantize || o->recipe == CX_RECIPE_NONE) return *out = (cx__choice){ 0 }, CX_OK;
    CX_TRY(cx_quant_mode_find(o->mode ? o->mode : "affine", &mode));
    if (o->recipe == CX_RECIPE_MIXED_PRECISION) bits = o->standard_bits;
    if (!o->bits && !has(mode->bits, bits)) bits = mode->default_bits; /* mxfp8 and no bits */
    *out = (cx__choice){ mode, bits, o->group_size ? o->group_size : mode->default_group };
    return CX_OK;
}

/* ---- recipes that look at the module ---- */

static bool is_critical(const cx_convert_options *o, const char *path)
{
    static const char *const guide[] = { "lm_head", "embed_tokens", "wte", "wpe", NULL };
    const char *last = strrchr(path, '.');
    last = last ? last + 1 : path;
    for (const char *const *c = o->critical ? o->critical : guide; *c; c++)
        if (!strcmp(*c, last)) return true;
    return false;
}

/* mlx_lm 0.32.2, convert.py: mixed_quant_predicate_builder, after llama.cpp's Q4_K_M. */
static bool gets_more(const char *path, long layer, long layers)
{
    long eighth = layers / 8, i = layer < 0 ? 0 : layer;
    bool more = i < eighth || i >= 7 * layers / 8 || ((i - eighth) % 3 + 3) % 3 == 2;
    if (strstr(path, "lm_head")) return true;
    if (!more) return false;
    return strstr(path, "v_proj") || strstr(path, "v_a_proj") || strstr(path, "v_b_proj") ||
           strstr(path, "down_proj");
}

int cx__recipe_bits(const cx_convert_options *o, const char *path, long layer, long layers)
{
    switch (o->recipe) {
    case CX_RECIPE_MIXED_PRECISION: return is_critical(o, path) ? o->critical_bits : 0;
    case CX_RECIPE_MIXED_3_4: return gets_more(path, layer, layers) ? 4 : 3;
    case CX_RECIPE_MIXED_2_6:
    case CX_RECIPE_MIXED_3_6:
    case CX_RECIPE_MIXED_4_6: return gets_more(path, layer, layers) ? 6 : recipes[o->recipe].bits;
    default: return 0;
    }
}
