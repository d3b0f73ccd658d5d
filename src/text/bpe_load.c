/* The BPE model of a tokenizer.json: vocabulary, merges, options.
 * Merges are strings "a b" or pairs ["a", "b"]; a, b and ab must be in the vocabulary. */
#include "text/parts.h"

/* Ranks and positions are 32 bits in a heap key; more merges than this are no tokenizer. */
enum { MERGES_MAX = 1 << 26 };

static cx_status own_string(const json_t *o, const char *where, const char *key, char **out)
{
    const char *text = NULL;
    CX_TRY(cx__json_str(o, where, key, &text));
    if (!text || !*text) return CX_OK;
    *out = cx__strdup(text);
    return *out ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: %s", where, key);
}

cx_status cx__bpe_init(cx__bpe *b, const json_t *model, const char *where)
{
    double dropout = 0;
    CX_TRY(cx__json_num(model, where, "dropout", 0, 1, &dropout));
    if (dropout != 0)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: dropout %g: only 0 or null gives the same ids twice",
                       where, dropout);
    CX_TRY(cx__json_bool(model, where, "fuse_unk", &b->fuse_unk));
    CX_TRY(cx__json_bool(model, where, "byte_fallback", &b->byte_fallback));
    CX_TRY(cx__json_bool(model, where, "ignore_merges", &b->ignore_merges));
    CX_TRY(own_string(model, where, "unk_token", &b->unk_name));
    CX_TRY(own_string(model, where, "continuing_subword_prefix", &b->prefix));
    return own_string(model, where, "end_of_word_suffix", &b->suffix);
}

/* ---- vocabulary ---- */

typedef struct entries {
    cx__vocab_entry *at;
    size_t count, cap;
} entries;

static bool add_entry(entries *e, cx__vocab_entry entry)
{
    if (e->count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 4096;
        cx__vocab_entry *at = cx__realloc(e->at, cap * sizeof *at);
        if (!at) return false;
        e->at = at;
        e->cap = cap;
    }
    e->at[e->count++] = entry;
    return true;
}

/* Reads `"token": id` pairs; the strings go to pool, which is as large as the text that is left. */
static cx_status read_vocab(cx__scan *s, char *pool, entries *e)
{
    size_t used = 0;
    CX_TRY(cx__scan_expect(s, '{'));
    if (cx__scan_take(s, '}')) return CX_OK;
    do {
        const char *raw;
        size_t len;
        bool escaped;
        uint32_t id;
        CX_TRY(cx__scan_string(s, &raw, &len, &escaped));
        if (!escaped) memcpy(pool + used, raw, len);
        else if (!cx__scan_unescape(raw, len, pool + used, &len))
            return CX_FAIL(CX_EFORMAT, "%s: token '%.*s': bad escape", s->where,
                           (int)(len < 60 ? len : 60), raw);
        pool[used + len] = 0;
        CX_TRY(cx__scan_expect(s, ':'));
        CX_TRY(cx__scan_uint(s, &id));
        if (!add_entry(e, (cx__vocab_entry){ (uint32_t)used, (uint32_t)len, id }))
            return CX_FAIL(CX_ENOMEM, "%s: vocabulary", s->where);
        used += len + 1;
    } while (cx__scan_take(s, ','));
    return cx__scan_expect(s, '}');
}

cx_status cx__bpe_vocab(cx__bpe *b, cx__scan *s)
{
    entries e = { 0 };
    size_t size = (size_t)(s->end - s->at) + 1;
    char *pool = size <= UINT32_MAX ? cx__alloc(size) : NULL, *shrunk;
    cx_status st;
    if (!pool) return CX_FAIL(CX_ENOMEM, "%s: vocabulary of up to %zu bytes", s->where, size);
    st = read_vocab(s, pool, &e);
    if (st != CX_OK) {
        cx__free(pool);
    } else {
        size = e.count ? (size_t)e.at[e.count - 1].start + e.at[e.count - 1].size + 1 : 1;
        shrunk = cx__realloc(pool, size);
        st = cx__vocab_init(&b->vocab, shrunk ? shrunk : pool, e.at, e.count, s->where);
    }
    cx__free(e.at);
    return st;
}

