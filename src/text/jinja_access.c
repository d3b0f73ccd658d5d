/* Attributes, items and slices, with Jinja's rule: what is missing is undefined, not an error.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

static jval bound(jrun *r, const jmethod_def *def, jval self)
{
    jmethod *m = cx__jalloc(&r->c, sizeof *m);
    if (!m) return cx__jundef(NULL, J_MISSING);
    *m = (jmethod){ def, self };
    return (jval){ .type = J_METHOD, .bound = m };
}

static jval macro_attr(jrun *r, const jmacro *m, const jstr *name)
{
    jval l;
    if (cx__jstr_is(name, "name"))
        return m->name ? (jval){ .type = J_STR, .s = m->name } : J_NONE_VALUE;
    if (cx__jstr_is(name, "caller")) return cx__jbool(m->params->caller);
    if (cx__jstr_is(name, "catch_kwargs")) return cx__jbool(m->params->kwargs);
    if (cx__jstr_is(name, "catch_varargs")) return cx__jbool(m->params->varargs);
    if (!cx__jstr_is(name, "arguments")) return J_MISSING_VALUE;
    l = cx__jlist(&r->c, J_TUPLE, m->params->len);
    for (size_t i = 0; i < m->params->len; i++)
        cx__jlist_push(&r->c, l, (jval){ .type = J_STR, .s = &m->params->names[i]->text });
    return l;
}

/* Attributes that are not methods; J_MISSING if there is none. */
static jval plain_attr(jrun *r, jval v, jstr *name)
{
    jval *found = NULL;
    if (v.type == J_NS) found = cx__jdict_get(&r->c, v.m, (jval){ .type = J_STR, .s = name });
    if (found) return *found;
    if (v.type == J_LOOP) return cx__jloop_attr(r, v.loop, name);
    if (v.type == J_MACRO) return macro_attr(r, v.macro, name);
    if (v.type == J_CYCLER && cx__jstr_is(name, "current")) return v.cycler->items[v.cycler->at];
    if (v.type == J_TUPLE && v.sub && v.l->len == 2) { /* of groupby */
        if (cx__jstr_is(name, "grouper")) return v.l->items[0];
        if (cx__jstr_is(name, "list")) return v.l->items[1];
    }
    return J_MISSING_VALUE;
}

/* What getattr() finds: hides what the sandbox hides. J_MISSING if there is nothing. */
static jval get_attr(jrun *r, jval v, jstr *name)
{
    const jmethod_def *def;
    jval found;
    if (name->len > 4 && memcmp(name->p, "__", 2) == 0 &&
        memcmp(name->p + name->len - 2, "__", 2) == 0)
        return cx__jundef(name, J_UNDEF_UNSAFE);
    found = plain_attr(r, v, name);
    if (found.type != J_MISSING) return found;
    if (!(def = cx__jmethod_find(v, name))) return J_MISSING_VALUE;
    if (!def->call && !def->raw) return cx__jundef(name, J_UNDEF_UNSAFE);
    return bound(r, def, v);
}

/* Python's index: negative counts from the end. */
static bool index_of(jval key, size_t len, size_t *out)
{
    int64_t i = cx__jint_of(key);
    if (i < 0) i += (int64_t)len;
    *out = (size_t)i;
    return i >= 0 && (uint64_t)i < len;
}

/* v[key] without attributes; J_MISSING if there is none. */
static jval get_item(jrun *r, jval v, jval key)
{
    size_t len = 0, i;
    jval *found;
    if (v.type == J_DICT) {
        if (!cx__jhashable(key)) return J_MISSING_VALUE;
        found = cx__jdict_get(&r->c, v.m, key);
        return found ? *found : J_MISSING_VALUE;
    }
    if (!cx__jis_int(key) || v.type == J_VIEW || v.type == J_UNDEF) return J_MISSING_VALUE;
    if (v.type == J_STR) len = cx__jstr_chars(&r->c, v.s);
    else if (!cx__jlength(v, &len)) return J_MISSING_VALUE;
    return index_of(key, len, &i) ? cx__jitem_at(&r->c, v, i) : J_MISSING_VALUE;
}

jval cx__jattr(jrun *r, jval v, jstr *name)
{
    jval found;
    if (v.type == J_UNDEF) {
        cx__jfail_undef(&r->c, v);
        return v;
    }
    found = get_attr(r, v, name);
    if (found.type == J_MISSING) found = get_item(r, v, (jval){ .type = J_STR, .s = name });
    return found.type == J_MISSING ? cx__jundef(name, v.type) : found;
}

jval cx__jitem(jrun *r, jval v, jval key)
{
    jval found;
    if (v.type == J_UNDEF) {
        cx__jfail_undef(&r->c, v);
        return v;
    }
    found = get_item(r, v, key);
    if (found.type == J_MISSING && key.type == J_STR) found = get_attr(r, v, key.s);
    if (found.type != J_MISSING) return found;
    return cx__jundef(key.type == J_STR ? key.s : NULL, v.type);
}

