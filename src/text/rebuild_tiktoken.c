/* Reads a tiktoken vocabulary: a line "base64 rank" for each token, ranks from 0 without holes.
 * The bytes become characters of the byte-level alphabet; the rank is the id and the order of
 * merges. Source: tiktoken/load.py. */
#include "text/rebuild.h"

static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes base64 up to a space; the end of it, or NULL if bad or longer than `cap` bytes. */
static const char *decode(const char *p, const char *end, char *out, size_t cap, size_t *len)
{
    uint32_t bits = 0;
    int count = 0;
    *len = 0;
    for (; p < end && digit((uint8_t)*p) >= 0; p++) {
        bits = (bits << 6 | (uint32_t)digit((uint8_t)*p)) & 0xFFFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        if (*len == cap) return NULL;
        out[(*len)++] = (char)(bits >> count & 0xFF);
    }
    while (p < end && *p == '=') p++;
    return *len > 0 && p < end && *p == ' ' ? p : NULL;
}

bool cx__rebuild_is_tiktoken(const char *data, size_t len)
{
    char bytes[256];
    size_t n;
    const char *p = decode(data, data + len, bytes, sizeof bytes, &n);
    return p && p + 2 < data + len && p[1] == '0' && (p[2] == '\n' || p[2] == '\r');
}

static cx_status read_line(const char **p, const char *end, const char *where, size_t line,
                           cx__buf *pool, size_t *start)
{
    char bytes[1024];
    size_t len;
    uint64_t rank = 0;
    const char *at = decode(*p, end, bytes, sizeof bytes, &len);
    if (!at)
        return CX_FAIL(CX_EFORMAT, "%s: line %zu: expected base64 and a rank", where, line + 1);
    for (at++; at < end && *at >= '0' && *at <= '9' && rank < UINT32_MAX; at++)
        rank = rank * 10 + (uint64_t)(*at - '0');
    if (at < end && *at == '\r') at++;
    if (rank != line || (at < end && *at != '\n'))
        return CX_FAIL(CX_EFORMAT, "%s: line %zu: expected rank %zu", where, line + 1, line);
    *p = at < end ? at + 1 : at;
    *start = pool->len;
    return cx__bytes_encode(pool, bytes, len) ? CX_OK : CX_FAIL(CX_ENOMEM, "%s", where);
}

cx_status cx__rebuild_tiktoken(const char *data, size_t len, const char *where, cx__buf *pool,
                               cx__rebuild_tokens *t, cx__vocab_source *v)
{
    const char *p = data, *end = data + len;
    size_t base = 0;
    pool->max = CX__TEXT_MAX;
    while (p < end) {
        size_t start = 0;
        CX_TRY(read_line(&p, end, where, t->count, pool, &start));
        /* The pool may still move: offsets now, pointers below. */
        CX_TRY(cx__rebuild_tokens_add(t, (cx__str){ NULL, pool->len - start }, 0, CX__TOKEN_NORMAL,
                                      where));
    }
    for (size_t i = 0; i < t->count; base += t->tokens[i++].len)
        t->tokens[i].at = pool->data + base;
    v->model = "gpt2";
    v->tokens = t->tokens;
    v->types = t->types;
    v->count = v->type_count = t->count;
    return CX_OK;
}
