/* Memory of the tensors of a source. */
#include "convert/source.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct cx__chunk {
    struct cx__chunk *next;
    _Alignas(16) unsigned char data[];
} cx__chunk;

void *cx__origins_alloc(cx__origins *o, size_t size)
{
    size_t bytes;
    cx__chunk *c = cx__add(sizeof *c, size, &bytes) ? cx__calloc(1, bytes) : NULL;
    if (!c) return NULL;
    c->next = o->chunks;
    o->chunks = c;
    return c->data;
}

char *cx__origins_format(cx__origins *o, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char *copy = n >= 0 && (size_t)n < sizeof text ? cx__origins_alloc(o, (size_t)n + 1) : NULL;
    if (copy) memcpy(copy, text, (size_t)n + 1);
    return copy;
}

void cx__origins_free(cx__origins *o)
{
    while (o->chunks) {
        cx__chunk *next = o->chunks->next;
        cx__free(o->chunks);
        o->chunks = next;
    }
    cx__free(o->list);
    *o = (cx__origins){ 0 };
}
