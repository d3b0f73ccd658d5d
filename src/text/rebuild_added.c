/* Added and special tokens of a tokenizer whose vocabulary lies in files of its own, read as
 * transformers does (tokenization_utils_base.py): "added_tokens_decoder" of tokenizer_config.json,
 * added_tokens.json, then the tokens with a role. Each gets the id of the vocabulary, else the one
 * that the files say, else the next free one. */
#include "text/rebuild.h"

/* Ids further than this behind the vocabulary are a broken file. */
enum { HOLES_MAX = 65536, CONTENT_MAX = 1000 };
static const char *const names[CX__ROLE_COUNT] = { "bos_token", "eos_token", "unk_token",
                                                   "pad_token", "sep_token", "cls_token",
                                                   "mask_token" };

/* The entry for this content, which is made if there is none; *is_new tells. */
static cx_status entry_of(cx__rebuild_added *a, const json_t *content, const char *where,
                          cx__vocab_added **out, bool *is_new)
{
    const char *text = json_string_value(content);
    size_t len = json_string_length(content);
    json_t *index = text ? json_object_get(a->known, text) : NULL;
    if (!text || len == 0 || len > CONTENT_MAX || strlen(text) < len)
        return CX_FAIL(CX_EFORMAT, "%s: an added token must be a string of 1 to %d bytes", where,
                       CONTENT_MAX);
    *is_new = !index;
    if (index) return *out = &a->at[json_integer_value(index)], CX_OK;
    if (a->count == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 64;
        void *p = cx__realloc(a->at, cap * sizeof *a->at);
        if (p) a->at = p;
        if (p && (p = cx__realloc(a->content, cap * sizeof *a->content)) != NULL) a->content = p;
        if (!p) return CX_FAIL(CX_ENOMEM, "%s: added tokens", where);
        a->cap = cap;
    }
    if (json_object_set_new(a->known, text, json_integer((json_int_t)a->count)) != 0)
        return CX_FAIL(CX_ENOMEM, "%s: added tokens", where);
    /* The key of `known` lives as long as the list. */
    a->content[a->count] = (cx__str){ json_object_iter_key(json_object_iter_at(a->known, text)),
                                      len };
    *out = &a->at[a->count++];
    **out = (cx__vocab_added){ .id = -1 };
    return CX_OK;
}

static cx_status read_flags(cx__vocab_added *t, const json_t *o, const char *where)
{
    CX_TRY(cx__json_bool(o, where, "special", &t->special));
    CX_TRY(cx__json_bool(o, where, "normalized", &t->normalized));
    CX_TRY(cx__json_bool(o, where, "single_word", &t->single_word));
    CX_TRY(cx__json_bool(o, where, "lstrip", &t->lstrip));
    return cx__json_bool(o, where, "rstrip", &t->rstrip);
}

/* {"5": {"content": ..., flags}} */
static cx_status read_decoder(cx__rebuild_added *a, const json_t *o, const char *where)
{
    const char *key;
    json_t *value;
    if (!o || json_is_null(o)) return CX_OK;
    if (!json_is_object(o))
        return CX_FAIL(CX_EFORMAT, "%s: added_tokens_decoder must be an object", where);
    json_object_foreach((json_t *)o, key, value)
    {
        size_t digits = strspn(key, "0123456789");
        cx__vocab_added *t;
        bool is_new;
        if (digits == 0 || digits > 9 || key[digits])
            return CX_FAIL(CX_EFORMAT, "%s: added_tokens_decoder: '%.40s' is no id", where, key);
        CX_TRY(entry_of(a, json_object_get(value, "content"), where, &t, &is_new));
        if (!is_new)
            return CX_FAIL(CX_EFORMAT, "%s: added_tokens_decoder: '%.60s' is there twice", where,
                           json_string_value(json_object_get(value, "content")));
        t->id = strtol(key, NULL, 10);
        CX_TRY(read_flags(t, value, where));
    }
    return CX_OK;
}

/* added_tokens.json: {"<|im_end|>": 151645} */
static cx_status read_list(cx__rebuild_added *a, const json_t *o, const char *where)
{
    const char *key;
    json_t *value;
    if (!o) return CX_OK;
    if (!json_is_object(o))
        return CX_FAIL(CX_EFORMAT, "%s: added_tokens.json: expected an object", where);
    json_object_foreach((json_t *)o, key, value)
    {
        json_t *content = json_string(key);
        json_int_t id = json_integer_value(value);
        cx__vocab_added *t;
        bool is_new;
        cx_status st = content ? entry_of(a, content, where, &t, &is_new)
                               : CX_FAIL(CX_ENOMEM, "%s: added tokens", where);
        json_decref(content);
        CX_TRY(st);
        if (!json_is_integer(value) || id < 0 || id > INT32_MAX || (!is_new && t->id != id))
            return CX_FAIL(CX_EFORMAT, "%s: added_tokens.json: '%.60s': not its id", where, key);
        if (!is_new) continue;
        t->id = id;
        t->normalized = true;
    }
    return CX_OK;
}

/* A token with a role: text, or an object with flags. */
static cx_status read_special(cx__rebuild_added *a, const json_t *v, const char *where,
                              const char **text)
{
    const json_t *content = json_is_object(v) ? json_object_get(v, "content") : v;
    cx__vocab_added *t;
    bool is_new;
    CX_TRY(entry_of(a, content, where, &t, &is_new));
    if (is_new && json_is_object(v)) CX_TRY(read_flags(t, v, where));
    if (!t->special) t->normalized = false;
    t->special = true;
    *text = json_string_value(content);
    return CX_OK;
}

