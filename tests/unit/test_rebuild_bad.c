/* Vocabularies that are wrong, each refused with a sentence; every allocation failing in turn. */
#include "base/base.h"
#include "text/text.h"
#include "unit.h"

#include <math.h>

#define STR(s) ((cx__str){ (s), sizeof(s) - 1 })
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void refuse(const cx__vocab_source *v, cx_status status, const char *says)
{
    char *json = NULL, *config = NULL;
    cx_status st = cx__tokenizer_rebuild(v, "m.gguf", &json, &config);
    if (st != status) fail_msg("%s: status %d, %s", says, st, st == CX_OK ? json : cx_error());
    CHECK_HAS(cx_error(), "m.gguf: ");
    CHECK_HAS(cx_error(), says);
    CHECK(!json && !config);
}

/* Three good tokens, for one of which the test sets something else. */
static cx__str tokens[3];
static float scores[3];
static int32_t types[3];
static cx__vocab_source good(const char *model)
{
    cx__vocab_source v;
    tokens[0] = STR("a");
    tokens[1] = STR("b");
    tokens[2] = STR("ab");
    for (int i = 0; i < 3; i++) {
        scores[i] = -(float)i;
        types[i] = CX__TOKEN_NORMAL;
    }
    cx__vocab_source_init(&v);
    v.model = model;
    v.tokens = tokens;
    v.scores = scores;
    v.types = types;
    v.count = v.score_count = v.type_count = 3;
    return v;
}

TEST(rebuild_bad, the_good_source_is_taken)
{
    static const char *const models[] = { "llama", "gpt2", "t5", "gemma4" };
    for (size_t i = 0; i < COUNT(models); i++) {
        cx__vocab_source v = good(models[i]);
        char *json = NULL, *config = NULL;
        CHECK_OK(cx__tokenizer_rebuild(&v, "m.gguf", &json, &config));
        cx__free(json);
        cx__free(config);
    }
}

TEST(rebuild_bad, empty_and_huge_vocabularies)
{
    cx__vocab_source v = good("llama");
    v.count = v.score_count = v.type_count = 0;
    refuse(&v, CX_EFORMAT, "the vocabulary is empty");
    v.count = v.score_count = v.type_count = 10000000; /* not read: the count is refused */
    refuse(&v, CX_ELIMIT, "10000000 tokens, at most 4194304");
}

TEST(rebuild_bad, lists_of_other_lengths)
{
    cx__vocab_source v = good("llama");
    v.score_count = 2;
    refuse(&v, CX_EFORMAT, "2 scores for 3 tokens");
    v.score_count = 3;
    v.type_count = 4;
    refuse(&v, CX_EFORMAT, "4 token types for 3 tokens");
}

TEST(rebuild_bad, unknown_model_or_pre_tokenizer)
{
    cx__vocab_source v = good("rwkv");
    refuse(&v, CX_EUNSUPPORTED, "tokenizer model 'rwkv'");
    v.model = NULL;
    refuse(&v, CX_EUNSUPPORTED, "tokenizer model '(none)'");
    v.model = "gpt2";
    v.pre = "../../x";
    refuse(&v, CX_EUNSUPPORTED, "pre-tokenizer '../../x' is unknown");
}

TEST(rebuild_bad, token_twice)
{
    cx__vocab_source v = good("llama");
    tokens[2] = STR("a");
    refuse(&v, CX_EFORMAT, "token 'a' is there twice, ids 0 and 2");
}

TEST(rebuild_bad, token_of_invalid_utf8)
{
    cx__vocab_source v = good("gpt2");
    tokens[1] = STR("x\xC3");
    refuse(&v, CX_EFORMAT, "token 1: expected UTF-8, found byte 0xC3 at 1");
    tokens[1] = STR("\xED\xA0\x80");
    refuse(&v, CX_EFORMAT, "token 1: expected UTF-8");
}

TEST(rebuild_bad, byte_tokens_that_are_no_bytes)
{
    static const cx__str bad[] = { STR("<0x-1>"), STR("<0xGG>"), STR("<0x100>"), STR("<0x0a>"),
                                   STR("<0x0>"),  STR(""),       STR("<0x00"),   STR("<0x\0A>") };
    for (size_t i = 0; i < COUNT(bad); i++) {
        cx__vocab_source v = good("llama");
        tokens[1] = bad[i];
        types[1] = CX__TOKEN_BYTE;
        refuse(&v, CX_EFORMAT, "token 1: expected a byte such as <0x0A>");
    }
}

