/* A mixture of experts: each row takes the top_k most probable of the experts and sums what their
 * gated MLPs make of it, weighted by those probabilities. Rows are sorted by expert, so that a pass
 * reads the weights of an expert once however many rows chose it; a slot is a row and an expert.
 * The sum of a row goes by rising expert, whatever else is in the pass: its bits depend neither on
 * the other rows nor on threads.
 * Source: mlx_lm/models/qwen3_moe.py, switch_layers.py. Tested by tests/unit/test_experts.c. */
#include "graph/step.h"
#include <math.h>

enum {
    CHUNK = 64, /* weight rows of a piece; bounds the tiles */
    UNIT = 16   /* those of down products when there are few rows */
};

/* Of a thread, rebuilt in each pass. */
typedef struct scratch {
    uint32_t *begin;   /* [experts + 1]: first slot of each expert */
    uint32_t *row;     /* [slots] */
    float *weight;     /* [slots] */
    uint32_t *choice;  /* [top_k]: experts of the only row, when there is one */
    float *share, *p;  /* [top_k]: their weights; [experts]: probabilities */
    uint8_t *q;        /* prepared slots of the only row */
    float *tile[2];    /* [rows, CHUNK] */
    uint8_t *multiply; /* of cx__multiply */
} scratch;

static size_t most_rows(const cx__plan *p, const cx__step *s)
{
    return s->selected ? p->options.select : p->options.rows;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Takes `bytes` of the scratch; with base NULL it only counts. */
static void *take(uint8_t *base, size_t *at, size_t bytes)
{
    void *p = base ? base + *at : NULL;
    *at += (bytes + 63) / 64 * 64;
    return p;
}

static scratch lay_out(const cx__plan *p, const cx__step *s, uint8_t *base, size_t *bytes)
{
    const cx__experts_spec *e = &s->experts->spec;
    size_t rows = most_rows(p, s), slots = rows * e->top_k, at = 0;
    size_t dim = e->gate->cols, hidden = e->down->cols;
    scratch x;
    x.begin = take(base, &at, (e->count + 1) * sizeof *x.begin);
    x.row = take(base, &at, slots * sizeof *x.row);
    x.weight = take(base, &at, slots * sizeof *x.weight);
    x.choice = take(base, &at, e->top_k * sizeof *x.choice);
    x.share = take(base, &at, e->top_k * sizeof *x.share);
    x.p = take(base, &at, e->count * sizeof *x.p);
    x.q = take(base, &at, larger(cx__qact_stride(dim), e->top_k * cx__qact_stride(hidden)));
    for (int i = 0; i < 2; i++) x.tile[i] = take(base, &at, rows * CHUNK * sizeof(float));
    x.multiply = take(base, &at, cx__multiply_scratch(larger(dim, hidden)));
    *bytes = at;
    return x;
}

size_t cx__experts_scratch(const cx__plan *p, const cx__step *s)
{
    size_t bytes;
    lay_out(p, s, NULL, &bytes);
    return bytes;
}

static scratch scratch_of(const cx__plan *p, const cx__step *s, int thread)
{
    size_t bytes;
    return lay_out(p, s, cx__scratch(p, thread) + p->prep_bytes, &bytes);
}

/* ---- The choice ----------------------------------------------------------------------------- */

/* Softmax over all experts. mlx-lm's precise softmax; a NaN among the logits makes all NaN. */
static void softmax(const cx__kernels *k, float *p, const float *logits, size_t n)
{
    float max = logits[k->argmax(logits, n)], sum = k->exp_sum(logits, max, n);
    for (size_t i = 0; i < n; i++) p[i] = k->exp_sum(logits + i, max, 1) / sum;
}

/* The next most probable expert that is not taken (p negative), the lowest index of equals. */
static size_t most_probable(const float *p, size_t n)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!(p[i] < 0) && (best == n || p[i] > p[best])) best = i;
    return best;
}

