/* Filters on one value: text, numbers, JSON. Those on sequences are in jinja_filter_seq.c.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"
#include <math.h>
#include <stdlib.h>

static bool given(jval v)
{
    return v.type != J_MISSING && v.type != J_NONE;
}

static jval arg_or(jval v, jval otherwise)
{
    return v.type == J_MISSING ? otherwise : v;
}

static bool need_int(jrun *r, const char *what, jval v, int64_t *out)
{
    if (cx__jis_int(v)) return *out = cx__jint_of(v), true;
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "%s needs an integer, not '%s'", what, cx__jtype_name(v));
    return false;
}

static jval do_default(jrun *r, jval v, const jval *a)
{
    (void)r;
    if (v.type != J_UNDEF && !(cx__jtruth(a[1]) && !cx__jtruth(v))) return v;
    return a[0].type == J_MISSING ? cx__jstr_view(&r->c, "", 0) : a[0];
}

static jval do_length(jrun *r, jval v, const jval *a)
{
    size_t n = 0;
    (void)a;
    if (v.type == J_STR) n = cx__jstr_chars(&r->c, v.s);
    else if (v.type == J_LOOP) n = cx__jloop_length(v.loop);
    else if (!cx__jlength(v, &n))
        cx__jfail(&r->c, CX_EFORMAT, "'%s' has no length", cx__jtype_name(v));
    return cx__jint((int64_t)n);
}

static jval do_string(jrun *r, jval v, const jval *a)
{
    (void)a;
    return cx__jto_str(&r->c, v);
}

static jval do_safe(jrun *r, jval v, const jval *a)
{
    (void)a;
    return cx__jstr_markup(&r->c, cx__jto_str(&r->c, v), true);
}

static jval do_escape(jrun *r, jval v, const jval *a)
{
    (void)a;
    return cx__jescape(&r->c, v);
}

static jval do_forceescape(jrun *r, jval v, const jval *a)
{
    (void)a;
    return cx__jescape(&r->c, cx__jto_plain(&r->c, v));
}

static jval change_case(jrun *r, jval v, int how)
{
    return cx__jstr_case(&r->c, cx__jto_str(&r->c, v), how);
}

static jval do_upper(jrun *r, jval v, const jval *a)
{
    (void)a;
    return change_case(r, v, J_UPPER);
}

static jval do_lower(jrun *r, jval v, const jval *a)
{
    (void)a;
    return change_case(r, v, J_LOWER);
}

static jval do_capitalize(jrun *r, jval v, const jval *a)
{
    (void)a;
    return change_case(r, v, J_CAPITALIZE);
}

/* Jinja's own title: words begin after space and ( [ { < - only. The result is not markup. */
static jval do_title(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jval s = cx__jto_plain(&r->c, v);
    size_t from = 0, at = 0;
    (void)a;
    while (at <= s.s->len && cx__jstep(&r->c, 1)) {
        uint32_t cp = ' ';
        size_t n = at < s.s->len ? cx__jutf8_get(s.s->p + at, s.s->len - at, &cp) : 1;
        if (cx__jspace(cp) || (cp < 0x80 && strchr("-({[<", (int)cp))) {
            jval word = cx__jstr_slice(&r->c, s, from, at);
            cx__jput_str(&r->c, &b, cx__jstr_case(&r->c, word, J_CAPITALIZE));
            if (at < s.s->len) cx__jput(&r->c, &b, s.s->p + at, n);
            from = at + n;
        }
        at += n;
    }
    return cx__jstr_take(&r->c, &b);
}

/* Filters that are a string's method. */
static jval method(jrun *r, jval v, const char *name, const jval *a, size_t n)
{
    jstr text = { .p = name, .len = strlen(name) };
    const jmethod_def *def = cx__jmethod_find(v, &text);
    jval args[J_MAX_ARGS];
    for (size_t i = 0; i < J_MAX_ARGS; i++) args[i] = i < n ? a[i] : J_MISSING_VALUE;
    return def->call(r, v, args);
}

static jval do_trim(jrun *r, jval v, const jval *a)
{
    return method(r, cx__jto_str(&r->c, v), "strip", a, 1);
}

static jval do_replace(jrun *r, jval v, const jval *a)
{
    jval args[3] = { cx__jto_plain(&r->c, a[0]), cx__jto_plain(&r->c, a[1]),
                     given(a[2]) ? a[2] : J_MISSING_VALUE };
    return method(r, cx__jto_plain(&r->c, v), "replace", args, 3);
}

static jval do_center(jrun *r, jval v, const jval *a)
{
    jval width = arg_or(a[0], cx__jint(80));
    return method(r, cx__jto_str(&r->c, v), "center", &width, 1);
}

