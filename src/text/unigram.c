/* Unigram model: of all ways to cut a word into pieces the one with the largest sum of scores, left
 * to right in one pass. A character that is no piece by itself can be unknown; unknown ones side by
 * side are one. Order of comparison and fallback as in the tokenizers library (models/unigram,
 * encode_optimized). Tested by tests/unit/test_unigram.c. */
#include "text/parts.h"
#include <math.h>

/* Every byte of text looks at no more bytes than the longest piece has. */
enum { PIECE_MAX = 1024, PIECES_MAX = 1 << 26, UNKNOWN_PENALTY = 10 };

/* ---- loading ---- */

typedef struct reader {
    cx__json_scan scan;
    cx__buf pool;
    cx__vocab_entry *entries;
    double *scores;
    size_t count, cap;
    const char *where;
} reader;

static cx_status expect(reader *r, cx__json_event want)
{
    cx__json_event e;
    CX_TRY(cx__json_next(&r->scan, &e));
    if (e == want) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: vocab[%zu]: expected %s, found %s", r->where, r->count,
                   cx__json_event_name(want), cx__json_event_name(e));
}

static cx_status read_score(reader *r, double *out)
{
    cx__json_event e;
    CX_TRY(cx__json_next(&r->scan, &e));
    if (e == CX__JSON_INT) return *out = (double)r->scan.integer, CX_OK;
    if (e == CX__JSON_REAL) return *out = r->scan.real, CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: vocab[%zu]: expected a score, found %s", r->where, r->count,
                   cx__json_event_name(e));
}

static cx_status grow(reader *r)
{
    size_t cap = r->cap ? r->cap * 2 : 4096;
    void *p;
    if (r->count < r->cap) return CX_OK;
    p = cx__realloc(r->entries, cap * sizeof *r->entries);
    if (p) r->entries = p;
    if (p && (p = cx__realloc(r->scores, cap * sizeof *r->scores)) != NULL) r->scores = p;
    if (!p) return CX_FAIL(CX_ENOMEM, "%s: vocab: %zu pieces", r->where, r->count);
    r->cap = cap;
    return CX_OK;
}

/* ["piece", score], after the bracket. */
static cx_status read_piece(reader *r)
{
    size_t start = r->pool.len, len;
    CX_TRY(grow(r));
    CX_TRY(expect(r, CX__JSON_STRING));
    len = r->scan.len;
    if (len > PIECE_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: vocab[%zu]: a piece of %zu bytes, at most %d", r->where,
                       r->count, len, PIECE_MAX);
    cx__buf_append(&r->pool, r->scan.text, len);
    if (!cx__buf_putc(&r->pool, 0))
        return CX_FAIL(CX_ELIMIT, "%s: vocab: no memory, or more than %d bytes", r->where,
                       PIECES_MAX);
    CX_TRY(read_score(r, &r->scores[r->count]));
    r->entries[r->count] = (cx__vocab_entry){ (uint32_t)start, (uint32_t)len, (uint32_t)r->count };
    r->count++;
    return expect(r, CX__JSON_ARRAY_END);
}

static cx_status read_list(reader *r)
{
    cx__json_event e;
    CX_TRY(expect(r, CX__JSON_ARRAY));
    for (;;) {
        CX_TRY(cx__json_next(&r->scan, &e));
        if (e == CX__JSON_ARRAY_END) return CX_OK;
        if (e != CX__JSON_ARRAY)
            return CX_FAIL(CX_EFORMAT, "%s: vocab[%zu]: expected a list, found %s", r->where,
                           r->count, cx__json_event_name(e));
        CX_TRY(read_piece(r));
    }
}

static cx_status build(cx__unigram *u, const cx__vocab *vocab, const char *where)
{
    double least = INFINITY;
    char name[8];
    size_t bytes = 0;
    for (size_t i = 0; i < vocab->count; i++) {
        bytes += vocab->size[i];
        if (u->score[i] < least) least = u->score[i];
    }
    u->unk_score = least - UNKNOWN_PENALTY;
    CX_TRY(cx__trie_init(&u->trie, bytes, where));
    for (size_t i = 0; i < vocab->count; i++)
        cx__trie_add(&u->trie, vocab->pool + vocab->start[i], vocab->size[i], (int32_t)i);
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        u->byte_id[i] = cx__vocab_find(vocab, name, 6);
    }
    return CX_OK;
}

