/* cortex generate: a prompt goes on as text. */
#include "chat.h"

#include <cortex/generate.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct generate_args {
    const char *model, *dash, *prompt, *file, *system;
    int64_t max_tokens, top_k, seed, kv_size, kv_bits, threads;
    double temp, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    cx_opt_list stop;
    bool raw, json, exact, ignore_eos, special;
} generate_args;

#define AT(field) offsetof(generate_args, field)
static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, AT(model), NULL, 0, 0, "MODEL",
      "folder, or a name in the Hugging Face cache" },
    { 0, "-", CX_OPT_POS, AT(dash), NULL, 0, 0, NULL, "read the prompt from standard input" },
    { 'p', "prompt", CX_OPT_STR, AT(prompt), NULL, 0, 0, "TEXT", "the prompt (hello)" },
    { 'f', "file", CX_OPT_STR, AT(file), NULL, 0, 0, "FILE",
      "read the prompt from a file; - is standard input" },
    { 0, "system", CX_OPT_STR, AT(system), NULL, 0, 0, "TEXT",
      "system message before the prompt, with a chat template" },
    { 0, "raw", CX_OPT_FLAG, AT(raw), NULL, 0, 0, NULL,
      "continue the prompt as it is: no chat template" },
    { 'n', "max-tokens", CX_OPT_INT, AT(max_tokens), "100", 1, 1 << 24, "N",
      "most tokens to generate" },
    { 0, "temp", CX_OPT_NUM, AT(temp), "0", 0, 100, "T",
      "temperature; 0 takes the likeliest token" },
    { 0, "top-p", CX_OPT_NUM, AT(top_p), "1", 0, 1, "P",
      "keep the likeliest tokens up to this share" },
    { 0, "top-k", CX_OPT_INT, AT(top_k), "0", 0, 1 << 24, "K",
      "keep the K likeliest tokens; 0: all" },
    { 0, "min-p", CX_OPT_NUM, AT(min_p), "0", 0, 1, "P",
      "keep tokens at least P times as likely as the likeliest" },
    { 0, "repetition-penalty", CX_OPT_NUM, AT(repetition_penalty), "1", 0, 100, "R",
      "make the last 20 tokens less likely; 1: off" },
    { 0, "presence-penalty", CX_OPT_NUM, AT(presence_penalty), "0", -100, 100, "R",
      "subtract from the logits of the last 20 tokens" },
    { 0, "frequency-penalty", CX_OPT_NUM, AT(frequency_penalty), "0", -100, 100, "R",
      "the same, once for each time a token is there" },
    { 0, "stop", CX_OPT_LIST, AT(stop), NULL, 0, 0, "TEXT", "end before this text" },
    { 0, "seed", CX_OPT_INT, AT(seed), "-1", -1, 9007199254740992.0, "N",
      "same seed, same text; -1: another one each time" },
    { 0, "ignore-eos", CX_OPT_FLAG, AT(ignore_eos), NULL, 0, 0, NULL,
      "go on after an end-of-text token" },
    { 0, "special", CX_OPT_FLAG, AT(special), NULL, 0, 0, NULL, "show special tokens in the text" },
    { 0, "kv-size", CX_OPT_INT, AT(kv_size), "0", 0, 1 << 30, "N",
      "rotating cache: remember the first 4 tokens and the last of N; 0: all" },
    { 0, "kv-bits", CX_OPT_INT, AT(kv_bits), "16", 16, 16, "16", "bits per cached value" },
    { 0, "exact", CX_OPT_FLAG, AT(exact), NULL, 0, 0, NULL,
      "f32 activations everywhere: slower, comparable with MLX to rounding" },
    { 't', "threads", CX_OPT_INT, AT(threads), "0", 0, 1024, "N",
      "threads; 0: all this process may use" },
    { 'j', "json", CX_OPT_FLAG, AT(json), NULL, 0, 0, NULL,
      "print one JSON object at the end instead of text as it comes" },
    { .kind = CX_OPT_END }
};

