/* The flags of rename rules as views: axes are split, cut and swapped; nothing is read. Tested by
 * tests/unit/test_convert_view.c and, against mlx-lm, tests/oracle/oracle_archs.py. */
#include "convert/view.h"

#include <string.h>

cx_status cx__view_misfit(const cx__view *v, const char *expected)
{
    const cx_tensor *t = &v->origin->s.t;
    char text[128];
    return CX_FAIL(CX_ESHAPE, "%s: '%s': expected %s, found %s", v->origin->s.path, t->name,
                   expected, cx__tensor_text(t, text, sizeof text));
}

/* Which row of the stored sequence each row of the tensor is: the axes but the last, in rows. False
 * if its rows are no rows there. */
static bool find_rows(const cx__origin *o, cx__axes *out)
{
    const cx__axes *a = &o->axes;
    int last = a->count - 1;
    int64_t cols = o->s.t.ndim > 1 ? o->s.t.shape[o->s.t.ndim - 1] : 0;
    *out = (cx__axes){ 0 };
    if (!cols || a->size[last] != cols || a->stride[last] != 1) return false;
    out->count = last;
    for (int i = 0; i < last; i++) {
        if (a->stride[i] % cols) return false;
        out->size[i] = a->size[i];
        out->stride[i] = a->stride[i] / cols;
    }
    return true;
}

void cx__view_init(cx__view *v, const cx__origin *o)
{
    *v = (cx__view){ .origin = o, .axes = o->axes, .add = o->add, .ndim = o->s.t.ndim };
    memcpy(v->shape, o->s.t.shape, sizeof v->shape);
    v->whole_rows = find_rows(o, &v->row_axes);
}

/* ---- on an axis of the shape, as long as axes and shape are the same ---- */

static void swap(int64_t *a, int64_t *b)
{
    int64_t x = *a;
    *a = *b;
    *b = x;
}

static cx_status turn(cx__view *v)
{
    int n = v->ndim;
    if (n < 2) return cx__view_misfit(v, "two dimensions");
    swap(&v->shape[n - 1], &v->shape[n - 2]);
    swap(&v->axes.size[n - 1], &v->axes.size[n - 2]);
    swap(&v->axes.stride[n - 1], &v->axes.stride[n - 2]);
    v->whole_rows = false;
    return CX_OK;
}

static void narrow_axes(cx__axes *a, size_t *offset, int axis, int64_t from, int64_t step,
                        int64_t count)
{
    *offset += (size_t)(from * a->stride[axis]);
    a->size[axis] = count;
    a->stride[axis] *= step;
}

/* Of an axis `count` elements, every `step`-th from number `from` on. */
static void narrow(cx__view *v, int axis, int64_t from, int64_t step, int64_t count)
{
    v->shape[axis] = count;
    narrow_axes(&v->axes, &v->offset, axis, from, step, count);
    if (axis == v->ndim - 1) v->whole_rows = false;
    if (v->whole_rows) narrow_axes(&v->row_axes, &v->row_offset, axis, from, step, count);
}

static void insert(int64_t *list, int count, int at, int64_t value)
{
    memmove(list + at + 1, list + at, (size_t)(count - at) * sizeof *list);
    list[at] = value;
}

static void split_axes(cx__axes *a, int axis, int64_t outer, int64_t inner)
{
    insert(a->size, a->count, axis, outer);
    insert(a->stride, a->count, axis, inner * a->stride[axis]);
    a->size[axis + 1] = inner;
    a->count++;
}

/* An axis [outer inner] becomes two. */
static cx_status split(cx__view *v, int axis, int64_t outer, const char *expected)
{
    bool fits = v->ndim > axis && v->ndim + 2 < CX_MAX_DIMS && outer > 0 &&
                v->shape[axis] % outer == 0;
    if (!fits) return cx__view_misfit(v, expected);
    int64_t inner = v->shape[axis] / outer;
    if (axis == v->ndim - 1) v->whole_rows = false;
    if (v->whole_rows) split_axes(&v->row_axes, axis, outer, inner);
    split_axes(&v->axes, axis, outer, inner);
    insert(v->shape, v->ndim, axis, outer);
    v->shape[axis + 1] = inner;
    v->ndim++;
    return CX_OK;
}

/* Takes away axes `axis` to `axis` + n - 1 of the shape alone; what they count is in `size` of the
 * axis behind them. */
static void drop_axes(cx__view *v, int axis, int n, int64_t size)
{
    v->ndim -= n;
    memmove(v->shape + axis, v->shape + axis + n, (size_t)(v->ndim - axis) * sizeof *v->shape);
    memset(v->shape + v->ndim, 0, (size_t)n * sizeof *v->shape);
    if (v->ndim > axis) v->shape[axis] = size;
}

/* ---- flags ---- */

static cx_status cut(cx__view *v, unsigned how)
{
    bool second = how & (CX__SECOND_HALF | CX__ODD), pairs = how & (CX__EVEN | CX__ODD);
    int axis = (how & CX__LAST_AXIS) || v->ndim < 2 ? v->ndim - 1 : v->ndim - 2;
    if (axis < 0 || v->shape[axis] % 2) return cx__view_misfit(v, "an even number of rows");
    int64_t half = v->shape[axis] / 2;
    narrow(v, axis, !second ? 0 : pairs ? 1 : half, pairs ? 2 : 1, half);
    return CX_OK;
}

