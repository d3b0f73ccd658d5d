/* Growing and sorting arrays, ends of strings. Tested by tests/unit/test_base_alloc.c and through
 * all readers. */
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>

bool cx__grow(void *array, size_t *cap, size_t count, size_t size)
{
    void *p;
    size_t grown, bytes;
    if (count < *cap) return true;
    if (!cx__mul(*cap ? *cap : 8, 2, &grown) || !cx__mul(grown, size, &bytes)) return false;
    memcpy(&p, array, sizeof p);
    if (!(p = cx__realloc(p, bytes))) return false;
    memcpy(array, &p, sizeof p);
    *cap = grown;
    return true;
}

void cx__sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    const char *p = base;
    for (size_t i = 1; i < count; i++, p += size)
        if (compare(p, p + size) > 0) {
            qsort(base, count, size, compare);
            return;
        }
}

bool cx__ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}
