/* Pre-tokenizers of tokenizer.json, one row of `kinds` each: text into words.
 * Results as in the tokenizers library (pre_tokenizers/); see tests/oracle/golden_tokenizers.py. */
#include "text/parts.h"

/* What becomes of a match; the library's SplitDelimiterBehavior. */
enum { REMOVED, ISOLATED, MERGED_PREVIOUS, MERGED_NEXT, CONTIGUOUS };

static bool add_span(cx__pieces *p, size_t start, size_t len)
{
    if (len == 0) return true;
    if (p->next_count == p->next_cap) {
        size_t cap = p->next_cap ? p->next_cap * 2 : 256;
        cx__span *next = cx__realloc(p->next, cap * sizeof *next);
        if (!next) return false;
        p->next = next;
        p->next_cap = cap;
    }
    p->next[p->next_count++] = (cx__span){ (uint32_t)start, (uint32_t)len };
    return true;
}

/* p->next becomes p->at. */
static void take_spans(cx__pieces *p)
{
    cx__span *swap = p->at;
    size_t cap = p->cap;
    if (p->count && p->next_count && p->next[0].start != p->at[0].start) p->first = false;
    p->at = p->next;
    p->count = p->next_count;
    p->cap = p->next_cap;
    p->next = swap;
    p->next_count = 0;
    p->next_cap = cap;
}

/* p->other becomes p->text. */
static void take_text(cx__pieces *p)
{
    cx__buf swap = p->text;
    p->text = p->other;
    p->other = swap;
    cx__buf_clear(&p->other);
}

/* Adds the spans of `base` that p->hits and the behavior make. Each pass over matches that follow
 * is the library's fold: a match joins its neighbour unless that one came from a match too. */
static bool apply_behavior(cx__pieces *p, size_t base, int behavior, bool invert)
{
    const cx__matches *m = &p->hits;
    for (size_t i = 0; i < m->count; i++) {
        bool hit = m->at[i].hit != invert;
        size_t start = m->at[i].start, end = m->at[i].end;
        if (behavior == REMOVED && hit) continue;
        if (behavior == CONTIGUOUS)
            while (i + 1 < m->count && (m->at[i + 1].hit != invert) == hit) end = m->at[++i].end;
        if (behavior == MERGED_PREVIOUS && !hit && i + 1 < m->count && m->at[i + 1].hit != invert)
            end = m->at[++i].end;
        if (behavior == MERGED_NEXT && hit && i + 1 < m->count && m->at[i + 1].hit == invert)
            end = m->at[++i].end;
        if (!add_span(p, base + start, end - start)) return false;
    }
    return true;
}

static cx_status split_regex(cx__pieces *p, const cx__regex *re, int behavior, bool invert)
{
    for (size_t i = 0; i < p->count; i++) {
        cx__span s = p->at[i];
        CX_TRY(cx__regex_matches(re, p->text.data + s.start, s.len, &p->hits));
        if (!apply_behavior(p, s.start, behavior, invert)) return cx__text_nomem("words");
    }
    take_spans(p);
    return CX_OK;
}

/* Matches are the single characters that `is` accepts, or with `runs` the runs of them. */
static bool match_chars(cx__pieces *p, cx__span s, bool (*is)(uint32_t, uint32_t), uint32_t arg,
                        bool runs)
{
    const char *text = p->text.data + s.start, *at = text, *end = text + s.len, *done = text;
    p->hits.count = 0;
    while (at < end) {
        const char *start = at, *next;
        if (!is(cx__utf8_next(&at, end), arg)) continue;
        for (next = at; runs && next < end; at = next)
            if (!is(cx__utf8_next(&next, end), arg)) break;
        if (done < start &&
            !cx__matches_add(&p->hits, (size_t)(done - text), (size_t)(start - text), false))
            return false;
        if (!cx__matches_add(&p->hits, (size_t)(start - text), (size_t)(at - text), true))
            return false;
        done = at;
    }
    return done == end || cx__matches_add(&p->hits, (size_t)(done - text), s.len, false);
}

static cx_status split_chars(cx__pieces *p, bool (*is)(uint32_t, uint32_t), uint32_t arg,
                             int behavior)
{
    for (size_t i = 0; i < p->count; i++)
        if (!match_chars(p, p->at[i], is, arg, false) ||
            !apply_behavior(p, p->at[i].start, behavior, false))
            return cx__text_nomem("words");
    take_spans(p);
    return CX_OK;
}

/* Rust's is_numeric knows Unicode 17: two ranges more than the regular expressions. */
static bool is_number(uint32_t c, uint32_t arg)
{
    (void)arg;
    return cx__char_number(c) || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6);
}

static bool is_punct(uint32_t c, uint32_t arg)
{
    (void)arg;
    return cx__char_punct(c);
}

