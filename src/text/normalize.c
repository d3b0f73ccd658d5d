/* Normalizers of tokenizer.json, one row of `kinds` each: the text before it is split. Same
 * results as the tokenizers library (normalizers/); tested by tests/oracle/golden_tokenizers.py. */
#include "text/parts.h"
#include <utf8proc.h>

/* The result is in n->other: makes it the text, which is never NULL, though it may be empty. */
static cx_status done(cx__norm *n)
{
    cx__buf swap = n->text;
    if (!cx__buf_puts(&n->other, "")) return cx__text_nomem("normalized text");
    n->text = n->other;
    n->other = swap;
    return CX_OK;
}

static void put(cx__norm *n, uint32_t c)
{
    char utf8[4];
    cx__buf_append(&n->other, utf8, cx__utf8_put(c, utf8));
}

/* ---- Unicode forms: decompose, order marks, compose; all linear ----
 * Normalization is Unicode 9's: what is younger stands for itself, in no class, and ends a run. */

typedef struct points {
    utf8proc_int32_t *at;
    size_t count, cap;
} points;

static bool reserve(points *p, size_t more)
{
    size_t cap = p->cap;
    void *at;
    if (p->cap - p->count >= more) return true;
    while (cap - p->count < more) cap = cap ? cap * 2 : 1024;
    if (!(at = cx__realloc(p->at, cap * sizeof *p->at))) return false;
    p->at = at;
    p->cap = cap;
    return true;
}

static bool decompose(points *p, const char *s, size_t len, utf8proc_option_t options)
{
    enum { LONGEST = 32 }; /* U+FDFA has 18 */
    const char *end = s + len;
    int last = 0;
    while (s < end) {
        utf8proc_int32_t c = (utf8proc_int32_t)cx__utf8_next(&s, end);
        utf8proc_ssize_t n = 1;
        if (!reserve(p, LONGEST)) return false;
        if (cx__age_normal_after_9((uint32_t)c)) p->at[p->count] = c;
        else n = utf8proc_decompose_char(c, p->at + p->count, LONGEST, options, &last);
        if (n < 0) return false;
        p->count += (size_t)n;
    }
    return true;
}

static int mark_class(utf8proc_int32_t c)
{
    if (c < 0x300 || cx__age_normal_after_9((uint32_t)c)) return 0;
    return utf8proc_get_property(c)->combining_class;
}

/* Stable counting sort of one run of marks by combining class: linear for runs of any length. */
static bool sort_run(utf8proc_int32_t *at, size_t count)
{
    size_t place[256] = { 0 }, sum = 0;
    utf8proc_int32_t *copy = cx__alloc_array(count, sizeof *copy);
    if (!copy) return false;
    memcpy(copy, at, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) place[mark_class(copy[i])]++;
    for (int k = 0; k < 256; k++) {
        size_t n = place[k];
        place[k] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++) at[place[mark_class(copy[i])]++] = copy[i];
    cx__free(copy);
    return true;
}

static bool order_marks(points *p)
{
    for (size_t i = 0; i < p->count; i++) {
        size_t end = i;
        bool sorted = true;
        int before = 0;
        for (; end < p->count; end++) {
            int k = mark_class(p->at[end]);
            if (k == 0) break;
            if (k < before) sorted = false;
            before = k;
        }
        if (!sorted && !sort_run(p->at + i, end - i)) return false;
        i = end;
    }
    return true;
}

/* Composes every stretch between younger characters by itself. */
static void compose(points *p)
{
    size_t out = 0;
    for (size_t i = 0, end; i < p->count; i = end) {
        utf8proc_ssize_t n;
        for (end = i; end < p->count && !cx__age_normal_after_9((uint32_t)p->at[end]);) end++;
        n = utf8proc_normalize_utf32(p->at + i, (utf8proc_ssize_t)(end - i),
                                     UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        memmove(p->at + out, p->at + i, (size_t)n * sizeof *p->at);
        out += (size_t)n;
        if (end < p->count) p->at[out++] = p->at[end++];
    }
    p->count = out;
}

static bool is_ascii(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)s[i] >= 0x80) return false;
    return true;
}

static cx_status unicode_form(cx__norm *n, utf8proc_option_t options)
{
    points p = { 0 };
    bool ok;
    if (is_ascii(n->text.data, n->text.len)) return CX_OK;
    ok = decompose(&p, n->text.data, n->text.len, options | UTF8PROC_DECOMPOSE) && order_marks(&p);
    if (ok && (options & UTF8PROC_COMPOSE)) compose(&p);
    cx__buf_clear(&n->other);
    for (size_t i = 0; ok && i < p.count; i++) put(n, (uint32_t)p.at[i]);
    cx__free(p.at);
    return ok ? done(n) : cx__text_nomem("normalized text");
}

