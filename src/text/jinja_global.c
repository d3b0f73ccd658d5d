/* Functions that every template sees: range, dict, namespace, cycler, joiner, raise_exception,
 * strftime_now. Tested by tests/unit/test_template.c. */
#include "jinja_run.h"
#include <time.h>

enum { MAX_RANGE = 100000 }; /* of Jinja's sandbox */

static jval undefined(void)
{
    return cx__jundef(NULL, J_MISSING);
}

static bool int_arg(jrun *r, jval v, int64_t *out)
{
    if (cx__jis_int(v)) return *out = cx__jint_of(v), true;
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "range() needs integers, not '%s'", cx__jtype_name(v));
    return false;
}

static jval call_range(jrun *r, jval self, const jargs *args)
{
    int64_t n[3] = { 0, 0, 1 };
    jrange *out = cx__jalloc(&r->c, sizeof *out);
    uint64_t gap, step;
    (void)self;
    if (!args->npos || args->npos > 3 || args->nkw) {
        cx__jfail(&r->c, CX_EFORMAT, "range() takes 1 to 3 integers");
        return undefined();
    }
    for (size_t i = 0; i < args->npos; i++)
        if (!int_arg(r, args->pos[i], &n[args->npos == 1 ? 1 : i])) return undefined();
    if (n[2] == 0) cx__jfail(&r->c, CX_EFORMAT, "range() with a step of 0");
    if (!out || r->c.status != CX_OK) return undefined();
    step = n[2] > 0 ? (uint64_t)n[2] : 0 - (uint64_t)n[2];
    gap = n[2] > 0 ? (uint64_t)n[1] - (uint64_t)n[0] : (uint64_t)n[0] - (uint64_t)n[1];
    if (n[2] > 0 ? n[1] <= n[0] : n[0] <= n[1]) gap = 0;
    if (gap) gap = (gap - 1) / step + 1;
    if (gap > MAX_RANGE) {
        cx__jfail(&r->c, CX_ELIMIT, "range() of %llu items, more than %d", (unsigned long long)gap,
                  MAX_RANGE);
        return undefined();
    }
    *out = (jrange){ n[0], n[1], n[2], (size_t)gap };
    return (jval){ .type = J_RANGE, .r = out };
}

/* Adds the entries of a dict, or of an iterable of pairs, to d. */
static void fill(jrun *r, jdict *d, jval from)
{
    jlist *l;
    if (from.type == J_DICT) {
        for (size_t i = 0; i < from.m->len && cx__jstep(&r->c, 1); i++)
            cx__jdict_set(&r->c, d, from.m->items[i].key, from.m->items[i].value);
        return;
    }
    l = cx__jitems(&r->c, from);
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        jlist *pair = cx__jitems(&r->c, l->items[i]);
        if (pair->len != 2)
            cx__jfail(&r->c, CX_EFORMAT, "dict() needs pairs, item %zu has %zu values", i,
                      pair->len);
        else cx__jdict_set(&r->c, d, pair->items[0], pair->items[1]);
    }
}

static jval make_dict(jrun *r, const jargs *args)
{
    jval d = cx__jdict(&r->c, args->nkw);
    if (args->npos > 1) cx__jfail(&r->c, CX_EFORMAT, "dict() takes one positional argument");
    if (args->npos && r->c.status == CX_OK) fill(r, d.m, args->pos[0]);
    for (size_t i = 0; i < args->nkw && r->c.status == CX_OK; i++)
        cx__jdict_set(&r->c, d.m, (jval){ .type = J_STR, .s = args->names[i] }, args->values[i]);
    return d;
}

static jval call_dict(jrun *r, jval self, const jargs *args)
{
    (void)self;
    return make_dict(r, args);
}

static jval call_namespace(jrun *r, jval self, const jargs *args)
{
    jval d = make_dict(r, args);
    (void)self;
    for (size_t i = 0; i < d.m->len; i++) {
        jval key = d.m->items[i].key;
        if (key.type == J_STR && key.s->len && key.s->p[0] == '_')
            cx__jfail(&r->c, CX_EFORMAT, "a namespace cannot hold '%.*s': it begins with '_'",
                      (int)(key.s->len > 60 ? 60 : key.s->len), key.s->p);
    }
    d.type = J_NS;
    return d;
}

