/* What stands beside tokenizer.json: names of special tokens (tokenizer_config.json, then
 * special_tokens_map.json) and the chat template (chat_template.jinja, then the config). */
#include "text/parts.h"

enum { CONFIG_MAX = 32 << 20, TEMPLATE_MAX = 4 << 20 };
static const char *const names[CX__NAMED_COUNT] = { "bos_token", "eos_token", "unk_token",
                                                    "pad_token" };

int cx__named_index(const char *name)
{
    for (int i = 0; i < CX__NAMED_COUNT; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

/* "token", {"content": "token", ...} or null. */
static cx_status read_name(const json_t *o, const char *where, int i, char **out)
{
    const json_t *v = json_object_get(o, names[i]);
    if (json_is_object(v)) v = json_object_get(v, "content");
    if (*out || !v || json_is_null(v)) return CX_OK;
    if (!json_is_string(v))
        return CX_FAIL(CX_EFORMAT, "%s: '%s' must be a string or hold one in 'content'", where,
                       names[i]);
    *out = cx__strdup(json_string_value(v));
    return *out ? CX_OK : CX_FAIL(CX_ENOMEM, "%s", where);
}

/* A string, or a list of {"name", "template"} of which the one named "default" counts. */
static cx_status read_template(const json_t *o, const char *where, char **out)
{
    const json_t *v = json_object_get(o, "chat_template"), *item;
    size_t i;
    if (*out || !v || json_is_null(v)) return CX_OK;
    json_array_foreach(v, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (!name || strcmp(name, "default") != 0) continue;
        v = json_object_get(item, "template");
        break;
    }
    if (json_is_array(v)) return CX_OK;
    if (!json_is_string(v))
        return CX_FAIL(CX_EFORMAT, "%s: 'chat_template' must be a string or a list of them", where);
    *out = cx__strdup(json_string_value(v));
    return *out ? CX_OK : CX_FAIL(CX_ENOMEM, "%s", where);
}

static cx_status read_config(cx__named *n, const char *path, bool with_template)
{
    json_t *o = NULL;
    cx_status st;
    if (!cx__path_exists(path)) return CX_OK;
    CX_TRY(cx__json_load(path, CONFIG_MAX, &o));
    st = json_is_object(o) ? CX_OK : CX_FAIL(CX_EFORMAT, "%s: expected an object", path);
    for (int i = 0; i < CX__NAMED_COUNT && st == CX_OK; i++)
        st = read_name(o, path, i, &n->text[i]);
    if (st == CX_OK && with_template) st = read_template(o, path, &n->chat_template);
    json_decref(o);
    return st;
}

static cx_status read_jinja(cx__named *n, const char *path)
{
    size_t len, bad;
    if (!cx__path_exists(path)) return CX_OK;
    CX_TRY(cx__read_file(path, TEMPLATE_MAX, &n->chat_template, &len));
    bad = cx__utf8_bad(n->chat_template, len);
    if (bad < len || strlen(n->chat_template) < len)
        return CX_FAIL(CX_EFORMAT, "%s: offset %zu: not UTF-8 text", path,
                       bad < len ? bad : strlen(n->chat_template));
    return CX_OK;
}

cx_status cx__named_load(cx__named *n, const char *dir)
{
    static const char *const files[] = { "chat_template.jinja", "tokenizer_config.json",
                                         "special_tokens_map.json" };
    for (int i = 0; i < 3; i++) {
        char *path = cx__path_join(dir, files[i]);
        cx_status st;
        if (!path) return CX_FAIL(CX_ENOMEM, "%s", dir);
        st = i == 0 ? read_jinja(n, path) : read_config(n, path, i == 1);
        cx__free(path);
        CX_TRY(st);
    }
    return CX_OK;
}

void cx__named_deinit(cx__named *n)
{
    for (int i = 0; i < CX__NAMED_COUNT; i++) cx__free(n->text[i]);
    cx__free(n->chat_template);
}
