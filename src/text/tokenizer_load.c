/* Reads tokenizer.json. The members of the file are small and go through the JSON library; only
 * the vocabulary and the merges are read in place (scan.c). Order: parse, validate, build. */
#include "text/parts.h"

enum { FILE_MAX = 512 << 20, MODEL_MAX = 1 << 20 };

/* Members of the file, as text. Required: model. */
enum { VERSION, TRUNCATION, PADDING, ADDED, NORMALIZER, PRE, POST, DECODER, MODEL, MEMBERS };
static const char *const member_names[MEMBERS] = { "version",        "truncation", "padding",
                                                   "added_tokens",   "normalizer", "pre_tokenizer",
                                                   "post_processor", "decoder",    "model" };
typedef struct loader {
    cx_tokenizer *t;
    cx__scan scan;
    json_t *members[MEMBERS];
    bool seen[MEMBERS];
    cx__buf model;    /* the members of "model" but for vocab and merges, as an object */
    cx__scan merges;  /* at the list; begin NULL: none */
    const char *list; /* the vocabulary, where it is a list; NULL: it is none */
    size_t list_len;
    bool vocab;
    const char *where;
} loader;

/* "where: name" in a buffer of the caller. */
static const char *place(const loader *l, const char *name, char *out, size_t len)
{
    snprintf(out, len, "%s: %s", l->where, name);
    return out;
}

static cx_status parse_value(loader *l, const char *raw, size_t len, const char *name, json_t **out)
{
    char text[512];
    return cx__json_parse(raw, len, place(l, name, text, sizeof text), out);
}

/* ---- "model" ---- */

static bool is_key(const char *key, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(key, name, len) == 0;
}

static cx_status read_vocab(loader *l)
{
    if (l->vocab) return CX_FAIL(CX_EFORMAT, "%s: model: 'vocab' is there twice", l->where);
    l->vocab = true;
    if (cx__scan_peek(&l->scan) == '{') return cx__bpe_vocab(&l->t->bpe, &l->scan);
    return cx__scan_skip(&l->scan, &l->list, &l->list_len); /* read when the options are known */
}

