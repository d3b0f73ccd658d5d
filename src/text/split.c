/* The patterns that most byte-level tokenizers split with, by hand: some 20 times as fast as the
 * regular expression and linear on every text. Each function is one pattern, recognized by its
 * exact text; tests/unit/test_tokenizer_text.c compares it with PCRE2 on random text.
 * All of them match at every position: each character is a letter, number, space or other. */
#include "text/parts.h"

typedef struct run {
    const char *s;
    size_t len;
} run;

static uint32_t char_at(run r, size_t at, size_t *next)
{
    const char *p = r.s + at;
    uint32_t c = cx__utf8_next(&p, r.s + r.len);
    *next = (size_t)(p - r.s);
    return c;
}

/* End of the run of characters of class k that begins at `at`. */
static size_t skip_class(run r, size_t at, cx__class k)
{
    while (at < r.len) {
        size_t next;
        if (cx__char_class(char_at(r, at, &next)) != k) break;
        at = next;
    }
    return at;
}

static size_t skip_newlines(run r, size_t at)
{
    while (at < r.len && (r.s[at] == '\r' || r.s[at] == '\n')) at++;
    return at;
}

/* 's 't 're 've 'm 'll 'd; `fold`: upper case too, and U+017F, which folds to s. 0: no match. */
static size_t contraction(run r, size_t at, bool fold)
{
    static const char two[] = "revell";
    size_t left = r.len - at;
    unsigned a, b;
    if (r.s[at] != '\'' || left < 2) return 0;
    a = (uint8_t)r.s[at + 1] | (fold ? 32u : 0u);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
    if (fold && left >= 3 && memcmp(r.s + at + 1, "\xC5\xBF", 2) == 0) return at + 3;
    if (left < 3) return 0;
    b = (uint8_t)r.s[at + 2] | (fold ? 32u : 0u);
    for (int i = 0; i < 6; i += 2)
        if (a == (uint8_t)two[i] && b == (uint8_t)two[i + 1]) return at + 3;
    return 0;
}

/* \s+(?!\S)|\s+ at a space: all of the run, without its last character if text follows. */
static size_t spaces(run r, size_t at)
{
    size_t end = at, before = at;
    while (end < r.len) {
        size_t next;
        if (cx__char_class(char_at(r, end, &next)) != CX__SPACE) break;
        before = end;
        end = next;
    }
    return end < r.len && before > at ? before : end;
}

/* \s*[\r\n]+ at a space, then as above: up to the last line end of the run of spaces. `one`:
 * \s*[\r\n] is the same here, since \s* takes all line ends before the last. */
static size_t lines_or_spaces(run r, size_t at)
{
    size_t end = at, before = at, line = 0;
    while (end < r.len) {
        size_t next;
        if (cx__char_class(char_at(r, end, &next)) != CX__SPACE) break;
        if (r.s[end] == '\r' || r.s[end] == '\n') line = next;
        before = end;
        end = next;
    }
    if (line) return line;
    return end < r.len && before > at ? before : end;
}

/* ` ?` before a run of letters, numbers or others. */
static size_t gpt2(const char *s, size_t len, size_t at)
{
    run r = { s, len };
    size_t next, end = contraction(r, at, false);
    cx__class k;
    if (end) return end;
    k = cx__char_class(char_at(r, at, &next));
    if (k != CX__SPACE) return skip_class(r, next, k);
    if (s[at] != ' ' || next == len) return spaces(r, at);
    k = cx__char_class(char_at(r, next, &end));
    return k == CX__SPACE ? spaces(r, at) : skip_class(r, end, k);
}

/* The family of cl100k, Llama 3 and Qwen: they differ in how many numbers a word takes. */
static size_t cl100k(run r, size_t at, int numbers)
{
    size_t next, after, end = contraction(r, at, true);
    uint32_t c;
    cx__class k, then = CX__SPACE;
    if (end) return end;
    c = char_at(r, at, &next);
    k = cx__char_class(c);
    after = next;
    if (next < r.len) then = cx__char_class(char_at(r, next, &after));
    if (k == CX__LETTER) return skip_class(r, next, CX__LETTER);
    if (k == CX__NUMBER) {
        while (--numbers > 0 && next < r.len) {
            if (cx__char_class(char_at(r, next, &after)) != CX__NUMBER) break;
            next = after;
        }
        return next;
    }
    if (next < r.len && then == CX__LETTER && c != '\r' && c != '\n')
        return skip_class(r, after, CX__LETTER);
    if (k == CX__OTHER) return skip_newlines(r, skip_class(r, next, CX__OTHER));
    if (c == ' ' && next < r.len && then == CX__OTHER)
        return skip_newlines(r, skip_class(r, after, CX__OTHER));
    return lines_or_spaces(r, at);
}

static size_t llama3(const char *s, size_t len, size_t at)
{
    return cl100k((run){ s, len }, at, 3);
}

static size_t qwen2(const char *s, size_t len, size_t at)
{
    return cl100k((run){ s, len }, at, 1);
}

const char cx__pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* The exact text of a pattern and its splitter. */
static const struct {
    const char *pattern;
    cx__splitter *splitter;
} splitters[] = {
    { cx__pattern_gpt2, gpt2 },
    { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      llama3 },
    { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      qwen2 },
};

cx__splitter *cx__splitter_find(const char *pattern, size_t len)
{
    for (size_t i = 0; i < sizeof splitters / sizeof *splitters; i++)
        if (strlen(splitters[i].pattern) == len && !memcmp(splitters[i].pattern, pattern, len))
            return splitters[i].splitter;
    return NULL;
}

const char *cx__splitter_pattern(size_t i)
{
    return i < sizeof splitters / sizeof *splitters ? splitters[i].pattern : NULL;
}
