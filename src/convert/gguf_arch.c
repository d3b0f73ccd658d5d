/* The architectures of GGUF that can be converted back. Sources: llama.cpp's converter
 * (convert_hf_to_gguf.py), its names (gguf-py, tensor_mapping.py and constants.py) and the models
 * of mlx-lm that read the result. Tested by tests/unit/test_gguf_convert.c and
 * tests/oracle/oracle_gguf.py. */
#include "convert/gguf_arch.h"
#include <stdio.h>

#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, CX__GGUF_KEEP                                                                  \
    }
#define KEEP(from, to)                                                                             \
    {                                                                                              \
        from, to, CX__GGUF_KEEP                                                                    \
    }
#define LAYER "model.layers.*."
#define ENDS                                                                                       \
    KEEP("token_embd", "model.embed_tokens"), KEEP("output_norm", "model.norm"),                   \
        KEEP("output", "lm_head"),                                                                 \
    {                                                                                              \
        "rope_freqs", "", CX__GGUF_DROP                                                            \
    }
#define V_AND_O                                                                                    \
    KEEP("blk.*.attn_v", LAYER "self_attn.v_proj"),                                                \
        KEEP("blk.*.attn_output", LAYER "self_attn.o_proj")
#define ATTENTION                                                                                  \
    KEEP("blk.*.attn_q", LAYER "self_attn.q_proj"),                                                \
        KEEP("blk.*.attn_k", LAYER "self_attn.k_proj"), V_AND_O
#define TWO_NORMS                                                                                  \
    KEEP("blk.*.attn_norm", LAYER "input_layernorm"),                                              \
        KEEP("blk.*.ffn_norm", LAYER "post_attention_layernorm")
#define GATED                                                                                      \
    KEEP("blk.*.ffn_gate", LAYER "mlp.gate_proj"), KEEP("blk.*.ffn_up", LAYER "mlp.up_proj"),      \
        KEEP("blk.*.ffn_down", LAYER "mlp.down_proj")

static const gguf_rename base[] = { ENDS, ATTENTION, TWO_NORMS, END };
static const gguf_rename mlp[] = { GATED, END };
static const gguf_rename llama[] = {
    ENDS,
    { "blk.*.attn_q", LAYER "self_attn.q_proj", CX__GGUF_UNPERMUTE },
    { "blk.*.attn_k", LAYER "self_attn.k_proj", CX__GGUF_UNPERMUTE },
    V_AND_O,
    TWO_NORMS,
    { "blk.*.attn_rot_embd", "", CX__GGUF_DROP }, /* frequencies, in files of 2023 */
    END,
};
#define EXPERTS(mlp)                                                                               \
    KEEP("blk.*.ffn_gate_inp", LAYER mlp ".gate"),                                                 \
        KEEP("blk.*.ffn_gate_exps", LAYER mlp ".switch_mlp.gate_proj"),                            \
        KEEP("blk.*.ffn_up_exps", LAYER mlp ".switch_mlp.up_proj"),                                \
        KEEP("blk.*.ffn_down_exps", LAYER mlp ".switch_mlp.down_proj")
static const gguf_rename mixtral[] = {
    EXPERTS("block_sparse_moe"), /* and one by one, in files of before April 2024: */
    KEEP("blk.*.ffn_gate.*", LAYER "block_sparse_moe.experts.*.w1"),
    KEEP("blk.*.ffn_up.*", LAYER "block_sparse_moe.experts.*.w3"),
    KEEP("blk.*.ffn_down.*", LAYER "block_sparse_moe.experts.*.w2"),
    END,
};
static const gguf_rename experts[] = {
    EXPERTS("mlp"),
    KEEP("blk.*.ffn_gate_shexp", LAYER "mlp.shared_expert.gate_proj"),
    KEEP("blk.*.ffn_up_shexp", LAYER "mlp.shared_expert.up_proj"),
    KEEP("blk.*.ffn_down_shexp", LAYER "mlp.shared_expert.down_proj"),
    { "blk.*.ffn_gate_inp_shexp", LAYER "mlp.shared_expert_gate", CX__GGUF_ROW },
    END,
};
static const gguf_rename qk_norms[] = {
    KEEP("blk.*.attn_q_norm", LAYER "self_attn.q_norm"),
    KEEP("blk.*.attn_k_norm", LAYER "self_attn.k_norm"),
    END,
};
#define SHIFTED(from, to)                                                                          \
    {                                                                                              \
        from, to, CX__GGUF_MINUS_ONE                                                               \
    }
