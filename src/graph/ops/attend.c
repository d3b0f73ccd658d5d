/* Attention over the cache: norm and rotate keys, store them and values, then one blocked pass with
 * online softmax (Milakov and Gimelshein 2018; FlashAttention's order), all query heads of a KV
 * head and several rows together so that each block of the cache is read once for all of them. */
#include "graph/step.h"
#include <math.h>

enum { TILE = 16 }; /* rows of a prompt that share a pass over the cache */

static void rope_table(const cx__step *s, cx__run *r, int phase, int thread)
{
    const cx__rope_spec *spec = s->rope;
    size_t row, end;
    (void)phase;
    cx__share(r->pass->rows, thread, cx__pool_threads(r->plan->pool), &row, &end);
    for (; row < end; row++) {
        float *cs = cx__value_row(r->plan, s->out, row);
        for (size_t i = 0; i < spec->half; i++) {
            float angle = (float)r->pass->pos[row] * spec->freq[i];
            cs[i] = cosf(angle) * spec->mscale;
            cs[spec->half + i] = sinf(angle) * spec->mscale;
        }
    }
}

typedef struct scratch {
    float *q, *acc, *max, *sum; /* [queries, dim] twice, [queries] twice */
    uint8_t *lo, *hi;           /* [queries] */
} scratch;

static size_t queries_of(const cx__attend_spec *a)
{
    return TILE * (a->heads / a->kv_heads);
}

size_t cx__attend_scratch(const cx__plan *p, const cx__step *s)
{
    size_t n = queries_of(&s->attend);
    (void)p;
    return n * s->attend.dim * 2 * sizeof(float) + n * 2 * sizeof(float) + n * 2 + 64;
}

static scratch scratch_of(const cx__plan *p, const cx__step *s, int thread)
{
    size_t n = queries_of(&s->attend), dim = s->attend.dim;
    float *f = (float *)(void *)(cx__scratch(p, thread) + p->prep_bytes);
    return (scratch){ .q = f,
                      .acc = f + n * dim,
                      .max = f + 2 * n * dim,
                      .sum = f + 2 * n * dim + n,
                      .lo = (uint8_t *)(f + 2 * n * dim + 2 * n),
                      .hi = (uint8_t *)(f + 2 * n * dim + 2 * n) + n };
}

/* What becomes of heads of queries or keys before they meet. x: [heads, dim] */
static void place(const cx__step *s, const cx__run *r, float *x, size_t heads, const float *norm,
                  size_t row)
{
    const cx__kernels *k = r->plan->k;
    const cx__rope_spec *rope = s->attend.rope;
    size_t dim = s->attend.dim;
    for (size_t i = 0; norm && i < heads; i++)
        k->rms_norm(x + i * dim, x + i * dim, norm, dim, s->attend.eps);
    if (rope)
        k->rope(x, heads, dim, rope->half,
                cx__value_row(r->plan, (cx__value){ s->table, 0, 0 }, row), rope->interleaved);
}

static const cx__segment *segment_of(const cx__pass *pass, size_t row)
{
    const cx__segment *seg = pass->segments;
    while (row >= seg->row + seg->rows) seg++;
    return seg;
}

/* Unit: one row and KV head. */
static void store(const cx__step *s, cx__run *r, int thread)
{
    const cx__attend_spec *a = &s->attend;
    size_t u, end, dim = a->dim;
    float *k = scratch_of(r->plan, s, thread).q;
    cx__share(r->pass->rows * a->kv_heads, thread, cx__pool_threads(r->plan->pool), &u, &end);
    for (; u < end; u++) {
        size_t row = u / a->kv_heads, head = u % a->kv_heads;
        memcpy(k, cx__value_row(r->plan, s->in[1], row) + head * dim, dim * sizeof *k);
        place(s, r, k, 1, a->k_norm, row);
        cx__kv_put(r->pass->kv, a->layer, head, segment_of(r->pass, row)->seq, r->pass->pos[row], k,
                   cx__value_row(r->plan, s->in[2], row) + head * dim);
    }
}

/* Queries of a tile: row-major [rows, group]. */
typedef struct tile {
    const cx__segment *seg;
    size_t row, rows, head, group;
} tile;