/* Experts of a row by rank, and their weights. p: scratch [count] */
static void choose(const cx__experts_spec *e, const cx__kernels *k, const float *logits, float *p,
                   uint32_t *choice, float *share)
{
    float sum = 0;
    softmax(k, p, logits, e->count);
    for (size_t i = 0; i < e->top_k; i++) {
        size_t best = most_probable(p, e->count);
        choice[i] = (uint32_t)best;
        sum += share[i] = p[best];
        p[best] = -1;
    }
    for (size_t i = 0; e->normalize && i < e->top_k; i++) share[i] /= sum;
}

/* Rows of the pass: [top_k] experts, then [top_k] weights. */
static uint32_t *choice_row(const cx__step *s, const cx__run *r, size_t row)
{
    cx__value v = { s->experts->choice, 0, 0 };
    return (uint32_t *)(void *)cx__value_row(r->plan, v, row);
}

static void choose_rows(const cx__step *s, cx__run *r, const scratch *x, int thread)
{
    const cx__experts_spec *e = &s->experts->spec;
    size_t row, end;
    cx__share(cx__step_rows(s, r), thread, cx__pool_threads(r->plan->pool), &row, &end);
    for (; row < end; row++) {
        uint32_t *choice = choice_row(s, r, row);
        choose(e, r->plan->k, cx__value_row(r->plan, s->in[1], row), x->p, choice,
               (float *)(void *)(choice + e->top_k));
    }
}

/* Slots of a thread's own: rows sorted by expert (counting sort, rising rows). */
static void sort_rows(const cx__step *s, const cx__run *r, const scratch *x)
{
    const cx__experts_spec *e = &s->experts->spec;
    size_t rows = cx__step_rows(s, r);
    memset(x->begin, 0, (e->count + 1) * sizeof *x->begin);
    for (size_t row = 0; row < rows; row++) {
        const uint32_t *choice = rows == 1 ? x->choice : choice_row(s, r, row);
        for (size_t i = 0; i < e->top_k; i++) x->begin[choice[i] + 1]++;
    }
    for (size_t i = 0; i < e->count; i++) x->begin[i + 1] += x->begin[i];
    for (size_t row = 0; row < rows; row++) {
        const uint32_t *choice = rows == 1 ? x->choice : choice_row(s, r, row);
        const float *share = rows == 1 ? x->share
                                       : (const float *)(const void *)(choice + e->top_k);
        for (size_t i = 0; i < e->top_k; i++) {
            uint32_t slot = x->begin[choice[i]]++;
            x->row[slot] = (uint32_t)row;
            x->weight[slot] = share[i];
        }
    }
    for (size_t i = e->count; i > 0; i--) x->begin[i] = x->begin[i - 1];
    x->begin[0] = 0;
}

/* ---- Products ------------------------------------------------------------------------------- */

static uint8_t *buffer(const cx__run *r, int buf)
{
    return (uint8_t *)(void *)cx__value_row(r->plan, (cx__value){ buf, 0, 0 }, 0);
}

/* Slots of the gates' input: the rows that they are of, as each kind of weight wants them. */
static void gather(const cx__step *s, cx__run *r, const scratch *x, int thread)
{
    const cx__experts *e = s->experts;
    size_t dim = e->spec.gate->cols, slot, end;
    cx__share(cx__step_rows(s, r) * e->spec.top_k, thread, cx__pool_threads(r->plan->pool), &slot,
              &end);
    for (; slot < end; slot++) {
        const float *row = cx__value_row(r->plan, s->in[0], x->row[slot]);
        if (e->xq >= 0)
            r->plan->k->quantize_act(buffer(r, e->xq) + slot * cx__qact_stride(dim), row, dim);
        if (e->xf >= 0)
            memcpy((float *)(void *)buffer(r, e->xf) + slot * dim, row, dim * sizeof *row);
    }
}

