/* Checks a vocabulary that comes from a file and indexes it: after this every token is UTF-8, every
 * id is in range, every score is a number. Tested by tests/unit/test_rebuild_bad.c. */
#include "text/rebuild.h"
#include <math.h>

/* Largest vocabularies of today: 262,144 tokens. */
enum { TOKENS_MAX = 1 << 22, TOKEN_MAX = 1 << 16 };
static const uint32_t no_id = UINT32_MAX; /* how GGUF files write "none" */

void cx__vocab_source_init(cx__vocab_source *v)
{
    *v = (cx__vocab_source){ .bos = -1, .eos = -1, .unk = -1, .pad = -1 };
    v->add_bos = v->add_eos = v->add_space_prefix = -1;
}

static cx_status check_counts(const cx__rebuild *r)
{
    const cx__vocab_source *v = r->v;
    if (v->count == 0) return CX_FAIL(CX_EFORMAT, "%s: tokens: the vocabulary is empty", r->where);
    if (v->count > TOKENS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: %zu tokens, at most %d", r->where, v->count, TOKENS_MAX);
    if (v->scores && v->score_count != v->count)
        return CX_FAIL(CX_EFORMAT, "%s: %zu scores for %zu tokens", r->where, v->score_count,
                       v->count);
    if (v->types && v->type_count != v->count)
        return CX_FAIL(CX_EFORMAT, "%s: %zu token types for %zu tokens", r->where, v->type_count,
                       v->count);
    return CX_OK;
}

static cx_status find_model(cx__rebuild *r)
{
    const char *model = r->v->model ? r->v->model : "(none)", *pre = r->v->pre;
    if (strcmp(model, "llama") == 0 || strcmp(model, "gemma4") == 0) r->model = CX__REBUILD_PIECES;
    else if (strcmp(model, "t5") == 0) r->model = CX__REBUILD_UNIGRAM;
    else if (strcmp(model, "gpt2") != 0)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: tokenizer model '%.40s', expected gpt2, llama, gemma4 or t5", r->where,
                       model);
    if (r->model != CX__REBUILD_BYTES) return CX_OK;
    r->pre = cx__pre_find(pre && *pre ? pre : "default");
    return r->pre ? CX_OK
                  : CX_FAIL(CX_EUNSUPPORTED, "%s: pre-tokenizer '%.40s' is unknown", r->where, pre);
}

/* A byte token must be "<0x00>" ... "<0xFF>". */
static bool is_byte(cx__str s)
{
    static const char digits[] = "0123456789ABCDEF";
    return s.len == 6 && memcmp(s.at, "<0x", 3) == 0 && memchr(digits, s.at[3], 16) &&
           memchr(digits, s.at[4], 16) && s.at[5] == '>';
}

static cx_status check_token(cx__rebuild *r, size_t id)
{
    const cx__vocab_source *v = r->v;
    cx__str s = v->tokens[id];
    int32_t type = v->types ? v->types[id] : CX__TOKEN_NORMAL;
    size_t bad;
    if (!s.at) return CX_OK;
    if (s.len > TOKEN_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: token %zu of %zu bytes, at most %d", r->where, id, s.len,
                       TOKEN_MAX);
    if ((bad = cx__utf8_bad(s.at, s.len)) < s.len)
        return CX_FAIL(CX_EFORMAT, "%s: token %zu: expected UTF-8, found byte 0x%02X at %zu",
                       r->where, id, (unsigned)(uint8_t)s.at[bad], bad);
    if (type < CX__TOKEN_NORMAL || type > CX__TOKEN_BYTE)
        return CX_FAIL(CX_EFORMAT, "%s: token %zu: type %d, expected 1 to 6", r->where, id, type);
    if (type == CX__TOKEN_BYTE && !is_byte(s))
        return CX_FAIL(CX_EFORMAT, "%s: token %zu: expected a byte such as <0x0A>, found '%.*s'",
                       r->where, id, (int)(s.len < 40 ? s.len : 40), s.at);
    if (v->scores && !isfinite(v->scores[id]))
        return CX_FAIL(CX_EFORMAT, "%s: token %zu: the score is %g", r->where, id,
                       (double)v->scores[id]);
    if (type == CX__TOKEN_BYTE) r->byte_fallback = true;
    if (type == CX__TOKEN_USER_DEFINED) r->user_defined = true;
    r->type[id] = (uint8_t)type;
    return CX_OK;
}

cx_status cx__rebuild_index(const cx__str *tokens, size_t count, const char *where, cx__vocab *out)
{
    cx__vocab_entry *entries = cx__alloc_array(count, sizeof *entries);
    size_t bytes = 0, used = 0, n = 0;
    char *pool;
    cx_status st;
    for (size_t i = 0; i < count; i++) bytes += tokens[i].at ? tokens[i].len + 1 : 0;
    pool = bytes <= UINT32_MAX ? cx__alloc(bytes) : NULL;
    if (!entries || !pool) {
        cx__free(entries);
        cx__free(pool);
        return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu tokens of %zu bytes", where, count, bytes);
    }
    for (size_t i = 0; i < count; i++) {
        cx__str s = tokens[i];
        if (!s.at) continue;
        if (s.len) memcpy(pool + used, s.at, s.len);
        pool[used + s.len] = 0;
        entries[n++] = (cx__vocab_entry){ (uint32_t)used, (uint32_t)s.len, (uint32_t)i };
        used += s.len + 1;
    }
    st = cx__vocab_init(out, pool, entries, n, where);
    cx__free(entries);
    return st;
}

