/* Tokenizer of a GGUF file: its metadata as the vocabulary that src/text rebuilds from. Keys: the
 * GGUF specification, "Tokenizer". Tested by tests/oracle/oracle_sources.py. */
#include "convert/gguf.h"
#include "text/text.h"

#include <string.h>

/* Arrays that a cx__vocab_source borrows. */
typedef struct lists {
    cx__str *tokens, *merges;
    float *scores;
    int32_t *types;
    char *model, *pre;
} lists;

static cx_status no_memory(const cx__gguf *g)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its tokenizer", cx__gguf_path(g));
}

static cx_status bad_key(const cx__gguf *g, const char *key, const char *expected)
{
    return CX_FAIL(CX_EFORMAT, "%s: '%s': expected %s", cx__gguf_path(g), key, expected);
}

static cx_status take_strings(const cx__gguf *g, const char *key, cx__str **list, size_t *count)
{
    const cx__gguf_value *v = cx__gguf_get(g, key);
    if (!v) return CX_OK;
    if (!v->array || v->type != CX__GGUF_STRING) return bad_key(g, key, "an array of strings");
    cx__str *s = cx__calloc(v->count ? v->count : 1, sizeof *s);
    if (!s) return no_memory(g);
    *list = s;
    *count = v->count;
    for (size_t i = 0; i < v->count; i++)
        if (!cx__gguf_value_str(v, i, &s[i].at, &s[i].len))
            return bad_key(g, key, "an array of strings");
    return CX_OK;
}

static cx_status take_scores(const cx__gguf *g, float **list, size_t *count)
{
    static const char key[] = "tokenizer.ggml.scores";
    const cx__gguf_value *v = cx__gguf_get(g, key);
    double x;
    if (!v) return CX_OK;
    if (!(*list = cx__alloc_array(v->count ? v->count : 1, sizeof **list))) return no_memory(g);
    *count = v->count;
    for (size_t i = 0; i < v->count; i++) {
        if (!v->array || !cx__gguf_value_num(v, i, &x)) return bad_key(g, key, "numbers");
        (*list)[i] = (float)x;
    }
    return CX_OK;
}

static cx_status take_types(const cx__gguf *g, int32_t **list, size_t *count)
{
    static const char key[] = "tokenizer.ggml.token_type";
    const cx__gguf_value *v = cx__gguf_get(g, key);
    int64_t x;
    if (!v) return CX_OK;
    if (!(*list = cx__alloc_array(v->count ? v->count : 1, sizeof **list))) return no_memory(g);
    *count = v->count;
    for (size_t i = 0; i < v->count; i++) {
        if (!v->array || !cx__gguf_value_int(v, i, &x) || x < INT32_MIN || x > INT32_MAX)
            return bad_key(g, key, "whole numbers");
        (*list)[i] = (int32_t)x;
    }
    return CX_OK;
}

static cx_status take_text(const cx__gguf *g, const char *key, char **out)
{
    const char *text = NULL;
    size_t len = 0;
    CX_TRY(cx__gguf_str(g, key, &text, &len));
    if (text && !(*out = cx__strndup(text, len))) return no_memory(g);
    return CX_OK;
}

static cx_status take_flag(const cx__gguf *g, const char *key, int *out)
{
    bool flag = false;
    if (!cx__gguf_get(g, key)) return CX_OK;
    CX_TRY(cx__gguf_bool(g, key, &flag));
    *out = flag;
    return CX_OK;
}

static cx_status take_ids(const cx__gguf *g, cx__vocab_source *v)
{
    CX_TRY(cx__gguf_int(g, "tokenizer.ggml.bos_token_id", -1, UINT32_MAX, &v->bos));
    CX_TRY(cx__gguf_int(g, "tokenizer.ggml.eos_token_id", -1, UINT32_MAX, &v->eos));
    CX_TRY(cx__gguf_int(g, "tokenizer.ggml.unknown_token_id", -1, UINT32_MAX, &v->unk));
    CX_TRY(cx__gguf_int(g, "tokenizer.ggml.padding_token_id", -1, UINT32_MAX, &v->pad));
    CX_TRY(take_flag(g, "tokenizer.ggml.add_bos_token", &v->add_bos));
    CX_TRY(take_flag(g, "tokenizer.ggml.add_eos_token", &v->add_eos));
    return take_flag(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix);
}

static cx_status take_all(const cx__gguf *g, lists *l, cx__vocab_source *v)
{
    CX_TRY(take_text(g, "tokenizer.ggml.model", &l->model));
    CX_TRY(take_text(g, "tokenizer.ggml.pre", &l->pre));
    CX_TRY(take_strings(g, "tokenizer.ggml.tokens", &l->tokens, &v->count));
    CX_TRY(take_strings(g, "tokenizer.ggml.merges", &l->merges, &v->merge_count));
    CX_TRY(take_scores(g, &l->scores, &v->score_count));
    CX_TRY(take_types(g, &l->types, &v->type_count));
    CX_TRY(take_ids(g, v));
    return cx__gguf_str(g, "tokenizer.chat_template", &v->chat_template.at, &v->chat_template.len);
}

cx_status cx__gguf_tokenizer(const cx__gguf *g, char **tokenizer_json, char **tokenizer_config_json)
{
    lists l = { 0 };
    cx__vocab_source v;
    cx__vocab_source_init(&v);
    cx_status st = take_all(g, &l, &v);
    if (st == CX_OK && (!l.model || !l.tokens))
        st = CX_FAIL(CX_ENOTFOUND, "%s: holds no tokenizer", cx__gguf_path(g));
    v.model = l.model;
    v.pre = l.pre;
    v.tokens = l.tokens;
    v.merges = l.merges;
    v.scores = l.scores;
    v.types = l.types;
    if (st == CX_OK)
        st = cx__tokenizer_rebuild(&v, cx__gguf_path(g), tokenizer_json, tokenizer_config_json);
    cx__free(l.tokens);
    cx__free(l.merges);
    cx__free(l.scores);
    cx__free(l.types);
    cx__free(l.model);
    cx__free(l.pre);
    return st;
}
