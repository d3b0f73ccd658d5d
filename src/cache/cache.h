/* Level 3: storage of keys and values. One store per session; blocks of 64 positions; a sequence
 * is a table of blocks. Rotating caches (first `keep` positions stay, the rest is a window) are a
 * matter of which blocks a table still holds: positions are never renumbered, so rope, masks and
 * prefix sharing know nothing of it. Tested by tests/unit/test_cache.c. */
#ifndef CX_CACHE_H
#define CX_CACHE_H

#include "base/base.h"
#include <cortex/array.h>

enum { CX__KV_BLOCK = 64 };

typedef struct cx__kv_shape {
    size_t layers, heads, dim; /* KV heads per layer, values per head */
    cx_dtype dtype;            /* F16 or F32 */
    size_t context;            /* most positions of a sequence; 0 with a window: no limit */
    size_t window, keep;       /* window 0: everything is kept; else keep < window */
    size_t rows;               /* most positions appended at once */
    size_t sequences;
} cx__kv_shape;

typedef struct cx__kv cx__kv;

/* Reserves address space for all blocks; pages are taken from the system as they are written.
 * Errors: CX_ENOMEM, CX_ESHAPE. */
cx_status cx__kv_new(const cx__kv_shape *shape, cx__kv **out);
void cx__kv_free(cx__kv *kv);

size_t cx__kv_length(const cx__kv *kv, size_t seq);
/* Makes room for n more positions (n <= rows): takes blocks, gives back those that have left the
 * window. CX_ELIMIT when the context is full. Allocates no memory. */
cx_status cx__kv_reserve(cx__kv *kv, size_t seq, size_t n);
/* The n reserved positions now count. */
void cx__kv_commit(cx__kv *kv, size_t seq, size_t n);
/* Cuts back to `length` positions. CX_EARG: longer than it is, or already dropped by rotation. */
cx_status cx__kv_trim(cx__kv *kv, size_t seq, size_t length);
size_t cx__kv_bytes(const cx__kv *kv); /* of blocks in use */

/* Writes k and v [dim] of one reserved position. */
void cx__kv_put(const cx__kv *kv, size_t layer, size_t head, size_t seq, size_t pos, const float *k,
                const float *v);

/* One block as queries see it: keys [dim, 64] (position is the fast axis), values [64, dim];
 * it holds positions [first, first + 64). */
typedef struct cx__kv_span {
    const void *k, *v;
    size_t first;
} cx__kv_span;
/* Positions that a query at `pos` sees are two ranges, each in whole or empty: part 0 what is kept
 * from the start, part 1 the window that ends at pos. [*begin, *end), empty if equal. */
void cx__kv_range(const cx__kv *kv, size_t pos, int part, size_t *begin, size_t *end);
/* `block`: position / 64, of a position that some reserved or committed query sees. */
void cx__kv_span_get(const cx__kv *kv, size_t layer, size_t head, size_t seq, size_t block,
                     cx__kv_span *out);

#endif
