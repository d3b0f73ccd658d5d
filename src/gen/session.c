/* Sessions: a plan, a KV store, and the passes that run tokens through them. */
#include "gen/gen.h"
#include "models/models.h"

enum { DEFAULT_ROWS = 512, DEFAULT_CONTEXT = 8192, SELECT = 32 };

struct cx_session {
    cx_model *model;
    cx__plan *plan;
    cx__kv *kv;
    size_t rows, sequences, context;
    uint32_t *pos, *select; /* [rows] */
    cx__segment *segments;  /* [rows] */
    cx_progress_fn progress;
    void *progress_user;
};

static void fill_defaults(const cx__model_shape *shape, cx_session_options *o)
{
    if (!o->context) {
        o->context = o->window ? 0 : DEFAULT_CONTEXT;
        if (shape->context && (!o->context || o->context > shape->context) && !o->window)
            o->context = shape->context;
    }
    if (!o->sequences) o->sequences = 1;
    if (!o->rows) o->rows = DEFAULT_ROWS;
    if (o->context && o->rows > o->context) o->rows = o->context;
    if (o->sequences > o->rows) o->rows = o->sequences;
}

static cx_status build(cx_session *s, const cx_session_options *o)
{
    const cx__model_shape *shape = cx__model_shape_of(s->model);
    bool exact = cx__model_exact(s->model);
    cx__kv_shape kv = { .layers = shape->layers,
                        .heads = shape->kv_heads,
                        .dim = shape->head_dim,
                        .dtype = exact ? CX_F32 : CX_F16,
                        .context = o->context,
                        .window = o->window,
                        .keep = o->keep,
                        .rows = o->rows,
                        .sequences = o->sequences };
    cx__plan_options plan = { .rows = o->rows,
                              .select = o->sequences > SELECT ? o->sequences : SELECT,
                              .exact = exact };
    if (plan.select > plan.rows) plan.select = plan.rows;
    s->rows = o->rows;
    s->sequences = o->sequences;
    s->context = o->context;
    s->pos = cx__alloc_array(o->rows, sizeof *s->pos);
    s->select = cx__alloc_array(o->rows, sizeof *s->select);
    s->segments = cx__alloc_array(o->rows, sizeof *s->segments);
    if (!s->pos || !s->select || !s->segments)
        return CX_FAIL(CX_ENOMEM, "session of %zu rows: out of memory", o->rows);
    CX_TRY(cx__kv_new(&kv, &s->kv));
    return cx__plan_new(cx__model_graph(s->model), &plan, cx__model_pool(s->model), &s->plan);
}

cx_status cx_session_new(cx_model *m, const cx_session_options *options, cx_session **out)
{
    cx_session_options o = options ? *options : (cx_session_options){ 0 };
    cx_session *s;
    cx_status st;
    *out = NULL;
    if (o.window && o.keep >= o.window)
        return CX_FAIL(CX_EARG, "rotating cache: keep %zu is not below the window %zu", o.keep,
                       o.window);
    if (o.rows > 65536 || o.sequences > 65536 || o.context > UINT32_MAX || o.window > UINT32_MAX)
        return CX_FAIL(CX_EARG, "session: more than 65536 rows or sequences, or 2^32 positions");
    fill_defaults(cx__model_shape_of(m), &o);
    if (!(s = cx__calloc(1, sizeof *s))) return CX_FAIL(CX_ENOMEM, "session: out of memory");
    s->model = m;
    if ((st = build(s, &o)) != CX_OK) return cx_session_free(s), st;
    *out = s;
    return CX_OK;
}

void cx_session_free(cx_session *s)
{
    if (!s) return;
    cx__plan_free(s->plan);
    cx__kv_free(s->kv);
    cx__free(s->pos);
    cx__free(s->select);
    cx__free(s->segments);
    cx__free(s);
}

static cx_status check_tokens(const cx_session *s, const int32_t *tokens, size_t n)
{
    size_t vocabulary = cx__model_shape_of(s->model)->vocabulary;
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= vocabulary)
            return CX_FAIL(CX_EARG, "token %d: ids go from 0 to %zu", (int)tokens[i],
                           vocabulary - 1);
    return CX_OK;
}

static cx_status check_seq(const cx_session *s, size_t seq)
{
    if (seq < s->sequences) return CX_OK;
    return CX_FAIL(CX_EARG, "sequence %zu: the session has %zu", seq, s->sequences);
}

typedef struct all_rows {
    cx_logits_fn fn;
    void *user;
    size_t base;
} all_rows;

static int sink_rows(void *user, size_t first, size_t rows, const float *logits)
{
    all_rows *a = user;
    return a->fn ? a->fn(a->user, a->base + first, rows, logits) : 0;
}

