/* Names and shapes: an architecture's rules applied to the tensors of a checkpoint. Nothing is read
 * here; what a rule does to a tensor becomes a way to number its elements (cx__axes). Tested by
 * tests/unit/test_convert_entries.c and, against mlx-lm, tests/oracle/oracle_archs.py. */
#include "convert/entries.h"
#include "convert/view.h"

#include <stdlib.h>
#include <string.h>

/* One result of one tensor, before experts are stacked. */
typedef struct item {
    char *name;
    long expert; /* of CX__JOIN: the place among the parts; else -1 without */
    bool joined;
    cx__view v;
} item;

typedef struct items {
    item *list;
    size_t count, cap;
    uint64_t bytes_in;
} items;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the plan of the conversion");
}

/* ---- rules ---- */

static cx_status check_origin(const cx__origin *o)
{
    size_t count, bytes;
    if (cx__tensor_count(&o->s.t, &count) && cx__mul(count, sizeof(double), &bytes)) return CX_OK;
    char text[128];
    return CX_FAIL(CX_ESHAPE, "%s: '%s': %s is too large", o->s.path, o->s.t.name,
                   cx__tensor_text(&o->s.t, text, sizeof text));
}

static cx_status add_item(items *all, const cx__origin *o, const cx__renamed *r,
                          const cx__facts *facts)
{
    if (!cx__grow(&all->list, &all->cap, all->count, sizeof *all->list)) return no_memory();
    item *it = &all->list[all->count];
    *it = (item){ .expert = r->expert, .joined = r->how & CX__JOIN };
    if (!(it->name = cx__strdup(r->name))) return no_memory();
    all->count++;
    cx__view_init(&it->v, o);
    return cx__view_apply(&it->v, r, facts);
}

/* All results of one tensor. */
static cx_status add_tensor(items *all, const cx__origin *o, const cx__rename *rules,
                            const cx__facts *facts)
{
    size_t before = all->count;
    cx__renamed r = { .more = true };
    CX_TRY(check_origin(o));
    for (size_t nth = 0; r.more; nth++) {
        CX_TRY(cx__rename_apply(rules, o->s.t.name, nth, facts, &r));
        if (!(r.how & CX__DROP)) CX_TRY(add_item(all, o, &r, facts));
    }
    if (all->count > before) all->bytes_in += o->s.t.bytes;
    return CX_OK;
}

/* Whether a tensor shows that the checkpoint has HF's layout. */
static cx_status find_layout(const cx__source *src, const cx__rename *rules, cx__facts *facts)
{
    for (size_t i = 0; i < cx__source_count(src) && !facts->hf; i++) {
        const cx_tensor *t = &cx__source_at(src, i)->s.t;
        cx__renamed r;
        CX_TRY(cx__rename_apply(rules, t->name, 0, facts, &r));
        bool turned = (r.how & CX__CONV) && t->ndim > 1 && t->shape[t->ndim - 1] != 1;
        facts->hf = turned || (r.how & CX__HF);
    }
    return CX_OK;
}

/* ---- entries ---- */

static int by_name_and_expert(const void *pa, const void *pb)
{
    const item *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);
    if (order) return order;
    return (a->expert > b->expert) - (a->expert < b->expert);
}

static bool same_axes(const cx__axes *a, const cx__axes *b)
{
    size_t n = (size_t)a->count * sizeof a->size[0];
    return a->count == b->count && !memcmp(a->size, b->size, n) && !memcmp(a->stride, b->stride, n);
}

static bool same_packing(const cx__packed *a, const cx__packed *b)
{
    return a && b && !strcmp(a->mode, b->mode) && a->bits == b->bits && a->group == b->group &&
           a->scale_dtype == b->scale_dtype;
}

/* Tensors that CX__JOIN makes one: queries, keys and values. */
enum { PARTS = 3 };

