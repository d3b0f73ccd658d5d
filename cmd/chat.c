/* The variables that transformers hands to a chat template. */
#include "chat.h"

#include <cortex/template.h>
#include <string.h>

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the chat template's variables");
}

static cx_status variables(const cx_tokenizer *t, const cx_chat *chat, cx__buf *out)
{
    static const char *const names[] = { "bos_token", "eos_token", "unk_token", "pad_token" };
    json_t *v = json_object();
    int bad = !v || json_object_set(v, "messages", (json_t *)(uintptr_t)chat->messages);
    for (size_t i = 0; i < sizeof names / sizeof *names && !bad; i++) {
        const char *token = cx_tokenizer_special(t, names[i]);
        if (token) bad = json_object_set_new(v, names[i], json_string(token));
    }
    bad = bad ||
          json_object_set_new(v, "tools",
                              chat->tools ? json_deep_copy(chat->tools) : json_null()) ||
          json_object_set_new(v, "documents", json_null()) ||
          json_object_set_new(v, "add_generation_prompt",
                              json_boolean(chat->add_generation_prompt)) ||
          (chat->extra && json_object_update(v, (json_t *)(uintptr_t)chat->extra)) ||
          !cx__json_dump(out, v, 0, false);
    json_decref(v);
    return bad ? no_memory() : CX_OK;
}

cx_status cx_chat_render(const cx_tokenizer *t, const char *where, const cx_chat *chat, char **text,
                         size_t *len)
{
    const char *source = cx_tokenizer_chat_template(t);
    cx_template *tpl = NULL;
    cx__buf vars = { .max = (size_t)1 << 28 };
    char name[256];
    if (!source) return CX_FAIL(CX_ENOTFOUND, "%s: the model has no chat template", where);
    snprintf(name, sizeof name, "%s: chat template", where);
    cx_status st = cx_template_parse(name, source, strlen(source), &tpl);
    if (st == CX_OK) st = variables(t, chat, &vars);
    if (st == CX_OK) st = cx_template_render(tpl, vars.data, vars.len, chat->now, text, len);
    cx__buf_free(&vars);
    cx_template_free(tpl);
    return st;
}