static cx_status read_specials(cx__rebuild_added *a, const json_t *o, const char *where)
{
    const json_t *list = json_object_get(o, "additional_special_tokens");
    const char *text, *key;
    json_t *item;
    size_t i;
    if (!json_is_array(list)) list = json_object_get(o, "extra_special_tokens");
    json_array_foreach(list, i, item) CX_TRY(read_special(a, item, where, &text));
    if (json_is_object(list))
        json_object_foreach((json_t *)list, key, item) CX_TRY(read_special(a, item, where, &text));
    return CX_OK;
}

/* The value of a role: the config's, else that of special_tokens_map.json. */
static const json_t *role_of(const json_t *config, const json_t *map, const char *name, bool *said)
{
    const json_t *v = json_object_get(config, name);
    if (!v || json_is_null(v)) {
        const json_t *other = json_object_get(map, name);
        if (other) v = other;
    }
    *said = v != NULL;
    return v && !json_is_null(v) ? v : NULL;
}

/* ---- ids ---- */

/* Room for token `id`; what lies between is holes. */
static cx_status reach(cx__rebuild_tokens *t, size_t id, const char *where)
{
    if (id > t->count + HOLES_MAX)
        return CX_FAIL(CX_EFORMAT, "%s: added token with id %zu behind %zu tokens", where, id,
                       t->count);
    while (t->count <= id)
        CX_TRY(cx__rebuild_tokens_add(t, (cx__str){ NULL, 0 }, 0, CX__TOKEN_UNUSED, where));
    return CX_OK;
}

/* A placeholder of the vocabulary that an added token renames keeps its id. */
static cx_status place(cx__rebuild_added *a, const cx__vocab *vocab, size_t i, const char *where,
                       cx__rebuild_tokens *t)
{
    cx__vocab_added *e = &a->at[i];
    cx__str s = a->content[i];
    int32_t known = cx__vocab_find(vocab, s.at, s.len);
    if (known >= 0) return e->id = known, CX_OK;
    if (e->id < 0) e->id = (int64_t)t->count;
    CX_TRY(reach(t, (size_t)e->id, where));
    t->tokens[e->id] = s;
    t->types[e->id] = e->special ? CX__TOKEN_CONTROL : CX__TOKEN_USER_DEFINED;
    return CX_OK;
}

static cx_status place_all(cx__rebuild_added *a, const char *where, cx__rebuild_tokens *t)
{
    cx__vocab vocab = { 0 };
    cx_status st = cx__rebuild_index(t->tokens, t->count, where, &vocab);
    /* Those that have an id first: the others come behind them. */
    for (int free_ids = 0; free_ids < 2; free_ids++)
        for (size_t i = 0; i < a->count && st == CX_OK; i++)
            if ((a->at[i].id < 0) == (free_ids == 1)) st = place(a, &vocab, i, where, t);
    cx__vocab_deinit(&vocab);
    return st;
}

static bool has(const cx__rebuild_tokens *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->tokens[i].at && t->tokens[i].len == strlen(text) &&
            memcmp(t->tokens[i].at, text, t->tokens[i].len) == 0)
            return true;
    return false;
}

static cx_status read_default(cx__rebuild_added *a, const char *text, const char *where,
                              const char **role)
{
    json_t *v = json_string(text);
    cx_status st = v ? read_special(a, v, where, role) : CX_FAIL(CX_ENOMEM, "%s", where);
    if (st == CX_OK) *role = text;
    json_decref(v);
    return st;
}

/* roles: the text of each, NULL: none. */
static cx_status gather(cx__rebuild_added *a, const json_t *config, const json_t *map,
                        const char *const *defaults, const char *where, const cx__rebuild_tokens *t,
                        const char **roles)
{
    for (int i = 0; i < CX__ROLE_COUNT; i++) {
        const json_t *v = role_of(config, map, names[i], &a->named[i]);
        if (v) CX_TRY(read_special(a, v, where, &roles[i]));
        if (a->named[i] || !defaults || !defaults[i] || !has(t, defaults[i])) continue;
        CX_TRY(read_default(a, defaults[i], where, &roles[i]));
        a->named[i] = true;
    }
    CX_TRY(read_specials(a, map, where));
    return read_specials(a, config, where);
}

cx_status cx__rebuild_added_init(cx__rebuild_added *a, const json_t *config, const json_t *map,
                                 const json_t *list, const char *const *defaults, const char *where,
                                 cx__rebuild_tokens *t)
{
    const char *roles[CX__ROLE_COUNT] = { NULL };
    cx_status st;
    a->known = json_object();
    for (int i = 0; i < CX__ROLE_COUNT; i++) a->ids[i] = -1;
    st = a->known ? read_decoder(a, json_object_get(config, "added_tokens_decoder"), where)
                  : CX_FAIL(CX_ENOMEM, "%s", where);
    if (st == CX_OK) st = read_list(a, list, where);
    if (st == CX_OK) st = gather(a, config, map, defaults, where, t, roles);
    if (st == CX_OK) st = place_all(a, where, t);
    for (int i = 0; i < CX__ROLE_COUNT && st == CX_OK; i++)
        if (roles[i]) a->ids[i] = a->at[json_integer_value(json_object_get(a->known, roles[i]))].id;
    return st;
}

void cx__rebuild_added_deinit(cx__rebuild_added *a)
{
    json_decref(a->known);
    cx__free(a->at);
    cx__free(a->content);
}
