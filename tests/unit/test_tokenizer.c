/* Tokenizers against what the tokenizers library gave: real vocabularies (expected.jsonl beside
 * them, when present) and our own small ones on hostile text (tests/golden/tokenizers, written by
 * tests/oracle/golden_tokenizers.py). */
#include "base/base.h"
#include "text/text.h"
#include "unit.h"

#include <cortex/tokenizer.h>
#include <stdio.h>

enum { FILE_MAX = 64 << 20 };

static void check_ids(const cx_tokenizer *t, const char *text, size_t len, bool special,
                      const json_t *want)
{
    int32_t *ids = NULL;
    size_t count = 0;
    CHECK_OK(cx_tokenizer_encode(t, text, len, special, &ids, &count));
    for (size_t i = 0; i < json_array_size(want) && i < count; i++)
        if (ids[i] != json_integer_value(json_array_get(want, i)))
            fail_msg("'%s': id %zu is %d, expected %d", text, i, ids[i],
                     (int)json_integer_value(json_array_get(want, i)));
    if (count != json_array_size(want))
        fail_msg("'%s': %zu ids, expected %zu", text, count, json_array_size(want));
    cx_free(ids);
}

/* All at once and id by id; each streamed piece must be whole characters. */
static void check_text(const cx_tokenizer *t, const json_t *list, bool keep,
                       const json_t *text_want)
{
    const char *want = json_string_value(text_want);
    size_t want_len = json_string_length(text_want);
    size_t count = json_array_size(list), len, part_len;
    int32_t *ids = cx__alloc_array(count + 1, sizeof *ids);
    cx__buf streamed = { .max = FILE_MAX };
    cx_detokenizer *d = NULL;
    const char *part;
    char *text = NULL;
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    CHECK_OK(cx_tokenizer_decode(t, ids, count, keep, &text, &len));
    CHECK_STR(text, want);
    CHECK_INT(len, want_len);
    CHECK(memcmp(text, want, len) == 0);
    CHECK_OK(cx_detokenizer_new(t, keep, &d));
    for (size_t i = 0; i <= count; i++) {
        if (i < count) CHECK_OK(cx_detokenizer_push(d, ids[i], &part, &part_len));
        else CHECK_OK(cx_detokenizer_finish(d, &part, &part_len));
        CHECK_INT(cx__utf8_bad(part, part_len), part_len);
        CHECK(cx__buf_append(&streamed, part, part_len));
    }
    CHECK(cx__buf_puts(&streamed, ""));
    CHECK_INT(streamed.len, want_len);
    CHECK(memcmp(streamed.data, want, want_len) == 0);
    cx_detokenizer_free(d);
    cx__buf_free(&streamed);
    cx_free(text);
    cx__free(ids);
}

static void check_row(const cx_tokenizer *t, const json_t *row)
{
    const json_t *text = json_object_get(row, "text"), *ids = json_object_get(row, "ids");
    const json_t *plain = json_object_get(row, "decoded_plain");
    CHECK(json_is_string(text) && json_is_array(ids));
    check_ids(t, json_string_value(text), json_string_length(text), false, ids);
    check_ids(t, json_string_value(text), json_string_length(text), true,
              json_object_get(row, "ids_with_special"));
    check_text(t, ids, true, json_object_get(row, "decoded"));
    if (plain) check_text(t, ids, false, plain);
}

/* Compares a tokenizer with every line of a file of expected rows. */
static void check_file(const char *tokenizer, const char *expected, size_t least)
{
    cx_tokenizer *t = NULL;
    char *text = NULL, *line, *end;
    size_t len, rows = 0;
    CHECK_OK(cx_tokenizer_open(tokenizer, &t));
    CHECK_OK(cx__read_file(expected, FILE_MAX, &text, &len));
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1, rows++) {
        json_t *row = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        CHECK(row != NULL);
        check_row(t, row);
        json_decref(row);
    }
    CHECK(rows >= least);
    cx__free(text);
    cx_tokenizer_close(t);
}

