/* The one entry for memory, checked size arithmetic, growable buffers. Via base/base.h.
 * Every allocation of the library goes through here, so that tests can fail each one in turn. */
#ifndef CX_BASE_ALLOC_H
#define CX_BASE_ALLOC_H

#include "base/status.h"
#include <stdbool.h>

/* true and *out on success, false on overflow. */
static inline bool cx__mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool cx__add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
/* Rounds n up to a multiple of `to` (a power of two). */
static inline bool cx__pad(size_t n, size_t to, size_t *out)
{
    size_t sum;
    if (!cx__add(n, to - 1, &sum)) return false;
    *out = sum & ~(to - 1);
    return true;
}

/* NULL on failure (no message: the caller knows what it was for). Size 0 gives a valid pointer.
 * Memory is 64-byte aligned when size >= 64. */
void *cx__alloc(size_t size);
void *cx__calloc(size_t count, size_t size);      /* zeroed, overflow checked */
void *cx__alloc_array(size_t count, size_t size); /* overflow checked */
void *cx__realloc(void *p, size_t size);          /* alignment: max_align_t only */
void cx__free(void *p);                           /* NULL is fine */
char *cx__strdup(const char *s);
char *cx__strndup(const char *s, size_t len);
bool cx__ends_with(const char *s, const char *tail);
char *cx__format(const char *fmt, ...) CX_PRINTF(1, 2); /* owned string or NULL */

/* Room for one more element of `size` bytes in *array of *cap, which holds `count`. */
bool cx__grow(void *array, size_t *cap, size_t count, size_t size);
/* qsort, but linear in what is sorted already (files that MLX or we wrote). */
void cx__sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

/* Number of allocations made by this process; the decode loop's test reads it. */
uint64_t cx__alloc_count(void);
/* Fault injection, tests only: `fail` is asked for every allocation; true makes it fail. */
void cx__alloc_fault_set(bool (*fail)(size_t size));

/* Growable bytes with a stated maximum. Zero-initialize, set .max, then append; sticky failure:
 * after one failed append all later ones fail too, so builders check once (cx__buf_ok). */
typedef struct cx__buf {
    char *data; /* always NUL-terminated once non-NULL; the NUL is not counted in len */
    size_t len, cap, max;
    bool failed;
} cx__buf;
bool cx__buf_append(cx__buf *b, const void *data, size_t len);
bool cx__buf_puts(cx__buf *b, const char *s);
bool cx__buf_putc(cx__buf *b, char c);
bool cx__buf_printf(cx__buf *b, const char *fmt, ...) CX_PRINTF(2, 3);
void cx__buf_clear(cx__buf *b); /* len 0, keeps memory, clears failed */
char *cx__buf_take(cx__buf *b); /* moves the string out (NULL if failed); caller cx__free()s */
void cx__buf_free(cx__buf *b);

#endif