static jval spaces(jrun *r, jval width)
{
    jval space = cx__jstr_of(&r->c, " ");
    int64_t n;
    if (width.type == J_STR) return width;
    return need_int(r, "indent", width, &n) ? cx__jarith(&r->c, J_OP_MUL, space, cx__jint(n))
                                            : space;
}

static jval need_str(jrun *r, const char *what, jval v)
{
    if (v.type == J_STR) return v;
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "%s needs a string, not '%s'", what, cx__jtype_name(v));
    return cx__jstr_view(&r->c, "", 0);
}

static jval do_indent(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jval s = need_str(r, "indent", v), by = spaces(r, arg_or(a[0], cx__jint(4)));
    bool blank = cx__jtruth(a[2]), markup = s.s->markup;
    jlist *lines;
    s = cx__jstr_concat(&r->c, s, cx__jstr_of(&r->c, "\n"));
    lines = cx__jitems(&r->c, method(r, s, "splitlines", NULL, 0));
    if (markup) by = cx__jescape(&r->c, cx__jstr_markup(&r->c, by, true));
    if (cx__jtruth(a[1])) cx__jput_str(&r->c, &b, by);
    for (size_t i = 0; i < lines->len && cx__jstep(&r->c, 1); i++) {
        if (i) cx__jput(&r->c, &b, "\n", 1);
        if (i && (blank || lines->items[i].s->len)) cx__jput_str(&r->c, &b, by);
        cx__jput_str(&r->c, &b, lines->items[i]);
    }
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), markup);
}

static jval do_truncate(jrun *r, jval v, const jval *a)
{
    jval s = need_str(r, "truncate", v), end = arg_or(a[2], cx__jstr_of(&r->c, "..."));
    int64_t length = 255, leeway = 5, cut;
    size_t chars = cx__jstr_chars(&r->c, s.s), last;
    if (given(a[0])) need_int(r, "truncate", a[0], &length);
    if (given(a[3])) need_int(r, "truncate", a[3], &leeway);
    end = need_str(r, "truncate", end);
    cut = length < 0 ? -1 : length - (int64_t)cx__jstr_chars(&r->c, end.s);
    if (cut < 0 || leeway < 0)
        cx__jfail(&r->c, CX_EFORMAT, "truncate: the length is less than that of its end mark");
    if (r->c.status != CX_OK || (int64_t)chars <= length || (int64_t)chars - length <= leeway)
        return s;
    s = cx__jstr_sub(&r->c, s, 0, (size_t)cut);
    if (!cx__jtruth(a[1])) {
        last = cx__jfind_last(&r->c, s.s->p, s.s->len, " ", 1);
        if (last != SIZE_MAX) s = cx__jstr_slice(&r->c, s, 0, last);
    }
    return cx__jstr_concat(&r->c, s, end);
}

static jval do_wordcount(jrun *r, jval v, const jval *a)
{
    jval s = cx__jto_str(&r->c, v);
    int64_t n = 0;
    bool inside = false;
    (void)a;
    if (!cx__jstep_chars(&r->c, s.s->len)) return cx__jint(0);
    for (size_t i = 0, used; i < s.s->len; i += used) {
        uint32_t cp;
        used = cx__jutf8_get(s.s->p + i, s.s->len - i, &cp);
        jstr one = { .p = s.s->p + i, .len = used };
        bool word = cp == '_' || cx__jstr_all(&r->c, &one, J_IS_ALNUM);
        n += word && !inside;
        inside = word;
    }
    return cx__jint(n);
}

static jval do_urlencode(jrun *r, jval v, const jval *a)
{
    static const char hex[] = "0123456789ABCDEF";
    cx__buf b = { .max = J_MAX_OUTPUT };
    jval s = cx__jto_plain(&r->c, v);
    (void)a;
    if (v.type == J_DICT || cx__jis_seq(v))
        cx__jfail(&r->c, CX_EUNSUPPORTED, "urlencode of a '%s'", cx__jtype_name(v));
    if (!cx__jstep_chars(&r->c, s.s->len)) return s;
    for (size_t i = 0; i < s.s->len; i++) {
        unsigned char ch = (unsigned char)s.s->p[i];
        bool plain = (ch | 32) >= 'a' && (ch | 32) <= 'z' && ch < 0x80;
        if (plain || (ch >= '0' && ch <= '9') || (ch && strchr("_.-~/", ch)))
            cx__jput(&r->c, &b, (char *)&ch, 1);
        else cx__jput(&r->c, &b, (char[]){ '%', hex[ch >> 4], hex[ch & 15] }, 3);
    }
    return cx__jstr_take(&r->c, &b);
}

/* ---- numbers ---- */

static jval float_to_int(jrun *r, double d, jval otherwise)
{
    if (d > -0x1p63 && d < 0x1p63) return cx__jint((int64_t)d);
    if (!isnan(d)) cx__jfail(&r->c, CX_ELIMIT, "int: %g does not fit in 64 bits", d);
    return otherwise;
}

