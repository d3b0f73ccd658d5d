/* Methods of strings. Positions are code points; the sub-strings of markup are markup.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

static bool given(jval v)
{
    return v.type != J_MISSING && v.type != J_NONE;
}

static jval need_str(jrun *r, jval v)
{
    if (v.type == J_STR) return v;
    if (v.type == J_UNDEF) cx__jfail_undef(&r->c, v);
    cx__jfail(&r->c, CX_EFORMAT, "a string's method needs a string, not '%s'", cx__jtype_name(v));
    return cx__jstr_view(&r->c, "", 0);
}

static int64_t int_or(jrun *r, jval v, int64_t otherwise)
{
    if (!given(v)) return otherwise;
    if (cx__jis_int(v)) return cx__jint_of(v);
    cx__jfail(&r->c, CX_EFORMAT, "a string's method needs an integer, not '%s'", cx__jtype_name(v));
    return otherwise;
}

static jval piece(jrun *r, jval s, size_t begin, size_t end)
{
    return cx__jstr_slice(&r->c, s, begin, end);
}

/* ---- strip ---- */

static bool in_set(jrun *r, const jstr *set, const char *p, size_t len)
{
    return cx__jfind(&r->c, set->p, set->len, p, len) != SIZE_MAX;
}

static size_t strip_start(jrun *r, const jstr *s, const jstr *set)
{
    size_t at = 0;
    if (!set) return cx__jskip_space(s->p, s->len);
    while (at < s->len) {
        size_t n = cx__jutf8_width((unsigned char)s->p[at]);
        if (!in_set(r, set, s->p + at, n)) break;
        at += n;
    }
    return at;
}

static size_t strip_end(jrun *r, const jstr *s, const jstr *set)
{
    size_t end = s->len;
    if (!set) return cx__jskip_space_back(s->p, s->len);
    while (end) {
        size_t at = end - 1;
        while (at && ((unsigned char)s->p[at] & 0xc0) == 0x80) at--;
        if (!in_set(r, set, s->p + at, end - at)) break;
        end = at;
    }
    return end;
}

static jval strip(jrun *r, jval s, jval chars, bool start, bool end)
{
    const jstr *set = given(chars) ? need_str(r, chars).s : NULL;
    size_t from, to;
    to = end ? strip_end(r, s.s, set) : s.s->len;
    from = start && to ? strip_start(r, s.s, set) : 0;
    if (!cx__jstep_chars(&r->c, from + s.s->len - to)) return s;
    return piece(r, s, from, to > from ? to : from);
}

static jval str_strip(jrun *r, jval v, const jval *a)
{
    return strip(r, v, a[0], true, true);
}

static jval str_lstrip(jrun *r, jval v, const jval *a)
{
    return strip(r, v, a[0], true, false);
}

static jval str_rstrip(jrun *r, jval v, const jval *a)
{
    return strip(r, v, a[0], false, true);
}

static bool starts(const jstr *s, const jstr *with)
{
    return s->len >= with->len && memcmp(s->p, with->p, with->len) == 0;
}

static bool ends(const jstr *s, const jstr *with)
{
    return s->len >= with->len && memcmp(s->p + s->len - with->len, with->p, with->len) == 0;
}

/* The part between optional start and end; false if there is none (start beyond the text). */
static bool window(jrun *r, jval *s, jval start, jval end)
{
    int64_t n = (int64_t)cx__jstr_chars(&r->c, s->s), from = int_or(r, start, 0);
    if (from < 0) from = from < -n ? 0 : from + n;
    if (from > n) return false;
    if (given(start) || given(end)) *s = cx__jslice(r, *s, start, end, J_MISSING_VALUE);
    return r->c.status == CX_OK;
}

/* startswith, endswith: one string or a tuple of them. */
static jval affix(jrun *r, jval v, const jval *a, bool (*match)(const jstr *, const jstr *))
{
    if (!window(r, &v, a[1], a[2])) return cx__jbool(false);
    if (a[0].type != J_TUPLE) return cx__jbool(match(v.s, need_str(r, a[0]).s));
    for (size_t i = 0; i < a[0].l->len && cx__jstep(&r->c, 1); i++)
        if (match(v.s, need_str(r, a[0].l->items[i]).s)) return cx__jbool(true);
    return cx__jbool(false);
}

static jval str_startswith(jrun *r, jval v, const jval *a)
{
    return affix(r, v, a, starts);
}

static jval str_endswith(jrun *r, jval v, const jval *a)
{
    return affix(r, v, a, ends);
}

