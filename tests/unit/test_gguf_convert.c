/* Names and config of GGUF files. That they are those of real checkpoints shows
 * tests/oracle/oracle_gguf.py; here are the sentences, the limits and what a file may lie about. */
#include "convert/gguf.h"
#include "gguf_bytes.h"

/* The metadata that every llama has, 8 of them, for 2 blocks of 4 and 2 heads of 16. */
#define HEADS(heads, kv)                                                                           \
    "s:llama.attention.head_count " heads " s:llama.attention.head_count_kv " kv " "
#define REST                                                                                       \
    "s:llama.embedding_length d:4 d:64 s:llama.feed_forward_length d:4 d:96 "                      \
    "s:llama.context_length d:4 d:512 s:llama.attention.layer_norm_rms_epsilon d:6 f:1e-5 "
#define BLOCKS "s:llama.block_count d:4 d:2 "
#define ARCH "s:general.architecture d:8 s:llama "
#define LLAMA ARCH BLOCKS HEADS("d:4 d:4", "d:4 d:2") REST
#define EMBEDDING "s:token_embd.weight d:2 q:64 q:10 d:1 q:0 "
/* Only the embeddings, [10, 64] F16. */
#define ONE EMBEDDING "a:32 z:1280"

static cx__gguf *parse(const char *words, gguf_bytes *b)
{
    cx__gguf *g = NULL;
    *b = gb_make(words);
    CHECK_OK(cx__gguf_parse(b->data, b->len, "m.gguf", &g));
    return g;
}

/* Config as one line of JSON; freed by the caller. */
static char *config_of(const char *words)
{
    gguf_bytes b;
    cx__gguf *g = parse(words, &b);
    cx__buf text = { .max = 1 << 20 };
    json_t *config = NULL;
    CHECK_OK(cx__gguf_config(g, &config));
    CHECK(cx__json_dump(&text, config, -1, true));
    json_decref(config);
    cx__gguf_close(g);
    free(b.data);
    return cx__buf_take(&text);
}

static void check_config(const char *words, const char *part)
{
    char *text = config_of(words);
    CHECK_HAS(text, part);
    cx__free(text);
}

static void refuse(const char *words, cx_status status, const char *says)
{
    gguf_bytes b;
    cx__gguf *g = parse(words, &b);
    json_t *config = NULL;
    cx_status st = cx__gguf_config(g, &config);
    if (st != status || !strstr(cx_error(), says))
        fail_msg("%s: %s, expected %s", cx_status_name(st), cx_error(), says);
    CHECK(strncmp(cx_error(), "m.gguf: ", 8) == 0);
    CHECK(config == NULL);
    cx__gguf_close(g);
    free(b.data);
}

TEST(gguf_convert, config_of_a_llama)
{
    char *text = config_of(
        "h:3,1,10 " LLAMA
        "s:tokenizer.ggml.bos_token_id d:4 d:1 s:tokenizer.ggml.eos_token_id d:4 d:9 " ONE);
    CHECK_STR(
        text,
        "{\"architectures\": [\"LlamaForCausalLM\"], \"attention_bias\": false, "
        "\"bos_token_id\": 1, \"eos_token_id\": 9, \"head_dim\": 16, \"hidden_act\": \"silu\", "
        "\"hidden_size\": 64, \"intermediate_size\": 96, \"max_position_embeddings\": 512, "
        "\"mlp_bias\": false, \"model_type\": \"llama\", \"num_attention_heads\": 4, "
        "\"num_hidden_layers\": 2, \"num_key_value_heads\": 2, \"rms_norm_eps\": 1e-05, "
        "\"rope_theta\": 10000.0, \"tie_word_embeddings\": true, \"torch_dtype\": \"float16\", "
        "\"vocab_size\": 10}");
    cx__free(text);
}

