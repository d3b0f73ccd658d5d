/* What a conversion will do, decided before any weight is read. */
#ifndef CX_CONVERT_LAYOUT_H
#define CX_CONVERT_LAYOUT_H

#include "format/format.h"
#include "kernels/kernels.h"
#include "models/models.h"
#include <cortex/convert.h>

/* Elements of a tensor that are read, converted and written in one go: bounds the memory of a
 * thread (about 5 MiB) and is the unit of the hashes. A multiple of every group. */
enum { CX__PIECE = 1 << 19 };

/* One line of the table module -> packing. */
typedef struct cx__module {
    const char *path; /* MLX's, without ".weight" */
    int bits, group;  /* bits 0: left as it is */
} cx__module;

/* One tensor of the source and what becomes of it. */
typedef struct cx__entry {
    const cx_tensor *src;
    char *name; /* MLX's */
    bool transpose;
    cx_dtype dtype;    /* of the result; of scales and biases if packed */
    int bits, group;   /* bits 0: not packed */
    size_t rows, cols; /* of the result, if it has two dimensions; else 1, count */
    size_t step;       /* elements of a piece */
    size_t first;      /* number of its first piece */
    size_t output;     /* its first output; a packed one has three: weight, scales, biases */
} cx__entry;

typedef struct cx__spec {
    const cx__rename *renames;
    bool tied;
    int bits, group; /* bits 0: nothing is packed */
    bool dtype_set;
    cx_dtype dtype;
} cx__spec;

typedef struct cx__layout {
    int bits, group;     /* the default of all packed modules */
    cx__module *modules; /* the 2-D weights, in the order of entries */
    size_t module_count;
    cx__entry *entries; /* in the order of use when the model runs */
    size_t entry_count;
    cx_tensor *outputs; /* name, dtype, shape, bytes */
    size_t output_count;
    size_t *shard_of, *index_of; /* [output_count]: its shard, its place there */
    size_t shards;
    size_t pieces;
    uint64_t bytes_in, bytes_out, parameters;
    size_t packed; /* entries with bits */
} cx__layout;

int cx__recipe_bits(cx_recipe recipe);

/* src must stay open as long as the plan. Errors: CX_EFORMAT (two tensors of one name),
 * CX_EUNSUPPORTED (packed or FP8 sources), CX_ESHAPE, CX_ELIMIT, CX_ENOMEM. */
cx_status cx__layout_make(const cx_tensors *src, const cx__spec *options, cx__layout *out);
void cx__layout_free(cx__layout *p); /* accepts a zeroed struct */

#endif