static float *hidden_slot(const cx__step *s, const cx__run *r, size_t slot)
{
    return (float *)(void *)buffer(r, s->experts->h) + slot * s->experts->spec.down->cols;
}

/* Slots [slot, end) of the down products' input as integers. */
static void quantize(const cx__step *s, const cx__run *r, uint8_t *q, size_t slot, size_t end)
{
    size_t hidden = s->experts->spec.down->cols;
    for (; slot < end; slot++)
        r->plan->k->quantize_act(q + slot * cx__qact_stride(hidden), hidden_slot(s, r, slot),
                                 hidden);
}

/* Input of expert i's gate and up. */
static cx__operand gate_input(const cx__step *s, const cx__run *r, const scratch *x, size_t i)
{
    const cx__experts *e = s->experts;
    size_t dim = e->spec.gate->cols, slot = x->begin[i];
    cx__operand o = { .rows = x->begin[i + 1] - slot, .ldf = dim };
    if (cx__step_rows(s, r) == 1) {
        o.q = x->q;
        o.f = cx__value_row(r->plan, s->in[0], 0);
        return o;
    }
    if (e->xq >= 0) o.q = buffer(r, e->xq) + slot * cx__qact_stride(dim);
    if (e->xf >= 0) o.f = (const float *)(const void *)buffer(r, e->xf) + slot * dim;
    return o;
}

static cx__operand down_input(const cx__step *s, const cx__run *r, const scratch *x, size_t i)
{
    const cx__experts *e = s->experts;
    size_t hidden = e->spec.down->cols, slot = x->begin[i];
    const uint8_t *q = cx__step_rows(s, r) == 1 ? x->q : e->hq >= 0 ? buffer(r, e->hq) : NULL;
    return (cx__operand){ .rows = x->begin[i + 1] - slot,
                          .ldf = hidden,
                          .f = hidden_slot(s, r, slot),
                          .q = q ? q + slot * cx__qact_stride(hidden) : NULL };
}

/* Columns [c0, c0 + n) of what expert i's gate and up make of its slots. */
static void gate_piece(const cx__step *s, const cx__run *r, const scratch *x, size_t i, size_t c0,
                       size_t n)
{
    const cx__experts_spec *e = &s->experts->spec;
    const cx__kernels *k = r->plan->k;
    cx__operand o = gate_input(s, r, x, i);
    size_t r0 = i * e->down->cols + c0;
    cx__multiply(r->plan, &o, e->gate, r0, r0 + n, x->tile[0], n, x->multiply);
    cx__multiply(r->plan, &o, e->up, r0, r0 + n, x->tile[1], n, x->multiply);
    for (size_t m = 0; m < o.rows; m++) {
        float *gate = x->tile[0] + m * n, *up = x->tile[1] + m * n;
        float *out = hidden_slot(s, r, x->begin[i] + m) + c0;
        if (e->act == CX__ACT_SILU) {
            k->silu_mul(out, gate, up, n);
        } else {
            cx__act_apply(k, e->act, gate, gate, n);
            k->mul(out, gate, up, n);
        }
    }
}

/* The c-th piece of the experts that were chosen; false behind the last. */
static bool find_piece(const scratch *x, const cx__experts_spec *e, size_t c, size_t *expert,
                       size_t *chunk)
{
    size_t chunks = (e->down->cols + CHUNK - 1) / CHUNK, skip = c / chunks;
    for (size_t i = 0; i < e->count; i++) {
        if (x->begin[i] == x->begin[i + 1] || skip--) continue;
        *expert = i;
        *chunk = c % chunks;
        return true;
    }
    return false;
}

static void gates(const cx__step *s, cx__run *r, const scratch *x)
{
    const cx__experts_spec *e = &s->experts->spec;
    size_t i, chunk;
    while (find_piece(x, e, cx__steal(s, r, 2), &i, &chunk)) {
        size_t c0 = chunk * CHUNK, left = e->down->cols - c0;
        gate_piece(s, r, x, i, c0, left < CHUNK ? left : CHUNK);
    }
}