static cx_status read_model_member(loader *l)
{
    const char *key, *raw;
    size_t key_len, len;
    bool escaped;
    CX_TRY(cx__scan_string(&l->scan, &key, &key_len, &escaped));
    CX_TRY(cx__scan_expect(&l->scan, ':'));
    if (is_key(key, key_len, "vocab")) return read_vocab(l);
    if (is_key(key, key_len, "merges")) {
        if (l->merges.begin)
            return CX_FAIL(CX_EFORMAT, "%s: model: 'merges' is there twice", l->where);
        l->merges = l->scan; /* read when the vocabulary and the options are known */
        CX_TRY(cx__scan_skip(&l->scan, &raw, &len));
        l->merges.strings = l->scan.strings - l->merges.strings;
        return CX_OK;
    }
    CX_TRY(cx__scan_skip(&l->scan, &raw, &len));
    if (len > MODEL_MAX || key_len > MODEL_MAX || l->model.len + key_len + len > MODEL_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: model: options of more than %d bytes", l->where, MODEL_MAX);
    cx__buf_printf(&l->model, "%s\"%.*s\":", l->model.len > 1 ? "," : "", (int)key_len, key);
    return cx__buf_append(&l->model, raw, len) ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: model", l->where);
}

static cx_status read_model(loader *l)
{
    l->model.max = MODEL_MAX + 64; /* punctuation */
    cx__buf_puts(&l->model, "{");
    CX_TRY(cx__scan_expect(&l->scan, '{'));
    if (!cx__scan_take(&l->scan, '}')) {
        do CX_TRY(read_model_member(l));
        while (cx__scan_take(&l->scan, ','));
        CX_TRY(cx__scan_expect(&l->scan, '}'));
    }
    if (!cx__buf_puts(&l->model, "}")) return CX_FAIL(CX_ENOMEM, "%s: model", l->where);
    return parse_value(l, l->model.data, l->model.len, "model", &l->members[MODEL]);
}

/* ---- the file ---- */

static cx_status read_member(loader *l)
{
    const char *key, *raw;
    size_t key_len, len;
    bool escaped;
    json_t *value = NULL;
    int which = 0;
    CX_TRY(cx__scan_string(&l->scan, &key, &key_len, &escaped));
    CX_TRY(cx__scan_expect(&l->scan, ':'));
    while (which < MEMBERS && !is_key(key, key_len, member_names[which])) which++;
    if (which < MEMBERS && l->seen[which])
        return CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", l->where, member_names[which]);
    if (which < MEMBERS) l->seen[which] = true;
    if (which == MODEL) return read_model(l);
    CX_TRY(cx__scan_skip(&l->scan, &raw, &len));
    CX_TRY(
        parse_value(l, raw, len, which < MEMBERS ? member_names[which] : "unknown member", &value));
    if (which < MEMBERS) l->members[which] = value;
    else json_decref(value);
    return CX_OK;
}

static cx_status read_file(loader *l)
{
    CX_TRY(cx__scan_expect(&l->scan, '{'));
    if (!cx__scan_take(&l->scan, '}')) {
        do CX_TRY(read_member(l));
        while (cx__scan_take(&l->scan, ','));
        CX_TRY(cx__scan_expect(&l->scan, '}'));
    }
    cx__scan_peek(&l->scan);
    if (l->scan.at != l->scan.end) return cx__scan_fail(&l->scan, "the end of the file");
    if (!l->seen[MODEL]) return CX_FAIL(CX_EFORMAT, "%s: 'model' is missing", l->where);
    return CX_OK;
}

/* ---- building ---- */

static cx_status check_version(const loader *l)
{
    const char *version = json_string_value(l->members[VERSION]);
    if (!l->seen[VERSION] || (version && strcmp(version, "1.0") == 0)) return CX_OK;
    return CX_FAIL(CX_EUNSUPPORTED, "%s: version '%.40s', expected '1.0'", l->where,
                   version ? version : "(not a string)");
}

static cx_status build_model(loader *l)
{
    const char *type = "BPE";
    char text[512];
    cx__bpe *b = &l->t->bpe;
    place(l, "model", text, sizeof text);
    CX_TRY(cx__json_str(l->members[MODEL], text, "type", &type));
    if (strcmp(type, "Unigram") == 0 && l->list)
        return cx__unigram_init(&l->t->unigram, &b->vocab, l->members[MODEL], l->list, l->list_len,
                                text);
    if (strcmp(type, "Unigram") == 0)
        return CX_FAIL(CX_EFORMAT, "%s: 'vocab' must be a list of pieces with scores", text);
    if (strcmp(type, "BPE") != 0)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: type '%.40s' is not supported, BPE and Unigram are",
                       text, type);
    if (!b->vocab.count) return CX_FAIL(CX_EFORMAT, "%s: 'vocab' must be an object of ids", text);
    if (!l->merges.begin) return CX_FAIL(CX_EFORMAT, "%s: 'merges' is missing", text);
    CX_TRY(cx__bpe_init(b, l->members[MODEL], text));
    return cx__bpe_merges(b, &l->merges, l->merges.strings);
}

/* What each id decodes to. An added token hides the vocabulary's text; one that the normalizer
 * changes decodes from what it becomes. */
static cx_status build_pieces(cx_tokenizer *t, const char *where)
{
    t->ids = t->bpe.vocab.ids > t->added.ids ? t->bpe.vocab.ids : t->added.ids;
    t->pieces = cx__calloc((size_t)t->ids, sizeof *t->pieces);
    if (!t->pieces) return CX_FAIL(CX_ENOMEM, "%s: %d tokens", where, t->ids);
    for (int32_t id = 0; id < t->bpe.vocab.ids; id++) {
        size_t len = 0;
        t->pieces[id].text = cx__vocab_text(&t->bpe.vocab, id, &len);
        t->pieces[id].len = (uint32_t)len;
    }
    for (size_t i = 0; i < t->added.count; i++) {
        const cx__added_token *a = &t->added.at[i], *shown;
        cx__piece *p = &t->pieces[a->id];
        p->text = a->normalized ? a->normalized : a->content;
        p->len = (uint32_t)(a->normalized ? a->normalized_len : a->len);
        p->special = a->special;
        shown = cx__added_find(&t->added, p->text, p->len);
        p->hidden = shown && shown->special;
    }
    return CX_OK;
}

