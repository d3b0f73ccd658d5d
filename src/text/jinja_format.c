/* Formatting: "..." % values, the format filter, and "...".format(). One field is parsed to a
 * spec; both syntaxes print through it. Tested by tests/unit/test_template.c. */
#include "jinja_run.h"
#include <math.h>

enum { MAX_WIDTH = 100000, MAX_PRECISION = 300 };

typedef struct spec {
    char fill[4];
    size_t fill_len;
    char align; /* < > ^ = or 0 */
    char sign;  /* + space - */
    bool alt, comma;
    int64_t width, precision; /* -1: none */
    char type;                /* 0: none */
} spec;

static void put_fill(jrun *r, cx__buf *b, const spec *s, int64_t n)
{
    for (; n > 0 && cx__jstep(&r->c, 1); n--) cx__jput(&r->c, b, s->fill, s->fill_len);
}

/* `head` is a sign or prefix, before which "=" does not fill. */
static void put_aligned(jrun *r, cx__buf *b, const spec *s, jval head, jval body, char align)
{
    int64_t n = s->width - (int64_t)cx__jstr_chars(&r->c, head.s) -
                (int64_t)cx__jstr_chars(&r->c, body.s);
    int64_t left = n <= 0 ? 0 : align == '>' ? n : align == '^' ? n / 2 : 0;
    put_fill(r, b, s, left);
    cx__jput_str(&r->c, b, head);
    if (align == '=') put_fill(r, b, s, n);
    cx__jput_str(&r->c, b, body);
    if (align == '<' || align == '^') put_fill(r, b, s, n - left);
}

/* Puts a comma before each three digits of the whole part. */
static jval with_commas(jrun *r, const char *text)
{
    char out[512];
    size_t whole = strspn(text, "0123456789"), n = 0;
    for (size_t i = 0; i < whole && n + 2 < sizeof out; i++) {
        if (i && (whole - i) % 3 == 0) out[n++] = ',';
        out[n++] = text[i];
    }
    for (size_t i = whole; text[i] && n + 1 < sizeof out; i++) out[n++] = text[i];
    return cx__jstr(&r->c, out, n);
}

/* Digits of |i|; binary has no printf form. */
static void int_text(int64_t i, char type, char out[72])
{
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i, base = type == 'b'                  ? 2
                                                               : type == 'o'                ? 8
                                                               : type == 'x' || type == 'X' ? 16
                                                                                            : 10;
    const char *digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[72];
    size_t n = 0;
    do text[n++] = digits[u % base];
    while (u /= base);
    for (size_t k = 0; k < n; k++) out[k] = text[n - 1 - k];
    out[n] = 0;
}

/* |d| in the wanted form. */
static void float_text(double d, const spec *s, char out[400])
{
    char form[16];
    int precision = s->precision < 0 ? 6 : (int)s->precision;
    d = fabs(d);
    if (!isfinite(d)) {
        strcpy(out, isnan(d) ? "nan" : "inf");
    } else if (!s->type && s->precision < 0) {
        cx__jfloat_repr(d, out);
    } else if (s->type == '%') {
        snprintf(out, 400, d < 1e90 ? "%.*f%%" : "%.*e%%", precision > 290 ? 290 : precision,
                 d * 100);
    } else {
        char type = !s->type || s->type == 'n' ? 'g' : s->type;
        if ((type | 32) == 'g' && precision == 0) precision = 1;
        if ((type | 32) == 'f' && d >= 1e90) type = 'e'; /* no text of 300 digits */
        snprintf(form, sizeof form, "%%%s.*%c", s->alt ? "#" : "", type);
        snprintf(out, 400, form, precision, d);
        if (!s->type && !strpbrk(out, ".e") && strlen(out) < 390) strcat(out, ".0");
    }
}

static jval sign_of(jrun *r, bool minus, const spec *s, const char *prefix)
{
    char text[8];
    snprintf(text, sizeof text, "%s%s",
             minus            ? "-"
             : s->sign == '+' ? "+"
             : s->sign == ' ' ? " "
                              : "",
             prefix);
    return cx__jstr_of(&r->c, text);
}

static void put_int(jrun *r, cx__buf *b, int64_t i, const spec *s)
{
    char text[72];
    const char *prefix = !s->alt          ? ""
                         : s->type == 'x' ? "0x"
                         : s->type == 'X' ? "0X"
                         : s->type == 'o' ? "0o"
                         : s->type == 'b' ? "0b"
                                          : "";
    int_text(i, s->type, text);
    put_aligned(r, b, s, sign_of(r, i < 0, s, prefix),
                s->comma ? with_commas(r, text) : cx__jstr_of(&r->c, text),
                s->align ? s->align : '>');
}

