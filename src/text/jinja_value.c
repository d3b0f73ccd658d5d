/* Values: truth, equality, order, length, iteration, as Python defines them.
 * Tested by tests/unit/test_template.c. */
#include "jinja.h"

jval cx__jundef(jstr *name, int of)
{
    return (jval){ .type = J_UNDEF, .sub = (uint8_t)of, .s = name };
}

static const char *const type_names[] = {
    [J_MISSING] = "missing", [J_UNDEF] = "Undefined", [J_NONE] = "NoneType",
    [J_BOOL] = "bool",       [J_INT] = "int",         [J_FLOAT] = "float",
    [J_STR] = "str",         [J_LIST] = "list",       [J_TUPLE] = "tuple",
    [J_DICT] = "dict",       [J_VIEW] = "dict view",  [J_GEN] = "generator",
    [J_RANGE] = "range",     [J_NS] = "Namespace",    [J_FUNC] = "function",
    [J_METHOD] = "method",   [J_MACRO] = "Macro",     [J_LOOP] = "LoopContext",
    [J_CYCLER] = "Cycler",   [J_JOINER] = "Joiner",
};

const char *cx__jtype_name(jval v)
{
    return type_names[v.type];
}

void cx__jfail_undef(jctx *c, jval v)
{
    int len = v.s && v.s->len < 200 ? (int)v.s->len : v.s ? 200 : 0;
    const char *name = v.s ? v.s->p : "";
    if (!v.s) cx__jfail(c, CX_EFORMAT, "an undefined value is used");
    else if (v.sub == J_UNDEF_UNSAFE)
        cx__jfail(c, CX_EFORMAT, "'%.*s' is not allowed in a template", len, name);
    else if (v.sub == J_MISSING) cx__jfail(c, CX_EFORMAT, "'%.*s' is undefined", len, name);
    else cx__jfail(c, CX_EFORMAT, "'%s' has no attribute '%.*s'", type_names[v.sub], len, name);
}

bool cx__jtruth(jval v)
{
    switch (v.type) {
    case J_MISSING:
    case J_UNDEF:
    case J_NONE: return false;
    case J_BOOL: return v.b;
    case J_INT: return v.i != 0;
    case J_FLOAT: return v.d != 0;
    case J_STR: return v.s->len != 0;
    case J_LIST:
    case J_TUPLE:
    case J_VIEW: return v.l->len != 0;
    case J_DICT: return v.m->len != 0;
    case J_RANGE: return v.r->len != 0;
    default: return true;
    }
}

static bool eq_at(jctx *c, jval a, jval b, int depth);

static bool list_eq(jctx *c, const jlist *a, const jlist *b, int depth)
{
    if (a->len != b->len) return false;
    for (size_t i = 0; i < a->len; i++)
        if (!eq_at(c, a->items[i], b->items[i], depth + 1)) return false;
    return true;
}

static bool dict_eq(jctx *c, jdict *a, jdict *b, int depth)
{
    if (a->len != b->len) return false;
    for (size_t i = 0; i < a->len; i++) {
        jval *other = cx__jdict_get(c, b, a->items[i].key);
        if (!other || !eq_at(c, a->items[i].value, *other, depth + 1)) return false;
    }
    return true;
}

static bool range_eq(const jrange *a, const jrange *b)
{
    if (a->len != b->len) return false;
    return !a->len || (a->start == b->start && (a->len == 1 || a->step == b->step));
}

/* Python compares int and float exactly: 2**53 + 1 is not float(2**53). */
static int num_cmp(jval a, jval b)
{
    double x = cx__jnum_of(a), y = cx__jnum_of(b);
    if (a.type == J_FLOAT || b.type == J_FLOAT) {
        if (x != y || (a.type == J_FLOAT && b.type == J_FLOAT)) return (x > y) - (x < y);
        if (!(x >= -0x1p63 && x < 0x1p63)) return x > 0 ? -1 : 0; /* only INT64_MAX rounds up */
        a.i = a.type == J_FLOAT ? (int64_t)x : cx__jint_of(a);
        b.i = b.type == J_FLOAT ? (int64_t)y : cx__jint_of(b);
        return (a.i > b.i) - (a.i < b.i);
    }
    return (cx__jint_of(a) > cx__jint_of(b)) - (cx__jint_of(a) < cx__jint_of(b));
}

