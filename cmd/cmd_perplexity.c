/* cortex perplexity: how well a model predicts a text, and how far it is from another model. */
#include "cmd.h"

#include <cortex/generate.h>

typedef struct perplexity_args {
    const char *model, *file, *against;
    int64_t window, threads;
    bool exact, json;
} perplexity_args;

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(perplexity_args, model), NULL, 0, 0, "MODEL",
      "folder, or a name in the Hugging Face cache" },
    { 'f', "file", CX_OPT_STR, offsetof(perplexity_args, file), "-", 0, 0, "FILE",
      "the text; - is standard input" },
    { 0, "against", CX_OPT_STR, offsetof(perplexity_args, against), NULL, 0, 0, "MODEL",
      "also compare with this model: KL divergence and top-1 agreement" },
    { 'w', "window", CX_OPT_INT, offsetof(perplexity_args, window), "0", 0, 1 << 24, "N",
      "tokens per window, each begun anew; 0: the context, at most 512" },
    { 0, "exact", CX_OPT_FLAG, offsetof(perplexity_args, exact), NULL, 0, 0, NULL,
      "f32 activations everywhere: slower, comparable with MLX to rounding" },
    { 't', "threads", CX_OPT_INT, offsetof(perplexity_args, threads), "0", 0, 1024, "N",
      "threads; 0: all this process may use" },
    { 'j', "json", CX_OPT_FLAG, offsetof(perplexity_args, json), NULL, 0, 0, NULL,
      "print one JSON object" },
    { .kind = CX_OPT_END }
};

static cx_status print_result(const perplexity_args *a, const cx_perplexity *r)
{
    if (!a->json) {
        printf("perplexity %.4f on %llu tokens\n", r->perplexity, (unsigned long long)r->tokens);
        if (a->against)
            printf("KL divergence %.6f nats a token, 99.9 %% below %.6f; same top token %.2f %%\n",
                   r->kl_mean, r->kl_p999, r->top1 * 100);
        return CX_OK;
    }
    json_t *v = json_pack("{s:f, s:I}", "perplexity", r->perplexity, "tokens",
                          (json_int_t)r->tokens);
    if (v && a->against) {
        json_object_set_new(v, "kl_mean", json_real(r->kl_mean));
        json_object_set_new(v, "kl_p999", json_real(r->kl_p999));
        json_object_set_new(v, "top1", json_real(r->top1));
    }
    cx_status st = cx_output_json(v);
    json_decref(v);
    return st;
}

/* Ids of the text; BOS goes in front of each window if the tokenizer itself would add it. */
static cx_status tokens_of(const cx_tokenizer *t, const char *path, int32_t **ids, size_t *n,
                           int32_t *bos)
{
    char *text = NULL;
    int32_t *head = NULL;
    size_t len = 0, heads = 0;
    CX_TRY(cx_input_read(path, &text, &len));
    cx_status st = cx_tokenizer_encode(t, text, len, false, ids, n);
    cx__free(text);
    if (st == CX_OK) st = cx_tokenizer_encode(t, "", 0, true, &head, &heads);
    *bos = st == CX_OK && heads && head[0] == cx_tokenizer_bos(t) ? head[0] : -1;
    cx_free(head);
    return st;
}

static cx_status measure(const perplexity_args *a, const char *folder, const char *other)
{
    const cx_model_options mo = { .threads = (int)a->threads, .exact = a->exact };
    cx_tokenizer *t = NULL;
    cx_model *m = NULL, *against = NULL;
    cx_perplexity result = { 0 };
    int32_t *ids = NULL, bos = -1;
    size_t n = 0;
    cx_status st = cx_tokenizer_open(folder, &t);
    if (st == CX_OK) st = cx_model_open(folder, &mo, &m);
    if (st == CX_OK && other) st = cx_model_open(other, &mo, &against);
    if (st == CX_OK) st = tokens_of(t, a->file, &ids, &n, &bos);
    if (st == CX_OK)
        st = cx_perplexity_run(m, against, ids, n, (size_t)a->window, bos, cx_progress_show, NULL,
                               &result);
    cx_progress_clear();
    if (st == CX_OK) st = print_result(a, &result);
    cx_free(ids);
    cx_model_close(against);
    cx_model_close(m);
    cx_tokenizer_close(t);
    return st;
}

static int run(void *p)
{
    const perplexity_args *a = p;
    char *folder = NULL, *other = NULL;
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK && a->against) st = cx_model_find(a->against, &other);
    if (st == CX_OK) st = measure(a, folder, other);
    cx__free(other);
    cx__free(folder);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_perplexity = { "perplexity", "measure how well a model predicts a text",
                                       opts,         sizeof(perplexity_args),
                                       run,          NULL };
