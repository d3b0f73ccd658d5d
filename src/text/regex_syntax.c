/* Oniguruma's pattern syntax (what tokenizer.json holds) turned into PCRE2's. What differs: \s
 * \w \d \h \v \b mean other sets, `{n,m}+` is a repeat of a repeat and not possessive, `{,n}`
 * counts from 0, (?m) is dot-all, ^ and $ are lines, (?i) inside a group takes all alternatives
 * that follow, classes nest and intersect (&&). What has no equal is refused. Source: Oniguruma
 * doc/RE and doc/SYNTAX.md. Compared with it by tests/oracle/golden_tokenizers.py. */
#include "text/parts.h"

/* \w by itself also takes the Latin-1 fractions and superscripts; in brackets it does not. */
#define LATIN_1_WORDS "\\xB2\\xB3\\xB9\\xBC-\\xBE"

enum { DEPTH_MAX = 128, REPEAT_MAX = 65535, REPEAT_MANY = 16 };

/* Inside brackets. White_Space; its complement; Oniguruma's Word. */
static const char space_set[] = "\\x09-\\x0D\\x20\\x85\\xA0\\x{1680}\\x{2000}-\\x{200A}"
                                "\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
static const char no_space_set[] =
    "\\x00-\\x08\\x0E-\\x1F\\x21-\\x84\\x86-\\x9F\\xA1-\\x{167F}\\x{1681}-\\x{1FFF}"
    "\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}"
    "\\x{3001}-\\x{10FFFF}";
static const char word_base[] = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24B6}-\\x{24E9}"
                                "\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}";

typedef struct group {
    size_t start;      /* of the group in the output */
    int extra;         /* more ')' to write at its end */
    bool look;         /* a look-around */
    bool repeats;      /* holds a long repeat */
    bool look_repeats; /* holds a look-around that holds a long repeat */
} group;
typedef struct reader {
    const char *s;
    size_t len, at;
    const char *where;
    cx__buf *out;
    cx__buf words; /* Oniguruma's Word, inside brackets */
    group stack[DEPTH_MAX];
    int depth;
    size_t atom;     /* start of the last atom in the output, SIZE_MAX: none */
    bool quantified; /* it has a quantifier already */
    bool atom_looks; /* it holds a look-around with a long repeat */
} reader;

static cx_status refuse(reader *r, const char *what)
{
    return CX_FAIL(CX_EUNSUPPORTED, "%s: pattern offset %zu: %s: '%.*s'", r->where, r->at, what,
                   (int)(r->len < 80 ? r->len : 80), r->s);
}

static cx_status bad(reader *r, const char *what)
{
    return CX_FAIL(CX_EFORMAT, "%s: pattern offset %zu: %s: '%.*s'", r->where, r->at, what,
                   (int)(r->len < 80 ? r->len : 80), r->s);
}

static int peek(const reader *r, size_t ahead)
{
    return r->len - r->at > ahead ? (uint8_t)r->s[r->at + ahead] : -1;
}

static bool looking_at(const reader *r, const char *text)
{
    size_t n = strlen(text);
    return r->len - r->at >= n && memcmp(r->s + r->at, text, n) == 0;
}

static void begin_atom(reader *r)
{
    r->atom = r->out->len;
    r->quantified = r->atom_looks = false;
}

static void put(reader *r, const char *text)
{
    cx__buf_puts(r->out, text);
}

/* Puts text before what was written from offset `at` on. */
static cx_status insert(reader *r, size_t at, const char *text)
{
    size_t n = strlen(text);
    put(r, text);
    if (r->out->failed) return cx__text_nomem("a pattern");
    memmove(r->out->data + at + n, r->out->data + at, r->out->len - at - n);
    memcpy(r->out->data + at, text, n);
    return CX_OK;
}

static void put_char(reader *r, uint32_t c)
{
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128);
    if (plain) cx__buf_putc(r->out, (char)c);
    else cx__buf_printf(r->out, "\\x{%X}", (unsigned)c);
}

/* ---- escapes ---- */