static jval call_cycler(jrun *r, jval self, const jargs *args)
{
    jcycler *out = cx__jalloc(&r->c, sizeof *out);
    (void)self;
    if (!args->npos || args->nkw) cx__jfail(&r->c, CX_EFORMAT, "cycler() needs items");
    if (!out || r->c.status != CX_OK) return undefined();
    *out = (jcycler){ args->pos, args->npos, 0 };
    return (jval){ .type = J_CYCLER, .cycler = out };
}

static jval call_joiner(jrun *r, jval self, const jargs *args)
{
    jval bound[J_MAX_ARGS];
    jjoiner *out = cx__jalloc(&r->c, sizeof *out);
    (void)self;
    if (!cx__jbind(r, "joiner()", "sep=", args, bound) || !out) return undefined();
    *out = (jjoiner){ bound[0].type == J_MISSING ? cx__jstr_of(&r->c, ", ") : bound[0], false };
    return (jval){ .type = J_JOINER, .joiner = out };
}

static jval call_raise(jrun *r, jval self, const jargs *args)
{
    jval bound[J_MAX_ARGS], text;
    (void)self;
    if (!cx__jbind(r, "raise_exception()", "message", args, bound)) return undefined();
    text = cx__jto_str(&r->c, bound[0]);
    cx__jfail(&r->c, CX_EFORMAT, "the template raises: %.*s",
              (int)(text.s->len > 700 ? 700 : text.s->len), text.s->p);
    return undefined();
}

/* One "%..." directive of strftime; returns its length. Python's naive datetime: no zone, and
 * whole seconds here, so %f is 0. Widths are bounded, as glibc pads to any. */
static size_t put_directive(jrun *r, cx__buf *b, const char *p, size_t len, const struct tm *tm)
{
    char spec[16], text[256];
    size_t n = 1, width = 0;
    while (n < len && strchr("_-0^#", p[n]) && p[n]) n++;
    while (n < len && p[n] >= '0' && p[n] <= '9' && width <= 100)
        width = 10 * width + (size_t)(p[n++] - '0');
    if (n < len && (p[n] == 'E' || p[n] == 'O')) n++;
    if (width > 100 || n + 2 > sizeof spec) {
        cx__jfail(&r->c, CX_ELIMIT, "strftime_now() with a directive wider than 100");
        return len;
    }
    if (n == len) return cx__jput(&r->c, b, p, len), len;
    memcpy(spec, p, n + 1);
    spec[n + 1] = 0;
    if (p[n] == 'f') cx__jput(&r->c, b, "000000", 6);
    else if (p[n] != 'z' && p[n] != 'Z' && p[n])
        cx__jput(&r->c, b, text, strftime(text, sizeof text, spec, tm));
    return n + 1;
}

static jval call_strftime(jrun *r, jval self, const jargs *args)
{
    jval bound[J_MAX_ARGS];
    cx__buf b = { .max = J_MAX_OUTPUT };
    time_t now = (time_t)r->now;
    struct tm tm = { 0 };
    (void)self;
    if (!cx__jbind(r, "strftime_now()", "format", args, bound)) return undefined();
    if (bound[0].type != J_STR || !localtime_r(&now, &tm)) {
        cx__jfail(&r->c, CX_EFORMAT, "strftime_now() needs a format and a time that exists");
        return undefined();
    }
    for (size_t i = 0; i < bound[0].s->len && cx__jstep(&r->c, 1);) {
        const char *p = bound[0].s->p + i;
        size_t rest = bound[0].s->len - i, n = 1;
        if (*p == '%') n = put_directive(r, &b, p, rest, &tm);
        else cx__jput(&r->c, &b, p, n);
        i += n;
    }
    return cx__jstr_take(&r->c, &b);
}

static const jfunc functions[] = {
    { "range", call_range },           { "dict", call_dict },     { "namespace", call_namespace },
    { "cycler", call_cycler },         { "joiner", call_joiner }, { "raise_exception", call_raise },
    { "strftime_now", call_strftime },
};

jval cx__jglobal(const jstr *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (cx__jstr_is(name, functions[i].name))
            return (jval){ .type = J_FUNC, .f = &functions[i] };
    return J_MISSING_VALUE;
}
