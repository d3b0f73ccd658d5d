/* Attention over one block of 64 positions, 16 lanes at a time: tiles of queries x positions for
 * the scores, of queries x dimensions for the sums. Specification: ref/attend.c. */
#include "kernels/x16/math.h"
#include <math.h>

enum { MAX_Q = X16_ATTEND_Q, MAX_V = X16_ATTEND_V };

/* Queries of one pass. p: scores, then weights. keep: factor of what was summed before. */
typedef struct pass {
    const float *q[MAX_Q];
    float *acc[MAX_Q], *max[MAX_Q], *sum[MAX_Q];
    size_t lo[MAX_Q], hi[MAX_Q];
    float keep[MAX_Q], p[MAX_Q][64];
} pass;

/* Scores of nq queries at the 16 * MAX_V positions from `at` on. */
X16_INLINE void score_tile(pass *s, size_t nq, size_t at, const void *k, size_t dim, cx_dtype dtype)
{
    vf acc[MAX_Q][MAX_V];
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        X16_UNROLL for (size_t v = 0; v < MAX_V; v++) acc[i][v] = vf_set(0);
    }
    for (size_t d = 0; d < dim; d++) {
        vf key[MAX_V];
        X16_UNROLL for (size_t v = 0; v < MAX_V; v++)
            key[v] = vf_load_as(k, d * 64 + at + 16 * v, dtype);
        X16_UNROLL for (size_t i = 0; i < nq; i++)
        {
            vf q = vf_set(s->q[i][d]);
            X16_UNROLL for (size_t v = 0; v < MAX_V; v++) acc[i][v] = vf_fma(q, key[v], acc[i][v]);
        }
    }
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        X16_UNROLL for (size_t v = 0; v < MAX_V; v++) vf_store(s->p[i] + at + 16 * v, acc[i][v]);
    }
}

static inline vm visible(size_t lo, size_t hi, size_t at)
{
    uint64_t below_hi = hi == 64 ? ~(uint64_t)0 : ((uint64_t)1 << hi) - 1;
    return vm_from_bits((unsigned)((below_hi & ~(((uint64_t)1 << lo) - 1)) >> at & 0xffff));
}

/* Turns the scores of query i into weights; gives the lanes of their sum. */
static inline vf weights(pass *s, size_t i, float scale, float cap)
{
    vf score[4], top = vf_set(*s->max[i]), lane = vf_set(0);
    X16_UNROLL for (size_t v = 0; v < 4; v++)
    {
        score[v] = vf_mul(vf_load(s->p[i] + 16 * v), vf_set(scale));
        if (cap > 0) score[v] = vf_mul(vf_set(cap), vf_tanh(vf_div(score[v], vf_set(cap))));
        vm m = visible(s->lo[i], s->hi[i], 16 * v);
        top = vf_max(vf_select(m, score[v], vf_set(-INFINITY)), top);
    }
    float max = vf_top(top), keep[16];
    X16_UNROLL for (size_t v = 0; v < 4; v++)
    {
        vm m = visible(s->lo[i], s->hi[i], 16 * v);
        vf p = vf_select(m, vf_exp(vf_sub(score[v], vf_set(max))), vf_set(0));
        vf_store(s->p[i] + 16 * v, p);
        lane = vf_add(lane, p);
    }
    vf_store(keep, vf_exp(vf_set(*s->max[i] - max)));
    s->keep[i] = keep[0];
    *s->max[i] = max;
    return lane;
}

/* Positions [from, to) for one query of a tile, or for all nq. */
X16_INLINE void sum_rows(vf *acc, const pass *s, size_t first, size_t nq, size_t from, size_t to,
                         const void *v, size_t dim, size_t d, size_t nv, size_t n, cx_dtype dtype)
{
    for (size_t j = from; j < to; j++) {
        vf row[MAX_V];
        X16_UNROLL for (size_t c = 0; c < nv; c++)
            row[c] = vf_load_as_n(v, j * dim + d + 16 * c, n, dtype);
        X16_UNROLL for (size_t i = first; i < first + nq; i++)
            X16_UNROLL for (size_t c = 0; c < nv; c++)
                acc[i * nv + c] = vf_fma(vf_set(s->p[i][j]), row[c], acc[i * nv + c]);
    }
}

/* Dimensions [d, d + 16 nv) of nq queries; n < 16: [d, d + n), nv = 1. Rows outside of a query's
 * range may hold NaN, so what not all queries see is summed query by query. */
