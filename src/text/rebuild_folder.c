/* Finds what a folder without tokenizer.json holds instead, and makes a cx__vocab_source of it:
 * vocab.json and merges.txt of the GPT-2 family, or tokenizer.model of SentencePiece or tiktoken.
 * Tested by tests/unit/test_rebuild.c, tests/oracle/oracle_rebuild.py and fuzz_rebuild. */
#include "text/rebuild.h"

enum { CONFIG_MAX = 32 << 20, VOCAB_MAX = 256 << 20 };

/* Everything that the source borrows from. */
typedef struct work {
    const cx__rebuild_files *f;
    const char *where;
    json_t *config, *map, *list, *model_config;
    cx__bpe bpe; /* its vocabulary holds the strings of vocab.json */
    cx__buf pool;
    cx__rebuild_tokens tokens;
    cx__rebuild_added added;
    cx__str *merges;
    size_t merge_count;
    cx__vocab_source v;
} work;

/* ---- the family of GPT-2 ---- */

/* Which classes of transformers, and model types without one, split text in which way. */
static const struct {
    const char *name, *pre;
} families[] = {
    { "GPT2Tokenizer", "gpt-2" },
    { "CodeGenTokenizer", "gpt-2" },
    { "GPTNeoXTokenizer", "olmo" },
    { "Qwen2Tokenizer", "qwen2" },
    { "Qwen3_5Tokenizer", "qwen35" },
    { "RobertaTokenizer", "roberta-bpe" },
    { "BartTokenizer", "roberta-bpe" },
    { "gpt2", "gpt-2" },
    { "gpt_neo", "gpt-2" },
    { "gptj", "gpt-2" },
    { "codegen", "gpt-2" },
    { "opt", "gpt-2" },
    { "phi", "gpt-2" },
    { "gpt_neox", "olmo" },
    { "qwen2", "qwen2" },
    { "qwen2_moe", "qwen2" },
    { "qwen3", "qwen2" },
    { "qwen3_moe", "qwen2" },
    { "roberta", "roberta-bpe" },
    { "bart", "roberta-bpe" },
};

/* Roles that these classes give without a word in any file. */
static const char *const *defaults_of(const char *pre)
{
    static const char end[] = "<|endoftext|>";
    static const char *const gpt2[CX__ROLE_COUNT] = { end, end, end };
    static const char *const qwen2[CX__ROLE_COUNT] = { NULL, end, end, end };
    static const char *const roberta[CX__ROLE_COUNT] = { "<s>",  "</s>", "<unk>", "<pad>",
                                                         "</s>", "<s>",  "<mask>" };
    if (!pre) return NULL;
    if (strncmp(pre, "qwen", 4) == 0) return qwen2;
    return strcmp(pre, "roberta-bpe") == 0 ? roberta : gpt2;
}

static const char *pre_of(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (len > 4 && strcmp(name + len - 4, "Fast") == 0) len -= 4;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (len && strlen(families[i].name) == len && memcmp(families[i].name, name, len) == 0)
            return families[i].pre;
    return NULL;
}

static cx_status find_pre(work *w)
{
    const char *class = json_string_value(json_object_get(w->config, "tokenizer_class"));
    const char *type = json_string_value(json_object_get(w->model_config, "model_type"));
    w->v.pre = pre_of(class);
    if (!w->v.pre) w->v.pre = pre_of(type);
    if (w->v.pre) return CX_OK;
    return CX_FAIL(CX_EUNSUPPORTED,
                   "%s: vocab.json: tokenizer_class '%.40s' of model_type '%.40s': how it splits "
                   "text is not known; expected GPT2Tokenizer, Qwen2Tokenizer, RobertaTokenizer, "
                   "CodeGenTokenizer or GPTNeoXTokenizer",
                   w->where, class ? class : "(none)", type ? type : "(none)");
}

static cx_status read_vocab(work *w)
{
    const cx__vocab *vocab = &w->bpe.vocab;
    char where[512];
    cx__scan s;
    snprintf(where, sizeof where, "%s: vocab.json", w->where);
    cx__scan_init(&s, w->f->vocab.at, w->f->vocab.len, where);
    CX_TRY(cx__bpe_vocab(&w->bpe, &s));
    cx__scan_peek(&s);
    if (s.at != s.end) return cx__scan_fail(&s, "the end of the file");
    for (int32_t id = 0; id < vocab->ids; id++) {
        size_t len = 0;
        const char *text = cx__vocab_text(vocab, id, &len);
        CX_TRY(cx__rebuild_tokens_add(&w->tokens, (cx__str){ text, len }, 0, CX__TOKEN_NORMAL,
                                      w->where));
    }
    return CX_OK;
}

