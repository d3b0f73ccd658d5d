/* Names and shapes: an architecture's rules applied to the tensors of a checkpoint. Nothing is read
 * here; what a rule does to a tensor becomes a way to number its elements (cx__axes). Tested by
 * tests/unit/test_convert_entries.c and, against mlx-lm, tests/oracle/oracle_archs.py. */
#include "convert/entries.h"

#include <stdlib.h>
#include <string.h>

/* One result of one tensor, before experts are stacked. */
typedef struct item {
    const cx__origin *origin;
    char *name;
    long expert;
    cx__axes axes, row_axes;
    size_t offset, row_offset;
    bool whole_rows;
    float add;
    int ndim;
    int64_t shape[CX_MAX_DIMS];
} item;

typedef struct items {
    item *list;
    size_t count, cap;
    uint64_t bytes_in;
    bool turned_conv; /* a conv1d of the checkpoint is in HF's layout */
} items;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the plan of the conversion");
}

/* ---- rules ---- */

static cx_status misfit(const item *it, const char *expected)
{
    char text[128];
    return CX_FAIL(CX_ESHAPE, "%s: '%s': expected %s, found %s", it->origin->s.path,
                   it->origin->s.t.name, expected,
                   cx__tensor_text(&it->origin->s.t, text, sizeof text));
}

static void swap(int64_t *a, int64_t *b)
{
    int64_t x = *a;
    *a = *b;
    *b = x;
}

static cx_status turn(item *it)
{
    int n = it->ndim;
    if (n < 2) return misfit(it, "two dimensions");
    swap(&it->shape[n - 1], &it->shape[n - 2]);
    swap(&it->axes.size[n - 1], &it->axes.size[n - 2]);
    swap(&it->axes.stride[n - 1], &it->axes.stride[n - 2]);
    it->whole_rows = false;
    return CX_OK;
}

/* Keeps every `step`-th of an axis (1 or 2) or half of it, from number `from` on. */
static cx_status cut(item *it, unsigned how)
{
    bool second = how & (CX__SECOND_HALF | CX__ODD), pairs = how & (CX__EVEN | CX__ODD);
    int axis = (how & CX__LAST_AXIS) || it->ndim < 2 ? it->ndim - 1 : it->ndim - 2;
    if (axis < 0 || it->shape[axis] % 2) return misfit(it, "an even number of rows to split");
    size_t half = (size_t)it->shape[axis] / 2, from = second ? pairs ? 1 : half : 0;
    it->shape[axis] = it->axes.size[axis] = (int64_t)half;
    it->offset += from * (size_t)it->axes.stride[axis];
    if (pairs) it->axes.stride[axis] *= 2;
    if (axis == it->ndim - 1) {
        it->whole_rows = false;
    } else if (it->whole_rows) {
        it->row_axes.size[axis] = (int64_t)half;
        it->row_offset += from * (size_t)it->row_axes.stride[axis];
        if (pairs) it->row_axes.stride[axis] *= 2;
    }
    return CX_OK;
}

static cx_status apply(item *it, unsigned how, bool turned_conv)
{
    enum { CUTS = CX__FIRST_HALF | CX__SECOND_HALF | CX__EVEN | CX__ODD };
    bool conv = (how & CX__CONV) && it->ndim > 1 && it->shape[it->ndim - 1] != 1;
    bool shaped = (how & (CX__TRANSPOSE | CUTS)) || conv;
    if (shaped && it->axes.count != it->ndim) return misfit(it, "a plain tensor");
    if ((how & CX__TRANSPOSE) || conv) CX_TRY(turn(it));
    if (how & CUTS) CX_TRY(cut(it, how));
    if ((how & CX__PLUS_ONE) || ((how & CX__PLUS_ONE_CONV) && turned_conv)) it->add += 1;
    if (it->add != 0) it->whole_rows = false;
    return CX_OK;
}

/* Which row of the stored sequence each row of the tensor is: the axes but the last, in rows. False
 * if its rows are no rows there. */
static bool find_rows(const cx__origin *o, cx__axes *out)
{
    const cx__axes *a = &o->axes;
    int last = a->count - 1;
    int64_t cols = o->s.t.ndim > 1 ? o->s.t.shape[o->s.t.ndim - 1] : 0;
    *out = (cx__axes){ .count = last };
    if (!cols || a->size[last] != cols || a->stride[last] != 1) return false;
    for (int i = 0; i < last; i++) {
        if (a->stride[i] % cols) return false;
        out->size[i] = a->size[i];
        out->stride[i] = a->stride[i] / cols;
    }
    return true;
}

static cx_status check_origin(const cx__origin *o)
{
    size_t count, bytes;
    if (cx__tensor_count(&o->s.t, &count) && cx__mul(count, sizeof(double), &bytes)) return CX_OK;
    char text[128];
    return CX_FAIL(CX_ESHAPE, "%s: '%s': %s is too large", o->s.path, o->s.t.name,
                   cx__tensor_text(&o->s.t, text, sizeof text));
}

static cx_status add_item(items *all, const cx__origin *o, const cx__renamed *r)
{
    if (!cx__grow(&all->list, &all->cap, all->count, sizeof *all->list)) return no_memory();
    item *it = &all->list[all->count];
    *it = (item){
        .origin = o, .expert = r->expert, .axes = o->axes, .add = o->add, .ndim = o->s.t.ndim
    };
    memcpy(it->shape, o->s.t.shape, sizeof it->shape);
    it->whole_rows = find_rows(o, &it->row_axes);
    if (!(it->name = cx__strdup(r->name))) return no_memory();
    all->count++;
    return apply(it, r->how, all->turned_conv);
}

