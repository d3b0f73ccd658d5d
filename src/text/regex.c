/* Regular expressions by PCRE2 (JIT when there is one), plain text by memmem, and well-known
 * patterns by the splitters of split.c. Limits make every pattern end: steps per start, depth and
 * heap in PCRE2, and time per text here. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/parts.h"
#include <pcre2.h>

enum {
    PATTERN_MAX = 16384,
    STEPS_MAX = 4000000,  /* PCRE2's match limit, per start position */
    DEPTH_MAX = 100000,   /* PCRE2's depth limit, without JIT */
    HEAP_MAX_KIB = 65536, /* PCRE2's heap limit, without JIT */
    STARTS = 64           /* start positions per call; the clock is read between calls */
};
/* A text may take this long; patterns in use need some 0.2 s for 1 MB. */
static const double seconds_fixed = 5, seconds_per_byte = 10e-6;

struct cx__regex {
    cx__splitter *splitter;
    char *literal; /* owned; the text itself */
    size_t literal_len;
    pcre2_code *code;
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    char *where; /* owned; for errors while matching */
};

static void *allocate(size_t size, void *unused)
{
    (void)unused;
    return cx__alloc(size);
}

static void release(void *p, void *unused)
{
    (void)unused;
    cx__free(p);
}

bool cx__matches_add(cx__matches *m, size_t start, size_t end, bool hit)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 256;
        cx__match *at = cx__realloc(m->at, cap * sizeof *at);
        if (!at) return false;
        m->at = at;
        m->cap = cap;
    }
    m->at[m->count++] = (cx__match){ (uint32_t)start, (uint32_t)end, hit };
    return true;
}

static cx_status compile(cx__regex *re, const char *pattern, size_t len)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_compile_context *context;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_USE_OFFSET_LIMIT;
    re->memory = pcre2_general_context_create(allocate, release, NULL);
    context = re->memory ? pcre2_compile_context_create(re->memory) : NULL;
    re->limits = re->memory ? pcre2_match_context_create(re->memory) : NULL;
    if (!context || !re->limits) {
        pcre2_compile_context_free(context);
        return CX_FAIL(CX_ENOMEM, "%s: pattern", re->where);
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    re->code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!re->code) {
        char text[120] = "?";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        if (code == PCRE2_ERROR_NOMEMORY || code == 121) /* 121: out of memory in compile */
            return CX_FAIL(CX_ENOMEM, "%s: pattern", re->where);
        return CX_FAIL(CX_EUNSUPPORTED, "%s: pattern: %s (as PCRE2, offset %zu: '%.80s')",
                       re->where, text, (size_t)offset, pattern);
    }
    pcre2_set_match_limit(re->limits, STEPS_MAX);
    pcre2_set_depth_limit(re->limits, DEPTH_MAX);
    pcre2_set_heap_limit(re->limits, HEAP_MAX_KIB);
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* without it matching is slower, no more */
    return CX_OK;
}

static cx_status fill(cx__regex *re, const char *pattern, size_t len, bool literal)
{
    cx__buf out = { .max = 64 * PATTERN_MAX };
    cx_status st;
    if (literal && len > 0) {
        re->literal = cx__strndup(pattern, len);
        re->literal_len = len;
        return re->literal ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: pattern", re->where);
    }
    re->splitter = cx__splitter_find(pattern, len);
    if (re->splitter) return CX_OK;
    cx__buf_puts(&out, "");
    st = cx__regex_translate(pattern, len, re->where, &out);
    if (st == CX_OK) st = compile(re, out.data, out.len);
    cx__buf_free(&out);
    return st;
}