static int hex_value(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits at r->at, at least one, at most `max`. */
static cx_status read_hex(reader *r, int max, uint32_t *out)
{
    uint32_t v = 0;
    int n = 0;
    while (n < max && hex_value(peek(r, 0)) >= 0) {
        v = v * 16 + (uint32_t)hex_value(peek(r, 0));
        r->at++;
        n++;
    }
    if (n == 0) return bad(r, "expected hexadecimal digits");
    if (v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) return bad(r, "no such character");
    *out = v;
    return CX_OK;
}

/* A character escape after the backslash; *found false: the escape means something else. */
static cx_status char_escape(reader *r, uint32_t *c, bool *found)
{
    static const char from[] = "tnrfaev", to[] = "\t\n\r\f\a\x1B\v";
    int k = peek(r, 0);
    const char *which = k > 0 ? strchr(from, k) : NULL;
    *found = true;
    if (which) {
        r->at++;
        *c = (uint8_t)to[which - from];
    } else if (k == 'x' && peek(r, 1) == '{') {
        r->at += 2;
        CX_TRY(read_hex(r, 8, c));
        if (peek(r, 0) != '}') return bad(r, "expected '}'");
        r->at++;
    } else if (k == 'x' || k == 'u') {
        r->at++;
        if (k == 'x') return read_hex(r, 2, c);
        for (size_t i = 0; i < 4; i++)
            if (hex_value(peek(r, i)) < 0) return bad(r, "expected four hexadecimal digits");
        return read_hex(r, 4, c);
    } else if (k >= 0 && !((k | 32) >= 'a' && (k | 32) <= 'z') && !(k >= '0' && k <= '9')) {
        const char *p = r->s + r->at;
        *c = cx__utf8_next(&p, r->s + r->len);
        r->at = (size_t)(p - r->s);
    } else {
        *found = false;
    }
    return CX_OK;
}

/* \p{Name}, \P{Name}, \p{^Name}: the name goes to PCRE2 as it is, long names of Oniguruma's that
 * PCRE2 lacks are put in short. */
static cx_status property(reader *r)
{
    static const char *const longer[][2] = {
        { "Letter", "L" },
        { "Mark", "M" },
        { "Number", "N" },
        { "Punctuation", "P" },
        { "Symbol", "S" },
        { "Separator", "Z" },
        { "Other", "C" },
        { "Uppercase_Letter", "Lu" },
        { "Lowercase_Letter", "Ll" },
        { "Titlecase_Letter", "Lt" },
        { "Modifier_Letter", "Lm" },
        { "Other_Letter", "Lo" },
        { "Nonspacing_Mark", "Mn" },
        { "Decimal_Number", "Nd" },
    };
    bool negated = peek(r, 0) == 'P';
    size_t start, n;
    const char *name, *shorter = NULL;
    char plain[40];
    r->at++;
    if (peek(r, 0) != '{') return refuse(r, "expected '{' after \\p");
    r->at++;
    if (peek(r, 0) == '^') {
        negated = !negated;
        r->at++;
    }
    for (start = r->at; peek(r, 0) >= 0 && peek(r, 0) != '}'; r->at++) {
        int c = peek(r, 0);
        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && c != '_' && c != ' ' && c != '-')
            return bad(r, "bad character in a property name");
    }
    if (peek(r, 0) != '}' || r->at == start) return bad(r, "expected a property name and '}'");
    name = r->s + start;
    n = r->at++ - start;
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
        if (strlen(longer[i][0]) == n && !strncasecmp(name, longer[i][0], n))
            shorter = longer[i][1];
    if (!shorter) shorter = snprintf(plain, sizeof plain, "%.*s", (int)n, name) < 40 ? plain : "";
    cx__buf_printf(r->out, "\\%c{%s}", negated ? 'P' : 'p', shorter);
    if (!negated) cx__age_put_15(r->out, shorter);
    return CX_OK;
}

/* A class escape written inside brackets; *found false: it is none. */
static cx_status set_escape(reader *r, bool *found)
{
    int k = peek(r, 0);
    *found = true;
    switch (k) {
    case 'd':
        put(r, "\\p{Nd}");
        cx__age_put_15(r->out, "Nd");
        break;
    case 'D': put(r, "\\P{Nd}"); break;
    case 's': put(r, space_set); break;
    case 'S': put(r, no_space_set); break;
    case 'w': put(r, r->words.data); break;
    case 'h': put(r, "0-9A-Fa-f"); break;
    case 'p':
    case 'P': return property(r);
    default: *found = false; return CX_OK;
    }
    r->at++;
    return CX_OK;
}

static cx_status back_reference(reader *r)
{
    unsigned n = 0;
    while (peek(r, 0) >= '0' && peek(r, 0) <= '9' && n < 100)
        n = n * 10 + (unsigned)(r->s[r->at++] - '0');
    if (n == 0 || n > 99) return refuse(r, "octal escape or far back reference");
    cx__buf_printf(r->out, "\\g{%u}", n);
    return CX_OK;
}

