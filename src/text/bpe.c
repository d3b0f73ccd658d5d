/* Byte pair encoding: a word becomes symbols (characters, bytes or unk), then the pair with the
 * lowest rank merges, leftmost first, until none is left. Heap and linked list: O(n log n).
 * Order of merges, stale entries and the place of unk as in the tokenizers library (models/bpe).
 * Loading is in bpe_load.c. Tested by tests/unit/test_tokenizer.c. */
#include "text/parts.h"

static const cx__merge *find_merge(const cx__bpe *b, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = ((size_t)1 << (64 - b->shift)) - 1;
    size_t slot = (size_t)(((pair ^ b->seed) * 0x9E3779B97F4A7C15u) >> b->shift);
    for (; b->merges[slot].pair != UINT64_MAX; slot = (slot + 1) & mask)
        if (b->merges[slot].pair == pair) return &b->merges[slot];
    return NULL;
}

bool cx__ids_add(cx__ids *ids, int32_t id)
{
    if (ids->count == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 64;
        int32_t *at = cx__realloc(ids->at, cap * sizeof *at);
        if (!at) return false;
        ids->at = at;
        ids->cap = cap;
    }
    ids->at[ids->count++] = id;
    return true;
}

/* ---- heap of candidates: four children a node, smallest key (rank, then position) on top ---- */

static void sift_down(uint64_t *heap, size_t n, size_t i, uint64_t key)
{
    for (;;) {
        size_t child = 4 * i + 1, end = child + 4 < n ? child + 4 : n, least = child;
        if (child >= n) break;
        while (++child < end)
            if (heap[child] < heap[least]) least = child;
        if (heap[least] >= key) break;
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = key;
}

static void heap_push(cx__bpe_work *w, uint64_t key)
{
    size_t i = w->heap_count++;
    while (i > 0 && w->heap[(i - 1) / 4] > key) {
        w->heap[i] = w->heap[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    w->heap[i] = key;
}

static uint64_t heap_pop(cx__bpe_work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->heap_count];
    if (w->heap_count) sift_down(w->heap, w->heap_count, 0, last);
    return top;
}

/* ---- symbols of a word ---- */

/* Whether some token may hold these two characters side by side. If none does, no merge can join
 * what they belong to, and the word falls apart here. */
static bool may_join(const cx__bpe *b, uint32_t left, uint32_t right)
{
    uint32_t bit = cx__bpe_pair_bit(left, right);
    return !b->pairs || (b->pairs[bit >> 6] >> (bit & 63) & 1);
}

static void add_symbol(cx__bpe_work *w, size_t *n, int32_t id)
{
    w->symbols[*n] = (cx__symbol){ id, (int32_t)*n - 1, (int32_t)*n + 1 };
    ++*n;
}

/* Id of the character c, which stands at s; *text is it with prefix or suffix. */
static int32_t find_char(const cx__bpe *b, cx__bpe_work *w, uint32_t c, const char *s, size_t len,
                         bool first, bool last, const char **text, size_t *text_len)
{
    *text = s;
    *text_len = len;
    if ((!b->prefix || first) && (!b->suffix || !last))
        return c < 512 ? b->char_id[c] : cx__vocab_find(&b->vocab, s, len);
    cx__buf_clear(&w->word);
    if (b->prefix && !first) cx__buf_puts(&w->word, b->prefix);
    cx__buf_append(&w->word, s, len);
    if (b->suffix && last) cx__buf_puts(&w->word, b->suffix);
    if (w->word.failed) return -1;
    *text = w->word.data;
    *text_len = w->word.len;
    return cx__vocab_find(&b->vocab, w->word.data, w->word.len);
}

/* Adds one symbol per byte, if the vocabulary has all of them. */
static bool add_bytes(const cx__bpe *b, cx__bpe_work *w, size_t *n, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (b->byte_id[(uint8_t)s[i]] < 0) return false;
    for (size_t i = 0; i < len; i++) add_symbol(w, n, b->byte_id[(uint8_t)s[i]]);
    return true;
}

/* A character that the vocabulary lacks. An unk waits until the next known character (*pending);
 * bytes do not end the wait: so does the library. */
static cx_status add_unknown(const cx__bpe *b, cx__bpe_work *w, size_t *n, const char *s,
                             size_t len, bool *pending)
{
    if (b->byte_fallback && add_bytes(b, w, n, s, len)) return CX_OK;
    if (!b->unk_name) return CX_OK;
    if (b->unk < 0)
        return CX_FAIL(CX_EFORMAT, "tokenizer: unk_token '%s' is needed and not in the vocabulary",
                       b->unk_name);
    if (*pending && !b->fuse_unk) add_symbol(w, n, b->unk);
    *pending = true;
    return CX_OK;
}

/* Symbols of a word. Stretches that no merge can join are lists of their own. */
static cx_status split_symbols(const cx__bpe *b, cx__bpe_work *w, const char *s, size_t len,
                               size_t *count)
{
    const char *p = s, *end = s + len, *text;
    size_t n = 0, text_len;
    bool pending = false, known = false; /* known: the symbol before is the character before */
    uint32_t before = 0;
    while (p < end) {
        const char *at = p;
        uint32_t c = cx__utf8_next(&p, end);
        int32_t id = find_char(b, w, c, at, (size_t)(p - at), at == s, p == end, &text, &text_len);
        if (w->word.failed) return cx__text_nomem("a word");
        if (id < 0) {
            known = false;
            CX_TRY(add_unknown(b, w, &n, text, text_len, &pending));
            continue;
        }
        if (pending) add_symbol(w, &n, b->unk);
        add_symbol(w, &n, id);
        if (known && !may_join(b, before, c)) {
            w->symbols[n - 1].prev = -1;
            w->symbols[n - 2].next = -1;
        }
        pending = false;
        known = true;
        before = c;
    }
    if (pending) add_symbol(w, &n, b->unk);
    if (n > 0) w->symbols[n - 1].next = -1;
    *count = n;
    return CX_OK;
}

/* ---- merging ---- */

static const cx__merge *merge_at(const cx__bpe *b, const cx__bpe_work *w, int32_t left)
{
    const cx__symbol *a = &w->symbols[left];
    return find_merge(b, a->id, w->symbols[a->next].id);
}

static void consider(const cx__bpe *b, cx__bpe_work *w, int32_t left)
{
    const cx__merge *m = merge_at(b, w, left);
    if (m) heap_push(w, (uint64_t)m->rank << 32 | (uint32_t)left);
}

/* Merges the list that stands in [start, end). Room in the heap: a pair each at first; every merge
 * takes one out and puts at most two in, and there are fewer merges than symbols, so twice the
 * symbols are enough. */
static void merge_list(const cx__bpe *b, cx__bpe_work *w, size_t start, size_t end)
{
    w->heap_count = 0;
    for (size_t i = start; i + 1 < end; i++) {
        const cx__merge *m = merge_at(b, w, (int32_t)i);
        if (m) w->heap[w->heap_count++] = (uint64_t)m->rank << 32 | (uint32_t)i;
    }
    for (size_t i = (w->heap_count + 2) / 4; i-- > 0;)
        sift_down(w->heap, w->heap_count, i, w->heap[i]);
    while (w->heap_count > 0) {
        uint64_t top = heap_pop(w);
        int32_t at = (int32_t)(uint32_t)top;
        uint32_t rank = (uint32_t)(top >> 32);
        cx__symbol *left = &w->symbols[at], *right;
        const cx__merge *m;
        if (left->id < 0 || left->next < 0) continue;
        m = merge_at(b, w, at);
        /* Stale, unless what stands here now merges into the same token: so does the library. */
        if (!m || (m->rank != rank && m->id != b->rank_id[rank])) continue;
        right = &w->symbols[left->next];
        left->id = (int32_t)m->id;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0) w->symbols[left->next].prev = at;
        if (left->prev >= 0) consider(b, w, left->prev);
        if (left->next >= 0) consider(b, w, at);
    }
}

static void merge_symbols(const cx__bpe *b, cx__bpe_work *w, size_t n)
{
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && w->symbols[end - 1].next >= 0; end++) {}
        merge_list(b, w, start, end);
    }
}

