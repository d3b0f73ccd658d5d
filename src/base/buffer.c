/* Growable bytes with a maximum and sticky failure. Tested by tests/unit/test_base_alloc.c. */
#include "base/alloc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for `more` bytes and the NUL. */
static bool reserve(cx__buf *b, size_t more)
{
    size_t need, cap = b->cap ? b->cap : 64;
    char *p;
    if (b->failed) return false;
    if (!cx__add(b->len, more, &need) || need > b->max || !cx__add(need, 1, &need)) goto fail;
    if (need <= b->cap) return true;
    while (cap < need)
        if (!cx__mul(cap, 2, &cap)) goto fail;
    if (!(p = cx__realloc(b->data, cap))) goto fail;
    b->data = p;
    b->cap = cap;
    return true;
fail:
    b->failed = true;
    return false;
}

bool cx__buf_append(cx__buf *b, const void *data, size_t len)
{
    if (!reserve(b, len)) return false;
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

bool cx__buf_puts(cx__buf *b, const char *s)
{
    return cx__buf_append(b, s, strlen(s));
}

bool cx__buf_putc(cx__buf *b, char c)
{
    return cx__buf_append(b, &c, 1);
}

bool cx__buf_printf(cx__buf *b, const char *fmt, ...)
{
    va_list args, again;
    bool ok;
    int n;
    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0) b->failed = true;
    ok = reserve(b, n < 0 ? 0 : (size_t)n);
    if (ok) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
    return ok;
}

void cx__buf_clear(cx__buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data) b->data[0] = '\0';
}

char *cx__buf_take(cx__buf *b)
{
    char *s;
    if (!reserve(b, 0)) return cx__buf_free(b), NULL;
    s = b->data;
    s[b->len] = '\0';
    b->data = NULL;
    b->len = b->cap = 0;
    return s;
}

void cx__buf_free(cx__buf *b)
{
    cx__free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}
