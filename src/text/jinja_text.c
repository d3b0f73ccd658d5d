/* Text of values as Python prints them: str(), repr(), json.dumps, numbers.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"
#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { FLOAT_TEXT = 40 };

/* Shortest decimal that reads back as d, in Python's layout: exponent below 1e-4 and from 1e16. */
size_t cx__jfloat_repr(double d, char out[FLOAT_TEXT])
{
    char text[40], digits[24];
    int n = 0, exp, digits_max = 1;
    if (isnan(d) || isinf(d))
        return (size_t)snprintf(out, FLOAT_TEXT, "%s", isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
    do snprintf(text, sizeof text, "%.*e", digits_max - 1, fabs(d));
    while (strtod(text, NULL) != fabs(d) && digits_max++ < 17);
    for (char *p = text; *p && *p != 'e' && n < 20; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    exp = atoi(strchr(text, 'e') + 1);
    while (n > 1 && digits[n - 1] == '0') n--;
    digits[n] = 0;
    const char *sign = signbit(d) ? "-" : "";
    if (exp < -4 || exp >= 16)
        n = snprintf(out, FLOAT_TEXT, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "",
                     digits + 1, exp < 0 ? '-' : '+', abs(exp));
    else if (exp < 0) n = snprintf(out, FLOAT_TEXT, "%s0.%.*s%s", sign, -exp - 1, "0000", digits);
    else if (n <= exp + 1)
        n = snprintf(out, FLOAT_TEXT, "%s%s%.*s.0", sign, digits, exp + 1 - n, "0000000000000000");
    else n = snprintf(out, FLOAT_TEXT, "%s%.*s.%s", sign, exp + 1, digits, digits + exp + 1);
    return (size_t)n;
}

static void put(jctx *c, cx__buf *b, const char *text)
{
    cx__jput(c, b, text, strlen(text));
}

static void put_int(jctx *c, cx__buf *b, int64_t i)
{
    char text[24];
    cx__jput(c, b, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)i));
}

static void put_num(jctx *c, cx__buf *b, jval v)
{
    char text[40];
    if (v.type == J_FLOAT) cx__jput(c, b, text, cx__jfloat_repr(v.d, text));
    else put_int(c, b, v.i);
}

static bool printable(uint32_t cp)
{
    int cat = utf8proc_category((int32_t)cp);
    return cp == ' ' || (cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_SO);
}

static void put_escape(jctx *c, cx__buf *b, uint32_t cp, char quote)
{
    char text[12];
    if (cp == '\n') put(c, b, "\\n");
    else if (cp == '\r') put(c, b, "\\r");
    else if (cp == '\t') put(c, b, "\\t");
    else if (cp == '\\' || cp == (uint32_t)quote) cx__jput(c, b, (char[]){ '\\', (char)cp }, 2);
    else {
        snprintf(text, sizeof text,
                 cp < 0x100     ? "\\x%02x"
                 : cp < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
                 cp);
        put(c, b, text);
    }
}

static void repr_str(jctx *c, cx__buf *b, const jstr *s)
{
    bool single = memchr(s->p, '\'', s->len) != NULL, twice = memchr(s->p, '"', s->len) != NULL;
    char quote = single && !twice ? '"' : '\'';
    size_t from = 0;
    if (!cx__jstep_chars(c, s->len)) return;
    if (s->markup) put(c, b, "Markup(");
    cx__jput(c, b, &quote, 1);
    for (size_t i = 0, n; i < s->len; i += n) {
        uint32_t cp;
        n = cx__jutf8_get(s->p + i, s->len - i, &cp);
        if (printable(cp) && cp != (uint32_t)quote && cp != '\\') continue;
        cx__jput(c, b, s->p + from, i - from);
        put_escape(c, b, cp, quote);
        from = i + n;
    }
    cx__jput(c, b, s->p + from, s->len - from);
    cx__jput(c, b, &quote, 1);
    if (s->markup) put(c, b, ")");
}

static void repr_at(jctx *c, cx__buf *b, jval v, int depth);

static void repr_list(jctx *c, cx__buf *b, const jlist *l, const char *brackets, int depth)
{
    cx__jput(c, b, brackets, 1);
    for (size_t i = 0; i < l->len && c->status == CX_OK; i++) {
        if (i) put(c, b, ", ");
        repr_at(c, b, l->items[i], depth + 1);
    }
    if (brackets[0] == '(' && l->len == 1) put(c, b, ",");
    cx__jput(c, b, brackets + 1, 1);
}

static void repr_dict(jctx *c, cx__buf *b, const jdict *d, int depth)
{
    put(c, b, "{");
    for (size_t i = 0; i < d->len && c->status == CX_OK; i++) {
        if (i) put(c, b, ", ");
        repr_at(c, b, d->items[i].key, depth + 1);
        put(c, b, ": ");
        repr_at(c, b, d->items[i].value, depth + 1);
    }
    put(c, b, "}");
}

static void repr_range(jctx *c, cx__buf *b, const jrange *r)
{
    put(c, b, "range(");
    put_int(c, b, r->start);
    put(c, b, ", ");
    put_int(c, b, r->stop);
    if (r->step != 1) put(c, b, ", "), put_int(c, b, r->step);
    put(c, b, ")");
}

