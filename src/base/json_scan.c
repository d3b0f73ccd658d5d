/* Streaming JSON scanner. Tested by tests/unit/test_base_json.c and tests/fuzz/fuzz_json.c.
 * Source: RFC 8259, and Python's json module for NaN, Infinity and -Infinity. */
#include "base/json_scan.h"
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

enum {
    VALUE,          /* a value must come */
    VALUE_OR_CLOSE, /* first place of an array */
    KEY_OR_CLOSE,   /* first place of an object */
    AFTER           /* after a value: comma, close, or the end */
};

void cx__json_scan_init(cx__json_scan *s, const char *text, size_t len, const char *where)
{
    *s = (cx__json_scan){
        .begin = text, .at = text, .end = text + len, .where = where, .scratch = { .max = len }
    };
}

void cx__json_scan_deinit(cx__json_scan *s)
{
    cx__buf_free(&s->scratch);
}

const char *cx__json_event_name(cx__json_event e)
{
    switch (e) {
    case CX__JSON_OBJECT: return "an object";
    case CX__JSON_ARRAY: return "a list";
    case CX__JSON_KEY: return "a key";
    case CX__JSON_STRING: return "a string";
    case CX__JSON_INT: return "an integer";
    case CX__JSON_REAL:
    case CX__JSON_FLOAT: return "a real number";
    case CX__JSON_TRUE: return "true";
    case CX__JSON_FALSE: return "false";
    case CX__JSON_NULL: return "null";
    default: return "an end";
    }
}

static cx_status fail(const cx__json_scan *s, const char *what)
{
    size_t line = 1;
    const char *start = s->begin;
    for (const char *p = s->begin; p < s->at; p++)
        if (*p == '\n') line++, start = p + 1;
    return CX_FAIL(CX_EFORMAT, "%s: JSON, line %zu, column %zu: %s", s->where, line,
                   (size_t)(s->at - start) + 1, what);
}

static cx_status fail_memory(const cx__json_scan *s)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for a JSON string", s->where);
}

static int peek(const cx__json_scan *s)
{
    return s->at < s->end ? (unsigned char)*s->at : -1;
}

static void skip_space(cx__json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* Length of the valid UTF-8 character at p, 0 if there is none. Overlong forms, surrogates and
 * values over U+10FFFF are not valid. */
static size_t utf8_len(const unsigned char *p, const unsigned char *end)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;
    if (!n || (size_t)(end - p) < n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return n;
}

bool cx__utf8_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        size_t n = utf8_len(p, end);
        if (!n) return false;
        p += n;
    }
    return true;
}

/* Moves over characters that stand for themselves, up to a quote or backslash. */
static cx_status plain_run(cx__json_scan *s)
{
    while (s->at < s->end && *s->at != '"' && *s->at != '\\') {
        const unsigned char *p = (const unsigned char *)s->at;
        size_t n = 1;
        if (*p < 0x20) return fail(s, "control character in a string");
        if (*p >= 0x80) n = utf8_len(p, (const unsigned char *)s->end);
        if (!n) return fail(s, "invalid UTF-8 in a string");
        s->at += n;
    }
    return s->at < s->end ? CX_OK : fail(s, "string without an end");
}

static bool hex4(cx__json_scan *s, unsigned *out)
{
    unsigned v = 0;
    if (s->end - s->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = s->at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15) return false;
        v = v << 4 | digit;
    }
    s->at += 4;
    *out = v;
    return true;
}

static size_t utf8_encode(unsigned c, char out[4])
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        return out[2] = (char)(0x80 | (c & 63)), 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    return out[3] = (char)(0x80 | (c & 63)), 4;
}