static jval str_removeprefix(jrun *r, jval v, const jval *a)
{
    const jstr *with = need_str(r, a[0]).s;
    return starts(v.s, with) ? piece(r, v, with->len, v.s->len) : v;
}

static jval str_removesuffix(jrun *r, jval v, const jval *a)
{
    const jstr *with = need_str(r, a[0]).s;
    return ends(v.s, with) ? piece(r, v, 0, v.s->len - with->len) : v;
}

/* ---- find ---- */

static size_t chars_before(jrun *r, jval s, size_t at)
{
    jval head = piece(r, s, 0, at);
    return cx__jstr_chars(&r->c, head.s);
}

/* Code point of the first or last occurrence between start and end, or -1. */
static int64_t find(jrun *r, jval v, const jval *a, bool last)
{
    jval s = v, sub = need_str(r, a[0]);
    int64_t n = (int64_t)cx__jstr_chars(&r->c, v.s), from = int_or(r, a[1], 0);
    size_t at;
    if (from < 0) from = from < -n ? 0 : from + n;
    if (!window(r, &s, a[1], a[2])) return -1;
    at = (last ? cx__jfind_last : cx__jfind)(&r->c, s.s->p, s.s->len, sub.s->p, sub.s->len);
    return at == SIZE_MAX ? -1 : from + (int64_t)chars_before(r, s, at);
}

static jval str_find(jrun *r, jval v, const jval *a)
{
    return cx__jint(find(r, v, a, false));
}

static jval str_rfind(jrun *r, jval v, const jval *a)
{
    return cx__jint(find(r, v, a, true));
}

static jval found(jrun *r, int64_t at)
{
    if (at < 0) cx__jfail(&r->c, CX_EFORMAT, "index(): the text is not in the string");
    return cx__jint(at);
}

static jval str_index(jrun *r, jval v, const jval *a)
{
    return found(r, find(r, v, a, false));
}

static jval str_rindex(jrun *r, jval v, const jval *a)
{
    return found(r, find(r, v, a, true));
}

/* Next occurrence of sub at or after byte `at`. The step pays for what is skipped, not for all. */
static size_t next_sub(jrun *r, const jstr *s, size_t at, const jstr *sub)
{
    size_t to;
    if (r->c.status != CX_OK || at > s->len) return SIZE_MAX;
    to = cx__jsearch(s->p + at, s->len - at, sub->p, sub->len);
    if (!cx__jstep_bytes(&r->c, cx__jfind_cost(to == SIZE_MAX ? s->len - at : to, sub->len)))
        return SIZE_MAX;
    return to == SIZE_MAX ? to : at + to;
}

static jval str_count(jrun *r, jval v, const jval *a)
{
    jval sub = need_str(r, a[0]);
    int64_t n = 0;
    if (!window(r, &v, a[1], a[2])) return cx__jint(0);
    if (!sub.s->len) return cx__jint((int64_t)cx__jstr_chars(&r->c, v.s) + 1);
    for (size_t at = 0; (at = next_sub(r, v.s, at, sub.s)) != SIZE_MAX; at += sub.s->len) n++;
    return cx__jint(n);
}

/* replace("", x): x before each character and at the end. */
static void replace_empty(jrun *r, cx__buf *b, const jstr *s, jval with, size_t max)
{
    size_t at = 0;
    for (; max-- > 0 && cx__jstep(&r->c, 1);) {
        size_t n = at < s->len ? cx__jutf8_width((unsigned char)s->p[at]) : 0;
        cx__jput_str(&r->c, b, with);
        cx__jput(&r->c, b, s->p + at, n);
        if (!n) return;
        at += n;
    }
    cx__jput(&r->c, b, s->p + at, s->len - at);
}

static jval str_replace(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jval from = need_str(r, a[0]), to = need_str(r, a[1]);
    int64_t count = int_or(r, a[2], -1);
    size_t max = count < 0 ? SIZE_MAX : (size_t)count, at = 0, next;
    if (v.s->markup) to = cx__jescape(&r->c, to);
    if (!from.s->len) {
        replace_empty(r, &b, v.s, to, max);
    } else {
        while (max-- > 0 && (next = next_sub(r, v.s, at, from.s)) != SIZE_MAX) {
            cx__jput(&r->c, &b, v.s->p + at, next - at);
            cx__jput_str(&r->c, &b, to);
            at = next + from.s->len;
        }
        if (!at) return cx__buf_free(&b), v;
        cx__jput(&r->c, &b, v.s->p + at, v.s->len - at);
    }
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), v.s->markup);
}

