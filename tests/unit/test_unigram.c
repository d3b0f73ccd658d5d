/* The Unigram model: the best path, ties, unknown text, bytes; by hand here, against sentencepiece
 * in test_rebuild.c, against the tokenizers library in tests/oracle/oracle_rebuild.py. */
#include "base/base.h"
#include "text/text.h"
#include "unit.h"

#define MODEL(options, vocab)                                                                      \
    "{\"version\":\"1.0\",\"model\":{\"type\":\"Unigram\"," options "\"vocab\":[" vocab "]}}"

static cx_status encode(const char *json, const char *text, size_t len, int32_t **ids, size_t *n)
{
    cx_tokenizer *t = NULL;
    cx_status st;
    CHECK_OK(cx__tokenizer_parse(json, strlen(json), "u", &t));
    st = cx_tokenizer_encode(t, text, len, false, ids, n);
    cx_tokenizer_close(t);
    return st;
}

static void check(const char *json, const char *text, size_t count, const int32_t *want)
{
    int32_t *ids = NULL;
    size_t n = 0;
    CHECK_OK(encode(json, text, strlen(text), &ids, &n));
    for (size_t i = 0; i < n && i < count; i++) CHECK_INT(ids[i], want[i]);
    CHECK_INT(n, count);
    cx_free(ids);
}

TEST(unigram, takes_the_best_sum_not_the_longest_piece)
{
    static const char json[] = MODEL(
        "\"unk_id\":0,", "[\"?\",0],[\"a\",-1],[\"b\",-1],[\"ab\",-3],[\"abc\",-9],[\"c\",-1]");
    check(json, "ab", 2, (int32_t[]){ 1, 2 });
    check(json, "abc", 3, (int32_t[]){ 1, 2, 5 });
    check(json, "", 0, NULL);
}

/* Of equal sums the one found first stays: the path whose last piece begins further left. */
TEST(unigram, of_equal_sums_the_longer_last_piece_stays)
{
    static const char json[] = MODEL("", "[\"a\",-1],[\"b\",-1],[\"ab\",-2]");
    check(json, "ab", 1, (int32_t[]){ 2 });
}

TEST(unigram, unknown_characters_side_by_side_are_one)
{
    static const char json[] = MODEL("\"unk_id\":0,", "[\"<unk>\",0],[\"a\",-1]");
    check(json, "xyaz\xC3\xA9", 3, (int32_t[]){ 0, 1, 0 });
}

TEST(unigram, unknown_text_becomes_bytes_if_all_are_there)
{
    static const char json[] = MODEL(
        "\"unk_id\":0,\"byte_fallback\":true,",
        "[\"<unk>\",0],[\"a\",-1],[\"<0xC3>\",0],[\"<0xA9>\",0],[\"<0x7A>\",0]");
    check(json, "a\xC3\xA9z", 4, (int32_t[]){ 1, 2, 3, 4 });
    check(json, "a\xC3\xA8z", 2, (int32_t[]){ 1, 0 });
}

TEST(unigram, positive_scores_are_sums_too)
{
    static const char json[] = MODEL("", "[\"a\",2],[\"aa\",3.5],[\"aaa\",5]");
    check(json, "aaa", 3, (int32_t[]){ 0, 0, 0 });
}

TEST(unigram, unknown_text_without_unk_is_refused)
{
    int32_t *ids = NULL;
    size_t n = 0;
    CHECK_INT(encode(MODEL("", "[\"a\",-1]"), "ab", 2, &ids, &n), CX_EFORMAT);
    CHECK_HAS(cx_error(), "unk_id");
    CHECK(ids == NULL);
}

TEST(unigram, a_piece_too_long_to_search_is_refused)
{
    cx__buf json = { .max = 1 << 20 };
    cx_tokenizer *t = NULL;
    cx__buf_puts(&json, "{\"version\":\"1.0\",\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"");
    for (int i = 0; i < 1025; i++) cx__buf_putc(&json, 'a');
    cx__buf_puts(&json, "\",-1]]}}");
    CHECK_INT(cx__tokenizer_parse(json.data, json.len, "u", &t), CX_ELIMIT);
    CHECK_HAS(cx_error(), "a piece of 1025 bytes, at most 1024");
    cx__buf_free(&json);
}

TEST(unigram, a_megabyte_without_a_break_is_quick)
{
    enum { LEN = 1 << 20 };
    char *text = cx__alloc(LEN);
    int32_t *ids = NULL;
    size_t n = 0;
    double start = cx__now();
    memset(text, 'a', LEN);
    CHECK_OK(encode(MODEL("", "[\"a\",-1],[\"aa\",-1.5],[\"aaaaaaaa\",-2]"), text, LEN, &ids, &n));
    CHECK_INT(n, LEN / 8);
    CHECK(cx__now() - start < 3);
    cx_free(ids);
    cx__free(text);
}