static void put_float(jrun *r, cx__buf *b, double d, const spec *s)
{
    char text[400];
    float_text(d, s, text);
    put_aligned(r, b, s, sign_of(r, signbit(d) && !isnan(d), s, ""),
                s->comma ? with_commas(r, text) : cx__jstr_of(&r->c, text),
                s->align ? s->align : '>');
}

static void put_text(jrun *r, cx__buf *b, jval v, const spec *s)
{
    if (s->precision >= 0) v = cx__jstr_sub(&r->c, v, 0, (size_t)s->precision);
    put_aligned(r, b, s, cx__jstr_view(&r->c, "", 0), v, s->align ? s->align : '<');
}

static void fail_spec(jrun *r, jval v)
{
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "a format does not fit a '%s'", cx__jtype_name(v));
}

/* ---- % ---- */

typedef struct percent {
    jval args;   /* tuple, dict or one value */
    size_t next; /* of a tuple */
} percent;

static jval next_arg(jrun *r, percent *p)
{
    size_t n = p->args.type == J_TUPLE ? p->args.l->len : 1;
    if (p->next >= n) {
        cx__jfail(&r->c, CX_EFORMAT, "%%: more fields than values");
        return J_NONE_VALUE;
    }
    return p->args.type == J_TUPLE ? p->args.l->items[p->next++] : (p->next++, p->args);
}

static bool limited(jrun *r, int64_t n, int64_t max)
{
    if (n <= max) return true;
    cx__jfail(&r->c, CX_ELIMIT, "a format wider than %lld", (long long)max);
    return false;
}

/* A number or '*' in a % field. */
static int64_t percent_number(jrun *r, percent *p, const char *t, size_t len, size_t *at)
{
    int64_t n = 0;
    if (*at < len && t[*at] == '*') {
        jval v = next_arg(r, p);
        ++*at;
        if (!cx__jis_int(v)) return fail_spec(r, v), 0;
        return cx__jint_of(v) > MAX_WIDTH ? MAX_WIDTH + 1 : cx__jint_of(v);
    }
    for (; *at < len && t[*at] >= '0' && t[*at] <= '9'; ++*at)
        if (n <= MAX_WIDTH) n = 10 * n + t[*at] - '0';
    return n;
}

static void percent_value(jrun *r, cx__buf *b, jval v, spec *s)
{
    cx__buf text = { .max = J_MAX_OUTPUT };
    switch (s->type) {
    case 's': put_text(r, b, cx__jto_str(&r->c, v), s); return;
    case 'r':
    case 'a':
        cx__jput_repr(&r->c, &text, v);
        put_text(r, b, cx__jstr_take(&r->c, &text), s);
        return;
    case 'd':
    case 'i':
    case 'u':
        s->type = 'd';
        if (v.type == J_FLOAT && fabs(v.d) < 0x1p63) v = cx__jint((int64_t)v.d);
        break;
    case 'c':
        if (v.type == J_STR && cx__jstr_chars(&r->c, v.s) == 1) {
            put_text(r, b, v, s);
            return;
        }
        break;
    default: break;
    }
    if (strchr("dxXo", s->type) && cx__jis_int(v)) put_int(r, b, cx__jint_of(v), s);
    else if (strchr("eEfFgG", s->type) && cx__jis_num(v)) put_float(r, b, cx__jnum_of(v), s);
    else fail_spec(r, v);
}

/* One field after its '%'; returns the bytes used. */
static size_t percent_field(jrun *r, cx__buf *b, percent *p, const char *t, size_t len)
{
    spec s = { .fill = " ", .fill_len = 1, .align = '>', .precision = -1 };
    size_t at = 0, name = 0;
    jval v = J_MISSING_VALUE;
    if (at < len && t[at] == '(') {
        for (name = ++at; at < len && t[at] != ')';) at++;
        if (p->args.type != J_DICT) return fail_spec(r, p->args), len;
        v = cx__jitem(r, p->args, cx__jstr(&r->c, t + name, at - name));
        at++;
    }
    for (; at < len && strchr("-+ #0", t[at]) && t[at]; at++) {
        if (t[at] == '-') s.align = '<';
        else if (t[at] == '#') s.alt = true;
        else if (t[at] == '0' && s.align != '<') s.align = '=', s.fill[0] = '0';
        else if (t[at] == '+' || (t[at] == ' ' && s.sign != '+')) s.sign = t[at];
    }
    s.width = percent_number(r, p, t, len, &at);
    if (s.width < 0) s.width = -s.width, s.align = '<', s.fill[0] = ' ';
    if (at < len && t[at] == '.') at++, s.precision = percent_number(r, p, t, len, &at);
    if (at >= len || !limited(r, s.width, MAX_WIDTH)) return fail_spec(r, p->args), len;
    s.type = t[at];
    if (s.type == '%') return cx__jput(&r->c, b, "%", 1), at + 1;
    if (strchr("sra", s.type)) {
        s.fill[0] = ' ';
        if (s.align == '=') s.align = '>';
    } else if (!limited(r, s.precision, MAX_PRECISION)) return len;
    if (v.type == J_MISSING) v = next_arg(r, p);
    if (r->c.status == CX_OK) percent_value(r, b, v, &s);
    return at + 1;
}

