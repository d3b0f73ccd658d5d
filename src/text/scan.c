/* JSON read in place. A tokenizer.json of 11 MB holds 150 k tokens and as many merges; a tree of
 * them costs more than all the rest of loading, so these two members are read as they stand.
 * Every other member goes through cx__json_parse. No recursion. */
#include "text/parts.h"

enum { DEPTH_MAX = 64 };

void cx__scan_init(cx__scan *s, const char *json, size_t len, const char *where)
{
    *s = (cx__scan){ .at = json, .begin = json, .end = json + len, .where = where };
}

char cx__scan_peek(cx__scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
    return s->at < s->end ? *s->at : 0;
}

bool cx__scan_take(cx__scan *s, char c)
{
    if (cx__scan_peek(s) != c || s->at == s->end) return false;
    s->at++;
    return true;
}

cx_status cx__scan_fail(cx__scan *s, const char *expected)
{
    size_t offset = (size_t)(s->at - s->begin);
    if (s->at >= s->end)
        return CX_FAIL(CX_EFORMAT, "%s: offset %zu: expected %s, found the end", s->where, offset,
                       expected);
    return CX_FAIL(CX_EFORMAT, "%s: offset %zu: expected %s, found '%.*s'", s->where, offset,
                   expected, (int)(s->end - s->at < 20 ? s->end - s->at : 20), s->at);
}

cx_status cx__scan_expect(cx__scan *s, char c)
{
    char text[4] = { '\'', c, '\'', 0 };
    return cx__scan_take(s, c) ? CX_OK : cx__scan_fail(s, text);
}

cx_status cx__scan_string(cx__scan *s, const char **raw, size_t *len, bool *escaped)
{
    const char *p;
    bool ascii = true;
    if (!cx__scan_take(s, '"')) return cx__scan_fail(s, "a string");
    s->strings++;
    *raw = s->at;
    *escaped = false;
    for (p = s->at; p < s->end && *p != '"'; p++) {
        if ((uint8_t)*p < 0x20) {
            s->at = p;
            return cx__scan_fail(s, "no control character in a string");
        }
        if (*p == '\\') {
            *escaped = true;
            if (++p == s->end) break;
        } else if ((uint8_t)*p >= 0x80) {
            ascii = false;
        }
    }
    if (p >= s->end) return s->at = s->end, cx__scan_fail(s, "the end of a string");
    *len = (size_t)(p - *raw);
    if (!ascii && cx__utf8_bad(*raw, *len) < *len) {
        s->at = *raw + cx__utf8_bad(*raw, *len);
        return cx__scan_fail(s, "UTF-8");
    }
    s->at = p + 1;
    return CX_OK;
}

/* Four hexadecimal digits at p; -1 if they are not. */
static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = (uint8_t)p[i], lower = c | 32;
        if (c >= '0' && c <= '9') v = v * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f') v = v * 16 + (lower - 'a' + 10);
        else return -1;
    }
    return v;
}

/* Code point of \uXXXX (pair of surrogates: two of them) at *p, after "\u"; -1 if bad. */
static int32_t unicode_escape(const char **p, const char *end)
{
    int high = hex4(*p, end), low;
    if (high < 0) return -1;
    *p += 4;
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
    low = hex4(*p + 2, end);
    if (low < 0xDC00 || low > 0xDFFF) return -1;
    *p += 6;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

bool cx__scan_unescape(const char *raw, size_t len, char *out, size_t *out_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = raw, *end = raw + len, *which;
    char *o = out;
    while (p < end) {
        if (*p != '\\') {
            *o++ = *p++;
            continue;
        }
        p++; /* cx__scan_string saw a byte after each backslash */
        if (*p == 'u') {
            int32_t c;
            p++;
            c = unicode_escape(&p, end);
            if (c < 0) return false;
            o += cx__utf8_put((uint32_t)c, o); /* at most 4 bytes of the 6 or 12 read */
        } else {
            which = *p ? strchr(from, *p) : NULL;
            if (!which) return false;
            *o++ = to[which - from];
            p++;
        }
    }
    *out_len = (size_t)(o - out);
    return true;
}

cx_status cx__scan_uint(cx__scan *s, uint32_t *out)
{
    uint64_t v = 0;
    const char *p;
    char c = cx__scan_peek(s);
    if (c < '0' || c > '9') return cx__scan_fail(s, "an id of 0 or more");
    for (p = s->at; p < s->end && *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > INT32_MAX) return cx__scan_fail(s, "an id below 2^31");
    }
    if (p < s->end && (*p == '.' || *p == 'e' || *p == 'E'))
        return cx__scan_fail(s, "a whole number");
    if (*s->at == '0' && p - s->at > 1) return cx__scan_fail(s, "no leading zero");
    s->at = p;
    *out = (uint32_t)v;
    return CX_OK;
}

/* Skips a string unread: whoever reads it later checks it. */
static cx_status skip_string(cx__scan *s)
{
    const char *p = s->at + 1;
    s->strings++;
    for (;; p++) {
        const char *quote = p < s->end ? memchr(p, '"', (size_t)(s->end - p)) : NULL;
        size_t slashes = 0;
        if (!quote) return s->at = s->end, cx__scan_fail(s, "the end of a string");
        while (quote - slashes > s->at + 1 && quote[-1 - (ptrdiff_t)slashes] == '\\') slashes++;
        p = quote;
        if (slashes % 2 == 0) break;
    }
    s->at = p + 1;
    return CX_OK;
}

/* Skips a scalar that is no string: everything up to a byte that may follow one. */
static cx_status skip_scalar(cx__scan *s)
{
    const char *p = s->at;
    while (p < s->end && !strchr(",]} \t\r\n\"[{:", *p)) p++;
    if (p == s->at) return cx__scan_fail(s, "a value");
    s->at = p;
    return CX_OK;
}

cx_status cx__scan_skip(cx__scan *s, const char **raw, size_t *len)
{
    char open[DEPTH_MAX];
    int depth = 0;
    cx__scan_peek(s);
    *raw = s->at;
    do {
        char c = cx__scan_peek(s);
        if (c == '"') {
            CX_TRY(skip_string(s));
        } else if (c == '[' || c == '{') {
            if (depth == DEPTH_MAX)
                return CX_FAIL(CX_EFORMAT, "%s: offset %zu: nested deeper than %d", s->where,
                               (size_t)(s->at - s->begin), DEPTH_MAX);
            open[depth++] = c;
            s->at++;
        } else if (depth > 0 && (c == ']' || c == '}')) {
            if (open[--depth] != (c == ']' ? '[' : '{'))
                return cx__scan_fail(s, "its other bracket");
            s->at++;
        } else if (depth > 0 && (c == ',' || c == ':')) {
            s->at++;
        } else {
            CX_TRY(skip_scalar(s));
        }
    } while (depth > 0);
    *len = (size_t)(s->at - *raw);
    return CX_OK;
}
