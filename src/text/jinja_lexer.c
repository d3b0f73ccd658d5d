/* Template text to tokens, with Jinja's white-space control: trim_blocks and lstrip_blocks on.
 * Source: jinja2/lexer.py's rules. Tested by tests/unit/test_template.c. */
#include "jinja_ast.h"
#include <stdlib.h>

static bool at_text(const jlex *x, size_t at, const char *text)
{
    size_t n = strlen(text);
    return x->len - at >= n && memcmp(x->p + at, text, n) == 0;
}

static void advance(jlex *x, size_t to)
{
    for (; x->at < to; x->at++) x->line += x->p[x->at] == '\n';
}

static size_t skip_space(const jlex *x, size_t at)
{
    return at + cx__jskip_space(x->p + at, x->len - at);
}

static void fail(jlex *x, const char *what)
{
    x->c->line = x->line;
    cx__jfail(x->c, CX_EFORMAT, "%s", what);
    x->at = x->len;
}

/* End of a tag at `at`: "-%}" and all space, "+%}", or "%}" and one newline. 0: none there. */
static size_t tag_end(const jlex *x, size_t at, const char *end)
{
    size_t next;
    if (at < x->len && x->p[at] == '-' && at_text(x, at + 1, end)) return skip_space(x, at + 3);
    if (at < x->len && x->p[at] == '+' && at_text(x, at + 1, end)) return at + 3;
    if (!at_text(x, at, end)) return 0;
    next = at + 2;
    return next < x->len && x->p[next] == '\n' ? next + 1 : next;
}

/* Where "{% name %}" at `at` ends, or 0. raw trims no newline after it, endraw does. */
static size_t raw_tag(const jlex *x, size_t at, const char *name)
{
    size_t end;
    if (!at_text(x, at, "{%")) return 0;
    at += 2;
    if (at < x->len && (x->p[at] == '-' || x->p[at] == '+')) at++;
    at = skip_space(x, at);
    if (!at_text(x, at, name)) return 0;
    at = skip_space(x, at + strlen(name));
    if (name[0] == 'e') return tag_end(x, at, "%}");
    end = at < x->len && x->p[at] == '-' ? tag_end(x, at, "%}") : 0;
    return end ? end : at_text(x, at, "%}") ? at + 2 : 0;
}

/* Text before a tag: `sign` follows the tag's opening; lstrip_blocks if not a variable. */
static void give_data(jlex *x, size_t end, char sign, bool variable, jtok *out)
{
    const char *p = x->p + x->at;
    size_t len = end - x->at, line = len;
    bool starts = x->at == 0 || p[-1] == '\n';
    *out = (jtok){ .kind = JT_DATA, .line = x->line, .p = p, .len = len };
    if (sign == '-') out->len = cx__jskip_space_back(p, len);
    if (sign == '-' || sign == '+' || variable) return;
    while (line && p[line - 1] != '\n') line--;
    if ((line || starts) && cx__jskip_space(p + line, len - line) == len - line) out->len = line;
}

static void skip_comment(jlex *x)
{
    size_t at = x->at + 2;
    const char *end;
    if (at < x->len && (x->p[at] == '-' || x->p[at] == '+')) at++;
    end = memmem(x->p + at, x->len - at, "#}", 2);
    if (!end) {
        fail(x, "a comment has no end");
        return;
    }
    if (end > x->p + at && (end[-1] == '-' || end[-1] == '+')) end--;
    advance(x, tag_end(x, (size_t)(end - x->p), "#}"));
}

/* At a tag's opening: enters it. */
static void open_tag(jlex *x, jtok *out)
{
    char kind = x->p[x->at + 1];
    size_t raw = raw_tag(x, x->at, "raw"), at = x->at + 2;
    *out = (jtok){ .kind = kind == '{' ? JT_VAR_BEGIN : JT_BLOCK_BEGIN, .line = x->line };
    if (raw) {
        advance(x, raw);
        x->state = JX_RAW;
        return;
    }
    if (at < x->len && (x->p[at] == '-' || x->p[at] == '+')) at++;
    advance(x, at);
    x->state = kind == '{' ? JX_VAR : JX_BLOCK;
    x->depth = 0;
}

/* Outside of tags. False: nothing to give yet (a comment or an empty text went by). */
static bool lex_root(jlex *x, jtok *out)
{
    size_t at = x->at;
    char sign;
    while (at + 1 < x->len && !(x->p[at] == '{' && (x->p[at + 1] == '%' || x->p[at + 1] == '{' ||
                                                    x->p[at + 1] == '#')))
        at++;
    if (at + 1 >= x->len) {
        *out = (jtok){ .kind = x->at < x->len ? JT_DATA : JT_EOF,
                       .line = x->line,
                       .p = x->p + x->at,
                       .len = x->len - x->at };
        advance(x, x->len);
        return true;
    }
    if (at > x->at) {
        sign = at + 2 < x->len ? x->p[at + 2] : 0;
        give_data(x, at, sign, x->p[at + 1] == '{', out);
        advance(x, at);
        return out->len > 0;
    }
    if (x->p[at + 1] == '#') return skip_comment(x), false;
    open_tag(x, out);
    return x->state != JX_RAW;
}

static bool lex_raw(jlex *x, jtok *out)
{
    for (size_t at = x->at; at + 1 < x->len; at++) {
        size_t end = x->p[at] == '{' ? raw_tag(x, at, "endraw") : 0;
        if (!end) continue;
        give_data(x, at, x->p[at + 2], false, out);
        advance(x, end);
        x->state = JX_ROOT;
        return out->len > 0;
    }
    fail(x, "a raw block has no end");
    return false;
}

static bool is_word(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || (unsigned char)ch >= 0x80;
}

