/* Text models within models that also see or hear, that can be converted only: MLX keeps the text
 * part. Source of all tables: mlx_lm 0.32.2, models/<model_type>.py (sanitize, quant_predicate,
 * cast_predicate); tested against it by tests/oracle/oracle_archs.py. More of them are where their
 * text models are: experts.c, latent.c, recurrent.c. */
#include "models/arch.h"

/* ---- gemma3, pixtral, qwen2_vl, qwen2_5_vl, qwen3_vl: a dense text model ---- */

static const cx__rename vision_text_renames[] = {
    CX__RULES_TOWERS,
    CX__RULES_TEXT,
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_vision_text = { .name = "vision_text", .renames = vision_text_renames };

/* ---- gemma3n: keeps the checkpoint's "model.language_model." ---- */

static const cx__rename gemma3n_renames[] = { CX__RULES_TOWERS, CX__RULES_ANY, CX__RULES_END };

const cx__arch cx__arch_gemma3n = { .name = "gemma3n", .renames = gemma3n_renames };

/* ---- gemma4, gemma4_text: the last layers use keys and values of earlier ones ---- */

#define GEMMA4                                                                                     \
    { "**self_attn.rotary_emb**", NULL, CX__DROP }, { "**input_max**", NULL, CX__DROP },           \
        { "**input_min**", NULL, CX__DROP }, { "**output_max**", NULL, CX__DROP },                 \
        { "**output_min**", NULL, CX__DROP }, { "**.self_attn.k_proj**", NULL, CX__DROP_SHARED },  \
        { "**.self_attn.v_proj**", NULL, CX__DROP_SHARED },                                        \
        { "**.self_attn.k_norm**", NULL, CX__DROP_SHARED },                                        \
        CX__RULES_FUSED(".experts", ".experts.switch_glu"), CX__RULES_ANY

static const cx__rename gemma4_text_renames[] = { GEMMA4, CX__RULES_END };
static const cx__rename gemma4_renames[] = { CX__RULES_TOWERS, CX__RULES_TEXT, GEMMA4,
                                             CX__RULES_END };

static const cx__pack_rule gemma4_packs[] = { { "**router.proj", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_gemma4_text = { .name = "gemma4_text",
                                        .renames = gemma4_text_renames,
                                        .packs = gemma4_packs };
const cx__arch cx__arch_gemma4 = { .name = "gemma4",
                                   .renames = gemma4_renames,
                                   .packs = gemma4_packs };

/* ---- llama4, qwen3_vl_moe: experts are stored [experts, in, out] ---- */

#define TURNED(from, to)                                                                           \
    { "**" from ".gate_up_proj", "**" to ".gate_proj.weight", CX__TRANSPOSE | CX__FIRST_HALF },    \
        { "**" from ".gate_up_proj", "**" to ".up_proj.weight", CX__TRANSPOSE | CX__SECOND_HALF }, \
    {                                                                                              \
        "**" from ".down_proj", "**" to ".down_proj.weight", CX__TRANSPOSE                         \
    }

static const cx__rename llama4_renames[] = {
    CX__RULES_TOWERS, CX__RULES_TEXT, TURNED(".feed_forward.experts", ".feed_forward.experts"),
    CX__RULES_ANY,    CX__RULES_END,
};
static const cx__rename qwen3_vl_moe_renames[] = {
    CX__RULES_TOWERS, CX__RULES_TEXT, TURNED(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,    CX__RULES_END,
};

static const cx__pack_rule qwen3_vl_moe_packs[] = { { "**mlp.gate", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_llama4 = { .name = "llama4", .renames = llama4_renames };
const cx__arch cx__arch_qwen3_vl_moe = { .name = "qwen3_vl_moe",
                                         .renames = qwen3_vl_moe_renames,
                                         .packs = qwen3_vl_moe_packs };

/* ---- minimax_m3_vl: dense layers may be under "block_sparse_moe" too ---- */

#define FUSED(owner)                                                                               \
    { "**" owner ".gate_up_proj.*", "**" owner ".gate_proj.*", CX__FIRST_HALF },                   \
    {                                                                                              \
        "**" owner ".gate_up_proj.*", "**" owner ".up_proj.*", CX__SECOND_HALF                     \
    }

static const cx__rename minimax_renames[] = {
    CX__RULES_TOWERS,
    CX__RULES_TEXT,
    CX__RULES_MTP,
    { "**.block_sparse_moe.gate_proj.*", "**.mlp.gate_proj.*", CX__KEEP },
    { "**.block_sparse_moe.up_proj.*", "**.mlp.up_proj.*", CX__KEEP },
    { "**.block_sparse_moe.down_proj.*", "**.mlp.down_proj.*", CX__KEEP },
    FUSED(".switch_mlp"),
    FUSED(".shared_experts"),
    CX__RULES_EXPERTS_W(".block_sparse_moe.experts", ".block_sparse_moe.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule minimax_packs[] = {
    { "**block_sparse_moe.gate", 8, 64 },
    { NULL, 0, 0 },
};
static const char *const minimax_keeps[] = { "**e_score_correction_bias**", NULL };

const cx__arch cx__arch_minimax_m3_vl = { .name = "minimax_m3_vl",
                                          .renames = minimax_renames,
                                          .packs = minimax_packs,
                                          .keeps = minimax_keeps };
