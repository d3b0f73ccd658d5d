/* Filters on sequences and mappings. Those that Jinja makes lazy give generators, whose items
 * are computed at once here. Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

enum { MAX_KEYS = 8 }; /* of one sort */

static jval undefined(void)
{
    return cx__jundef(NULL, J_MISSING);
}

static bool need_int(jrun *r, const char *what, jval v, int64_t low, int64_t *out)
{
    if (cx__jis_int(v) && cx__jint_of(v) >= low) return *out = cx__jint_of(v), true;
    cx__jfail(&r->c, CX_EFORMAT, "%s needs an integer of at least %lld", what, (long long)low);
    return false;
}

static jval fold_case(jrun *r, jval v, jval case_sensitive)
{
    return v.type == J_STR && !cx__jtruth(case_sensitive) ? cx__jstr_case(&r->c, v, J_LOWER) : v;
}

static jval do_list(jrun *r, jval v, const jval *a)
{
    jlist *from = cx__jitems(&r->c, v);
    jval out = cx__jlist(&r->c, J_LIST, 0);
    (void)a;
    if (r->c.status != CX_OK) return out;
    out.l->items = from->items; /* values never change, so the items may be shared */
    out.l->len = out.l->cap = from->len;
    return out;
}

static jval do_first(jrun *r, jval v, const jval *a)
{
    size_t n = 0;
    (void)a;
    if (v.type == J_GEN) return v.l->at < v.l->len ? v.l->items[v.l->at++] : undefined();
    if (v.type == J_STR) return v.s->len ? cx__jstr_sub(&r->c, v, 0, 1) : undefined();
    if (!cx__jlength(v, &n))
        cx__jfail(&r->c, CX_EFORMAT, "'%s' has no first item", cx__jtype_name(v));
    return n ? cx__jitem_at(&r->c, v, 0) : undefined();
}

static jval do_last(jrun *r, jval v, const jval *a)
{
    size_t n = 0;
    (void)a;
    if (v.type == J_STR) n = cx__jstr_chars(&r->c, v.s);
    else if (!cx__jlength(v, &n))
        cx__jfail(&r->c, CX_EFORMAT, "'%s' has no last item", cx__jtype_name(v));
    return n ? cx__jitem_at(&r->c, v, n - 1) : undefined();
}

static jval do_join(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jlist *l = cx__jitems(&r->c, v);
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        if (i && a[0].type != J_MISSING) cx__jput_str(&r->c, &b, a[0]);
        cx__jput_str(&r->c, &b, cx__jpath(r, l->items[i], a[1]));
    }
    return cx__jstr_take(&r->c, &b);
}

static jval do_reverse(jrun *r, jval v, const jval *a)
{
    jlist *l;
    jval out;
    (void)a;
    if (v.type == J_STR) return cx__jslice(r, v, J_MISSING_VALUE, J_MISSING_VALUE, cx__jint(-1));
    l = cx__jitems(&r->c, v);
    out = cx__jlist(&r->c, v.type == J_GEN ? J_LIST : J_GEN, l->len);
    for (size_t i = l->len; i-- > 0 && cx__jstep(&r->c, 1);)
        if (!cx__jlist_push(&r->c, out, l->items[i])) break;
    return out;
}

static jval do_items(jrun *r, jval v, const jval *a)
{
    jval out = cx__jlist(&r->c, J_GEN, 0);
    (void)a;
    if (v.type == J_UNDEF) return out;
    if (v.type != J_DICT) {
        cx__jfail(&r->c, CX_EFORMAT, "items of a '%s', not a mapping", cx__jtype_name(v));
        return out;
    }
    for (size_t i = 0; i < v.m->len && cx__jstep(&r->c, 1); i++)
        if (!cx__jlist_push(&r->c, out, cx__jpair(&r->c, v.m->items[i].key, v.m->items[i].value)))
            break;
    return out;
}

/* ---- order ---- */