/* Lines; the first may tell the version of the format. */
static cx_status read_merges(work *w)
{
    const char *p = w->f->merges.at, *end = p + w->f->merges.len;
    size_t lines = 1;
    for (const char *q = p; q < end; q++) lines += *q == '\n';
    w->merges = cx__alloc_array(lines, sizeof *w->merges);
    if (!w->merges) return CX_FAIL(CX_ENOMEM, "%s: merges.txt", w->where);
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p)), *line = p;
        size_t len;
        if (!stop) stop = end;
        p = stop < end ? stop + 1 : end;
        len = (size_t)(stop - line);
        if (len && line[len - 1] == '\r') len--;
        if (len == 0 || (line == w->f->merges.at && len >= 8 && !memcmp(line, "#version", 8)))
            continue;
        w->merges[w->merge_count++] = (cx__str){ line, len };
    }
    w->v.merges = w->merges;
    w->v.merge_count = w->merge_count;
    return CX_OK;
}

static cx_status read_gpt2(work *w)
{
    CX_TRY(find_pre(w));
    CX_TRY(read_vocab(w));
    CX_TRY(read_merges(w));
    w->v.model = "gpt2";
    if (strcmp(w->v.pre, "roberta-bpe") == 0) w->v.add_bos = w->v.add_eos = 1;
    return CX_OK;
}

static cx_status read_pieces(work *w)
{
    cx__str s = w->f->pieces;
    char where[512];
    snprintf(where, sizeof where, "%s: tokenizer.model", w->where);
    if (!cx__rebuild_is_tiktoken(s.at, s.len))
        return cx__rebuild_spm((const uint8_t *)s.at, s.len, where, &w->tokens, &w->v);
    w->v.pre = "llama-bpe"; /* as transformers: TikTokenConverter */
    return cx__rebuild_tiktoken(s.at, s.len, where, &w->pool, &w->tokens, &w->v);
}

/* ---- what the config says ---- */

static cx_status read_flag(const work *w, const char *key, int *out)
{
    bool value = false;
    const json_t *v = json_object_get(w->config, key);
    CX_TRY(cx__json_bool(w->config, w->where, key, &value));
    if (v && !json_is_null(v)) *out = value;
    return CX_OK;
}

/* Roles that the config names beat those of the vocabulary. */
static void set_roles(work *w)
{
    const cx__rebuild_added *a = &w->added;
    cx__vocab_source *v = &w->v;
    int64_t *ids[] = { &v->bos, &v->eos, &v->unk, &v->pad };
    for (int i = 0; i < 4; i++)
        if (a->named[i]) *ids[i] = a->ids[i];
    /* A vocabulary that ends before its default ids. */
    for (int i = 0; i < 4; i++)
        if (*ids[i] >= (int64_t)v->count) *ids[i] = -1;
    if (v->pre && strcmp(v->pre, "roberta-bpe") == 0) {
        if (a->ids[CX__ROLE_CLS] >= 0) v->bos = a->ids[CX__ROLE_CLS];
        if (a->ids[CX__ROLE_SEP] >= 0) v->eos = a->ids[CX__ROLE_SEP];
    }
}

static cx_status read_config(work *w)
{
    int legacy = 1;
    const char *const *defaults = w->f->pieces.at && !w->merges ? NULL : defaults_of(w->v.pre);
    cx__vocab_source *v = &w->v;
    CX_TRY(cx__rebuild_added_init(&w->added, w->config, w->map, w->list, defaults, w->where,
                                  &w->tokens));
    v->tokens = w->tokens.tokens;
    v->types = w->tokens.types;
    if (v->scores) v->scores = w->tokens.scores;
    v->count = v->type_count = w->tokens.count;
    v->score_count = v->scores ? w->tokens.count : 0;
    set_roles(w);
    CX_TRY(read_flag(w, "add_bos_token", &v->add_bos));
    CX_TRY(read_flag(w, "add_eos_token", &v->add_eos));
    CX_TRY(read_flag(w, "add_prefix_space", &v->add_space_prefix));
    CX_TRY(read_flag(w, "legacy", &legacy));
    v->space_prefix_once = legacy == 0;
    /* A prefix would stand before each of these too. */
    for (size_t i = 0; v->user_defined_in_text && i < w->added.count; i++)
        w->added.at[i].normalized = false;
    v->added = w->added.at;
    v->added_count = w->added.count;
    return CX_OK;
}

