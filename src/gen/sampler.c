/* Sampling in mlx-lm 0.32.2's order and formulas (sample_utils.py): penalties on the logits,
 * log-softmax, top_p, min_p and top_k as masks at temperature 1 without renormalizing, then one
 * draw at the temperature. The generator is ours (xoshiro256**, Blackman and Vigna 2018), so seeds
 * do not carry over from MLX. Tested by tests/unit/test_sampler.c on tables made with mlx-lm. */
#include "kernels/kernels.h"
#include <cortex/generate.h>
#include <math.h>

enum { WINDOW = 20, MAX_WINDOW = 65536 };

typedef struct candidate {
    float logprob;
    int32_t id;
} candidate;

struct cx_sampler {
    cx_sampling o;
    int32_t vocabulary;
    int32_t *recent; /* ring of the last `window` tokens */
    size_t window, seen;
    uint8_t *marked;      /* [vocabulary] penalty already applied to this token */
    candidate *candidate; /* [vocabulary] */
    uint64_t state[4];
};

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

static cx_status check_range(const char *name, double v, double lo, double hi)
{
    if (v >= lo && v <= hi) return CX_OK;
    return CX_FAIL(CX_EARG, "%s %g: from %g to %g expected", name, v, lo, hi);
}

static cx_status check(const cx_sampling *o)
{
    CX_TRY(check_range("temperature", o->temperature, 0, 1000));
    CX_TRY(check_range("top_p", o->top_p, 0, 1));
    CX_TRY(check_range("min_p", o->min_p, 0, 1));
    CX_TRY(check_range("top_k", o->top_k, 0, INT32_MAX));
    CX_TRY(check_range("repetition_penalty", o->repetition_penalty, 0, 1000));
    CX_TRY(check_range("presence_penalty", o->presence_penalty, -1000, 1000));
    CX_TRY(check_range("frequency_penalty", o->frequency_penalty, -1000, 1000));
    return check_range("penalty window", o->penalty_window, 0, MAX_WINDOW);
}

cx_status cx_sampler_new(const cx_sampling *sampling, int32_t vocabulary, cx_sampler **out)
{
    cx_sampler *s;
    uint64_t seed = sampling->seed;
    *out = NULL;
    CX_TRY(check(sampling));
    if (vocabulary < 1) return CX_FAIL(CX_EARG, "sampler: vocabulary of %d", (int)vocabulary);
    if (!(s = cx__calloc(1, sizeof *s))) return CX_FAIL(CX_ENOMEM, "sampler: out of memory");
    s->o = *sampling;
    s->vocabulary = vocabulary;
    s->window = sampling->penalty_window ? (size_t)sampling->penalty_window : WINDOW;
    s->recent = cx__alloc_array(s->window, sizeof *s->recent);
    s->marked = cx__calloc((size_t)vocabulary, 1);
    s->candidate = cx__alloc_array((size_t)vocabulary, sizeof *s->candidate);
    for (int i = 0; i < 4; i++) s->state[i] = splitmix(&seed);
    if (!s->recent || !s->marked || !s->candidate) {
        cx_sampler_free(s);
        return CX_FAIL(CX_ENOMEM, "sampler for %d tokens: out of memory", (int)vocabulary);
    }
    *out = s;
    return CX_OK;
}

void cx_sampler_free(cx_sampler *s)
{
    if (!s) return;
    cx__free(s->recent);
    cx__free(s->marked);
    cx__free(s->candidate);
    cx__free(s);
}

void cx_sampler_accept(cx_sampler *s, int32_t token)
{
    if (token >= 0 && token < s->vocabulary) s->recent[s->seen++ % s->window] = token;
}

/* Repetition and presence act once per distinct token, frequency per occurrence. */
static void penalize(cx_sampler *s, float *logits)
{
    const cx_sampling *o = &s->o;
    size_t n = s->seen < s->window ? s->seen : s->window;
    bool repeat = o->repetition_penalty > 0 && o->repetition_penalty != 1;
    for (size_t i = 0; repeat && i < n; i++) {
        float *l = &logits[s->recent[i]];
        if (s->marked[s->recent[i]]++ == 0)
            *l = *l < 0 ? *l * o->repetition_penalty : *l / o->repetition_penalty;
    }
    for (size_t i = 0; i < n; i++) s->marked[s->recent[i]] = 0;
    for (size_t i = 0; i < n; i++) {
        if (!s->marked[s->recent[i]]) logits[s->recent[i]] -= o->presence_penalty;
        s->marked[s->recent[i]] = 1;
        logits[s->recent[i]] -= o->frequency_penalty;
    }
    for (size_t i = 0; i < n; i++) s->marked[s->recent[i]] = 0;
}