/* One pass: n <= rows tokens of one sequence; the KV store grows only if all went well. */
static cx_status pass_of(cx_session *s, size_t seq, const int32_t *tokens, size_t n,
                         size_t selected, all_rows *sink)
{
    size_t length = cx__kv_length(s->kv, seq);
    cx__pass pass = { .tokens = tokens,
                      .pos = s->pos,
                      .rows = n,
                      .segments = s->segments,
                      .segment_count = 1,
                      .select = s->select,
                      .selected = selected,
                      .kv = s->kv,
                      .sink = sink_rows,
                      .user = sink };
    CX_TRY(cx__kv_reserve(s->kv, seq, n));
    for (size_t i = 0; i < n; i++) s->pos[i] = (uint32_t)(length + i);
    for (size_t i = 0; i < selected; i++) s->select[i] = (uint32_t)(n - selected + i);
    s->segments[0] = (cx__segment){ .seq = seq, .row = 0, .rows = n };
    CX_TRY(cx__plan_run(s->plan, &pass));
    CX_TRY(cx__model_check(s->model));
    cx__kv_commit(s->kv, seq, n);
    return CX_OK;
}

cx_status cx_session_eval(cx_session *s, size_t seq, const int32_t *tokens, size_t n,
                          cx_logits want, cx_logits_fn fn, void *user)
{
    all_rows sink = { .fn = fn, .user = user };
    CX_TRY(check_seq(s, seq));
    CX_TRY(check_tokens(s, tokens, n));
    for (size_t done = 0; done < n;) {
        size_t rows = n - done < s->rows ? n - done : s->rows;
        bool last = done + rows == n;
        size_t selected = want == CX_LOGITS_ALL ? rows : want == CX_LOGITS_LAST && last;
        sink.base = done + rows - selected;
        CX_TRY(pass_of(s, seq, tokens + done, rows, selected, &sink));
        done += rows;
        if (s->progress && s->progress(s->progress_user, "prompt", done, n, "tokens"))
            return CX_FAIL(CX_ECANCELED, "stopped after %zu of %zu tokens", done, n);
    }
    return CX_OK;
}

typedef struct step_rows {
    float *logits;
    size_t vocabulary;
} step_rows;

static int sink_step(void *user, size_t first, size_t rows, const float *logits)
{
    step_rows *r = user;
    memcpy(r->logits + first * r->vocabulary, logits, rows * r->vocabulary * sizeof *logits);
    return 0;
}

cx_status cx_session_step(cx_session *s, const size_t *seqs, const int32_t *tokens, size_t n,
                          float *logits)
{
    step_rows sink = { logits, cx__model_shape_of(s->model)->vocabulary };
    cx__pass pass = { .tokens = tokens,
                      .pos = s->pos,
                      .rows = n,
                      .segments = s->segments,
                      .segment_count = n,
                      .select = s->select,
                      .selected = n,
                      .kv = s->kv,
                      .sink = sink_step,
                      .user = &sink };
    CX_TRY(check_tokens(s, tokens, n));
    if (n > s->rows) return CX_FAIL(CX_EARG, "step of %zu sequences, at most %zu", n, s->rows);
    for (size_t i = 0; i < n; i++) {
        CX_TRY(check_seq(s, seqs[i]));
        for (size_t j = 0; j < i; j++)
            if (seqs[j] == seqs[i]) return CX_FAIL(CX_EARG, "sequence %zu twice", seqs[i]);
        CX_TRY(cx__kv_reserve(s->kv, seqs[i], 1));
        s->pos[i] = (uint32_t)cx__kv_length(s->kv, seqs[i]);
        s->select[i] = (uint32_t)i;
        s->segments[i] = (cx__segment){ .seq = seqs[i], .row = i, .rows = 1 };
    }
    CX_TRY(cx__plan_run(s->plan, &pass));
    CX_TRY(cx__model_check(s->model));
    for (size_t i = 0; i < n; i++) cx__kv_commit(s->kv, seqs[i], 1);
    return CX_OK;
}

size_t cx__session_context(const cx_session *s)
{
    return s->context;
}

cx_model *cx__session_model(const cx_session *s)
{
    return s->model;
}

size_t cx_session_length(const cx_session *s, size_t seq)
{
    return seq < s->sequences ? cx__kv_length(s->kv, seq) : 0;
}

cx_status cx_session_trim(cx_session *s, size_t seq, size_t length)
{
    CX_TRY(check_seq(s, seq));
    return cx__kv_trim(s->kv, seq, length);
}

void cx__session_traffic(const cx_session *s, size_t *weight_bytes, size_t *ops, size_t *head_ops)
{
    cx__plan_traffic(s->plan, weight_bytes, ops, head_ops);
}

void cx_session_progress(cx_session *s, cx_progress_fn fn, void *user)
{
    s->progress = fn;
    s->progress_user = user;
}

void cx_session_memory(const cx_session *s, size_t *kv_bytes, size_t *work_bytes)
{
    if (kv_bytes) *kv_bytes = cx__kv_bytes(s->kv);
    if (work_bytes) *work_bytes = cx__plan_bytes(s->plan);
}

cx_status cx_session_profile(cx_session *s, char **text)
{
    cx__buf b = { .max = 1 << 24 };
    cx__plan_describe(s->plan, &b);
    *text = cx__buf_take(&b);
    return *text ? CX_OK : CX_FAIL(CX_ENOMEM, "profile: out of memory");
}
