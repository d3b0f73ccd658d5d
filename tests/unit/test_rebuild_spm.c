/* SentencePiece models that lie: lengths, varints, groups, wire types. A message is written here
 * byte by byte. Good ones are read by test_rebuild.c. */
#include "base/base.h"
#include "text/text.h"
#include "unit.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
/* A piece of one letter with a score of 0 and a type. */
#define PIECE(letter, type) "\x0A\x0A\x0A\x01" letter "\x15\0\0\0\0\x18" type
#define BPE "\x12\x02\x18\x02" /* trainer_spec { model_type: BPE } */

static cx_status read_model(const char *data, size_t len, char **json)
{
    cx__rebuild_files f = { .pieces = { data, len } };
    char *config = NULL;
    cx_status st = cx__tokenizer_rebuild_files(&f, "dir", json, &config);
    cx__free(config);
    return st;
}

static void refuse(const char *data, size_t len, cx_status status, const char *says)
{
    char *json = NULL;
    cx_status st = read_model(data, len, &json);
    if (st != status) fail_msg("%s: status %d, %s", says, st, st == CX_OK ? json : cx_error());
    CHECK_HAS(cx_error(), "dir: tokenizer.model: ");
    CHECK_HAS(cx_error(), says);
}

TEST(rebuild_spm, the_good_message_is_taken)
{
    static const char good[] = PIECE("u", "\x02") PIECE("a", "\x01") PIECE("b", "\x01") BPE;
    char *json = NULL;
    CHECK_OK(read_model(good, sizeof good - 1, &json));
    CHECK_HAS(json, "\"u\": 0");
    CHECK_HAS(json, "\"type\": \"BPE\"");
    cx__free(json);
}

TEST(rebuild_spm, messages_that_lie)
{
    static const struct {
        const char *data;
        size_t len;
        const char *says;
    } cases[] = {
#define CASE(bytes, says) { bytes, sizeof(bytes) - 1, says }
        CASE("", "expected pieces, found none"),
        CASE("\x12\x02\x18\x02", "expected pieces, found none"),
        CASE("\x0A", "field 1 is longer than the 1 bytes left"),
        CASE("\x0A\x7F", "field 1 is longer"),
        CASE("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "field 1 is longer"),
        CASE("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", "field 1 is longer"),
        CASE("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "field 1 is longer"),
        CASE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", "no field begins here"),
        CASE("\x02\x00", "no field begins here"),
        CASE("\x0B\x0C", "field 1 has wire type 3"),
        CASE("\x0C", "field 1 has wire type 4"),
        CASE("\x0E", "field 1 has wire type 6"),
        CASE("\x0F", "field 1 has wire type 7"),
        CASE("\x08\x01", "field 1 has wire type 0, expected 2"),
        CASE("\x0A\x02\x0A\x05", "piece 0: offset 0: field 1 is longer than the 2 bytes left"),
        CASE("\x0A\x02\x08\x01", "piece 0: field 1 has wire type 0, expected 2"),
        CASE("\x0A\x02\x15\x00", "piece 0: offset 0: field 2 is longer"),
        CASE("\x0A\x02\x10\x00", "piece 0: field 2 has wire type 0, expected 5"),
        CASE("\x0A\x05\x1D\0\0\0\0", "piece 0: field 3 has wire type 5, expected 0"),
        CASE("\x12\x05\x1D\0\0\0\0", "trainer_spec: field 3 has wire type 5"),
        CASE("\x12\x03\x1A\x01\x00", "trainer_spec: field 3 has wire type 2"),
        CASE("\x1A\x02\x10\x01", "normalizer_spec: field 2 has wire type 0"),
        CASE("\x1A\x03\x1A\x01\x00", "normalizer_spec: field 3 has wire type 2"),
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        refuse(cases[i].data, cases[i].len, CX_EFORMAT, cases[i].says);
}

TEST(rebuild_spm, models_that_are_of_another_kind)
{
    static const char word[] = PIECE("a", "\x01") "\x12\x02\x18\x03";
    static const char suffix[] = PIECE("a", "\x01") "\x12\x05\x18\x01\xC0\x01\x01";
    static const char text[] = "{\"version\": \"1.0\"}";
    refuse(word, sizeof word - 1, CX_EUNSUPPORTED, "model type 3");
    refuse(suffix, sizeof suffix - 1, CX_EUNSUPPORTED, "treat_whitespace_as_suffix");
    refuse(text, sizeof text - 1, CX_EFORMAT, "field 15 has wire type 3");
}

static void refuse_vocabulary(const char *data, size_t len, const char *says)
{
    char *json = NULL;
    CHECK_INT(read_model(data, len, &json), CX_EFORMAT);
    CHECK_HAS(cx_error(), says);
    CHECK(json == NULL);
}

TEST(rebuild_spm, pieces_that_are_wrong)
{
    static const char twice[] = PIECE("a", "\x01") PIECE("a", "\x01") BPE;
    static const char type[] = PIECE("a", "\x07") BPE;
    static const char byte[] = PIECE("a", "\x06") BPE;
    static const char utf8[] = PIECE("\xFF", "\x01") BPE;
    static const char nan[] = "\x0A\x08\x0A\x01"
                              "a\x15\x00\x00\xC0\x7F" BPE;
    refuse_vocabulary(twice, sizeof twice - 1, "'a' is there twice");
    refuse_vocabulary(type, sizeof type - 1, "token 0: type 7");
    refuse_vocabulary(byte, sizeof byte - 1, "token 0: expected a byte");
    refuse_vocabulary(utf8, sizeof utf8 - 1, "token 0: expected UTF-8");
    refuse_vocabulary(nan, sizeof nan - 1, "token 0: the score is nan");
}

/* Every prefix of a real model, and every byte of its start changed. */
TEST(rebuild_spm, no_prefix_or_changed_byte_does_harm)
{
    static const char path[] = "tests/golden/rebuild/spm-unigram-bytes/tokenizer.model";
    char *data = NULL;
    size_t len;
    CHECK_OK(cx__read_file(path, 1 << 20, &data, &len));
    for (size_t n = 0; n < len; n += n < 400 ? 1 : 97) {
        char *copy = cx__alloc(n + 1), *json = NULL;
        memcpy(copy, data, n);
        if (n % 2) copy[n / 2] = (char)(copy[n / 2] ^ 0x80);
        if (read_model(copy, n, &json) == CX_OK) cx__free(json);
        cx__free(copy);
    }
    cx__free(data);
}
