/* Models with convolutions or recurrent state (Mamba, delta rule, RWKV, short convolutions) that
 * can be converted only. MLX stores conv1d weights [channels, width, 1]. Source of all tables:
 * mlx_lm 0.32.2, models/<model_type>.py (sanitize, quant_predicate, cast_predicate); tested against
 * it by tests/oracle/oracle_archs.py. */
#include "models/arch.h"

#define CONV1D                                                                                     \
    {                                                                                              \
        "**conv1d.weight", NULL, CX__CONV                                                          \
    }

static const cx__pack_rule delta_packs[] = {
    { "**mlp.gate", 8, 64 },
    { "**shared_expert_gate", 8, 64 },
    { NULL, 0, 0 },
};

/* ---- mamba, mamba2, falcon_mamba, plamo2, olmo_hybrid, recurrent_gemma ---- */

static const cx__rename mamba_renames[] = {
    CONV1D,
    { "**conv_1d.weight", NULL, CX__CONV },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_mamba = { .name = "mamba", .renames = mamba_renames };

/* ---- falcon_h1: MLX multiplies the config's multipliers into the weights ---- */

static const cx__rename falcon_renames[] = {
    { "**embed_tokens.weight", NULL, CX__REFUSE },
    CX__RULES_END,
};

const cx__arch cx__arch_falcon_h1 = { .name = "falcon_h1", .renames = falcon_renames };

/* ---- gear ---- */

static const cx__rename gear_renames[] = {
    { "**embed_scale", NULL, CX__DROP },
    { "**key_conv.weight", NULL, CX__CONV },
    { "**value_conv.weight", NULL, CX__CONV },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_gear = { .name = "gear", .renames = gear_renames };

/* ---- granitemoehybrid: a dense one keeps its only MLP under "shared_mlp" ---- */

static const cx__rename granite_renames[] = {
    CONV1D,
    CX__RULES_GRANITE_EXPERTS,
    { "**.shared_mlp.input_linear.weight", "**.mlp.gate_proj.weight",
      CX__FIRST_HALF | CX__IF_DENSE },
    { "**.shared_mlp.input_linear.weight", "**.mlp.up_proj.weight",
      CX__SECOND_HALF | CX__IF_DENSE },
    { "**.shared_mlp.output_linear.weight", "**.mlp.down_proj.weight", CX__IF_DENSE },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule granite_packs[] = { { "**router.layer", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_granitemoehybrid = { .name = "granitemoehybrid",
                                             .renames = granite_renames,
                                             .packs = granite_packs };

/* ---- jamba ---- */

static const cx__rename jamba_renames[] = {
    CONV1D,
    CX__RULES_EXPERTS(".feed_forward.experts", ".feed_forward.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule jamba_packs[] = { { "**router", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_jamba = { .name = "jamba", .renames = jamba_renames, .packs = jamba_packs };

/* ---- lfm2, lfm2_moe, lfm2-vl ---- */

#define LFM2_CONV                                                                                  \
    {                                                                                              \
        "**conv.weight", NULL, CX__CONV                                                            \
    }

static const cx__rename lfm2_renames[] = { LFM2_CONV, CX__RULES_ANY, CX__RULES_END };
static const cx__rename lfm2_vl_renames[] = { CX__RULES_TOWERS, CX__RULES_TEXT, LFM2_CONV,
                                              CX__RULES_ANY, CX__RULES_END };
static const cx__rename lfm2_moe_renames[] = {
    LFM2_CONV,
    CX__RULES_EXPERTS_W(".feed_forward.experts", ".feed_forward.switch_mlp"),
    CX__RULES_EXPERTS(".feed_forward.experts", ".feed_forward.switch_mlp"),
    { "**.w1.weight", "**.gate_proj.weight", CX__KEEP },
    { "**.w2.weight", "**.down_proj.weight", CX__KEEP },
    { "**.w3.weight", "**.up_proj.weight", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule lfm2_packs[] = { { "**feed_forward.gate", 8, 64 }, { NULL, 0, 0 } };
static const char *const lfm2_keeps[] = { "**expert_bias**", NULL };

const cx__arch cx__arch_lfm2 = { .name = "lfm2", .renames = lfm2_renames };
const cx__arch cx__arch_lfm2_vl = { .name = "lfm2-vl", .renames = lfm2_vl_renames };
const cx__arch cx__arch_lfm2_moe = {
    .name = "lfm2_moe", .renames = lfm2_moe_renames, .packs = lfm2_packs, .keeps = lfm2_keeps
};

/* ---- nemotron_h: experts without gates ---- */

static const cx__rename nemotron_renames[] = {
    { "mtp.**", NULL, CX__DROP },
    CONV1D,
    { "**.mixer.experts.#.up_proj.*", "**.mixer.switch_mlp.fc1.*", CX__KEEP },
    { "**.mixer.experts.#.down_proj.*", "**.mixer.switch_mlp.fc2.*", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule nemotron_packs[] = { { "**.mixer.gate", 0, 0 }, { NULL, 0, 0 } };
static const char *const nemotron_keeps[] = { "**e_score_correction_bias**", "**A_log**", NULL };

const cx__arch cx__arch_nemotron_h = { .name = "nemotron_h",
                                       .renames = nemotron_renames,
                                       .packs = nemotron_packs,
                                       .keeps = nemotron_keeps };

/* ---- qwen3_next, qwen3_5, qwen3_5_moe: norms are 1 + w, but not that of the delta rule ---- */

#define QWEN_NORMS                                                                                 \
    { "**.input_layernorm.weight", NULL, CX__PLUS_ONE_HF },                                        \
        { "**.post_attention_layernorm.weight", NULL, CX__PLUS_ONE_HF },                           \
        { "**model.norm.weight", NULL, CX__PLUS_ONE_HF },                                          \
        { "**.q_norm.weight", NULL, CX__PLUS_ONE_HF },                                             \
    {                                                                                              \
        "**.k_norm.weight", NULL, CX__PLUS_ONE_HF                                                  \
    }

static const cx__rename qwen3_next_renames[] = {
    CX__RULES_MTP, CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CONV1D,        QWEN_NORMS,
    CX__RULES_ANY, CX__RULES_END,
};
static const cx__rename qwen3_5_renames[] = {
    CX__RULES_TOWERS,
    CX__RULES_TEXT,
    CX__RULES_MTP,
    CX__RULES_FUSED(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CONV1D,
    QWEN_NORMS,
    CX__RULES_ANY,
    CX__RULES_END,
};

static const char *const qwen3_5_keeps[] = { "**A_log", NULL };

const cx__arch cx__arch_qwen3_next = { .name = "qwen3_next",
                                       .renames = qwen3_next_renames,
                                       .packs = delta_packs };
const cx__arch cx__arch_qwen3_5 = {
    .name = "qwen3_5", .renames = qwen3_5_renames, .packs = delta_packs, .keeps = qwen3_5_keeps
};

/* ---- rwkv7 ---- */

static const cx__rename rwkv7_renames[] = {
    { "**k_k**", NULL, CX__HEADS },
    { "**k_a**", NULL, CX__HEADS },
    { "**g_norm**", NULL, CX__HEADS },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule rwkv7_packs[] = {
    { "**g_norm", 0, 0 },
    { "**lora.2**", 8, 64 },
    { "**embeddings**", 8, 64 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_rwkv7 = { .name = "rwkv7", .renames = rwkv7_renames, .packs = rwkv7_packs };
