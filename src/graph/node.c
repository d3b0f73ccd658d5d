/* Building the graph: shape rules, folding of what costs nothing, equal nodes made one. */
#include "graph/node.h"

cx_status cx__graph_new(cx__graph **out)
{
    cx__graph *g = cx__calloc(1, sizeof *g);
    if (!g) return CX_FAIL(CX_ENOMEM, "graph: out of memory");
    *out = g;
    return CX_OK;
}

void cx__graph_free(cx__graph *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->count; i++) cx__free(g->nodes[i]);
    cx__free(g->nodes);
    cx__free(g);
}

/* Keeps the first failure; always returns NULL so that it can end a builder. */
static cx__node *fail(cx__graph *g, cx_status status)
{
    if (g->status != CX_OK) return NULL;
    g->status = status;
    strncpy(g->error, cx_error(), sizeof g->error - 1);
    return NULL;
}

static cx__node *fail_cols(cx__graph *g, const char *op, size_t expected, size_t found)
{
    return fail(g, CX_FAIL(CX_ESHAPE, "%s: %zu columns expected, %zu found", op, expected, found));
}

static bool same(const cx__node *a, const cx__node *b)
{
    const cx__attend_spec *s = &a->attend, *t = &b->attend;
    const cx__experts_spec *e = &a->experts, *f = &b->experts;
    return a->op == b->op && a->cols == b->cols && a->in[0] == b->in[0] && a->in[1] == b->in[1] &&
           a->in[2] == b->in[2] && a->w == b->w && a->b == b->b && a->f == b->f && a->i == b->i &&
           s->layer == t->layer && s->heads == t->heads && s->kv_heads == t->kv_heads &&
           s->dim == t->dim && s->scale == t->scale && s->softcap == t->softcap &&
           s->rope == t->rope && s->q_norm == t->q_norm && s->k_norm == t->k_norm &&
           s->eps == t->eps && e->count == f->count && e->top_k == f->top_k &&
           e->normalize == f->normalize && e->act == f->act && e->gate == f->gate &&
           e->up == f->up && e->down == f->down;
}

static size_t hash_of(const cx__node *n)
{
    uintptr_t h = (uintptr_t)n->op * 31 + n->cols;
    for (int i = 0; i < 3; i++) h = h * 31 + (uintptr_t)(n->in[i] ? n->in[i]->id + 1 : 0);
    h = h * 31 + (uintptr_t)n->w / 16 + n->i;
    return h % CX__HASH;
}

static bool grow(cx__graph *g)
{
    size_t cap = g->cap ? 2 * g->cap : 256, bytes;
    cx__node **nodes;
    if (!cx__mul(cap, sizeof *nodes, &bytes) || !(nodes = cx__realloc(g->nodes, bytes)))
        return false;
    g->nodes = nodes;
    g->cap = cap;
    return true;
}

/* The node equal to `n` that exists, or a new one. */
static cx__node *put(cx__graph *g, cx__node n)
{
    size_t h = hash_of(&n);
    cx__node *p;
    if (g->status != CX_OK) return NULL;
    for (p = g->hash[h]; p; p = p->same_hash)
        if (same(p, &n)) return p;
    if ((g->count == g->cap && !grow(g)) || !(p = cx__alloc(sizeof *p)))
        return fail(g, CX_FAIL(CX_ENOMEM, "graph of %zu nodes: out of memory", g->count));
    for (int i = 0; i < 3; i++)
        if (n.in[i] && n.in[i]->selected) n.selected = true;
    n.id = (int)g->count;
    n.same_hash = g->hash[h];
    *p = n;
    g->hash[h] = p;
    return g->nodes[g->count++] = p;
}

cx__node *cx__node_embed(cx__graph *g, const cx__weight *w)
{
    if (!w) return NULL;
    return put(g, (cx__node){ .op = CX__OP_EMBED, .cols = w->cols, .w = w });
}

cx__node *cx__node_embed_position(cx__graph *g, const cx__weight *w)
{
    if (!w) return NULL;
    return put(g, (cx__node){ .op = CX__OP_EMBED_POSITION, .cols = w->cols, .w = w });
}

cx__node *cx__node_linear(cx__graph *g, cx__node *x, const cx__weight *w)
{
    if (!x || !w) return NULL;
    if (x->cols != w->cols) return fail_cols(g, w->name, w->cols, x->cols);
    return put(g, (cx__node){ .op = CX__OP_LINEAR, .cols = w->rows, .in = { x }, .w = w });
}

cx__node *cx__node_rms_norm(cx__graph *g, cx__node *x, const float *w, float eps)
{
    if (!x || !w) return NULL;
    return put(g,
               (cx__node){ .op = CX__OP_RMS_NORM, .cols = x->cols, .in = { x }, .w = w, .f = eps });
}