/* ---- merges ---- */

/* Merges are handled in blocks, one step for all of a block after the other, so that the memory
 * of the hash tables is fetched in parallel: 280 k merges load in a third of the time. */
enum { BLOCK = 32 };
typedef struct side {
    const char *text; /* in the file, or in `copy` where it holds escapes */
    size_t len;
    uint32_t hash;
    int32_t id;
} side;
typedef struct merge_reader {
    cx__bpe *b;
    cx__scan *s;
    cx__buf copy, joined;
    side sides[2 * BLOCK];
    int32_t made[BLOCK];
    uint32_t rank;  /* of the first merge in the block */
    uint32_t count; /* merges in the block */
    uint32_t cap;   /* merges there is room for */
    int32_t last;   /* what the merge before makes */
    size_t prefix_len;
    bool strings; /* "a b", not ["a", "b"] */
} merge_reader;

static cx_status bad_merge(merge_reader *r, uint32_t at, const char *what, const char *text,
                           size_t len)
{
    return CX_FAIL(CX_EFORMAT, "%s: merges[%u]: %s: '%.*s'", r->s->where, r->rank + at, what,
                   (int)(len < 60 ? len : 60), text);
}

/* A string, unescaped at r->copy.data + r->copy.len where it must be. */
static cx_status read_text(merge_reader *r, side *out, bool *copied)
{
    bool escaped;
    size_t at = r->copy.len;
    CX_TRY(cx__scan_string(r->s, &out->text, &out->len, &escaped));
    if (!escaped) return CX_OK;
    if (!cx__buf_append(&r->copy, out->text, out->len))
        return CX_FAIL(CX_ENOMEM, "%s: merges[%u]", r->s->where, r->rank + r->count);
    if (!cx__scan_unescape(out->text, out->len, r->copy.data + at, &out->len))
        return bad_merge(r, r->count, "bad escape", out->text, out->len);
    out->text = r->copy.data + at;
    *copied = true;
    return CX_OK;
}

static cx_status read_pair(merge_reader *r, side *a, side *b, bool *copied)
{
    bool first = false;
    CX_TRY(cx__scan_expect(r->s, '['));
    CX_TRY(read_text(r, a, &first));
    CX_TRY(cx__scan_expect(r->s, ','));
    CX_TRY(read_text(r, b, copied));
    if (first) a->text = r->copy.data; /* the second may have moved the buffer */
    *copied |= first;
    return cx__scan_expect(r->s, ']');
}

static cx_status read_string(merge_reader *r, side *a, side *b, bool *copied)
{
    const char *space;
    CX_TRY(read_text(r, a, copied));
    space = memchr(a->text, ' ', a->len);
    if (!space || memchr(space + 1, ' ', (size_t)(a->text + a->len - space - 1)))
        return bad_merge(r, r->count, "expected two tokens with one space between", a->text,
                         a->len);
    b->text = space + 1;
    b->len = (size_t)(a->text + a->len - b->text);
    a->len = (size_t)(space - a->text);
    return CX_OK;
}

/* Reads merges until the block is full, the list ends (*more false) or one was copied: the copy
 * lives until the block is done. */
