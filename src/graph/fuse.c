/* Lowering: nodes become fused steps. Dead nodes get none. Rules, each for nodes with one use:
 *   norm -> linear(s)          the norm is the product's preparation
 *   linears of the same input  one product with several parts (q, k, v)
 *   act(linear)                epilogue
 *   act(linear) * linear       gate and up, one product
 *   linear + x                 residual in the epilogue
 * Tested by tests/unit/test_graph.c against unfused arithmetic. */
#include "graph/step.h"

/* What becomes of a node. */
typedef struct fate {
    int uses;
    bool absorbed; /* computed inside another node's step */
    bool placed;   /* has a value */
    bool own_step; /* linear with an epilogue node of its own: not grouped */
    cx__value value;
    int last_use; /* of the buffer, for in-place results */
} fate;

typedef struct lowering {
    cx__plan *p;
    const cx__graph *g;
    fate *f;
    bool selected; /* the half being emitted */
} lowering;

static fate *fate_of(lowering *l, const cx__node *n)
{
    return &l->f[n->id];
}

static bool is_norm(const cx__node *n)
{
    return n->op == CX__OP_RMS_NORM || n->op == CX__OP_LAYER_NORM;
}

static void count_uses(lowering *l)
{
    fate_of(l, l->g->result)->uses = 1;
    for (size_t i = l->g->count; i-- > 0;) {
        const cx__node *n = l->g->nodes[i];
        for (int j = 0; j < 3 && fate_of(l, n)->uses; j++)
            if (n->in[j]) fate_of(l, n->in[j])->uses++;
    }
}

static bool single(lowering *l, const cx__node *n, cx__op op)
{
    return n->op == op && fate_of(l, n)->uses == 1 && !fate_of(l, n)->absorbed;
}

static void absorb(lowering *l, const cx__node *n)
{
    fate_of(l, n)->absorbed = true;
}

/* act(linear(x)) * linear(x): returns the activation, or NULL. */
static const cx__node *gate_of(lowering *l, const cx__node *mul)
{
    for (int i = 0; i < 2; i++) {
        const cx__node *a = mul->in[i], *up = mul->in[1 - i];
        if (single(l, a, CX__OP_ACT) && single(l, a->in[0], CX__OP_LINEAR) &&
            single(l, up, CX__OP_LINEAR) && a->in[0]->in[0] == up->in[0])
            return a;
    }
    return NULL;
}

/* The linear of linear + residual, or NULL. */
static const cx__node *summand_of(lowering *l, const cx__node *add)
{
    if (add->in[0] == add->in[1]) return NULL;
    for (int i = 1; i >= 0; i--)
        if (single(l, add->in[i], CX__OP_LINEAR)) return add->in[i];
    return NULL;
}

static void mark_epilogues(lowering *l)
{
    for (size_t i = 0; i < l->g->count; i++) {
        const cx__node *n = l->g->nodes[i], *x;
        if (!fate_of(l, n)->uses) continue;
        if (n->op == CX__OP_MUL && (x = gate_of(l, n))) {
            const cx__node *up = n->in[0] == x ? n->in[1] : n->in[0];
            absorb(l, x), absorb(l, x->in[0]), absorb(l, up);
        } else if (n->op == CX__OP_ADD && (x = summand_of(l, n))) {
            absorb(l, x);
        }
    }
    for (size_t i = 0; i < l->g->count; i++) {
        const cx__node *n = l->g->nodes[i];
        if (n->op == CX__OP_ACT && fate_of(l, n)->uses && !fate_of(l, n)->absorbed &&
            single(l, n->in[0], CX__OP_LINEAR))
            absorb(l, n->in[0]);
    }
}

/* A norm whose users all end up in one product. */
static void mark_norms(lowering *l)
{
    for (size_t i = 0; i < l->g->count; i++) {
        const cx__node *n = l->g->nodes[i];
        int linears = 0, fused = 0, up_parts = 0;
        if (!is_norm(n) || !fate_of(l, n)->uses) continue;
        for (size_t j = i + 1; j < l->g->count; j++) {
            const cx__node *u = l->g->nodes[j];
            if (!fate_of(l, u)->uses || u->op != CX__OP_LINEAR || u->in[0] != n) continue;
            linears++;
            fused += fate_of(l, u)->absorbed;
        }
        for (size_t j = i + 1; j < l->g->count; j++) { /* a gate and its up are one step */
            const cx__node *u = l->g->nodes[j];
            if (fate_of(l, u)->uses && u->op == CX__OP_MUL && u->in[0]->id > (int)i &&
                fate_of(l, u->in[0])->absorbed && fate_of(l, u->in[1])->absorbed) {
                const cx__node *up = u->in[0]->op == CX__OP_LINEAR ? u->in[0] : u->in[1];
                up_parts += up->op == CX__OP_LINEAR && up->in[0] == n;
            }
        }
        int plain = linears - fused, steps = (plain > 0) + fused - up_parts;
        if (linears == fate_of(l, n)->uses && steps == 1 && plain <= CX__PARTS) absorb(l, n);
    }
}