static const gguf_rename gemma[] = {
    KEEP("token_embd", "model.embed_tokens"),
    SHIFTED("output_norm", "model.norm"),
    ATTENTION,
    SHIFTED("blk.*.attn_norm", LAYER "input_layernorm"),
    SHIFTED("blk.*.ffn_norm", LAYER "post_attention_layernorm"),
    END,
};
static const gguf_rename gemma2[] = {
    KEEP("token_embd", "model.embed_tokens"),
    SHIFTED("output_norm", "model.norm"),
    KEEP("output", "lm_head"),
    ATTENTION,
    SHIFTED("blk.*.attn_norm", LAYER "input_layernorm"),
    SHIFTED("blk.*.post_attention_norm", LAYER "post_attention_layernorm"),
    SHIFTED("blk.*.ffn_norm", LAYER "pre_feedforward_layernorm"),
    SHIFTED("blk.*.post_ffw_norm", LAYER "post_feedforward_layernorm"),
    END,
};
static const gguf_rename gemma3[] = {
    SHIFTED("blk.*.attn_q_norm", LAYER "self_attn.q_norm"),
    SHIFTED("blk.*.attn_k_norm", LAYER "self_attn.k_norm"),
    END,
};
static const gguf_rename phi3[] = {
    ENDS,
    { "rope_factors_long", "", CX__GGUF_DROP },
    { "rope_factors_short", "", CX__GGUF_DROP },
    KEEP("blk.*.attn_qkv", LAYER "self_attn.qkv_proj"),
    KEEP("blk.*.attn_output", LAYER "self_attn.o_proj"),
    TWO_NORMS,
    KEEP("blk.*.ffn_up", LAYER "mlp.gate_up_proj"),
    KEEP("blk.*.ffn_down", LAYER "mlp.down_proj"),
    END,
};
static const gguf_rename starcoder2[] = {
    KEEP("blk.*.ffn_up", LAYER "mlp.c_fc"),
    KEEP("blk.*.ffn_down", LAYER "mlp.c_proj"),
    END,
};
static const gguf_rename cohere[] = {
    KEEP("token_embd", "model.embed_tokens"),
    KEEP("output_norm", "model.norm"),
    ATTENTION,
    KEEP("blk.*.attn_norm", LAYER "input_layernorm"),
    END,
};
#define H "transformer.h.*."
static const gguf_rename gpt2[] = {
    KEEP("token_embd", "transformer.wte"),
    KEEP("position_embd", "transformer.wpe"),
    KEEP("output_norm", "transformer.ln_f"),
    { "output", "", CX__GGUF_DROP },
    KEEP("blk.*.attn_norm", H "ln_1"),
    { "blk.*.attn_qkv", H "attn.c_attn", CX__GGUF_TRANSPOSE },
    { "blk.*.attn_output", H "attn.c_proj", CX__GGUF_TRANSPOSE },
    KEEP("blk.*.ffn_norm", H "ln_2"),
    { "blk.*.ffn_up", H "mlp.c_fc", CX__GGUF_TRANSPOSE },
    { "blk.*.ffn_down", H "mlp.c_proj", CX__GGUF_TRANSPOSE },
    END,
};

#define NO_KEY                                                                                     \
    {                                                                                              \
        NULL, NULL, GGUF_INT, false                                                                \
    }
#define SIZES                                                                                      \
    { "embedding_length", "hidden_size", GGUF_INT, true },                                         \
        { "block_count", "num_hidden_layers", GGUF_INT, true },                                    \
        { "attention.head_count", "num_attention_heads", GGUF_INT, true },                         \
        { "feed_forward_length", "intermediate_size", GGUF_INT, true },                            \
    {                                                                                              \
        "context_length", "max_position_embeddings", GGUF_INT, true                                \
    }
