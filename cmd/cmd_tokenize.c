/* cortex tokenize: text on standard input to ids on standard output, or back. */
#include "cmd.h"

#include <cortex/tokenizer.h>

typedef struct tokenize_args {
    const char *model;
    bool decode, special, json;
} tokenize_args;

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(tokenize_args, model), NULL, 0, 0, "MODEL",
      "folder with a tokenizer.json, or a name in the Hugging Face cache" },
    { 'd', "decode", CX_OPT_FLAG, offsetof(tokenize_args, decode), NULL, 0, 0, NULL,
      "read ids (a JSON list, or plain numbers) and print their text and nothing else" },
    { 's', "special", CX_OPT_FLAG, offsetof(tokenize_args, special), NULL, 0, 0, NULL,
      "add the special tokens (BOS and the like); with --decode: keep them" },
    { 'j', "json", CX_OPT_FLAG, offsetof(tokenize_args, json), NULL, 0, 0, NULL,
      "print a JSON list of ids; with --decode a JSON string" },
    { .kind = CX_OPT_END }
};

static void print_ids(const int32_t *ids, size_t n, bool json)
{
    if (json) putchar('[');
    for (size_t i = 0; i < n; i++) printf("%s%d", !i ? "" : json ? ", " : " ", (int)ids[i]);
    fputs(json ? "]\n" : "\n", stdout);
}

static cx_status encode(const cx_tokenizer *t, const tokenize_args *a, const char *text, size_t len)
{
    int32_t *ids = NULL;
    size_t n = 0;
    CX_TRY(cx_tokenizer_encode(t, text, len, a->special, &ids, &n));
    print_ids(ids, n, a->json);
    cx_free(ids);
    return CX_OK;
}

static cx_status decode(const cx_tokenizer *t, const tokenize_args *a, const char *list, size_t len)
{
    int32_t *ids = NULL;
    size_t n = 0;
    char *text = NULL;
    CX_TRY(cx_input_ids("standard input", list, len, &ids, &n));
    cx_status st = cx_tokenizer_decode(t, ids, n, a->special, &text, &len);
    cx__free(ids);
    if (st != CX_OK) return cx__fail_in(st, "standard input");
    if (a->json) {
        json_t *v = json_stringn(text, len);
        st = cx_output_json(v);
        json_decref(v);
    } else {
        fwrite(text, 1, len, stdout);
    }
    cx_free(text);
    return st;
}

static int run(void *p)
{
    const tokenize_args *a = p;
    char *folder = NULL, *text = NULL;
    size_t len = 0;
    cx_tokenizer *t = NULL;
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = cx_tokenizer_open(folder, &t);
    if (st == CX_OK) st = cx_input_read("-", &text, &len);
    if (st == CX_OK) st = a->decode ? decode(t, a, text, len) : encode(t, a, text, len);
    cx__free(text);
    cx_tokenizer_close(t);
    cx__free(folder);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_tokenize = { "tokenize", "turn text into token ids, or ids into text",
                                     opts,       sizeof(tokenize_args),
                                     run,        NULL };
