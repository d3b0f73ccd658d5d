/* Memory, fuel and errors of one parse or one render. Chunks are freed whole at the end.
 * Tested by tests/unit/test_template_limits.c. */
#include "jinja.h"

struct jchunk {
    jchunk *next;
    size_t size, used; /* of data */
    _Alignas(16) char data[];
};

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20 };

void cx__jfail(jctx *c, cx_status code, const char *fmt, ...)
{
    char text[900];
    va_list args;
    if (c->status != CX_OK) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->status = cx__fail(code, "%s:%d: %s", c->name, c->line, text);
}

bool cx__jstep(jctx *c, size_t n)
{
    if (c->status != CX_OK) return false;
    if (n > c->fuel) {
        c->fuel = 0;
        cx__jfail(c, CX_ELIMIT, "the template needs more than %d steps", J_MAX_FUEL);
        return false;
    }
    c->fuel -= n;
    return true;
}

static jchunk *chunk_new(jctx *c, size_t size)
{
    jchunk *k;
    if (size > J_MAX_ARENA || c->bytes > J_MAX_ARENA - size) {
        cx__jfail(c, CX_ELIMIT, "the template needs more than %d MB of memory", J_MAX_ARENA >> 20);
        return NULL;
    }
    k = cx__alloc(sizeof *k + size);
    if (!k) {
        cx__jfail(c, CX_ENOMEM, "no memory for %zu bytes", size);
        return NULL;
    }
    k->size = size;
    k->used = 0;
    c->bytes += size;
    return k;
}

/* A large request gets a chunk of its own behind the current one, which stays in use. */
static void *alloc_large(jctx *c, size_t size)
{
    jchunk *k = chunk_new(c, size);
    if (!k) return NULL;
    k->used = size;
    k->next = c->chunk ? c->chunk->next : NULL;
    if (c->chunk) c->chunk->next = k;
    else c->chunk = k;
    return k->data;
}

void *cx__jalloc(jctx *c, size_t size)
{
    size_t want = CHUNK_MIN;
    jchunk *k = c->chunk;
    if (c->status != CX_OK) return NULL;
    if (!cx__pad(size ? size : 1, 16, &size)) size = SIZE_MAX;
    if (!k || k->size - k->used < size) {
        if (k && k->size >= CHUNK_MIN) want = k->size < CHUNK_MAX ? 2 * k->size : CHUNK_MAX;
        if (want > J_MAX_ARENA - c->bytes) want = J_MAX_ARENA - c->bytes; /* the last piece */
        if (size > want / 4) return alloc_large(c, size);
        if (!(k = chunk_new(c, want))) return NULL;
        k->next = c->chunk;
        c->chunk = k;
    }
    k->used += size;
    return k->data + k->used - size;
}

void *cx__jarray(jctx *c, size_t count, size_t size)
{
    size_t bytes;
    if (!cx__mul(count, size, &bytes)) bytes = SIZE_MAX;
    return cx__jalloc(c, bytes);
}

void *cx__jgrow(jctx *c, void *items, size_t len, size_t *cap, size_t size)
{
    size_t want = *cap < 4 ? 4 : 2 * *cap;
    void *moved;
    if (len < *cap) return items;
    moved = cx__jarray(c, want, size);
    if (!moved) return NULL;
    if (len) memcpy(moved, items, len * size);
    *cap = want;
    return moved;
}

void cx__jput(jctx *c, cx__buf *b, const char *p, size_t len)
{
    if (c->status != CX_OK || !len) return;
    if (b->len > b->max || len > b->max - b->len)
        cx__jfail(c, CX_ELIMIT, "the text is longer than %d MB", J_MAX_OUTPUT >> 20);
    else if (!cx__buf_append(b, p, len))
        cx__jfail(c, CX_ENOMEM, "no memory for a text of %zu bytes", b->len + len);
}

void cx__jarena_free(jctx *c)
{
    for (jchunk *k = c->chunk, *next; k; k = next) {
        next = k->next;
        cx__free(k);
    }
    c->chunk = NULL;
    c->bytes = 0;
}