TEST(gguf_convert, rope_scaling)
{
    check_config(
        "h:3,1,10 " LLAMA "s:llama.rope.scaling.type d:8 s:linear "
        "s:llama.rope.scaling.factor d:6 f:4 " ONE,
        "\"rope_scaling\": {\"factor\": 4.0, \"rope_type\": \"linear\", \"type\": \"linear\"}");
    check_config(
        "h:3,1,11 " LLAMA "s:llama.rope.scaling.type d:8 s:yarn s:llama.rope.scaling.factor "
        "d:6 f:2.5 s:llama.rope.scaling.original_context_length d:4 d:256 " ONE,
        "\"rope_scaling\": {\"beta_fast\": 32.0, \"beta_slow\": 1.0, \"factor\": 2.5, "
        "\"original_max_position_embeddings\": 256, \"rope_type\": \"yarn\", \"type\": \"yarn\"}");
    check_config("h:3,1,9 " LLAMA "s:llama.rope.scale_linear d:6 f:2 " ONE, "\"type\": \"linear\"");
    refuse("h:3,1,9 " LLAMA "s:llama.rope.scaling.type d:8 s:yarn " ONE, CX_EFORMAT,
           "'llama.rope.scaling.factor' is missing");
    refuse("h:3,1,9 " LLAMA "s:llama.rope.scaling.type d:8 s:longrope " ONE, CX_EUNSUPPORTED,
           "expected none, linear or yarn, found 'longrope'");
    refuse("h:3,1,10 " LLAMA "s:llama.rope.scaling.type d:8 s:linear "
           "s:llama.rope.scaling.factor d:6 f:-1 " ONE,
           CX_EFORMAT, "'llama.rope.scaling.factor': expected a number from");
    refuse("h:3,1,10 " LLAMA "s:llama.rope.scaling.type d:8 s:yarn "
           "s:llama.rope.scaling.yarn_ext_factor d:6 f:1 " ONE,
           CX_EUNSUPPORTED, "yarn_ext_factor': a config has no word");
}

#define FREQS(list) EMBEDDING "s:rope_freqs.weight d:1 q:8 d:0 q:1280 a:32 z:1280 " list
TEST(gguf_convert, rope_frequencies)
{
    char *text = config_of("h:3,2,8 " LLAMA FREQS("f:1 f:1 f:1 f:1 f:1 f:1 f:1 f:1"));
    CHECK(!strstr(text, "rope_scaling"));
    cx__free(text);
    refuse("h:3,2,8 " LLAMA FREQS("f:1 f:2 f:3 f:4 f:5 f:6 f:7 f:8"), CX_EUNSUPPORTED,
           "'rope_freqs.weight': expected Llama 3's scaling");
    refuse("h:3,2,8 " LLAMA FREQS("f:1 f:nan f:1 f:1 f:1 f:1 f:1 f:1"), CX_EFORMAT,
           "expected numbers above 0, found nan");
    refuse("h:3,2,8 " LLAMA FREQS("f:1 f:0 f:1 f:1 f:1 f:1 f:1 f:1"), CX_EFORMAT, "found 0");
    refuse("h:3,2,8 " LLAMA EMBEDDING "s:rope_freqs.weight d:1 q:7 d:0 q:1280 a:32 z:1280 z:28",
           CX_EFORMAT, "expected [8] F32, found [7] F32");
}

