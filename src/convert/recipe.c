/* Recipes: names and bit widths. */
#include "convert/layout.h"

#include <strings.h>

static const struct {
    const char *name, *guide, *alias; /* ours, the MLX Acceleration Guide's, by bits */
    int bits;
} recipes[CX_RECIPES] = {
    [CX_RECIPE_SPEED_4BIT] = { "speed", "SPEED_4BIT", "4bit", 4 },
    [CX_RECIPE_BALANCED_5BIT] = { "balanced", "BALANCED_5BIT", "5bit", 5 },
    [CX_RECIPE_QUALITY_8BIT] = { "quality", "QUALITY_8BIT", "8bit", 8 },
    [CX_RECIPE_NONE] = { "none", "NONE", "none", 0 },
};

cx_status cx_recipe_parse(const char *name, cx_recipe *out)
{
    for (int r = 0; r < CX_RECIPES; r++) {
        if (!strcasecmp(name, recipes[r].name) || !strcasecmp(name, recipes[r].guide) ||
            !strcasecmp(name, recipes[r].alias)) {
            *out = (cx_recipe)r;
            return CX_OK;
        }
    }
    return CX_FAIL(CX_EARG,
                   "recipe '%s': expected speed (4 bits), balanced (5), quality (8) or none", name);
}

const char *cx_recipe_name(cx_recipe recipe)
{
    return recipe >= 0 && recipe < CX_RECIPES ? recipes[recipe].name : "unknown";
}

int cx__recipe_bits(cx_recipe recipe)
{
    return recipe >= 0 && recipe < CX_RECIPES ? recipes[recipe].bits : 0;
}