/* Outside brackets; r->at is after the backslash. */
static cx_status escape(reader *r)
{
    uint32_t c;
    bool found;
    int k = peek(r, 0);
    if (k < 0) return bad(r, "a backslash ends the pattern");
    begin_atom(r);
    CX_TRY(char_escape(r, &c, &found));
    if (found) return put_char(r, c), CX_OK;
    if (k >= '0' && k <= '9') return back_reference(r);
    if (k == 'w' || k == 'W' || k == 'H') {
        r->at++;
        cx__buf_printf(r->out, k == 'w' ? "[%s%s]" : "[^%s%s]",
                       k == 'H' ? "0-9A-Fa-f" : LATIN_1_WORDS, k == 'H' ? "" : r->words.data);
        return CX_OK;
    }
    if (k == 'b' || k == 'B') {
        const char *word = r->words.data, *latin = LATIN_1_WORDS;
        r->at++;
        cx__buf_printf(r->out,
                       k == 'b' ? "(?:(?<=[%s%s])(?![%s%s])|(?<![%s%s])(?=[%s%s]))"
                                : "(?:(?<=[%s%s])(?=[%s%s])|(?<![%s%s])(?![%s%s]))",
                       latin, word, latin, word, latin, word, latin, word);
        return CX_OK;
    }
    if (strchr("AzZGRX", k)) {
        r->at++;
        cx__buf_printf(r->out, "\\%c", k);
        return CX_OK;
    }
    put(r, "[");
    CX_TRY(set_escape(r, &found));
    put(r, "]");
    return found ? CX_OK : refuse(r, "escape without an equal in PCRE2");
}

/* ---- classes ---- */

static cx_status posix_set(reader *r)
{
    const char *const sets[][2] = {
        { "digit", "\\p{Nd}" },
        { "space", space_set },
        { "word", r->words.data },
        { "alpha", "\\p{Alphabetic}" },
        { "alnum", "\\p{Alphabetic}\\p{Nd}" },
        { "lower", "\\p{Ll}" },
        { "upper", "\\p{Lu}" },
        { "cntrl", "\\p{Cc}" },
        { "xdigit", "0-9A-Fa-f" },
        { "blank", "\\x09\\p{Zs}" },
        { "punct", "\\p{P}\\p{S}" },
        { "ascii", "\\x00-\\x7F" },
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char name[16];
        snprintf(name, sizeof name, "[:%s:]", sets[i][0]);
        if (!looking_at(r, name)) continue;
        r->at += strlen(name);
        put(r, sets[i][1]);
        return CX_OK;
    }
    return refuse(r, "POSIX bracket");
}

/* One member or range of a class. */
static cx_status class_member(reader *r)
{
    uint32_t c[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        bool found = false;
        size_t before = r->at;
        if (peek(r, 0) < 0) return bad(r, "a class does not end");
        if (peek(r, 0) == '\\') {
            r->at++;
            if (peek(r, 0) == 'b') {
                r->at++;
                c[i] = '\b';
            } else {
                CX_TRY(char_escape(r, &c[i], &found));
                if (!found && i == 1) { /* [a-\d]: the dash stands for itself */
                    r->at = before;
                    put(r, "\\-");
                    return CX_OK;
                }
                if (!found) {
                    CX_TRY(set_escape(r, &found));
                    return found ? CX_OK : refuse(r, "escape in a class");
                }
            }
        } else {
            const char *p = r->s + r->at;
            c[i] = cx__utf8_next(&p, r->s + r->len);
            r->at = (size_t)(p - r->s);
        }
        if (i == 1) break;
        put_char(r, c[0]);
        if (peek(r, 0) != '-' || peek(r, 1) == ']' || peek(r, 1) == '[' || peek(r, 1) < 0)
            return CX_OK;
        r->at++;
    }
    if (c[1] < c[0]) return bad(r, "a range runs backwards");
    put(r, "-");
    put_char(r, c[1]);
    return CX_OK;
}

/* Reads members up to the next && or the end of the class at depth 0, into "[...]" or "[^...]".
 * Nested classes are joined; a negated one must be all of its part. */
