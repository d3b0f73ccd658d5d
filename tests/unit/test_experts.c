/* Mixtures of experts (graph/ops/experts.c) against arithmetic in double, row by row; ties, rows
 * alone and together, numbers of threads. */
#include "unit.h"

#include "graph/step.h"
#include <cortex/model.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 23, DIM = 32, HIDDEN = 80, COUNT = 6, TOP = 3, ROWS = 19 };

/* Weights of one layer; the rows of the embedding are the inputs. */
static float embed_data[TOKENS * DIM], router_data[COUNT * DIM];
static float gate_data[COUNT * HIDDEN * DIM], up_data[COUNT * HIDDEN * DIM];
static float down_data[COUNT * DIM * HIDDEN];
static const cx__weight embed = { .name = "e", TOKENS, DIM, .dtype = CX_F32, .data = embed_data };
static const cx__weight router = { .name = "r", COUNT, DIM, .dtype = CX_F32, .data = router_data };
static const cx__weight gate = {
    .name = "g", COUNT *HIDDEN, DIM, .dtype = CX_F32, .data = gate_data
};
static const cx__weight up = { .name = "u", COUNT *HIDDEN, DIM, .dtype = CX_F32, .data = up_data };
static const cx__weight down = {
    .name = "d", COUNT *DIM, HIDDEN, .dtype = CX_F32, .data = down_data
};

static uint64_t state;

static void fill(float *p, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        p[i] = ((float)(state >> 40) / 8388608 - 1) * scale;
    }
}

static void begin(unsigned seed)
{
    state = seed;
    fill(embed_data, TOKENS * DIM, 1);
    fill(router_data, COUNT * DIM, 0.5f);
    fill(gate_data, COUNT * HIDDEN * DIM, 0.3f);
    fill(up_data, COUNT * HIDDEN * DIM, 0.3f);
    fill(down_data, COUNT * DIM * HIDDEN, 0.3f);
}

static cx__experts_spec spec_of(bool normalize)
{
    return (cx__experts_spec){ .count = COUNT,
                               .top_k = TOP,
                               .normalize = normalize,
                               .act = CX__ACT_SILU,
                               .gate = &gate,
                               .up = &up,
                               .down = &down };
}

/* ---- Row by row, in double ------------------------------------------------------------------ */
static double dot(const float *w, const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += w[i] * x[i];
    return sum;
}

static void expert(size_t e, const double *x, double weight, double *y)
{
    double h[HIDDEN];
    for (size_t i = 0; i < HIDDEN; i++) {
        double g = dot(gate_data + (e * HIDDEN + i) * DIM, x, DIM);
        h[i] = g / (1 + exp(-g)) * dot(up_data + (e * HIDDEN + i) * DIM, x, DIM);
    }
    for (size_t i = 0; i < DIM; i++)
        y[i] += weight * dot(down_data + (e * DIM + i) * HIDDEN, h, HIDDEN);
}

static void reference(int32_t token, bool normalize, double *y)
{
    double x[DIM], p[COUNT], sum = 0, chosen = 0;
    bool taken[COUNT] = { false };
    size_t order[TOP];
    for (size_t i = 0; i < DIM; i++) x[i] = embed_data[token * DIM + (int)i], y[i] = 0;
    for (size_t e = 0; e < COUNT; e++) sum += p[e] = exp(dot(router_data + e * DIM, x, DIM));
    for (size_t i = 0; i < TOP; i++) {
        size_t best = COUNT;
        for (size_t e = 0; e < COUNT; e++)
            if (!taken[e] && (best == COUNT || p[e] > p[best])) best = e;
        taken[order[i] = best] = true;
        chosen += p[best];
    }
    for (size_t i = 0; i < TOP; i++)
        expert(order[i], x, p[order[i]] / (normalize ? chosen : sum), y);
}

/* ---- The plan ------------------------------------------------------------------------------- */
static int keep(void *user, size_t first, size_t n, const float *values)
{
    memcpy((float *)user + first * DIM, values, n * DIM * sizeof *values);
    return 0;
}

/* out: [rows, DIM], in passes of `piece` rows. */
static void run(const cx__experts_spec *spec, int threads, size_t piece, const int32_t *tokens,
                float *out)
{
    cx__plan_options o = { .rows = ROWS, .select = 4 };
    uint32_t pos[ROWS];
    cx__pool *pool;
    cx__graph *g;
    cx__plan *p;
    for (uint32_t i = 0; i < ROWS; i++) pos[i] = i;
    CHECK_OK(cx__graph_new(&g));
    cx__node *x = cx__node_embed(g, &embed);
    CHECK_OK(cx__graph_end(g, cx__node_experts(g, x, cx__node_linear(g, x, &router), spec)));
    CHECK_OK(cx__pool_new(threads, &pool));
    CHECK_OK(cx__plan_new(g, &o, pool, &p));
    for (size_t at = 0; at < ROWS; at += piece) {
        size_t n = ROWS - at < piece ? ROWS - at : piece;
        cx__segment seg = { 0, 0, n };
        cx__pass pass = { tokens + at, pos, n, &seg, 1, pos, n, NULL, keep, out + at * DIM };
        CHECK_OK(cx__plan_run(p, &pass));
    }
    cx__plan_free(p);
    cx__pool_free(pool);
    cx__graph_free(g);
}

