/* cortex render: messages on standard input to the chat template's text on standard output. */
#include "chat.h"

#include <string.h>
#include <time.h>

typedef struct render_args {
    const char *model, *tools, *vars;
    bool add_generation_prompt;
    int64_t now;
} render_args;

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(render_args, model), NULL, 0, 0, "MODEL",
      "folder with the tokenizer's files, or a name in the Hugging Face cache" },
    { 'g', "add-generation-prompt", CX_OPT_FLAG, offsetof(render_args, add_generation_prompt), NULL,
      0, 0, NULL, "end with what begins the assistant's answer" },
    { 0, "tools", CX_OPT_STR, offsetof(render_args, tools), NULL, 0, 0, "FILE",
      "JSON list of tools for the template" },
    { 0, "vars", CX_OPT_STR, offsetof(render_args, vars), NULL, 0, 0, "JSON",
      "object of further variables, such as {\"enable_thinking\": false}" },
    { 0, "now", CX_OPT_INT, offsetof(render_args, now), "-1", -1, 253402300799.0, "SECONDS",
      "Unix time that templates see; -1: the clock's" },
    { .kind = CX_OPT_END }
};

/* A JSON value of the wanted type, from a file ("-": standard input) or from `text`. */
static cx_status get_json(const char *path, const char *text, const char *where, json_type type,
                          json_t **out)
{
    char *read = NULL;
    size_t len = text ? strlen(text) : 0;
    json_t *v = NULL;
    if (!text) CX_TRY(cx_input_read(path, &read, &len));
    cx_status st = cx__json_parse(text ? text : read, len, where, &v);
    cx__free(read);
    if (st != CX_OK) return st;
    if (json_typeof(v) != type) {
        json_decref(v);
        return CX_FAIL(CX_EFORMAT, "%s: expected a JSON %s", where,
                       type == JSON_ARRAY ? "list" : "object");
    }
    *out = v;
    return CX_OK;
}

static cx_status render(const render_args *a, const cx_tokenizer *t, const char *folder)
{
    json_t *messages = NULL, *tools = NULL, *extra = NULL;
    char *text = NULL;
    size_t len = 0;
    cx_status st = get_json("-", NULL, "standard input", JSON_ARRAY, &messages);
    if (st == CX_OK && a->tools) st = get_json(a->tools, NULL, a->tools, JSON_ARRAY, &tools);
    if (st == CX_OK && a->vars) st = get_json(NULL, a->vars, "--vars", JSON_OBJECT, &extra);
    if (st == CX_OK) {
        cx_chat chat = { messages, tools, extra, a->add_generation_prompt,
                         a->now < 0 ? (int64_t)time(NULL) : a->now };
        st = cx_chat_render(t, folder, &chat, &text, &len);
    }
    if (st == CX_OK) fwrite(text, 1, len, stdout);
    cx_free(text);
    json_decref(extra);
    json_decref(tools);
    json_decref(messages);
    return st;
}

static int run(void *p)
{
    const render_args *a = p;
    char *folder = NULL;
    cx_tokenizer *t = NULL;
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = cx_tokenizer_open(folder, &t);
    if (st == CX_OK) st = render(a, t, folder);
    cx_tokenizer_close(t);
    cx__free(folder);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_render = { "render", "turn messages into the text a chat model reads",
                                   opts,     sizeof(render_args),
                                   run,      NULL };
