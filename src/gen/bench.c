/* Speed tests over random tokens: medians of several runs, beside the machine's roofs. */
#include "gen/gen.h"
#include "models/models.h"
#include <cortex/bench.h>
#include <stdlib.h>

enum { RUNS = 5, MAX_RUNS = 1000, MAX_BATCH = 4096 };

typedef struct job {
    const cx_bench_options *o;
    cx_session *s;
    size_t vocabulary, batch;
    int32_t *tokens; /* [longest] random */
    size_t *seqs;
    float *logits;
    uint64_t random;
    double tps[MAX_RUNS];
} job;

static int32_t random_token(job *j)
{
    j->random = j->random * 6364136223846793005u + 1442695040888963407u;
    return (int32_t)((j->random >> 33) % j->vocabulary);
}

static int drop(void *user, size_t first, size_t rows, const float *logits)
{
    (void)user, (void)first, (void)rows, (void)logits;
    return 0;
}

static cx_status fill_depth(job *j)
{
    for (size_t s = 0; s < j->batch; s++) {
        CX_TRY(cx_session_trim(j->s, s, 0));
        for (size_t i = 0; i < j->o->depth; i++) j->tokens[i] = random_token(j);
        CX_TRY(cx_session_eval(j->s, s, j->tokens, j->o->depth, CX_LOGITS_NONE, drop, NULL));
    }
    return CX_OK;
}

