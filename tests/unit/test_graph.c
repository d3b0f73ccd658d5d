/* The graph and its fusion: random graphs, planned and run, against a node-by-node evaluation. */
#include "unit.h"

#include "graph/node.h"
#include "graph/step.h"
#include "models/models.h"
#include <math.h>
#include <stdio.h>

enum { VOCABULARY = 20, DIM = 32, ROWS = 11, NODES = 24 };

static uint64_t state;

static unsigned pick(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static float uniform(void)
{
    return (float)pick(20001) / 10000 - 1;
}

/* Weights of one graph; begun anew with the random state. */
static float pool[16384];
static size_t used;

static void begin(unsigned seed)
{
    state = seed;
    used = 0;
}

static float *floats(size_t n)
{
    used += n;
    CHECK(used <= sizeof pool / sizeof *pool);
    return pool + used - n;
}

static cx__weight matrix(size_t rows, size_t cols)
{
    float *w = floats(rows * cols), *bias = floats(rows);
    for (size_t i = 0; i < rows * cols; i++) w[i] = uniform() / 6;
    for (size_t i = 0; i < rows; i++) bias[i] = uniform();
    return (cx__weight){ .name = "w",
                         .rows = rows,
                         .cols = cols,
                         .dtype = CX_F32,
                         .data = w,
                         .bias = pick(2) ? bias : NULL };
}

/* ---- Node by node, in double ---------------------------------------------------------------- */
static double act(double x, size_t kind)
{
    if (kind == CX__ACT_SILU) return x / (1 + exp(-x));
    if (kind == CX__ACT_RELU) return x > 0 ? x : 0;
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static void norm(const cx__node *n, const double *x, double *y)
{
    double mean = 0, var = 0;
    const float *w = n->w, *b = n->b;
    for (size_t i = 0; i < n->cols && n->op == CX__OP_LAYER_NORM; i++)
        mean += x[i] / (double)n->cols;
    for (size_t i = 0; i < n->cols; i++) var += (x[i] - mean) * (x[i] - mean) / (double)n->cols;
    for (size_t i = 0; i < n->cols; i++)
        y[i] = (x[i] - mean) / sqrt(var + (double)n->f) * w[i] + (b ? b[i] : 0);
}

static void linear(const cx__node *n, const double *x, double *y)
{
    const cx__weight *w = n->w;
    for (size_t r = 0; r < w->rows; r++) {
        y[r] = w->bias ? w->bias[r] : 0;
        for (size_t c = 0; c < w->cols; c++)
            y[r] += ((const float *)w->data)[r * w->cols + c] * x[c];
    }
}

/* Value of a node for one token; 64 columns at most. */
static void evaluate(const cx__node *n, int32_t token, double *y)
{
    double a[64] = { 0 }, b[64] = { 0 };
    if (n->in[0]) evaluate(n->in[0], token, a);
    if (n->in[1]) evaluate(n->in[1], token, b);
    if (n->op == CX__OP_RMS_NORM || n->op == CX__OP_LAYER_NORM) norm(n, a, y);
    if (n->op == CX__OP_LINEAR) linear(n, a, y);
    for (size_t i = 0; i < n->cols; i++) {
        const cx__weight *w = n->w;
        if (n->op == CX__OP_EMBED) y[i] = ((const float *)w->data)[(size_t)token * DIM + i];
        if (n->op == CX__OP_ACT) y[i] = act(a[i], n->i);
        if (n->op == CX__OP_ADD) y[i] = a[i] + b[i];
        if (n->op == CX__OP_MUL) y[i] = a[i] * b[i];
        if (n->op == CX__OP_SCALE) y[i] = a[i] * (double)n->f;
        if (n->op == CX__OP_SLICE) y[i] = a[i + n->i];
        if (n->op == CX__OP_SELECT) y[i] = a[i];
    }
}

/* ---- Random graphs -------------------------------------------------------------------------- */
static cx__weight weights[4]; /* 32x32, 64x32, 32x64, 32x32 */
static float gains[64], shifts[64];

static cx__node *random_node(cx__graph *g, cx__node *const *have, unsigned count)
{
    static const cx__act acts[] = { CX__ACT_SILU, CX__ACT_RELU, CX__ACT_GELU_ERF };
    cx__node *x = have[pick(count)], *y = have[pick(count)];
    switch (pick(9)) {
    case 0:
    case 1: return cx__node_linear(g, x, &weights[x->cols == 64 ? 2 : pick(2)]);
    case 2: return cx__node_rms_norm(g, x, gains, 1e-5f);
    case 3: return cx__node_layer_norm(g, x, gains, shifts, 1e-5f);
    case 4: return cx__node_activate(g, x, acts[pick(3)]);
    case 5: return x->cols == y->cols ? cx__node_add(g, x, y) : x;
    case 6: return x->cols == y->cols ? cx__node_mul(g, x, y) : x;
    case 7: return cx__node_scale(g, x, 0.75f);
    default: return x->cols == 64 ? cx__node_slice(g, x, 16 * pick(3), DIM) : x;
    }
}

/* A block as models have it, so that every fusion rule meets its pattern often. */
static cx__node *model_block(cx__graph *g, cx__node *x)
{
    cx__node *n = pick(2) ? cx__node_rms_norm(g, x, gains, 1e-5f)
                          : cx__node_layer_norm(g, x, gains, shifts, 1e-5f);
    cx__node *gate = cx__node_activate(g, cx__node_linear(g, n, &weights[1]), CX__ACT_SILU);
    cx__node *up = cx__node_scale(g, cx__node_linear(g, n, &weights[1]), 1);
    if (pick(3) == 0) return cx__node_activate(g, cx__node_linear(g, n, &weights[3]), CX__ACT_RELU);
    if (pick(3) == 0) return cx__node_add(g, cx__node_linear(g, n, &weights[0]), x);
    return cx__node_add(g, x, cx__node_linear(g, cx__node_mul(g, gate, up), &weights[2]));
}

typedef struct rows {
    float *to;
    size_t cols;
} rows;

static int keep(void *user, size_t first, size_t n, const float *values)
{
    rows *r = user;
    memcpy(r->to + first * r->cols, values, n * r->cols * sizeof *values);
    return 0;
}

static void run(cx__graph *g, size_t cols, const int32_t *tokens, float *out)
{
    cx__plan_options o = { .rows = ROWS, .select = 4 };
    cx__segment seg = { 0, 0, ROWS };
    uint32_t pos[ROWS], all[ROWS];
    rows r = { out, cols };
    cx__pool *threads;
    cx__plan *p;
    for (uint32_t i = 0; i < ROWS; i++) pos[i] = all[i] = i;
    CHECK_OK(cx__pool_new(2, &threads));
    CHECK_OK(cx__plan_new(g, &o, threads, &p));
    cx__pass pass = { tokens, pos, ROWS, &seg, 1, all, ROWS, NULL, keep, &r };
    CHECK_OK(cx__plan_run(p, &pass));
    cx__plan_free(p);
    cx__pool_free(threads);
}

static void check_random(unsigned seed)
{
    cx__graph *g;
    cx__node *have[NODES];
    cx__weight embed;
    int32_t tokens[ROWS];
    float got[ROWS * 64];
    double want[64];
    begin(seed);
    embed = matrix(VOCABULARY, DIM);
    weights[0] = matrix(32, 32), weights[1] = matrix(64, 32), weights[2] = matrix(32, 64);
    weights[3] = matrix(32, 32);
    for (int i = 0; i < 64; i++) gains[i] = uniform(), shifts[i] = uniform();
    for (int i = 0; i < ROWS; i++) tokens[i] = (int32_t)pick(VOCABULARY);
    CHECK_OK(cx__graph_new(&g));
    have[0] = cx__node_embed(g, &embed);
    for (unsigned i = 1; i < NODES; i++)
        have[i] = pick(3) == 0 && have[i - 1]->cols == DIM ? model_block(g, have[i - 1])
                                                           : random_node(g, have, i);
    CHECK_OK(cx__graph_end(g, cx__node_scale(g, have[NODES - 1], 0.5f)));
    run(g, g->result->cols, tokens, got);
    for (size_t r = 0; r < ROWS; r++) {
        evaluate(g->result, tokens[r], want);
        for (size_t c = 0; c < g->result->cols; c++)
            if (!(fabs(got[r * g->result->cols + c] - want[c]) <= 2e-3 * (1 + fabs(want[c]))))
                fail_msg("seed %u, row %zu, column %zu: %g, %g expected", seed, r, c,
                         (double)got[r * g->result->cols + c], want[c]);
    }
    cx__graph_free(g);
}

TEST(graph, random_graphs_give_what_their_nodes_say)
{
    for (unsigned seed = 1; seed <= 150; seed++) check_random(seed);
}

TEST(graph, equal_nodes_are_one_and_scales_fold)
{
    cx__graph *g;
    begin(1);
    cx__weight e = matrix(4, DIM);
    CHECK_OK(cx__graph_new(&g));
    cx__node *x = cx__node_embed(g, &e);
    CHECK(cx__node_embed(g, &e) == x);
    CHECK(cx__node_scale(g, x, 1) == x);
    CHECK(cx__node_scale(g, cx__node_scale(g, x, 2), 3) == cx__node_scale(g, x, 6));
    CHECK(cx__node_slice(g, x, 0, DIM) == x);
    CHECK(cx__node_slice(g, cx__node_slice(g, x, 4, 8), 2, 3) == cx__node_slice(g, x, 6, 3));
    cx__graph_free(g);
}

TEST(graph, first_error_sticks_and_null_goes_through)
{
    cx__graph *g;
    begin(1);
    cx__weight e = matrix(4, DIM), w = matrix(8, 16);
    CHECK_OK(cx__graph_new(&g));
    cx__node *x = cx__node_linear(g, cx__node_embed(g, &e), &w);
    CHECK(x == NULL);
    x = cx__node_add(g, x, cx__node_embed(g, &e));
    CHECK(x == NULL);
    CHECK_INT(cx__graph_end(g, x), CX_ESHAPE);
    CHECK_HAS(cx_error(), "16 columns expected, 32 found");
    cx__graph_free(g);
}

/* Barriers of one decoded token in one layer: at most six (design: fusion that pays). */
TEST(graph, llama_layer_takes_five_steps_and_six_barriers)
{
    cx__plan_options o = { .rows = 8, .select = 1 };
    cx__pass pass = { .rows = 1 };
    cx_model *m;
    cx__plan *p;
    int barriers = 0;
    CHECK_OK(cx_model_open("tests/golden/models/llama-q4", NULL, &m));
    CHECK_OK(cx__plan_new(cx__model_graph(m), &o, cx__model_pool(m), &p));
    CHECK_INT(p->body, 2 + 2 * 5); /* embed, rope table, two layers */
    cx__run r = { .plan = p, .pass = &pass, .selected = 1 };
    for (int i = 0; i < p->body; i++)
        for (int phase = 0; phase < p->steps[i].kind->phases; phase++)
            barriers += !p->steps[i].kind->skip || !p->steps[i].kind->skip(&p->steps[i], &r, phase);
    CHECK(barriers <= 2 + 2 * 6);
    cx__plan_free(p);
    cx_model_close(m);
}
