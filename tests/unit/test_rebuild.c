/* Rebuilt tokenizers give the ids that transformers and sentencepiece gave for the same files
 * (tests/golden/rebuild, written by tests/oracle/golden_rebuild.py). Real vocabularies are compared
 * by tests/oracle/oracle_rebuild.py. */
#include "base/base.h"
#include "text/text.h"
#include "unit.h"

#include <stdio.h>

enum { FILE_MAX = 64 << 20 };

static void check_ids(const cx_tokenizer *t, const char *name, const json_t *text, bool special,
                      const json_t *want)
{
    int32_t *ids = NULL;
    size_t count = 0;
    CHECK_OK(cx_tokenizer_encode(t, json_string_value(text), json_string_length(text), special,
                                 &ids, &count));
    for (size_t i = 0; i < count && i < json_array_size(want); i++)
        if (ids[i] != json_integer_value(json_array_get(want, i)))
            fail_msg("%s: '%s': id %zu is %d, expected %d", name, json_string_value(text), i,
                     ids[i], (int)json_integer_value(json_array_get(want, i)));
    if (count != json_array_size(want))
        fail_msg("%s: '%s': %zu ids, expected %zu", name, json_string_value(text), count,
                 json_array_size(want));
    cx_free(ids);
}

static cx_tokenizer *rebuilt(const char *folder)
{
    char *json = NULL, *config = NULL;
    cx_tokenizer *t = NULL;
    CHECK_OK(cx__tokenizer_rebuild_folder(folder, &json, &config));
    CHECK_OK(cx__tokenizer_parse(json, strlen(json), folder, &t));
    cx__free(json);
    cx__free(config);
    return t;
}

static void check_golden(const char *name)
{
    char folder[200], path[240], *text = NULL, *line, *end;
    size_t len, rows = 0;
    cx_tokenizer *t;
    snprintf(folder, sizeof folder, "tests/golden/rebuild/%s", name);
    snprintf(path, sizeof path, "%s/expected.jsonl", folder);
    t = rebuilt(folder);
    CHECK_OK(cx__read_file(path, FILE_MAX, &text, &len));
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1, rows++) {
        json_t *row = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        const json_t *special = json_object_get(row, "ids_with_special");
        CHECK(row != NULL);
        check_ids(t, name, json_object_get(row, "text"), false, json_object_get(row, "ids"));
        if (special) check_ids(t, name, json_object_get(row, "text"), true, special);
        json_decref(row);
    }
    CHECK(rows >= 40);
    cx__free(text);
    cx_tokenizer_close(t);
}

TEST(rebuild, gpt2_files_equal_transformers)
{
    check_golden("gpt2-bos");
}
TEST(rebuild, qwen2_files_equal_transformers)
{
    check_golden("qwen2");
}
TEST(rebuild, roberta_files_equal_transformers)
{
    check_golden("roberta");
}
TEST(rebuild, sentencepiece_bpe_equals_sentencepiece)
{
    check_golden("spm-bpe-bytes");
    check_golden("spm-bpe-strip");
}
TEST(rebuild, user_defined_pieces_stay_whole)
{
    check_golden("spm-bpe-user");
    check_golden("spm-bpe-no-prefix");
}
TEST(rebuild, sentencepiece_unigram_equals_sentencepiece)
{
    check_golden("spm-unigram-bytes");
    check_golden("spm-unigram-strip");
}

/* ---- tokenizer_config.json ---- */

static json_t *config_of(const cx__rebuild_files *f)
{
    char *json = NULL, *text = NULL;
    json_t *config = NULL;
    CHECK_OK(cx__tokenizer_rebuild_files(f, "m", &json, &text));
    CHECK_OK(cx__json_parse(text, strlen(text), "m", &config));
    cx__free(json);
    cx__free(text);
    return config;
}

#define STR(s) ((cx__str){ (s), sizeof(s) - 1 })
#define VOCAB "{\"a\":0,\"b\":1,\"ab\":2,\"<|endoftext|>\":3}"
#define GPT2 "{\"tokenizer_class\":\"GPT2Tokenizer\"}"

static const char *text_in(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "(none)";
}

