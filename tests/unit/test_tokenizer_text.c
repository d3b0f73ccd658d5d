/* Splitters against PCRE2, patterns, UTF-8, and time: hostile text must stay linear. */
#include "base/base.h"
#include "text/parts.h"
#include "unit.h"

#include <sys/resource.h>

/* ---- UTF-8 ---- */

static char *lossy(const char *s, size_t len)
{
    cx__buf b = { .max = 1000 };
    size_t used;
    CHECK(cx__buf_puts(&b, ""));
    CHECK(cx__utf8_lossy(&b, s, len, true, &used));
    CHECK_INT(used, len);
    return cx__buf_take(&b);
}

/* Unicode 15, table 3-8 and its neighbours: one U+FFFD per maximal part. */
TEST(tokenizer_text, bad_utf8_becomes_one_replacement_per_maximal_part)
{
#define R "\xEF\xBF\xBD"
    static const char *const rows[][2] = {
        { "", "" },
        { "abc", "abc" },
        { "\xC3\xA9", "\xC3\xA9" },
        { "\x80", R },
        { "\xC0\xAF", R R },
        { "\xE0\x80\xBF", R R R },
        { "\xED\xA0\x80", R R R },
        { "\xF4\x91\x92\x93", R R R R },
        { "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "A" },
        { "\xF0\x90", R },
        { "\xE2\x82", R },
        { "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF" },
        { "x\xFFy", "x" R "y" },
        { "\xC3\xC3\xA9", R "\xC3\xA9" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *got = lossy(rows[i][0], strlen(rows[i][0]));
        CHECK_STR(got, rows[i][1]);
        cx__free(got);
    }
#undef R
}

TEST(tokenizer_text, utf8_round_trips_every_code_point)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        char s[4];
        const char *p = s;
        size_t n;
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        n = cx__utf8_put(c, s);
        CHECK(cx__utf8_bad(s, n) == n);
        CHECK(cx__utf8_next(&p, s + n) == c && p == s + n);
    }
}

TEST(tokenizer_text, byte_alphabet_round_trips)
{
    cx__buf b = { .max = 4096 };
    char all[256];
    const char *p;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    CHECK(cx__bytes_encode(&b, all, 256));
    p = b.data;
    for (int i = 0; i < 256; i++) CHECK_INT(cx__bytes_decode(cx__utf8_next(&p, b.data + b.len)), i);
    CHECK(p == b.data + b.len);
    CHECK_INT(cx__bytes_decode(' '), -1);
    CHECK_INT(cx__bytes_decode(0x144), -1);
    cx__buf_free(&b);
}

/* ---- splitters ---- */

static uint64_t state = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

/* A code point, of blocks older than any PCRE2 in use, so that it classes them as we do. */
static uint32_t random_char(void)
{
    static const char common[] = "'''sStTrRvVmMlLdDeE   \t\n\n\r\r\v\f0019aZ!?.-_";
    static const uint32_t odd[] = { 0x17F, 0x85,  0xA0,   0x2028, 0x3000, 0x180E,  0x200B,
                                    0x301, 0xB2,  0xBD,   0x660,  0x2167, 0x1F600, 0x4E00,
                                    0xE9,  0x130, 0x212A, 0xFEFF, 0 };
    static const uint32_t blocks[][2] = { { 0, 0x3100 },      { 0x4E00, 0x51A5 },
                                          { 0xAC00, 0x2BA4 }, { 0xE000, 0x1900 },
                                          { 0xFE00, 0x200 },  { 0x1D400, 0x3CC },
                                          { 0x1F300, 0x400 }, { 0x20000, 0xA6D6 } };
    const uint32_t *block = blocks[rnd(sizeof blocks / sizeof *blocks)];
    switch (rnd(4)) {
    case 0:
    case 1: return (uint8_t)common[rnd(sizeof common - 1)];
    case 2: return odd[rnd(sizeof odd / sizeof *odd)];
    default: return block[0] + rnd(block[1]);
    }
}

