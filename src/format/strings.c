/* Memory of parsed headers. Tested through tests/unit/test_safetensors.c. */
#include "format/strings.h"
#include <stdlib.h>
#include <string.h>

bool cx__strings_init(strings *s, size_t len)
{
    *s = (strings){ .base = cx__alloc(len), .size = len };
    return s->base != NULL;
}

const char *cx__strings_put(strings *s, const cx__json_scan *scan)
{
    char *p = s->base + s->at;
    CX_ASSERT(scan->len < s->size - s->at); /* the quotes are two bytes more */
    if (scan->len) memcpy(p, scan->text, scan->len);
    p[scan->len] = '\0';
    s->at += scan->len + 1;
    return p;
}

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