static cx_status take_latent(cx__view *v, unsigned how, const cx__facts *f)
{
    static const char expected[] = "rows for the keys and values of all heads";
    bool keys = how & CX__LATENT_KEYS;
    if (v->ndim != 2 || f->nope_dim + f->value_dim == 0) return cx__view_misfit(v, expected);
    CX_TRY(split(v, 0, f->heads, expected));
    if (v->shape[1] != f->nope_dim + f->value_dim) return cx__view_misfit(v, expected);
    narrow(v, 1, keys ? 0 : f->nope_dim, 1, keys ? f->nope_dim : f->value_dim);
    return keys ? turn(v) : CX_OK;
}

static cx_status take_grouped(cx__view *v, unsigned how, const cx__facts *f)
{
    static const char expected[] = "rows for queries, keys and values of all heads";
    int64_t groups = f->kv_heads ? f->heads / f->kv_heads : 0, from = 0, count = groups;
    if (groups == 0) return cx__view_misfit(v, expected);
    if (how & CX__GROUPED_KEYS) from = groups, count = 1;
    if (how & CX__GROUPED_VALUES) from = groups + 1, count = 1;
    CX_TRY(split(v, 0, f->kv_heads, expected));
    CX_TRY(split(v, 1, groups + 2, expected));
    narrow(v, 1, from, 1, count);
    int64_t rows = f->kv_heads * count * v->shape[2];
    drop_axes(v, 0, 2, rows);
    return CX_OK;
}

/* Axis 0 is that of the experts: keeps one of them, without the axis. */
static cx_status take_expert(cx__view *v, size_t part, const cx__facts *f)
{
    CX_TRY(split(v, 0, f->experts, "rows for all experts"));
    narrow(v, 0, (int64_t)part, 1, 1);
    drop_axes(v, 0, 1, v->shape[1]);
    /* The axis of one is merged with the next, so that axes and shape are the same again. */
    memmove(v->axes.size, v->axes.size + 1, sizeof v->axes.size - sizeof *v->axes.size);
    memmove(v->axes.stride, v->axes.stride + 1, sizeof v->axes.stride - sizeof *v->axes.stride);
    v->axes.count--;
    v->whole_rows = false;
    return CX_OK;
}

static cx_status reshape(cx__view *v, unsigned how, const cx__facts *f)
{
    int64_t count = 1, heads = f->head_dim ? f->hidden / f->head_dim : 0;
    int kept = 0;
    for (int i = 0; i < v->ndim; i++) count *= v->shape[i];
    v->whole_rows = false;
    if (how & CX__SCALAR) {
        for (int i = 0; i < v->ndim; i++)
            if (v->shape[i] != 1) v->shape[kept++] = v->shape[i];
    } else if (how & CX__FLAT) {
        v->shape[kept++] = count;
    } else {
        if (heads * f->head_dim != count) return cx__view_misfit(v, "values for all heads");
        v->shape[kept++] = heads;
        v->shape[kept++] = f->head_dim;
    }
    memset(v->shape + kept, 0, sizeof v->shape - (size_t)kept * sizeof *v->shape);
    v->ndim = kept;
    return CX_OK;
}

cx_status cx__view_apply(cx__view *v, const cx__renamed *r, const cx__facts *facts)
{
    enum {
        CUTS = CX__FIRST_HALF | CX__SECOND_HALF | CX__EVEN | CX__ODD,
        LATENT = CX__LATENT_KEYS | CX__LATENT_VALUES,
        GROUPED = CX__GROUPED_QUERIES | CX__GROUPED_KEYS | CX__GROUPED_VALUES,
        SHAPES = CX__SCALAR | CX__FLAT | CX__HEADS,
        MOVED = CX__TRANSPOSE | CUTS | LATENT | GROUPED | CX__GROUPS | CX__PER_EXPERT
    };
    const unsigned how = r->how;
    bool conv = (how & CX__CONV) && v->ndim > 1 && v->shape[v->ndim - 1] != 1;
    if (how & CX__REFUSE)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: '%s': MLX has other values here, which this version "
                       "cannot make",
                       v->origin->s.path, v->origin->s.t.name);
    if (((how & MOVED) || conv) && v->axes.count != v->ndim)
        return cx__view_misfit(v, "a plain tensor");
    if (how & CX__PER_EXPERT) CX_TRY(take_expert(v, r->part, facts));
    if ((how & CX__TRANSPOSE) || conv) CX_TRY(turn(v));
    if (how & CUTS) CX_TRY(cut(v, how));
    if (how & LATENT) CX_TRY(take_latent(v, how, facts));
    if (how & GROUPED) CX_TRY(take_grouped(v, how, facts));
    if (how & CX__GROUPS) CX_TRY(split(v, 0, facts->groups, "rows for all groups"));
    if (how & SHAPES) CX_TRY(reshape(v, how, facts));
    if ((how & CX__PLUS_ONE_HF) && facts->hf && v->ndim == 1) v->add += 1;
    if (v->add != 0) v->whole_rows = false;
    return CX_OK;
}