static void load_queries(const cx__step *s, const cx__run *r, const tile *t, const scratch *x)
{
    size_t n = t->rows * t->group, dim = s->attend.dim;
    for (size_t i = 0; i < t->rows; i++) {
        float *q = x->q + i * t->group * dim;
        memcpy(q, cx__value_row(r->plan, s->in[0], t->row + i) + t->head * t->group * dim,
               t->group * dim * sizeof *q);
        place(s, r, q, t->group, s->attend.q_norm, t->row + i);
    }
    for (size_t i = 0; i < n; i++) x->max[i] = -INFINITY, x->sum[i] = 0;
    memset(x->acc, 0, n * dim * sizeof(float));
}

static uint8_t clamp(size_t pos, size_t first)
{
    return pos <= first ? 0 : pos - first >= CX__KV_BLOCK ? CX__KV_BLOCK : (uint8_t)(pos - first);
}

/* All blocks of one range (kept or window, see cx__kv_range) for the tile. */
static void attend_part(const cx__step *s, const cx__run *r, const tile *t, const scratch *x,
                        int part)
{
    const cx__kv *kv = r->pass->kv;
    const cx__attend_spec *a = &s->attend;
    cx__attend_fn *fn = r->plan->options.exact ? r->plan->k->attend_f32 : r->plan->k->attend_f16;
    size_t begin, end, last, unused, n = t->rows * t->group;
    cx__kv_range(kv, r->pass->pos[t->row], part, &begin, &end);
    cx__kv_range(kv, r->pass->pos[t->row + t->rows - 1], part, &unused, &last);
    if (part == 0 && last < end) last = end;
    for (size_t b = begin / CX__KV_BLOCK; b * CX__KV_BLOCK < last; b++) {
        cx__kv_span span;
        cx__kv_span_get(kv, a->layer, t->head, t->seg->seq, b, &span);
        for (size_t i = 0; i < n; i++) {
            cx__kv_range(kv, r->pass->pos[t->row + i / t->group], part, &begin, &end);
            x->lo[i] = clamp(begin, span.first);
            x->hi[i] = clamp(end, span.first);
            if (x->lo[i] > x->hi[i]) x->lo[i] = x->hi[i];
        }
        fn(x->q, a->dim, n, a->dim, span.k, span.v, x->lo, x->hi, a->scale, a->softcap, x->max,
           x->sum, x->acc);
    }
}

static void attend_tile(const cx__step *s, const cx__run *r, const tile *t, const scratch *x)
{
    size_t dim = s->attend.dim;
    load_queries(s, r, t, x);
    attend_part(s, r, t, x, 0);
    attend_part(s, r, t, x, 1);
    for (size_t i = 0; i < t->rows * t->group; i++) {
        float *out = cx__value_row(r->plan, s->out, t->row + i / t->group) +
                     (t->head * t->group + i % t->group) * dim;
        r->plan->k->scale(out, x->acc + i * dim, 1 / x->sum[i], dim);
    }
}

/* Stolen piece c: KV head and tile; the last rows first, since they see most. */
static bool tile_of(const cx__step *s, const cx__pass *pass, size_t c, tile *t)
{
    size_t heads = s->attend.kv_heads, i = c / heads;
    t->head = c % heads;
    t->group = s->attend.heads / heads;
    for (size_t g = pass->segment_count; g-- > 0;) {
        const cx__segment *seg = &pass->segments[g];
        size_t tiles = (seg->rows + TILE - 1) / TILE;
        if (i >= tiles) {
            i -= tiles;
            continue;
        }
        t->seg = seg;
        t->row = seg->row + (tiles - 1 - i) * TILE;
        t->rows = seg->row + seg->rows - t->row < TILE ? seg->row + seg->rows - t->row : TILE;
        return true;
    }
    return false;
}

static void attend(const cx__step *s, cx__run *r, int phase, int thread)
{
    scratch x = scratch_of(r->plan, s, thread);
    tile t;
    if (phase == 0) {
        store(s, r, thread);
        return;
    }
    while (tile_of(s, r->pass, cx__steal(s, r, 1), &t)) attend_tile(s, r, &t, &x);
}

const cx__step_kind cx__step_attend = { "attend", 2, attend, NULL };
const cx__step_kind cx__step_rope_table = { "rope table", 1, rope_table, NULL };
