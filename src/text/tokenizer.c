/* Text to ids and back: added tokens are cut out, the rest is normalized, split into words, each
 * word encoded; ids go through the decoders. Contract in <cortex/tokenizer.h>; tested by
 * tests/unit/test_tokenizer.c on the output of the tokenizers library. */
#include "text/parts.h"

/* Words seen before in the same text: a span of the ids made so far. Words longer than TEXT and
 * texts shorter than CACHE_FROM are not worth it. */
enum { CACHE_SLOTS = 4096, CACHE_TEXT = 20, CACHE_FROM = 1024 };
typedef struct cached {
    uint32_t at;
    uint16_t count;
    uint8_t len;
    char text[CACHE_TEXT];
} cached;

typedef struct encoding {
    const cx_tokenizer *t;
    cx__norm norm;
    cx__pieces pieces;
    cx__bpe_work work;
    cx__unigram_work unigram;
    cx__ids ids;
    cached *cache; /* NULL: none */
} encoding;

static cached *cache_slot(encoding *e, const char *s, size_t len)
{
    uint64_t h = len;
    if (!e->cache || len > CACHE_TEXT) return NULL;
    for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)s[i]) * 0x100000001B3u;
    return &e->cache[(h ^ h >> 29) % CACHE_SLOTS];
}

static cx_status encode_new(encoding *e, const char *s, size_t len)
{
    const cx_tokenizer *t = e->t;
    if (!t->unigram.score) return cx__bpe_encode(&t->bpe, &e->work, s, len, &e->ids);
    return cx__unigram_encode(&t->unigram, &t->bpe.vocab, &e->unigram, s, len, &e->ids);
}

static cx_status encode_word(encoding *e, const char *s, size_t len)
{
    cached *c = cache_slot(e, s, len);
    size_t before = e->ids.count;
    if (c && c->len == len && memcmp(c->text, s, len) == 0) {
        for (uint32_t i = 0; i < c->count; i++)
            if (!cx__ids_add(&e->ids, e->ids.at[c->at + i])) return cx__text_nomem("ids");
        return CX_OK;
    }
    CX_TRY(encode_new(e, s, len));
    if (c && before <= UINT32_MAX) {
        c->at = (uint32_t)before;
        c->count = (uint16_t)(e->ids.count - before);
        c->len = (uint8_t)len;
        memcpy(c->text, s, len);
    }
    return CX_OK;
}

/* A stretch of normalized text, or an added token found in it. */
static cx_status normalized_part(void *arg, const char *s, size_t start, size_t end, int32_t id)
{
    encoding *e = arg;
    cx__pieces *p = &e->pieces;
    if (id >= 0) return cx__ids_add(&e->ids, id) ? CX_OK : cx__text_nomem("ids");
    cx__buf_clear(&p->text);
    p->text.max = 2 * CX__TEXT_MAX;
    if (!cx__buf_append(&p->text, s + start, end - start)) return cx__text_nomem("text");
    p->first = e->norm.first && start == 0;
    CX_TRY(cx__pretokenize(&e->t->pretokenizers, p));
    for (size_t i = 0; i < p->count; i++)
        CX_TRY(encode_word(e, p->text.data + p->at[i].start, p->at[i].len));
    return CX_OK;
}

/* The same of the text as it came. */
static cx_status raw_part(void *arg, const char *s, size_t start, size_t end, int32_t id)
{
    encoding *e = arg;
    cx__norm *n = &e->norm;
    if (id >= 0) return cx__ids_add(&e->ids, id) ? CX_OK : cx__text_nomem("ids");
    cx__buf_clear(&n->text);
    n->text.max = CX__TEXT_MAX;
    if (!cx__buf_append(&n->text, s + start, end - start)) return cx__text_nomem("text");
    n->first = start == 0;
    CX_TRY(cx__normalize(&e->t->normalizers, n));
    return cx__added_cut(&e->t->added, &e->t->added.normalized, n->text.data, n->text.len,
                         normalized_part, e);
}

static cx_status encode(encoding *e, const char *text, size_t len, bool add_special)
{
    if (len >= CACHE_FROM) e->cache = cx__calloc(CACHE_SLOTS, sizeof *e->cache);
    if (len >= CACHE_FROM && !e->cache) return cx__text_nomem("the cache");
    CX_TRY(cx__added_cut(&e->t->added, &e->t->added.raw, text, len, raw_part, e));
    return cx__post_apply(&e->t->post, add_special, &e->ids);
}

cx_status cx_tokenizer_encode(const cx_tokenizer *t, const char *text, size_t len, bool add_special,
                              int32_t **ids, size_t *count)
{
    encoding e = { .t = t };
    cx__buf clean = { .max = 3 * CX__TEXT_MAX };
    size_t used;
    cx_status st = CX_OK;
    if (len > CX__TEXT_MAX)
        return CX_FAIL(CX_ELIMIT, "text of %zu bytes, at most %zu", len, CX__TEXT_MAX);
    if (cx__utf8_bad(text, len) < len) {
        if (!cx__utf8_lossy(&clean, text, len, true, &used)) st = cx__text_nomem("text");
        text = clean.data;
        len = clean.len;
    }
    if (st == CX_OK) st = encode(&e, text, len, add_special);
    if (st == CX_OK && !e.ids.at && !(e.ids.at = cx__alloc(sizeof *e.ids.at)))
        st = cx__text_nomem("ids");
    if (st == CX_OK) {
        *ids = e.ids.at;
        *count = e.ids.count;
    } else {
        cx__free(e.ids.at);
    }
    cx__norm_deinit(&e.norm);
    cx__pieces_deinit(&e.pieces);
    cx__bpe_work_deinit(&e.work);
    cx__free(e.unigram.at);
    cx__free(e.cache);
    cx__buf_free(&clean);
    return st;
}