static bool is_space(uint32_t c, uint32_t arg)
{
    (void)arg;
    return cx__char_space(c);
}

static bool is_char(uint32_t c, uint32_t arg)
{
    return c == arg;
}

/* ---- ByteLevel: flag[0] add_prefix_space, flag[1] use_regex, regex ---- */

static cx_status byte_level_init(const json_t *o, const char *where, cx__step *step)
{
    step->flag[0] = step->flag[1] = true;
    CX_TRY(cx__json_bool(o, where, "add_prefix_space", &step->flag[0]));
    CX_TRY(cx__json_bool(o, where, "use_regex", &step->flag[1]));
    return cx__regex_new(cx__pattern_gpt2, strlen(cx__pattern_gpt2), false, where, &step->regex);
}

/* Every word that does not begin with `with` gets it in front; only the first one if `first`. */
static cx_status prefix_words(cx__pieces *p, const char *with, size_t len, bool first)
{
    cx__buf_clear(&p->other);
    for (size_t i = 0; i < p->count; i++) {
        cx__span s = p->at[i];
        const char *text = p->text.data + s.start;
        size_t start = p->other.len;
        if ((s.len < len || memcmp(text, with, len) != 0) && (!first || (i == 0 && p->first)))
            cx__buf_append(&p->other, with, len);
        cx__buf_append(&p->other, text, s.len);
        if (p->other.failed) return cx__text_nomem("words");
        p->at[i] = (cx__span){ (uint32_t)start, (uint32_t)(p->other.len - start) };
    }
    take_text(p);
    return CX_OK;
}

static cx_status byte_level(const cx__step *step, cx__pieces *p)
{
    if (step->flag[0]) CX_TRY(prefix_words(p, " ", 1, false));
    if (step->flag[1]) CX_TRY(split_regex(p, step->regex, ISOLATED, false));
    cx__buf_clear(&p->other);
    for (size_t i = 0; i < p->count; i++) {
        size_t start = p->other.len;
        if (!cx__bytes_encode(&p->other, p->text.data + p->at[i].start, p->at[i].len))
            return cx__text_nomem("words");
        p->at[i] = (cx__span){ (uint32_t)start, (uint32_t)(p->other.len - start) };
    }
    take_text(p);
    return CX_OK;
}

/* ---- Split: regex, mode behavior, flag[0] invert; Punctuation: mode ---- */

static cx_status behavior_init(const json_t *o, const char *where, int *out)
{
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious",
                                         "MergedWithNext", "Contiguous" };
    const char *name = NULL;
    CX_TRY(cx__json_str(o, where, "behavior", &name));
    for (int i = 0; name && i < 5; i++)
        if (strcmp(names[i], name) == 0) return *out = i, CX_OK;
    return name ? CX_FAIL(CX_EFORMAT, "%s: behavior '%.40s' is unknown", where, name) : CX_OK;
}

static cx_status split_init(const json_t *o, const char *where, cx__step *step)
{
    step->mode = -1;
    CX_TRY(behavior_init(o, where, &step->mode));
    if (step->mode < 0) return CX_FAIL(CX_EFORMAT, "%s: 'behavior' is missing", where);
    CX_TRY(cx__json_bool(o, where, "invert", &step->flag[0]));
    return cx__step_pattern(o, where, &step->regex);
}

static cx_status split(const cx__step *step, cx__pieces *p)
{
    return split_regex(p, step->regex, step->mode, step->flag[0]);
}

static cx_status punctuation_init(const json_t *o, const char *where, cx__step *step)
{
    step->mode = ISOLATED;
    return behavior_init(o, where, &step->mode);
}

static cx_status punctuation(const cx__step *step, cx__pieces *p)
{
    return split_chars(p, is_punct, 0, step->mode);
}

/* ---- Digits: mode ---- */

static cx_status digits_init(const json_t *o, const char *where, cx__step *step)
{
    bool individual = false;
    CX_TRY(cx__json_bool(o, where, "individual_digits", &individual));
    step->mode = individual ? ISOLATED : CONTIGUOUS;
    return CX_OK;
}

static cx_status digits(const cx__step *step, cx__pieces *p)
{
    return split_chars(p, is_number, 0, step->mode);
}

/* ---- Whitespace: words and runs of what is neither word nor space ---- */

static bool is_word(uint32_t c, uint32_t arg)
{
    (void)arg;
    return cx__char_word(c);
}

static cx_status whitespace(const cx__step *step, cx__pieces *p)
{
    (void)step;
    for (size_t i = 0; i < p->count; i++)
        if (!match_chars(p, p->at[i], is_word, 0, true) ||
            !apply_behavior(p, p->at[i].start, ISOLATED, false))
            return cx__text_nomem("words");
    take_spans(p);
    return split_chars(p, is_space, 0, REMOVED);
}