static const char *data_path(const char *name, char *out, size_t len)
{
    if (!unit_data()) unit_skip("no real material (CORTEX_DATA)");
    snprintf(out, len, "%s/%s", unit_data(), name);
    if (!cx__path_exists(out)) unit_skip("the tokenizer is not in the real material");
    return out;
}

static void check_real(const char *name)
{
    char part[200], folder[512], expected[600];
    snprintf(part, sizeof part, "tokenizers/%s", name);
    data_path(part, folder, sizeof folder);
    snprintf(expected, sizeof expected, "%s/expected.jsonl", folder);
    check_file(folder, expected, 60);
}

TEST(tokenizer, gpt2_equals_the_library)
{
    check_real("gpt2");
}
TEST(tokenizer, llama2_equals_the_library)
{
    check_real("llama2-tinyllama");
}
TEST(tokenizer, llama3_equals_the_library)
{
    check_real("llama3");
}
TEST(tokenizer, qwen3_equals_the_library)
{
    check_real("qwen3");
}
TEST(tokenizer, phi3_equals_the_library)
{
    check_real("phi-3");
}
TEST(tokenizer, falcon_equals_the_library)
{
    check_real("falcon");
}
TEST(tokenizer, smollm2_equals_the_library)
{
    check_real("smollm2-135m-instruct");
}
TEST(tokenizer, pythia_equals_the_library)
{
    check_real("pythia");
}

TEST(tokenizer, golden_hostile_text_equals_the_library)
{
    static const char *const names[] = {
        "bytes_behaviors",       "bytes_gpt2",        "bytes_llama3",    "bytes_qwen2",
        "bytes_sequence",        "bytes_upper_lower", "chars_delimiter", "chars_llama2",
        "chars_metaspace_first", "chars_nfkc",        "chars_prefix",    "chars_suffix",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char tokenizer[200], expected[200];
        snprintf(tokenizer, sizeof tokenizer, "tests/golden/tokenizers/%s.json", names[i]);
        snprintf(expected, sizeof expected, "tests/golden/tokenizers/%s.jsonl", names[i]);
        check_file(tokenizer, expected, 60);
    }
}

/* models/stories260K has no expected.jsonl, but the ids of its reference.json. */
TEST(tokenizer, stories260k_equals_its_reference)
{
    char folder[512], path[600];
    cx_tokenizer *t = NULL;
    json_t *reference = NULL, *row;
    size_t i;
    data_path("models/stories260K", folder, sizeof folder);
    snprintf(path, sizeof path, "%s/reference.json", folder);
    CHECK_OK(cx_tokenizer_open(folder, &t));
    CHECK_OK(cx__json_load(path, FILE_MAX, &reference));
    json_array_foreach(reference, i, row)
    {
        const char *prompt = json_string_value(json_object_get(row, "prompt"));
        if (prompt) check_ids(t, prompt, strlen(prompt), true, json_object_get(row, "ids"));
    }
    CHECK(i >= 1);
    CHECK_INT(cx_tokenizer_size(t), 512);
    CHECK_INT(cx_tokenizer_bos(t), 1);
    CHECK_INT(cx_tokenizer_eos(t), 2);
    json_decref(reference);
    cx_tokenizer_close(t);
}

TEST(tokenizer, real_text_comes_back_from_its_ids)
{
    char folder[512], path[512], *text = NULL, *back = NULL;
    int32_t *ids = NULL;
    size_t len, count, back_len;
    cx_tokenizer *t = NULL;
    data_path("tokenizers/gpt2", folder, sizeof folder);
    data_path("text/don_quijote.txt", path, sizeof path);
    CHECK_OK(cx_tokenizer_open(folder, &t));
    CHECK_OK(cx__read_file(path, FILE_MAX, &text, &len));
    CHECK_OK(cx_tokenizer_encode(t, text, len, false, &ids, &count));
    CHECK_OK(cx_tokenizer_decode(t, ids, count, true, &back, &back_len));
    CHECK_INT(back_len, len);
    CHECK(memcmp(back, text, len) == 0);
    cx_free(back);
    cx_free(ids);
    cx__free(text);
    cx_tokenizer_close(t);
}

