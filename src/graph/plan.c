/* From graph to plan: lowering, then all work memory laid out once. Two values share bytes when
 * they live at different steps; the largest are placed first, each at the lowest offset that is
 * free for its life (greedy by size, Pisarchyk and Lee 2020). */
#include "graph/step.h"
#include <stdlib.h>

static bool overlaps(const cx__work *a, const cx__work *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static int by_size(const void *a, const void *b)
{
    const cx__work *const *x = a, *const *y = b;
    if ((*x)->bytes != (*y)->bytes) return (*x)->bytes < (*y)->bytes ? 1 : -1;
    return *x < *y ? -1 : *x > *y;
}

/* Lowest offset for w among those placed already, which are sorted by offset. */
static size_t find_gap(cx__work *const *placed, int count, const cx__work *w)
{
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (!overlaps(placed[i], w)) continue;
        if (placed[i]->offset >= at && placed[i]->offset - at >= w->bytes) break;
        if (placed[i]->offset + placed[i]->bytes > at) at = placed[i]->offset + placed[i]->bytes;
    }
    return at;
}

static void insert(cx__work **placed, int count, cx__work *w)
{
    for (; count > 0 && placed[count - 1]->offset > w->offset; count--)
        placed[count] = placed[count - 1];
    placed[count] = w;
}

static cx_status layout(cx__plan *p)
{
    cx__work **order = cx__alloc_array((size_t)p->work_count, 2 * sizeof *order), **placed;
    bool fits = true;
    if (!order) return CX_FAIL(CX_ENOMEM, "plan: out of memory");
    placed = order + p->work_count;
    for (int i = 0; i < p->work_count; i++) {
        cx__work *w = order[i] = &p->works[i];
        size_t rows = w->selected ? p->options.select : p->options.rows;
        fits = fits && cx__mul(w->stride, rows, &w->bytes);
    }
    qsort(order, (size_t)p->work_count, sizeof *order, by_size);
    for (int i = 0; fits && i < p->work_count; i++) {
        size_t end;
        order[i]->offset = find_gap(placed, i, order[i]);
        insert(placed, i, order[i]);
        fits = cx__add(order[i]->offset, order[i]->bytes, &end);
        if (end > p->memory_bytes) p->memory_bytes = end;
    }
    cx__free(order);
    return fits ? CX_OK : CX_FAIL(CX_ENOMEM, "plan: work memory beyond the address space");
}

static void size_scratch(cx__plan *p)
{
    size_t work = 0;
    for (int i = 0; i < p->count; i++) {
        const cx__step *s = &p->steps[i];
        const cx__product *q = s->product;
        size_t need = q                             ? cx__product_scratch(p, q)
                      : s->kind == &cx__step_attend ? cx__attend_scratch(p, s)
                      : s->experts                  ? cx__experts_scratch(p, s)
                                                    : 0;
        size_t prep = q ? cx__qact_stride(q->x.cols) + q->x.cols * sizeof(float) : 0;
        if (need > work) work = need;
        if (prep > p->prep_bytes) p->prep_bytes = prep;
    }
    p->prep_bytes = (p->prep_bytes + 63) / 64 * 64;
    p->scratch_bytes = (p->prep_bytes + work + 4095) / 4096 * 4096;
}

static cx_status reserve(cx__plan *p)
{
    size_t threads = (size_t)cx__pool_threads(p->pool), bytes;
    size_scratch(p);
    if (!cx__mul(p->scratch_bytes, threads, &bytes)) bytes = SIZE_MAX;
    p->memory = cx__alloc(p->memory_bytes);
    p->scratch = cx__alloc(bytes);
    p->counters = cx__calloc((size_t)p->count * CX__PHASES, sizeof *p->counters);
    if (!p->memory || !p->scratch || !p->counters)
        return CX_FAIL(CX_ENOMEM, "plan: %zu bytes of work memory and %zu of scratch",
                       p->memory_bytes, bytes);
    return CX_OK;
}

cx_status cx__plan_new(const cx__graph *g, const cx__plan_options *options, cx__pool *pool,
                       cx__plan **out)
{
    cx_status st;
    cx__plan *p = cx__calloc(1, sizeof *p);
    if (!p) return CX_FAIL(CX_ENOMEM, "plan: out of memory");
    p->pool = pool;
    p->k = cx__kernels_get();
    p->options = *options;
    if ((st = cx__plan_lower(p, g)) == CX_OK && (st = layout(p)) == CX_OK) st = reserve(p);
    if (st != CX_OK) {
        cx__plan_free(p);
        return st;
    }
    *out = p;
    return CX_OK;
}

void cx__plan_free(cx__plan *p)
{
    if (!p) return;
    for (int i = 0; i < p->count; i++) {
        cx__free(p->steps[i].product);
        cx__free(p->steps[i].experts);
    }
    cx__free(p->steps);
    cx__free(p->works);
    cx__free(p->memory);
    cx__free(p->scratch);
    cx__free(p->counters);
    cx__free(p);
}

size_t cx__plan_bytes(const cx__plan *p)
{
    return p->memory_bytes + p->scratch_bytes * (size_t)cx__pool_threads(p->pool);
}

void cx__plan_traffic(const cx__plan *p, size_t *weight_bytes, size_t *ops, size_t *head_ops)
{
    *weight_bytes = *ops = *head_ops = 0;
    for (int i = 0; i < p->count; i++) {
        const cx__product *q = p->steps[i].product;
        const cx__experts *e = p->steps[i].experts;
        *weight_bytes += p->steps[i].weight_bytes;
        if (e)
            *(p->steps[i].selected ? head_ops : ops) += 6 * e->spec.top_k * e->spec.gate->cols *
                                                        e->spec.down->cols;
        for (int j = 0; q && j < q->parts; j++)
            *(p->steps[i].selected ? head_ops : ops) += 2 * q->w[j]->rows * q->w[j]->cols;
    }
}

void cx__plan_describe(const cx__plan *p, cx__buf *out)
{
    double total = 0;
    for (int i = 0; i < p->count; i++) total += p->steps[i].seconds;
    cx__buf_printf(out, "%-4s %-15s %-34s %10s %7s %9s\n", "step", "kind", "what", "us/run",
                   "share", "GB/s");
    for (int i = 0; i < p->count; i++) {
        const cx__step *s = &p->steps[i];
        double each = s->runs ? s->seconds / (double)s->runs : 0;
        const char *what = s->product ? s->product->w[0]->name : s->weight ? s->weight->name : "";
        cx__buf_printf(out, "%-4d %-15s %-34.34s %10.1f %6.1f%%", i, s->kind->name, what,
                       each * 1e6, total > 0 ? 100 * s->seconds / total : 0);
        if (s->weight_bytes && each > 0)
            cx__buf_printf(out, " %9.2f", (double)s->weight_bytes / each * 1e-9);
        cx__buf_putc(out, '\n');
    }
}