#define RMS                                                                                        \
    {                                                                                              \
        "attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_NUM, true                         \
    }
#define LAYER_NORM(to)                                                                             \
    {                                                                                              \
        "attention.layer_norm_epsilon", to, GGUF_NUM, true                                         \
    }
#define USED                                                                                       \
    {                                                                                              \
        "expert_used_count", "num_experts_per_tok", GGUF_INT, true                                 \
    }

static const gguf_key llama_keys[] = { SIZES, RMS, NO_KEY };
static const gguf_key mixtral_keys[] = {
    SIZES, RMS, USED, { "expert_count", "num_local_experts", GGUF_INT, true }, NO_KEY,
};
static const gguf_key qwen3moe_keys[] = {
    SIZES,
    RMS,
    USED,
    { "expert_count", "num_experts", GGUF_INT, true },
    { "expert_feed_forward_length", "moe_intermediate_size", GGUF_INT, true },
    NO_KEY,
};
static const gguf_key qwen2moe_keys[] = {
    SIZES,
    RMS,
    USED,
    { "expert_count", "num_experts", GGUF_INT, true },
    { "expert_feed_forward_length", "moe_intermediate_size", GGUF_INT, true },
    { "expert_shared_feed_forward_length", "shared_expert_intermediate_size", GGUF_INT, true },
    NO_KEY,
};
static const gguf_key gemma2_keys[] = {
    SIZES,
    RMS,
    { "attn_logit_softcapping", "attn_logit_softcapping", GGUF_NUM, true },
    { "final_logit_softcapping", "final_logit_softcapping", GGUF_NUM, true },
    { "attention.sliding_window", "sliding_window", GGUF_INT, true },
    NO_KEY,
};
static const gguf_key gemma3_keys[] = {
    SIZES,
    RMS,
    { "attention.sliding_window", "sliding_window", GGUF_INT, true },
    { "attention.sliding_window_pattern", "sliding_window_pattern", GGUF_INT, false },
    { "rope.freq_base_swa", "rope_local_base_freq", GGUF_NUM, false },
    NO_KEY,
};
static const gguf_key phi3_keys[] = {
    SIZES,
    RMS,
    { "attention.sliding_window", "sliding_window", GGUF_INT, false },
    { "rope.scaling.original_context_length", "original_max_position_embeddings", GGUF_INT, false },
    NO_KEY,
};
static const gguf_key starcoder2_keys[] = { SIZES, LAYER_NORM("norm_epsilon"), NO_KEY };
static const gguf_key stablelm_keys[] = {
    SIZES,
    LAYER_NORM("layer_norm_eps"),
    { "use_parallel_residual", "use_parallel_residual", GGUF_BOOL, false },
    NO_KEY,
};
static const gguf_key cohere_keys[] = {
    SIZES,
    LAYER_NORM("layer_norm_eps"),
    { "logit_scale", "logit_scale", GGUF_NUM, true },
    NO_KEY,
};
static const gguf_key gpt2_keys[] = {
    { "embedding_length", "n_embd", GGUF_INT, true },
    { "block_count", "n_layer", GGUF_INT, true },
    { "attention.head_count", "n_head", GGUF_INT, true },
    { "feed_forward_length", "n_inner", GGUF_INT, false },
    { "context_length", "n_ctx", GGUF_INT, true },
    { "context_length", "n_positions", GGUF_INT, true },
    LAYER_NORM("layer_norm_epsilon"),
    NO_KEY,
};

#define SILU "\"hidden_act\":\"silu\""
#define GELU "\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_activation\":\"gelu_pytorch_tanh\""
#define SPARSE ",\"decoder_sparse_step\":1,\"mlp_only_layers\":[]"

/* qwen2moe and qwen3moe: whether weights of chosen experts are normalized is what llama.cpp does,
 * its files do not say it. gemma2, gemma3: `wide` is the 27B of each. */
static const gguf_arch archs[] = {
    { "llama",
      false,
      "llama",
      "LlamaForCausalLM",
      { llama, mlp },
      llama_keys,
      "{" SILU "}",
      GGUF_HEAD_DIM | GGUF_BIASES,
      0 },
    { "llama",
      true,
      "mixtral",
      "MixtralForCausalLM",
      { llama, mixtral },
      mixtral_keys,
      "{" SILU "}",
      GGUF_HEAD_DIM,
      0 },
    { "qwen2", false, "qwen2", "Qwen2ForCausalLM", { base, mlp }, llama_keys, "{" SILU "}", 0, 0 },
    { "qwen2moe",
      true,
      "qwen2_moe",
      "Qwen2MoeForCausalLM",
      { base, experts },
      qwen2moe_keys,
      "{" SILU SPARSE ",\"norm_topk_prob\":false}",
      0,
      0 },
    { "qwen3",
      false,
      "qwen3",
      "Qwen3ForCausalLM",
      { base, mlp, qk_norms },
      llama_keys,
      "{" SILU ",\"attention_bias\":false}",
      GGUF_HEAD_DIM,
      0 },
    { "qwen3moe",
      true,
      "qwen3_moe",
      "Qwen3MoeForCausalLM",
      { base, experts, qk_norms },
      qwen3moe_keys,
      "{" SILU SPARSE ",\"norm_topk_prob\":true,\"attention_bias\":false}",
      GGUF_HEAD_DIM,
      0 },
    { "gemma",
      false,
      "gemma",
      "GemmaForCausalLM",
      { gemma, mlp },
      llama_keys,
      "{" GELU "}",
      GGUF_HEAD_DIM | GGUF_TIED,
      0 },
    { "gemma2",
      false,
      "gemma2",
      "Gemma2ForCausalLM",
      { gemma2, mlp },
      gemma2_keys,
      "{" GELU "}",
      GGUF_HEAD_DIM | GGUF_QUERY_PRE,
      46 },
    { "gemma3",
      false,
      "gemma3_text",
      "Gemma3ForCausalLM",
      { gemma2, mlp, gemma3 },
      gemma3_keys,
      "{" GELU ",\"sliding_window_pattern\":6,\"rope_local_base_freq\":10000.0}",
      GGUF_HEAD_DIM | GGUF_QUERY_PRE,
      62 },
    { "phi3",
      false,
      "phi3",
      "Phi3ForCausalLM",
      { phi3 },
      phi3_keys,
      "{" SILU "}",
      GGUF_PARTIAL_ROPE,
      0 },
    { "starcoder2",
      false,
      "starcoder2",
      "Starcoder2ForCausalLM",
      { base, starcoder2 },
      starcoder2_keys,
      "{\"hidden_act\":\"gelu_pytorch_tanh\",\"use_bias\":true}",
      0,
      0 },
    { "stablelm",
      false,
      "stablelm",
      "StableLmForCausalLM",
      { base, mlp },
      stablelm_keys,
      "{" SILU ",\"qk_layernorm\":false,\"use_parallel_residual\":false}",
      GGUF_PARTIAL_ROPE,
      0 },
    { "command-r",
      false,
      "cohere",
      "CohereForCausalLM",
      { cohere, mlp, qk_norms },
      cohere_keys,
      "{" SILU ",\"attention_bias\":false,\"layer_norm_bias\":false}",
      GGUF_TIED,
      0 },
    { "gpt2",
      false,
      "gpt2",
      "GPT2LMHeadModel",
      { gpt2 },
      gpt2_keys,
      "{\"activation_function\":\"gelu_new\"}",
      GGUF_TIED | GGUF_NO_ROPE,
      0 },
};

const char *cx__gguf_key(const gguf_arch *a, const char *key, char out[128])
{
    snprintf(out, 128, "%s.%s", a->name, key);
    return out;
}

cx_status cx__gguf_arch_int(const cx__gguf *g, const gguf_arch *a, const char *key, int64_t hi,
                            int64_t *out)
{
    char name[128];
    int64_t first, other;
    const cx__gguf_value *v = cx__gguf_get(g, cx__gguf_key(a, key, name));
    if (!v || !v->array) return cx__gguf_int(g, name, 1, hi, out);
    if (!cx__gguf_value_int(v, 0, &first) || first < 1 || first > hi)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected integers from 1 to %lld, found others",
                       cx__gguf_path(g), name, (long long)hi);
    for (size_t i = 1; i < v->count; i++)
        if (!cx__gguf_value_int(v, i, &other) || other != first)
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: '%s': expected the same number for all layers, found others",
                           cx__gguf_path(g), name);
    *out = first;
    return CX_OK;
}

cx_status cx__gguf_arch(const cx__gguf *g, const gguf_arch **out)
{
    const char *name = NULL;
    char key[128];
    size_t len = 0;
    CX_TRY(cx__gguf_str(g, "general.architecture", &name, &len));
    if (!name)
        return CX_FAIL(CX_EFORMAT, "%s: 'general.architecture' is missing", cx__gguf_path(g));
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        const gguf_arch *a = &archs[i];
        int64_t count = 0;
        if (strlen(a->name) != len || memcmp(a->name, name, len)) continue;
        CX_TRY(cx__gguf_int(g, cx__gguf_key(a, "expert_count", key), 0, 65536, &count));
        if (a->experts != (count > 0)) continue;
        *out = a;
        return CX_OK;
    }
    return CX_FAIL(CX_EUNSUPPORTED,
                   "%s: 'general.architecture': '%.*s' cannot be converted from GGUF",
                   cx__gguf_path(g), (int)(len < 64 ? len : 64), name);
}
