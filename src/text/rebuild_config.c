/* tokenizer_config.json of a rebuilt tokenizer, and both files from a source. The class becomes
 * PreTrainedTokenizerFast, which takes tokenizer.json as it is; the classes of transformers 5
 * (LlamaTokenizer, ...) would build another one from its vocabulary. */
#include "text/rebuild.h"

enum { JSON_MAX = 512 << 20, CONFIG_MAX = 32 << 20 }; /* as tokenizer_load.c and config.c read */

static int set_text(json_t *o, const char *key, cx__str s)
{
    return json_object_set_new(o, key, json_stringn(s.at, s.len));
}

static int set_token(const cx__rebuild *r, json_t *o, const char *key, int32_t id)
{
    return id < 0 ? 0 : set_text(o, key, r->v->tokens[id]);
}

static cx_status set_members(const cx__rebuild *r, json_t *o)
{
    static const char *const gone[] = { "added_tokens_decoder", "auto_map",
                                        "tokenizer_file",       "name_or_path",
                                        "add_prefix_space",     "legacy",
                                        "sp_model_kwargs",      "from_slow" };
    cx__str t = r->v->chat_template;
    int bad = 0;
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) json_object_del(o, gone[i]);
    bad |= json_object_set_new(o, "tokenizer_class", json_string("PreTrainedTokenizerFast"));
    bad |= set_token(r, o, "bos_token", r->bos) | set_token(r, o, "eos_token", r->eos) |
           set_token(r, o, "unk_token", r->unk) | set_token(r, o, "pad_token", r->pad);
    bad |= json_object_set_new(o, "add_bos_token", json_boolean(r->add_bos));
    bad |= json_object_set_new(o, "add_eos_token", json_boolean(r->add_eos));
    if (!json_object_get(o, "clean_up_tokenization_spaces"))
        bad |= json_object_set_new(o, "clean_up_tokenization_spaces", json_false());
    if (t.at && (cx__utf8_bad(t.at, t.len) < t.len || memchr(t.at, 0, t.len)))
        return CX_FAIL(CX_EFORMAT, "%s: the chat template is not UTF-8 text", r->where);
    if (t.at) bad |= set_text(o, "chat_template", t);
    return bad ? CX_FAIL(CX_ENOMEM, "%s: tokenizer_config.json", r->where) : CX_OK;
}

cx_status cx__rebuild_config(const cx__rebuild *r, json_t *o, cx__buf *out)
{
    CX_TRY(set_members(r, o));
    cx__json_dump(out, o, 2, true);
    return cx__buf_putc(out, '\n')
               ? CX_OK
               : CX_FAIL(CX_ELIMIT, "%s: no memory for tokenizer_config.json", r->where);
}

cx_status cx__rebuild_both(const cx__vocab_source *v, const char *where, json_t *config,
                           char **tokenizer_json, char **tokenizer_config_json)
{
    cx__buf out = { .max = JSON_MAX }, config_out = { .max = CONFIG_MAX };
    cx__rebuild r;
    cx_status st = cx__rebuild_init(&r, v, where);
    if (st == CX_OK) st = cx__rebuild_tokenizer(&r, &out);
    if (st == CX_OK) st = cx__rebuild_config(&r, config, &config_out);
    if (st == CX_OK) {
        *tokenizer_json = cx__buf_take(&out);
        *tokenizer_config_json = cx__buf_take(&config_out);
    }
    cx__buf_free(&out);
    cx__buf_free(&config_out);
    cx__rebuild_deinit(&r);
    return st;
}

cx_status cx__tokenizer_rebuild(const cx__vocab_source *v, const char *where, char **tokenizer_json,
                                char **tokenizer_config_json)
{
    json_t *config = json_object();
    cx_status st = config
                       ? cx__rebuild_both(v, where, config, tokenizer_json, tokenizer_config_json)
                       : CX_FAIL(CX_ENOMEM, "%s", where);
    json_decref(config);
    return st;
}