/* "a,b.c" to its paths. */
static size_t split_paths(jrun *r, jval path, jval parts[MAX_KEYS])
{
    size_t n = 0, at = 0, end;
    const char *comma;
    parts[0] = path;
    if (path.type != J_STR) return 1;
    do {
        comma = memchr(path.s->p + at, ',', path.s->len - at);
        end = comma ? (size_t)(comma - path.s->p) : path.s->len;
        parts[n++] = cx__jstr_slice(&r->c, path, at, end);
        at = end + 1;
    } while (comma && n < MAX_KEYS);
    if (comma) cx__jfail(&r->c, CX_ELIMIT, "sort by more than %d attributes", MAX_KEYS);
    return n;
}

/* Rows of `keys` sort keys and the item. */
static jval *sort_rows(jrun *r, const jlist *l, jval path, jval case_sensitive, size_t *keys)
{
    jval parts[MAX_KEYS];
    size_t n = split_paths(r, path, parts), row = n + 1;
    jval *rows = cx__jarray(&r->c, l->len, row * sizeof *rows);
    *keys = n;
    for (size_t i = 0; rows && i < l->len && cx__jstep(&r->c, 1); i++) {
        for (size_t k = 0; k < n; k++)
            rows[i * row + k] = fold_case(r, cx__jpath(r, l->items[i], parts[k]), case_sensitive);
        rows[i * row + n] = l->items[i];
    }
    return r->c.status == CX_OK ? rows : NULL;
}

static jval sorted(jrun *r, const jlist *l, jval path, jval case_sensitive, jval reverse)
{
    size_t keys;
    jval *rows = sort_rows(r, l, path, case_sensitive, &keys),
         out = cx__jlist(&r->c, J_LIST, l->len);
    if (!rows) return out;
    cx__jsort(&r->c, rows, l->len, keys + 1, keys, cx__jtruth(reverse));
    for (size_t i = 0; i < l->len; i++)
        if (!cx__jlist_push(&r->c, out, rows[i * (keys + 1) + keys])) break;
    return out;
}

static jval do_sort(jrun *r, jval v, const jval *a)
{
    return sorted(r, cx__jitems(&r->c, v), a[2], a[1], a[0]);
}

static jval do_dictsort(jrun *r, jval v, const jval *a)
{
    bool by_value = a[1].type == J_STR && cx__jstr_is(a[1].s, "value");
    jval pairs;
    if (a[1].type != J_MISSING && !by_value && !(a[1].type == J_STR && cx__jstr_is(a[1].s, "key")))
        cx__jfail(&r->c, CX_EFORMAT, "dictsort: by must be 'key' or 'value'");
    if (v.type != J_DICT) {
        if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
        cx__jfail(&r->c, CX_EFORMAT, "dictsort of a '%s'", cx__jtype_name(v));
        return v;
    }
    pairs = do_items(r, v, a);
    return sorted(r, pairs.l, cx__jint(by_value), a[0], a[2]);
}

static jval extreme(jrun *r, jval v, const jval *a, int sign)
{
    jlist *l = cx__jitems(&r->c, v);
    jval best = undefined(), best_key = best;
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        jval key = fold_case(r, cx__jpath(r, l->items[i], a[1]), a[0]);
        if (i && sign * cx__jcmp(&r->c, key, best_key, sign < 0 ? "<" : ">") <= 0) continue;
        best = l->items[i];
        best_key = key;
    }
    return best;
}

static jval do_min(jrun *r, jval v, const jval *a)
{
    return extreme(r, v, a, -1);
}

static jval do_max(jrun *r, jval v, const jval *a)
{
    return extreme(r, v, a, 1);
}

static jval do_sum(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    jval sum = a[1].type == J_MISSING ? cx__jint(0) : a[1];
    if (sum.type == J_STR) cx__jfail(&r->c, CX_EFORMAT, "sum cannot add strings");
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++)
        sum = cx__jarith(&r->c, J_OP_ADD, sum, cx__jpath(r, l->items[i], a[0]));
    return sum;
}

