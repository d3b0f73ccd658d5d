/* Perplexity of a model on a text, and its distance from a second model: mean KL(P||Q) with P the
 * second ("against") and Q the model under test, its 99.9 % tail, agreement of the first choice. */
#include "gen/gen.h"
#include "models/models.h"
#include <math.h>
#include <stdlib.h>

enum { PIECE = 32, WINDOW = 512 };

typedef struct tally {
    size_t vocabulary;
    const int32_t *tokens; /* of the window, bos included */
    size_t count, base;    /* tokens in the window; index of the piece's first token */
    double nll, kl;
    uint64_t scored, agreed;
    const float *other; /* logits of the second model for the piece, NULL if none */
    double *kls;        /* [scored] */
} tally;

/* log of the sum of exp, in double as its value is compared to small fractions. */
static double log_norm(const float *logits, size_t n, size_t *best)
{
    const cx__kernels *k = cx__kernels_get();
    *best = k->argmax(logits, n);
    return (double)logits[*best] + log((double)k->exp_sum(logits, logits[*best], n));
}

static double divergence(const float *p, double p_norm, const float *q, double q_norm, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double lp = p[i] - p_norm;
        if (lp > -80) sum += exp(lp) * (lp - (q[i] - q_norm));
    }
    return sum > 0 ? sum : 0;
}

static int score(void *user, size_t first, size_t rows, const float *logits)
{
    tally *t = user;
    for (size_t r = 0; r < rows; r++) {
        size_t at = t->base + first + r, best, other_best;
        const float *q = logits + r * t->vocabulary;
        if (at + 1 >= t->count) break;
        double norm = log_norm(q, t->vocabulary, &best);
        t->nll += norm - q[t->tokens[at + 1]];
        if (t->other) {
            const float *p = t->other + (first + r) * t->vocabulary;
            double p_norm = log_norm(p, t->vocabulary, &other_best);
            double kl = divergence(p, p_norm, q, norm, t->vocabulary);
            t->kls[t->scored] = kl;
            t->kl += kl;
            t->agreed += best == other_best;
        }
        t->scored++;
    }
    return 0;
}

typedef struct keep {
    float *to;
    size_t vocabulary;
} keep;

static int keep_rows(void *user, size_t first, size_t rows, const float *logits)
{
    keep *k = user;
    memcpy(k->to + first * k->vocabulary, logits, rows * k->vocabulary * sizeof *logits);
    return 0;
}

typedef struct job {
    cx_session *s, *other;
    float *logits; /* [PIECE, vocabulary] of the other model */
    int32_t *window;
    tally t;
} job;

static cx_status run_window(job *j, size_t n)
{
    size_t step = j->other ? PIECE : n;
    CX_TRY(cx_session_trim(j->s, 0, 0));
    if (j->other) CX_TRY(cx_session_trim(j->other, 0, 0));
    j->t.count = n;
    for (size_t at = 0; at < n; at += step) {
        size_t piece = n - at < step ? n - at : step;
        keep k = { j->logits, j->t.vocabulary };
        j->t.base = at;
        if (j->other)
            CX_TRY(
                cx_session_eval(j->other, 0, j->window + at, piece, CX_LOGITS_ALL, keep_rows, &k));
        CX_TRY(cx_session_eval(j->s, 0, j->window + at, piece, CX_LOGITS_ALL, score, &j->t));
    }
    return CX_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void summarize(const job *j, cx_perplexity *out)
{
    double n = (double)j->t.scored;
    *out = (cx_perplexity){ .perplexity = exp(j->t.nll / n), .tokens = j->t.scored };
    if (!j->other) return;
    qsort(j->t.kls, j->t.scored, sizeof *j->t.kls, by_value);
    out->kl_mean = j->t.kl / n;
    out->kl_p999 = j->t.kls[(size_t)((n - 1) * 0.999)];
    out->top1 = (double)j->t.agreed / n;
}

static cx_status run(job *j, const int32_t *tokens, size_t n, size_t window, int32_t bos,
                     cx_progress_fn progress, void *user)
{
    size_t head = bos >= 0, fresh = window - head;
    for (size_t at = 0; at < n; at += fresh) {
        size_t len = n - at < fresh ? n - at : fresh;
        j->window[0] = bos;
        memcpy(j->window + head, tokens + at, len * sizeof *tokens);
        if (len + head < 2) break;
        CX_TRY(run_window(j, len + head));
        if (progress && progress(user, "perplexity", at + len, n, "tokens"))
            return CX_FAIL(CX_ECANCELED, "stopped after %zu of %zu tokens", at + len, n);
    }
    return j->t.scored ? CX_OK : CX_FAIL(CX_EARG, "the text has too few tokens: %zu", n);
}

static cx_status prepare(job *j, cx_model *m, cx_model *against, size_t n, size_t window)
{
    cx_session_options o = { .context = window, .rows = window < 512 ? window : 512 };
    j->t.vocabulary = cx__model_shape_of(m)->vocabulary;
    j->window = cx__alloc_array(window, sizeof *j->window);
    if (!j->window) return CX_FAIL(CX_ENOMEM, "window of %zu tokens: out of memory", window);
    j->t.tokens = j->window;
    CX_TRY(cx_session_new(m, &o, &j->s));
    if (!against) return CX_OK;
    if (cx__model_shape_of(against)->vocabulary != j->t.vocabulary)
        return CX_FAIL(CX_ESHAPE, "models of different vocabularies: %zu and %zu", j->t.vocabulary,
                       cx__model_shape_of(against)->vocabulary);
    j->logits = cx__alloc_array(j->t.vocabulary, PIECE * sizeof *j->logits);
    j->t.kls = cx__alloc_array(n + 1, sizeof *j->t.kls);
    j->t.other = j->logits;
    if (!j->logits || !j->t.kls) return CX_FAIL(CX_ENOMEM, "perplexity: out of memory");
    return cx_session_new(against, &o, &j->other);
}

cx_status cx_perplexity_run(cx_model *m, cx_model *against, const int32_t *tokens, size_t n,
                            size_t window, int32_t bos, cx_progress_fn progress, void *user,
                            cx_perplexity *out)
{
    job j = { 0 };
    size_t context = cx__model_shape_of(m)->context;
    cx_status st;
    if (!window) window = context && context < WINDOW ? context : WINDOW;
    if (window < 2 || (context && window > context))
        return CX_FAIL(CX_EARG, "window of %zu tokens: the model's context is %zu", window,
                       context);
    st = prepare(&j, m, against, n, window);
    if (st == CX_OK) st = run(&j, tokens, n, window, bos, progress, user);
    if (st == CX_OK) summarize(&j, out);
    cx_session_free(j.s);
    cx_session_free(j.other);
    cx__free(j.window);
    cx__free(j.logits);
    cx__free(j.t.kls);
    return st;
}