TEST(rebuild_bad, types_out_of_range)
{
    static const int32_t bad[] = { 0, -1, 7, INT32_MAX };
    for (size_t i = 0; i < COUNT(bad); i++) {
        cx__vocab_source v = good("llama");
        types[2] = bad[i];
        refuse(&v, CX_EFORMAT, "token 2: type ");
    }
}

TEST(rebuild_bad, scores_that_are_no_numbers)
{
    const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < COUNT(bad); i++) {
        cx__vocab_source v = good(i == 1 ? "t5" : "llama");
        scores[2] = bad[i];
        refuse(&v, CX_EFORMAT, "token 2: the score is ");
    }
}

TEST(rebuild_bad, no_scores_where_they_are_needed)
{
    cx__vocab_source v = good("t5");
    v.scores = NULL;
    v.score_count = 0;
    refuse(&v, CX_EFORMAT, "a Unigram model without scores");
    v.model = "llama";
    refuse(&v, CX_EFORMAT, "neither merges nor scores");
}

TEST(rebuild_bad, special_ids_out_of_range)
{
    cx__vocab_source v = good("llama");
    char *json = NULL, *config = NULL;
    v.bos = 3;
    refuse(&v, CX_EFORMAT, "bos id 3, expected one of 3 tokens");
    v.bos = -2;
    refuse(&v, CX_EFORMAT, "bos id -2");
    v.bos = -1;
    v.eos = INT64_MAX;
    refuse(&v, CX_EFORMAT, "eos id 9223372036854775807");
    v.eos = -1;
    v.unk = (int64_t)UINT32_MAX - 1;
    refuse(&v, CX_EFORMAT, "unknown id 4294967294");
    v.unk = -1;
    v.pad = 1 << 30;
    refuse(&v, CX_EFORMAT, "padding id 1073741824");
    v.pad = UINT32_MAX; /* how GGUF says none */
    CHECK_OK(cx__tokenizer_rebuild(&v, "m.gguf", &json, &config));
    cx__free(json);
    cx__free(config);
}

