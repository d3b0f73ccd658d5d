/* Added tokens: found in the text before anything else, longest first from the left.
 * Order of steps and flags as in the tokenizers library (added_vocabulary.rs); tested by
 * tests/oracle/golden_tokenizers.py. */
#include "text/parts.h"

/* Searching takes at most the longest content per byte of text. */
enum { CONTENT_MAX = 1000, CONTENTS_MAX = 1 << 20 };

/* ---- loading ---- */

static cx_status read_token(cx__added_token *t, const json_t *o, const char *where, size_t index)
{
    char place[256];
    int64_t id = -1;
    snprintf(place, sizeof place, "%s: added_tokens[%zu]", where, index);
    if (!json_is_object(o)) return CX_FAIL(CX_EFORMAT, "%s: expected an object", place);
    CX_TRY(cx__step_string(o, place, "content", &t->content, &t->len));
    CX_TRY(cx__json_int(o, place, "id", 0, INT32_MAX - 1, &id));
    if (id < 0) return CX_FAIL(CX_EFORMAT, "%s: 'id' is missing", place);
    if (t->len == 0) return CX_FAIL(CX_EFORMAT, "%s: the content is empty", place);
    if (t->len > CONTENT_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: content of %zu bytes, at most %d", place, t->len,
                       CONTENT_MAX);
    t->id = (int32_t)id;
    CX_TRY(cx__json_bool(o, place, "special", &t->special));
    t->is_normalized = !t->special;
    CX_TRY(cx__json_bool(o, place, "normalized", &t->is_normalized));
    CX_TRY(cx__json_bool(o, place, "single_word", &t->single_word));
    CX_TRY(cx__json_bool(o, place, "lstrip", &t->lstrip));
    return cx__json_bool(o, place, "rstrip", &t->rstrip);
}

/* The id is the vocabulary's, else the next free one, whatever the file says; a file that says
 * something else would mean other rows of the embedding and is refused. */
static cx_status check_id(cx__added_token *t, const cx__vocab *vocab, int32_t *next,
                          const char *where, size_t index)
{
    int32_t known = cx__vocab_find(vocab, t->content, t->len), found = t->id;
    const char *other = cx__vocab_text(vocab, known < 0 ? found : -1, NULL);
    if (other)
        return CX_FAIL(CX_EFORMAT, "%s: added_tokens[%zu]: '%.60s' has id %d of token '%.60s'",
                       where, index, t->content, found, other);
    t->id = known >= 0 ? known : (*next)++;
    if (t->id != found)
        return CX_FAIL(CX_EFORMAT, "%s: added_tokens[%zu]: '%.60s' has id %d, expected %d", where,
                       index, t->content, found, t->id);
    return CX_OK;
}

static cx_status normalize_token(cx__added_token *t, const cx__steps *normalizers,
                                 const char *where, size_t index)
{
    cx__norm n = { .text.max = CX__TEXT_MAX };
    cx_status st = CX_OK;
    if (!t->is_normalized || normalizers->count == 0) return CX_OK;
    if (!cx__buf_append(&n.text, t->content, t->len)) st = cx__text_nomem("added tokens");
    if (st == CX_OK) st = cx__normalize(normalizers, &n);
    if (st == CX_OK && n.text.len > CONTENT_MAX)
        st = CX_FAIL(CX_ELIMIT, "%s: added_tokens[%zu]: normalized to %zu bytes, at most %d", where,
                     index, n.text.len, CONTENT_MAX);
    if (st == CX_OK && (n.text.len != t->len || memcmp(n.text.data, t->content, t->len) != 0)) {
        t->normalized_len = n.text.len;
        t->normalized = cx__strndup(n.text.len ? n.text.data : "", n.text.len);
        if (!t->normalized) st = cx__text_nomem("added tokens");
    }
    cx__norm_deinit(&n);
    return st;
}

static int compare(const void *a, const void *b)
{
    const cx__added_token *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->content, y->content, n);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static cx_status build_tries(cx__added *a, const char *where)
{
    size_t raw = 0, normalized = 0;
    for (size_t i = 0; i < a->count; i++) {
        const cx__added_token *t = &a->at[i];
        if (t->is_normalized) normalized += t->normalized ? t->normalized_len : t->len;
        else raw += t->len;
    }
    if (raw + normalized > CONTENTS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: added_tokens of %zu bytes, at most %d", where,
                       raw + normalized, CONTENTS_MAX);
    CX_TRY(cx__trie_init(&a->raw, raw, where));
    CX_TRY(cx__trie_init(&a->normalized, normalized, where));
    for (size_t i = 0; i < a->count; i++) {
        const cx__added_token *t = &a->at[i];
        if (!t->is_normalized) cx__trie_add(&a->raw, t->content, t->len, (int32_t)i);
        else if (!t->normalized) cx__trie_add(&a->normalized, t->content, t->len, (int32_t)i);
        else cx__trie_add(&a->normalized, t->normalized, t->normalized_len, (int32_t)i);
    }
    return CX_OK;
}