jval cx__jpath(jrun *r, jval v, jval path)
{
    size_t at = 0, end;
    int64_t i;
    if (path.type != J_STR)
        return path.type == J_MISSING || path.type == J_NONE ? v : cx__jitem(r, v, path);
    for (; at <= path.s->len && cx__jstep(&r->c, 1); at = end + 1) {
        const char *dot = memchr(path.s->p + at, '.', path.s->len - at);
        jval part;
        end = dot ? (size_t)(dot - path.s->p) : path.s->len;
        part = cx__jstr_slice(&r->c, path, at, end);
        if (part.s->len && part.s->p[0] >= '0' && part.s->p[0] <= '9' &&
            cx__jparse_int(part.s, 10, &i))
            part = cx__jint(i);
        v = cx__jitem(r, v, part);
    }
    return v;
}

/* One bound of a slice: clamps to [low, high]. */
static int64_t slice_bound(jrun *r, jval v, int64_t len, int64_t low, int64_t high, int64_t none)
{
    int64_t i;
    if (v.type == J_MISSING || v.type == J_NONE) return none;
    if (!cx__jis_int(v)) {
        if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
        cx__jfail(&r->c, CX_EFORMAT, "slice indices must be integers, not '%s'", cx__jtype_name(v));
        return none;
    }
    i = cx__jint_of(v);
    if (i < 0) i = i < -len ? low : i + len;
    return i < low ? low : i > high ? high : i;
}

static jval slice_str(jrun *r, jval v, int64_t start, int64_t step, size_t n)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    bool ascii = cx__jstr_chars(&r->c, v.s) == v.s->len;
    jlist *chars;
    if (step == 1) return cx__jstr_sub(&r->c, v, (size_t)start, (size_t)start + n);
    if (ascii) {
        if (!cx__jstep_chars(&r->c, n)) return v;
        for (size_t i = 0; i < n; i++) cx__jput(&r->c, &b, v.s->p + start + (int64_t)i * step, 1);
    } else {
        chars = cx__jitems(&r->c, v);
        for (size_t i = 0; i < n && r->c.status == CX_OK; i++)
            cx__jput_str(&r->c, &b, chars->items[start + (int64_t)i * step]);
    }
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), v.s->markup);
}

static jval slice_range(jrun *r, const jrange *from, int64_t start, int64_t stop, int64_t step,
                        size_t n)
{
    jrange *out = cx__jalloc(&r->c, sizeof *out);
    if (!out) return cx__jundef(NULL, J_MISSING);
    *out = (jrange){ .start = cx__jrange_at(from, (size_t)start).i,
                     .stop = cx__jrange_at(from, (size_t)stop).i,
                     .len = n,
                     .step = (int64_t)((uint64_t)from->step * (uint64_t)step) };
    return (jval){ .type = J_RANGE, .r = out };
}

static jval slice_list(jrun *r, jval v, int64_t start, int64_t step, size_t n)
{
    jval out = cx__jlist(&r->c, v.type, n);
    if (!cx__jstep(&r->c, n / 8)) return out;
    for (size_t i = 0; i < n; i++)
        if (!cx__jlist_push(&r->c, out, v.l->items[start + (int64_t)i * step])) break;
    return out;
}

jval cx__jslice(jrun *r, jval v, jval from, jval to, jval by)
{
    int64_t step = 1, start, stop, len;
    size_t n = 0, count = 0;
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    if (v.type == J_STR) n = cx__jstr_chars(&r->c, v.s);
    else if (!(cx__jis_seq(v) || v.type == J_RANGE) || !cx__jlength(v, &n)) {
        cx__jfail(&r->c, CX_EFORMAT, "'%s' cannot be sliced", cx__jtype_name(v));
        return v;
    }
    len = (int64_t)n;
    if (by.type != J_MISSING && by.type != J_NONE) step = cx__jis_int(by) ? cx__jint_of(by) : 0;
    if (step == 0) {
        cx__jfail(&r->c, CX_EFORMAT, "a slice's step must be an integer other than 0");
        return v;
    }
    if (step > len + 1) step = len + 1; /* the same items, no overflow */
    if (step < -len - 1) step = -len - 1;
    start = slice_bound(r, from, len, step < 0 ? -1 : 0, step < 0 ? len - 1 : len,
                        step < 0 ? len - 1 : 0);
    stop = slice_bound(r, to, len, step < 0 ? -1 : 0, step < 0 ? len - 1 : len,
                       step < 0 ? -1 : len);
    if (r->c.status != CX_OK) return v;
    if (step > 0 && stop > start) count = (size_t)((stop - start - 1) / step + 1);
    if (step < 0 && stop < start) count = (size_t)((start - stop - 1) / -step + 1);
    if (v.type == J_STR) return slice_str(r, v, start, step, count);
    if (v.type == J_RANGE) return slice_range(r, v.r, start, stop, step, count);
    return slice_list(r, v, start, step, count);
}
