/* Writes JSON as Python's json module does. Tested by tests/unit/test_base_json.c; against Python
 * itself by tests/oracle/oracle_json.py. */
#include "base/json.h"
#include "base/json_scan.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code point at *p, which moves behind it. Jansson's strings are valid UTF-8. */
static unsigned next_char(const unsigned char **p)
{
    const unsigned char *s = *p;
    if (s[0] < 0x80) return *p += 1, s[0];
    if (s[0] < 0xe0) return *p += 2, (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    if (s[0] < 0xf0) return *p += 3, (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    return *p += 4,
           (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

static bool put_char(cx__buf *out, unsigned c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *hit = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (hit) return cx__buf_putc(out, '\\') && cx__buf_putc(out, to[hit - from]);
    if (c >= 0x20 && c <= 0x7e) return cx__buf_putc(out, (char)c);
    if (c < 0x10000) return cx__buf_printf(out, "\\u%04x", c);
    c -= 0x10000;
    return cx__buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

bool cx__json_put_string(cx__buf *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    if (!cx__buf_putc(out, '"')) return false;
    while (p < end)
        if (!put_char(out, next_char(&p))) return false;
    return cx__buf_putc(out, '"');
}

/* 0.d1d2...dn x 10^point, as decimal digits without trailing zeros. */
typedef struct decimal {
    char digits[20];
    int count, point;
} decimal;

static double decimal_value(const decimal *d)
{
    char text[40];
    snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, d->point - d->count);
    return strtod(text, NULL); /* no point in it: the locale does not matter */
}

static void decimal_increment(decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9') d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        memset(d->digits, '0', (size_t)d->count);
        d->digits[0] = '1';
        d->point++;
    }
}

/* v rounded to `count` significant digits. */
static void decimal_round(double v, int count, decimal *d)
{
    char text[40];
    int n = 0;
    snprintf(text, sizeof text, "%.*e", count - 1, v);
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') d->digits[n++] = *p; /* whatever the locale's point is */
    d->count = n;
    d->point = atoi(strchr(text, 'e') + 1) + 1;
}

/* The shortest digits that read back as v > 0, of those the nearest to v: what Python's repr has.
 * Below a power of two doubles are denser: there the nearest digits may not read back, while the
 * next ones above do. */
static void decimal_shortest(double v, decimal *d)
{
    for (int count = 1; count < 18; count++) {
        decimal_round(v, count, d);
        if (decimal_value(d) == v) break;
        decimal above = *d;
        decimal_increment(&above);
        if (decimal_value(&above) == v) {
            *d = above;
            break;
        }
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

/* Python's float repr: plain for exponents -4 to 15, else d.ddde-05. */
static bool put_real(cx__buf *out, double v)
{
    decimal d;
    int n;
    if (signbit(v) && !cx__buf_putc(out, '-')) return false;
    v = fabs(v);
    if (v == 0) return cx__buf_puts(out, "0.0");
    decimal_shortest(v, &d);
    n = d.count;
    if (d.point < -3 || d.point > 16) {
        if (!cx__buf_printf(out, "%c%s%.*s", d.digits[0], n > 1 ? "." : "", n - 1, d.digits + 1))
            return false;
        return cx__buf_printf(out, "e%c%02d", d.point > 0 ? '+' : '-', abs(d.point - 1));
    }
    if (d.point <= 0) return cx__buf_printf(out, "0.%.*s%.*s", -d.point, "000", n, d.digits);
    if (n <= d.point)
        return cx__buf_printf(out, "%.*s%.*s.0", n, d.digits, d.point - n, "0000000000000000");
    return cx__buf_printf(out, "%.*s.%.*s", d.point, d.digits, n - d.point, d.digits + d.point);
}

static bool put_scalar(cx__buf *out, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING: return cx__json_put_string(out, json_string_value(v), json_string_length(v));
    case JSON_INTEGER: return cx__buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    case JSON_REAL: return put_real(out, json_real_value(v));
    case JSON_TRUE: return cx__buf_puts(out, "true");
    case JSON_FALSE: return cx__buf_puts(out, "false");
    default: return cx__buf_puts(out, "null");
    }
}

/* An open container: its members in the order of writing. */
typedef struct level {
    const json_t *value;
    const char **keys; /* NULL for lists */
    size_t count, at;
} level;

typedef struct dumper {
    cx__buf *out;
    int indent, depth;
    bool sort;
    level stack[CX__JSON_DEPTH + 2]; /* a parsed tree, put into a wrapper or two */
} dumper;

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool collect_keys(level *l, bool sort)
{
    size_t n = 0;
    void *v = (void *)(uintptr_t)l->value; /* iteration wants a mutable object but changes none */
    l->keys = cx__alloc_array(l->count, sizeof *l->keys);
    if (!l->keys) return false;
    for (void *i = json_object_iter(v); i; i = json_object_iter_next(v, i))
        l->keys[n++] = json_object_iter_key(i);
    if (sort) qsort(l->keys, n, sizeof *l->keys, compare_keys);
    return true;
}

static bool put_newline(const dumper *d)
{
    if (d->indent <= 0) return true;
    return cx__buf_printf(d->out, "\n%*s", d->indent * d->depth, "");
}

/* Writes a scalar or an empty container whole; opens any other container. */
static bool put_value(dumper *d, const json_t *v)
{
    bool object = json_is_object(v);
    if (!object && !json_is_array(v)) return put_scalar(d->out, v);
    size_t count = object ? json_object_size(v) : json_array_size(v);
    if (!count) return cx__buf_puts(d->out, object ? "{}" : "[]");
    if (d->depth == (int)(sizeof d->stack / sizeof d->stack[0])) return false;
    level *l = &d->stack[d->depth];
    *l = (level){ .value = v, .count = count };
    if (object && !collect_keys(l, d->sort)) return false;
    d->depth++;
    return cx__buf_putc(d->out, object ? '{' : '[');
}

static bool put_member(dumper *d)
{
    level *l = &d->stack[d->depth - 1];
    const json_t *v;
    if (l->at && !cx__buf_puts(d->out, d->indent < 0 ? ", " : ",")) return false;
    if (!put_newline(d)) return false;
    if (!l->keys) return put_value(d, json_array_get(l->value, l->at++));
    const char *key = l->keys[l->at++];
    v = json_object_get(l->value, key);
    return cx__json_put_string(d->out, key, strlen(key)) &&
           cx__buf_puts(d->out, d->indent ? ": " : ":") && put_value(d, v);
}

static bool close_level(dumper *d)
{
    level *l = &d->stack[--d->depth];
    bool object = l->keys != NULL;
    cx__free(l->keys);
    return put_newline(d) && cx__buf_putc(d->out, object ? '}' : ']');
}

bool cx__json_dump(cx__buf *out, const json_t *v, int indent, bool sort)
{
    dumper d = { .out = out, .indent = indent, .sort = sort };
    bool ok = put_value(&d, v);
    while (ok && d.depth) {
        const level *l = &d.stack[d.depth - 1];
        ok = l->at < l->count ? put_member(&d) : close_level(&d);
    }
    while (d.depth) cx__free(d.stack[--d.depth].keys);
    if (!ok) out->failed = true;
    return ok;
}
