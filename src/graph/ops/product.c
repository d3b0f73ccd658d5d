/* Matrix products with everything around them: norm and quantization of the input rows before,
 * bias, activation, gating and residual after. Rows of one token are prepared by every thread for
 * itself, which is cheaper than a barrier. */
#include "graph/step.h"

enum {
    CHUNK = 64,      /* weight rows per stolen piece of a prompt */
    PIECE = 1024,    /* weight rows per piece at decode; bounds the tile */
    UNIT = 16,       /* weight rows that decode splits at */
    STOLEN = 4,      /* at decode one in so many units is stolen, */
    STEAL_UNITS = 8, /* so many at a time */
    DECODED = 8      /* rows decoded at once: exact mode, packings without an integer product */
};

typedef struct job {
    const cx__step *s;
    const cx__product *p;
    const cx__plan *plan;
    cx__operand x;
    uint8_t *scratch; /* of the kernels */
    float *tile[2];
} job;

static size_t tile_floats(const cx__plan *plan)
{
    size_t prompt = plan->options.rows * CHUNK, decode = (size_t)CX__QGEMV_ROWS * PIECE;
    if (plan->options.select * CHUNK > prompt) prompt = plan->options.select * CHUNK;
    return prompt > decode ? prompt : decode;
}

size_t cx__multiply_scratch(size_t cols)
{
    size_t decoded = DECODED * cols * sizeof(float), integer = cx__qmul_scratch(cols);
    return ((decoded > integer ? decoded : integer) + 63) / 64 * 64;
}

size_t cx__product_scratch(const cx__plan *plan, const cx__product *p)
{
    return cx__multiply_scratch(p->x.cols) + 2 * tile_floats(plan) * sizeof(float);
}

void cx__act_apply(const cx__kernels *k, cx__act act, float *y, const float *x, size_t n)
{
    switch (act) {
    case CX__ACT_SILU: k->silu(y, x, n); break;
    case CX__ACT_GELU_ERF: k->gelu_erf(y, x, n); break;
    case CX__ACT_GELU_TANH: k->gelu_tanh(y, x, n); break;
    case CX__ACT_GELU_QUICK: k->gelu_quick(y, x, n); break;
    case CX__ACT_RELU: k->relu(y, x, n); break;
    case CX__ACT_RELU2: k->relu2(y, x, n); break;
    case CX__ACT_TANH: k->tanh(y, x, n); break;
    case CX__ACT_NONE:
        if (y != x) memcpy(y, x, n * sizeof *y);
        break;
    }
}

static void prepare_row(const cx__product *p, const cx__plan *plan, size_t row, uint8_t *q,
                        float *f)
{
    const float *x = cx__value_row(plan, p->x, row);
    if (p->norm == CX__PREP_RMS) plan->k->rms_norm(f, x, p->norm_w, p->x.cols, p->eps);
    if (p->norm == CX__PREP_LAYER)
        plan->k->layer_norm(f, x, p->norm_w, p->norm_b, p->x.cols, p->eps);
    if (p->integer) plan->k->quantize_act(q, p->norm ? f : x, p->x.cols);
}

static uint8_t *own_q(const cx__plan *plan, int thread)
{
    return cx__scratch(plan, thread);
}

static float *own_f(const cx__plan *plan, const cx__product *p, int thread)
{
    return (float *)(void *)(cx__scratch(plan, thread) + cx__qact_stride(p->x.cols));
}

static bool prepares(const cx__product *p)
{
    return p->integer || p->norm != CX__PREP_NONE;
}

static void prepare(const cx__step *s, cx__run *r, int thread)
{
    const cx__product *p = s->product;
    const cx__plan *plan = r->plan;
    size_t row, end;
    cx__share(cx__step_rows(s, r), thread, cx__pool_threads(plan->pool), &row, &end);
    for (; row < end; row++) {
        uint8_t *q = p->qbuf < 0
                         ? NULL
                         : (uint8_t *)cx__value_row(plan, (cx__value){ p->qbuf, 0, 0 }, row);
        float *f = p->fbuf < 0 ? own_f(plan, p, thread)
                               : cx__value_row(plan, (cx__value){ p->fbuf, 0, 0 }, row);
        prepare_row(p, plan, row, q, f);
    }
}

