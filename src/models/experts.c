/* Mixtures of experts that can be converted only: MLX stacks the experts of a layer in one tensor.
 * Source of all tables: mlx_lm 0.32.2, models/<model_type>.py (sanitize, quant_predicate,
 * cast_predicate); tested against it by tests/oracle/oracle_archs.py. */
#include "models/arch.h"

/* Routers that are no nn.Linear are never packed. */
static const cx__pack_rule raw_gate[] = { { "**.mlp.gate", 0, 0 }, { NULL, 0, 0 } };
static const cx__pack_rule gate_8[] = { { "**mlp.gate", 8, 64 }, { NULL, 0, 0 } };
static const cx__pack_rule gate_proj_8[] = { { "**mlp.gate.gate_proj", 8, 64 }, { NULL, 0, 0 } };
static const char *const score_bias[] = { "**e_score_correction_bias**", NULL };
static const char *const expert_bias[] = { "**expert_bias**", NULL };

static const cx__rename switch_renames[] = {
    CX__RULES_MTP,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};
static const cx__rename plain_renames[] = {
    CX__RULES_MTP,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.experts"),
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_deepseek = { .name = "deepseek",
                                     .renames = switch_renames,
                                     .packs = raw_gate };
const cx__arch cx__arch_dots1 = { .name = "dots1", .renames = plain_renames, .packs = raw_gate };
const cx__arch cx__arch_glm4_moe = {
    .name = "glm4_moe", .renames = switch_renames, .packs = raw_gate, .keeps = score_bias
};
const cx__arch cx__arch_klear = {
    .name = "Klear", .renames = plain_renames, .packs = gate_8, .keeps = expert_bias
};
const cx__arch cx__arch_mimo_v2_flash = {
    .name = "mimo_v2_flash", .renames = switch_renames, .packs = raw_gate, .keeps = score_bias
};
const cx__arch cx__arch_qwen2_moe = { .name = "qwen2_moe", .renames = switch_renames };
const cx__arch cx__arch_mellum = { .name = "mellum", .renames = switch_renames, .packs = gate_8 };

/* ---- afmoe ---- */

static const cx__pack_rule afmoe_packs[] = { { "**router.gate**", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_afmoe = {
    .name = "afmoe", .renames = plain_renames, .packs = afmoe_packs, .keeps = expert_bias
};

/* ---- bailing_moe, bailing_moe_linear: with norm_head MLX stores columns of unit length ---- */

static const cx__rename bailing_renames[] = {
    CX__RULES_MTP,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    { "**.mlp.gate.weight", "**.mlp.gate.gate_proj.weight", CX__KEEP },
    { "**.mlp.gate.bias", "**.mlp.gate.gate_proj.bias", CX__KEEP },
    { "lm_head.weight", NULL, CX__REFUSE | CX__IF_NORM_HEAD },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_bailing_moe = {
    .name = "bailing_moe", .renames = bailing_renames, .packs = gate_proj_8, .keeps = expert_bias
};

/* ---- dbrx: the experts of a layer lie in one matrix, MLX has a matrix for each ---- */

static const cx__rename dbrx_renames[] = {
    { "**.experts.mlp.w1", "**.experts.#.w1.weight", CX__PER_EXPERT },
    { "**.experts.mlp.v1", "**.experts.#.v1.weight", CX__PER_EXPERT },
    { "**.experts.mlp.w2", "**.experts.#.w2.weight", CX__PER_EXPERT | CX__TRANSPOSE },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_dbrx = { .name = "dbrx", .renames = dbrx_renames };

/* ---- ernie4_5_moe ---- */

static const cx__rename ernie_renames[] = {
    { "**mtp_block.**", NULL, CX__DROP },
    { "**mtp_linear_proj.**", NULL, CX__DROP },
    { "**mtp_hidden_norm.**", NULL, CX__DROP },
    { "**mtp_emb_norm.**", NULL, CX__DROP },
    { "**e_score_correction_bias**", NULL, CX__DROP },
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_ernie4_5_moe = { .name = "ernie4_5_moe", .renames = ernie_renames };

/* ---- exaone_moe ---- */

static const cx__rename exaone_renames[] = {
    CX__RULES_MTP,
    { "**.mlp.e_score_correction_bias", "**.mlp.gate.e_score_correction_bias", CX__KEEP },
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_exaone_moe = {
    .name = "exaone_moe", .renames = exaone_renames, .packs = raw_gate, .keeps = score_bias
};

/* ---- gpt_oss: gates and ups alternate. Packed (MXFP4) they are [experts, 2 hidden, dim], else
 * [experts, dim, 2 hidden], a layout that mlx_lm 0.32.2 does not read. ---- */

static const cx__rename gpt_oss_renames[] = {
    { "**.gate_up_proj.weight", "**.gate_proj.weight", CX__EVEN },
    { "**.gate_up_proj.weight", "**.up_proj.weight", CX__ODD },
    { "**.gate_up_proj", "**.gate_proj.weight", CX__TRANSPOSE | CX__EVEN },
    { "**.gate_up_proj", "**.up_proj.weight", CX__TRANSPOSE | CX__ODD },
    { "**.gate_up_proj_bias", "**.gate_proj.bias", CX__EVEN | CX__LAST_AXIS },
    { "**.gate_up_proj_bias", "**.up_proj.bias", CX__ODD | CX__LAST_AXIS },
    { "**.experts.down_proj", "**.experts.down_proj.weight", CX__TRANSPOSE },
    { "**.experts.down_proj_bias", "**.experts.down_proj.bias", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule gpt_oss_packs[] = { { "**router", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_gpt_oss = { .name = "gpt_oss",
                                    .renames = gpt_oss_renames,
                                    .packs = gpt_oss_packs };

/* ---- granitemoe ---- */

static const cx__rename granite_renames[] = {
    CX__RULES_GRANITE_EXPERTS,
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule granite_packs[] = {
    { "**block_sparse_moe.router.layer", 8, 64 },
    { "**self_attn.o_proj", 8, 64 },
    { "**mlp.down_proj", 8, 64 },
    { "lm_head", 8, 64 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_granitemoe = { .name = "granitemoe",
                                       .renames = granite_renames,
                                       .packs = granite_packs };

/* ---- hunyuan: fused projections, ups before gates ---- */

static const cx__rename hunyuan_renames[] = {
    { "**.qkv_proj.*", "**.q_proj.*", CX__GROUPED_QUERIES },
    { "**.qkv_proj.*", "**.k_proj.*", CX__GROUPED_KEYS },
    { "**.qkv_proj.*", "**.v_proj.*", CX__GROUPED_VALUES },
    { "**.mlp.experts.#.gate_and_up_proj.*", "**.mlp.switch_mlp.up_proj.*", CX__FIRST_HALF },
    { "**.mlp.experts.#.gate_and_up_proj.*", "**.mlp.switch_mlp.gate_proj.*", CX__SECOND_HALF },
    { "**.gate_and_up_proj.*", "**.up_proj.*", CX__FIRST_HALF },
    { "**.gate_and_up_proj.*", "**.gate_proj.*", CX__SECOND_HALF },
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_hunyuan = { .name = "hunyuan", .renames = hunyuan_renames };

/* ---- laguna ---- */

static const cx__rename laguna_renames[] = {
    { "language_model.**", "**", CX__ON },
    { "**.mlp.gate.weight", "**.mlp.gate.proj.weight", CX__KEEP },
    { "**.mlp.experts.e_score_correction_bias", "**.mlp.gate.e_score_correction_bias", CX__KEEP },
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule laguna_packs[] = { { "**mlp.gate.proj", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_laguna = {
    .name = "laguna", .renames = laguna_renames, .packs = laguna_packs, .keeps = score_bias
};

/* ---- minimax ---- */

static const cx__rename sparse_renames[] = {
    CX__RULES_MTP,
    CX__RULES_EXPERTS_W(".block_sparse_moe.experts", ".block_sparse_moe.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule minimax_packs[] = {
    { "**block_sparse_moe.gate", 8, 64 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_minimax = {
    .name = "minimax", .renames = sparse_renames, .packs = minimax_packs, .keeps = score_bias
};

/* ---- mixtral, phimoe ---- */

const cx__arch cx__arch_mixtral = { .name = "mixtral", .renames = sparse_renames };

/* ---- phixtral ---- */

static const cx__rename phixtral_renames[] = {
    { "**.moe.mlp.#.*.*", "**.moe.switch_mlp.*.*", CX__KEEP },
    CX__RULES_END,
};

const cx__arch cx__arch_phixtral = { .name = "phixtral", .renames = phixtral_renames };

/* ---- step3p5: MLX stores norms as 1 + w ---- */

static const cx__rename step_renames[] = {
    CX__RULES_MTP,
    { "**.moe.gate_proj.**", "**.mlp.switch_mlp.gate_proj.**", CX__HF },
    { "**.moe.up_proj.**", "**.mlp.switch_mlp.up_proj.**", CX__HF },
    { "**.moe.down_proj.**", "**.mlp.switch_mlp.down_proj.**", CX__HF },
    { "**.moe.gate.**", "**.mlp.gate.gate.**", CX__HF },
    { "**.moe.router_bias", "**.mlp.gate.router_bias", CX__HF },
    { "**.mlp.share_expert.**", NULL, CX__KEEP },
    { "**.share_expert.**", "**.mlp.share_expert.**", CX__HF },
    { "**norm.weight", NULL, CX__PLUS_ONE_HF },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule step_packs[] = { { "**mlp.gate.gate**", 8, 64 }, { NULL, 0, 0 } };
static const char *const step_keeps[] = { "**router_bias**", NULL };

const cx__arch cx__arch_step3p5 = {
    .name = "step3p5", .renames = step_renames, .packs = step_packs, .keeps = step_keeps
};