static void check(unsigned seed, bool normalize)
{
    static const size_t pieces[] = { 1, 2, 5 };
    cx__experts_spec spec = spec_of(normalize);
    int32_t tokens[ROWS];
    float all[ROWS * DIM], other[ROWS * DIM];
    double want[DIM];
    begin(seed);
    for (int i = 0; i < ROWS; i++) tokens[i] = (int32_t)((unsigned)i * 7 + seed) % TOKENS;
    run(&spec, 1, ROWS, tokens, all);
    for (size_t r = 0; r < ROWS; r++) {
        reference(tokens[r], normalize, want);
        for (size_t c = 0; c < DIM; c++)
            if (!(fabs(all[r * DIM + c] - want[c]) <= 1e-4 * (1 + fabs(want[c]))))
                fail_msg("seed %u, row %zu, column %zu: %g, %g expected", seed, r, c,
                         (double)all[r * DIM + c], want[c]);
    }
    for (int threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < 3; i++) {
            run(&spec, threads, pieces[i], tokens, other);
            if (memcmp(all, other, sizeof all) != 0)
                fail_msg("%d threads, %zu rows at once: other bits", threads, pieces[i]);
        }
}

TEST(experts, sums_are_those_of_each_row_alone)
{
    for (unsigned seed = 1; seed <= 12; seed++) check(seed, seed % 2);
}

/* All logits equal: the experts 0, 1, 2, and of the others not a byte. */
TEST(experts, equal_logits_choose_the_lowest)
{
    cx__experts_spec spec = spec_of(true);
    int32_t tokens[ROWS] = { 0 };
    float first[ROWS * DIM], again[ROWS * DIM];
    begin(1);
    memset(router_data, 0, sizeof router_data);
    run(&spec, 2, ROWS, tokens, first);
    for (size_t i = TOP * HIDDEN * DIM; i < COUNT * HIDDEN * DIM; i++)
        gate_data[i] = up_data[i] = down_data[i] = NAN;
    run(&spec, 2, ROWS, tokens, again);
    CHECK(memcmp(first, again, sizeof first) == 0);
    for (size_t i = 0; i < ROWS * DIM; i++) CHECK(isfinite(first[i]));
}

/* Logits that are no numbers choose some experts, each once. */
TEST(experts, nan_logits_stay_in_range)
{
    cx__experts_spec spec = spec_of(true);
    int32_t tokens[ROWS] = { 0, 1 };
    float out[ROWS * DIM];
    begin(2);
    router_data[3] = NAN;
    router_data[DIM] = INFINITY;
    run(&spec, 2, ROWS, tokens, out);
    run(&spec, 2, 1, tokens, out);
    CHECK(isnan(out[0]));
}

TEST(experts, sizes_must_fit)
{
    cx__experts_spec spec = spec_of(true);
    cx__graph *g;
    spec.count = COUNT - 1;
    CHECK_OK(cx__graph_new(&g));
    cx__node *x = cx__node_embed(g, &embed);
    CHECK(cx__node_experts(g, x, cx__node_linear(g, x, &router), &spec) == NULL);
    CHECK_INT(cx__graph_end(g, NULL), CX_ESHAPE);
    CHECK_HAS(cx_error(), "router: 5 columns expected, 6 found");
    cx__graph_free(g);
}

/* ---- Models --------------------------------------------------------------------------------- */
#define MODEL "tests/golden/models/qwen3-moe-q4"

static int ignore(void *user, size_t first, size_t rows, const float *logits)
{
    (void)user, (void)first, (void)rows, (void)logits;
    return 0;
}

static cx_status open_and_run(uint64_t *in_eval)
{
    cx_model_options o = { .threads = 1 };
    int32_t tokens[] = { 3, 1, 4 };
    cx_model *m = NULL;
    cx_session *s = NULL;
    cx_status st = cx_model_open(MODEL, &o, &m);
    if (st == CX_OK) st = cx_session_new(m, NULL, &s);
    if (st == CX_OK) st = cx_session_eval(s, 0, tokens, 3, CX_LOGITS_LAST, ignore, NULL);
    if (st == CX_OK) {
        *in_eval = cx__alloc_count();
        st = cx_session_eval(s, 0, tokens, 1, CX_LOGITS_LAST, ignore, NULL);
        *in_eval = cx__alloc_count() - *in_eval;
    }
    cx_session_free(s);
    cx_model_close(m);
    return st;
}

TEST(experts, a_decoded_token_allocates_nothing)
{
    uint64_t in_eval = 1;
    CHECK_OK(open_and_run(&in_eval));
    CHECK_INT(in_eval, 0);
}

static uint64_t seen, fail_at;

static bool fault(size_t size)
{
    (void)size;
    return seen++ == fail_at;
}

TEST(alloc_experts, every_allocation_may_fail)
{
    uint64_t in_eval, total, failures = 0;
    fail_at = UINT64_MAX;
    cx__alloc_fault_set(fault);
    CHECK_INT(open_and_run(&in_eval), CX_OK);
    total = seen;
    for (fail_at = 0; fail_at < total; fail_at++) {
        seen = 0;
        cx_status st = open_and_run(&in_eval);
        failures += st != CX_OK;
        if (st != CX_OK && st != CX_ENOMEM && st != CX_ELIMIT) /* prefetching may be left out */
            fail_msg("allocation %d: %s: %s", (int)fail_at, cx_status_name(st), cx_error());
    }
    cx__alloc_fault_set(NULL);
    CHECK(failures > 100 && failures + 2 >= total);
}