static cx_status nfc(const cx__step *step, cx__norm *n)
{
    (void)step;
    return unicode_form(n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

static cx_status nfd(const cx__step *step, cx__norm *n)
{
    (void)step;
    return unicode_form(n, UTF8PROC_STABLE);
}

static cx_status nfkc(const cx__step *step, cx__norm *n)
{
    (void)step;
    return unicode_form(n, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

static cx_status nfkd(const cx__step *step, cx__norm *n)
{
    (void)step;
    return unicode_form(n, UTF8PROC_STABLE | UTF8PROC_COMPAT);
}

/* ---- character by character ---- */

/* Rust's to_lowercase: simple mappings, and U+0130 becomes two characters. */
static cx_status lowercase(const cx__step *step, cx__norm *n)
{
    const char *p = n->text.data, *end = p + n->text.len;
    (void)step;
    cx__buf_clear(&n->other);
    while (p < end) {
        uint32_t c = cx__utf8_next(&p, end);
        put(n, c == 0x130 ? 'i' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
        if (c == 0x130) put(n, 0x307);
    }
    return done(n);
}

/* What becomes of one character: itself, another, or nothing (DROP). */
#define DROP UINT32_MAX
static cx_status map_chars(cx__norm *n, uint32_t (*map)(uint32_t))
{
    const char *p = n->text.data, *end = p + n->text.len;
    cx__buf_clear(&n->other);
    while (p < end) {
        bool front = p == n->text.data;
        uint32_t c = map(cx__utf8_next(&p, end));
        if (c != DROP) put(n, c);
        else if (front) n->first = false;
    }
    return done(n);
}

static uint32_t accent(uint32_t c)
{
    return cx__char_mark(c) ? DROP : c;
}

static cx_status strip_accents(const cx__step *step, cx__norm *n)
{
    (void)step;
    return map_chars(n, accent);
}

/* The table of the Neural Machine Translation rules in SentencePiece. */
static uint32_t nmt_char(uint32_t c)
{
    if ((c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
        c == 0x9F)
        return DROP;
    if (c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
        (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
        c == 0xFFFD)
        return ' ';
    return c;
}

static cx_status nmt(const cx__step *step, cx__norm *n)
{
    (void)step;
    return map_chars(n, nmt_char);
}

/* ---- Strip: flag[0] left, flag[1] right ---- */

static cx_status strip_init(const json_t *o, const char *where, cx__step *step)
{
    CX_TRY(cx__json_bool(o, where, "strip_left", &step->flag[0]));
    return cx__json_bool(o, where, "strip_right", &step->flag[1]);
}

static cx_status strip(const cx__step *step, cx__norm *n)
{
    const char *p = n->text.data, *end = p + n->text.len, *start = p, *stop;
    if (n->text.len == 0) return CX_OK;
    while (step->flag[0] && start < end) {
        const char *next = start;
        if (!cx__char_space(cx__utf8_next(&next, end))) break;
        start = next;
    }
    for (stop = end, p = start; step->flag[1] && p < end;) {
        const char *at = p;
        if (cx__char_space(cx__utf8_next(&p, end))) stop = stop == end || stop > at ? at : stop;
        else stop = end;
    }
    if (start > n->text.data) n->first = false;
    cx__buf_clear(&n->other);
    cx__buf_append(&n->other, start, (size_t)(stop - start));
    return done(n);
}

/* ---- Prepend: text ---- */

static cx_status prepend_init(const json_t *o, const char *where, cx__step *step)
{
    return cx__step_string(o, where, "prepend", &step->text, &step->len);
}

static cx_status prepend(const cx__step *step, cx__norm *n)
{
    if (n->text.len == 0) return CX_OK;
    cx__buf_clear(&n->other);
    cx__buf_append(&n->other, step->text, step->len);
    cx__buf_append(&n->other, n->text.data, n->text.len);
    return done(n);
}

/* ---- Replace: regex, text ---- */

static cx_status replace_init(const json_t *o, const char *where, cx__step *step)
{
    CX_TRY(cx__step_string(o, where, "content", &step->text, &step->len));
    return cx__step_pattern(o, where, &step->regex);
}

static cx_status replace(const cx__step *step, cx__norm *n)
{
    const char *s = n->text.data;
    CX_TRY(cx__regex_matches(step->regex, s, n->text.len, &n->hits));
    cx__buf_clear(&n->other);
    for (size_t i = 0; i < n->hits.count; i++) {
        cx__match m = n->hits.at[i];
        if (!m.hit) {
            cx__buf_append(&n->other, s + m.start, m.end - m.start);
            continue;
        }
        cx__buf_append(&n->other, step->text, step->len);
        /* What replaces several characters stands at the last of them. */
        if (m.start == 0 && m.end > 0) {
            const char *p = s;
            cx__utf8_next(&p, s + m.end);
            if (step->len == 0 || p != s + m.end) n->first = false;
        }
    }
    return done(n);
}

static cx_status byte_level(const cx__step *step, cx__norm *n)
{
    (void)step;
    cx__buf_clear(&n->other);
    cx__bytes_encode(&n->other, n->text.data, n->text.len);
    return done(n);
}

static const cx__kind kinds[] = {
    { .name = "ByteLevel", .normalize = byte_level },
    { .name = "Lowercase", .normalize = lowercase },
    { .name = "NFC", .normalize = nfc },
    { .name = "NFD", .normalize = nfd },
    { .name = "NFKC", .normalize = nfkc },
    { .name = "NFKD", .normalize = nfkd },
    { .name = "Nmt", .normalize = nmt },
    { .name = "Prepend", .init = prepend_init, .normalize = prepend },
    { .name = "Replace", .init = replace_init, .normalize = replace },
    { .name = "Strip", .init = strip_init, .normalize = strip },
    { .name = "StripAccents", .normalize = strip_accents },
};

cx_status cx__normalizers_init(cx__steps *s, const json_t *o, const char *where)
{
    return cx__steps_init(s, o, where, "normalizers", kinds, sizeof kinds / sizeof *kinds);
}

cx_status cx__normalize(const cx__steps *s, cx__norm *n)
{
    n->other.max = n->text.max = CX__TEXT_MAX;
    for (size_t i = 0; i < s->count; i++) CX_TRY(s->at[i].kind->normalize(&s->at[i], n));
    return CX_OK;
}

void cx__norm_deinit(cx__norm *n)
{
    cx__buf_free(&n->text);
    cx__buf_free(&n->other);
    cx__free(n->hits.at);
}