static int add_work(cx__plan *p, size_t stride, bool selected)
{
    if ((size_t)p->work_count == p->work_cap) {
        size_t cap = p->work_cap ? 2 * p->work_cap : 64;
        cx__work *w = cx__realloc(p->works, cap * sizeof *w);
        if (!w) return -1;
        p->works = w;
        p->work_cap = cap;
    }
    p->works[p->work_count] = (cx__work){
        .stride = (stride + 63) / 64 * 64, .selected = selected, .first = p->count, .last = p->count
    };
    return p->work_count++;
}

static cx__step *add_step(lowering *l, const cx__step_kind *kind)
{
    cx__plan *p = l->p;
    if ((size_t)p->count == p->step_cap) {
        size_t cap = p->step_cap ? 2 * p->step_cap : 128;
        cx__step *s = cx__realloc(p->steps, cap * sizeof *s);
        if (!s) return NULL;
        p->steps = s;
        p->step_cap = cap;
    }
    cx__step *s = &p->steps[p->count];
    *s = (cx__step){ .kind = kind, .index = p->count, .selected = l->selected, .table = -1 };
    p->count++;
    return s;
}

static void uses_value(lowering *l, const cx__step *s, cx__value v)
{
    cx__work *w = &l->p->works[v.buf];
    if (s->index > w->last) w->last = s->index;
    /* The head's steps run again for each window, so what the body made must outlive them all. */
    if (s->selected && !w->selected) w->last = INT32_MAX;
}

/* Value of an input, seen through slices. */
static cx__value input(lowering *l, const cx__step *s, const cx__node *n)
{
    cx__value v = fate_of(l, n)->value;
    uses_value(l, s, v);
    return v;
}

static bool place(lowering *l, const cx__node *n, cx__value *out)
{
    int buf = add_work(l->p, n->cols * sizeof(float), l->selected);
    if (buf < 0) return false;
    l->p->works[buf].first = l->p->works[buf].last = l->p->count - 1;
    *out = (cx__value){ buf, 0, n->cols };
    fate_of(l, n)->value = *out;
    fate_of(l, n)->placed = true;
    return true;
}

static size_t weight_bytes(const cx__weight *w)
{
    if (!w->packed) return w->rows * w->cols * cx_dtype_size(w->dtype);
    return w->rows *
           (w->cols * (size_t)w->q.bits / 8 +
            w->cols / (size_t)w->q.group * (w->q.biases ? 2 : 1) * cx_dtype_size(w->q.scale_dtype));
}

static void add_part(lowering *l, cx__step *s, const cx__node *linear)
{
    cx__product *q = s->product;
    const cx__weight *w = linear->w;
    if (cx__takes_int8(l->p, w)) q->integer = true;
    else q->real = true;
    q->w[q->parts++] = w;
    s->weight_bytes += weight_bytes(w);
}

/* Begins a product of `linear`: its input, a norm before it, a first part. */
static cx__step *begin_product(lowering *l, const cx__node *linear)
{
    const cx__node *x = linear->in[0];
    cx__step *s = add_step(l, &cx__step_product);
    cx__product *q = s ? cx__calloc(1, sizeof *q) : NULL;
    if (!q) return NULL;
    s->product = q;
    q->qbuf = q->fbuf = -1;
    if (fate_of(l, x)->absorbed) {
        q->norm = x->op == CX__OP_RMS_NORM ? CX__PREP_RMS : CX__PREP_LAYER;
        q->norm_w = x->w, q->norm_b = x->b, q->eps = x->f;
        x = x->in[0];
    }
    q->x = input(l, s, x);
    add_part(l, s, linear);
    return s;
}

/* Buffers for prepared rows, once all parts are known. */
static bool end_product(lowering *l, cx__step *s)
{
    cx__product *q = s->product;
    if (q->integer && (q->qbuf = add_work(l->p, cx__qact_stride(q->x.cols), l->selected)) < 0)
        return false;
    if (q->real && q->norm &&
        (q->fbuf = add_work(l->p, q->x.cols * sizeof(float), l->selected)) < 0)
        return false;
    if (q->qbuf >= 0) l->p->works[q->qbuf].first = l->p->works[q->qbuf].last = s->index;
    if (q->fbuf >= 0) l->p->works[q->fbuf].first = l->p->works[q->fbuf].last = s->index;
    return true;
}