static cx__operand operand_of(const cx__step *s, const cx__run *r, int thread)
{
    const cx__product *p = s->product;
    const cx__plan *plan = r->plan;
    cx__operand x = { .rows = cx__step_rows(s, r) };
    if (x.rows == 1 && prepares(p)) {
        prepare_row(p, plan, 0, own_q(plan, thread), own_f(plan, p, thread));
        x.q = own_q(plan, thread);
        x.f = p->norm ? own_f(plan, p, thread) : cx__value_row(plan, p->x, 0);
        x.ldf = p->x.cols;
        return x;
    }
    cx__value f = p->norm && p->fbuf >= 0 ? (cx__value){ p->fbuf, 0, p->x.cols } : p->x;
    if (p->qbuf >= 0) x.q = (const uint8_t *)cx__value_row(plan, (cx__value){ p->qbuf, 0, 0 }, 0);
    x.f = cx__value_row(plan, f, 0);
    x.ldf = cx__value_ld(plan, f);
    return x;
}

static void multiply_decoded(const cx__kernels *k, const cx__operand *x, const cx__weight *w,
                             size_t r0, size_t r1, float *y, size_t ldy, uint8_t *scratch)
{
    float *rows = (float *)(void *)scratch;
    for (size_t r = r0; r < r1; r += DECODED) {
        size_t n = r1 - r < DECODED ? r1 - r : DECODED;
        for (size_t i = 0; i < n; i++) cx__qmat_decode(k, rows + i * w->cols, &w->q, r + i);
        k->fgemm_f32(y + (r - r0), ldy, rows, w->cols, 0, n, w->cols, x->f, x->ldf, x->rows);
    }
}

void cx__multiply(const cx__plan *plan, const cx__operand *x, const cx__weight *w, size_t r0,
                  size_t r1, float *y, size_t ldy, uint8_t *scratch)
{
    const cx__kernels *k = plan->k;
    if (cx__takes_int8(plan, w)) {
        cx__qgemv_fn *fn = x->rows <= CX__QGEMV_ROWS ? cx__qgemv(k, w->q.bits) : k->qgemm;
        fn(y, ldy, &w->q, r0, r1, x->q, x->rows, scratch);
    } else if (w->packed) {
        multiply_decoded(k, x, w, r0, r1, y, ldy, scratch);
    } else {
        cx__fgemm_fn *fn = w->dtype == CX_F32   ? k->fgemm_f32
                           : w->dtype == CX_F16 ? k->fgemm_f16
                                                : k->fgemm_bf16;
        fn(y, ldy, w->data, w->cols, r0, r1, w->cols, x->f, x->ldf, x->rows);
    }
    for (size_t m = 0; w->bias && m < x->rows; m++)
        k->add(y + m * ldy, y + m * ldy, w->bias + r0, r1 - r0);
}

/* Rows [r0, r1) of part i, with all that follows the product. */
static void piece(const job *j, int i, size_t r0, size_t r1)
{
    const cx__product *p = j->p;
    const cx__kernels *k = j->plan->k;
    size_t n = r1 - r0;
    if (!p->glu && !p->act && !p->has_residual) {
        cx__multiply(j->plan, &j->x, p->w[i], r0, r1, cx__value_row(j->plan, p->out[i], 0) + r0,
                     cx__value_ld(j->plan, p->out[i]), j->scratch);
        return;
    }
    cx__multiply(j->plan, &j->x, p->w[i], r0, r1, j->tile[0], n, j->scratch);
    if (p->glu) cx__multiply(j->plan, &j->x, p->w[1], r0, r1, j->tile[1], n, j->scratch);
    for (size_t m = 0; m < j->x.rows; m++) {
        float *out = cx__value_row(j->plan, p->out[i], m) + r0, *t = j->tile[0] + m * n;
        if (p->glu && p->act == CX__ACT_SILU) {
            k->silu_mul(t, t, j->tile[1] + m * n, n);
        } else {
            cx__act_apply(k, p->act, t, t, n);
            if (p->glu) k->mul(t, t, j->tile[1] + m * n, n);
        }
        if (p->has_residual) k->add(out, t, cx__value_row(j->plan, p->residual, m) + r0, n);
        else memcpy(out, t, n * sizeof *out);
    }
}

