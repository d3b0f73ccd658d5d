/* Attention over blocks: the reference against softmax in double over all blocks at once, the
 * variants against its bits. What a query does not see holds NaN. */
#include "check.h"
#include <math.h>

enum { BLOCKS = 3, MAX_NQ = 9 };

typedef struct setup {
    cx_dtype dtype;
    size_t nq, dim, ldq;
    float scale, cap;
    const float *q;
    uint8_t *k[BLOCKS], *v[BLOCKS];
    uint8_t *lo[BLOCKS], *hi[BLOCKS];
} setup;

typedef struct state {
    float *max, *sum, *acc;
} state;

static double element(const setup *s, const void *p, size_t i)
{
    cx_tensor view = { .dtype = s->dtype, .data = p };
    return cx__tensor_f32(&view, i);
}

static void set_nan(const setup *s, uint8_t *p, size_t i)
{
    size_t size = cx_dtype_size(s->dtype);
    memset(p + i * size, 0xff, size);
}

static bool seen(const setup *s, size_t b, size_t j)
{
    for (size_t i = 0; i < s->nq; i++)
        if (j >= s->lo[b][i] && j < s->hi[b][i]) return true;
    return false;
}

/* Ranges as a causal mask makes them (kind 0), any (1), and without a common position (2). */
static void choose_ranges(check *t, setup *s, size_t b, int kind)
{
    for (size_t i = 0; i < s->nq; i++) {
        size_t lo = check_below(t, 65), hi = check_below(t, 65);
        if (kind == 0) lo = 0, hi = 40 + 2 * i;
        if (kind == 2) lo = i * 64 / s->nq, hi = (i + 1) * 64 / s->nq;
        s->lo[b][i] = (uint8_t)(lo < hi ? lo : hi);
        s->hi[b][i] = (uint8_t)(lo < hi ? hi : lo);
    }
}

static setup make(check *t, cx_dtype dtype, size_t nq, size_t dim, float cap, int kind)
{
    setup s = { .dtype = dtype, .nq = nq, .dim = dim, .ldq = dim + nq % 2 * 3, .cap = cap };
    s.scale = 1 / sqrtf((float)dim);
    s.q = check_f32(t, (nq - 1) * s.ldq + dim, -2, 2);
    for (size_t b = 0; b < BLOCKS; b++) {
        s.k[b] = check_values(t, dtype, 64 * dim, -2, 2);
        s.v[b] = check_values(t, dtype, 64 * dim, -2, 2);
        s.lo[b] = check_in(t, nq, 1);
        s.hi[b] = check_in(t, nq, 1);
        choose_ranges(t, &s, b, kind);
        for (size_t i = 0; i < 64 * dim; i++) {
            if (!seen(&s, b, i % 64)) set_nan(&s, s.k[b], i);
            if (!seen(&s, b, i / dim)) set_nan(&s, s.v[b], i);
        }
    }
    return s;
}

static state start(check *t, const setup *s)
{
    state r = { .max = check_out(t, s->nq * 4, 4),
                .sum = check_out(t, s->nq * 4, 4),
                .acc = check_out(t, s->nq * s->dim * 4, 4) };
    for (size_t i = 0; i < s->nq; i++) {
        r.max[i] = -INFINITY;
        r.sum[i] = 0;
    }
    memset(r.acc, 0, s->nq * s->dim * 4);
    return r;
}

static void run(cx__attend_fn *fn, const setup *s, state *r)
{
    for (size_t b = 0; b < BLOCKS; b++)
        fn(s->q, s->ldq, s->nq, s->dim, s->k[b], s->v[b], s->lo[b], s->hi[b], s->scale, s->cap,
           r->max, r->sum, r->acc);
}

/* Score in double; *size: the sum of its products' absolute values, scaled. */
static double score(const setup *s, size_t i, size_t b, size_t j, double *size)
{
    double sum = 0, abs_sum = 0;
    for (size_t d = 0; d < s->dim; d++) {
        double p = s->q[i * s->ldq + d] * element(s, s->k[b], d * 64 + j);
        sum += p;
        abs_sum += fabs(p);
    }
    *size = abs_sum * s->scale;
    return s->cap > 0 ? s->cap * tanh(sum * s->scale / s->cap) : sum * s->scale;
}

/* Compares acc / sum of query i with the softmax over all that it sees. An error of e in a score
 * is one of e in its weight; then 3 * 64 additions. */