static jval do_int(jrun *r, jval v, const jval *a)
{
    jval otherwise = arg_or(a[0], cx__jint(0));
    int64_t i, base = 10;
    double d;
    if (a[1].type != J_MISSING && !need_int(r, "int", a[1], &base)) return otherwise;
    if (cx__jis_int(v)) return cx__jint(cx__jint_of(v));
    if (v.type == J_FLOAT) return float_to_int(r, v.d, otherwise);
    if (v.type == J_UNDEF) return cx__jfail_undef(&r->c, v), otherwise;
    if (v.type != J_STR || base < 0 || base > 36 || base == 1) return otherwise;
    if (cx__jparse_int(v.s, (int)base, &i)) return cx__jint(i);
    if (cx__jparse_float(v.s, &d) && !isinf(d)) return float_to_int(r, d, otherwise);
    return otherwise;
}

static jval do_float(jrun *r, jval v, const jval *a)
{
    jval otherwise = arg_or(a[0], cx__jfloat(0));
    double d;
    if (cx__jis_num(v)) return cx__jfloat(cx__jnum_of(v));
    if (v.type == J_UNDEF) return cx__jfail_undef(&r->c, v), otherwise;
    if (v.type == J_STR && cx__jparse_float(v.s, &d)) return cx__jfloat(d);
    return otherwise;
}

static jval do_abs(jrun *r, jval v, const jval *a)
{
    (void)a;
    if (v.type == J_FLOAT) return cx__jfloat(fabs(v.d));
    if (cx__jis_int(v))
        return cx__jint_of(v) < 0 ? cx__jnegate(&r->c, v, true) : cx__jint(cx__jint_of(v));
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "abs of a '%s'", cx__jtype_name(v));
    return v;
}

/* To `digits` decimals, exact ties to even: what the decimal expansion of the double says. */
static double round_to(double d, int64_t digits)
{
    char text[400];
    double scale;
    if (digits > 300 || !isfinite(d)) return d;
    if (digits >= 0) {
        if (fabs(d) >= 0x1p53) return d; /* whole already */
        snprintf(text, sizeof text, "%.*f", (int)digits, d);
        return strtod(text, NULL);
    }
    scale = digits < -308 ? INFINITY : pow(10, (double)-digits);
    return isinf(scale) ? 0 * d : rint(d / scale) * scale;
}

static jval round_int(jrun *r, int64_t i, int64_t digits)
{
    int64_t scale, rest, down;
    if (digits >= 0) return cx__jint(i);
    if (digits < -18 || !cx__jint_pow(10, -digits, &scale)) return cx__jint(0);
    rest = i % scale;
    if (rest < 0) rest += scale;
    if (__builtin_sub_overflow(i, rest, &down)) down = i;
    if (rest > scale / 2 || (rest == scale / 2 && (down / scale) % 2 != 0))
        return cx__jarith(&r->c, J_OP_ADD, cx__jint(down), cx__jint(scale));
    return cx__jint(down);
}

static jval do_round(jrun *r, jval v, const jval *a)
{
    jval method_name = arg_or(a[1], cx__jstr_of(&r->c, "common"));
    int64_t digits = 0;
    double d = 0, scale;
    if (!cx__jis_num(v)) {
        if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
        cx__jfail(&r->c, CX_EFORMAT, "round of a '%s'", cx__jtype_name(v));
        return v;
    }
    d = cx__jnum_of(v);
    if (a[0].type != J_MISSING && !need_int(r, "round", a[0], &digits)) return v;
    if (method_name.type == J_STR && cx__jstr_is(method_name.s, "common"))
        return v.type == J_FLOAT ? cx__jfloat(round_to(d, digits))
                                 : round_int(r, cx__jint_of(v), digits);
    scale = pow(10, (double)digits);
    if (method_name.type == J_STR && cx__jstr_is(method_name.s, "ceil"))
        return cx__jfloat(ceil(d * scale) / scale);
    if (method_name.type == J_STR && cx__jstr_is(method_name.s, "floor"))
        return cx__jfloat(floor(d * scale) / scale);
    cx__jfail(&r->c, CX_EFORMAT, "round: the method must be common, ceil or floor");
    return v;
}