static cx_status class_part(reader *r, bool *more)
{
    int depth = 0;
    size_t open = r->out->len, members = 0;
    bool negated = false;
    put(r, "[");
    for (;; members++) {
        int c = peek(r, 0);
        if (c < 0) return bad(r, "a class does not end");
        if (depth == 0 && looking_at(r, "&&")) {
            r->at += 2;
            *more = true;
            break;
        }
        if (c == ']' && members > 0) {
            *more = false;
            r->at++;
            if (depth-- == 0) break;
        } else if (c == '[' && peek(r, 1) == ':') {
            CX_TRY(posix_set(r));
        } else if (c == '[') {
            r->at++;
            if (++depth > 1) return refuse(r, "classes nested three deep");
            if (peek(r, 0) != '^') continue;
            if (members > 0) return refuse(r, "a negated class joined to others");
            r->at++;
            negated = true;
            put(r, "^");
        } else if (negated && depth == 0) {
            return refuse(r, "a negated class joined to others");
        } else {
            CX_TRY(class_member(r));
        }
    }
    if (r->out->failed) return cx__text_nomem("a pattern");
    if (r->out->len == open + 1 + negated) return bad(r, "an empty class");
    put(r, "]");
    return CX_OK;
}

/* After '['. A & B becomes (?:(?=A)B); negation is a look-ahead before any character. */
static cx_status class(reader *r)
{
    bool negated = peek(r, 0) == '^', more = true;
    size_t start, last = 0, parts = 0;
    begin_atom(r);
    if (negated) r->at++;
    for (start = r->out->len; more; parts++) {
        last = r->out->len;
        if (parts > 8) return refuse(r, "too many && in a class");
        CX_TRY(class_part(r, &more));
        if (!more) break;
        put(r, ")");
        CX_TRY(insert(r, last, "(?="));
    }
    if (parts == 0 && !negated) return CX_OK;
    if (parts == 0 && r->out->data[start + 1] != '^') return insert(r, start + 1, "^");
    put(r, negated ? ")[\\x00-\\x{10FFFF}])" : ")");
    return insert(r, start, negated ? "(?:(?!" : "(?:");
}

/* ---- groups ---- */

static cx_status push_group(reader *r, const char *head, bool look)
{
    if (r->depth == DEPTH_MAX) return refuse(r, "groups nested deeper than 128");
    r->stack[r->depth++] = (group){ .start = r->out->len, .look = look };
    r->atom = SIZE_MAX;
    put(r, head);
    return CX_OK;
}

/* After "(?": options as in (?im-x) or (?i:...). */
static cx_status options(reader *r)
{
    char head[16] = "(?";
    size_t n = 2;
    for (; peek(r, 0) == 'i' || peek(r, 0) == 'm' || peek(r, 0) == '-'; r->at++) {
        if (n > 8) return bad(r, "options");
        head[n++] = (char)(peek(r, 0) == 'm' ? 's' : peek(r, 0));
    }
    head[n] = ':';
    if (peek(r, 0) == ':') {
        r->at++;
        return push_group(r, head, false);
    }
    if (peek(r, 0) != ')' || n == 2) return refuse(r, "group of this kind");
    r->at++;
    if (r->depth == 0 || r->stack[r->depth - 1].extra > 100) return refuse(r, "options");
    r->stack[r->depth - 1].extra++; /* to the end of the group, with all its alternatives */
    put(r, head);
    r->atom = SIZE_MAX;
    return CX_OK;
}

/* After '('. */
static cx_status open_group(reader *r)
{
    static const char *const heads[] = { "?:", "?=", "?!", "?<=", "?<!", "?>" };
    char head[8];
    if (peek(r, 0) == '*') return refuse(r, "callout");
    if (peek(r, 0) != '?') return push_group(r, "(", false);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (!looking_at(r, heads[i])) continue;
        r->at += strlen(heads[i]);
        snprintf(head, sizeof head, "(%s", heads[i]);
        return push_group(r, head, i >= 1 && i <= 4);
    }
    if (looking_at(r, "?#")) {
        while (peek(r, 0) >= 0 && peek(r, 0) != ')') r->at++;
        if (peek(r, 0) < 0) return bad(r, "a comment does not end");
        r->at++;
        return CX_OK;
    }
    r->at++;
    return options(r);
}

static void close_extra(reader *r)
{
    for (int i = r->stack[r->depth - 1].extra; i > 0; i--) put(r, ")");
}

/* After ')'. */
static cx_status close_group(reader *r)
{
    group g;
    bool looks;
    if (r->depth <= 1) return bad(r, "')' without '('");
    close_extra(r);
    put(r, ")");
    g = r->stack[--r->depth];
    looks = g.look_repeats || (g.look && g.repeats);
    r->stack[r->depth - 1].repeats |= g.repeats;
    r->stack[r->depth - 1].look_repeats |= looks;
    r->atom = g.start;
    r->quantified = false;
    r->atom_looks = looks;
    return CX_OK;
}