/* ---- the interface, on the small tokenizer with special tokens ---- */

static cx_tokenizer *open_small(void)
{
    cx_tokenizer *t = NULL;
    CHECK_OK(cx_tokenizer_open("tests/golden/tokenizers/bytes_llama3.json", &t));
    return t;
}

TEST(tokenizer, ids_and_tokens_are_inverse)
{
    cx_tokenizer *t = open_small();
    for (int32_t id = 0; id < cx_tokenizer_size(t); id++) {
        const char *token = cx_tokenizer_token(t, id);
        CHECK(token != NULL);
        CHECK_INT(cx_tokenizer_id(t, token), id);
    }
    CHECK_INT(cx_tokenizer_id(t, "no such token"), -1);
    CHECK(cx_tokenizer_token(t, -1) == NULL);
    CHECK(cx_tokenizer_token(t, cx_tokenizer_size(t)) == NULL);
    CHECK(cx_tokenizer_is_special(t, cx_tokenizer_id(t, "<s>")));
    CHECK(!cx_tokenizer_is_special(t, cx_tokenizer_id(t, "<pad>")));
    CHECK(!cx_tokenizer_is_special(t, -1) && !cx_tokenizer_is_special(t, 1 << 30));
    cx_tokenizer_close(t);
    cx_tokenizer_close(NULL);
}

TEST(tokenizer, decode_refuses_ids_outside)
{
    cx_tokenizer *t = open_small();
    int32_t bad[] = { 5, -1 };
    char *text = (char *)1;
    size_t len;
    const char *part;
    cx_detokenizer *d = NULL;
    CHECK_INT(cx_tokenizer_decode(t, bad, 2, true, &text, &len), CX_EARG);
    CHECK_HAS(cx_error(), "id -1");
    CHECK(text == (char *)1);
    CHECK_OK(cx_detokenizer_new(t, true, &d));
    CHECK_INT(cx_detokenizer_push(d, cx_tokenizer_size(t), &part, &len), CX_EARG);
    cx_detokenizer_free(d);
    cx_tokenizer_close(t);
}

TEST(tokenizer, invalid_utf8_is_taken_as_replacement_characters)
{
    static const char bad[] = "a\xFF\xE2\x82z\xF0\x9F\x98";
    static const char good[] = "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD";
    cx_tokenizer *t = open_small();
    int32_t *a = NULL, *b = NULL;
    size_t a_count, b_count;
    CHECK_OK(cx_tokenizer_encode(t, bad, sizeof bad - 1, false, &a, &a_count));
    CHECK_OK(cx_tokenizer_encode(t, good, sizeof good - 1, false, &b, &b_count));
    CHECK_INT(a_count, b_count);
    CHECK(memcmp(a, b, a_count * sizeof *a) == 0);
    cx_free(a);
    cx_free(b);
    cx_tokenizer_close(t);
}

TEST(tokenizer, stream_holds_back_half_a_character)
{
    static const char smile[] = "\xF0\x9F\x98\x80";
    cx_tokenizer *t = open_small();
    cx_detokenizer *d = NULL;
    int32_t *ids = NULL;
    size_t count, len;
    const char *part;
    CHECK_OK(cx_tokenizer_encode(t, smile, 4, false, &ids, &count));
    CHECK(count > 1);
    CHECK_OK(cx_detokenizer_new(t, false, &d));
    for (int round = 0; round < 2; round++) { /* the second time ends early */
        for (size_t i = 0; i + 1 < count; i++) {
            CHECK_OK(cx_detokenizer_push(d, ids[i], &part, &len));
            CHECK_STR(part, "");
        }
        if (round == 0) CHECK_OK(cx_detokenizer_push(d, ids[count - 1], &part, &len));
        else CHECK_OK(cx_detokenizer_finish(d, &part, &len));
        CHECK_STR(part, round == 0 ? smile : "\xEF\xBF\xBD");
    }
    CHECK_OK(cx_detokenizer_push(d, ids[0], &part, &len));
    cx_detokenizer_reset(d);
    CHECK_OK(cx_detokenizer_finish(d, &part, &len));
    CHECK_STR(part, "");
    cx_detokenizer_free(d);
    cx_free(ids);
    cx_tokenizer_close(t);
}

