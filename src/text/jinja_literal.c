/* String literals of templates: escapes as Python's unicode-escape codec reads them, and the
 * names of a template. Tested by tests/unit/test_template.c. */
#include "jinja_ast.h"

/* Hexadecimal digits of \x, \u, \U: exactly n. */
static bool hex(const char *p, size_t len, size_t n, uint32_t *out)
{
    if (len < n) return false;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        int ch = p[i], low = ch | 32;
        int digit = ch >= '0' && ch <= '9'     ? ch - '0'
                    : low >= 'a' && low <= 'f' ? low - 'a' + 10
                                               : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static size_t octal(const char *p, size_t len, uint32_t *out)
{
    size_t n = 0;
    for (*out = 0; n < 3 && n < len && p[n] >= '0' && p[n] <= '7'; n++)
        *out = *out << 3 | (uint32_t)(p[n] - '0');
    return n;
}

/* The escape after a backslash: bytes used, 0 for one that Python leaves alone, SIZE_MAX for an
 * error. *cp: the character, or UINT32_MAX for none. */
static size_t escape(const char *p, size_t len, uint32_t *cp)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = *p ? strchr(from, *p) : NULL;
    size_t n = *p == 'x' ? 2 : *p == 'u' ? 4 : *p == 'U' ? 8 : 0;
    *cp = UINT32_MAX;
    if (*p == '\n') return 1;
    if (at) return *cp = (unsigned char)to[at - from], 1;
    if (*p == 'N') return SIZE_MAX;
    if (n) {
        if (!hex(p + 1, len - 1, n, cp) || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
            return SIZE_MAX;
        return n + 1;
    }
    return octal(p, len, cp);
}

void cx__jlex_string(jlex *x, const char *p, size_t len, jtok *out)
{
    char *text = cx__jalloc(x->c, len), *to = text;
    if (!text) return;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n;
        if (p[i] != '\\' || i + 1 == len) {
            *to++ = p[i++];
            continue;
        }
        n = escape(p + i + 1, len - i - 1, &cp);
        if (n == SIZE_MAX) {
            x->c->line = x->line;
            cx__jfail(x->c, CX_EFORMAT, "a string has an escape that cannot be read");
            return;
        }
        if (n && cp != UINT32_MAX) to += cx__jutf8_put(to, cp); /* never longer than its escape */
        else if (!n) *to++ = '\\';
        i += n + 1;
    }
    out->value = cx__jstr_view(x->c, text, (size_t)(to - text));
    cx__jstr_freeze(out->value.s);
}

const jname *cx__jname_find(const jnames *names, jstr *text)
{
    if (!names->size) return NULL;
    for (size_t i = cx__jstr_hash(text) & (names->size - 1); names->table[i];
         i = (i + 1) & (names->size - 1))
        if (cx__jstr_eq(&names->table[i]->text, text)) return names->table[i];
    return NULL;
}

static bool names_grow(jctx *c, jnames *names)
{
    size_t size = names->size ? 2 * names->size : 64;
    jname **table = cx__jarray(c, size, sizeof *table);
    if (!table) return false;
    memset(table, 0, size * sizeof *table);
    for (size_t i = 0; i < names->size; i++) {
        size_t at;
        if (!names->table[i]) continue;
        for (at = names->table[i]->text.hash & (size - 1); table[at]; at = (at + 1) & (size - 1))
            continue;
        table[at] = names->table[i];
    }
    names->table = table;
    names->size = size;
    return true;
}

jname *cx__jname_intern(jctx *c, jnames *names, const char *p, size_t len)
{
    jstr text = { .p = p, .len = len, .chars = SIZE_MAX };
    size_t at;
    jname *n = (jname *)cx__jname_find(names, &text);
    if (n) return n;
    if (2 * (names->count + 1) > names->size && !names_grow(c, names)) return NULL;
    if (!(n = cx__jalloc(c, sizeof *n))) return NULL;
    *n = (jname){ .text = text, .id = (uint32_t)names->count };
    cx__jstr_freeze(&n->text);
    for (at = n->text.hash & (names->size - 1); names->table[at]; at = (at + 1) & (names->size - 1))
        continue;
    names->table[at] = n;
    names->count++;
    return n;
}
