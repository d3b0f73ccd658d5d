/* The generation loop: prompt, then pick, decode, step until an end. The loop itself allocates
 * nothing but the growing text (tests/unit/test_generate.c counts). */
#include "gen/gen.h"
#include "gen/stops.h"
#include "models/models.h"
#include <sys/resource.h>

enum { DEFAULT_TOKENS = 100 };

typedef struct job {
    cx_session *s;
    const cx_tokenizer *t;
    const cx_generate_options *o;
    cx_generation *out;
    cx_model_info info;
    cx_sampler *sampler;
    cx_detokenizer *detok;
    cx__stops stops;
    float *logits;
    size_t max_tokens;
    bool ended;
} job;

const char *cx_finish_name(cx_finish finish)
{
    static const char *const names[] = { "stop", "length", "canceled" };
    return names[finish];
}

static uint64_t peak_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
#ifdef __APPLE__
    return (uint64_t)u.ru_maxrss;
#else
    return (uint64_t)u.ru_maxrss * 1024;
#endif
}

static bool is_eos(const job *j, int32_t token)
{
    if (j->o->ignore_eos) return false;
    for (int i = 0; i < j->info.eos_count; i++)
        if (j->info.eos[i] == token) return true;
    return token >= 0 && j->info.eos_count == 0 && j->t && token == cx_tokenizer_eos(j->t);
}

/* Hands out what is final; false if the receiver wants no more. */
static bool stream(job *j, bool final)
{
    size_t len;
    const char *text = cx__stops_ready(&j->stops, final, &len);
    if (!len || !j->o->on_text) return true;
    return j->o->on_text(j->o->user, text, len) == 0;
}

static void end(job *j, cx_finish why)
{
    j->ended = true;
    j->out->finish = why;
}

/* Takes the picked token: text, stop strings, streaming. */
static cx_status take(job *j, int32_t token)
{
    const char *text = "";
    size_t len = 0;
    j->out->tokens[j->out->token_count++] = token;
    cx_sampler_accept(j->sampler, token);
    if (is_eos(j, token)) return end(j, CX_FINISH_STOP), CX_OK;
    /* Embeddings are often padded to more rows than there are tokens: such an id has no text. */
    if (j->detok && token < cx_tokenizer_size(j->t))
        CX_TRY(cx_detokenizer_push(j->detok, token, &text, &len));
    CX_TRY(cx__stops_push(&j->stops, text, len));
    if (!stream(j, false)) return end(j, CX_FINISH_CANCELED), CX_OK;
    if (j->stops.hit) return end(j, CX_FINISH_STOP), CX_OK;
    if (j->out->token_count == j->max_tokens) end(j, CX_FINISH_LENGTH);
    return CX_OK;
}

static int keep_logits(void *user, size_t first, size_t rows, const float *logits)
{
    job *j = user;
    (void)first, (void)rows;
    memcpy(j->logits, logits, (size_t)j->info.vocabulary * sizeof *logits);
    return 0;
}

static cx_status loop(job *j)
{
    const size_t seq = 0;
    double begin = cx__now();
    while (!j->ended) {
        int32_t token = cx_sampler_pick(j->sampler, j->logits);
        CX_TRY(take(j, token));
        if (!j->ended) CX_TRY(cx_session_step(j->s, &seq, &token, 1, j->logits));
    }
    if (j->out->token_count > 1)
        j->out->decode_tps = (double)(j->out->token_count - 1) / (cx__now() - begin);
    return CX_OK;
}

static cx_status finish(job *j)
{
    const char *text = "";
    size_t len = 0;
    if (j->detok && !j->stops.hit) {
        CX_TRY(cx_detokenizer_finish(j->detok, &text, &len));
        CX_TRY(cx__stops_push(&j->stops, text, len));
    }
    if (j->out->finish != CX_FINISH_CANCELED) stream(j, true);
    if (!cx__buf_append(&j->stops.text, "", 0)) return CX_FAIL(CX_ENOMEM, "text: out of memory");
    j->out->text_len = j->stops.text.len;
    j->out->text = cx__buf_take(&j->stops.text);
    j->out->peak_bytes = peak_bytes();
    return j->out->text ? CX_OK : CX_FAIL(CX_ENOMEM, "text: out of memory");
}

static cx_status run(job *j, const int32_t *prompt, size_t n)
{
    double begin = cx__now(), seconds;
    j->max_tokens = j->o->max_tokens;
    CX_TRY(cx__stops_init(&j->stops, j->o->stop, j->o->stop_count));
    CX_TRY(cx_sampler_new(&j->o->sampling, j->info.vocabulary, &j->sampler));
    if (j->t) CX_TRY(cx_detokenizer_new(j->t, j->o->keep_special, &j->detok));
    j->logits = cx__alloc_array((size_t)j->info.vocabulary, sizeof *j->logits);
    j->out->tokens = cx__alloc_array(j->max_tokens, sizeof *j->out->tokens);
    if (!j->logits || !j->out->tokens)
        return CX_FAIL(CX_ENOMEM, "generation of %zu tokens: out of memory", j->max_tokens);
    for (size_t i = 0; i < n; i++) cx_sampler_accept(j->sampler, prompt[i]);
    CX_TRY(cx_session_eval(j->s, 0, prompt, n, CX_LOGITS_LAST, keep_logits, j));
    seconds = cx__now() - begin;
    j->out->prompt_tokens = n;
    j->out->first_token_s = seconds;
    j->out->prompt_tps = seconds > 0 ? (double)n / seconds : 0;
    CX_TRY(loop(j));
    return finish(j);
}

/* Tokens that still fit; SIZE_MAX when the cache rotates. */
static cx_status check_room(const cx_session *s, size_t n, size_t *room)
{
    size_t context = cx__session_context(s), held = cx_session_length(s, 0);
    *room = SIZE_MAX;
    if (!context) return CX_OK;
    if (n > context || held > context - n)
        return CX_FAIL(CX_ELIMIT, "prompt of %zu tokens after %zu: the context holds %zu", n, held,
                       context);
    *room = context - n - held + 1; /* the last token picked needs no place */
    return CX_OK;
}

cx_status cx_generate(cx_session *s, const cx_tokenizer *t, const int32_t *prompt, size_t n,
                      const cx_generate_options *options, cx_generation *out)
{
    cx_generate_options o = options ? *options : (cx_generate_options){ 0 };
    job j = { .s = s, .t = t, .o = &o, .out = out };
    size_t room;
    cx_status st;
    *out = (cx_generation){ 0 };
    if (n == 0) return CX_FAIL(CX_EARG, "the prompt has no tokens");
    CX_TRY(check_room(s, n, &room));
    if (!o.max_tokens) o.max_tokens = DEFAULT_TOKENS;
    if (o.max_tokens > room) o.max_tokens = room;
    cx_model_info_get(cx__session_model(s), &j.info);
    st = run(&j, prompt, n);
    cx_sampler_free(j.sampler);
    cx_detokenizer_free(j.detok);
    cx__stops_deinit(&j.stops);
    cx__free(j.logits);
    if (st != CX_OK) cx_generation_deinit(out);
    return st;
}

void cx_generation_deinit(cx_generation *g)
{
    cx__free(g->text);
    cx__free(g->tokens);
    *g = (cx_generation){ 0 };
}