/* Candidates are taken largest first off a heap in c[0 .. left); the i-th taken lies at
 * c[total-1-i]. Few are needed of a large vocabulary, so this beats sorting. */
typedef struct ranking {
    candidate *c;
    size_t total, left;
} ranking;

static bool before(const candidate *a, const candidate *b)
{
    return a->logprob != b->logprob ? a->logprob > b->logprob : a->id < b->id;
}

static void sift(candidate *c, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        candidate t = c[i];
        if (child + 1 < n && before(&c[child + 1], &c[child])) child++;
        if (!before(&c[child], &t)) return;
        c[i] = c[child];
        c[child] = t;
    }
}

static const candidate *ranked(ranking *r, size_t i)
{
    while (r->total - r->left <= i) {
        candidate top = r->c[0];
        r->c[0] = r->c[--r->left];
        r->c[r->left] = top;
        sift(r->c, r->left, 0);
    }
    return &r->c[r->total - 1 - i];
}

/* Keeps tokens while the probability strictly above theirs is below p; ties stay together. */
static size_t cut_top_p(ranking *r, size_t n, float p)
{
    double above = 0;
    size_t i = 0;
    while (i < n && (i == 0 || above < (double)p)) {
        float tie = ranked(r, i)->logprob;
        for (; i < n && ranked(r, i)->logprob == tie; i++) above += exp((double)tie);
    }
    return i;
}

static size_t cut_min_p(ranking *r, size_t n, float p)
{
    float least = ranked(r, 0)->logprob + logf(p);
    size_t i = 1;
    while (i < n && ranked(r, i)->logprob >= least) i++;
    return i;
}

/* One of n candidates, at the temperature; max: the largest logprob among them. */
static int32_t draw(cx_sampler *s, candidate *c, size_t n, float max)
{
    double sum = 0, at;
    for (size_t i = 0; i < n; i++)
        sum += c[i].logprob = expf((c[i].logprob - max) / s->o.temperature);
    at = (double)(next_random(s->state) >> 11) * 0x1p-53 * sum;
    for (size_t i = 0; i < n; i++)
        if ((at -= c[i].logprob) < 0) return c[i].id;
    return c[n - 1].id;
}

static size_t collect(cx_sampler *s, const float *logits, float norm)
{
    size_t kept = 0;
    for (int32_t i = 0; i < s->vocabulary; i++)
        if (logits[i] > -INFINITY) s->candidate[kept++] = (candidate){ logits[i] - norm, i };
    return kept;
}

int32_t cx_sampler_pick(cx_sampler *s, float *logits)
{
    const cx__kernels *k = cx__kernels_get();
    const cx_sampling *o = &s->o;
    size_t n = (size_t)s->vocabulary, best, kept;
    ranking r = { .c = s->candidate };
    float max, norm;
    penalize(s, logits);
    best = k->argmax(logits, n);
    max = logits[best];
    if (o->temperature == 0 || !(max > -INFINITY) || max == INFINITY) return (int32_t)best;
    norm = max + logf(k->exp_sum(logits, max, n));
    if (!isfinite(norm)) return (int32_t)best; /* a NaN among the logits */
    kept = r.total = r.left = collect(s, logits, norm);
    if (!(o->top_p > 0 && o->top_p < 1) && !(o->min_p > 0) && o->top_k <= 0)
        return draw(s, r.c, kept, max - norm);
    for (size_t i = kept / 2; i-- > 0;) sift(r.c, kept, i);
    if (o->top_p > 0 && o->top_p < 1) kept = cut_top_p(&r, kept, o->top_p);
    if (o->min_p > 0) kept = cut_min_p(&r, kept, o->min_p);
    if (o->top_k > 0 && kept > (size_t)o->top_k) kept = (size_t)o->top_k;
    ranked(&r, kept - 1);
    return draw(s, r.c + r.total - kept, kept, max - norm);
}
