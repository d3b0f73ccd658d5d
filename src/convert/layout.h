/* What a conversion will do: entries, their packing, outputs, shards. */
#ifndef CX_CONVERT_LAYOUT_H
#define CX_CONVERT_LAYOUT_H

#include "convert/choose.h"

typedef struct cx__layout {
    cx__entries entries; /* in the order of use when the model runs */
    cx__plan_table table;
    cx_tensor *outputs; /* name, dtype, shape, bytes */
    size_t output_count;
    size_t *shard_of, *index_of; /* [output_count]: its shard, its place there */
    size_t shards;
    size_t pieces;
    uint64_t bytes_out, parameters;
    uint64_t bytes_read; /* of the elements that are read: for progress */
} cx__layout;

/* Order of use: `entries` sorted by where the running model needs them. */
void cx__layout_order(cx__entries *entries);
/* Takes over entries and table, also when it fails. Errors: CX_ESHAPE, CX_ENOMEM. */
cx_status cx__layout_make(cx__entries *entries, cx__plan_table *table, cx__layout *out);
void cx__layout_free(cx__layout *p); /* accepts a zeroed struct */

/* Line of the table for an entry; NULL if it is not packed. */
const cx__module *cx__layout_module(const cx__layout *p, const cx__entry *e);
/* Bytes of n elements in an entry's output: 0 the weight, 1 scales, 2 biases. */
size_t cx__layout_bytes(const cx__layout *p, const cx__entry *e, size_t which, size_t n);
/* 1, or 2 or 3 if packed. */
size_t cx__layout_outputs(const cx__layout *p, const cx__entry *e);

#endif