static void compare_matches(const cx__regex *a, const cx__regex *b, const char *s, size_t len)
{
    cx__matches x = { 0 }, y = { 0 };
    CHECK_OK(cx__regex_matches(a, s, len, &x));
    CHECK_OK(cx__regex_matches(b, s, len, &y));
    for (size_t i = 0; i < x.count && i < y.count; i++)
        if (x.at[i].start != y.at[i].start || x.at[i].end != y.at[i].end || !y.at[i].hit)
            fail_msg("'%.*s': word %zu is [%u, %u), by PCRE2 [%u, %u)", (int)len, s, i,
                     x.at[i].start, x.at[i].end, y.at[i].start, y.at[i].end);
    CHECK_INT(x.count, y.count);
    cx__free(x.at);
    cx__free(y.at);
}

TEST(tokenizer_text, splitters_equal_their_patterns)
{
    const char *pattern;
    for (size_t i = 0; (pattern = cx__splitter_pattern(i)) != NULL; i++) {
        char by_pcre[600];
        cx__regex *fast = NULL, *slow = NULL;
        snprintf(by_pcre, sizeof by_pcre, "(?:%s)", pattern); /* not recognized */
        CHECK(cx__splitter_find(pattern, strlen(pattern)) != NULL);
        CHECK(cx__splitter_find(by_pcre, strlen(by_pcre)) == NULL);
        CHECK_OK(cx__regex_new(pattern, strlen(pattern), false, "test", &fast));
        CHECK_OK(cx__regex_new(by_pcre, strlen(by_pcre), false, "test", &slow));
        for (int round = 0; round < 20000; round++) {
            char text[400];
            size_t len = 0;
            for (uint32_t n = 1 + rnd(40); n > 0; n--) {
                uint32_t c = random_char();
                for (uint32_t k = rnd(8) ? 1 : 1 + rnd(3); k > 0 && len < 390; k--)
                    len += cx__utf8_put(c, text + len);
            }
            compare_matches(fast, slow, text, len);
        }
        cx__regex_free(fast);
        cx__regex_free(slow);
    }
}

/* ---- patterns in Oniguruma's syntax, as golden_tokenizers.py --patterns confirms ---- */

TEST(tokenizer_text, patterns_mean_what_oniguruma_means)
{
    static const char *const rows[][3] = {
        /* pattern, text, matches joined by '|' */
        { "a{2,3}+", "aaaaaaa", "aaaaaa" },
        { "a{,2}", "aaab", "aa|a|" },
        { "a++b", "aab", "aab" },
        { "\\h+", "xfF0g", "fF0" },
        { "\\v", "a\vb\n", "\v" },
        { "(?m:.+)", "a\nb", "a\nb" },
        { ".+", "a\nb", "a|b" },
        { "^.", "a\nb", "a|b" },
        { "a(?i)b|c", "aB ac C", "aB|ac" },
        { "[a-c&&[^b]]+", "abc", "a|c" },
        { "[^a-z&&[^aeiou]]+", "ae1b", "ae1" },
        { "[[a-c]x]+", "axd", "ax" },
        { "\\bthe\\b", "the thee", "the" },
        { "[^\\S\\n]+", " \n ", " | " },
        { "a{2}{3}", "aaaaaaa", "aaaaaa" },
        { "a**", "aa", "aa" },
        { "{|a{x}", "{a{x}", "{|a{x}" },
        { "x*", "axb", "|x|" },
        { "\\p{^L}+", "a12b", "12" },
        { "[]x]+", "]x", "]x" },
        { "[a\\-z]+", "a-z", "a-z" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cx__regex *re = NULL;
        cx__matches m = { 0 };
        cx__buf got = { .max = 1000 };
        bool first = true;
        CHECK_OK(cx__regex_new(rows[i][0], strlen(rows[i][0]), false, "test", &re));
        CHECK_OK(cx__regex_matches(re, rows[i][1], strlen(rows[i][1]), &m));
        CHECK(cx__buf_puts(&got, ""));
        for (size_t k = 0; k < m.count; k++) {
            if (!m.at[k].hit) continue;
            if (!first) cx__buf_putc(&got, '|');
            first = false;
            cx__buf_append(&got, rows[i][1] + m.at[k].start, m.at[k].end - m.at[k].start);
        }
        if (strcmp(got.data, rows[i][2]) != 0)
            fail_msg("/%s/ on '%s': '%s', expected '%s'", rows[i][0], rows[i][1], got.data,
                     rows[i][2]);
        cx__buf_free(&got);
        cx__free(m.at);
        cx__regex_free(re);
    }
}

TEST(tokenizer_text, hostile_patterns_end)
{
    static const char *const patterns[] = { "(a+)+$", "(a|aa)+$", "(?:a*)*b", "a*a*a*a*a*b",
                                            "(a?){40}a{40}b" };
    enum { LEN = 30000 };
    char *text = cx__alloc(LEN);
    memset(text, 'a', LEN - 1);
    text[LEN - 1] = '!';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        cx__regex *re = NULL;
        cx__matches m = { 0 };
        cx_status st;
        CHECK_OK(cx__regex_new(patterns[i], strlen(patterns[i]), false, "test", &re));
        st = cx__regex_matches(re, text, LEN, &m);
        if (st != CX_OK) {
            CHECK_INT(st, CX_ELIMIT);
            CHECK_HAS(cx_error(), "too many steps");
        }
        cx__free(m.at);
        cx__regex_free(re);
    }
    cx__free(text);
}