static bool lower_group(lowering *l, const cx__node *first)
{
    cx__step *s = begin_product(l, first);
    if (!s || !place(l, first, &s->product->out[0])) return false;
    for (size_t i = (size_t)first->id + 1; i < l->g->count && s->product->parts < CX__PARTS; i++) {
        const cx__node *n = l->g->nodes[i];
        fate *f = fate_of(l, n);
        if (n->op != CX__OP_LINEAR || n->in[0] != first->in[0] || !f->uses || f->absorbed ||
            f->placed || n->selected != l->selected)
            continue;
        add_part(l, s, n);
        if (!place(l, n, &s->product->out[s->product->parts - 1])) return false;
    }
    return end_product(l, s);
}

static bool lower_glu(lowering *l, const cx__node *mul)
{
    const cx__node *a = mul->in[0]->op == CX__OP_ACT ? mul->in[0] : mul->in[1];
    const cx__node *up = a == mul->in[0] ? mul->in[1] : mul->in[0];
    cx__step *s = begin_product(l, a->in[0]);
    if (!s) return false;
    s->product->act = (cx__act)a->i;
    s->product->glu = true;
    add_part(l, s, up);
    return place(l, mul, &s->product->out[0]) && end_product(l, s);
}

static bool lower_act_product(lowering *l, const cx__node *act)
{
    cx__step *s = begin_product(l, act->in[0]);
    if (!s) return false;
    s->product->act = (cx__act)act->i;
    return place(l, act, &s->product->out[0]) && end_product(l, s);
}

static bool lower_residual(lowering *l, const cx__node *add)
{
    const cx__node *x = add->in[0], *linear = add->in[1];
    if (!fate_of(l, linear)->absorbed || linear->op != CX__OP_LINEAR) {
        linear = add->in[0];
        x = add->in[1];
    }
    cx__step *s = begin_product(l, linear);
    if (!s) return false;
    s->product->has_residual = true;
    s->product->residual = input(l, s, x);
    return place(l, add, &s->product->out[0]) && end_product(l, s);
}

static bool lower_rows(lowering *l, const cx__node *n, const cx__step_kind *kind)
{
    cx__step *s = add_step(l, kind);
    if (!s) return false;
    s->op = n->op;
    s->act = n->op == CX__OP_ACT ? (cx__act)n->i : CX__ACT_NONE;
    s->f = n->f;
    if (n->op == CX__OP_EMBED || n->op == CX__OP_EMBED_POSITION) s->weight = n->w;
    else s->w = n->w, s->b = n->b;
    for (; s->inputs < 3 && n->in[s->inputs]; s->inputs++)
        s->in[s->inputs] = input(l, s, n->in[s->inputs]);
    return place(l, n, &s->out);
}

/* The table of cos and sin of a rope, made once per pass. */
static int table_of(lowering *l, const cx__rope_spec *rope)
{
    cx__plan *p = l->p;
    for (int i = 0; i < p->count; i++)
        if (p->steps[i].kind == &cx__step_rope_table && p->steps[i].rope == rope)
            return p->steps[i].out.buf;
    cx__step *s = add_step(l, &cx__step_rope_table);
    if (!s) return -1;
    s->rope = rope;
    s->out = (cx__value){ add_work(p, 2 * rope->half * sizeof(float), false), 0, 2 * rope->half };
    if (s->out.buf >= 0) p->works[s->out.buf].first = p->works[s->out.buf].last = s->index;
    return s->out.buf;
}

static bool lower_attend(lowering *l, const cx__node *n)
{
    int table = -1;
    if (n->attend.rope && (table = table_of(l, n->attend.rope)) < 0) return false;
    if (!lower_rows(l, n, &cx__step_attend)) return false;
    cx__step *s = &l->p->steps[l->p->count - 1];
    s->attend = n->attend;
    s->table = table;
    if (table >= 0) uses_value(l, s, (cx__value){ table, 0, 0 });
    return true;
}

/* A buffer of `bytes` a row that only step s uses; -1 where it is not needed. */
static bool own_work(lowering *l, const cx__step *s, bool needed, size_t bytes, int *buf)
{
    *buf = -1;
    if (!needed) return true;
    if ((*buf = add_work(l->p, bytes, l->selected)) < 0) return false;
    l->p->works[*buf].first = l->p->works[*buf].last = s->index;
    return true;
}