TEST(gguf_convert, metadata_that_lie)
{
    static const struct {
        const char *words;
        const char *says;
    } cases[] = {
        { "h:3,1,0 " ONE, "'general.architecture' is missing" },
        { "h:3,1,1 s:general.architecture d:4 d:1 " ONE, "expected a string, found 1" },
        { "h:3,1,7 " ARCH HEADS("d:4 d:4", "d:4 d:2") REST ONE, "'llama.block_count' is missing" },
        { "h:3,1,8 " ARCH "s:llama.block_count d:4 d:0 " HEADS("d:4 d:4", "d:4 d:2") REST ONE,
          "'llama.block_count': expected an integer from 1 to 2147483647, found 0" },
        { "h:3,1,8 " ARCH "s:llama.block_count d:8 s:two " HEADS("d:4 d:4", "d:4 d:2") REST ONE,
          "'llama.block_count': expected an integer from 1 to 2147483647, found a string" },
        { "h:3,1,8 " ARCH "s:llama.block_count d:5 d:-1 " HEADS("d:4 d:4", "d:4 d:2") REST ONE,
          "found -1" },
        { "h:3,1,8 " ARCH BLOCKS HEADS("d:4 d:0", "d:4 d:2") REST ONE, "found 0" },
        { "h:3,1,8 " ARCH BLOCKS HEADS("d:9 d:4 q:0", "d:4 d:2") REST ONE,
          "expected integers from 1 to" },
        { "h:3,1,8 " ARCH BLOCKS HEADS("d:9 d:8 q:1 s:4", "d:4 d:2") REST ONE,
          "expected integers from 1 to" },
        { "h:3,1,9 " LLAMA "s:tokenizer.ggml.bos_token_id d:5 d:-1 " ONE,
          "'tokenizer.ggml.bos_token_id': expected an integer from 0 to 9, found -1" },
        { "h:3,1,9 " LLAMA "s:tokenizer.ggml.eos_token_id d:4 d:10 " ONE, "found 10" },
        { "h:3,1,9 " LLAMA "s:tokenizer.ggml.padding_token_id d:4 d:-1 " ONE, "4294967295" },
        { "h:3,1,9 " LLAMA "s:llama.rope.freq_base d:6 f:0 " ONE, "rope.freq_base" },
        { "h:3,1,9 " LLAMA "s:llama.rope.freq_base d:6 f:inf " ONE, "rope.freq_base" },
        { "h:3,1,9 " LLAMA "s:llama.rope.dimension_count d:4 d:17 " ONE, "from 1 to 16, found 17" },
        { "h:3,1,9 " LLAMA "s:llama.expert_count d:4 d:-1 " ONE, "'llama.expert_count'" },
        { "h:3,0,8 " LLAMA, "'token_embd.weight' is missing" },
        { "h:3,1,8 " LLAMA "s:token_embd.weight d:2 q:32 q:10 d:1 q:0 a:32 z:640",
          "'token_embd.weight': expected 2 dimensions, 64 columns, found 32" },
        { "h:3,1,8 " LLAMA "s:token_embd.weight d:1 q:64 d:1 q:0 a:32 z:128", "2 dimensions" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(cases[i].words, CX_EFORMAT, cases[i].says);
}

TEST(gguf_convert, what_it_cannot_express)
{
    refuse("h:3,1,1 s:general.architecture d:8 s:falcon " ONE, CX_EUNSUPPORTED,
           "'general.architecture': 'falcon' cannot be converted from GGUF");
    refuse("h:3,1,8 " ARCH BLOCKS HEADS("d:9 d:4 q:2 d:4 d:2", "d:4 d:2") REST ONE, CX_EUNSUPPORTED,
           "expected the same number for all layers");
    refuse("h:3,1,8 " ARCH BLOCKS HEADS("d:4 d:4", "d:4 d:3") REST ONE, CX_EUNSUPPORTED,
           "4 heads of 16, 3 of 16");
    refuse("h:3,1,9 " LLAMA "s:llama.attention.value_length d:4 d:8 " ONE, CX_EUNSUPPORTED,
           "of one size");
    refuse("h:3,1,9 " LLAMA "s:llama.rope.dimension_count d:4 d:8 " ONE, CX_EUNSUPPORTED,
           "rope of 8 of 16 dimensions");
    check_config("h:3,1,8 " ARCH BLOCKS HEADS("d:9 d:4 q:2 d:4 d:4", "d:4 d:2") REST ONE,
                 "\"num_attention_heads\": 4");
}

TEST(gguf_convert, end_of_turn_ends_a_text_too)
{
    check_config("h:3,1,10 " LLAMA "s:tokenizer.ggml.eos_token_id d:4 d:3 "
                 "s:tokenizer.ggml.eot_token_id d:4 d:4 " ONE,
                 "\"eos_token_id\": [3, 4]");
    check_config("h:3,1,10 " LLAMA "s:tokenizer.ggml.eos_token_id d:4 d:4 "
                 "s:tokenizer.ggml.eot_token_id d:4 d:4 " ONE,
                 "\"eos_token_id\": 4,");
}

TEST(gguf_convert, dtype_of_the_tensors)
{
    check_config("h:3,1,8 " LLAMA "s:token_embd.weight d:2 q:64 q:2 d:0 q:0 a:32 z:512",
                 "\"torch_dtype\": \"float32\"");
    check_config("h:3,1,8 " LLAMA "s:token_embd.weight d:2 q:64 q:2 d:30 q:0 a:32 z:256",
                 "\"torch_dtype\": \"bfloat16\"");
    check_config("h:3,1,8 " LLAMA "s:token_embd.weight d:2 q:64 q:2 d:8 q:0 a:32 z:136",
                 "\"torch_dtype\": \"float16\"");
}

/* One tensor of a name and a shape; its name in the checkpoint. */
static cx_status rename_one(const char *metadata, const char *tensor, cx__gguf_name *out)
{
    char words[2048];
    gguf_bytes b;
    snprintf(words, sizeof words, "%s %s", metadata, tensor);
    cx__gguf *g = parse(words, &b);
    cx_status st = cx__gguf_rename(g, cx__gguf_at(g, 0), out);
    cx__gguf_close(g);
    free(b.data);
    return st;
}

TEST(gguf_convert, names)
{
    static const struct {
        const char *tensor, *name;
        int how;
        size_t heads;
    } cases[] = {
        { "s:blk.1.attn_q.weight d:2 q:4 q:64 d:24 q:0 a:32 z:256",
          "model.layers.1.self_attn.q_proj.weight", CX__GGUF_UNPERMUTE, 4 },
        { "s:blk.0.attn_k.weight d:2 q:4 q:32 d:24 q:0 a:32 z:128",
          "model.layers.0.self_attn.k_proj.weight", CX__GGUF_UNPERMUTE, 2 },
        { "s:blk.0.attn_k.bias d:1 q:32 d:24 q:0 a:32 z:32", "model.layers.0.self_attn.k_proj.bias",
          CX__GGUF_UNPERMUTE, 2 },
        { "s:blk.0.attn_v.bias d:1 q:32 d:24 q:0 a:32 z:32", "model.layers.0.self_attn.v_proj.bias",
          CX__GGUF_KEEP, 0 },
        { "s:output_norm.weight d:1 q:32 d:24 q:0 a:32 z:32", "model.norm.weight", CX__GGUF_KEEP,
          0 },
        { "s:rope_freqs.weight d:1 q:32 d:24 q:0 a:32 z:32", "", CX__GGUF_DROP, 0 },
    };
    cx__gguf_name n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(rename_one("h:3,1,8 " LLAMA, cases[i].tensor, &n));
        CHECK_STR(n.name, cases[i].name);
        CHECK_INT(n.how, cases[i].how);
        CHECK_INT(n.heads, cases[i].heads);
    }
}

TEST(gguf_convert, names_that_are_refused)
{
    static const struct {
        const char *tensor;
        cx_status status;
        const char *says;
    } cases[] = {
        { "s:blk.2.attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EFORMAT,
          "'blk.2.attn_v.weight': expected blocks up to 1" },
        { "s:blk.999999999.attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EFORMAT, "up to 1" },
        { "s:blk.9999999999.attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED,
          "no tensor of llama has this name" },
        { "s:blk.01.attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:blk..attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:blk.-1.attn_v.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:attn_v d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:.weight d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:output.weights d:1 q:32 d:24 q:0 a:32 z:32", CX_EUNSUPPORTED, "no tensor of" },
        { "s:blk.0.attn_q.weight d:1 q:31 d:24 q:0 a:32 z:31", CX_EFORMAT,
          "expected rows of 4 heads, found [31] I8" },
        { "s:blk.0.attn_q.weight d:1 q:4 d:24 q:0 a:32 z:4", CX_EFORMAT, "rows of 4 heads" },
        { "s:blk.0.attn_q.weight d:3 q:1 q:1 q:64 d:24 q:0 a:32 z:64", CX_EFORMAT,
          "rows of 4 heads" },
    };
    cx__gguf_name n = { .how = 77 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(rename_one("h:3,1,8 " LLAMA, cases[i].tensor, &n), cases[i].status);
        CHECK_HAS(cx_error(), cases[i].says);
        CHECK_INT(n.how, 77);
    }
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, gguf_config_fails_cleanly)
{
    gguf_bytes b;
    cx__gguf *g = parse("h:3,1,11 " LLAMA "s:llama.rope.scaling.type d:8 s:yarn "
                        "s:llama.rope.scaling.factor d:6 f:2.5 "
                        "s:llama.rope.scaling.original_context_length d:4 d:256 " ONE,
                        &b);
    cx_status st = CX_ENOMEM;
    int n = 0;
    for (; st != CX_OK; n++) {
        json_t *config = NULL;
        CHECK(n < 1000);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__gguf_config(g, &config);
        cx__alloc_fault_set(NULL);
        if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
        CHECK((st == CX_OK) == (config != NULL));
        json_decref(config);
    }
    CHECK(n > 20);
    cx__gguf_close(g);
    free(b.data);
}