/* Experts 0, 1, 2, ... of one shape and one way to be read. */
static cx_status check_stack(const item *it, size_t n)
{
    const cx__view *v = &it->v;
    for (size_t i = 0; i < n; i++) {
        const item *x = &it[i];
        const cx__origin *from = x->v.origin;
        if (n > 1 && x->expert < 0)
            return CX_FAIL(CX_EFORMAT, "%s: '%s' and '%s' both become '%s'", from->s.path,
                           it[0].v.origin->s.t.name, it[1].v.origin->s.t.name, x->name);
        if (x->expert >= 0 && x->expert != (long)i)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected expert %zu, found %ld", from->s.path,
                           from->s.t.name, i, x->expert);
        if (x->v.ndim != v->ndim || memcmp(x->v.shape, v->shape, sizeof v->shape) ||
            from->s.t.dtype != v->origin->s.t.dtype)
            return CX_FAIL(CX_ESHAPE, "%s: '%s': expected shape and dtype of '%s'", from->s.path,
                           from->s.t.name, v->origin->s.t.name);
        if (!same_axes(&x->v.axes, &v->axes) || x->v.offset != v->offset)
            return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': is stored in another order than '%s'",
                           from->s.path, from->s.t.name, v->origin->s.t.name);
    }
    if (it->joined && (n != PARTS || v->ndim == 0))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected %d tensors that become '%s', found %zu",
                       v->origin->s.path, v->origin->s.t.name, PARTS, it->name, n);
    return v->ndim + (it->expert >= 0 && !it->joined) <= CX_MAX_DIMS
               ? CX_OK
               : cx__view_misfit(v, "fewer dimensions");
}

/* Joins neighbours that lie together, drops axes of one. */
static void merge_axes(cx__axes *a)
{
    int n = 0;
    for (int i = 0; i < a->count; i++) {
        if (a->size[i] == 1) continue;
        if (n && a->stride[n - 1] == a->size[i] * a->stride[i]) {
            a->size[n - 1] *= a->size[i];
            a->stride[n - 1] = a->stride[i];
        } else {
            a->size[n] = a->size[i];
            a->stride[n++] = a->stride[i];
        }
    }
    if (n == 0) a->size[0] = a->stride[0] = n = 1;
    a->count = n;
}

static void take_shape(cx__entry *e, const item *it, size_t n)
{
    const cx__view *v = &it->v;
    bool stacked = it->expert >= 0 && !it->joined;
    e->ndim = v->ndim + stacked;
    if (stacked) e->shape[0] = (int64_t)n;
    memcpy(e->shape + stacked, v->shape, (size_t)v->ndim * sizeof *v->shape);
    if (it->joined) e->shape[0] *= (int64_t)n;
    e->cols = e->ndim ? (size_t)e->shape[e->ndim - 1] : 1;
    e->rows = e->part_elements = 1;
    for (int i = 0; i < v->ndim; i++) e->part_elements *= (size_t)v->shape[i];
    for (int i = 0; i + 1 < e->ndim; i++) e->rows *= (size_t)e->shape[i];
}

/* Pieces are runs of elements; of turned tensors, whole rows, since a column is read in one go. */
static cx_status take_step(cx__entry *e, const cx__view *v)
{
    const cx__axes *a = &e->axes;
    int last = a->count - 1;
    e->step = CX__PIECE;
    if (!e->part_elements) return CX_OK;
    e->turned = last > 0 && a->stride[last] != 1 && a->stride[last - 1] == 1;
    bool rows = e->turned || (e->whole_rows && v->origin->s.packed);
    size_t row = e->turned ? (size_t)a->size[last] : e->cols;
    if (!rows || row == 0) return CX_OK;
    if (row > CX__PIECE) return cx__view_misfit(v, "shorter rows");
    e->step = CX__PIECE / row * row;
    return CX_OK;
}