static cx_status parse(const work *w, cx__str s, const char *name, json_t **out)
{
    char where[512];
    snprintf(where, sizeof where, "%s: %s", w->where, name);
    if (!s.at) return CX_OK;
    CX_TRY(cx__json_parse(s.at, s.len, where, out));
    return json_is_object(*out) ? CX_OK : CX_FAIL(CX_EFORMAT, "%s: expected an object", where);
}

static cx_status read_all(work *w)
{
    const cx__rebuild_files *f = w->f;
    CX_TRY(parse(w, f->config, "tokenizer_config.json", &w->config));
    CX_TRY(parse(w, f->special_tokens, "special_tokens_map.json", &w->map));
    CX_TRY(parse(w, f->added, "added_tokens.json", &w->list));
    CX_TRY(parse(w, f->model_config, "config.json", &w->model_config));
    if (f->vocab.at && f->merges.at) CX_TRY(read_gpt2(w));
    else if (f->pieces.at) CX_TRY(read_pieces(w));
    else
        return CX_FAIL(CX_ENOTFOUND,
                       "%s: no tokenizer.json, no vocab.json with merges.txt, no tokenizer.model",
                       w->where);
    return read_config(w);
}

cx_status cx__tokenizer_rebuild_files(const cx__rebuild_files *f, const char *where,
                                      char **tokenizer_json, char **tokenizer_config_json)
{
    work w = { .f = f, .where = where };
    json_t *config = NULL;
    cx_status st;
    cx__vocab_source_init(&w.v);
    st = read_all(&w);
    if (st == CX_OK) {
        config = w.config ? json_deep_copy(w.config) : json_object();
        st = config ? cx__rebuild_both(&w.v, where, config, tokenizer_json, tokenizer_config_json)
                    : CX_FAIL(CX_ENOMEM, "%s", where);
    }
    json_decref(config);
    cx__rebuild_added_deinit(&w.added);
    cx__rebuild_tokens_deinit(&w.tokens);
    cx__bpe_deinit(&w.bpe);
    cx__buf_free(&w.pool);
    cx__free(w.merges);
    json_decref(w.config);
    json_decref(w.map);
    json_decref(w.list);
    json_decref(w.model_config);
    return st;
}

/* ---- files ---- */

static cx_status read_file(const char *folder, const char *name, size_t max, cx__str *out)
{
    char *path = cx__path_join(folder, name), *data = NULL;
    size_t len = 0;
    cx_status st = CX_OK;
    if (!path) return CX_FAIL(CX_ENOMEM, "%s", folder);
    if (!out->at && cx__path_exists(path)) {
        st = cx__read_file(path, max, &data, &len);
        if (st == CX_OK) *out = (cx__str){ data, len };
    }
    cx__free(path);
    return st;
}

cx_status cx__tokenizer_rebuild_folder(const char *folder, char **tokenizer_json,
                                       char **tokenizer_config_json)
{
    cx__rebuild_files f = { 0 };
    const struct {
        const char *name;
        cx__str *out;
        size_t max;
    } files[] = {
        { "vocab.json", &f.vocab, VOCAB_MAX },
        { "merges.txt", &f.merges, VOCAB_MAX },
        { "tokenizer.model", &f.pieces, VOCAB_MAX },
        { "tokenizer.model.v3", &f.pieces, VOCAB_MAX },
        { "spiece.model", &f.pieces, VOCAB_MAX },
        { "tiktoken.model", &f.pieces, VOCAB_MAX },
        { "tokenizer_config.json", &f.config, CONFIG_MAX },
        { "special_tokens_map.json", &f.special_tokens, CONFIG_MAX },
        { "added_tokens.json", &f.added, CONFIG_MAX },
        { "config.json", &f.model_config, CONFIG_MAX },
    };
    cx_status st = CX_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && st == CX_OK; i++)
        st = read_file(folder, files[i].name, files[i].max, files[i].out);
    if (st == CX_OK)
        st = cx__tokenizer_rebuild_files(&f, folder, tokenizer_json, tokenizer_config_json);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        cx__free((char *)files[i].out->at);
        *files[i].out = (cx__str){ 0 };
    }
    return st;
}