/* The prompt's text as given, before any template. Caller cx__free()s. */
static cx_status prompt_text(const generate_args *a, char **text, size_t *len)
{
    const char *path = a->dash ? "-" : a->file;
    if (path) return cx_input_read(path, text, len);
    const char *given = a->prompt ? a->prompt : "hello";
    char *copy = cx__strdup(given);
    if (!copy) return CX_FAIL(CX_ENOMEM, "no memory for the prompt");
    *text = copy;
    *len = strlen(given);
    return CX_OK;
}

/* The prompt as a user message in the model's chat template. Caller cx_free()s *out. */
static cx_status wrap(const generate_args *a, const cx_tokenizer *t, const char *folder,
                      const char *text, size_t len, char **out, size_t *out_len)
{
    json_t *messages = json_array(), *content = json_stringn(text, len);
    int bad = 0;
    if (!content) {
        json_decref(messages);
        return CX_FAIL(CX_EFORMAT, "the prompt is not UTF-8; --raw takes it as it is");
    }
    if (a->system)
        bad = json_array_append_new(
            messages, json_pack("{s:s, s:s}", "role", "system", "content", a->system));
    bad = bad || json_array_append_new(messages,
                                       json_pack("{s:s, s:o}", "role", "user", "content", content));
    cx_chat chat = { messages, NULL, NULL, true, (int64_t)time(NULL) };
    cx_status st = bad ? CX_FAIL(CX_ENOMEM, "no memory for the prompt, or --system is not UTF-8")
                       : cx_chat_render(t, folder, &chat, out, out_len);
    json_decref(messages);
    return st;
}

/* As mlx-lm: special tokens unless the template or the text itself begins with BOS. */
static cx_status prompt_ids(const generate_args *a, const cx_tokenizer *t, const char *folder,
                            int32_t **ids, size_t *n)
{
    char *text = NULL, *wrapped = NULL;
    size_t len = 0;
    const char *bos = cx_tokenizer_special(t, "bos_token");
    bool chat = !a->raw && cx_tokenizer_chat_template(t);
    CX_TRY(prompt_text(a, &text, &len));
    cx_status st = chat ? wrap(a, t, folder, text, len, &wrapped, &len) : CX_OK;
    const char *final = wrapped ? wrapped : text;
    bool has_bos = bos && *bos && !strncmp(final, bos, strlen(bos));
    if (st == CX_OK) st = cx_tokenizer_encode(t, final, len, !chat && !has_bos, ids, n);
    if (st == CX_OK && *n == 0) {
        cx_free(*ids);
        *ids = NULL;
        st = CX_FAIL(CX_EARG, "the prompt is empty");
    }
    cx_free(wrapped);
    cx__free(text);
    return st;
}

static int show_text(void *user, const char *text, size_t len)
{
    (void)user;
    cx_progress_clear();
    if (len && (fwrite(text, 1, len, stdout) != len || fflush(stdout))) return 1;
    return cx_interrupted();
}

static int check_only(void *user, const char *text, size_t len)
{
    (void)user, (void)text, (void)len;
    return cx_interrupted();
}

static cx_status print_json(const cx_generation *g)
{
    json_t *tokens = json_array();
    for (size_t i = 0; i < g->token_count; i++)
        json_array_append_new(tokens, json_integer(g->tokens[i]));
    json_t *v = json_pack("{s:s%, s:o, s:I, s:s, s:f, s:f, s:f, s:I}", "text", g->text, g->text_len,
                          "tokens", tokens, "prompt_tokens", (json_int_t)g->prompt_tokens,
                          "finish_reason", cx_finish_name(g->finish), "prompt_tps", g->prompt_tps,
                          "decode_tps", g->decode_tps, "first_token_s", g->first_token_s,
                          "peak_bytes", (json_int_t)g->peak_bytes);
    cx_status st = cx_output_json(v);
    json_decref(v);
    return st;
}

static void print_stats(const cx_generation *g)
{
    fflush(stdout);
    cx_note("==========\nPrompt: %zu tokens, %.3f tokens-per-sec\n"
            "Generation: %zu tokens, %.3f tokens-per-sec\nPeak memory: %.3f GB",
            g->prompt_tokens, g->prompt_tps, g->token_count, g->decode_tps,
            (double)g->peak_bytes / 1e9);
}

