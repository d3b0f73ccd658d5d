/* Names of GGUF's tensors in a Hugging Face checkpoint. Tested by tests/unit/test_gguf_convert.c
 * and tests/oracle/oracle_gguf.py. */
#include "convert/gguf_arch.h"
#include <stdio.h>

#define STARS 2
#define DIGITS 9 /* of a number: it fits in an int */

typedef struct number {
    const char *at;
    size_t len;
} number;

/* Does `name` (of `len` bytes) fit the pattern? Its numbers go to `star`. */
static bool match(const char *pattern, const char *name, size_t len, number star[STARS])
{
    const char *end = name + len;
    int stars = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (name == end || *name++ != *pattern) return false;
            continue;
        }
        const char *from = name;
        while (name < end && *name >= '0' && *name <= '9') name++;
        if (name == from || name - from > DIGITS || (*from == '0' && name - from > 1)) return false;
        star[stars++] = (number){ from, (size_t)(name - from) };
    }
    return name == end;
}

/* `to` with its stars replaced, then the suffix. The table's names are short: it fits. */
static void expand(const char *to, const number star[STARS], const char *suffix, char out[256])
{
    size_t at = 0;
    int next = 0;
    for (; *to; to++) {
        if (*to == '*') {
            memcpy(out + at, star[next].at, star[next].len);
            at += star[next++].len;
        } else {
            out[at++] = *to;
        }
    }
    snprintf(out + at, 256 - at, "%s", suffix);
}

static cx_status check_block(const cx__gguf *g, const gguf_arch *a, const char *tensor,
                             const number *star)
{
    int64_t blocks = 0, block = 0;
    if (!star->len) return CX_OK;
    CX_TRY(cx__gguf_arch_int(g, a, "block_count", INT32_MAX, &blocks));
    for (size_t i = 0; i < star->len; i++) block = block * 10 + (star->at[i] - '0');
    if (block >= blocks)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected blocks up to %lld, as block_count says",
                       cx__gguf_path(g), tensor, (long long)blocks - 1);
    return CX_OK;
}

static cx_status find_heads(const cx__gguf *g, const gguf_arch *a, const cx__stored *s, bool key,
                            size_t *out)
{
    int64_t heads = 0;
    char text[128];
    CX_TRY(cx__gguf_arch_int(g, a, "attention.head_count", INT32_MAX, &heads));
    if (key) CX_TRY(cx__gguf_arch_int(g, a, "attention.head_count_kv", INT32_MAX, &heads));
    if (!heads || s->t.ndim > 2 || s->t.shape[0] % (2 * heads))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected rows of %lld heads, found %s", s->path,
                       s->t.name, (long long)heads, cx__tensor_text(&s->t, text, sizeof text));
    *out = (size_t)heads;
    return CX_OK;
}

static cx_status check_rank(const cx__stored *s, cx__gguf_how how)
{
    int want = how == CX__GGUF_TRANSPOSE ? 2 : how == CX__GGUF_ROW ? 1 : s->t.ndim;
    if (s->t.ndim == want) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: '%s': expected %d dimensions, found %d", s->path, s->t.name,
                   want, s->t.ndim);
}

static cx_status apply(const cx__gguf *g, const gguf_arch *a, const cx__stored *s,
                       const gguf_rename *r, const number star[STARS], const char *suffix,
                       cx__gguf_name *out)
{
    cx__gguf_name n = { .how = r->how };
    CX_TRY(check_block(g, a, s->t.name, &star[0]));
    if (n.how == CX__GGUF_UNPERMUTE)
        CX_TRY(find_heads(g, a, s, strstr(r->from, "attn_k") != NULL, &n.heads));
    else if (n.how != CX__GGUF_DROP && strcmp(suffix, ".weight")) n.how = CX__GGUF_KEEP;
    /* Files that keep the second dimension exist: then nothing is to do. */
    if (n.how == CX__GGUF_ROW && s->t.ndim == 2 && s->t.shape[0] == 1) n.how = CX__GGUF_KEEP;
    CX_TRY(check_rank(s, n.how));
    if (n.how != CX__GGUF_DROP) expand(r->to, star, suffix, n.name);
    *out = n;
    return CX_OK;
}

cx_status cx__gguf_rename(const cx__gguf *g, const cx__stored *s, cx__gguf_name *out)
{
    const gguf_arch *a = NULL;
    const char *name = s->t.name, *suffix = strrchr(name, '.');
    CX_TRY(cx__gguf_arch(g, &a));
    if (suffix && (!strcmp(suffix, ".weight") || !strcmp(suffix, ".bias")))
        for (int i = 0; i < 3 && a->names[i]; i++)
            for (const gguf_rename *r = a->names[i]; r->from; r++) {
                number star[STARS] = { { NULL, 0 }, { NULL, 0 } };
                if (match(r->from, name, (size_t)(suffix - name), star))
                    return apply(g, a, s, r, star, suffix, out);
            }
    return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': no tensor of %s has this name", s->path, name,
                   a->name);
}