TEST(rebuild, config_keeps_what_it_says_and_names_a_class_that_takes_the_file)
{
    cx__rebuild_files f = { .vocab = STR(VOCAB), .merges = STR("#version: 0.2\na b\n") };
    json_t *o;
    f.config = STR("{\"tokenizer_class\":\"GPT2TokenizerFast\",\"model_max_length\":77,"
                   "\"auto_map\":{\"AutoTokenizer\":[\"x.Y\",null]},\"chat_template\":\"T\","
                   "\"added_tokens_decoder\":{\"4\":{\"content\":\"<pad>\",\"special\":true}},"
                   "\"pad_token\":\"<pad>\",\"bos_token\":null}");
    o = config_of(&f);
    CHECK_STR(text_in(o, "tokenizer_class"), "PreTrainedTokenizerFast");
    CHECK_STR(text_in(o, "chat_template"), "T");
    CHECK_STR(text_in(o, "pad_token"), "<pad>");
    CHECK_STR(text_in(o, "eos_token"), "<|endoftext|>");
    CHECK_STR(text_in(o, "bos_token"), "(none)");
    CHECK_INT(json_integer_value(json_object_get(o, "model_max_length")), 77);
    CHECK(!json_object_get(o, "auto_map") && !json_object_get(o, "added_tokens_decoder"));
    json_decref(o);
}

TEST(rebuild, without_a_config_the_model_type_tells_the_family)
{
    cx__rebuild_files f = { .vocab = STR(VOCAB), .merges = STR("a b\n") };
    json_t *o;
    f.model_config = STR("{\"model_type\":\"gpt2\"}");
    o = config_of(&f);
    CHECK_STR(text_in(o, "bos_token"), "<|endoftext|>");
    json_decref(o);
}

/* Ids of the list that a text gives. */
static void check_text(const char *json, const char *text, size_t count, const int32_t *want)
{
    cx_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    CHECK_OK(cx__tokenizer_parse(json, strlen(json), "m", &t));
    CHECK_OK(cx_tokenizer_encode(t, text, strlen(text), true, &ids, &n));
    CHECK_INT(n, count);
    for (size_t i = 0; i < n; i++) CHECK_INT(ids[i], want[i]);
    cx_free(ids);
    cx_tokenizer_close(t);
}

TEST(rebuild, added_tokens_json_adds_behind_the_vocabulary_with_holes)
{
    cx__rebuild_files f = { .vocab = STR(VOCAB), .merges = STR("a b"), .config = STR(GPT2) };
    char *json = NULL, *config = NULL;
    f.added = STR("{\"<x>\":9}");
    f.special_tokens = STR("{\"additional_special_tokens\":[\"<x>\",\"<y>\"]}");
    CHECK_OK(cx__tokenizer_rebuild_files(&f, "m", &json, &config));
    CHECK_HAS(json, "\"<x>\": 9");
    check_text(json, "ab<x>a<y>", 4, (int32_t[]){ 2, 9, 0, 10 });
    cx__free(json);
    cx__free(config);
}

TEST(rebuild, an_added_token_renames_a_placeholder)
{
    cx__rebuild_files f = { .merges = STR("a b"), .config = STR(GPT2) };
    char *json = NULL, *config = NULL;
    f.vocab = STR("{\"a\":0,\"b\":1,\"ab\":2,\"[unused]\":3}");
    f.config = STR("{\"tokenizer_class\":\"GPT2Tokenizer\",\"added_tokens_decoder\":"
                   "{\"3\":{\"content\":\"<tool>\",\"special\":true}}}");
    CHECK_OK(cx__tokenizer_rebuild_files(&f, "m", &json, &config));
    CHECK(!strstr(json, "[unused]"));
    check_text(json, "a<tool>", 2, (int32_t[]){ 0, 3 });
    cx__free(json);
    cx__free(config);
}

TEST(rebuild, tiktoken_ranks_are_ids_and_merges)
{
    /* a b ab and a byte that is no character */
    cx__rebuild_files f = { .pieces = STR("YQ== 0\nYg== 1\nYWI= 2\n/w== 3\n") };
    char *json = NULL, *config = NULL;
    CHECK_OK(cx__tokenizer_rebuild_files(&f, "m", &json, &config));
    check_text(json, "abba", 3, (int32_t[]){ 2, 1, 0 });
    cx__free(json);
    cx__free(config);
}

/* ---- what a GGUF file says ---- */

static void rebuild_source(const cx__vocab_source *v, char **json, json_t **config)
{
    char *text = NULL;
    CHECK_OK(cx__tokenizer_rebuild(v, "g", json, &text));
    CHECK_OK(cx__json_parse(text, strlen(text), "g", config));
    cx__free(text);
}