static cx_generate_options options_of(const generate_args *a)
{
    uint64_t now = (uint64_t)(cx__now() * 1e9) ^ (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid();
    return (cx_generate_options){
        .max_tokens = (size_t)a->max_tokens,
        .sampling = { .temperature = (float)a->temp,
                      .top_p = (float)a->top_p,
                      .min_p = (float)a->min_p,
                      .top_k = (int32_t)a->top_k,
                      .repetition_penalty = (float)a->repetition_penalty,
                      .presence_penalty = (float)a->presence_penalty,
                      .frequency_penalty = (float)a->frequency_penalty,
                      .seed = a->seed < 0 ? now : (uint64_t)a->seed },
        .stop = a->stop.item,
        .stop_count = a->stop.count,
        .ignore_eos = a->ignore_eos,
        .keep_special = a->special,
        .on_text = a->json ? check_only : show_text,
    };
}

/* Room for the prompt and the answer, where the default (8192) is less. */
static cx_session_options session_of(const generate_args *a, const cx_model *m, size_t prompt)
{
    cx_model_info info;
    size_t need = prompt + (size_t)a->max_tokens, most;
    cx_model_info_get(m, &info);
    most = info.context > 0 ? (size_t)info.context : need;
    if (a->kv_size) return (cx_session_options){ .window = (size_t)a->kv_size, .keep = 4 };
    return (cx_session_options){ .context = need > 8192 ? (need < most ? need : most) : 0 };
}

static cx_status generate(const generate_args *a, const char *folder)
{
    const cx_model_options mo = { .threads = (int)a->threads, .exact = a->exact };
    const cx_generate_options go = options_of(a);
    cx_tokenizer *t = NULL;
    cx_model *m = NULL;
    cx_session *s = NULL;
    cx_generation g = { 0 };
    int32_t *ids = NULL;
    size_t n = 0;
    cx_status st = cx_tokenizer_open(folder, &t);
    if (st == CX_OK) st = prompt_ids(a, t, folder, &ids, &n);
    if (st == CX_OK) st = cx_model_open(folder, &mo, &m);
    if (st == CX_OK) {
        cx_session_options so = session_of(a, m, n);
        st = cx_session_new(m, &so, &s);
    }
    if (st == CX_OK) {
        cx_session_progress(s, cx_progress_show, NULL);
        st = cx_generate(s, t, ids, n, &go, &g);
    }
    cx_progress_clear();
    if (st == CX_OK && a->json) st = print_json(&g);
    if (st == CX_OK && !a->json) putchar('\n');
    if (st == CX_OK && !a->json) print_stats(&g);
    cx_generation_deinit(&g);
    cx_session_free(s);
    cx_model_close(m);
    cx_free(ids);
    cx_tokenizer_close(t);
    return st;
}

static int run(void *p)
{
    generate_args *a = p;
    char *folder = NULL;
    if (a->model && !strcmp(a->model, "-") && !a->dash) { /* `cortex generate -` */
        a->dash = a->model;
        a->model = NULL;
    }
    if ((a->dash && strcmp(a->dash, "-") != 0) || !!a->dash + !!a->file + !!a->prompt > 1) {
        fputs("cortex generate: give the prompt once: -p TEXT, -f FILE or -\n", stderr);
        return 2;
    }
    if (a->kv_size && a->kv_size <= 4) {
        fputs("cortex generate: --kv-size: at least 5, as the first 4 tokens are kept\n", stderr);
        return 2;
    }
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = generate(a, folder);
    cx__free(folder);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_generate = {
    "generate",
    "write text that goes on from a prompt",
    opts,
    sizeof(generate_args),
    run,
    "The text goes to standard output as it is made, figures to standard error.\n"
    "--json prints: text, tokens, prompt_tokens, finish_reason (stop, length),\n"
    "prompt_tps, decode_tps, first_token_s, peak_bytes.\n"
};