static cx_status read_block(merge_reader *r, bool *more)
{
    bool copied = false;
    cx__buf_clear(&r->copy);
    for (r->count = 0, *more = true; *more && !copied && r->count < BLOCK;) {
        side *a = &r->sides[2 * r->count], *b = a + 1;
        bool is_string = cx__scan_peek(r->s) == '"';
        if (is_string != r->strings)
            return bad_merge(r, r->count, "strings and pairs are mixed", "", 0);
        if (is_string && r->s->end - r->s->at > 9 && !memcmp(r->s->at, "\"#version", 9)) {
            CX_TRY(read_text(r, a, &copied)); /* the first line of a merges.txt */
        } else {
            CX_TRY(is_string ? read_string(r, a, b, &copied) : read_pair(r, a, b, &copied));
            a->hash = cx__vocab_hash(&r->b->vocab, a->text, a->len);
            b->hash = cx__vocab_hash(&r->b->vocab, b->text, b->len);
            r->count++;
        }
        *more = cx__scan_take(r->s, ',');
    }
    return *more ? CX_OK : cx__scan_expect(r->s, ']');
}

/* Id of a+b, -1: none. In most vocabularies merges make ids in order: the same or the next id is
 * tried first. */
static int32_t merged_id(merge_reader *r, const side *a, const side *b)
{
    const cx__vocab *v = &r->b->vocab;
    for (int32_t id = r->last < 0 ? 0 : r->last; id <= r->last + 1; id++) {
        size_t len;
        const char *text = cx__vocab_text(v, id, &len);
        if (text && len == a->len + b->len && memcmp(text, a->text, a->len) == 0 &&
            memcmp(text + a->len, b->text, b->len) == 0)
            return id;
    }
    cx__buf_clear(&r->joined);
    cx__buf_append(&r->joined, a->text, a->len);
    if (!cx__buf_append(&r->joined, b->text, b->len)) return -1;
    return cx__vocab_find(v, r->joined.data, r->joined.len);
}

static size_t merge_slot(const cx__bpe *b, uint64_t pair)
{
    return (size_t)(((pair ^ b->seed) * 0x9E3779B97F4A7C15u) >> b->shift);
}

static void put_merge(cx__bpe *b, uint64_t pair, uint32_t rank, uint32_t id)
{
    size_t mask = ((size_t)1 << (64 - b->shift)) - 1, slot = merge_slot(b, pair);
    while (b->merges[slot].pair != UINT64_MAX && b->merges[slot].pair != pair)
        slot = (slot + 1) & mask;
    b->merges[slot] = (cx__merge){ pair, rank, id }; /* of two, the later counts */
}

static uint64_t pair_of(const side *left)
{
    return (uint64_t)(uint32_t)left[0].id << 32 | (uint32_t)left[1].id;
}

/* Ids of merge i of the block. */
static cx_status resolve(merge_reader *r, uint32_t i)
{
    side *a = &r->sides[2 * i], rest = a[1];
    for (int k = 0; k < 2; k++) {
        a[k].id = cx__vocab_find_hash(&r->b->vocab, a[k].hash, a[k].text, a[k].len);
        if (a[k].id < 0) return bad_merge(r, i, "token not in the vocabulary", a[k].text, a[k].len);
    }
    if (rest.len < r->prefix_len)
        return bad_merge(r, i, "token shorter than the prefix", rest.text, rest.len);
    rest.text += r->prefix_len;
    rest.len -= r->prefix_len;
    r->made[i] = r->last = merged_id(r, a, &rest);
    if (r->joined.failed) return CX_FAIL(CX_ENOMEM, "%s: merges", r->s->where);
    if (r->last < 0)
        return bad_merge(r, i, "result not in the vocabulary", r->joined.data, r->joined.len);
    __builtin_prefetch(&r->b->merges[merge_slot(r->b, pair_of(a))], 1);
    return CX_OK;
}

static cx_status do_block(merge_reader *r)
{
    for (uint32_t i = 0; i < 2 * r->count; i++) cx__vocab_fetch(&r->b->vocab, r->sides[i].hash);
    for (uint32_t i = 0; i < r->count; i++) CX_TRY(resolve(r, i));
    for (uint32_t i = 0; i < r->count; i++, r->rank++) {
        put_merge(r->b, pair_of(&r->sides[2 * i]), r->rank, (uint32_t)r->made[i]);
        r->b->rank_id[r->rank] = (uint32_t)r->made[i];
    }
    return CX_OK;
}