/* All results of one tensor. */
static cx_status add_tensor(items *all, const cx__origin *o, const cx__rename *rules, bool tied)
{
    size_t before = all->count;
    cx__renamed r;
    CX_TRY(check_origin(o));
    for (const cx__rename *next = rules; next;) {
        CX_TRY(cx__rename_apply(&next, o->s.t.name, tied, &r));
        if (!(r.how & CX__DROP)) CX_TRY(add_item(all, o, &r));
    }
    if (all->count > before) all->bytes_in += o->s.t.bytes;
    return CX_OK;
}

static cx_status find_turned_conv(const cx__source *src, const cx__rename *rules, bool *out)
{
    *out = false;
    for (size_t i = 0; i < cx__source_count(src) && !*out; i++) {
        const cx_tensor *t = &cx__source_at(src, i)->s.t;
        const cx__rename *next = rules;
        cx__renamed r;
        CX_TRY(cx__rename_apply(&next, t->name, false, &r));
        *out = (r.how & CX__CONV) && t->ndim > 1 && t->shape[t->ndim - 1] != 1;
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

/* Experts 0, 1, 2, ... of one shape and one way to be read. */
static cx_status check_stack(const item *it, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const item *x = &it[i];
        if (n > 1 && x->expert < 0)
            return CX_FAIL(CX_EFORMAT, "%s: '%s' and '%s' both become '%s'", x->origin->s.path,
                           it[0].origin->s.t.name, it[1].origin->s.t.name, x->name);
        if (x->expert >= 0 && x->expert != (long)i)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected expert %zu, found %ld",
                           x->origin->s.path, x->origin->s.t.name, i, x->expert);
        if (x->ndim != it->ndim || memcmp(x->shape, it->shape, sizeof x->shape) ||
            x->origin->s.t.dtype != it->origin->s.t.dtype)
            return CX_FAIL(CX_ESHAPE, "%s: '%s': expected shape and dtype of '%s'",
                           x->origin->s.path, x->origin->s.t.name, it->origin->s.t.name);
        if (!same_axes(&x->axes, &it->axes) || x->offset != it->offset)
            return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': is stored in another order than '%s'",
                           x->origin->s.path, x->origin->s.t.name, it->origin->s.t.name);
    }
    return it->ndim + (it->expert >= 0) <= CX_MAX_DIMS ? CX_OK : misfit(it, "fewer dimensions");
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
    bool stacked = it->expert >= 0;
    e->ndim = it->ndim + stacked;
    if (stacked) e->shape[0] = (int64_t)n;
    memcpy(e->shape + stacked, it->shape, (size_t)it->ndim * sizeof *it->shape);
    e->cols = e->ndim ? (size_t)e->shape[e->ndim - 1] : 1;
    e->rows = e->part_elements = 1;
    for (int i = 0; i < it->ndim; i++) e->part_elements *= (size_t)it->shape[i];
    for (int i = 0; i + 1 < e->ndim; i++) e->rows *= (size_t)e->shape[i];
}

/* Pieces are runs of elements; of turned tensors, whole rows, since a column is read in one go. */
static cx_status take_step(cx__entry *e, const item *it)
{
    const cx__axes *a = &e->axes;
    int last = a->count - 1;
    e->step = CX__PIECE;
    if (!e->part_elements) return CX_OK;
    e->turned = last > 0 && a->stride[last] != 1 && a->stride[last - 1] == 1;
    bool rows = e->turned || (e->whole_rows && it->origin->s.packed);
    size_t row = e->turned ? (size_t)a->size[last] : e->cols;
    if (!rows) return CX_OK;
    if (row > CX__PIECE) return misfit(it, "shorter rows");
    e->step = CX__PIECE / row * row;
    return CX_OK;
}

static cx_status add_entry(cx__entries *all, const item *it, size_t n)
{
    size_t count;
    CX_TRY(check_stack(it, n));
    if (!cx__grow(&all->list, &all->cap, all->count, sizeof *all->list)) return no_memory();
    cx__entry *e = &all->list[all->count];
    *e = (cx__entry){ .part_count = n,
                      .axes = it->axes,
                      .offset = it->offset,
                      .row_axes = it->row_axes,
                      .row_offset = it->row_offset,
                      .whole_rows = it->whole_rows,
                      .add = it->add,
                      .from = it->origin->s.t.dtype };
    e->name = cx__strdup(it->name);
    e->parts = cx__alloc_array(n, sizeof(cx__origin *));
    all->count++;
    if (!e->name || !e->parts) return no_memory();
    for (size_t i = 0; i < n; i++) {
        e->parts[i] = it[i].origin;
        e->whole_rows = e->whole_rows && it[i].whole_rows && it[i].row_offset == it->row_offset &&
                        same_axes(&it[i].row_axes, &it->row_axes) &&
                        same_packing(it[i].origin->s.packed, it->origin->s.packed);
    }
    take_shape(e, it, n);
    if (!cx__mul(e->part_elements, n, &count) || !cx__mul(count, sizeof(double), &count))
        return misfit(it, "fewer elements");
    merge_axes(&e->axes);
    return take_step(e, it);
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
    cx_status st = find_turned_conv(src, rules, &all.turned_conv);
    for (size_t i = 0; i < cx__source_count(src) && st == CX_OK; i++)
        st = add_tensor(&all, cx__source_at(src, i), rules, tied);
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