/* ---- split ---- */

/* By white space, at most max times, from the left. */
static void split_space(jrun *r, jval s, size_t max, jval out)
{
    const char *p = s.s->p;
    size_t len = s.s->len, at = cx__jskip_space(p, len), end;
    while (at < len && max-- > 0 && cx__jstep(&r->c, 1)) {
        for (end = at; end < len; end += cx__jutf8_width((unsigned char)p[end]))
            if (cx__jskip_space(p + end, cx__jutf8_width((unsigned char)p[end]))) break;
        if (!cx__jlist_push(&r->c, out, piece(r, s, at, end))) return;
        at = end + cx__jskip_space(p + end, len - end);
    }
    if (at < len) cx__jlist_push(&r->c, out, piece(r, s, at, len));
}

static void split_sep(jrun *r, jval s, const jstr *sep, size_t max, jval out)
{
    size_t at = 0, next;
    while (max-- > 0 && (next = next_sub(r, s.s, at, sep)) != SIZE_MAX) {
        if (!cx__jlist_push(&r->c, out, piece(r, s, at, next))) return;
        at = next + sep->len;
    }
    cx__jlist_push(&r->c, out, piece(r, s, at, s.s->len));
}

/* Start of the last piece that ends at `len`, and where the one before it ends. */
static bool last_piece(jrun *r, const jstr *s, size_t len, const jstr *sep, size_t *from,
                       size_t *before)
{
    if (sep) {
        *before = cx__jfind_last(&r->c, s->p, len, sep->p, sep->len);
        *from = *before + sep->len;
        return *before != SIZE_MAX;
    }
    for (*from = len; *from; *from = *before) {
        *before = *from - 1;
        while (*before && ((unsigned char)s->p[*before] & 0xc0) == 0x80) --*before;
        if (cx__jskip_space(s->p + *before, *from - *before)) break;
    }
    *before = cx__jskip_space_back(s->p, *from);
    return *from != 0;
}

static void reverse(jlist *l)
{
    for (size_t i = 0, k = l->len; i + 1 < k; i++) {
        jval swap = l->items[i];
        l->items[i] = l->items[--k];
        l->items[k] = swap;
    }
}

static void rsplit(jrun *r, jval s, const jstr *sep, size_t max, jval out)
{
    size_t len = sep ? s.s->len : cx__jskip_space_back(s.s->p, s.s->len), from, before;
    while (max-- > 0 && cx__jstep_bytes(&r->c, len) &&
           last_piece(r, s.s, len, sep, &from, &before)) {
        if (!cx__jlist_push(&r->c, out, piece(r, s, from, len))) return;
        len = before;
    }
    if (sep || len) cx__jlist_push(&r->c, out, piece(r, s, 0, len));
    reverse(out.l);
}

static jval split(jrun *r, jval v, const jval *a, bool right)
{
    const jstr *sep = given(a[0]) ? need_str(r, a[0]).s : NULL;
    int64_t max = int_or(r, a[1], -1);
    size_t times = max < 0 ? SIZE_MAX : (size_t)max;
    jval out = cx__jlist(&r->c, J_LIST, 0);
    if (sep && !sep->len) cx__jfail(&r->c, CX_EFORMAT, "split(): the separator is empty");
    if (!sep && !cx__jstep_chars(&r->c, v.s->len)) return out;
    if (right && times != SIZE_MAX) rsplit(r, v, sep, times, out);
    else if (sep) split_sep(r, v, sep, times, out);
    else split_space(r, v, times, out);
    return out;
}

static jval str_split(jrun *r, jval v, const jval *a)
{
    return split(r, v, a, false);
}

static jval str_rsplit(jrun *r, jval v, const jval *a)
{
    return split(r, v, a, true);
}

/* Bytes of the line end at the start of p: \n \r \r\n \v \f \x1c-\x1e \x85 U+2028 U+2029; or 0. */
static size_t line_end(const char *p, size_t len)
{
    uint32_t cp;
    size_t n = cx__jutf8_get(p, len, &cp);
    if (cp == '\r' && len > 1 && p[1] == '\n') return 2;
    return (cp >= 10 && cp <= 13) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 ||
                   cp == 0x2029
               ? n
               : 0;
}