static cx_status allocate(cx__bpe *b, size_t merges, const char *where)
{
    size_t slots;
    if (merges > MERGES_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: %zu merges, at most %d", where, merges, MERGES_MAX);
    for (b->shift = 60; ((size_t)1 << (64 - b->shift)) < merges + merges / 2;) b->shift--;
    slots = (size_t)1 << (64 - b->shift);
    b->seed = b->vocab.seed;
    b->merges = cx__alloc_array(slots, sizeof *b->merges);
    b->rank_id = cx__alloc_array(merges + 1, sizeof *b->rank_id);
    if (!b->merges || !b->rank_id) return CX_FAIL(CX_ENOMEM, "%s: %zu merges", where, merges);
    memset(b->merges, 0xFF, slots * sizeof *b->merges);
    return CX_OK;
}

static cx_status read_merges(merge_reader *r)
{
    bool more = true;
    CX_TRY(cx__scan_expect(r->s, '['));
    if (cx__scan_take(r->s, ']')) return CX_OK;
    r->strings = cx__scan_peek(r->s) == '"';
    while (more) {
        CX_TRY(read_block(r, &more));
        CX_TRY(do_block(r));
    }
    return CX_OK;
}

/* Ids of bytes, of the first 512 code points and of unk, for encoding. */
static void find_ids(cx__bpe *b)
{
    char name[8];
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        b->byte_id[i] = cx__vocab_find(&b->vocab, name, 6);
    }
    for (uint32_t c = 0; c < 512; c++)
        b->char_id[c] = cx__vocab_find(&b->vocab, name, cx__utf8_put(c, name));
    b->unk = b->unk_name ? cx__vocab_find(&b->vocab, b->unk_name, strlen(b->unk_name)) : -1;
}

cx_status cx__bpe_merges(cx__bpe *b, cx__scan *s, size_t strings)
{
    merge_reader *r = cx__calloc(1, sizeof *r);
    cx_status st;
    if (!r) return CX_FAIL(CX_ENOMEM, "%s: merges", s->where);
    r->b = b;
    r->s = s;
    r->last = -1;
    r->copy.max = r->joined.max = CX__TEXT_MAX;
    r->prefix_len = b->prefix ? strlen(b->prefix) : 0;
    st = allocate(b, strings, s->where);
    if (st == CX_OK) st = read_merges(r);
    if (st == CX_OK) find_ids(b);
    cx__buf_free(&r->copy);
    cx__buf_free(&r->joined);
    cx__free(r);
    return st;
}

cx_status cx__bpe_learn_pairs(cx__bpe *b, const char *where)
{
    if (b->prefix || b->suffix) return CX_OK; /* symbols are not the characters of the text */
    b->pairs = cx__calloc(((size_t)1 << CX__PAIR_BITS) / 64, sizeof *b->pairs);
    if (!b->pairs) return CX_FAIL(CX_ENOMEM, "%s", where);
    for (int32_t id = 0; id < b->vocab.ids; id++) {
        size_t len = 0;
        const char *p = cx__vocab_text(&b->vocab, id, &len), *end;
        uint32_t before, c;
        if (!p || len == 0) continue;
        end = p + len;
        for (before = cx__utf8_next(&p, end); p < end; before = c) {
            uint32_t bit;
            c = cx__utf8_next(&p, end);
            bit = cx__bpe_pair_bit(before, c);
            b->pairs[bit >> 6] |= (uint64_t)1 << (bit & 63);
        }
    }
    return CX_OK;
}

void cx__bpe_deinit(cx__bpe *b)
{
    cx__vocab_deinit(&b->vocab);
    cx__free(b->merges);
    cx__free(b->rank_id);
    cx__free(b->pairs);
    cx__free(b->unk_name);
    cx__free(b->prefix);
    cx__free(b->suffix);
}