/* Digits with single underscores between them. */
static size_t digits(const jlex *x, size_t at)
{
    size_t from = at;
    while (at < x->len && ((x->p[at] >= '0' && x->p[at] <= '9') ||
                           (at > from && x->p[at] == '_' && at + 1 < x->len &&
                            x->p[at + 1] >= '0' && x->p[at + 1] <= '9')))
        at++;
    return at;
}

static size_t float_end(const jlex *x, size_t whole)
{
    size_t at = whole, end;
    bool fraction = false;
    if (x->at && x->p[x->at - 1] == '.') return 0; /* a.0.1 */
    if (at < x->len && x->p[at] == '.' && (end = digits(x, at + 1)) > at + 1) {
        at = end;
        fraction = true;
    }
    if (at < x->len && (x->p[at] | 32) == 'e') {
        size_t from = at + 1;
        if (from < x->len && (x->p[from] == '+' || x->p[from] == '-')) from++;
        if ((end = digits(x, from)) > from) return end;
    }
    return fraction ? at : 0;
}

static size_t int_end(const jlex *x, size_t whole)
{
    char kind = x->at + 1 < x->len ? (char)(x->p[x->at + 1] | 32) : 0;
    size_t at = x->at + 2;
    if (x->p[x->at] != '0') return whole;
    if (kind == 'x' || kind == 'o' || kind == 'b') {
        while (at < x->len && (is_word(x->p[at]))) at++;
        return at;
    }
    for (at = x->at; at < whole && (x->p[at] == '0' || x->p[at] == '_'); at++) continue;
    return at;
}

static void lex_number(jlex *x, jtok *out)
{
    size_t whole = digits(x, x->at), end = float_end(x, whole);
    jstr s = { .p = x->p + x->at };
    int64_t i = 0;
    double d = 0;
    out->kind = end ? JT_FLOAT : JT_INT;
    if (!end) end = int_end(x, whole);
    s.len = end - x->at;
    if (out->kind == JT_FLOAT && cx__jparse_float(&s, &d)) out->value = cx__jfloat(d);
    else if (out->kind == JT_INT && cx__jparse_int(&s, 0, &i)) out->value = cx__jint(i);
    else fail(x, "a number that cannot be read");
    if (x->at < x->len) x->at = end;
}

static void lex_quoted(jlex *x, jtok *out)
{
    size_t at = x->at + 1;
    char quote = x->p[x->at];
    while (at < x->len && x->p[at] != quote) at += x->p[at] == '\\' ? 2 : 1;
    if (at >= x->len) {
        fail(x, "a string has no end");
        return;
    }
    out->kind = JT_STRING;
    cx__jlex_string(x, x->p + x->at + 1, at - x->at - 1, out);
    advance(x, at + 1);
}

static void lex_bracket(jlex *x, char ch)
{
    const char *pairs = "()[]{}", *at = strchr(pairs, ch);
    if (!at) return;
    if ((at - pairs) % 2 == 0) {
        x->open[x->depth++] = at[1];
        if (x->depth <= J_MAX_NEST) return;
        x->c->line = x->line;
        cx__jfail(x->c, CX_ELIMIT, "brackets are nested deeper than %d", J_MAX_NEST);
        x->depth = 0;
    } else if (!x->depth || x->open[--x->depth] != ch) {
        fail(x, "a bracket is closed that was not opened");
    }
}

static void lex_operator(jlex *x, jtok *out)
{
    static const char *const two[] = { "//", "**", "==", "!=", ">=", "<=" };
    char text[80], ch = x->p[x->at];
    out->kind = JT_OP;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (at_text(x, x->at, two[i])) {
            out->op = JT_PAIR(two[i][0], two[i][1]);
            x->at += 2;
            return;
        }
    if (!ch || !strchr("+-/*%~[](){}><=.:|,;", ch)) {
        snprintf(text, sizeof text,
                 ch > 32 && ch < 127 ? "unexpected character '%c'"
                                     : "unexpected character of code %d",
                 ch);
        fail(x, text);
        return;
    }
    out->op = ch;
    x->at++;
    lex_bracket(x, ch);
}

static void lex_tag(jlex *x, jtok *out)
{
    const char *end = x->state == JX_VAR ? "}}" : "%}";
    size_t close;
    advance(x, skip_space(x, x->at));
    *out = (jtok){ .line = x->line, .p = x->p + x->at };
    if (x->at >= x->len) return;
    close = x->depth ? 0 : tag_end(x, x->at, end);
    if (close && x->state == JX_VAR) { /* no "+}}", no newline trimmed */
        if (x->p[x->at] == '+') close = 0;
        else if (x->p[x->at] == '}') close = x->at + 2;
    }
    if (close) {
        out->kind = x->state == JX_VAR ? JT_VAR_END : JT_BLOCK_END;
        advance(x, close);
        x->state = JX_ROOT;
    } else if (x->p[x->at] >= '0' && x->p[x->at] <= '9') {
        lex_number(x, out);
    } else if (is_word(x->p[x->at])) {
        out->kind = JT_NAME;
        while (x->at < x->len && is_word(x->p[x->at])) x->at++;
        out->len = (size_t)(x->p + x->at - out->p);
    } else if (x->p[x->at] == '"' || x->p[x->at] == '\'') {
        lex_quoted(x, out);
    } else {
        lex_operator(x, out);
    }
}

void cx__jlex_next(jlex *x, jtok *out)
{
    bool done = false;
    *out = (jtok){ .kind = JT_EOF, .line = x->line };
    while (!done && x->c->status == CX_OK) {
        if (x->state == JX_ROOT) done = lex_root(x, out);
        else if (x->state == JX_RAW) done = lex_raw(x, out);
        else lex_tag(x, out), done = true;
    }
    if (x->c->status != CX_OK) out->kind = JT_EOF;
}