X16_INLINE void sum_tile(const pass *s, size_t nq, const void *v, size_t dim, size_t d, size_t nv,
                         size_t n, cx_dtype dtype)
{
    vf acc[MAX_Q * MAX_V];
    size_t lo = 0, hi = 64;
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        vf keep = vf_set(s->keep[i]);
        X16_UNROLL for (size_t c = 0; c < nv; c++)
            acc[i * nv + c] = vf_mul(vf_load_n(s->acc[i] + d + 16 * c, n), keep);
        lo = s->lo[i] > lo ? s->lo[i] : lo;
        hi = s->hi[i] < hi ? s->hi[i] : hi;
    }
    hi = hi < lo ? lo : hi; /* ranges without a common position: [lo, lo) */
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        size_t to = s->hi[i] < lo ? s->hi[i] : lo;
        sum_rows(acc, s, i, 1, s->lo[i], to, v, dim, d, nv, n, dtype);
    }
    sum_rows(acc, s, 0, nq, lo, hi, v, dim, d, nv, n, dtype);
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        size_t from = s->lo[i] > hi ? s->lo[i] : hi;
        sum_rows(acc, s, i, 1, from, s->hi[i], v, dim, d, nv, n, dtype);
    }
    X16_UNROLL for (size_t i = 0; i < nq; i++)
    {
        X16_UNROLL for (size_t c = 0; c < nv; c++)
            vf_store_n(s->acc[i] + d + 16 * c, acc[i * nv + c], n);
    }
}

X16_INLINE void run_pass(pass *s, size_t nq, size_t dim, const void *k, const void *v, float scale,
                         float cap, cx_dtype dtype)
{
    vf lane[4] = { vf_set(0), vf_set(0), vf_set(0), vf_set(0) };
    float sum[4];
    size_t d = 0;
    for (size_t at = 0; at < 64; at += 16 * MAX_V) score_tile(s, nq, at, k, dim, dtype);
    for (size_t i = 0; i < nq; i++) lane[i] = weights(s, i, scale, cap);
    vf_sum_4(sum, lane[0], lane[1], lane[2], lane[3]);
    for (size_t i = 0; i < nq; i++) *s->sum[i] = fmaf(*s->sum[i], s->keep[i], sum[i]);
    for (; d + 16 * MAX_V <= dim; d += 16 * MAX_V) sum_tile(s, nq, v, dim, d, MAX_V, 16, dtype);
    for (; d + 16 <= dim; d += 16) sum_tile(s, nq, v, dim, d, 1, 16, dtype);
    if (d < dim) sum_tile(s, nq, v, dim, d, 1, dim - d, dtype);
}

/* One function per tile of queries, so that its size is a constant in there. */
#define RUN(name, dtype, n)                                                                        \
    static void run_##name##_##n(pass *s, size_t dim, const void *k, const void *v, float scale,   \
                                 float cap)                                                        \
    {                                                                                              \
        run_pass(s, n, dim, k, v, scale, cap, dtype);                                              \
    }
#if X16_ATTEND_Q > 2
#define RUNS(name, dtype)                                                                          \
    RUN(name, dtype, 1) RUN(name, dtype, 2) RUN(name, dtype, 3) RUN(name, dtype, 4)
#define RUN_LIST(name) run_##name##_1, run_##name##_2, run_##name##_3, run_##name##_4
#else
#define RUNS(name, dtype) RUN(name, dtype, 1) RUN(name, dtype, 2)
#define RUN_LIST(name) run_##name##_1, run_##name##_2
#endif
#define ATTEND(name, dtype)                                                                        \
    RUNS(name, dtype)                                                                              \
    void X16(attend_##name)(const float *q, size_t ldq, size_t nq, size_t dim, const void *k,      \
                            const void *v, const uint8_t *lo, const uint8_t *hi, float scale,      \
                            float cap, float *max, float *sum, float *acc)                         \
    {                                                                                              \
        static void (*const run[MAX_Q])(pass *, size_t, const void *, const void *, float,         \
                                        float) = { RUN_LIST(name) };                               \
        pass s;                                                                                    \
        size_t n = 0;                                                                              \
        for (size_t i = 0; i < nq; i++) {                                                          \
            if (lo[i] < hi[i]) {                                                                   \
                s.q[n] = q + i * ldq;                                                              \
                s.acc[n] = acc + i * dim;                                                          \
                s.max[n] = max + i;                                                                \
                s.sum[n] = sum + i;                                                                \
                s.lo[n] = lo[i];                                                                   \
                s.hi[n++] = hi[i];                                                                 \
            }                                                                                      \
            if (n == MAX_Q || (n && i + 1 == nq)) {                                                \
                run[n - 1](&s, dim, k, v, scale, cap);                                             \
                n = 0;                                                                             \
            }                                                                                      \
        }                                                                                          \
    }
ATTEND(f16, CX_F16)
ATTEND(f32, CX_F32)