/* Columns [c0, c0 + n) of the result: all experts in turn, so that no other thread adds to them. */
static void down_piece(const cx__step *s, const cx__run *r, const scratch *x, size_t c0, size_t n)
{
    const cx__experts_spec *e = &s->experts->spec;
    const cx__kernels *k = r->plan->k;
    size_t dim = s->out.cols;
    for (size_t row = 0; row < cx__step_rows(s, r); row++)
        memset(cx__value_row(r->plan, s->out, row) + c0, 0, n * sizeof(float));
    for (size_t i = 0; i < e->count; i++) {
        cx__operand o = down_input(s, r, x, i);
        if (o.rows == 0) continue;
        cx__multiply(r->plan, &o, e->down, i * dim + c0, i * dim + c0 + n, x->tile[0], n,
                     x->multiply);
        for (size_t m = 0; m < o.rows; m++) {
            size_t slot = x->begin[i] + m;
            float *y = x->tile[0] + m * n;
            float *out = cx__value_row(r->plan, s->out, x->row[slot]) + c0;
            k->scale(y, y, x->weight[slot], n);
            k->add(out, out, y, n);
        }
    }
}

static void downs(const cx__step *s, cx__run *r, const scratch *x)
{
    size_t dim = s->out.cols, width = cx__step_rows(s, r) <= CX__QGEMV_ROWS ? UNIT : CHUNK, c0;
    while ((c0 = cx__steal(s, r, 4) * width) < dim)
        down_piece(s, r, x, c0, dim - c0 < width ? dim - c0 : width);
}

/* ---- The step ------------------------------------------------------------------------------- */

/* The only row: each thread chooses and quantizes for itself, which is cheaper than a barrier. */
static void prepare_alone(const cx__step *s, const cx__run *r, const scratch *x, int phase)
{
    const cx__experts *e = s->experts;
    if (phase == 2) {
        choose(&e->spec, r->plan->k, cx__value_row(r->plan, s->in[1], 0), x->p, x->choice,
               x->share);
        sort_rows(s, r, x);
        if (e->xq >= 0)
            r->plan->k->quantize_act(x->q, cx__value_row(r->plan, s->in[0], 0), e->spec.gate->cols);
    } else if (e->hq >= 0) {
        quantize(s, r, x->q, 0, e->spec.top_k);
    }
}

static void share_quantize(const cx__step *s, cx__run *r, int thread)
{
    size_t slot, end;
    cx__share(cx__step_rows(s, r) * s->experts->spec.top_k, thread, cx__pool_threads(r->plan->pool),
              &slot, &end);
    quantize(s, r, buffer(r, s->experts->hq), slot, end);
}

/* 0 choose, 1 sort and gather, 2 gates and ups, 3 quantize, 4 downs and sums. What a thread sorted
 * in phase 1 stays in its scratch, which no other step uses in between. */
static void phase(const cx__step *s, cx__run *r, int phase_index, int thread)
{
    scratch x = scratch_of(r->plan, s, thread);
    size_t rows = cx__step_rows(s, r);
    if (rows == 0) return;
    if (rows == 1) prepare_alone(s, r, &x, phase_index);
    switch (phase_index) {
    case 0: choose_rows(s, r, &x, thread); break;
    case 1:
        sort_rows(s, r, &x);
        gather(s, r, &x, thread);
        break;
    case 2: gates(s, r, &x); break;
    case 3: share_quantize(s, r, thread); break;
    case 4: downs(s, r, &x); break;
    }
}

static bool skip(const cx__step *s, const cx__run *r, int phase_index)
{
    if (phase_index == 3 && s->experts->hq < 0) return true;
    return phase_index != 2 && phase_index != 4 && cx__step_rows(s, r) <= 1;
}

const cx__step_kind cx__step_experts = { "experts", 5, phase, skip };
