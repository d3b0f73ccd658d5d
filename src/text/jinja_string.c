/* Strings: made, compared, joined, escaped. Unicode is in jinja_utf8.c.
 * Tested by tests/unit/test_template.c. */
#include "jinja.h"

static jstr empty = { .p = "", .hash = 1 };

static jstr *str_new(jctx *c, const char *p, size_t len)
{
    jstr *s = cx__jalloc(c, sizeof *s);
    if (!s) return &empty;
    *s = (jstr){ .p = p, .len = len, .chars = SIZE_MAX };
    return s;
}

jval cx__jstr_view(jctx *c, const char *p, size_t len)
{
    return (jval){ .type = J_STR, .s = len ? str_new(c, p, len) : &empty };
}

jval cx__jstr(jctx *c, const char *p, size_t len)
{
    char *copy = len ? cx__jalloc(c, len) : NULL;
    if (!copy) return (jval){ .type = J_STR, .s = &empty };
    memcpy(copy, p, len);
    return cx__jstr_view(c, copy, len);
}

jval cx__jstr_of(jctx *c, const char *text)
{
    return cx__jstr(c, text, strlen(text));
}

jval cx__jstr_markup(jctx *c, jval s, bool markup)
{
    jval out;
    if (s.s->markup == markup) return s;
    out = (jval){ .type = J_STR, .s = str_new(c, s.s->p, s.s->len) };
    if (out.s != &empty) {
        out.s->chars = s.s->chars;
        out.s->markup = markup;
    }
    return out;
}

jval cx__jstr_take(jctx *c, cx__buf *b)
{
    jval s = cx__jstr(c, b->data, b->len);
    cx__buf_free(b);
    return s;
}

jval cx__jstr_concat(jctx *c, jval a, jval b)
{
    bool markup = a.s->markup || b.s->markup;
    char *p;
    jval out;
    if (markup && !a.s->markup) a = cx__jescape(c, a);
    if (markup && !b.s->markup) b = cx__jescape(c, b);
    if (!cx__jstep_bytes(c, a.s->len + b.s->len)) return a;
    if (!(p = cx__jalloc(c, a.s->len + b.s->len))) return a;
    memcpy(p, a.s->p, a.s->len);
    memcpy(p + a.s->len, b.s->p, b.s->len);
    out = (jval){ .type = J_STR, .s = str_new(c, p, a.s->len + b.s->len) };
    if (markup) out = cx__jstr_markup(c, out, true);
    return out;
}

/* FNV-1a. A template's author can make keys collide; probing costs fuel (cx__jdict_get). */
uint64_t cx__jstr_hash(jstr *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    if (s->hash) return s->hash;
    for (size_t i = 0; i < s->len; i++) h = (h ^ (unsigned char)s->p[i]) * UINT64_C(0x100000001b3);
    return s->hash = h ? h : 1;
}

void cx__jstr_freeze(jstr *s)
{
    if (s == &empty) return;
    cx__jstr_hash(s);
    s->chars = 0;
    for (size_t i = 0; i < s->len; i++) s->chars += ((unsigned char)s->p[i] & 0xc0) != 0x80;
}

bool cx__jstr_eq(const jstr *a, const jstr *b)
{
    if (a == b) return true;
    if (a->len != b->len || (a->hash && b->hash && a->hash != b->hash)) return false;
    return !a->len || memcmp(a->p, b->p, a->len) == 0;
}

bool cx__jstr_is(const jstr *s, const char *text)
{
    return s->len == strlen(text) && (!s->len || memcmp(s->p, text, s->len) == 0);
}

static const char *escape_of(char ch)
{
    switch (ch) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&#34;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

jval cx__jescape(jctx *c, jval v)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    size_t from = 0;
    jval s = cx__jto_str(c, v);
    if (s.s->markup) return s;
    if (!cx__jstep_chars(c, s.s->len)) return s;
    for (size_t i = 0; i < s.s->len; i++) {
        const char *e = escape_of(s.s->p[i]);
        if (!e) continue;
        cx__jput(c, &b, s.s->p + from, i - from);
        cx__jput(c, &b, e, strlen(e));
        from = i + 1;
    }
    if (!from) return cx__buf_free(&b), cx__jstr_markup(c, s, true);
    cx__jput(c, &b, s.s->p + from, s.s->len - from);
    return cx__jstr_markup(c, cx__jstr_take(c, &b), true);
}

/* Text from `begin` to `end`, in bytes; shares the bytes. */
jval cx__jstr_slice(jctx *c, jval s, size_t begin, size_t end)
{
    jval out;
    if (begin == 0 && end == s.s->len) return s;
    if (begin >= end) out = (jval){ .type = J_STR, .s = &empty };
    else out = cx__jstr_view(c, s.s->p + begin, end - begin);
    return cx__jstr_markup(c, out, s.s->markup);
}

/* In windows that grow, so that the cost follows what is passed over and not what is left, even
 * where memmem looks at all of its range first (sanitizers). SIZE_MAX: absent. */
size_t cx__jsearch(const char *p, size_t len, const char *sub, size_t sub_len)
{
    size_t at = 0, window = 256;
    if (!sub_len) return 0;
    while (len - at >= sub_len) {
        size_t n = len - at - sub_len < window ? len - at : window + sub_len;
        const char *hit = memmem(p + at, n, sub, sub_len);
        if (hit) return (size_t)(hit - p);
        at += n - sub_len + 1;
        window *= 4;
    }
    return SIZE_MAX;
}

size_t cx__jfind(jctx *c, const char *p, size_t len, const char *sub, size_t sub_len)
{
    if (!cx__jstep_bytes(c, cx__jfind_cost(len, sub_len))) return SIZE_MAX;
    return cx__jsearch(p, len, sub, sub_len);
}

/* Compares at most len * sub_len bytes, for which the caller's fuel pays. */
size_t cx__jfind_last(jctx *c, const char *p, size_t len, const char *sub, size_t sub_len)
{
    if (!cx__jstep_bytes(c, len) || sub_len > len) return SIZE_MAX;
    for (size_t i = len - sub_len + 1; i-- > 0;) {
        if (sub_len && p[i] != sub[0]) continue;
        if (!cx__jstep_bytes(c, sub_len)) return SIZE_MAX;
        if (!sub_len || memcmp(p + i, sub, sub_len) == 0) return i;
    }
    return SIZE_MAX;
}