/* ---- time ---- */

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec * 1e-6 +
           (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec * 1e-6;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#else
#define SLOWER 1
#endif

/* 1 MB of each of the first parts in less than a second of CPU time, and back. */
static void check_linear(const char *path, size_t count_parts)
{
    static const char *const parts[] = {
        "a", " ", "us", "1!", "e\xCC\x81\xCC\xA3", "\xF0\x9F\x98\x80", "<s>"
    };
    enum { LEN = 1000000 };
    char *text = cx__alloc(LEN + 8);
    cx_tokenizer *t = NULL;
    CHECK_OK(cx_tokenizer_open(path, &t));
    for (size_t i = 0; i < count_parts; i++) {
        size_t n = strlen(parts[i]), len = 0, count, back_len;
        int32_t *ids = NULL;
        char *back = NULL;
        double start = cpu_seconds();
        for (; len < LEN; len += n) memcpy(text + len, parts[i], n);
        CHECK_OK(cx_tokenizer_encode(t, text, len, false, &ids, &count));
        CHECK_OK(cx_tokenizer_decode(t, ids, count, true, &back, &back_len));
        if (cpu_seconds() - start > SLOWER)
            fail_msg("%s: 1 MB of '%s' took %.2f s", path, parts[i], cpu_seconds() - start);
        cx_free(back);
        cx_free(ids);
    }
    cx_tokenizer_close(t);
    cx__free(text);
}

#define GOLDEN "tests/golden/tokenizers/"
TEST(tokenizer_text, one_megabyte_is_quick_gpt2)
{
    check_linear(GOLDEN "bytes_gpt2.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_llama3)
{
    check_linear(GOLDEN "bytes_llama3.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_qwen2)
{
    check_linear(GOLDEN "bytes_qwen2.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_llama2)
{
    check_linear(GOLDEN "chars_llama2.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_metaspace)
{
    check_linear(GOLDEN "chars_metaspace_first.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_nfkc)
{
    check_linear(GOLDEN "chars_nfkc.json", 7);
}
TEST(tokenizer_text, one_megabyte_is_quick_regex)
{
    check_linear(GOLDEN "bytes_upper_lower.json", 7);
}

static void check_linear_real(const char *name)
{
    char path[600];
    if (!unit_data()) unit_skip("no real material (CORTEX_DATA)");
    snprintf(path, sizeof path, "%s/tokenizers/%s", unit_data(), name);
    if (!cx__path_exists(path)) unit_skip("the tokenizer is not in the real material");
    check_linear(path, 3);
}

TEST(tokenizer_text, one_megabyte_is_quick_real_llama3)
{
    check_linear_real("llama3");
}
TEST(tokenizer_text, one_megabyte_is_quick_real_llama2)
{
    check_linear_real("llama2-tinyllama");
}
TEST(tokenizer_text, one_megabyte_is_quick_real_pythia)
{
    check_linear_real("pythia");
}