static cx_status check_id(const cx__rebuild *r, const char *name, int64_t id, int32_t *out)
{
    *out = -1;
    if (id == -1 || id == (int64_t)no_id) return CX_OK;
    if (id < 0 || (uint64_t)id >= r->v->count || !r->type[id])
        return CX_FAIL(CX_EFORMAT, "%s: %s id %lld, expected one of %zu tokens", r->where, name,
                       (long long)id, r->v->count);
    if (memchr(r->v->tokens[id].at, 0, r->v->tokens[id].len))
        return CX_FAIL(CX_EFORMAT, "%s: %s id %lld: the token holds NUL", r->where, name,
                       (long long)id);
    *out = (int32_t)id;
    return CX_OK;
}

static cx_status check_special(cx__rebuild *r)
{
    const cx__vocab_source *v = r->v;
    CX_TRY(check_id(r, "bos", v->bos, &r->bos));
    CX_TRY(check_id(r, "eos", v->eos, &r->eos));
    CX_TRY(check_id(r, "unknown", v->unk, &r->unk));
    CX_TRY(check_id(r, "padding", v->pad, &r->pad));
    for (size_t i = 0; r->unk < 0 && i < v->count; i++)
        if (r->type[i] == CX__TOKEN_UNKNOWN) r->unk = (int32_t)i;
    r->at = cx__calloc(v->count, sizeof *r->at);
    if (!r->at) return CX_FAIL(CX_ENOMEM, "%s", r->where);
    for (size_t i = 0; i < v->added_count; i++) {
        int32_t id;
        CX_TRY(check_id(r, "added token", v->added[i].id, &id));
        if (id < 0) continue;
        if (r->at[id]) return CX_FAIL(CX_EFORMAT, "%s: token %d has two names", r->where, id);
        r->at[id] = &v->added[i];
    }
    return CX_OK;
}

/* Defaults as in llama.cpp: SentencePiece begins with BOS and a space, T5 ends with EOS. */
static void set_flags(cx__rebuild *r)
{
    const cx__vocab_source *v = r->v;
    bool pieces = r->model == CX__REBUILD_PIECES, unigram = r->model == CX__REBUILD_UNIGRAM;
    bool bos = pieces ? strcmp(v->model, "llama") == 0 : r->pre && r->pre->add_bos;
    bool prefix = unigram || (pieces && strcmp(v->model, "llama") == 0);
    r->add_bos = r->bos >= 0 && (v->add_bos < 0 ? bos : v->add_bos > 0);
    r->add_eos = r->eos >= 0 && (v->add_eos < 0 ? unigram : v->add_eos > 0);
    r->prefix = v->add_space_prefix < 0 ? prefix : v->add_space_prefix > 0;
}

cx_status cx__rebuild_init(cx__rebuild *r, const cx__vocab_source *v, const char *where)
{
    *r = (cx__rebuild){ .v = v, .where = where };
    CX_TRY(check_counts(r));
    CX_TRY(find_model(r));
    r->type = cx__calloc(v->count, 1);
    if (!r->type) return CX_FAIL(CX_ENOMEM, "%s", where);
    for (size_t i = 0; i < v->count; i++) CX_TRY(check_token(r, i));
    CX_TRY(cx__rebuild_index(v->tokens, v->count, where, &r->vocab));
    CX_TRY(check_special(r));
    set_flags(r);
    return CX_OK;
}

void cx__rebuild_deinit(cx__rebuild *r)
{
    cx__vocab_deinit(&r->vocab);
    cx__free(r->type);
    cx__free(r->at);
}

cx_status cx__rebuild_tokens_add(cx__rebuild_tokens *t, cx__str token, float score, int32_t type,
                                 const char *where)
{
    if (t->count == TOKENS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: more than %d tokens", where, TOKENS_MAX);
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 1024;
        void *p;
        if (!(p = cx__realloc(t->tokens, cap * sizeof *t->tokens))) goto nomem;
        t->tokens = p;
        if (!(p = cx__realloc(t->scores, cap * sizeof *t->scores))) goto nomem;
        t->scores = p;
        if (!(p = cx__realloc(t->types, cap * sizeof *t->types))) goto nomem;
        t->types = p;
        t->cap = cap;
    }
    t->tokens[t->count] = token;
    t->scores[t->count] = score;
    t->types[t->count++] = type;
    return CX_OK;
nomem:
    return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu tokens", where, t->count + 1);
}

void cx__rebuild_tokens_deinit(cx__rebuild_tokens *t)
{
    cx__free(t->tokens);
    cx__free(t->scores);
    cx__free(t->types);
    *t = (cx__rebuild_tokens){ 0 };
}
