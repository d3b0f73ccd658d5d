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