static jval str_splitlines(jrun *r, jval v, const jval *a)
{
    jval out = cx__jlist(&r->c, J_LIST, 0);
    size_t from = 0, at = 0, n;
    if (!cx__jstep_chars(&r->c, v.s->len)) return out;
    while (at < v.s->len) {
        if (!(n = line_end(v.s->p + at, v.s->len - at))) {
            at += cx__jutf8_width((unsigned char)v.s->p[at]);
            continue;
        }
        if (!cx__jstep(&r->c, 1)) break;
        cx__jlist_push(&r->c, out, piece(r, v, from, cx__jtruth(a[0]) ? at + n : at));
        from = at += n;
    }
    if (from < v.s->len) cx__jlist_push(&r->c, out, piece(r, v, from, v.s->len));
    return out;
}

static jval partition(jrun *r, jval v, jval by, bool right)
{
    jval sep = need_str(r, by), out = cx__jlist(&r->c, J_TUPLE, 3), part[3];
    size_t at, len = v.s->len;
    if (!sep.s->len) cx__jfail(&r->c, CX_EFORMAT, "partition(): the separator is empty");
    at = (right ? cx__jfind_last : cx__jfind)(&r->c, v.s->p, len, sep.s->p, sep.s->len);
    if (at == SIZE_MAX) {
        part[0] = part[1] = part[2] = piece(r, v, 0, 0);
        part[right ? 2 : 0] = v;
    } else {
        part[0] = piece(r, v, 0, at);
        part[1] = piece(r, v, at, at + sep.s->len);
        part[2] = piece(r, v, at + sep.s->len, len);
    }
    for (int i = 0; i < 3; i++) cx__jlist_push(&r->c, out, part[i]);
    return out;
}

static jval str_partition(jrun *r, jval v, const jval *a)
{
    return partition(r, v, a[0], false);
}

static jval str_rpartition(jrun *r, jval v, const jval *a)
{
    return partition(r, v, a[0], true);
}

static jval str_join(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    jlist *l = cx__jitems(&r->c, a[0]);
    for (size_t i = 0; i < l->len && cx__jstep(&r->c, 1); i++) {
        jval item = v.s->markup ? cx__jescape(&r->c, l->items[i]) : need_str(r, l->items[i]);
        if (i) cx__jput_str(&r->c, &b, v);
        cx__jput_str(&r->c, &b, item);
    }
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), v.s->markup);
}

/* ---- width ---- */

static jval fill(jrun *r, jval ch, int64_t n)
{
    return cx__jarith(&r->c, J_OP_MUL, ch, cx__jint(n));
}

static jval pad(jrun *r, jval v, int64_t left, int64_t right, jval with)
{
    jval ch = given(with) ? need_str(r, with) : cx__jstr_of(&r->c, " ");
    if (cx__jstr_chars(&r->c, ch.s) != 1)
        cx__jfail(&r->c, CX_EFORMAT, "the fill character must be one character");
    if (left > 0) v = cx__jstr_concat(&r->c, fill(r, ch, left), v);
    return right > 0 ? cx__jstr_concat(&r->c, v, fill(r, ch, right)) : v;
}

static int64_t missing(jrun *r, jval v, jval width)
{
    int64_t want = int_or(r, width, 0), n = (int64_t)cx__jstr_chars(&r->c, v.s);
    return want > n ? want - n : 0;
}

static jval str_center(jrun *r, jval v, const jval *a)
{
    int64_t n = missing(r, v, a[0]), width = int_or(r, a[0], 0);
    int64_t left = n / 2 + (n & width & 1); /* Python's choice of the odd one */
    return pad(r, v, left, n - left, a[1]);
}

static jval str_ljust(jrun *r, jval v, const jval *a)
{
    return pad(r, v, 0, missing(r, v, a[0]), a[1]);
}

static jval str_rjust(jrun *r, jval v, const jval *a)
{
    return pad(r, v, missing(r, v, a[0]), 0, a[1]);
}

static jval str_zfill(jrun *r, jval v, const jval *a)
{
    bool sign = v.s->len && (v.s->p[0] == '-' || v.s->p[0] == '+');
    jval zeros = fill(r, cx__jstr_of(&r->c, "0"), missing(r, v, a[0]));
    jval tail = cx__jstr_concat(&r->c, zeros, piece(r, v, sign, v.s->len));
    return sign ? cx__jstr_concat(&r->c, piece(r, v, 0, 1), tail) : tail;
}