static jval do_unique(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    jval out = cx__jlist(&r->c, J_GEN, 0), seen = cx__jdict(&r->c, 0);
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        jval key = fold_case(r, cx__jpath(r, l->items[i], a[1]), a[0]);
        if (cx__jdict_get(&r->c, seen.m, key) || r->c.status != CX_OK) continue;
        if (!cx__jdict_set(&r->c, seen.m, key, J_NONE_VALUE) ||
            !cx__jlist_push(&r->c, out, l->items[i]))
            break;
    }
    return out;
}

/* The path's value, or the default where it is undefined. */
static jval path_or(jrun *r, jval v, jval path, jval otherwise)
{
    jval found = cx__jpath(r, v, path);
    return found.type == J_UNDEF && otherwise.type != J_MISSING && otherwise.type != J_NONE
               ? otherwise
               : found;
}

static jval do_groupby(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    jval *rows = cx__jarray(&r->c, l->len, 2 * sizeof *rows), out = cx__jlist(&r->c, J_LIST, 0);
    jval group = J_MISSING_VALUE;
    for (size_t i = 0; rows && i < l->len && cx__jstep(&r->c, 1); i++) {
        rows[2 * i] = fold_case(r, path_or(r, l->items[i], a[0], a[1]), a[2]);
        rows[2 * i + 1] = l->items[i];
    }
    if (!rows || r->c.status != CX_OK) return out;
    cx__jsort(&r->c, rows, l->len, 2, 1, false);
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        if (!i || !cx__jeq(&r->c, rows[2 * i], rows[2 * i - 2])) {
            jval pair = cx__jpair(&r->c, path_or(r, rows[2 * i + 1], a[0], a[1]),
                                  group = cx__jlist(&r->c, J_LIST, 0));
            pair.sub = 1; /* has .grouper and .list */
            cx__jlist_push(&r->c, out, pair);
        }
        if (!cx__jlist_push(&r->c, group, rows[2 * i + 1])) break;
    }
    return out;
}

/* ---- parts ---- */

static jval part_of(jrun *r, const jlist *l, size_t begin, size_t end)
{
    jval out = cx__jlist(&r->c, J_LIST, end - begin + 1);
    for (size_t i = begin; i < end; i++)
        if (!cx__jlist_push(&r->c, out, l->items[i])) break;
    return out;
}

static jval do_batch(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    jval out = cx__jlist(&r->c, J_GEN, 0), part;
    int64_t n;
    if (!need_int(r, "batch", a[0], 1, &n)) return out;
    for (size_t at = 0; at < l->len && cx__jstep(&r->c, 1); at += (size_t)n) {
        size_t end = l->len - at < (size_t)n ? l->len : at + (size_t)n;
        part = part_of(r, l, at, end);
        if (a[1].type != J_MISSING && a[1].type != J_NONE)
            while (part.l->len < (size_t)n && cx__jstep(&r->c, 1))
                if (!cx__jlist_push(&r->c, part, a[1])) break;
        cx__jlist_push(&r->c, out, part);
        if (end == l->len) break;
    }
    return out;
}

static jval do_slice(jrun *r, jval v, const jval *a)
{
    jlist *l = cx__jitems(&r->c, v);
    jval out = cx__jlist(&r->c, J_GEN, 0), part;
    int64_t n;
    size_t each, extra, at = 0;
    if (!need_int(r, "slice", a[0], 1, &n)) return out;
    each = l->len / (size_t)n;
    extra = l->len % (size_t)n;
    for (size_t i = 0; i < (size_t)n && cx__jstep(&r->c, 1); i++) {
        size_t len = each + (i < extra);
        part = part_of(r, l, at, at + len);
        at += len;
        if (i >= extra && a[1].type != J_MISSING && a[1].type != J_NONE)
            cx__jlist_push(&r->c, part, a[1]);
        if (!cx__jlist_push(&r->c, out, part)) break;
    }
    return out;
}

/* ---- map, select ---- */

/* What is false, even None, counts as empty here. */
static jlist *items_if_any(jrun *r, jval v)
{
    return cx__jitems(&r->c, cx__jtruth(v) ? v : undefined());
}