static bool num_eq(jval a, jval b)
{
    if (cx__jnum_of(a) != cx__jnum_of(b)) return false; /* also NaN */
    return num_cmp(a, b) == 0;
}

static bool eq_at(jctx *c, jval a, jval b, int depth)
{
    if (!cx__jstep(c, 1)) return false;
    if (depth > J_MAX_NEST) {
        cx__jfail(c, CX_ELIMIT, "values nested deeper than %d are compared", J_MAX_NEST);
        return false;
    }
    if (cx__jis_num(a) && cx__jis_num(b)) return num_eq(a, b);
    if (a.type != b.type) return false;
    switch (a.type) {
    case J_UNDEF:
    case J_NONE: return true;
    case J_STR:
        return a.s->len == b.s->len && cx__jstep_bytes(c, a.s->len) && cx__jstr_eq(a.s, b.s);
    case J_LIST:
    case J_TUPLE: return list_eq(c, a.l, b.l, depth);
    case J_VIEW:
        return a.l == b.l ||
               (a.sub == b.sub && a.sub != J_VIEW_VALUES && list_eq(c, a.l, b.l, depth));
    case J_DICT: return dict_eq(c, a.m, b.m, depth);
    case J_RANGE: return range_eq(a.r, b.r);
    default: return a.l == b.l; /* identity */
    }
}

bool cx__jeq(jctx *c, jval a, jval b)
{
    return eq_at(c, a, b, 0);
}

static int cmp_at(jctx *c, jval a, jval b, const char *op, int depth);

static int list_cmp(jctx *c, const jlist *a, const jlist *b, const char *op, int depth)
{
    for (size_t i = 0; i < a->len && i < b->len; i++)
        if (!eq_at(c, a->items[i], b->items[i], depth + 1))
            return cmp_at(c, a->items[i], b->items[i], op, depth + 1);
    return (a->len > b->len) - (a->len < b->len);
}

static int cmp_at(jctx *c, jval a, jval b, const char *op, int depth)
{
    if (!cx__jstep(c, 1) || depth > J_MAX_NEST) return 0;
    if (cx__jis_num(a) && cx__jis_num(b)) return num_cmp(a, b);
    if (a.type == J_STR && b.type == J_STR) {
        size_t len = a.s->len < b.s->len ? a.s->len : b.s->len;
        int d = len && cx__jstep_bytes(c, len) ? memcmp(a.s->p, b.s->p, len) : 0;
        return d ? d : (a.s->len > b.s->len) - (a.s->len < b.s->len);
    }
    if (cx__jis_seq(a) && a.type == b.type) return list_cmp(c, a.l, b.l, op, depth);
    if (a.type == J_UNDEF || b.type == J_UNDEF) cx__jfail_undef(c, a.type == J_UNDEF ? a : b);
    cx__jfail(c, CX_EFORMAT, "'%s' is not supported between '%s' and '%s'", op, cx__jtype_name(a),
              cx__jtype_name(b));
    return 0;
}

int cx__jcmp(jctx *c, jval a, jval b, const char *op)
{
    return cmp_at(c, a, b, op, 0);
}

bool cx__jlength(jval v, size_t *out)
{
    switch (v.type) {
    case J_UNDEF: *out = 0; return true;
    case J_LIST:
    case J_TUPLE:
    case J_VIEW: *out = v.l->len; return true;
    case J_DICT: *out = v.m->len; return true;
    case J_RANGE: *out = v.r->len; return true;
    default: return false;
    }
}

bool cx__jiterable(jval v)
{
    switch (v.type) {
    case J_UNDEF:
    case J_STR:
    case J_LIST:
    case J_TUPLE:
    case J_DICT:
    case J_VIEW:
    case J_GEN:
    case J_RANGE: return true;
    default: return false;
    }
}

jval cx__jrange_at(const jrange *r, size_t i)
{
    return cx__jint((int64_t)((uint64_t)r->start + (uint64_t)i * (uint64_t)r->step));
}