static cx_status build(loader *l)
{
    cx_tokenizer *t = l->t;
    char text[512];
    CX_TRY(check_version(l));
    CX_TRY(build_model(l));
    CX_TRY(cx__normalizers_init(&t->normalizers, l->members[NORMALIZER],
                                place(l, "normalizer", text, sizeof text)));
    CX_TRY(cx__pretokenizers_init(&t->pretokenizers, l->members[PRE],
                                  place(l, "pre_tokenizer", text, sizeof text)));
    if (!t->pretokenizers.count && !t->unigram.score)
        CX_TRY(cx__bpe_learn_pairs(&t->bpe, l->where));
    CX_TRY(cx__decoders_init(&t->decoders, l->members[DECODER],
                             place(l, "decoder", text, sizeof text)));
    CX_TRY(cx__added_init(&t->added, l->members[ADDED], &t->bpe.vocab, &t->normalizers, l->where));
    CX_TRY(build_pieces(t, l->where));
    return cx__post_init(&t->post, l->members[POST], t->ids,
                         place(l, "post_processor", text, sizeof text));
}

cx_status cx__tokenizer_parse(const char *json, size_t len, const char *where, cx_tokenizer **out)
{
    loader l = { .where = where };
    cx_status st = CX_OK;
    l.t = cx__calloc(1, sizeof *l.t);
    if (!l.t) return CX_FAIL(CX_ENOMEM, "%s", where);
    l.t->bos = l.t->eos = -1;
    cx__scan_init(&l.scan, json, len, where);
    st = read_file(&l);
    if (st == CX_OK) st = build(&l);
    for (int i = 0; i < MEMBERS; i++) json_decref(l.members[i]);
    cx__buf_free(&l.model);
    if (st == CX_OK) *out = l.t;
    else cx_tokenizer_close(l.t);
    return st;
}

static cx_status parse_file(const char *path, cx_tokenizer **out)
{
    cx__map map = { 0 };
    cx_status st = cx__map_open(path, &map);
    if (st == CX_OK && map.len > FILE_MAX)
        st = CX_FAIL(CX_ELIMIT, "%s: %zu bytes, at most %d", path, map.len, FILE_MAX);
    if (st == CX_OK) st = cx__tokenizer_parse((const char *)map.data, map.len, path, out);
    if (st == CX_OK) {
        st = cx__map_check(&map);
        if (st != CX_OK) cx_tokenizer_close(*out);
    }
    cx__map_close(&map);
    return st;
}

static cx_status open_parts(const char *file, const char *dir, cx_tokenizer **out)
{
    cx_tokenizer *t = NULL;
    cx_status st = parse_file(file, &t);
    if (st != CX_OK) return st;
    st = cx__named_load(&t->named, dir);
    if (st != CX_OK) {
        cx_tokenizer_close(t);
        return st;
    }
    for (int i = 0; i < 2; i++) {
        const char *name = t->named.text[i == 0 ? CX__NAMED_BOS : CX__NAMED_EOS];
        *(i == 0 ? &t->bos : &t->eos) = name ? cx_tokenizer_id(t, name) : -1;
    }
    *out = t;
    return CX_OK;
}

cx_status cx_tokenizer_open(const char *path, cx_tokenizer **out)
{
    bool folder = cx__path_is_dir(path);
    const char *slash = strrchr(path, '/');
    char *file = folder ? cx__path_join(path, "tokenizer.json") : cx__strdup(path);
    char *dir = folder  ? cx__strdup(path)
                : slash ? cx__strndup(path, (size_t)(slash - path) + 1)
                        : cx__strdup(".");
    cx_status st = CX_FAIL(CX_ENOMEM, "%s", path);
    *out = NULL;
    if (file && dir) {
        st = cx__path_exists(file) ? open_parts(file, dir, out)
                                   : CX_FAIL(CX_ENOTFOUND, "%s: no such file", file);
    }
    cx__free(file);
    cx__free(dir);
    return st;
}
