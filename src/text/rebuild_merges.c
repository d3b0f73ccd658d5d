/* The merges of a BPE vocabulary: as the source lists them, or derived. SentencePiece merges the
 * pair whose piece has the best score, tiktoken the one whose piece has the lowest rank; so each
 * piece stands for a merge of every two pieces that make it, best piece first, and of one piece
 * shortest left side first. Source: sentencepiece bpe_model.cc, tiktoken's byte_pair_merge. */
#include "text/rebuild.h"

/* Finding the parts of a piece takes the square of its length; the longest known has 1,024 bytes
 * (256 spaces of Llama 3, each a character of two bytes, and rows of U+2581). */
enum { PIECE_MAX = 2048, MERGES_MAX = 1 << 24 };

typedef struct ranked {
    float score;
    uint32_t id;
} ranked;

static int compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool put_pair(cx__buf *out, bool first, cx__str left, cx__str right)
{
    cx__buf_puts(out, first ? "\n      [" : ",\n      [");
    cx__rebuild_put(out, left.at, left.len);
    cx__buf_puts(out, ", ");
    cx__rebuild_put(out, right.at, right.len);
    return cx__buf_putc(out, ']');
}

/* ---- given ---- */

/* "left right": the first character of left may be a space itself. */
static cx_status split_merge(const cx__rebuild *r, size_t at, cx__str *left, cx__str *right)
{
    cx__str m = r->v->merges[at];
    const char *space = m.len > 2 ? memchr(m.at + 1, ' ', m.len - 2) : NULL;
    if (!space)
        return CX_FAIL(CX_EFORMAT, "%s: merge %zu: expected two tokens, found '%.*s'", r->where, at,
                       (int)(m.len < 60 ? m.len : 60), m.at ? m.at : "");
    *left = (cx__str){ m.at, (size_t)(space - m.at) };
    *right = (cx__str){ space + 1, (size_t)(m.at + m.len - space - 1) };
    return CX_OK;
}

static cx_status given(const cx__rebuild *r, cx__buf *out)
{
    cx__buf joined = { .max = CX__TEXT_MAX };
    cx_status st = CX_OK;
    for (size_t i = 0; i < r->v->merge_count && st == CX_OK; i++) {
        cx__str part[3] = { { 0 } };
        if ((st = split_merge(r, i, &part[0], &part[1])) != CX_OK) break;
        cx__buf_clear(&joined);
        cx__buf_append(&joined, part[0].at, part[0].len);
        if (!cx__buf_append(&joined, part[1].at, part[1].len)) {
            st = CX_FAIL(CX_ENOMEM, "%s: merge %zu", r->where, i);
            break;
        }
        part[2] = (cx__str){ joined.data, joined.len };
        for (int k = 0; k < 3 && st == CX_OK; k++)
            if (cx__vocab_find(&r->vocab, part[k].at, part[k].len) < 0)
                st = CX_FAIL(CX_EFORMAT, "%s: merge %zu: '%.*s' is not in the vocabulary", r->where,
                             i, (int)(part[k].len < 60 ? part[k].len : 60), part[k].at);
        if (st == CX_OK) put_pair(out, i == 0, part[0], part[1]);
    }
    cx__buf_free(&joined);
    return st;
}

/* ---- derived ---- */

static bool is_normal(const cx__rebuild *r, const char *s, size_t len)
{
    int32_t id = cx__vocab_find(&r->vocab, s, len);
    return id >= 0 && r->type[id] == CX__TOKEN_NORMAL;
}

static cx_status split_piece(const cx__rebuild *r, uint32_t id, size_t *count, cx__buf *out)
{
    cx__str s = r->v->tokens[id];
    const char *p = s.at, *end = s.at + s.len;
    if (s.len > PIECE_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: token %u of %zu bytes, at most %d can be merged", r->where,
                       id, s.len, PIECE_MAX);
    while (p < end) {
        cx__str left = { s.at, 0 }, right;
        cx__utf8_next(&p, end);
        left.len = (size_t)(p - s.at);
        right = (cx__str){ p, s.len - left.len };
        if (right.len == 0 || !is_normal(r, left.at, left.len) ||
            !is_normal(r, right.at, right.len))
            continue;
        if (*count == MERGES_MAX)
            return CX_FAIL(CX_ELIMIT, "%s: more than %d merges", r->where, MERGES_MAX);
        put_pair(out, (*count)++ == 0, left, right);
    }
    return CX_OK;
}

static cx_status derived(const cx__rebuild *r, cx__buf *out)
{
    const cx__vocab_source *v = r->v;
    ranked *order = cx__alloc_array(v->count, sizeof *order);
    bool scored = v->scores && r->model == CX__REBUILD_PIECES;
    size_t n = 0, count = 0;
    cx_status st = CX_OK;
    if (!order) return CX_FAIL(CX_ENOMEM, "%s: merges", r->where);
    for (size_t i = 0; i < v->count; i++)
        if (r->type[i] == CX__TOKEN_NORMAL)
            order[n++] = (ranked){ scored ? v->scores[i] : 0, (uint32_t)i };
    if (scored) qsort(order, n, sizeof *order, compare);
    for (size_t i = 0; i < n && st == CX_OK; i++) st = split_piece(r, order[i].id, &count, out);
    cx__free(order);
    return st;
}

cx_status cx__rebuild_merges(const cx__rebuild *r, cx__buf *out)
{
    cx__buf_putc(out, '[');
    CX_TRY(r->v->merges ? given(r, out) : derived(r, out));
    return cx__buf_puts(out, "\n    ]") ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: merges", r->where);
}