static jlist *chars_of(jctx *c, jval s)
{
    jval out = cx__jlist(c, J_LIST, 0);
    for (size_t at = 0; at < s.s->len;) {
        size_t n = cx__jutf8_width((unsigned char)s.s->p[at]);
        if (!cx__jstep(c, 1) || !cx__jlist_push(c, out, cx__jstr_slice(c, s, at, at + n))) break;
        at += n;
    }
    return out.l;
}

jlist *cx__jitems(jctx *c, jval v)
{
    static jlist none;
    size_t n = 0;
    jval out;
    if (cx__jis_seq(v) || v.type == J_VIEW) return v.l;
    if (v.type == J_STR) return chars_of(c, v);
    if (v.type == J_GEN) {
        jlist *rest = cx__jalloc(c, sizeof *rest);
        if (!rest) return &none;
        *rest = none;
        if (v.l->len) rest->items = v.l->items + v.l->at;
        rest->len = v.l->len - v.l->at;
        v.l->at = v.l->len;
        return rest;
    }
    if (!cx__jlength(v, &n) || c->status != CX_OK) {
        cx__jfail(c, CX_EFORMAT, "'%s' cannot be iterated over", cx__jtype_name(v));
        return &none;
    }
    out = cx__jlist(c, J_LIST, n);
    for (size_t i = 0; i < n && cx__jstep(c, 1); i++)
        if (!cx__jlist_push(c, out, cx__jitem_at(c, v, i))) break;
    return out.l;
}

jval cx__jitem_at(jctx *c, jval v, size_t i)
{
    switch (v.type) {
    case J_LIST:
    case J_TUPLE:
    case J_VIEW: return v.l->items[i];
    case J_DICT: return v.m->items[i].key;
    case J_RANGE: return cx__jrange_at(v.r, i);
    case J_STR: return cx__jstr_sub(c, v, i, i + 1);
    default: return cx__jundef(NULL, J_MISSING);
    }
}

bool cx__jcontains(jctx *c, jval item, jval in)
{
    jlist *l;
    if (in.type == J_STR) {
        if (item.type == J_STR)
            return cx__jfind(c, in.s->p, in.s->len, item.s->p, item.s->len) != SIZE_MAX;
        cx__jfail(c, CX_EFORMAT, "'in <string>' needs a string on its left, not '%s'",
                  cx__jtype_name(item));
        return false;
    }
    if (in.type == J_DICT) return cx__jdict_get(c, in.m, item) != NULL;
    l = cx__jitems(c, in);
    for (size_t i = 0; i < l->len && c->status == CX_OK; i++)
        if (cx__jeq(c, l->items[i], item)) return true;
    return false;
}

/* Merges rows [lo, mid) and [mid, hi) of `from` into `to`. */
static void merge(jctx *c, const jval *from, jval *to, size_t row[3], size_t stride, size_t keys,
                  bool reverse)
{
    size_t a = row[0], b = row[1];
    for (size_t i = row[0]; i < row[2]; i++) {
        int d = 0;
        for (size_t k = 0; k < keys && a < row[1] && b < row[2] && !d; k++)
            d = cx__jeq(c, from[a * stride + k], from[b * stride + k])
                    ? 0
                    : cx__jcmp(c, from[b * stride + k], from[a * stride + k], "<");
        bool right = a >= row[1] || (b < row[2] && (reverse ? d > 0 : d < 0));
        memcpy(to + i * stride, from + (right ? b++ : a++) * stride, stride * sizeof *to);
    }
}

void cx__jsort(jctx *c, jval *rows, size_t n, size_t stride, size_t keys, bool reverse)
{
    jval *other = cx__jarray(c, n, stride * sizeof *rows), *from = rows, *to = other, *swap;
    if (!other) return;
    for (size_t width = 1; width < n && c->status == CX_OK; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = n - lo < width ? n : lo + width;
            size_t hi = n - lo < 2 * width ? n : lo + 2 * width;
            merge(c, from, to, (size_t[]){ lo, mid, hi }, stride, keys, reverse);
        }
        swap = from, from = to, to = swap;
    }
    if (from != rows) memcpy(rows, from, n * stride * sizeof *rows);
}