TEST(rebuild, gguf_llama_begins_with_bos_and_a_space)
{
    static const cx__str tokens[] = { STR("<unk>"),
                                      STR("<s>"),
                                      STR("</s>"),
                                      STR("<0x41>"),
                                      STR("\xE2\x96\x81"),
                                      STR("a"),
                                      STR("\xE2\x96\x81"
                                          "a"),
                                      STR("<end>"),
                                      STR("<u>") };
    static const float scores[] = { 0, 0, 0, 0, -2, -3, -1, 0, 0 };
    static const int32_t types[] = { 2, 3, 3, 6, 1, 1, 1, 3, 4 };
    cx__vocab_source v;
    char *json = NULL;
    json_t *config = NULL;
    cx__vocab_source_init(&v);
    v.model = "llama";
    v.tokens = tokens;
    v.scores = scores;
    v.types = types;
    v.count = v.score_count = v.type_count = 9;
    v.bos = 1;
    v.eos = 7;
    v.chat_template = STR("{{ messages }}");
    rebuild_source(&v, &json, &config);
    check_text(json, "a<u>aA<end>", 6, (int32_t[]){ 1, 6, 8, 6, 3, 7 });
    CHECK_STR(text_in(config, "eos_token"), "<end>");
    CHECK_STR(text_in(config, "unk_token"), "<unk>");
    CHECK_STR(text_in(config, "chat_template"), "{{ messages }}");
    CHECK(json_is_true(json_object_get(config, "add_bos_token")));
    cx__free(json);
    json_decref(config);
    v.add_bos = 0;
    v.add_eos = 1;
    v.add_space_prefix = 0;
    rebuild_source(&v, &json, &config);
    check_text(json, "a", 2, (int32_t[]){ 5, 7 });
    cx__free(json);
    json_decref(config);
}

TEST(rebuild, every_pre_tokenizer_name_makes_a_tokenizer_that_loads)
{
    static const char *const names[] = {
        "default",     "gpt-2",     "olmo",   "llama-bpe",    "dbrx",
        "qwen2",       "hunyuan",   "qwen35", "tekken",       "gpt-4o",
        "starcoder",   "command-r", "falcon", "deepseek-llm", "deepseek-coder",
        "deepseek-v3", "bloom",     "viking", "bailingmoe2",  "seed-coder",
    };
    static const cx__str tokens[] = { STR("a"), STR("1"), STR("\xC4\xA0") };
    static const int32_t want[] = { 0, 2, 0, 1, 1, 1, 1 };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cx__vocab_source v;
        char *json = NULL;
        json_t *config = NULL;
        cx__vocab_source_init(&v);
        v.model = "gpt2";
        v.pre = names[i];
        v.tokens = tokens;
        v.count = 3;
        rebuild_source(&v, &json, &config);
        check_text(json, "a a1111", 7, want);
        cx__free(json);
        json_decref(config);
    }
}

TEST(rebuild, nothing_to_rebuild_from_is_not_found)
{
    char *json = NULL, *config = NULL;
    CHECK_INT(cx__tokenizer_rebuild_folder(unit_dir(), &json, &config), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "no tokenizer.model");
    CHECK(!json && !config);
}

/* 262,144 tokens: time and memory of the largest vocabularies. */
TEST(rebuild, a_quarter_of_a_million_tokens_take_little_time)
{
    enum { COUNT = 1 << 18 };
    cx__str *tokens = cx__alloc_array(COUNT, sizeof *tokens);
    float *scores = cx__alloc_array(COUNT, sizeof *scores);
    cx__buf pool = { .max = 64 << 20 };
    char *json = NULL, *text = NULL;
    double start = cx__now();
    cx__vocab_source v;
    for (uint32_t i = 0; i < COUNT; i++) {
        scores[i] = -(float)i;
        tokens[i].len = 1;
        if (i < 16) cx__buf_putc(&pool, (char)('a' + i));
        else
            tokens[i].len = (size_t)(cx__buf_printf(&pool, "%x", i) ? snprintf(NULL, 0, "%x", i)
                                                                    : 0);
    }
    tokens[0].at = pool.data;
    for (size_t i = 1; i < COUNT; i++) tokens[i].at = tokens[i - 1].at + tokens[i - 1].len;
    cx__vocab_source_init(&v);
    v.model = "llama";
    v.tokens = tokens;
    v.scores = scores;
    v.count = v.score_count = COUNT;
    CHECK_OK(cx__tokenizer_rebuild(&v, "big", &json, &text));
    CHECK(cx__now() - start < 4);
    cx__free(json);
    cx__free(text);
    cx__free(tokens);
    cx__free(scores);
    cx__buf_free(&pool);
}