static void repr_loop(jctx *c, cx__buf *b, jval v)
{
    put(c, b, "<LoopContext ");
    put_int(c, b, (int64_t)v.loop->index0 + 1);
    put(c, b, "/");
    put_int(c, b, (int64_t)cx__jloop_length(v.loop));
    put(c, b, ">");
}

/* What has no value in a text: its kind. Python adds an address, which no template can want. */
static void repr_other(jctx *c, cx__buf *b, jval v, int depth)
{
    static const char *const views[] = { "", "dict_keys(", "dict_values(", "dict_items(" };
    if (v.type == J_VIEW) {
        put(c, b, views[v.sub]);
        repr_list(c, b, v.l, "[]", depth);
        put(c, b, ")");
    } else if (v.type == J_NS) {
        put(c, b, "<Namespace ");
        repr_dict(c, b, v.m, depth + 1);
        put(c, b, ">");
    } else if (v.type == J_MACRO) {
        put(c, b, "<Macro ");
        if (v.macro->name) repr_str(c, b, v.macro->name);
        else put(c, b, "anonymous");
        put(c, b, ">");
    } else {
        put(c, b, "<");
        put(c, b, cx__jtype_name(v));
        put(c, b, ">");
    }
}

static void repr_at(jctx *c, cx__buf *b, jval v, int depth)
{
    if (!cx__jstep(c, 1)) return;
    if (depth > J_MAX_NEST) {
        cx__jfail(c, CX_ELIMIT, "a value nested deeper than %d is printed", J_MAX_NEST);
        return;
    }
    switch (v.type) {
    case J_MISSING:
    case J_UNDEF: put(c, b, "Undefined"); break;
    case J_NONE: put(c, b, "None"); break;
    case J_BOOL: put(c, b, v.b ? "True" : "False"); break;
    case J_INT:
    case J_FLOAT: put_num(c, b, v); break;
    case J_STR: repr_str(c, b, v.s); break;
    case J_LIST: repr_list(c, b, v.l, "[]", depth); break;
    case J_TUPLE: repr_list(c, b, v.l, "()", depth); break;
    case J_DICT: repr_dict(c, b, v.m, depth); break;
    case J_RANGE: repr_range(c, b, v.r); break;
    case J_LOOP: repr_loop(c, b, v); break;
    default: repr_other(c, b, v, depth);
    }
}

void cx__jput_repr(jctx *c, cx__buf *b, jval v)
{
    repr_at(c, b, v, 0);
}

void cx__jput_str(jctx *c, cx__buf *b, jval v)
{
    if (v.type == J_STR) cx__jput(c, b, v.s->p, v.s->len);
    else if (v.type != J_UNDEF && v.type != J_MISSING) repr_at(c, b, v, 0);
}

jval cx__jto_str(jctx *c, jval v)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    if (v.type == J_STR) return v;
    cx__jput_str(c, &b, v);
    return cx__jstr_take(c, &b);
}

jval cx__jto_plain(jctx *c, jval v)
{
    return cx__jstr_markup(c, cx__jto_str(c, v), false);
}

/* Python's int(text, base): spaces around, sign, prefix of the base, single underscores. */
bool cx__jparse_int(const jstr *s, int base, int64_t *out)
{
    size_t i = cx__jskip_space(s->p, s->len), end = cx__jskip_space_back(s->p, s->len);
    bool minus = i < end && s->p[i] == '-', digit = false;
    uint64_t sum = 0;
    if (i < end && (s->p[i] == '-' || s->p[i] == '+')) i++;
    if (end > i + 1 && s->p[i] == '0' && base != 10) {
        int ch = s->p[i + 1] | 32, prefix = ch == 'x' ? 16 : ch == 'o' ? 8 : ch == 'b' ? 2 : 0;
        if (prefix && (base == 0 || base == prefix)) base = prefix, i += 2;
    }
    if (base == 0) base = 10;
    for (; i < end; i++) {
        int ch = s->p[i], value;
        if (ch == '_' && digit && i + 1 < end && s->p[i + 1] != '_') continue;
        value = ch >= '0' && ch <= '9'                 ? ch - '0'
                : (ch | 32) >= 'a' && (ch | 32) <= 'z' ? (ch | 32) - 'a' + 10
                                                       : 99;
        if (value >= base) return false;
        if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)value, &sum) || sum > INT64_MAX)
            return false;
        digit = true;
    }
    *out = minus ? -(int64_t)sum : (int64_t)sum;
    return digit;
}

bool cx__jparse_float(const jstr *s, double *out)
{
    char text[64], *end;
    size_t i = cx__jskip_space(s->p, s->len), last = cx__jskip_space_back(s->p, s->len), n = 0;
    for (; i < last; i++) {
        bool word = strchr("+-.0123456789eEinfatyINFATY", s->p[i]) != NULL; /* no hex, no NUL */
        if (s->p[i] == '_' && n && i + 1 < last) continue;
        if (!word || !s->p[i] || n + 1 >= sizeof text) return false;
        text[n++] = s->p[i];
    }
    text[n] = 0;
    *out = strtod(text, &end);
    return n && !*end;
}