static void compare_exact(check *t, const setup *s, const state *r, size_t i)
{
    double total = 0, worst = 0, p[BLOCKS][64] = { { 0 } };
    for (size_t b = 0; b < BLOCKS; b++)
        for (size_t j = s->lo[b][i]; j < s->hi[b][i]; j++) {
            double size;
            total += p[b][j] = exp(score(s, i, b, j, &size));
            worst = size > worst ? size : worst;
        }
    float f = (float)(2 * ((double)s->dim + 8) * worst + 250) * 0x1p-24f;
    for (size_t d = 0; d < s->dim && total > 0; d++) {
        double want = 0, mag = 0;
        for (size_t b = 0; b < BLOCKS; b++)
            for (size_t j = s->lo[b][i]; j < s->hi[b][i]; j++) {
                want += p[b][j] / total * element(s, s->v[b], j * s->dim + d);
                mag += p[b][j] / total * fabs(element(s, s->v[b], j * s->dim + d));
            }
        float got = r->acc[i * s->dim + d] / r->sum[i], w = (float)want, m = (float)mag;
        if (!check_near(t, &got, &w, &m, 1, f)) return;
    }
}

static void compare(check *t, cx__attend_fn *fn, cx__attend_fn *ref, const setup *s)
{
    state got = start(t, s), want = start(t, s);
    check_seal(t);
    run(fn, s, &got);
    run(ref, s, &want);
    if (check_is_ref(t)) {
        for (size_t i = 0; i < s->nq; i++) compare_exact(t, s, &got, i);
        return;
    }
    check_bits(t, got.max, want.max, s->nq);
    check_bits(t, got.sum, want.sum, s->nq);
    check_bits(t, got.acc, want.acc, s->nq * s->dim);
}

/* A NaN at a position that only some queries see stays with them, and enters no maximum. */
static void check_nan_stays(check *t, cx__attend_fn *fn, cx__attend_fn *ref, cx_dtype dtype)
{
    check_case(t, "NaN that query 0 does not see");
    setup s = make(t, dtype, 4, 40, 0, 0);
    for (size_t d = 0; d < s.dim; d++) set_nan(&s, s.v[1], 45 * s.dim + d);
    set_nan(&s, s.k[1], 3 * 64 + 45);
    state r = start(t, &s);
    check_seal(t);
    run(fn, &s, &r); /* they see up to 40, 42, 44, 46 */
    for (size_t i = 0; i < s.nq * s.dim; i++)
        if (isnan(r.acc[i]) != (i >= 3 * s.dim))
            check_fail(t, "query %zu has %g", i / s.dim, (double)r.acc[i]);
    if (!check_is_ref(t)) compare(t, fn, ref, &s);
    check_case(t, "NaN in the last positions");
    s = make(t, dtype, 1, 40, 0, 0);
    s.hi[1][0] = 64;
    if (!check_is_ref(t)) compare(t, fn, ref, &s);
}

static void bench(check *t, cx__attend_fn *fn, cx_dtype dtype, size_t nq, size_t dim)
{
    check_case(t, "%zu queries of %zu", nq, dim);
    setup s = make(t, dtype, nq, dim, 0, 0);
    state r = start(t, &s);
    memset(s.hi[0], 64, nq);
    for (size_t i = 0; i < 64 * dim * cx_dtype_size(dtype); i++) s.k[0][i] = s.v[0][i] = 0;
    CHECK_BENCH(
        t, 4e-9 * (double)(64 * dim * nq), "GFLOP/s",
        fn(s.q, s.ldq, nq, dim, s.k[0], s.v[0], s.lo[0], s.hi[0], s.scale, 0, r.max, r.sum, r.acc));
}

static void check_all(check *t, const char *slot, cx__attend_fn *fn, cx__attend_fn *ref,
                      cx_dtype dtype)
{
    static const size_t dims[] = { 1, 7, 16, 20, 33, 64, 80, 96, 128, 256 };
    if (!check_new(t, slot, (check_any *)fn)) return;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t nq = 1; nq <= MAX_NQ; nq++)
            for (int kind = 0; kind < 3; kind++) {
                float cap = (d + nq) % 3 ? 0 : 1.5f;
                check_case(t, "dim=%zu nq=%zu cap=%g ranges %d", dims[d], nq, (double)cap, kind);
                setup s = make(t, dtype, nq, dims[d], cap, kind);
                compare(t, fn, ref, &s);
            }
    check_nan_stays(t, fn, ref, dtype);
    for (size_t nq = 1; nq <= 16 && check_benching(t); nq *= 4) {
        bench(t, fn, dtype, nq, 64);
        bench(t, fn, dtype, nq, 80);
        bench(t, fn, dtype, nq, 128);
    }
}

CHECK(attend)
{
    check_all(t, "attend_f16", k->attend_f16, cx__attend_f16_ref, CX_F16);
    check_all(t, "attend_f32", k->attend_f32, cx__attend_f32_ref, CX_F32);
}