/* ---- quantifiers ---- */

static cx_status quantify(reader *r, const char *text, bool many)
{
    if (r->atom == SIZE_MAX) return bad(r, "nothing to repeat");
    if (many && r->atom_looks)
        return refuse(r, "repeats a group that holds a look-around with a repeat");
    if (r->quantified) {
        put(r, ")");
        CX_TRY(insert(r, r->atom, "(?:"));
    }
    put(r, text);
    if (many) r->stack[r->depth - 1].repeats = true;
    r->quantified = true;
    return CX_OK;
}

/* {n} {n,} {,n} {n,m} at '{'; *found false: the brace stands for itself. */
static cx_status interval(reader *r, bool *found)
{
    size_t at = r->at + 1;
    long low = 0, high = -1;
    char text[40];
    int digits = 0, comma = 0;
    for (*found = false; at < r->len && r->s[at] != '}'; at++) {
        int c = (uint8_t)r->s[at];
        if (c == ',' && !comma) {
            comma = 1;
        } else if (c >= '0' && c <= '9') {
            long *v = comma ? &high : &low;
            *v = (*v < 0 ? 0 : *v) * 10 + (c - '0');
            if (*v > REPEAT_MAX) return refuse(r, "more than 65535 repeats");
            digits++;
        } else {
            return CX_OK;
        }
    }
    if (at == r->len || digits == 0) return CX_OK;
    if (!comma) high = low;
    if (high >= 0 && high < low) return bad(r, "a repeat range runs backwards");
    *found = true;
    r->at = at + 1;
    if (high < 0) snprintf(text, sizeof text, "{%ld,}", low);
    else snprintf(text, sizeof text, "{%ld,%ld}", low, high);
    CX_TRY(quantify(r, text, high < 0 || high > REPEAT_MANY));
    if (comma && peek(r, 0) == '?') {
        r->at++;
        put(r, "?");
    }
    return CX_OK;
}

static cx_status quantifier(reader *r, char c)
{
    char text[3] = { c, 0, 0 };
    r->at++;
    if (peek(r, 0) == '?' || peek(r, 0) == '+') text[1] = (char)r->s[r->at++];
    return quantify(r, text, c != '?');
}

static cx_status one(reader *r)
{
    char c = r->s[r->at];
    const char *p = r->s + r->at;
    bool found;
    if (c == '{') {
        CX_TRY(interval(r, &found));
        if (found) return CX_OK;
    }
    if (c == '*' || c == '+' || c == '?') return quantifier(r, c);
    if (strchr("\\[()|^$.", c) && c) r->at++;
    switch (c) {
    case '\\': return escape(r);
    case '[': return class(r);
    case '(': return open_group(r);
    case ')': return close_group(r);
    case '|':
        r->atom = SIZE_MAX;
        put(r, "|");
        return CX_OK;
    case '^':
    case '$':
    case '.':
        begin_atom(r);
        cx__buf_putc(r->out, c);
        return CX_OK;
    default:
        begin_atom(r);
        put_char(r, cx__utf8_next(&p, r->s + r->len));
        r->at = (size_t)(p - r->s);
        return CX_OK;
    }
}

cx_status cx__regex_translate(const char *pattern, size_t len, const char *where, cx__buf *out)
{
    reader *r = cx__calloc(1, sizeof *r);
    cx_status st = CX_OK;
    if (!r) return CX_FAIL(CX_ENOMEM, "%s: pattern", where);
    *r = (reader){ .s = pattern, .len = len, .where = where, .out = out, .atom = SIZE_MAX };
    r->depth = 1; /* the whole pattern */
    r->words.max = 1 << 16;
    cx__buf_puts(&r->words, word_base);
    cx__age_put_15(&r->words, "L");
    cx__age_put_15(&r->words, "M");
    cx__age_put_15(&r->words, "Nd");
    if (r->words.failed) st = CX_FAIL(CX_ENOMEM, "%s: pattern", where);
    while (st == CX_OK && r->at < len) st = one(r);
    if (st == CX_OK && r->depth > 1) st = bad(r, "'(' without ')'");
    if (st == CX_OK) close_extra(r);
    if (st == CX_OK && out->failed) st = CX_FAIL(CX_ENOMEM, "%s: pattern", where);
    cx__buf_free(&r->words);
    cx__free(r);
    return st;
}