/* ---- a folder with its other files ---- */

static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = cx__path_join(dir, name);
    CHECK_OK(cx__write_file(path, text, strlen(text)));
    cx__free(path);
}

static const char *folder_with_tokenizer(void)
{
    const char *dir = unit_dir();
    char *json = NULL;
    size_t len;
    CHECK_OK(cx__read_file("tests/golden/tokenizers/bytes_llama3.json", FILE_MAX, &json, &len));
    put_file(dir, "tokenizer.json", json);
    cx__free(json);
    return dir;
}

TEST(tokenizer, folder_names_special_tokens_and_template)
{
    const char *dir = folder_with_tokenizer();
    cx_tokenizer *t = NULL;
    put_file(dir, "tokenizer_config.json",
             "{\"bos_token\": {\"content\": \"<s>\"}, \"pad_token\": null,"
             " \"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"},"
             " {\"name\": \"default\", \"template\": \"D\"}]}");
    put_file(dir, "special_tokens_map.json",
             "{\"bos_token\": \"</s>\", \"eos_token\": \"</s>\", \"unk_token\": \"<none>\"}");
    CHECK_OK(cx_tokenizer_open(dir, &t));
    CHECK_INT(cx_tokenizer_bos(t), cx_tokenizer_id(t, "<s>"));
    CHECK_INT(cx_tokenizer_eos(t), cx_tokenizer_id(t, "</s>"));
    CHECK_STR(cx_tokenizer_special(t, "bos_token"), "<s>");
    CHECK_STR(cx_tokenizer_special(t, "unk_token"), "<none>");
    CHECK(cx_tokenizer_special(t, "pad_token") == NULL);
    CHECK(cx_tokenizer_special(t, "no_token") == NULL);
    CHECK_STR(cx_tokenizer_chat_template(t), "D");
    cx_tokenizer_close(t);
    put_file(dir, "chat_template.jinja", "J");
    CHECK_OK(cx_tokenizer_open(dir, &t));
    CHECK_STR(cx_tokenizer_chat_template(t), "J");
    cx_tokenizer_close(t);
}

TEST(tokenizer, folder_without_other_files_opens)
{
    cx_tokenizer *t = NULL;
    CHECK_OK(cx_tokenizer_open(folder_with_tokenizer(), &t));
    CHECK_INT(cx_tokenizer_bos(t), -1);
    CHECK_INT(cx_tokenizer_eos(t), -1);
    CHECK(cx_tokenizer_chat_template(t) == NULL);
    cx_tokenizer_close(t);
}

TEST(tokenizer, bad_config_beside_is_named)
{
    const char *dir = folder_with_tokenizer();
    cx_tokenizer *t = NULL;
    put_file(dir, "tokenizer_config.json", "{\"bos_token\": 5}");
    CHECK_INT(cx_tokenizer_open(dir, &t), CX_EFORMAT);
    CHECK_HAS(cx_error(), "tokenizer_config.json");
    CHECK_HAS(cx_error(), "bos_token");
    CHECK(t == NULL);
}

TEST(tokenizer, missing_file_is_not_found)
{
    cx_tokenizer *t = NULL;
    CHECK_INT(cx_tokenizer_open(unit_dir(), &t), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "tokenizer.json");
    CHECK_INT(cx_tokenizer_open("no/such/folder", &t), CX_ENOTFOUND);
}