/* Markup escapes each argument that is text. */
static jval escape_args(jrun *r, jval args)
{
    jval out;
    if (args.type == J_STR) return cx__jescape(&r->c, args);
    if (args.type != J_TUPLE) return args;
    out = cx__jlist(&r->c, J_TUPLE, args.l->len);
    for (size_t i = 0; i < args.l->len && cx__jstep(&r->c, 1); i++) {
        jval v = args.l->items[i];
        if (!cx__jlist_push(&r->c, out, cx__jis_num(v) ? v : cx__jescape(&r->c, v))) break;
    }
    return out;
}

jval cx__jformat_percent(jrun *r, jval format, jval args)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    bool markup = format.s->markup;
    percent p = { markup ? escape_args(r, args) : args, 0 };
    const char *t = format.s->p;
    size_t len = format.s->len, at = 0;
    while (at < len && cx__jstep(&r->c, 1)) {
        const char *next = memchr(t + at, '%', len - at);
        size_t plain = next ? (size_t)(next - t) : len;
        cx__jput(&r->c, &b, t + at, plain - at);
        at = plain;
        if (next) at += 1 + percent_field(r, &b, &p, t + at + 1, len - at - 1);
    }
    if (p.args.type == J_TUPLE ? p.next < p.args.l->len
                               : p.next == 0 && p.args.type != J_DICT && p.args.type != J_LIST)
        cx__jfail(&r->c, CX_EFORMAT, "%%: more values than fields");
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), markup);
}

/* ---- format() ---- */

typedef struct braces {
    const jargs *args;
    size_t next;
    bool markup;
} braces;

static jval arg_named(jrun *r, const jargs *args, const char *p, size_t len)
{
    for (size_t i = 0; i < args->nkw; i++)
        if (args->names[i]->len == len && memcmp(args->names[i]->p, p, len) == 0)
            return args->values[i];
    cx__jfail(&r->c, CX_EFORMAT, "format(): there is no argument '%.*s'", len > 60 ? 60 : (int)len,
              p);
    return J_NONE_VALUE;
}

/* "0.name[key]": the value that a replacement field names. */
static jval field_value(jrun *r, braces *f, const char *p, size_t len)
{
    size_t at = 0, end;
    int64_t n = 0;
    jval v, key;
    while (at < len && p[at] != '.' && p[at] != '[') at++;
    jstr first = { .p = p, .len = at };
    if (!at) n = (int64_t)f->next++;
    if (!at || cx__jparse_int(&first, 10, &n)) {
        if (n < 0 || (uint64_t)n >= f->args->npos) {
            cx__jfail(&r->c, CX_EFORMAT, "format(): there is no argument %lld", (long long)n);
            return J_NONE_VALUE;
        }
        v = f->args->pos[n];
    } else {
        v = arg_named(r, f->args, p, at);
    }
    while (at < len && cx__jstep(&r->c, 1)) {
        char kind = p[at++];
        for (end = at;
             end < len && p[end] != (kind == '[' ? ']' : '.') && (kind == '[' || p[end] != '[');)
            end++;
        key = cx__jstr(&r->c, p + at, end - at);
        if (kind == '[')
            v = cx__jparse_int(key.s, 10, &n) ? cx__jitem(r, v, cx__jint(n)) : cx__jitem(r, v, key);
        else v = cx__jattr(r, v, key.s);
        at = end + (kind == '[');
    }
    return v;
}

static int64_t spec_number(const char *p, size_t len, size_t *at)
{
    int64_t n = 0;
    for (; *at < len && p[*at] >= '0' && p[*at] <= '9'; ++*at)
        if (n <= MAX_WIDTH) n = 10 * n + p[*at] - '0';
    return n;
}