/* Times one run; the cache is refilled to the depth outside of the clock. */
static cx_status run_once(job *j, double *tps)
{
    const cx_bench_options *o = j->o;
    double begin;
    CX_TRY(fill_depth(j));
    for (size_t i = 0; i < o->prompt || i < j->batch; i++) j->tokens[i] = random_token(j);
    begin = cx__now();
    if (o->prompt) {
        CX_TRY(cx_session_eval(j->s, 0, j->tokens, o->prompt, CX_LOGITS_LAST, drop, NULL));
        *tps = (double)o->prompt / (cx__now() - begin);
        return CX_OK;
    }
    for (size_t i = 0; i < o->decode; i++)
        CX_TRY(cx_session_step(j->s, j->seqs, j->tokens, j->batch, j->logits));
    *tps = (double)(o->decode * j->batch) / (cx__now() - begin);
    return CX_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static cx_status run_all(job *j, cx_progress_fn progress, void *user, cx_bench_result *out)
{
    int runs = j->o->runs ? j->o->runs : RUNS;
    double warm;
    CX_TRY(run_once(j, &warm));
    for (int i = 0; i < runs; i++) {
        if (progress && progress(user, "bench", (uint64_t)i, (uint64_t)runs, "runs"))
            return CX_FAIL(CX_ECANCELED, "stopped after %d of %d runs", i, runs);
        CX_TRY(run_once(j, &j->tps[i]));
    }
    qsort(j->tps, (size_t)runs, sizeof *j->tps, by_value);
    out->tps_min = j->tps[0];
    out->tps_max = j->tps[runs - 1];
    out->tps_median = runs % 2 ? j->tps[runs / 2] : (j->tps[runs / 2 - 1] + j->tps[runs / 2]) / 2;
    return CX_OK;
}

static cx_status prepare(job *j, cx_model *m)
{
    const cx_bench_options *o = j->o;
    size_t longest = o->prompt > o->depth ? o->prompt : o->depth, positions;
    cx_session_options so = { .sequences = j->batch };
    if (!cx__add(o->depth, o->prompt ? o->prompt : o->decode, &positions) || positions > UINT32_MAX)
        return CX_FAIL(CX_EARG, "bench: too many positions");
    so.context = positions;
    so.rows = positions < 512 ? positions : 512;
    j->vocabulary = cx__model_shape_of(m)->vocabulary;
    j->tokens = cx__alloc_array(longest + j->batch, sizeof *j->tokens);
    j->seqs = cx__alloc_array(j->batch, sizeof *j->seqs);
    j->logits = cx__alloc_array(j->batch, j->vocabulary * sizeof *j->logits);
    if (!j->tokens || !j->seqs || !j->logits) return CX_FAIL(CX_ENOMEM, "bench: out of memory");
    for (size_t i = 0; i < j->batch; i++) j->seqs[i] = i;
    return cx_session_new(m, &so, &j->s);
}

/* Better of two measurements: what the machine can do, not what a neighbour left of it. */
static void keep_best(cx_roofline *best, const cx_roofline *r)
{
    if (r->read_gbps > best->read_gbps) best->read_gbps = r->read_gbps;
    if (r->int8_gops > best->int8_gops) best->int8_gops = r->int8_gops;
}

static cx_status measure(job *j, int threads, cx_progress_fn progress, void *user,
                         cx_bench_result *out)
{
    cx_roofline after = { 0 };
    if (j->o->roofline) CX_TRY(cx_roofline_measure(threads, &out->roof));
    CX_TRY(run_all(j, progress, user, out));
    if (!j->o->roofline) return CX_OK;
    CX_TRY(cx_roofline_measure(threads, &after));
    keep_best(&out->roof, &after);
    return CX_OK;
}

static void account(const job *j, const cx_model *m, cx_bench_result *out)
{
    const cx__model_shape *s = cx__model_shape_of(m);
    size_t weights, ops, head_ops, elem = cx__model_exact(m) ? 4 : 2;
    double kv = 2.0 * (double)(s->layers * s->kv_heads * s->head_dim * elem);
    cx__session_traffic(j->s, &weights, &ops, &head_ops);
    out->ops_per_token = (double)ops + (double)head_ops / (j->o->prompt ? (double)j->o->prompt : 1);
    out->bytes_per_token = (double)weights / (double)j->batch +
                           kv * ((double)j->o->depth + (double)j->o->decode / 2);
    if (j->o->roofline && j->o->prompt)
        out->share = out->tps_median * out->ops_per_token * 1e-9 / out->roof.int8_gops;
    if (j->o->roofline && !j->o->prompt)
        out->share = out->tps_median * out->bytes_per_token * 1e-9 / out->roof.read_gbps;
}

static cx_status start_once(const char *folder, const cx_model_options *options, size_t n,
                            double *seconds)
{
    int32_t tokens[512];
    double begin = cx__now();
    cx_session *s = NULL;
    cx_model *m = NULL;
    cx_status st = cx_model_open(folder, options, &m);
    if (st == CX_OK) st = cx_session_new(m, NULL, &s);
    for (size_t i = 0; st == CX_OK && i < n; i++)
        tokens[i] = (int32_t)(i % cx__model_shape_of(m)->vocabulary);
    if (st == CX_OK) st = cx_session_eval(s, 0, tokens, n, CX_LOGITS_LAST, drop, NULL);
    *seconds = cx__now() - begin;
    cx_session_free(s);
    cx_model_close(m);
    return st;
}

cx_status cx_bench_start(const char *folder, const cx_model_options *options, size_t tokens,
                         int runs, double *seconds)
{
    double all[MAX_RUNS];
    if (runs == 0) runs = RUNS;
    if (runs < 0 || runs > MAX_RUNS || tokens < 1 || tokens > 512)
        return CX_FAIL(CX_EARG, "bench: %d runs of a start with %zu tokens", runs, tokens);
    CX_TRY(start_once(folder, options, tokens, seconds));
    for (int i = 0; i < runs; i++) CX_TRY(start_once(folder, options, tokens, &all[i]));
    qsort(all, (size_t)runs, sizeof *all, by_value);
    *seconds = all[runs / 2];
    return CX_OK;
}

cx_status cx_bench_run(cx_model *m, const cx_bench_options *options, cx_progress_fn progress,
                       void *user, cx_bench_result *out)
{
    cx_status st;
    job *j;
    *out = (cx_bench_result){ 0 };
    if (options->runs < 0 || options->runs > MAX_RUNS || options->batch > MAX_BATCH ||
        (!options->prompt && !options->decode))
        return CX_FAIL(CX_EARG, "bench: %d runs, batch %zu, prompt %zu, decode %zu", options->runs,
                       options->batch, options->prompt, options->decode);
    if (!(j = cx__calloc(1, sizeof *j))) return CX_FAIL(CX_ENOMEM, "bench: out of memory");
    j->o = options;
    j->batch = options->batch ? options->batch : 1;
    j->random = 42;
    st = prepare(j, m);
    if (st == CX_OK) st = measure(j, cx_model_threads(m), progress, user, out);
    if (st == CX_OK) account(j, m, out);
    cx_session_free(j->s);
    cx__free(j->tokens);
    cx__free(j->seqs);
    cx__free(j->logits);
    cx__free(j);
    return st;
}