static cx_status whitespace_split(const cx__step *step, cx__pieces *p)
{
    (void)step;
    return split_chars(p, is_space, 0, REMOVED);
}

static cx_status bert(const cx__step *step, cx__pieces *p)
{
    CX_TRY(whitespace_split(step, p));
    return split_chars(p, is_punct, 0, ISOLATED);
}

static cx_status delimiter_init(const json_t *o, const char *where, cx__step *step)
{
    return cx__step_char(o, where, "delimiter", &step->ch);
}

static cx_status delimiter(const cx__step *step, cx__pieces *p)
{
    return split_chars(p, is_char, step->ch, REMOVED);
}

/* ---- Metaspace: ch and text replacement, mode scheme, flag[0] split ---- */

enum { FIRST, NEVER, ALWAYS };

static cx_status metaspace_init(const json_t *o, const char *where, cx__step *step)
{
    const char *scheme = "always";
    bool prefix = true;
    step->flag[0] = true;
    CX_TRY(cx__step_char(o, where, "replacement", &step->ch));
    CX_TRY(cx__step_string(o, where, "replacement", &step->text, &step->len));
    CX_TRY(cx__json_str(o, where, "prepend_scheme", &scheme));
    CX_TRY(cx__json_bool(o, where, "split", &step->flag[0]));
    CX_TRY(cx__json_bool(o, where, "add_prefix_space", &prefix));
    step->mode = !strcmp(scheme, "first") ? FIRST : !strcmp(scheme, "never") ? NEVER : ALWAYS;
    if (step->mode == ALWAYS && strcmp(scheme, "always") != 0)
        return CX_FAIL(CX_EFORMAT, "%s: prepend_scheme '%.40s' is unknown", where, scheme);
    if (!prefix && json_object_get(o, "prepend_scheme") && step->mode != NEVER)
        return CX_FAIL(CX_EFORMAT, "%s: add_prefix_space false and prepend_scheme '%s'", where,
                       scheme);
    if (!prefix) step->mode = NEVER;
    return CX_OK;
}

static cx_status metaspace(const cx__step *step, cx__pieces *p)
{
    cx__buf_clear(&p->other);
    for (size_t i = 0; i < p->count; i++) {
        const char *at = p->text.data + p->at[i].start, *end = at + p->at[i].len;
        size_t start = p->other.len;
        while (at < end) {
            const char *space = memchr(at, ' ', (size_t)(end - at));
            cx__buf_append(&p->other, at, (size_t)((space ? space : end) - at));
            if (space) cx__buf_append(&p->other, step->text, step->len);
            at = space ? space + 1 : end;
        }
        if (p->other.failed) return cx__text_nomem("words");
        p->at[i] = (cx__span){ (uint32_t)start, (uint32_t)(p->other.len - start) };
    }
    take_text(p);
    if (step->mode != NEVER) CX_TRY(prefix_words(p, step->text, step->len, step->mode == FIRST));
    return step->flag[0] ? split_chars(p, is_char, step->ch, MERGED_NEXT) : CX_OK;
}

static const cx__kind kinds[] = {
    { .name = "BertPreTokenizer", .split = bert },
    { .name = "ByteLevel", .init = byte_level_init, .split = byte_level },
    { .name = "CharDelimiterSplit", .init = delimiter_init, .split = delimiter },
    { .name = "Digits", .init = digits_init, .split = digits },
    { .name = "Metaspace", .init = metaspace_init, .split = metaspace },
    { .name = "Punctuation", .init = punctuation_init, .split = punctuation },
    { .name = "Split", .init = split_init, .split = split },
    { .name = "Whitespace", .split = whitespace },
    { .name = "WhitespaceSplit", .split = whitespace_split },
};

cx_status cx__pretokenizers_init(cx__steps *s, const json_t *o, const char *where)
{
    return cx__steps_init(s, o, where, "pretokenizers", kinds, sizeof kinds / sizeof *kinds);
}

cx_status cx__pretokenize(const cx__steps *s, cx__pieces *p)
{
    p->text.max = p->other.max = 2 * CX__TEXT_MAX;
    p->next_count = 0;
    if (!add_span(p, 0, p->text.len)) return cx__text_nomem("words");
    p->count = 0;
    take_spans(p);
    for (size_t i = 0; i < s->count; i++) CX_TRY(s->at[i].kind->split(&s->at[i], p));
    return CX_OK;
}

void cx__pieces_deinit(cx__pieces *p)
{
    cx__buf_free(&p->text);
    cx__buf_free(&p->other);
    cx__free(p->at);
    cx__free(p->next);
    cx__free(p->hits.at);
}