static bool lower_experts(lowering *l, const cx__node *n)
{
    const cx__experts_spec *e = &n->experts;
    const cx__plan *p = l->p;
    size_t dim = e->gate->cols, hidden = e->down->cols, k = e->top_k;
    bool gate = cx__takes_int8(p, e->gate), up = cx__takes_int8(p, e->up);
    bool down = cx__takes_int8(p, e->down);
    if (!lower_rows(l, n, &cx__step_experts)) return false;
    cx__step *s = &l->p->steps[l->p->count - 1];
    cx__experts *x = s->experts = cx__calloc(1, sizeof *x);
    if (!x) return false;
    x->spec = *e;
    s->weight = e->gate;
    s->weight_bytes = (weight_bytes(e->gate) + weight_bytes(e->up) + weight_bytes(e->down)) /
                      e->count * e->top_k;
    return own_work(l, s, true, k * (sizeof(uint32_t) + sizeof(float)), &x->choice) &&
           own_work(l, s, gate || up, k * cx__qact_stride(dim), &x->xq) &&
           own_work(l, s, !gate || !up, k * dim * sizeof(float), &x->xf) &&
           own_work(l, s, true, k * hidden * sizeof(float), &x->h) &&
           own_work(l, s, down, k * cx__qact_stride(hidden), &x->hq);
}

static bool lower_slice(lowering *l, const cx__node *n)
{
    fate *f = fate_of(l, n);
    f->value = fate_of(l, n->in[0])->value;
    f->value.at += n->i;
    f->value.cols = n->cols;
    f->placed = true;
    return true;
}

static bool lower_node(lowering *l, const cx__node *n)
{
    switch (n->op) {
    case CX__OP_EMBED:
        l->p->vocabulary = ((const cx__weight *)n->w)->rows;
        return lower_rows(l, n, &cx__step_embed);
    case CX__OP_EMBED_POSITION:
        l->p->positions = ((const cx__weight *)n->w)->rows;
        return lower_rows(l, n, &cx__step_embed_position);
    case CX__OP_LINEAR: return lower_group(l, n);
    case CX__OP_RMS_NORM:
    case CX__OP_LAYER_NORM: return lower_rows(l, n, &cx__step_norm);
    case CX__OP_ACT:
        return fate_of(l, n->in[0])->absorbed ? lower_act_product(l, n)
                                              : lower_rows(l, n, &cx__step_elementwise);
    case CX__OP_MUL:
        return fate_of(l, n->in[0])->absorbed && fate_of(l, n->in[1])->absorbed
                   ? lower_glu(l, n)
                   : lower_rows(l, n, &cx__step_elementwise);
    case CX__OP_ADD:
        return fate_of(l, n->in[0])->absorbed || fate_of(l, n->in[1])->absorbed
                   ? lower_residual(l, n)
                   : lower_rows(l, n, &cx__step_elementwise);
    case CX__OP_SCALE: return lower_rows(l, n, &cx__step_elementwise);
    case CX__OP_SLICE: return lower_slice(l, n);
    case CX__OP_ATTEND: return lower_attend(l, n);
    case CX__OP_EXPERTS: return lower_experts(l, n);
    case CX__OP_SELECT: return lower_rows(l, n, &cx__step_select);
    }
    return false;
}

static bool lower_half(lowering *l, bool selected)
{
    l->selected = selected;
    for (size_t i = 0; i < l->g->count; i++) {
        const cx__node *n = l->g->nodes[i];
        const fate *f = fate_of(l, n);
        if (n->selected != selected || !f->uses || f->absorbed || f->placed) continue;
        if (!lower_node(l, n)) return false;
    }
    return true;
}

cx_status cx__plan_lower(cx__plan *p, const cx__graph *g)
{
    lowering l = { .p = p, .g = g, .f = cx__calloc(g->count, sizeof *l.f) };
    bool ok = l.f != NULL;
    p->positions = p->vocabulary = SIZE_MAX;
    if (ok) {
        count_uses(&l);
        mark_epilogues(&l);
        mark_norms(&l);
        ok = lower_half(&l, false);
        p->body = p->count;
        ok = ok && lower_half(&l, true);
    }
    if (ok) {
        p->result = l.f[g->result->id].value;
        p->works[p->result.buf].last = INT32_MAX;
        p->works[p->result.buf].stride = g->result->cols * sizeof(float); /* rows side by side */
    }
    cx__free(l.f);
    if (ok && g->result->op == CX__OP_SLICE)
        return CX_FAIL(CX_EUNSUPPORTED, "graph: the result is a slice");
    return ok ? CX_OK : CX_FAIL(CX_ENOMEM, "plan of %d steps: out of memory", p->count);
}
