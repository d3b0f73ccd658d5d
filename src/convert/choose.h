/* The table module -> bits, group, mode: made before any weight is read. A chooser that measures
 * sensitivities fills the same table; what picks scale and bias of a group is the codec's. */
#ifndef CX_CONVERT_CHOOSE_H
#define CX_CONVERT_CHOOSE_H

#include "convert/entries.h"
#include "convert/rules.h"

/* A packing; mode NULL: none. */
typedef struct cx__choice {
    const cx_quant_mode *mode;
    int bits, group;
} cx__choice;

/* One line of the table. */
typedef struct cx__module {
    char *path;     /* MLX's, without ".weight" */
    size_t entry;   /* of its weight */
    long layer;     /* -1: of none */
    cx__choice how; /* mode NULL: left as it is */
    bool kept;      /* the codes of the source as they are */
} cx__module;

typedef struct cx__plan_table {
    cx__module *list; /* in the order of entries */
    size_t count, packed, kept;
    long layers;
    cx__choice standard; /* of the modules that config.json does not name */
} cx__plan_table;

/* Options that cx_convert checked: bits, groups, modes are known ones. */
cx_status cx__choose(cx__entries *entries, const cx__arch *arch, const json_t *config,
                     const char *where, const cx_convert_options *o, const cx__rules *rules,
                     cx__plan_table *out);
void cx__plan_table_free(cx__plan_table *t); /* accepts a zeroed struct */

/* ---- recipe.c ---- */
/* Checks recipe, bits, group and mode together; fills in what recipe mixed leaves out. */
cx_status cx__recipe_check(cx_convert_options *o);
/* What a module gets for which the recipe has no other bits; mode NULL: nothing. */
cx_status cx__recipe_packing(const cx_convert_options *o, cx__choice *out);
/* Bits that the recipe has for this module in particular, 0 if it has none. */
int cx__recipe_bits(const cx_convert_options *o, const char *path, long layer, long layers);

/* Number of the first path component that is one, -1 if there is none. */
long cx__layer_of(const char *name);

#endif
