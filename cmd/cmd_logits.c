/* cortex logits: the logits of given tokens as a safetensors file, to compare engines. */
#include "cmd.h"

#include <cortex/file.h>
#include <cortex/model.h>
#include <string.h>

typedef struct logits_args {
    const char *model, *tokens, *output;
    int64_t threads;
    bool exact;
} logits_args;

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(logits_args, model), NULL, 0, 0, "MODEL",
      "folder (tokenizer files are not needed), or a name in the Hugging Face cache" },
    { 'i', "tokens", CX_OPT_STR, offsetof(logits_args, tokens), NULL, 0, 0, "IDS",
      "token ids: 1,2,3; - reads them from standard input" },
    { 'o', "output", CX_OPT_STR, offsetof(logits_args, output), NULL, 0, 0, "FILE",
      "safetensors file to write: tensor \"logits\", F32 [tokens, vocabulary]" },
    { 0, "exact", CX_OPT_FLAG, offsetof(logits_args, exact), NULL, 0, 0, NULL,
      "f32 activations everywhere: slower, comparable with MLX to rounding" },
    { 't', "threads", CX_OPT_INT, offsetof(logits_args, threads), "0", 0, 1024, "N",
      "threads; 0: all this process may use" },
    { .kind = CX_OPT_END },
};

/* Where rows go as they are computed. */
typedef struct sink {
    cx_tensor_writer *w;
    size_t row_bytes;
    cx_status status;
} sink;

static int take_rows(void *user, size_t first, size_t rows, const float *logits)
{
    sink *s = user;
    s->status = cx_tensor_writer_write(s->w, 0, (uint64_t)first * s->row_bytes, logits,
                                       rows * s->row_bytes);
    return s->status != CX_OK || cx_interrupted();
}

/* Writes the file only if all went well. */
static cx_status write_logits(const logits_args *a, cx_model *m, const int32_t *ids, size_t n)
{
    const cx_session_options so = { .context = n };
    cx_model_info info;
    cx_session *session = NULL;
    sink out = { .status = CX_OK };
    cx_model_info_get(m, &info);
    const cx_tensor plan = {
        .name = "logits", .dtype = CX_F32, .ndim = 2, .shape = { (int64_t)n, info.vocabulary }
    };
    out.row_bytes = (size_t)info.vocabulary * sizeof(float);
    cx_status st = cx_session_new(m, &so, &session);
    if (st == CX_OK) st = cx_tensor_writer_open(a->output, &plan, 1, NULL, 0, &out.w);
    if (st == CX_OK) {
        cx_session_progress(session, cx_progress_show, NULL);
        st = cx_session_eval(session, 0, ids, n, CX_LOGITS_ALL, take_rows, &out);
        if (out.status != CX_OK) st = out.status;
    }
    if (st == CX_OK) st = cx_tensor_writer_finish(out.w);
    else cx_tensor_writer_abort(out.w);
    cx_session_free(session);
    return st;
}

static cx_status read_ids(const logits_args *a, int32_t **ids, size_t *n)
{
    char *text = NULL;
    size_t len = strlen(a->tokens);
    bool standard = !strcmp(a->tokens, "-");
    if (standard) CX_TRY(cx_input_read("-", &text, &len));
    cx_status st = cx_input_ids(standard ? "standard input" : "--tokens", text ? text : a->tokens,
                                len, ids, n);
    cx__free(text);
    if (st == CX_OK && *n == 0) st = CX_FAIL(CX_EARG, "--tokens: expected at least one id");
    return st;
}

static int run(void *p)
{
    const logits_args *a = p;
    const cx_model_options mo = { .threads = (int)a->threads, .exact = a->exact };
    char *folder = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    cx_model *m = NULL;
    if (!a->tokens || !a->output) {
        fputs("cortex logits: --tokens and --output must be given\n", stderr);
        return 2;
    }
    cx_status st = read_ids(a, &ids, &n);
    if (st == CX_OK) st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = cx_model_open(folder, &mo, &m);
    if (st == CX_OK) st = write_logits(a, m, ids, n);
    cx_model_close(m);
    cx__free(folder);
    cx__free(ids);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_logits = { "logits", "write the logits of given tokens to a file",
                                   opts,     sizeof(logits_args),
                                   run,      NULL };