cx_status cx__regex_new(const char *pattern, size_t len, bool literal, const char *where,
                        cx__regex **out)
{
    cx__regex *re;
    cx_status st;
    if (len > PATTERN_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: pattern of %zu bytes, at most %d", where, len, PATTERN_MAX);
    re = cx__calloc(1, sizeof *re);
    if (!re || !(re->where = cx__strdup(where))) {
        cx__regex_free(re);
        return CX_FAIL(CX_ENOMEM, "%s: pattern", where);
    }
    st = fill(re, pattern, len, literal);
    if (st == CX_OK) *out = re;
    else cx__regex_free(re);
    return st;
}

void cx__regex_free(cx__regex *re)
{
    if (!re) return;
    pcre2_code_free(re->code);
    pcre2_match_context_free(re->limits);
    pcre2_general_context_free(re->memory);
    cx__free(re->literal);
    cx__free(re->where);
    cx__free(re);
}

/* ---- matching ---- */

static cx_status no_memory(const cx__regex *re)
{
    return CX_FAIL(CX_ENOMEM, "%s: matching", re->where);
}

static cx_status match_splitter(const cx__regex *re, const char *s, size_t len, cx__matches *m)
{
    for (size_t at = 0; at < len;) {
        size_t end = re->splitter(s, len, at);
        if (!cx__matches_add(m, at, end, true)) return no_memory(re);
        at = end;
    }
    return CX_OK;
}

static cx_status match_literal(const cx__regex *re, const char *s, size_t len, cx__matches *m)
{
    for (size_t at = 0; at < len;) {
        const char *hit = memmem(s + at, len - at, re->literal, re->literal_len);
        size_t start = hit ? (size_t)(hit - s) : len;
        if (start > at && !cx__matches_add(m, at, start, false)) return no_memory(re);
        if (hit && !cx__matches_add(m, start, start + re->literal_len, true)) return no_memory(re);
        at = hit ? start + re->literal_len : len;
    }
    return CX_OK;
}

/* One search; *rc as pcre2_match. The JIT's small stack may not do: then without JIT. */
typedef struct search {
    const cx__regex *re;
    const char *s;
    size_t len, from;
    pcre2_match_data *data;
    pcre2_match_context *limits; /* own copy: it holds the offset limit */
    double deadline;
} search;

static int match_once(search *q)
{
    int rc = pcre2_match(q->re->code, (PCRE2_SPTR)q->s, q->len, q->from, PCRE2_NO_UTF_CHECK,
                         q->data, q->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(q->re->code, (PCRE2_SPTR)q->s, q->len, q->from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, q->data, q->limits);
    return rc;
}

static size_t next_char(const char *s, size_t len, size_t at)
{
    const char *p = s + at;
    if (at >= len) return len + 1;
    cx__utf8_next(&p, s + len);
    return (size_t)(p - s);
}

/* Finds the next match at or after q->from; *found false: there is none. */
static cx_status find_next(search *q, size_t *start, size_t *end, bool *found)
{
    for (;;) {
        size_t last = q->from + STARTS < q->len ? q->from + STARTS : q->len;
        int rc;
        while (last < q->len && ((uint8_t)q->s[last] & 0xC0) == 0x80) last++;
        pcre2_set_offset_limit(q->limits, last);
        rc = match_once(q);
        *found = rc >= 0;
        if (rc >= 0) {
            const PCRE2_SIZE *at = pcre2_get_ovector_pointer(q->data);
            *start = at[0];
            *end = at[1];
            return CX_OK;
        }
        if (rc == PCRE2_ERROR_NOMEMORY) return no_memory(q->re);
        if (rc != PCRE2_ERROR_NOMATCH || cx__now() > q->deadline)
            return CX_FAIL(CX_ELIMIT, "%s: pattern needs too many steps at offset %zu of the text",
                           q->re->where, q->from);
        if (last >= q->len) return CX_OK;
        q->from = last;
    }
}

/* An empty match right after a match does not count, as in the onig crate's find_iter. */
static cx_status match_all(search *q, cx__matches *m)
{
    size_t done = 0, last_end = SIZE_MAX, start, end;
    bool found;
    while (q->from <= q->len) {
        CX_TRY(find_next(q, &start, &end, &found));
        if (!found) break;
        if (end < start) return CX_FAIL(CX_EUNSUPPORTED, "%s: match runs backwards", q->re->where);
        if (start == end && end == last_end) {
            q->from = next_char(q->s, q->len, q->from);
            continue;
        }
        if (start > done && !cx__matches_add(m, done, start, false)) return no_memory(q->re);
        if (!cx__matches_add(m, start, end, true)) return no_memory(q->re);
        q->from = done = last_end = end;
    }
    if (done < q->len && !cx__matches_add(m, done, q->len, false)) return no_memory(q->re);
    return CX_OK;
}

cx_status cx__regex_matches(const cx__regex *re, const char *s, size_t len, cx__matches *m)
{
    search q = { .re = re, .s = s, .len = len };
    cx_status st;
    m->count = 0;
    if (len == 0) return cx__matches_add(m, 0, 0, false) ? CX_OK : no_memory(re);
    if (re->splitter) return match_splitter(re, s, len, m);
    if (re->literal) return match_literal(re, s, len, m);
    q.data = pcre2_match_data_create_from_pattern(re->code, re->memory);
    q.limits = pcre2_match_context_copy(re->limits);
    q.deadline = cx__now() + seconds_fixed + seconds_per_byte * (double)len;
    st = q.data && q.limits ? match_all(&q, m) : no_memory(re);
    pcre2_match_data_free(q.data);
    pcre2_match_context_free(q.limits);
    return st;
}
