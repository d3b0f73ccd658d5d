/* Dense transformers that can be converted only, and how MLX names their tensors. Source of all
 * tables: mlx_lm 0.32.2, models/<model_type>.py (sanitize, quant_predicate, cast_predicate); tested
 * against it by tests/oracle/oracle_archs.py. */
#include "models/arch.h"

/* ---- dense: names as they are (gemma2, olmo2, ... : see models.def) ---- */

static const cx__rename dense_renames[] = {
    CX__RULES_MTP,
    CX__RULES_ANY,
    CX__RULES_END,
};

/* cohere's norms of queries and keys are matrices [heads, head_dim]. */
static const cx__pack_rule dense_packs[] = { { "**_norm", 0, 0 }, { NULL, 0, 0 } };

const cx__arch cx__arch_dense = { .name = "dense", .renames = dense_renames, .packs = dense_packs };

/* ---- apertus: parameters of the activation are stored as [1] or [1, 1], MLX has scalars ---- */

static const cx__rename apertus_renames[] = {
    { "**alpha_p", NULL, CX__SCALAR },
    { "**alpha_n", NULL, CX__SCALAR },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_apertus = { .name = "apertus", .renames = apertus_renames };

/* ---- baichuan_m1: MLX stores the rows of the head divided by their length ---- */

static const cx__rename baichuan_renames[] = {
    { "lm_head.weight", NULL, CX__REFUSE },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_baichuan_m1 = { .name = "baichuan_m1", .renames = baichuan_renames };

/* ---- gpt_neox: names under "model.", layers are "h", masks are dropped ---- */

static const cx__rename neox_renames[] = {
    { "**.attention.bias", NULL, CX__DROP }, { "**.attention.masked_bias", NULL, CX__DROP },
    { "**inv_freq", NULL, CX__DROP },        { "gpt_neox.layers.**", "model.h.**", CX__KEEP },
    { "gpt_neox.**", "model.**", CX__KEEP }, { "model.**", NULL, CX__KEEP },
    { "**", "model.**", CX__KEEP },          CX__RULES_END,
};

const cx__arch cx__arch_gpt_neox = { .name = "gpt_neox", .renames = neox_renames };

/* ---- gptj ---- */

static const cx__rename gptj_renames[] = {
    { "transformer.h.*.attn.masked_bias", NULL, CX__DROP },
    { "transformer.h.*.attn.bias", NULL, CX__DROP },
    { "transformer.**", "model.**", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_gptj = { .name = "gptj", .renames = gptj_renames };

/* ---- granite: small values, kept at 8 bits where modes with coarse scales would lose them ---- */

static const cx__rename granite_renames[] = { CX__RULES_ANY, CX__RULES_END };

static const cx__pack_rule granite_packs[] = {
    { "**self_attn.o_proj", 8, 64 },
    { "**mlp.down_proj", 8, 64 },
    { "lm_head", 8, 64 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_granite = { .name = "granite",
                                    .renames = granite_renames,
                                    .packs = granite_packs };

/* ---- iquestloopcoder: gates [heads, head_dim] of the loop are no matrices to MLX ---- */

static const cx__rename loop_renames[] = { CX__RULES_ANY, CX__RULES_END };

static const cx__pack_rule loop_packs[] = {
    { "model.gate_projections.*", 0, 0 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_iquestloopcoder = { .name = "iquestloopcoder",
                                            .renames = loop_renames,
                                            .packs = loop_packs };

/* ---- minicpm: a tied head is written out ---- */

static const cx__rename minicpm_renames[] = {
    { "model.embed_tokens.weight", NULL, CX__KEEP },
    { "model.embed_tokens.weight", "lm_head.weight", CX__IF_HEADLESS },
    { "**inv_freq", NULL, CX__DROP },
    CX__RULES_END,
};

const cx__arch cx__arch_minicpm = { .name = "minicpm", .renames = minicpm_renames };

/* ---- muse_glimmer: the text model of a checkpoint with images, without its prefix ---- */

static const cx__rename glimmer_renames[] = {
    { "vision_tower**", NULL, CX__DROP },
    { "vision_adapter**", NULL, CX__DROP },
    { "vision_projection**", NULL, CX__DROP },
    { "language_model.model.**", "model.**", CX__ON },
    { "language_model.lm_head.**", "lm_head.**", CX__ON },
    { "model.language_model.**", "model.**", CX__ON },
    CX__RULES_ANY,
    CX__RULES_END,
};

const cx__arch cx__arch_muse_glimmer = { .name = "muse_glimmer", .renames = glimmer_renames };

/* ---- muse_spark, prism_hadamard_qwen35: tables cannot say what MLX does with their values ---- */

static const cx__rename spark_renames[] = {
    { "**", NULL, CX__REFUSE },
    CX__RULES_END,
};

const cx__arch cx__arch_muse_spark = { .name = "muse_spark", .renames = spark_renames };

/* ---- spark2_5 ---- */

static const cx__rename spark25_renames[] = {
    { "model.embed_tokens.weight", "model.embedding.weight", CX__KEEP },
    CX__RULES_ANY,
    CX__RULES_END,
};

static const cx__pack_rule spark25_packs[] = {
    { "**self_attn.g_proj", 0, 0 },
    { NULL, 0, 0 },
};

const cx__arch cx__arch_spark2_5 = { .name = "spark2_5",
                                     .renames = spark25_renames,
                                     .packs = spark25_packs };

/* ---- talkie ---- */

static const cx__rename talkie_renames[] = {
    { "**rotary**", NULL, CX__DROP },
    { "**cos", NULL, CX__DROP },
    { "**sin", NULL, CX__DROP },
    CX__RULES_END,
};

const cx__arch cx__arch_talkie = { .name = "talkie", .renames = talkie_renames };