/* Output columns are those of all parts in a row; a gate and its up product count once. */
static int parts_of(const cx__product *p)
{
    return p->glu ? 1 : p->parts;
}

/* Units [begin, end) of UNIT weight rows, counted over all parts. */
static void stretch(const job *j, size_t begin, size_t end)
{
    for (int i = 0; i < parts_of(j->p); i++) {
        size_t rows = j->p->w[i]->rows, n = (rows + UNIT - 1) / UNIT;
        size_t r = begin < n ? begin * UNIT : rows, stop = end < n ? end * UNIT : rows;
        for (; r < stop; r += PIECE) piece(j, i, r, r + PIECE < stop ? r + PIECE : stop);
        begin -= begin < n ? begin : n;
        end -= end < n ? end : n;
    }
}

/* Decode: each thread streams through one stretch of the weights; the last quarter is stolen in
 * small pieces, so that nobody waits for a thread that got less of the machine. */
static void split(const job *j, cx__run *run, int thread)
{
    size_t units = 0, begin, end, fixed;
    int threads = cx__pool_threads(j->plan->pool);
    for (int i = 0; i < parts_of(j->p); i++) units += (j->p->w[i]->rows + UNIT - 1) / UNIT;
    fixed = threads > 1 ? units - units / STOLEN : units;
    cx__share(fixed, thread, threads, &begin, &end);
    stretch(j, begin, end);
    while ((begin = fixed + cx__steal(j->s, run, 1) * STEAL_UNITS) < units)
        stretch(j, begin, begin + STEAL_UNITS < units ? begin + STEAL_UNITS : units);
}

/* Prompt: threads steal panels of CHUNK weight rows. */
static void steal(const job *j, cx__run *run)
{
    for (;;) {
        size_t c = cx__steal(j->s, run, 1);
        int i = 0;
        for (; i < parts_of(j->p); i++) {
            size_t n = (j->p->w[i]->rows + CHUNK - 1) / CHUNK;
            if (c < n) break;
            c -= n;
        }
        if (i == parts_of(j->p)) return;
        size_t r0 = c * CHUNK, r1 = r0 + CHUNK, rows = j->p->w[i]->rows;
        piece(j, i, r0, r1 < rows ? r1 : rows);
    }
}

static void phase(const cx__step *s, cx__run *r, int phase_index, int thread)
{
    const cx__plan *plan = r->plan;
    job j = { .s = s, .p = s->product, .plan = plan };
    if (phase_index == 0) {
        if (cx__step_rows(s, r) > 1 && prepares(s->product)) prepare(s, r, thread);
        return;
    }
    j.x = operand_of(s, r, thread);
    if (j.x.rows == 0) return;
    j.tile[0] = (float *)(void *)(cx__scratch(plan, thread) + plan->prep_bytes);
    j.tile[1] = j.tile[0] + tile_floats(plan);
    j.scratch = (uint8_t *)(j.tile[1] + tile_floats(plan));
    if (j.x.rows <= CX__QGEMV_ROWS) split(&j, r, thread);
    else steal(&j, r);
}

static bool skip(const cx__step *s, const cx__run *r, int phase_index)
{
    return phase_index == 0 && (cx__step_rows(s, r) <= 1 || !prepares(s->product));
}

const cx__step_kind cx__step_product = { "product", 2, phase, skip };
