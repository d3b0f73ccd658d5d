/* The tensors of a result and where their elements come from. */
#ifndef CX_CONVERT_ENTRIES_H
#define CX_CONVERT_ENTRIES_H

#include "convert/source.h"
#include "models/models.h"

/* Elements of a tensor that are read, converted and written in one go: bounds the memory of a
 * thread (about 8 MiB) and is the unit of the hashes. A multiple of every group. */
enum { CX__PIECE = 1 << 19 };

/* One tensor of the result: `part_count` tensors of equal shape, one after the other, each read
 * through `axes` from element `offset` of its sequence on. */
typedef struct cx__entry {
    char *name; /* MLX's */
    const cx__origin **parts;
    size_t part_count;
    cx__axes axes; /* of a part, neighbours merged where they lie together */
    size_t offset, part_elements;
    /* The same over the rows of the parts, for codes that are taken as they are; whole: a row of
     * the result is a row of the part. */
    cx__axes row_axes;
    size_t row_offset;
    bool whole_rows;
    bool turned;          /* columns of the result lie together: pieces are whole rows */
    float add;            /* to every element */
    cx_dtype from, dtype; /* as read; of the result (of scales and biases if it is packed) */
    int ndim;
    int64_t shape[CX_MAX_DIMS];
    size_t rows, cols; /* all axes but the last, the last; a tensor without axes: 1, 1 */
    /* Filled by the plan: */
    size_t module; /* its line of the table, SIZE_MAX: none */
    size_t step;   /* elements of a piece */
    size_t first;  /* number of its first piece */
    size_t output; /* its first output; a packed one has two or three: weight, scales, biases */
} cx__entry;

typedef struct cx__entries {
    cx__entry *list; /* sorted by name */
    size_t count, cap;
    uint64_t bytes_in;
} cx__entries;

/* Renames, stacks, splits and turns the tensors of a source as the architecture's rules say.
 * arch: NULL if not known. Errors: CX_EFORMAT (two tensors of one name, an expert is missing),
 * CX_ESHAPE (shapes that a rule does not fit), CX_ELIMIT, CX_ENOMEM. */
cx_status cx__entries_make(const cx__source *src, const cx__arch *arch, bool tied,
                           cx__entries *out);
/* Fills in the results' dtypes: `dtype` for all floats if set, but for what the architecture keeps.
 * Errors: CX_EUNSUPPORTED (FP8 that nothing scales). */
cx_status cx__entries_cast(cx__entries *e, const cx__arch *arch, bool set, cx_dtype dtype);
void cx__entries_free(cx__entries *e); /* accepts a zeroed struct */

/* Scratch of a thread for cx__entry_read: the most that any entry needs. */
typedef struct cx__gather {
    uint8_t *buf;    /* CX__PIECE elements */
    uint8_t *column; /* likewise, where an entry is turned and decoded */
} cx__gather;
cx_status cx__gather_new(const cx__entries *e, cx__gather *out);
void cx__gather_free(cx__gather *g); /* accepts a zeroed struct */

/* Elements [begin, begin + n) of an entry in row-major order, of dtype `from` (add not yet done):
 * in place, or in g->buf. n <= CX__PIECE; of a turned entry begin and n are whole rows. */
const void *cx__entry_read(const cx__entry *e, size_t begin, size_t n, const cx__gather *g);
/* Codes of rows [row, row + n): the parts' packing, as cx_quantize lays it out. The entry has
 * whole_rows and its parts are packed. biases NULL in modes without. */
void cx__entry_codes(const cx__entry *e, size_t row, size_t n, uint8_t *q, uint8_t *scales,
                     uint8_t *biases, size_t q_row, size_t scale_row);
/* Asks the system to read what follows elements [begin, begin + n). Only advice. */
void cx__entry_prefetch(const cx__entry *e, size_t begin, size_t n);

#endif
