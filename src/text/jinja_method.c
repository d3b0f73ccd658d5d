/* Methods of lists, dicts and loops' helpers, and the table that finds all methods. Methods that
 * would change a value are known but closed, as in Jinja's immutable sandbox.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

static jval fail_args(jrun *r, const char *what)
{
    cx__jfail(&r->c, CX_EFORMAT, "%s", what);
    return cx__jundef(NULL, J_MISSING);
}

/* ---- dict ---- */

static jval dict_get(jrun *r, jval v, const jval *a)
{
    jval *found = cx__jdict_get(&r->c, v.m, a[0]);
    return found ? *found : a[1].type == J_MISSING ? J_NONE_VALUE : a[1];
}

static jval dict_view(jrun *r, jval v, int what)
{
    jval out = cx__jlist(&r->c, J_VIEW, v.m->len);
    out.sub = (uint8_t)what;
    for (size_t i = 0; i < v.m->len && cx__jstep(&r->c, 1); i++) {
        jentry *e = &v.m->items[i];
        jval item = what == J_VIEW_KEYS     ? e->key
                    : what == J_VIEW_VALUES ? e->value
                                            : cx__jpair(&r->c, e->key, e->value);
        if (!cx__jlist_push(&r->c, out, item)) break;
    }
    return out;
}

static jval dict_keys(jrun *r, jval v, const jval *a)
{
    (void)a;
    return dict_view(r, v, J_VIEW_KEYS);
}

static jval dict_values(jrun *r, jval v, const jval *a)
{
    (void)a;
    return dict_view(r, v, J_VIEW_VALUES);
}

static jval dict_items(jrun *r, jval v, const jval *a)
{
    (void)a;
    return dict_view(r, v, J_VIEW_ITEMS);
}

static jval copy(jrun *r, jval v, const jval *a)
{
    (void)r, (void)a;
    return v; /* values never change */
}

/* ---- list, tuple, range ---- */

static jval list_count(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    int64_t n = 0;
    for (size_t i = 0; i < l->len && r->c.status == CX_OK; i++)
        n += cx__jeq(&r->c, l->items[i], a[0]);
    return cx__jint(n);
}

static jval list_index(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    int64_t begin = cx__jis_int(a[1]) ? cx__jint_of(a[1]) : 0, len = (int64_t)l->len;
    int64_t end = cx__jis_int(a[2]) ? cx__jint_of(a[2]) : len;
    if (begin < 0) begin = begin < -len ? 0 : begin + len;
    if (end < 0) end += len;
    for (int64_t i = begin; i < end && i < len && r->c.status == CX_OK; i++)
        if (cx__jeq(&r->c, l->items[i], a[0])) return cx__jint(i);
    return fail_args(r, "index(): the value is not in the list");
}

/* ---- cycler ---- */

static jval cycler_next(jrun *r, jval v, const jval *a)
{
    jval item = v.cycler->items[v.cycler->at];
    (void)r, (void)a;
    v.cycler->at = (v.cycler->at + 1) % v.cycler->len;
    return item;
}

static jval cycler_reset(jrun *r, jval v, const jval *a)
{
    (void)r, (void)a;
    v.cycler->at = 0;
    return J_NONE_VALUE;
}

static const jmethod_def dict_methods[] = {
    { "get", "key default=", dict_get, NULL },
    { "items", "", dict_items, NULL },
    { "keys", "", dict_keys, NULL },
    { "values", "", dict_values, NULL },
    { "copy", "", copy, NULL },
    { "clear", NULL, NULL, NULL },
    { "pop", NULL, NULL, NULL },
    { "popitem", NULL, NULL, NULL },
    { "setdefault", NULL, NULL, NULL },
    { "update", NULL, NULL, NULL },
    { NULL, NULL, NULL, NULL },
};

static const jmethod_def list_methods[] = {
    { "count", "value", list_count, NULL },
    { "index", "value start= stop=", list_index, NULL },
    { "copy", "", copy, NULL },
    { "append", NULL, NULL, NULL },
    { "clear", NULL, NULL, NULL },
    { "extend", NULL, NULL, NULL },
    { "insert", NULL, NULL, NULL },
    { "pop", NULL, NULL, NULL },
    { "remove", NULL, NULL, NULL },
    { "reverse", NULL, NULL, NULL },
    { "sort", NULL, NULL, NULL },
    { NULL, NULL, NULL, NULL },
};

static const jmethod_def tuple_methods[] = {
    { "count", "value", list_count, NULL },
    { "index", "value start= stop=", list_index, NULL },
    { NULL, NULL, NULL, NULL },
};

static const jmethod_def cycler_methods[] = {
    { "next", "", cycler_next, NULL },
    { "reset", "", cycler_reset, NULL },
    { NULL, NULL, NULL, NULL },
};

const jmethod_def *cx__jmethod_find(jval of, const jstr *name)
{
    const jmethod_def *table = of.type == J_STR                           ? cx__jstr_methods
                               : of.type == J_DICT                        ? dict_methods
                               : of.type == J_LIST                        ? list_methods
                               : of.type == J_TUPLE || of.type == J_RANGE ? tuple_methods
                               : of.type == J_CYCLER                      ? cycler_methods
                                                                          : NULL;
    for (; table && table->name; table++)
        if (cx__jstr_is(name, table->name)) return table;
    return NULL;
}
