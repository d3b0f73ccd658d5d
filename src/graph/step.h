/* Inside of the plan: fused steps, where their values lie, how a thread runs them. */
#ifndef CX_GRAPH_STEP_H
#define CX_GRAPH_STEP_H

#include "graph/node.h"
#include <stdatomic.h>

/* Columns [at, at+cols) of a buffer. */
typedef struct cx__value {
    int buf;
    size_t at, cols;
} cx__value;

/* Work memory of [rows, stride bytes], shared with others that live at other times. */
typedef struct cx__work {
    size_t stride;   /* bytes a row */
    bool selected;   /* rows of the selection */
    int first, last; /* steps that write it first and read it last */
    size_t offset, bytes;
} cx__work;

enum { CX__PARTS = 4, CX__PHASES = 5 };

typedef enum cx__prep { CX__PREP_NONE, CX__PREP_RMS, CX__PREP_LAYER } cx__prep;

/* out[p] = act(norm(x) * w[p]^T + bias) + residual; glu: out[0] = act(.. w[0]) * (.. w[1]). */
typedef struct cx__product {
    cx__value x;
    cx__prep norm;
    const float *norm_w, *norm_b;
    float eps;
    int parts;
    const cx__weight *w[CX__PARTS];
    cx__value out[CX__PARTS];
    cx__act act;
    bool glu, has_residual;
    cx__value residual;
    bool integer, real; /* needs x as int8, as f32 */
    int qbuf, fbuf;     /* prepared rows, -1 if not needed */
} cx__product;

/* Buffers of a mixture of experts; a slot is a pair of row and expert. -1: not needed. */
typedef struct cx__experts {
    cx__experts_spec spec;
    int choice; /* [rows] of [top_k] u32 experts, [top_k] f32 weights */
    int xq, xf; /* [slots] input rows of gates and ups, as int8 and f32 */
    int h, hq;  /* [slots] of hidden f32: input of the down products, and as int8 */
} cx__experts;

typedef struct cx__step cx__step;
typedef struct cx__run cx__run;

typedef struct cx__step_kind {
    const char *name;
    int phases;
    /* Called by every thread. Returns without waiting; the executor puts a barrier after a phase
     * unless skip says that all threads agree it did nothing shared. */
    void (*phase)(const cx__step *s, cx__run *r, int phase, int thread);
    bool (*skip)(const cx__step *s, const cx__run *r, int phase); /* NULL: never */
} cx__step_kind;

struct cx__step {
    const cx__step_kind *kind;
    int index;
    bool selected;
    cx__value in[4], out;
    int inputs;
    cx__product *product; /* owned, product steps */
    cx__experts *experts; /* owned, mixtures of experts */
    cx__attend_spec attend;
    const cx__weight *weight; /* embeddings */
    const float *w, *b;       /* norms */
    float f;                  /* eps, scale */
    cx__op op;                /* element-wise: which */
    cx__act act;
    int table; /* attend: buffer of cos and sin, -1 if none */
    const cx__rope_spec *rope;
    size_t weight_bytes; /* read by a pass */
    double seconds;      /* spent since the plan was made */
    uint64_t runs;
};

typedef struct cx__counter {
    _Alignas(64) atomic_size_t next;
} cx__counter;

struct cx__plan {
    cx__pool *pool;
    const cx__kernels *k;
    cx__plan_options options;
    cx__step *steps;
    int count, body; /* steps before `body` run once a pass, the rest per window of the selection */
    size_t step_cap;
    cx__work *works;
    int work_count;
    size_t work_cap;
    uint8_t *memory;
    size_t memory_bytes;
    uint8_t *scratch; /* threads * scratch_bytes */
    size_t scratch_bytes, prep_bytes, tile_bytes;
    cx__counter *counters; /* [steps][phases] */
    size_t positions;      /* learned positions, SIZE_MAX if unlimited */
    size_t vocabulary;     /* rows of the token embedding */
    cx__value result;
};

/* One run of a range of steps, shared by all threads. */
struct cx__run {
    cx__plan *plan;
    const cx__pass *pass;
    int from, to;
    size_t first, selected; /* window of the selection */
};

/* Row `row` of a value; rows are `stride` bytes apart. */
static inline float *cx__value_row(const cx__plan *p, cx__value v, size_t row)
{
    const cx__work *w = &p->works[v.buf];
    return (float *)(void *)(p->memory + w->offset + row * w->stride) + v.at;
}
static inline size_t cx__value_ld(const cx__plan *p, cx__value v)
{
    return p->works[v.buf].stride / sizeof(float);
}
static inline size_t cx__step_rows(const cx__step *s, const cx__run *r)
{
    return s->selected ? r->selected : r->pass->rows;
}
static inline uint8_t *cx__scratch(const cx__plan *p, int thread)
{
    return p->scratch + (size_t)thread * p->scratch_bytes;
}
static inline size_t cx__steal(const cx__step *s, cx__run *r, int phase)
{
    return atomic_fetch_add_explicit(&r->plan->counters[s->index * CX__PHASES + phase].next, 1,
                                     memory_order_relaxed);
}
/* Part [*begin, *end) of `count` units that falls to a thread. */
static inline void cx__share(size_t count, int thread, int threads, size_t *begin, size_t *end)
{
    *begin = count * (size_t)thread / (size_t)threads;
    *end = count * ((size_t)thread + 1) / (size_t)threads;
}

extern const cx__step_kind cx__step_embed, cx__step_embed_position, cx__step_product, cx__step_norm,
    cx__step_elementwise, cx__step_attend, cx__step_experts, cx__step_rope_table, cx__step_select;

/* Prepared input rows of a product: int8 (rows of cx__qact_stride bytes) and f32. */
typedef struct cx__operand {
    const uint8_t *q;
    const float *f;
    size_t ldf, rows;
} cx__operand;

/* Whether a product of w takes its input as int8. */
static inline bool cx__takes_int8(const cx__plan *p, const cx__weight *w)
{
    return w->packed && !p->options.exact && cx__qmat_integer(&w->q);
}
/* y[m*ldy + (r - r0)] for rows [r0, r1) of w, bias included (product.c). scratch:
 * cx__multiply_scratch(w->cols) bytes, 64-byte aligned, of the thread. */
void cx__multiply(const cx__plan *p, const cx__operand *x, const cx__weight *w, size_t r0,
                  size_t r1, float *y, size_t ldy, uint8_t *scratch);
size_t cx__multiply_scratch(size_t cols);

/* fuse.c: nodes to steps. */
cx_status cx__plan_lower(cx__plan *p, const cx__graph *g);
/* Scratch that ops need per thread, besides prepared rows. */
size_t cx__product_scratch(const cx__plan *p, const cx__product *q);
size_t cx__experts_scratch(const cx__plan *p, const cx__step *s);
size_t cx__attend_scratch(const cx__plan *p, const cx__step *s);
/* Applies an activation in place or to y. */
void cx__act_apply(const cx__kernels *k, cx__act act, float *y, const float *x, size_t n);

#endif