static cx_status read_list(cx__added *a, const json_t *list, const cx__vocab *vocab,
                           const cx__steps *normalizers, const char *where)
{
    size_t count = json_array_size(list);
    int32_t next = (int32_t)vocab->count;
    if (!json_is_array(list)) return CX_FAIL(CX_EFORMAT, "%s: added_tokens must be a list", where);
    a->at = cx__calloc(count + 1, sizeof *a->at);
    if (!a->at) return CX_FAIL(CX_ENOMEM, "%s: added_tokens", where);
    for (size_t i = 0; i < count; i++) {
        cx__added_token *t = &a->at[i];
        a->count++;
        CX_TRY(read_token(t, json_array_get(list, i), where, i));
        CX_TRY(check_id(t, vocab, &next, where, i));
        CX_TRY(normalize_token(t, normalizers, where, i));
        if (t->id >= a->ids) a->ids = t->id + 1;
    }
    return CX_OK;
}

cx_status cx__added_init(cx__added *a, const json_t *list, const cx__vocab *vocab,
                         const cx__steps *normalizers, const char *where)
{
    if (list && !json_is_null(list)) CX_TRY(read_list(a, list, vocab, normalizers, where));
    if (a->count > 1) qsort(a->at, a->count, sizeof *a->at, compare);
    for (size_t i = 1; i < a->count; i++)
        if (compare(&a->at[i - 1], &a->at[i]) == 0)
            return CX_FAIL(CX_EFORMAT, "%s: added_tokens: '%.60s' is there twice", where,
                           a->at[i].content);
    return build_tries(a, where);
}

void cx__added_deinit(cx__added *a)
{
    for (size_t i = 0; i < a->count; i++) {
        cx__free(a->at[i].content);
        cx__free(a->at[i].normalized);
    }
    cx__free(a->at);
    cx__trie_deinit(&a->raw);
    cx__trie_deinit(&a->normalized);
}

const cx__added_token *cx__added_find(const cx__added *a, const char *s, size_t len)
{
    cx__added_token key = { .content = (char *)s, .len = len };
    return a->count ? bsearch(&key, a->at, a->count, sizeof key, compare) : NULL;
}

/* ---- finding ---- */

/* Start of the last character before `at` (at > 0). */
static size_t char_before(const char *s, size_t at)
{
    do at--;
    while (at > 0 && ((uint8_t)s[at] & 0xC0) == 0x80);
    return at;
}

static uint32_t char_at(const char *s, size_t len, size_t at)
{
    const char *p = s + at;
    return cx__utf8_next(&p, s + len);
}

static bool is_single_word(const char *s, size_t len, size_t start, size_t stop)
{
    if (start > 0 && cx__char_word(char_at(s, len, char_before(s, start)))) return false;
    return stop == len || !cx__char_word(char_at(s, len, stop));
}

/* Start of the spaces that end at `at`, no further back than `floor`. */
static size_t spaces_before(const char *s, size_t len, size_t at, size_t floor)
{
    while (at > floor) {
        size_t before = char_before(s, at);
        if (!cx__char_space(char_at(s, len, before))) break;
        at = before;
    }
    return at;
}

static size_t spaces_after(const char *s, size_t len, size_t at)
{
    const char *p = s + at, *end = s + len;
    while (p < end) {
        const char *before = p;
        if (!cx__char_space(cx__utf8_next(&p, end))) return (size_t)(before - s);
    }
    return len;
}

cx_status cx__added_cut(const cx__added *a, const cx__trie *trie, const char *s, size_t len,
                        cx__added_part *part, void *arg)
{
    size_t done = 0;                   /* end of the last part */
    size_t run_start = 1, run_end = 0; /* spaces already measured, so that runs stay linear */
    for (size_t at = 0; at < len;) {
        size_t n = 0, start = at, stop;
        int32_t index = trie->start[(uint8_t)s[at]] ? cx__trie_longest(trie, s + at, len - at, &n)
                                                    : -1;
        const cx__added_token *t = index < 0 ? NULL : &a->at[index];
        at += t ? n : 1;
        if (!t || (t->single_word && !is_single_word(s, len, start, at))) continue;
        stop = at;
        if (t->lstrip) start = start > done ? spaces_before(s, len, start, done) : done;
        if (t->rstrip) {
            if (stop < run_start || stop > run_end) {
                run_start = stop;
                run_end = spaces_after(s, len, stop);
            }
            stop = run_end;
        }
        if (done < start) CX_TRY(part(arg, s, done, start, -1));
        CX_TRY(part(arg, s, start, stop, t->id));
        done = stop;
    }
    return done < len ? part(arg, s, done, len, -1) : CX_OK;
}