static cx_status reserve(cx__bpe_work *w, size_t symbols)
{
    void *p;
    if (symbols <= w->symbol_cap) return CX_OK;
    if (symbols > INT32_MAX / 2)
        return CX_FAIL(CX_ELIMIT, "tokenizer: a word of %zu symbols", symbols);
    symbols += symbols / 2 + 64;
    if (!(p = cx__realloc(w->symbols, symbols * sizeof *w->symbols)))
        return cx__text_nomem("a long word");
    w->symbols = p;
    if (!(p = cx__realloc(w->heap, 2 * symbols * sizeof *w->heap)))
        return cx__text_nomem("a long word");
    w->heap = p;
    w->symbol_cap = symbols;
    return CX_OK;
}

cx_status cx__bpe_encode(const cx__bpe *b, cx__bpe_work *w, const char *s, size_t len, cx__ids *ids)
{
    size_t n = 0, extra = 0;
    if (b->ignore_merges) {
        int32_t id = cx__vocab_find(&b->vocab, s, len);
        if (id >= 0) return cx__ids_add(ids, id) ? CX_OK : cx__text_nomem("ids");
    }
    /* A character gives at most one symbol per byte of itself, prefix and suffix, and an unk. */
    if (b->byte_fallback && b->prefix) extra = strlen(b->prefix);
    if (extra > 64) return CX_FAIL(CX_ELIMIT, "tokenizer: prefix of %zu bytes", extra);
    w->word.max = CX__TEXT_MAX;
    CX_TRY(reserve(w, len * (1 + extra) + 1 + (b->suffix ? strlen(b->suffix) : 0)));
    CX_TRY(split_symbols(b, w, s, len, &n));
    merge_symbols(b, w, n);
    for (size_t i = 0; i < n; i++)
        if (w->symbols[i].id >= 0 && !cx__ids_add(ids, w->symbols[i].id))
            return cx__text_nomem("ids");
    return CX_OK;
}

void cx__bpe_work_deinit(cx__bpe_work *w)
{
    cx__free(w->symbols);
    cx__free(w->heap);
    cx__buf_free(&w->word);
}