static jval map_attribute(jrun *r, const jlist *l, const jargs *args, jval out)
{
    jval bound[J_MAX_ARGS];
    if (!cx__jbind(r, "map", "attribute default=", args, bound)) return out;
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++)
        if (!cx__jlist_push(&r->c, out, path_or(r, l->items[i], bound[0], bound[1]))) break;
    return out;
}

static jval do_map(jrun *r, jval v, const jargs *args)
{
    jval out = cx__jlist(&r->c, J_GEN, 0);
    jlist *l = items_if_any(r, v);
    const jfilter *f;
    jargs rest = *args;
    if (!args->npos) return map_attribute(r, l, args, out);
    f = args->pos[0].type == J_STR ? cx__jfilter_find(args->pos[0].s) : NULL;
    if (!f && l->len) cx__jfail(&r->c, CX_EFORMAT, "map: there is no filter of this name");
    rest.pos++;
    rest.npos--;
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++)
        if (!cx__jlist_push(&r->c, out, cx__jfilter_apply(r, f, l->items[i], &rest))) break;
    return out;
}

/* select, reject (attr false) and selectattr, rejectattr: a test, or truth when none is named. */
static jval choose(jrun *r, jval v, const jargs *args, bool keep, bool attr)
{
    jlist *l = items_if_any(r, v);
    jval out = cx__jlist(&r->c, J_GEN, 0), name;
    const jtest *t = NULL;
    jargs rest = *args;
    if (!l->len || r->c.status != CX_OK) return out;
    if (attr && !args->npos) cx__jfail(&r->c, CX_EFORMAT, "selectattr needs an attribute");
    if (args->npos > (size_t)attr) {
        name = args->pos[attr];
        t = name.type == J_STR ? cx__jtest_find(name.s) : NULL;
        if (!t) cx__jfail(&r->c, CX_EFORMAT, "select: there is no test of this name");
        rest.pos += 1 + attr;
        rest.npos -= 1u + attr;
    }
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        jval x = attr ? cx__jpath(r, l->items[i], args->pos[0]) : l->items[i];
        bool yes = t ? cx__jtest_apply(r, t, x, &rest) : cx__jtruth(x);
        if (yes == keep && !cx__jlist_push(&r->c, out, l->items[i])) break;
    }
    return out;
}

static jval do_select(jrun *r, jval v, const jargs *args)
{
    return choose(r, v, args, true, false);
}

static jval do_reject(jrun *r, jval v, const jargs *args)
{
    return choose(r, v, args, false, false);
}

static jval do_selectattr(jrun *r, jval v, const jargs *args)
{
    return choose(r, v, args, true, true);
}

static jval do_rejectattr(jrun *r, jval v, const jargs *args)
{
    return choose(r, v, args, false, true);
}

const jfilter cx__jfilters_seq[] = {
    { "batch", "linecount fill_with=", do_batch, NULL },
    { "dictsort", "case_sensitive= by= reverse=", do_dictsort, NULL },
    { "first", "", do_first, NULL },
    { "groupby", "attribute default= case_sensitive=", do_groupby, NULL },
    { "items", "", do_items, NULL },
    { "join", "d= attribute=", do_join, NULL },
    { "last", "", do_last, NULL },
    { "list", "", do_list, NULL },
    { "map", NULL, NULL, do_map },
    { "max", "case_sensitive= attribute=", do_max, NULL },
    { "min", "case_sensitive= attribute=", do_min, NULL },
    { "reject", NULL, NULL, do_reject },
    { "rejectattr", NULL, NULL, do_rejectattr },
    { "reverse", "", do_reverse, NULL },
    { "select", NULL, NULL, do_select },
    { "selectattr", NULL, NULL, do_selectattr },
    { "slice", "slices fill_with=", do_slice, NULL },
    { "sort", "reverse= case_sensitive= attribute=", do_sort, NULL },
    { "sum", "attribute= start=", do_sum, NULL },
    { "unique", "case_sensitive= attribute=", do_unique, NULL },
    { NULL, NULL, NULL, NULL },
};