/* At the four digits behind "\u". */
static cx_status unicode_escape(cx__json_scan *s)
{
    unsigned c, low;
    char utf8[4];
    if (!hex4(s, &c)) return fail(s, "\\u without four hexadecimal digits");
    if (c == 0) return fail(s, "NUL in a string");
    if (c >= 0xdc00 && c <= 0xdfff) return fail(s, "lone surrogate in a string");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return fail(s, "lone surrogate in a string");
        s->at += 2;
        if (!hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
            return fail(s, "lone surrogate in a string");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return cx__buf_append(&s->scratch, utf8, utf8_encode(c, utf8)) ? CX_OK : fail_memory(s);
}

static cx_status escape(cx__json_scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *hit;
    int c;
    s->at++;
    c = peek(s);
    if (c == 'u') return s->at++, unicode_escape(s);
    if (c <= 0 || !(hit = strchr(from, c))) return fail(s, "unknown escape in a string");
    s->at++;
    return cx__buf_putc(&s->scratch, to[hit - from]) ? CX_OK : fail_memory(s);
}

/* At the opening quote. A string without escapes is borrowed from the text. */
static cx_status scan_string(cx__json_scan *s)
{
    const char *start = ++s->at;
    CX_TRY(plain_run(s));
    if (*s->at == '"') {
        s->text = start;
        s->len = (size_t)(s->at++ - start);
        return CX_OK;
    }
    cx__buf_clear(&s->scratch);
    for (;;) {
        if (!cx__buf_append(&s->scratch, start, (size_t)(s->at - start))) return fail_memory(s);
        if (*s->at == '"') break;
        CX_TRY(escape(s));
        start = s->at;
        CX_TRY(plain_run(s));
    }
    s->at++;
    s->text = s->scratch.data;
    s->len = s->scratch.len;
    return CX_OK;
}

static locale_t c_locale;
static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod that reads a point whatever the program's locale. */
static double to_double(const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

static size_t digits(cx__json_scan *s)
{
    const char *start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return (size_t)(s->at - start);
}

static cx_status scan_real(cx__json_scan *s, const char *start)
{
    cx__buf_clear(&s->scratch);
    if (!cx__buf_append(&s->scratch, start, (size_t)(s->at - start))) return fail_memory(s);
    s->real = to_double(s->scratch.data);
    if (isinf(s->real)) return fail(s, "number beyond the range of a double");
    return CX_OK;
}

/* Digits from `p` to s->at as an integer; false if they exceed 64 bits. */
static bool to_integer(const cx__json_scan *s, const char *p, bool negative, int64_t *out)
{
    int64_t v = 0; /* kept negative: that side is larger by one */
    for (; p < s->at; p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
            return false;
    if (!negative && v == INT64_MIN) return false;
    *out = negative ? v : -v;
    return true;
}

static bool literal(cx__json_scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n)) return false;
    s->at += n;
    return true;
}

static cx_status scan_number(cx__json_scan *s, cx__json_event *out)
{
    const char *start = s->at, *first;
    bool negative = *s->at == '-', real = false;
    if (literal(s, "-Infinity")) return s->real = -(double)INFINITY, *out = CX__JSON_FLOAT, CX_OK;
    s->at += negative;
    first = s->at;
    if (peek(s) == '0') s->at++;
    else if (!digits(s)) return fail(s, "expected a number");
    if (peek(s) == '.') {
        real = true;
        s->at++;
        if (!digits(s)) return fail(s, "expected digits after the point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        real = true;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') s->at++;
        if (!digits(s)) return fail(s, "expected digits in the exponent");
    }
    *out = CX__JSON_INT;
    if (!real && to_integer(s, first, negative, &s->integer)) return CX_OK;
    *out = CX__JSON_REAL;
    return scan_real(s, start);
}

static cx_status open_container(cx__json_scan *s, bool object)
{
    if (s->depth == CX__JSON_DEPTH) return fail(s, "more than 64 levels of nesting");
    s->is_object &= ~(UINT64_C(1) << s->depth);
    s->is_object |= (uint64_t)object << s->depth++;
    s->state = object ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    s->at++;
    return CX_OK;
}

static cx_status scan_value(cx__json_scan *s, cx__json_event *out)
{
    int c = peek(s);
    s->state = AFTER;
    if (c == '{') return *out = CX__JSON_OBJECT, open_container(s, true);
    if (c == '[') return *out = CX__JSON_ARRAY, open_container(s, false);
    if (c == '"') return *out = CX__JSON_STRING, scan_string(s);
    if (c == '-' || (c >= '0' && c <= '9')) return scan_number(s, out);
    if (c == 't' && literal(s, "true")) return *out = CX__JSON_TRUE, CX_OK;
    if (c == 'f' && literal(s, "false")) return *out = CX__JSON_FALSE, CX_OK;
    if (c == 'n' && literal(s, "null")) return *out = CX__JSON_NULL, CX_OK;
    if (c == 'N' && literal(s, "NaN")) return s->real = (double)NAN, *out = CX__JSON_FLOAT, CX_OK;
    if (c == 'I' && literal(s, "Infinity"))
        return s->real = (double)INFINITY, *out = CX__JSON_FLOAT, CX_OK;
    return fail(s, c < 0 ? "the text ends where a value was expected" : "expected a value");
}

static cx_status scan_key(cx__json_scan *s, cx__json_event *out)
{
    skip_space(s);
    if (peek(s) != '"') return fail(s, "expected a key");
    CX_TRY(scan_string(s));
    skip_space(s);
    if (peek(s) != ':') return fail(s, "expected ':'");
    s->at++;
    s->state = VALUE;
    *out = CX__JSON_KEY;
    return CX_OK;
}

static cx_status close_container(cx__json_scan *s, bool object, cx__json_event *out)
{
    s->at++;
    s->depth--;
    s->state = AFTER;
    *out = object ? CX__JSON_OBJECT_END : CX__JSON_ARRAY_END;
    return CX_OK;
}

cx_status cx__json_next(cx__json_scan *s, cx__json_event *out)
{
    bool object = s->depth && s->is_object >> (s->depth - 1) & 1;
    skip_space(s);
    if (s->state == VALUE) return scan_value(s, out);
    if (s->state == AFTER && !s->depth) {
        if (s->at < s->end) return fail(s, "expected the end, found more text");
        return *out = CX__JSON_END, CX_OK;
    }
    if (peek(s) == (object ? '}' : ']')) return close_container(s, object, out);
    if (s->state == AFTER) {
        if (peek(s) != ',') return fail(s, object ? "expected ',' or '}'" : "expected ',' or ']'");
        s->at++;
        skip_space(s);
    }
    return object ? scan_key(s, out) : scan_value(s, out);
}

cx_status cx__json_skip(cx__json_scan *s, cx__json_event first)
{
    int depth = s->depth - 1;
    if (first != CX__JSON_OBJECT && first != CX__JSON_ARRAY) return CX_OK;
    while (s->depth > depth) CX_TRY(cx__json_next(s, &first));
    return CX_OK;
}