static bool is_align(char ch)
{
    return ch == '<' || ch == '>' || ch == '^' || ch == '=';
}

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static bool parse_spec(jrun *r, const char *p, size_t len, spec *s)
{
    size_t at = 0, n = len ? cx__jutf8_width((unsigned char)p[0]) : 0;
    if (len > n && is_align(p[n])) {
        memcpy(s->fill, p, n);
        s->fill_len = n;
        s->align = p[n];
        at = n + 1;
    } else if (len && is_align(p[0])) {
        s->align = p[at++];
    }
    if (at < len && (p[at] == '+' || p[at] == '-' || p[at] == ' ')) s->sign = p[at++];
    if (at < len && p[at] == '#') s->alt = true, at++;
    if (at < len && p[at] == '0') {
        if (!s->align) s->fill[0] = '0', s->align = '=';
        at++;
    }
    s->width = spec_number(p, len, &at);
    if (at < len && p[at] == ',') s->comma = true, at++;
    if (at < len && p[at] == '.') at++, s->precision = spec_number(p, len, &at);
    if (at < len) s->type = p[at++];
    if (at < len)
        cx__jfail(&r->c, CX_EFORMAT, "format(): '%.*s' is no format", len > 60 ? 60 : (int)len, p);
    return limited(r, s->width, MAX_WIDTH);
}

static void put_spec(jrun *r, cx__buf *b, jval v, const char *p, size_t len)
{
    spec s = { .fill = " ", .fill_len = 1, .precision = -1 };
    if (!parse_spec(r, p, len, &s) || r->c.status != CX_OK) return;
    if (v.type != J_STR && !cx__jis_num(v)) {
        if (len) fail_spec(r, v);
        else cx__jput_str(&r->c, b, v);
    } else if (v.type == J_STR || (v.type == J_BOOL && !len)) {
        if ((s.type && s.type != 's') || s.align == '=') fail_spec(r, v);
        else put_text(r, b, cx__jto_str(&r->c, v), &s);
    } else if (!limited(r, s.precision, MAX_PRECISION)) {
        return;
    } else if (cx__jis_int(v) && (!s.type || strchr("dxXobn", s.type))) {
        put_int(r, b, cx__jint_of(v), &s);
    } else if (!s.type || strchr("eEfFgGn%", s.type)) {
        put_float(r, b, cx__jnum_of(v), &s);
    } else {
        fail_spec(r, v);
    }
}

/* {field!conversion:spec}, without the braces. */
static void put_field(jrun *r, cx__buf *b, braces *f, const char *p, size_t len)
{
    const char *colon = memchr(p, ':', len);
    size_t name = colon ? (size_t)(colon - p) : len, from = colon ? name + 1 : len;
    const char *mark = memchr(p, '!', name);
    size_t conv = mark ? (size_t)(mark - p) : name;
    cx__buf text = { .max = J_MAX_OUTPUT };
    jval v = field_value(r, f, p, conv);
    if (mark && name - conv == 2 && (mark[1] == 'r' || mark[1] == 'a')) {
        cx__jput_repr(&r->c, &text, v);
        v = cx__jstr_take(&r->c, &text);
    } else if (mark) {
        v = cx__jto_str(&r->c, v);
    }
    if (f->markup && !cx__jis_num(v)) v = cx__jescape(&r->c, v);
    if (r->c.status == CX_OK) put_spec(r, b, v, p + from, len - from);
}

jval cx__jformat_braces(jrun *r, jval format, const jargs *args)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    braces f = { args, 0, format.s->markup };
    const char *t = format.s->p;
    size_t len = format.s->len, at = 0, end;
    while (at < len && cx__jstep(&r->c, 1)) {
        size_t plain = at;
        while (plain < len && t[plain] != '{' && t[plain] != '}') plain++;
        cx__jput(&r->c, &b, t + at, plain - at);
        if ((at = plain) == len) break;
        if (at + 1 < len && t[at + 1] == t[at]) {
            cx__jput(&r->c, &b, t + at, 1);
            at += 2;
            continue;
        }
        for (end = at + 1; end < len && t[end] != '}' && t[end] != '{';) end++;
        if (t[at] == '}' || end == len || t[end] == '{') {
            cx__jfail(&r->c, CX_EFORMAT, "format(): a brace without its pair, or nested fields");
            break;
        }
        put_field(r, &b, &f, t + at + 1, end - at - 1);
        at = end + 1;
    }
    cx__jstep_bytes(&r->c, len);
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), f.markup);
}