TEST(rebuild_bad, merges_of_absent_tokens_or_of_none)
{
    static const struct {
        cx__str merge;
        const char *says;
    } cases[] = {
        { STR("a c"), "merge 0: 'c' is not in the vocabulary" },
        { STR("c a"), "merge 0: 'c' is not in the vocabulary" },
        { STR("b a"), "merge 0: 'ba' is not in the vocabulary" },
        { STR("ab"), "merge 0: expected two tokens, found 'ab'" },
        { STR("a "), "merge 0: expected two tokens" },
        { STR(" a"), "merge 0: expected two tokens" },
        { STR(""), "merge 0: expected two tokens" },
        { { NULL, 0 }, "merge 0: expected two tokens" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cx__vocab_source v = good(i % 2 ? "gpt2" : "gemma4");
        v.merges = &cases[i].merge;
        v.merge_count = 1;
        refuse(&v, CX_EFORMAT, cases[i].says);
    }
}

TEST(rebuild_bad, tokens_too_long_to_take_apart)
{
    cx__vocab_source v = good("llama");
    char *text = cx__alloc(1 << 20);
    memset(text, 'a', 1 << 20);
    tokens[1] = (cx__str){ text, 1 << 20 };
    refuse(&v, CX_ELIMIT, "token 1 of 1048576 bytes, at most 65536");
    tokens[1].len = 4000;
    refuse(&v, CX_ELIMIT, "token 1 of 4000 bytes, at most 2048 can be merged");
    cx__free(text);
}

TEST(rebuild_bad, special_tokens_that_no_text_can_hold)
{
    cx__vocab_source v = good("llama");
    types[1] = CX__TOKEN_CONTROL;
    tokens[1] = STR("");
    refuse(&v, CX_EFORMAT, "token 1: a special token that is empty or has NUL");
    tokens[1] = STR("a\0b");
    refuse(&v, CX_EFORMAT, "token 1: a special token");
    types[1] = CX__TOKEN_NORMAL;
    v.unk = 1; /* goes into tokenizer_config.json all the same */
    refuse(&v, CX_EFORMAT, "unknown id 1: the token holds NUL");
}

TEST(rebuild_bad, a_chat_template_that_is_no_text)
{
    cx__vocab_source v = good("llama");
    v.chat_template = STR("\xFF");
    refuse(&v, CX_EFORMAT, "the chat template is not UTF-8 text");
    v.chat_template = STR("a\0b");
    refuse(&v, CX_EFORMAT, "the chat template");
}

TEST(rebuild_bad, holes_in_a_unigram_model)
{
    cx__vocab_source v = good("t5");
    tokens[1].at = NULL;
    refuse(&v, CX_EFORMAT, "token 1 is missing: a Unigram model has no holes");
}

/* ---- files ---- */

#define VOCAB STR("{\"a\":0,\"b\":1,\"ab\":2}")
#define GPT2 STR("{\"tokenizer_class\":\"GPT2Tokenizer\"}")

static void refuse_files(const cx__rebuild_files *f, cx_status status, const char *says)
{
    char *json = NULL, *config = NULL;
    cx_status st = cx__tokenizer_rebuild_files(f, "dir", &json, &config);
    if (st != status) fail_msg("%s: status %d, %s", says, st, st == CX_OK ? json : cx_error());
    CHECK_HAS(cx_error(), "dir");
    CHECK_HAS(cx_error(), says);
    CHECK(!json && !config);
}

static cx__rebuild_files files(void)
{
    return (cx__rebuild_files){ .vocab = VOCAB, .merges = STR("a b\n"), .config = GPT2 };
}

TEST(rebuild_bad, vocab_json_that_is_no_vocabulary)
{
    static const struct {
        cx__str text;
        const char *says;
    } cases[] = {
        { STR(""), "vocab.json: offset 0" },
        { STR("[]"), "expected '{'" },
        { STR("{}"), "no tokens" },
        { STR("{\"a\":0}x"), "the end of the file" },
        { STR("{\"a\":-1}"), "an id of 0 or more" },
        { STR("{\"a\":2147483648}"), "below 2^31" },
        { STR("{\"a\":100000000}"), "too large for 1 tokens" },
        { STR("{\"a\":0,\"b\":0}"), "have the same id 0" },
        { STR("{\"a\":0,\"a\":1}"), "is there twice" },
        { STR("{\"a\xFF\":0}"), "UTF-8" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cx__rebuild_files f = files();
        f.vocab = cases[i].text;
        refuse_files(&f, CX_EFORMAT, cases[i].says);
    }
}

TEST(rebuild_bad, merges_txt_that_does_not_fit)
{
    cx__rebuild_files f = files();
    f.merges = STR("#version: 0.2\nab\n");
    refuse_files(&f, CX_EFORMAT, "merge 0: expected two tokens, found 'ab'");
    f.merges = STR("#version: 0.2\r\na b\r\nb a\r\n");
    refuse_files(&f, CX_EFORMAT, "merge 1: 'ba' is not in the vocabulary");
}

TEST(rebuild_bad, a_class_that_is_not_known)
{
    cx__rebuild_files f = files();
    f.config = STR("{\"tokenizer_class\":\"CLIPTokenizer\"}");
    f.model_config = STR("{\"model_type\":\"clip\"}");
    refuse_files(&f, CX_EUNSUPPORTED, "tokenizer_class 'CLIPTokenizer' of model_type 'clip'");
    f.config.at = f.model_config.at = NULL;
    refuse_files(&f, CX_EUNSUPPORTED, "tokenizer_class '(none)'");
}

TEST(rebuild_bad, configs_that_are_wrong)
{
#define WITH(member) STR("{\"tokenizer_class\":\"GPT2Tokenizer\"," member "}")
    static const struct {
        cx__str text;
        const char *says;
    } cases[] = {
        { STR("[]"), "tokenizer_config.json: expected an object" },
        { WITH("\"add_bos_token\":1"), "add_bos_token" },
        { WITH("\"added_tokens_decoder\":[]"), "added_tokens_decoder must be an object" },
        { WITH("\"added_tokens_decoder\":{\"-1\":{\"content\":\"x\"}}"), "'-1' is no id" },
        { WITH("\"added_tokens_decoder\":{\"1e9\":{\"content\":\"x\"}}"), "'1e9' is no id" },
        { WITH("\"added_tokens_decoder\":{\"4294967296\":{\"content\":\"x\"}}"), "is no id" },
        { WITH("\"added_tokens_decoder\":{\"999999999\":{\"content\":\"x\"}}"),
          "added token with id 999999999 behind 3 tokens" },
        { WITH("\"added_tokens_decoder\":{\"3\":{}}"), "an added token must be a string" },
        { WITH("\"added_tokens_decoder\":{\"3\":7}"), "an added token must be a string" },
        { WITH("\"added_tokens_decoder\":{\"3\":{\"content\":\"\"}}"), "a string of 1 to" },
        { WITH("\"added_tokens_decoder\":{\"3\":{\"content\":\"x\",\"special\":1}}"), "special" },
        { WITH("\"added_tokens_decoder\":{\"3\":{\"content\":\"x\"},\"4\":{\"content\":\"x\"}}"),
          "'x' is there twice" },
        { WITH("\"added_tokens_decoder\":{\"3\":{\"content\":\"x\"},\"03\":{\"content\":\"y\"}}"),
          "token 3 has two names" },
        { WITH("\"bos_token\":7"), "an added token must be a string" },
        { WITH("\"additional_special_tokens\":[null]"), "an added token must be a string" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cx__rebuild_files f = files();
        f.config = cases[i].text;
        refuse_files(&f, CX_EFORMAT, cases[i].says);
    }
}

TEST(rebuild_bad, added_tokens_json_that_is_wrong)
{
    static const struct {
        cx__str text;
        const char *says;
    } cases[] = {
        { STR("[]"), "added_tokens.json: expected an object" },
        { STR("{\"<x>\":-1}"), "'<x>': not its id" },
        { STR("{\"<x>\":\"3\"}"), "'<x>': not its id" },
        { STR("{\"<x>\":4294967296}"), "'<x>': not its id" },
        { STR("{\"<x>\":2000000000}"), "added token with id 2000000000" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cx__rebuild_files f = files();
        f.added = cases[i].text;
        refuse_files(&f, CX_EFORMAT, cases[i].says);
    }
}

TEST(rebuild_bad, tiktoken_files_that_are_wrong)
{
    static const struct {
        cx__str text;
        const char *says;
    } cases[] = {
        { STR("YQ== 0\nYg== 2\n"), "line 2: expected rank 1" },
        { STR("YQ== 0\nYg==\n"), "line 2: expected base64 and a rank" },
        { STR("YQ== 0\n 1\n"), "line 2: expected base64 and a rank" },
        { STR("YQ== 0\n?? 1\n"), "line 2: expected base64 and a rank" },
        { STR("YQ== 0\nYg== 1x\n"), "line 2: expected rank 1" },
        { STR("YQ== 0\nYg== 99999999999999999999\n"), "line 2: expected rank 1" },
        { STR("YQ== 0\nYQ== 1\n"), "is there twice" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cx__rebuild_files f = { .pieces = cases[i].text };
        refuse_files(&f, CX_EFORMAT, cases[i].says);
    }
}

/* ---- allocations ---- */

static uint64_t seen, fail_at;
static bool fault(size_t size)
{
    (void)size;
    return seen++ == fail_at;
}

static cx_status rebuild(const char *folder)
{
    char *json = NULL, *config = NULL;
    cx_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    cx_status st = cx__tokenizer_rebuild_folder(folder, &json, &config);
    if (st == CX_OK) st = cx__tokenizer_parse(json, strlen(json), folder, &t);
    if (st == CX_OK) st = cx_tokenizer_encode(t, "the cat", 7, true, &ids, &n);
    cx_free(ids);
    cx_tokenizer_close(t);
    cx__free(json);
    cx__free(config);
    return st;
}

static void fail_each(const char *folder)
{
    uint64_t total, failures = 0;
    fail_at = UINT64_MAX;
    seen = 0;
    cx__alloc_fault_set(fault);
    CHECK_INT(rebuild(folder), CX_OK);
    total = seen;
    for (uint64_t n = 0; n < total; n++) {
        cx_status st;
        fail_at = n;
        seen = 0;
        st = rebuild(folder);
        if (st != CX_OK && st != CX_ENOMEM && st != CX_ELIMIT)
            fail_msg("%s: allocation %d: %s", folder, (int)n, cx_error());
        failures += st != CX_OK;
    }
    cx__alloc_fault_set(NULL);
    CHECK(failures > 50);
    CHECK_INT(rebuild(folder), CX_OK);
}

TEST(alloc_rebuild, qwen2_files)
{
    fail_each("tests/golden/rebuild/qwen2");
}
TEST(alloc_rebuild, sentencepiece_bpe)
{
    fail_each("tests/golden/rebuild/spm-bpe-user");
}
TEST(alloc_rebuild, sentencepiece_unigram)
{
    fail_each("tests/golden/rebuild/spm-unigram-bytes");
}