cx_status cx__unigram_init(cx__unigram *u, cx__vocab *vocab, const json_t *model, const char *list,
                           size_t len, const char *where)
{
    reader r = { .where = where, .pool.max = PIECES_MAX };
    int64_t unk = -1;
    cx_status st;
    CX_TRY(cx__json_bool(model, where, "byte_fallback", &u->byte_fallback));
    cx__json_scan_init(&r.scan, list, len, where);
    st = read_list(&r);
    if (st == CX_OK) {
        u->score = r.scores;
        r.scores = NULL;
        st = cx__vocab_init(vocab, cx__buf_take(&r.pool), r.entries, r.count, where);
    }
    cx__json_scan_deinit(&r.scan);
    cx__buf_free(&r.pool);
    cx__free(r.entries);
    cx__free(r.scores);
    if (st == CX_OK) st = cx__json_int(model, where, "unk_id", 0, vocab->ids - 1, &unk);
    u->unk = (int32_t)unk;
    return st == CX_OK ? build(u, vocab, where) : st;
}

void cx__unigram_deinit(cx__unigram *u)
{
    cx__free(u->score);
    cx__trie_deinit(&u->trie);
}

/* ---- encoding ---- */

static void offer(cx__unigram_node *n, double score, uint32_t start, int32_t id)
{
    if (n->id >= 0 && score <= n->score) return;
    *n = (cx__unigram_node){ .score = score, .start = start, .id = id };
}

/* Every piece that begins at `at`; false: unk is needed and there is none. */
static bool pieces_at(const cx__unigram *u, cx__unigram_node *nodes, const char *s, size_t at,
                      size_t len, size_t char_len)
{
    double before = nodes[at].score;
    uint32_t node = 0;
    bool single = false;
    for (size_t i = at; i < len && cx__trie_step(&u->trie, &node, (uint8_t)s[i]); i++) {
        int32_t id = u->trie.token[node];
        if (id < 0) continue;
        offer(&nodes[i + 1], u->score[id] + before, (uint32_t)at, id);
        single |= i + 1 == at + char_len;
    }
    if (single) return true;
    if (u->unk < 0) return false;
    offer(&nodes[at + char_len], u->unk_score + before, (uint32_t)at, u->unk);
    return true;
}

/* What the unknown text s becomes: a piece all the same, bytes, or unk. */
static bool add_unknown(const cx__unigram *u, const cx__vocab *vocab, const char *s, size_t len,
                        cx__ids *ids)
{
    int32_t id = cx__vocab_find(vocab, s, len);
    bool bytes = id < 0 && u->byte_fallback;
    for (size_t i = 0; bytes && i < len; i++) bytes = u->byte_id[(uint8_t)s[i]] >= 0;
    if (!bytes) return cx__ids_add(ids, id < 0 ? u->unk : id);
    for (size_t i = 0; i < len; i++)
        if (!cx__ids_add(ids, u->byte_id[(uint8_t)s[i]])) return false;
    return true;
}

/* The best path, which is linked from its end, forwards. */
static bool add_path(const cx__unigram *u, const cx__vocab *vocab, cx__unigram_node *nodes,
                     const char *s, size_t len, cx__ids *ids)
{
    for (size_t at = len; at > 0; at = nodes[at].start) nodes[nodes[at].start].next = (uint32_t)at;
    for (size_t at = 0, end; at < len; at = end) {
        end = nodes[at].next;
        if (nodes[end].id != u->unk) {
            if (!cx__ids_add(ids, nodes[end].id)) return false;
            continue;
        }
        while (end < len && nodes[nodes[end].next].id == u->unk) end = nodes[end].next;
        if (!add_unknown(u, vocab, s + at, end - at, ids)) return false;
    }
    return true;
}

cx_status cx__unigram_encode(const cx__unigram *u, const cx__vocab *vocab, cx__unigram_work *w,
                             const char *s, size_t len, cx__ids *ids)
{
    const char *p = s, *end = s + len;
    if (len + 1 > w->cap) {
        size_t cap = len + len / 2 + 64;
        void *at = cap <= SIZE_MAX / sizeof *w->at ? cx__realloc(w->at, cap * sizeof *w->at) : NULL;
        if (!at) return cx__text_nomem("a long word");
        w->at = at;
        w->cap = cap;
    }
    for (size_t i = 0; i <= len; i++) w->at[i] = (cx__unigram_node){ .id = -1 };
    while (p < end) {
        size_t at = (size_t)(p - s);
        cx__utf8_next(&p, end);
        if (!pieces_at(u, w->at, s, at, len, (size_t)(p - s) - at))
            return CX_FAIL(CX_EFORMAT, "tokenizer: unk_id is needed and missing");
    }
    return add_path(u, vocab, w->at, s, len, ids) ? CX_OK : cx__text_nomem("ids");
}
