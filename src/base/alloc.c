/* The one entry for memory. Tested by tests/unit/test_base_alloc.c. */
#include "base/alloc.h"
#include <cortex/tokenizer.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64
/* No single object is this large; sanitizers abort where malloc would return NULL. */
#define TOO_LARGE (UINT64_C(1) << 40)

static atomic_uint_fast64_t count;
static bool (*_Atomic fault)(size_t size);

uint64_t cx__alloc_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed);
}

void cx__alloc_fault_set(bool (*fail)(size_t size))
{
    atomic_store(&fault, fail);
}

static bool refuse(size_t size)
{
    bool (*fail)(size_t) = atomic_load_explicit(&fault, memory_order_relaxed);
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return size >= TOO_LARGE || (fail && fail(size));
}

void *cx__alloc(size_t size)
{
    void *p = NULL;
    if (refuse(size)) return NULL;
    if (size < CACHE_LINE) return malloc(size ? size : 1);
    return posix_memalign(&p, CACHE_LINE, size) == 0 ? p : NULL;
}

void *cx__alloc_array(size_t n, size_t size)
{
    size_t bytes;
    return cx__mul(n, size, &bytes) ? cx__alloc(bytes) : NULL;
}

void *cx__calloc(size_t n, size_t size)
{
    void *p = cx__alloc_array(n, size);
    if (p) memset(p, 0, n * size);
    return p;
}

void *cx__realloc(void *p, size_t size)
{
    if (refuse(size)) return NULL;
    return realloc(p, size ? size : 1);
}

void cx__free(void *p)
{
    free(p);
}

void cx_free(void *p)
{
    cx__free(p);
}

char *cx__strndup(const char *s, size_t len)
{
    size_t bytes;
    char *p = cx__add(len, 1, &bytes) ? cx__alloc(bytes) : NULL;
    if (!p) return NULL;
    if (len) memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *cx__strdup(const char *s)
{
    return cx__strndup(s, strlen(s));
}

char *cx__format(const char *fmt, ...)
{
    va_list args, again;
    char *p = NULL;
    int n;
    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0 && (p = cx__alloc((size_t)n + 1))) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return p;
}
