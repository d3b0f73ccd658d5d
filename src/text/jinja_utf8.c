/* Code points of UTF-8 strings: counting, slicing, white space, case, character classes.
 * Case mapping is utf8proc's simple one, with the two full mappings that texts meet (sharp s,
 * dotted capital I). Tested by tests/unit/test_template.c. */
#include "jinja.h"
#include <utf8proc.h>

size_t cx__jutf8_width(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t cx__jutf8_get(const char *p, size_t len, uint32_t *cp)
{
    size_t n = cx__jutf8_width((unsigned char)p[0]);
    static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    if (n > len) n = len; /* cannot be in valid text */
    *cp = (unsigned char)p[0] & mask[n];
    for (size_t i = 1; i < n; i++) *cp = *cp << 6 | ((unsigned char)p[i] & 0x3f);
    return n;
}

size_t cx__jutf8_put(char out[4], uint32_t cp)
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)(lead[n] | cp);
    return n;
}

/* Rejects what RFC 3629 rejects: overlong forms, surrogates, more than U+10FFFF. */
bool cx__jutf8_valid(const char *p, size_t len)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    for (size_t i = 0; i < len;) {
        unsigned char lead = (unsigned char)p[i];
        size_t n = cx__jutf8_width(lead);
        uint32_t cp;
        if (lead < 0x80 && ++i) continue;
        if (lead < 0xc2 || lead > 0xf4 || n > len - i) return false;
        for (size_t k = 1; k < n; k++)
            if (((unsigned char)p[i + k] & 0xc0) != 0x80) return false;
        cx__jutf8_get(p + i, n, &cp);
        if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) return false;
        i += n;
    }
    return true;
}

bool cx__jspace(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

size_t cx__jskip_space(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint32_t cp;
        if (p[i] > ' ' && p[i] < 0x7f) break;
        size_t n = cx__jutf8_get(p + i, len - i, &cp);
        if (!cx__jspace(cp)) break;
        i += n;
    }
    return i;
}

size_t cx__jskip_space_back(const char *p, size_t len)
{
    while (len) {
        size_t at = len - 1;
        uint32_t cp;
        while (at && ((unsigned char)p[at] & 0xc0) == 0x80) at--;
        cx__jutf8_get(p + at, len - at, &cp);
        if (!cx__jspace(cp)) break;
        len = at;
    }
    return len;
}

size_t cx__jstr_chars(jctx *c, jstr *s)
{
    size_t n = 0;
    if (s->chars != SIZE_MAX) return s->chars;
    if (!cx__jstep_bytes(c, s->len)) return 0;
    for (size_t i = 0; i < s->len; i++) n += ((unsigned char)s->p[i] & 0xc0) != 0x80;
    return s->chars = n;
}

size_t cx__jstr_offset(jctx *c, jstr *s, size_t chars)
{
    size_t n = cx__jstr_chars(c, s), at = 0;
    if (chars >= n) return s->len;
    if (n == s->len) return chars; /* ASCII */
    if (!cx__jstep_bytes(c, 8 * chars)) return 0;
    while (chars--) at += cx__jutf8_width((unsigned char)s->p[at]);
    return at;
}

jval cx__jstr_sub(jctx *c, jval s, size_t begin, size_t end)
{
    size_t from = cx__jstr_offset(c, s.s, begin);
    return cx__jstr_slice(c, s, from, end <= begin ? from : cx__jstr_offset(c, s.s, end));
}

static void put_cp(jctx *c, cx__buf *b, uint32_t cp)
{
    char text[4];
    cx__jput(c, b, text, cx__jutf8_put(text, cp));
}

static void put_upper(jctx *c, cx__buf *b, uint32_t cp, bool title)
{
    if (cp == 0xdf) cx__jput(c, b, title ? "Ss" : "SS", 2);
    else
        put_cp(c, b,
               (uint32_t)(title ? utf8proc_totitle((int32_t)cp) : utf8proc_toupper((int32_t)cp)));
}

static void put_lower(jctx *c, cx__buf *b, uint32_t cp)
{
    if (cp == 0x130) cx__jput(c, b, "i\xcc\x87", 3);
    else put_cp(c, b, (uint32_t)utf8proc_tolower((int32_t)cp));
}

static bool is_upper(uint32_t cp)
{
    return cp < 0x80 ? cp >= 'A' && cp <= 'Z' : utf8proc_isupper((int32_t)cp) != 0;
}

static bool is_lower(uint32_t cp)
{
    return cp < 0x80 ? cp >= 'a' && cp <= 'z' : utf8proc_islower((int32_t)cp) != 0;
}

static bool is_cased(uint32_t cp)
{
    return is_upper(cp) || is_lower(cp) || utf8proc_category((int32_t)cp) == UTF8PROC_CATEGORY_LT;
}

static void put_cased(jctx *c, cx__buf *b, uint32_t cp, int how, bool start)
{
    if (how == J_UPPER || (how == J_SWAP && is_lower(cp))) put_upper(c, b, cp, false);
    else if (how == J_FOLD && cp == 0xdf) cx__jput(c, b, "ss", 2);
    else if ((how == J_TITLE || how == J_CAPITALIZE) && start) put_upper(c, b, cp, true);
    else if (how != J_SWAP || is_upper(cp)) put_lower(c, b, cp);
    else put_cp(c, b, cp);
}

jval cx__jstr_case(jctx *c, jval s, int how)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    bool start = true, markup = s.s->markup;
    if (!cx__jstep_chars(c, s.s->len)) return s;
    for (size_t i = 0; i < s.s->len && c->status == CX_OK;) {
        uint32_t cp;
        i += cx__jutf8_get(s.s->p + i, s.s->len - i, &cp);
        put_cased(c, &b, cp, how, start);
        start = how == J_TITLE ? !is_cased(cp) : false;
    }
    return cx__jstr_markup(c, cx__jstr_take(c, &b), markup);
}

static bool is_alpha(uint32_t cp)
{
    int cat = utf8proc_category((int32_t)cp);
    return cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO;
}

static bool is_digit(uint32_t cp)
{
    return utf8proc_category((int32_t)cp) == UTF8PROC_CATEGORY_ND;
}

static bool in_class(uint32_t cp, int what)
{
    switch (what) {
    case J_IS_ALPHA: return is_alpha(cp);
    case J_IS_DIGIT: return is_digit(cp);
    case J_IS_ALNUM: return is_alpha(cp) || is_digit(cp);
    case J_IS_SPACE: return cx__jspace(cp);
    default: return cp < 0x80;
    }
}

/* isupper, islower, istitle: no character of the other case, at least one cased. */
static bool all_cased(const jstr *s, int what)
{
    bool any = false, inside = false;
    for (size_t i = 0; i < s->len;) {
        uint32_t cp;
        i += cx__jutf8_get(s->p + i, s->len - i, &cp);
        if (!is_cased(cp)) {
            inside = false;
            continue;
        }
        if (what == J_IS_UPPER   ? !is_upper(cp)
            : what == J_IS_LOWER ? !is_lower(cp)
                                 : is_lower(cp) != inside)
            return false;
        any = inside = true;
    }
    return any;
}

bool cx__jstr_all(jctx *c, jstr *s, int what)
{
    if (!cx__jstep_chars(c, s->len)) return false;
    if (what == J_IS_UPPER || what == J_IS_LOWER || what == J_IS_TITLE) return all_cased(s, what);
    for (size_t i = 0; i < s->len;) {
        uint32_t cp;
        i += cx__jutf8_get(s->p + i, s->len - i, &cp);
        if (!in_class(cp, what)) return false;
    }
    return s->len || what == J_IS_ASCII;
}