static cx_status add_entry(cx__entries *all, const item *it, size_t n)
{
    const cx__view *v = &it->v;
    size_t count;
    CX_TRY(check_stack(it, n));
    if (!cx__grow(&all->list, &all->cap, all->count, sizeof *all->list)) return no_memory();
    cx__entry *e = &all->list[all->count];
    *e = (cx__entry){ .part_count = n,
                      .axes = v->axes,
                      .offset = v->offset,
                      .row_axes = v->row_axes,
                      .row_offset = v->row_offset,
                      .whole_rows = v->whole_rows,
                      .add = v->add,
                      .from = v->origin->s.t.dtype };
    e->name = cx__strdup(it->name);
    e->parts = cx__alloc_array(n, sizeof(cx__origin *));
    all->count++;
    if (!e->name || !e->parts) return no_memory();
    for (size_t i = 0; i < n; i++) {
        const cx__view *x = &it[i].v;
        e->parts[i] = x->origin;
        e->whole_rows = e->whole_rows && x->whole_rows && x->row_offset == v->row_offset &&
                        same_axes(&x->row_axes, &v->row_axes) &&
                        same_packing(x->origin->s.packed, v->origin->s.packed);
    }
    take_shape(e, it, n);
    if (!cx__mul(e->part_elements, n, &count) || !cx__mul(count, sizeof(double), &count))
        return cx__view_misfit(v, "fewer elements");
    merge_axes(&e->axes);
    return take_step(e, v);
}

static cx_status stack(items *all, cx__entries *out)
{
    qsort(all->list, all->count, sizeof *all->list, by_name_and_expert);
    for (size_t i = 0, n; i < all->count; i += n) {
        for (n = 1; i + n < all->count; n++)
            if (strcmp(all->list[i + n].name, all->list[i].name) != 0) break;
        CX_TRY(add_entry(out, &all->list[i], n));
    }
    return CX_OK;
}

static cx_status take_dtype(cx__entry *e, const cx__arch *arch, bool set, cx_dtype dtype)
{
    const cx_tensor *t = &e->parts[0]->s.t;
    if (e->from == CX_F8_E4M3 || e->from == CX_F8_E5M2 || e->from == CX_F8_E8M0)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': dtype %s without scales that are known",
                       e->parts[0]->s.path, t->name, cx_dtype_name(e->from));
    e->dtype = e->from == CX_F64 ? CX_F32 : e->from; /* MLX has no F64 */
    bool wide = e->dtype == CX_F16 || e->dtype == CX_BF16 || e->dtype == CX_F32;
    if (!wide && e->add != 0)
        return CX_FAIL(CX_ETYPE, "%s: '%s': expected floats, found %s", e->parts[0]->s.path,
                       t->name, cx_dtype_name(e->from));
    if (wide && set && !cx__arch_keeps_dtype(arch, e->name)) e->dtype = dtype;
    return CX_OK;
}

cx_status cx__entries_cast(cx__entries *e, const cx__arch *arch, bool set, cx_dtype dtype)
{
    for (size_t i = 0; i < e->count; i++) CX_TRY(take_dtype(&e->list[i], arch, set, dtype));
    return CX_OK;
}

cx_status cx__entries_make(const cx__source *src, const cx__arch *arch, bool tied, cx__entries *out)
{
    const cx__rename *rules = cx__arch_renames(arch);
    cx__entries made = { 0 };
    items all = { 0 };
    cx__facts facts;
    cx__facts_read(cx__source_config(src), tied, &facts);
    facts.headless = !cx__source_find(src, "lm_head.weight");
    cx_status st = find_layout(src, rules, &facts);
    for (size_t i = 0; i < cx__source_count(src) && st == CX_OK; i++)
        st = add_tensor(&all, cx__source_at(src, i), rules, &facts);
    if (st == CX_OK && !all.count)
        st = CX_FAIL(CX_EFORMAT, "%s: holds no weights", cx__source_folder(src));
    if (st == CX_OK) st = stack(&all, &made);
    made.bytes_in = all.bytes_in;
    for (size_t i = 0; i < all.count; i++) cx__free(all.list[i].name);
    cx__free(all.list);
    if (st == CX_OK) *out = made;
    else cx__entries_free(&made);
    return st;
}

void cx__entries_free(cx__entries *e)
{
    for (size_t i = 0; i < e->count; i++) {
        cx__free(e->list[i].name);
        cx__free(e->list[i].parts);
    }
    cx__free(e->list);
    *e = (cx__entries){ 0 };
}