/* ---- decoding ---- */

static cx_status decode_id(const cx_tokenizer *t, cx__decoding *d, int32_t id, bool keep_special)
{
    const cx__piece *p;
    if (id < 0 || id >= t->ids)
        return CX_FAIL(CX_EARG, "id %d is not in the vocabulary of %d tokens", id, t->ids);
    p = &t->pieces[id];
    if (!p->text || (p->hidden && !keep_special)) return CX_OK;
    return cx__decoding_token(d, p->text, p->len);
}

cx_status cx_tokenizer_decode(const cx_tokenizer *t, const int32_t *ids, size_t count,
                              bool keep_special, char **text, size_t *len)
{
    cx__buf out = { .max = CX__TEXT_MAX };
    cx__decoding d;
    cx_status st = cx__decoding_init(&d, &t->decoders, &out);
    for (size_t i = 0; i < count && st == CX_OK; i++) st = decode_id(t, &d, ids[i], keep_special);
    if (st == CX_OK) st = cx__decoding_finish(&d);
    if (st == CX_OK && !cx__buf_puts(&out, "")) st = cx__text_nomem("decoded text");
    cx__decoding_deinit(&d);
    if (st == CX_OK) {
        *len = out.len;
        *text = cx__buf_take(&out);
    }
    cx__buf_free(&out);
    return st;
}

struct cx_detokenizer {
    const cx_tokenizer *t;
    bool keep_special;
    cx__decoding d;
    cx__buf out;
};

cx_status cx_detokenizer_new(const cx_tokenizer *t, bool keep_special, cx_detokenizer **out)
{
    cx_detokenizer *d = cx__calloc(1, sizeof *d);
    cx_status st;
    *out = NULL;
    if (!d) return cx__text_nomem("a detokenizer");
    d->t = t;
    d->keep_special = keep_special;
    d->out.max = CX__TEXT_MAX;
    st = cx__decoding_init(&d->d, &t->decoders, &d->out);
    if (st == CX_OK && !cx__buf_puts(&d->out, "")) st = cx__text_nomem("a detokenizer");
    if (st == CX_OK) *out = d;
    else cx_detokenizer_free(d);
    return st;
}

void cx_detokenizer_free(cx_detokenizer *d)
{
    if (!d) return;
    cx__decoding_deinit(&d->d);
    cx__buf_free(&d->out);
    cx__free(d);
}

cx_status cx_detokenizer_push(cx_detokenizer *d, int32_t id, const char **text, size_t *len)
{
    cx__buf_clear(&d->out);
    CX_TRY(decode_id(d->t, &d->d, id, d->keep_special));
    *text = d->out.data;
    *len = d->out.len;
    return CX_OK;
}

cx_status cx_detokenizer_finish(cx_detokenizer *d, const char **text, size_t *len)
{
    cx__buf_clear(&d->out);
    CX_TRY(cx__decoding_finish(&d->d));
    cx__decoding_reset(&d->d);
    *text = d->out.data;
    *len = d->out.len;
    return CX_OK;
}

void cx_detokenizer_reset(cx_detokenizer *d)
{
    cx__decoding_reset(&d->d);
    cx__buf_clear(&d->out);
}

/* ---- the rest ---- */

void cx_tokenizer_close(cx_tokenizer *t)
{
    if (!t) return;
    cx__bpe_deinit(&t->bpe);
    cx__unigram_deinit(&t->unigram);
    cx__added_deinit(&t->added);
    cx__steps_deinit(&t->normalizers);
    cx__steps_deinit(&t->pretokenizers);
    cx__steps_deinit(&t->decoders);
    cx__post_deinit(&t->post);
    cx__named_deinit(&t->named);
    cx__free(t->pieces);
    cx__free(t);
}

int32_t cx_tokenizer_size(const cx_tokenizer *t)
{
    return t->ids;
}

int32_t cx_tokenizer_id(const cx_tokenizer *t, const char *token)
{
    const cx__added_token *a = cx__added_find(&t->added, token, strlen(token));
    return a ? a->id : cx__vocab_find(&t->bpe.vocab, token, strlen(token));
}

const char *cx_tokenizer_token(const cx_tokenizer *t, int32_t id)
{
    const char *text = cx__vocab_text(&t->bpe.vocab, id, NULL);
    if (text || id < 0 || id >= t->ids || !t->pieces[id].text) return text;
    for (size_t i = 0; i < t->added.count; i++)
        if (t->added.at[i].id == id) return t->added.at[i].content;
    return NULL;
}

bool cx_tokenizer_is_special(const cx_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->ids && t->pieces[id].special;
}

int32_t cx_tokenizer_bos(const cx_tokenizer *t)
{
    return t->bos;
}

int32_t cx_tokenizer_eos(const cx_tokenizer *t)
{
    return t->eos;
}

const char *cx_tokenizer_special(const cx_tokenizer *t, const char *name)
{
    int i = cx__named_index(name);
    return i < 0 ? NULL : t->named.text[i];
}

const char *cx_tokenizer_chat_template(const cx_tokenizer *t)
{
    return t->named.chat_template;
}