cx__node *cx__node_layer_norm(cx__graph *g, cx__node *x, const float *w, const float *b, float eps)
{
    if (!x || !w) return NULL;
    return put(
        g, (cx__node){
               .op = CX__OP_LAYER_NORM, .cols = x->cols, .in = { x }, .w = w, .b = b, .f = eps });
}

cx__node *cx__node_activate(cx__graph *g, cx__node *x, cx__act act)
{
    if (!x || act == CX__ACT_NONE) return x;
    return put(g, (cx__node){ .op = CX__OP_ACT, .cols = x->cols, .in = { x }, .i = (size_t)act });
}

static cx__node *binary(cx__graph *g, cx__op op, const char *name, cx__node *a, cx__node *b)
{
    if (!a || !b) return NULL;
    if (a->cols != b->cols) return fail_cols(g, name, a->cols, b->cols);
    if (a->selected != b->selected)
        return fail(g, CX_FAIL(CX_ESHAPE, "%s: selected rows with all rows", name));
    return put(g, (cx__node){ .op = op, .cols = a->cols, .in = { a, b } });
}

cx__node *cx__node_add(cx__graph *g, cx__node *a, cx__node *b)
{
    return binary(g, CX__OP_ADD, "add", a, b);
}

cx__node *cx__node_mul(cx__graph *g, cx__node *a, cx__node *b)
{
    return binary(g, CX__OP_MUL, "mul", a, b);
}

cx__node *cx__node_scale(cx__graph *g, cx__node *x, float s)
{
    if (!x || s == 1) return x;
    if (x->op == CX__OP_SCALE) return cx__node_scale(g, x->in[0], x->f * s);
    return put(g, (cx__node){ .op = CX__OP_SCALE, .cols = x->cols, .in = { x }, .f = s });
}

cx__node *cx__node_slice(cx__graph *g, cx__node *x, size_t at, size_t len)
{
    if (!x) return NULL;
    if (at > x->cols || len > x->cols - at) return fail_cols(g, "slice", at + len, x->cols);
    if (len == x->cols) return x;
    if (x->op == CX__OP_SLICE) return cx__node_slice(g, x->in[0], x->i + at, len);
    return put(g, (cx__node){ .op = CX__OP_SLICE, .cols = len, .in = { x }, .i = at });
}

cx__node *cx__node_attend(cx__graph *g, cx__node *q, cx__node *k, cx__node *v,
                          const cx__attend_spec *spec)
{
    size_t kv = spec->kv_heads * spec->dim;
    if (!q || !k || !v) return NULL;
    if (q->cols != spec->heads * spec->dim)
        return fail_cols(g, "queries", spec->heads * spec->dim, q->cols);
    if (k->cols != kv) return fail_cols(g, "keys", kv, k->cols);
    if (v->cols != kv) return fail_cols(g, "values", kv, v->cols);
    return put(
        g, (cx__node){ .op = CX__OP_ATTEND, .cols = q->cols, .in = { q, k, v }, .attend = *spec });
}

cx__node *cx__node_experts(cx__graph *g, cx__node *x, cx__node *logits,
                           const cx__experts_spec *spec)
{
    const cx__weight *gate = spec->gate, *up = spec->up, *down = spec->down;
    if (!x || !logits || !gate || !up || !down) return NULL;
    if (x->cols != gate->cols) return fail_cols(g, gate->name, gate->cols, x->cols);
    if (logits->cols != spec->count) return fail_cols(g, "router", spec->count, logits->cols);
    if (up->rows != gate->rows || up->cols != gate->cols || down->rows != spec->count * x->cols ||
        gate->rows != spec->count * down->cols)
        return fail(
            g, CX_FAIL(CX_ESHAPE, "%s: sizes of %zu experts do not fit", gate->name, spec->count));
    return put(
        g,
        (cx__node){ .op = CX__OP_EXPERTS, .cols = x->cols, .in = { x, logits }, .experts = *spec });
}

cx__node *cx__node_select(cx__graph *g, cx__node *x)
{
    if (!x || x->selected) return x;
    return put(g,
               (cx__node){ .op = CX__OP_SELECT, .cols = x->cols, .in = { x }, .selected = true });
}

cx_status cx__graph_end(cx__graph *g, cx__node *result)
{
    if (g->status != CX_OK) return CX_FAIL(g->status, "%s", g->error);
    if (!result) return CX_FAIL(CX_EARG, "graph: no result");
    g->result = cx__node_select(g, result);
    return g->status == CX_OK ? CX_OK : CX_FAIL(g->status, "%s", g->error);
}
