/* Models with latent attention (MLA) that can be converted only: MLX splits kv_b_proj into embed_q
 * and unembed_out. Source of all tables: mlx_lm 0.32.2, models/<model_type>.py (sanitize,
 * quant_predicate, cast_predicate); tested against it by tests/oracle/oracle_archs.py. */
#include "models/arch.h"

static const cx__pack_rule raw_gate[] = { { "**.mlp.gate", 0, 0 }, { NULL, 0, 0 } };
static const char *const score_bias[] = { "**e_score_correction_bias**", NULL };
static const char *const expert_bias[] = { "**expert_bias**", NULL };

/* ---- deepseek_v3, deepseek_v32, kimi_k2, glm4_moe_lite, glm_moe_dsa ---- */

static const cx__rename deepseek_renames[] = {
    CX__RULES_MTP, CX__RULES_LATENT, CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY, CX__RULES_END,
};

const cx__arch cx__arch_deepseek_v3 = {
    .name = "deepseek_v3", .renames = deepseek_renames, .packs = raw_gate, .keeps = score_bias
};

/* ---- kimi_k25, kimi_vl: the same within a model that sees ---- */

static const cx__rename kimi_renames[] = {
    CX__RULES_TOWERS,
    CX__RULES_TEXT,
    CX__RULES_MTP,
    CX__RULES_LATENT,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    { "**rotary_emb**", NULL, CX__DROP },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_kimi_k25 = {
    .name = "kimi_k25", .renames = kimi_renames, .packs = raw_gate, .keeps = score_bias
};

/* ---- bailing_hybrid ---- */

static const cx__rename bailing_renames[] = {
    CX__RULES_MTP,
    CX__RULES_LATENT,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    { "**.mlp.gate.weight", "**.mlp.gate.gate_proj.weight", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule bailing_packs[] = {
    { "**mlp.gate.gate_proj", 8, 64 },
    { "**attention.embed_q", 0, 0 },
    { "**attention.unembed_out", 0, 0 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_bailing_hybrid = { .name = "bailing_hybrid",
                                           .renames = bailing_renames,
                                           .packs = bailing_packs,
                                           .keeps = expert_bias };

/* ---- bailing_moe_v3 ---- */

static const cx__rename bailing_v3_renames[] = {
    CX__RULES_MTP,
    CX__RULES_LATENT,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    { "**_conv1d.weight", NULL, CX__CONV },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule bailing_v3_packs[] = {
    { "**.mlp.gate", 0, 0 },
    { "model.word_embeddings", 0, 0 },
    { "lm_head", 0, 0 },
    { "**attention.q_a_proj", 0, 0 },
    { "**attention.q_b_proj", 0, 0 },
    { "**attention.kv_a_proj_with_mqa", 0, 0 },
    { "**attention.embed_q", 0, 0 },
    { "**attention.unembed_out", 0, 0 },
    { "**attention.b_proj", 0, 0 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_bailing_moe_v3 = { .name = "bailing_moe_v3",
                                           .renames = bailing_v3_renames,
                                           .packs = bailing_v3_packs };

/* ---- deepseek_v41: names of DeepSeek's own code; each rule replaces one part of a name ---- */

static const cx__rename v41_renames[] = {
    { "vision.**", NULL, CX__DROP },
    { "aligner.**", NULL, CX__DROP },
    { "image_**", NULL, CX__DROP },
    { "mtp.**", NULL, CX__DROP },
    { "**.engram.**", NULL, CX__DROP },
    { "**.gate.bias_vl", NULL, CX__DROP },
    { "model.**", NULL, CX__KEEP }, /* MLX's names already */
    { "head.weight", "lm_head.weight", CX__KEEP },
    { "embed.weight", "model.embed_tokens.weight", CX__KEEP },
    { "lm_head.**", NULL, CX__KEEP },
    { "**", "model.**", CX__ON },
    { "**.attn.**", "**.self_attn.**", CX__ON },
    { "**.ffn.**", "**.mlp.**", CX__ON },
    { "**.attn_norm.**", "**.input_layernorm.**", CX__ON },
    { "**.ffn_norm.**", "**.post_attention_layernorm.**", CX__ON },
    { "**.hc_attn_**", "**.attn_hc.**", CX__ON },
    { "**.hc_ffn_**", "**.ffn_hc.**", CX__ON },
    { "**.attn_sink**", "**.sinks**", CX__ON },
    { "**.wq_a.**", "**.q_a_proj.**", CX__ON },
    { "**.wq_b.**", "**.q_b_proj.**", CX__ON },
    { "**.wkv.**", "**.kv_proj.**", CX__ON },
    { "**.wgate.**", "**.gate_proj.**", CX__ON },
    { "**.wo_b.**", "**.o_b_proj.**", CX__ON },
    { "**.q_norm.**", "**.q_a_norm.**", CX__ON },
    { "**.compressor.norm.**", "**.compressor.kv_norm.**", CX__ON },
    { "**.indexer.wk.**", "**.indexer.k_proj.**", CX__ON },
    { "**.gate.bias", "**.gate.e_score_correction_bias", CX__ON },
    { "**.wo_a.weight", "**.o_a_proj.weight", CX__GROUPS },
    { "**.shared_experts.w1.*", "**.shared_experts.gate_proj.*", CX__KEEP },
    { "**.shared_experts.w2.*", "**.shared_experts.down_proj.*", CX__KEEP },
    { "**.shared_experts.w3.*", "**.shared_experts.up_proj.*", CX__KEEP },
    CX__RULES_EXPERTS_W(".mlp.experts", ".mlp.experts.switch_mlp"),
    CX__RULES_END,
};

static const char *const v41_keeps[] = {
    "**attn_hc.**",    "**ffn_hc.**", "**sinks**", "**e_score_correction_bias**",
    "**compressor.**", NULL,
};

const cx__arch cx__arch_deepseek_v41 = {
    .name = "deepseek_v41", .renames = v41_renames, .packs = raw_gate, .keeps = v41_keeps
};

/* ---- kimi_linear: layers with a delta rule beside latent attention ---- */

#define KIMI_EXPERTS                                                                               \
    CX__RULES_EXPERTS_W(".block_sparse_moe.experts", ".mlp.switch_mlp"),                           \
        { "**.block_sparse_moe.gate.e_score_correction_bias", "**.mlp.e_score_correction_bias",    \
          CX__KEEP },                                                                              \
    {                                                                                              \
        "**.block_sparse_moe.**", "**.mlp.**", CX__KEEP                                            \
    }
#define KIMI_CONV(x)                                                                               \
    {                                                                                              \
        "**.self_attn." x "_conv1d.weight", "**.self_attn." x "_conv.conv.weight", CX__CONV        \
    }

static const cx__rename kimi_linear_renames[] = {
    CX__RULES_MTP,
    CX__RULES_LATENT,
    KIMI_EXPERTS,
    KIMI_CONV("q"),
    KIMI_CONV("k"),
    KIMI_CONV("v"),
    { "**.self_attn.dt_bias", NULL, CX__FLAT },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule kimi_packs[] = {
    { "**mlp.gate", 8, 64 },
    { "**res_proj", 0, 0 },
    { NULL, 0, 0 },
};
static const char *const kimi_keeps[] = {
    "**e_score_correction_bias**",
    "**A_log",
    "**dt_bias",
    NULL,
};

const cx__arch cx__arch_kimi_linear = {
    .name = "kimi_linear", .renames = kimi_linear_renames, .packs = kimi_packs, .keeps = kimi_keeps
};

/* ---- kimi_k3: MLX joins q, k and v of the layers with a delta rule ---- */

static const cx__rename k3_renames[] = {
    CX__RULES_TOWERS,
    CX__RULES_TEXT,
    CX__RULES_MTP,
    CX__RULES_LATENT,
    { "**.self_attn.q_proj.weight", "**.self_attn.qkv_proj.weight", CX__JOIN },
    { "**.self_attn.k_proj.weight", "**.self_attn.qkv_proj.weight", CX__JOIN_2ND },
    { "**.self_attn.v_proj.weight", "**.self_attn.qkv_proj.weight", CX__JOIN_3RD },
    { "**.self_attn.q_conv1d.weight", "**.self_attn.qkv_conv.conv.weight", CX__CONV | CX__JOIN },
    { "**.self_attn.k_conv1d.weight", "**.self_attn.qkv_conv.conv.weight",
      CX__CONV | CX__JOIN_2ND },
    { "**.self_attn.v_conv1d.weight", "**.self_attn.qkv_conv.conv.weight",
      CX__CONV | CX__JOIN_3RD },
    { "**.self_attn.dt_bias", NULL, CX__FLAT },
    { "**.self_attn.A_log", NULL, CX__FLAT },
    { "**_res.proj_weight", "**_res_proj.weight", CX__KEEP },
    { "**_res.norm_weight", "**_res_norm.weight", CX__KEEP },
    { "**.block_sparse_moe.e_score_correction_bias", "**.mlp.e_score_correction_bias", CX__KEEP },
    KIMI_EXPERTS,
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_kimi_k3 = {
    .name = "kimi_k3", .renames = k3_renames, .packs = kimi_packs, .keeps = kimi_keeps
};

/* ---- longcat_flash, longcat_flash_ngram ---- */

static const cx__rename longcat_renames[] = {
    { "model.mtp**", NULL, CX__DROP },
    CX__RULES_LATENT,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};
static const cx__rename ngram_renames[] = {
    { "model.mtp**", NULL, CX__DROP },
    CX__RULES_LATENT,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    { "model.embed_tokens.weight", "model.ngram_embeddings.word_embeddings.weight", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule longcat_packs[] = { { "**classifier", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_longcat_flash = {
    .name = "longcat_flash", .renames = longcat_renames, .packs = longcat_packs, .keeps = score_bias
};
const cx__arch cx__arch_longcat_flash_ngram = { .name = "longcat_flash_ngram",
                                                .renames = ngram_renames,
                                                .packs = longcat_packs,
                                                .keeps = score_bias };

/* ---- mistral4; mistral3 and llava: a Mistral text model of any kind within one that sees ---- */

#define MISTRAL4                                                                                   \
    CX__RULES_MTP, CX__RULES_LATENT, CX__RULES_FUSED(".mlp.experts", ".mlp.switch_mlp"),           \
        CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"), CX__RULES_ANY

static const cx__rename mistral4_renames[] = { MISTRAL4, CX__RULES_END };
static const cx__rename mistral3_renames[] = { CX__RULES_TOWERS, CX__RULES_TEXT, MISTRAL4,
                                               CX__RULES_END };

const cx__arch cx__arch_mistral4 = { .name = "mistral4", .renames = mistral4_renames };
const cx__arch cx__arch_mistral3 = { .name = "mistral3", .renames = mistral3_renames };