static jval do_filesizeformat(jrun *r, jval v, const jval *a)
{
    static const char prefixes[] = "kMGTPEZY";
    bool binary = cx__jtruth(a[0]);
    double base = binary ? 1024 : 1000, bytes, unit = base;
    char text[400];
    int i = 0;
    if (!cx__jis_num(v) && !(v.type == J_STR && cx__jparse_float(v.s, &bytes))) {
        cx__jfail(&r->c, CX_EFORMAT, "filesizeformat of a '%s'", cx__jtype_name(v));
        return v;
    }
    if (v.type != J_STR) bytes = cx__jnum_of(v);
    if (bytes == 1) return cx__jstr_of(&r->c, "1 Byte");
    if (bytes < base) {
        snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes));
        return cx__jstr_of(&r->c, text);
    }
    while (i < 7 && bytes >= unit * base) unit *= base, i++;
    snprintf(text, sizeof text, "%.1f %c%sB", bytes / unit, binary && i == 0 ? 'K' : prefixes[i],
             binary ? "i" : "");
    return cx__jstr_of(&r->c, text);
}

/* ---- JSON, format ---- */

/* indent= may be a number of spaces or a string, as in json.dumps. */
static jstr *json_indent(jrun *r, jval v)
{
    if (v.type == J_MISSING || v.type == J_NONE) return NULL;
    return spaces(r, v).s;
}

static jval do_tojson(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jjson how = { .ascii = cx__jtruth(a[0]), .sort = cx__jtruth(a[3]) };
    how.indent = json_indent(r, a[1]);
    how.item = cx__jstr_of(&r->c, how.indent ? "," : ", ").s;
    how.key = cx__jstr_of(&r->c, ": ").s;
    if (given(a[2])) {
        jlist *l = cx__jitems(&r->c, a[2]);
        if (l->len != 2 || l->items[0].type != J_STR || l->items[1].type != J_STR) {
            cx__jfail(&r->c, CX_EFORMAT, "tojson: separators must be two strings");
            return v;
        }
        how.item = l->items[0].s;
        how.key = l->items[1].s;
    }
    cx__jput_json(&r->c, &b, v, &how);
    return cx__jstr_take(&r->c, &b);
}

static jval do_format(jrun *r, jval v, const jargs *args)
{
    jval arg = { .type = J_TUPLE, .l = cx__jalloc(&r->c, sizeof(jlist)) };
    if (args->npos && args->nkw)
        cx__jfail(&r->c, CX_EFORMAT, "format takes positional or named arguments, not both");
    if (r->c.status != CX_OK) return v;
    *arg.l = (jlist){ .items = args->pos, .len = args->npos };
    if (args->nkw) {
        arg = cx__jdict(&r->c, args->nkw);
        for (size_t i = 0; i < args->nkw; i++)
            cx__jdict_set(&r->c, arg.m, (jval){ .type = J_STR, .s = args->names[i] },
                          args->values[i]);
    }
    return cx__jformat_percent(r, cx__jto_str(&r->c, v), arg);
}

static jval do_attr(jrun *r, jval v, const jval *a)
{
    jval name = need_str(r, "attr", a[0]), out;
    if (v.type == J_UNDEF || v.type == J_DICT) { /* items of a dict are not attributes */
        out = v.type == J_DICT && cx__jmethod_find(v, name.s) ? cx__jattr(r, v, name.s)
                                                              : cx__jundef(name.s, v.type);
        return out;
    }
    return r->c.status == CX_OK ? cx__jattr(r, v, name.s) : v;
}

static const jfilter filters[] = {
    { "abs", "", do_abs, NULL },
    { "attr", "name", do_attr, NULL },
    { "capitalize", "", do_capitalize, NULL },
    { "center", "width=", do_center, NULL },
    { "count", "", do_length, NULL },
    { "d", "default_value= boolean=", do_default, NULL },
    { "default", "default_value= boolean=", do_default, NULL },
    { "e", "", do_escape, NULL },
    { "escape", "", do_escape, NULL },
    { "filesizeformat", "binary=", do_filesizeformat, NULL },
    { "float", "default=", do_float, NULL },
    { "forceescape", "", do_forceescape, NULL },
    { "format", NULL, NULL, do_format },
    { "indent", "width= first= blank=", do_indent, NULL },
    { "int", "default= base=", do_int, NULL },
    { "length", "", do_length, NULL },
    { "lower", "", do_lower, NULL },
    { "replace", "old new count=", do_replace, NULL },
    { "round", "precision= method=", do_round, NULL },
    { "safe", "", do_safe, NULL },
    { "string", "", do_string, NULL },
    { "title", "", do_title, NULL },
    { "tojson", "ensure_ascii= indent= separators= sort_keys=", do_tojson, NULL },
    { "trim", "chars=", do_trim, NULL },
    { "truncate", "length= killwords= end= leeway=", do_truncate, NULL },
    { "upper", "", do_upper, NULL },
    { "urlencode", "", do_urlencode, NULL },
    { "wordcount", "", do_wordcount, NULL },
};

const jfilter *cx__jfilter_find(const jstr *name)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (cx__jstr_is(name, filters[i].name)) return &filters[i];
    for (const jfilter *f = cx__jfilters_seq; f->name; f++)
        if (cx__jstr_is(name, f->name)) return f;
    return NULL;
}