static jval str_expandtabs(jrun *r, jval v, const jval *a)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    int64_t size = int_or(r, a[0], 8), column = 0;
    for (size_t i = 0, n; i < v.s->len && cx__jstep(&r->c, 1); i += n) {
        n = cx__jutf8_width((unsigned char)v.s->p[i]);
        if (v.s->p[i] != '\t') {
            cx__jput(&r->c, &b, v.s->p + i, n);
            column = v.s->p[i] == '\n' || v.s->p[i] == '\r' ? 0 : column + 1;
        } else if (size > 0) {
            int64_t more = size - column % size;
            cx__jput_str(&r->c, &b, fill(r, cx__jstr_of(&r->c, " "), more));
            column += more;
        }
    }
    return cx__jstr_markup(&r->c, cx__jstr_take(&r->c, &b), v.s->markup);
}

/* ---- case and classes ---- */

#define STR_CASE(name, how)                                                                        \
    static jval str_##name(jrun *r, jval v, const jval *a)                                         \
    {                                                                                              \
        (void)a;                                                                                   \
        return cx__jstr_case(&r->c, v, how);                                                       \
    }
STR_CASE(upper, J_UPPER)
STR_CASE(lower, J_LOWER)
STR_CASE(title, J_TITLE)
STR_CASE(capitalize, J_CAPITALIZE)
STR_CASE(swapcase, J_SWAP)
STR_CASE(casefold, J_FOLD)

#define STR_CLASS(name, what)                                                                      \
    static jval str_##name(jrun *r, jval v, const jval *a)                                         \
    {                                                                                              \
        (void)a;                                                                                   \
        return cx__jbool(cx__jstr_all(&r->c, v.s, what));                                          \
    }
STR_CLASS(isalpha, J_IS_ALPHA)
STR_CLASS(isdigit, J_IS_DIGIT)
STR_CLASS(isalnum, J_IS_ALNUM)
STR_CLASS(isspace, J_IS_SPACE)
STR_CLASS(isupper, J_IS_UPPER)
STR_CLASS(islower, J_IS_LOWER)
STR_CLASS(istitle, J_IS_TITLE)
STR_CLASS(isascii, J_IS_ASCII)

const jmethod_def cx__jstr_methods[] = {
    { "capitalize", "", str_capitalize, NULL },
    { "casefold", "", str_casefold, NULL },
    { "center", "width fillchar=", str_center, NULL },
    { "count", "sub start= end=", str_count, NULL },
    { "endswith", "suffix start= end=", str_endswith, NULL },
    { "expandtabs", "tabsize=", str_expandtabs, NULL },
    { "find", "sub start= end=", str_find, NULL },
    { "format", NULL, NULL, cx__jformat_braces },
    { "index", "sub start= end=", str_index, NULL },
    { "isalnum", "", str_isalnum, NULL },
    { "isalpha", "", str_isalpha, NULL },
    { "isascii", "", str_isascii, NULL },
    { "isdecimal", "", str_isdigit, NULL },
    { "isdigit", "", str_isdigit, NULL },
    { "islower", "", str_islower, NULL },
    { "isnumeric", "", str_isdigit, NULL },
    { "isspace", "", str_isspace, NULL },
    { "istitle", "", str_istitle, NULL },
    { "isupper", "", str_isupper, NULL },
    { "join", "iterable", str_join, NULL },
    { "ljust", "width fillchar=", str_ljust, NULL },
    { "lower", "", str_lower, NULL },
    { "lstrip", "chars=", str_lstrip, NULL },
    { "partition", "sep", str_partition, NULL },
    { "removeprefix", "prefix", str_removeprefix, NULL },
    { "removesuffix", "suffix", str_removesuffix, NULL },
    { "replace", "old new count=", str_replace, NULL },
    { "rfind", "sub start= end=", str_rfind, NULL },
    { "rindex", "sub start= end=", str_rindex, NULL },
    { "rjust", "width fillchar=", str_rjust, NULL },
    { "rpartition", "sep", str_rpartition, NULL },
    { "rsplit", "sep= maxsplit=", str_rsplit, NULL },
    { "rstrip", "chars=", str_rstrip, NULL },
    { "split", "sep= maxsplit=", str_split, NULL },
    { "splitlines", "keepends=", str_splitlines, NULL },
    { "startswith", "prefix start= end=", str_startswith, NULL },
    { "strip", "chars=", str_strip, NULL },
    { "swapcase", "", str_swapcase, NULL },
    { "title", "", str_title, NULL },
    { "upper", "", str_upper, NULL },
    { "zfill", "width", str_zfill, NULL },
    { NULL, NULL, NULL, NULL },
};
