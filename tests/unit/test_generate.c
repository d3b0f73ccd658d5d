/* The generation loop on the bundled model: stops, limits, streaming, cancelling. */
#include "unit.h"

#include "base/base.h"
#include <cortex/generate.h>

#define FOLDER "models/cortex-stories"

typedef struct bed {
    cx_model *m;
    cx_tokenizer *t;
    cx_session *s;
    int32_t *prompt;
    size_t n;
} bed;

static bed set_up(size_t context)
{
    bed b;
    cx_session_options o = { .context = context };
    CHECK_OK(cx_model_open(FOLDER, NULL, &b.m));
    CHECK_OK(cx_tokenizer_open(FOLDER, &b.t));
    CHECK_OK(cx_session_new(b.m, &o, &b.s));
    CHECK_OK(cx_tokenizer_encode(b.t, "Once upon a time", 16, true, &b.prompt, &b.n));
    return b;
}

static void tear_down(bed *b)
{
    cx_free(b->prompt);
    cx_session_free(b->s);
    cx_tokenizer_close(b->t);
    cx_model_close(b->m);
}

typedef struct stream {
    char text[8192];
    int calls, most;
} stream;

static int take(void *user, const char *text, size_t len)
{
    stream *s = user;
    strncat(s->text, text, len);
    return ++s->calls == s->most;
}

TEST(generate, stream_equals_the_text_and_the_decoded_tokens)
{
    bed b = set_up(0);
    static stream s;
    cx_generate_options o = { .max_tokens = 60, .on_text = take, .user = &s };
    cx_generation g;
    char *decoded;
    size_t len;
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g));
    CHECK_INT(g.finish, CX_FINISH_LENGTH);
    CHECK_INT(g.token_count, 60);
    CHECK_INT(g.prompt_tokens, b.n);
    CHECK_STR(s.text, g.text);
    CHECK_INT(g.text_len, strlen(g.text));
    CHECK_OK(cx_tokenizer_decode(b.t, g.tokens, g.token_count, false, &decoded, &len));
    CHECK_STR(decoded, g.text);
    CHECK(g.prompt_tps > 0 && g.decode_tps > 0 && g.first_token_s > 0 && g.peak_bytes > 0);
    cx_free(decoded);
    cx_generation_deinit(&g);
    tear_down(&b);
}

TEST(generate, stop_string_across_tokens_ends_before_it)
{
    bed b = set_up(0);
    cx_generate_options o = { .max_tokens = 120 };
    cx_generation g, cut;
    char stop[24] = { 0 };
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g));
    memcpy(stop, g.text + 101, 20); /* begins inside some token */
    const char *stops[] = { "never in the text", stop };
    static stream s;
    o.stop = stops, o.stop_count = 2, o.on_text = take, o.user = &s;
    CHECK_OK(cx_session_trim(b.s, 0, 0));
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &cut));
    CHECK_INT(cut.finish, CX_FINISH_STOP);
    CHECK_INT(cut.text_len, strstr(g.text, stop) - g.text);
    CHECK(!strncmp(cut.text, g.text, cut.text_len));
    CHECK_STR(s.text, cut.text);
    cx_generation_deinit(&g);
    cx_generation_deinit(&cut);
    tear_down(&b);
}

TEST(generate, eos_ends_the_text_and_is_not_in_it)
{
    bed b = set_up(0);
    cx_generate_options o = { .max_tokens = 1000 };
    cx_generation g;
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g));
    CHECK_INT(g.finish, CX_FINISH_STOP);
    CHECK_INT(g.tokens[g.token_count - 1], cx_tokenizer_eos(b.t));
    CHECK(!strstr(g.text, cx_tokenizer_token(b.t, cx_tokenizer_eos(b.t))));
    cx_generation_deinit(&g);
    tear_down(&b);
}

TEST(generate, context_caps_the_length_and_a_prompt_beyond_it_is_refused)
{
    bed b = set_up(20);
    cx_generate_options o = { .max_tokens = 500, .ignore_eos = true };
    cx_generation g;
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g));
    CHECK_INT(g.finish, CX_FINISH_LENGTH);
    CHECK_INT(g.token_count, 20 - b.n + 1);
    cx_generation_deinit(&g);
    CHECK_INT(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g), CX_ELIMIT);
    CHECK_HAS(cx_error(), "the context holds 20");
    CHECK(g.text == NULL && g.tokens == NULL);
    tear_down(&b);
}

TEST(generate, receiver_cancels)
{
    bed b = set_up(0);
    static stream s = { .most = 5 };
    cx_generate_options o = { .max_tokens = 100, .on_text = take, .user = &s };
    cx_generation g;
    CHECK_OK(cx_generate(b.s, b.t, b.prompt, b.n, &o, &g));
    CHECK_INT(g.finish, CX_FINISH_CANCELED);
    CHECK_INT(s.calls, 5);
    cx_generation_deinit(&g);
    CHECK_INT(cx_generate(b.s, b.t, b.prompt, 0, &o, &g), CX_EARG);
    tear_down(&b);
}

static size_t fail_at, fails;

static bool fail_from(size_t size)
{
    (void)size;
    return ++fails >= fail_at;
}

/* Each allocation of opening a model and generating fails in turn: an error, no crash. */
TEST(alloc_generate, every_allocation_may_fail)
{
    int32_t prompt[3] = { 1, 2, 3 };
    for (fail_at = 1;; fail_at++) {
        cx_generate_options o = { .max_tokens = 4 };
        cx_generation g = { 0 };
        cx_model *m = NULL;
        cx_session *s = NULL;
        fails = 0;
        cx__alloc_fault_set(fail_from);
        cx_status st = cx_model_open("tests/golden/models/llama-q4", NULL, &m);
        if (st == CX_OK) st = cx_session_new(m, NULL, &s);
        if (st == CX_OK) st = cx_generate(s, NULL, prompt, 3, &o, &g);
        cx__alloc_fault_set(NULL);
        cx_generation_deinit(&g);
        cx_session_free(s);
        cx_model_close(m);
        if (st == CX_OK) break;
        CHECK_INT(st, CX_ENOMEM);
    }
    CHECK(fail_at > 50);
}
