/* What an architecture file fills in, and what it builds with. Own folder only. */
#ifndef CX_MODELS_ARCH_H
#define CX_MODELS_ARCH_H

#include "models/models.h"
#include <cortex/file.h>

/* One key of config.json. `names`: alternatives separated by '|', the first found is taken. */
typedef struct cx__key {
    const char *names;
    enum { CX__KEY_INT_, CX__KEY_FLT_, CX__KEY_BOOL_, CX__KEY_STR_ } kind;
    size_t offset;
    double lo, hi, def; /* def NAN: required */
    const char *def_str;
} cx__key;

#define CX__REQUIRED NAN
#define CX__OPTIONAL 0
#define CX__KEY_INT(type, field, names, lo, hi, def)                                               \
    {                                                                                              \
        names, CX__KEY_INT_, offsetof(type, field), lo, hi, def, NULL                              \
    }
#define CX__KEY_FLT(type, field, names, lo, hi, def)                                               \
    {                                                                                              \
        names, CX__KEY_FLT_, offsetof(type, field), lo, hi, def, NULL                              \
    }
#define CX__KEY_BOOL(type, field, names, def)                                                      \
    {                                                                                              \
        names, CX__KEY_BOOL_, offsetof(type, field), 0, 1, def, NULL                               \
    }
#define CX__KEY_STR(type, field, names, def)                                                       \
    {                                                                                              \
        names, CX__KEY_STR_, offsetof(type, field), 0, 0, 0, def                                   \
    }
#define CX__KEY_END                                                                                \
    {                                                                                              \
        NULL, CX__KEY_INT_, 0, 0, 0, 0, NULL                                                       \
    }
/* Fields are int64_t (INT), double (FLT), bool (BOOL), const char * (STR, borrowed from json). */
cx_status cx__keys_read(const cx__key *keys, const json_t *config, const char *where, void *out);

/* Limits that real models stay far below and that keep every later product in range. */
#define CX__MAX_DIM 1048576.0
#define CX__MAX_LAYERS 4096.0
#define CX__MAX_CONTEXT 1073741824.0

typedef struct cx__weights cx__weights;
typedef struct cx__builder {
    cx__graph *g;
    cx__weights *w;
    const json_t *config;
    const char *where; /* path of config.json, for sentences */
} cx__builder;

struct cx__arch {
    const char *name;
    const cx__key *keys;
    size_t size; /* of the struct that keys fill */
    const cx__rename *renames;
    /* Checks what keys cannot (heads divide, ...) and fills the common sizes. */
    cx_status (*shape)(const void *config, const char *where, cx__model_shape *out);
    /* Builds the graph; returns the logits of the selected rows, NULL after a failure. An
     * architecture that can only be converted has neither of these two, nor keys. */
    cx__node *(*forward)(const cx__builder *b, const void *config);
    const cx__pack_rule *packs; /* NULL-pattern terminated; NULL: all modules alike */
    const char *const *keeps;   /* NULL-terminated patterns of names that are never cast; NULL */
};

/* ---- Rules that many architectures share (data, for tables of cx__rename) -------------------- */

#define CX__RULES_END                                                                              \
    {                                                                                              \
        NULL, NULL, CX__KEEP                                                                       \
    }
/* Whatever the architecture: tables of rotations, and a head that is the embedding. */
#define CX__RULES_ANY                                                                              \
    { "**inv_freq", NULL, CX__DROP },                                                              \
    {                                                                                              \
        "**lm_head.weight", NULL, CX__DROP_IF_TIED                                                 \
    }
/* Layers that predict further tokens, which mlx-lm leaves out. */
#define CX__RULES_MTP                                                                              \
    { "**layers.**", NULL, CX__DROP_EXTRA }, { "mtp**", NULL, CX__DROP },                          \
    {                                                                                              \
        "**.mtp**", NULL, CX__DROP                                                                 \
    }
/* Experts one by one under `from` become stacks under `to`. */
#define CX__RULES_EXPERTS(from, to)                                                                \
    {                                                                                              \
        "**" from ".#.*_proj.*", "**" to ".*_proj.*", CX__KEEP                                     \
    }
#define CX__RULES_EXPERTS_W(from, to)                                                              \
    { "**" from ".#.w1.*", "**" to ".gate_proj.*", CX__KEEP },                                     \
        { "**" from ".#.w2.*", "**" to ".down_proj.*", CX__KEEP },                                 \
    {                                                                                              \
        "**" from ".#.w3.*", "**" to ".up_proj.*", CX__KEEP                                        \
    }
/* Experts of all gates and ups in one tensor [experts, 2 hidden, dim]. */
#define CX__RULES_FUSED(from, to)                                                                  \
    { "**" from ".gate_up_proj", "**" to ".gate_proj.weight", CX__FIRST_HALF },                    \
        { "**" from ".gate_up_proj", "**" to ".up_proj.weight", CX__SECOND_HALF },                 \
    {                                                                                              \
        "**" from ".down_proj", "**" to ".down_proj.weight", CX__KEEP                              \
    }
/* Granite's: the same under other names. */
#define CX__RULES_GRANITE_EXPERTS                                                                  \
    { "**.block_sparse_moe.input_linear.weight",                                                   \
      "**.block_sparse_moe.switch_mlp.gate_proj.weight", CX__FIRST_HALF },                         \
        { "**.block_sparse_moe.input_linear.weight",                                               \
          "**.block_sparse_moe.switch_mlp.up_proj.weight", CX__SECOND_HALF },                      \
    {                                                                                              \
        "**.block_sparse_moe.output_linear.weight",                                                \
            "**.block_sparse_moe.switch_mlp.down_proj.weight", CX__KEEP                            \
    }
/* Latent attention in the absorbed form. */
#define CX__RULES_LATENT                                                                           \
    { "**.kv_b_proj.weight", "**.embed_q.weight", CX__LATENT_KEYS },                               \
    {                                                                                              \
        "**.kv_b_proj.weight", "**.unembed_out.weight", CX__LATENT_VALUES                          \
    }
/* Text models inside of models that see and hear: those parts are left out, the rest is under
 * "language_model.", whichever order of the two prefixes the checkpoint has. */
#define CX__RULES_TOWERS                                                                           \
    { "**vision_tower.**", NULL, CX__DROP }, { "**vision_model.**", NULL, CX__DROP },              \
        { "**vision_embedder**", NULL, CX__DROP }, { "**visual.**", NULL, CX__DROP },              \
        { "**audio_tower.**", NULL, CX__DROP }, { "**embed_vision.**", NULL, CX__DROP },           \
        { "**embed_audio.**", NULL, CX__DROP }, { "**mm_projector.**", NULL, CX__DROP },           \
        { "**multi_modal_projector.**", NULL, CX__DROP },                                          \
    {                                                                                              \
        "patch_merge_mlp.**", NULL, CX__DROP                                                       \
    }
#define CX__RULES_TEXT                                                                             \
    { "model.language_model.**", "language_model.model.**", CX__ON },                              \
        { "model.**", "language_model.model.**", CX__ON },                                         \
    {                                                                                              \
        "lm_head.**", "language_model.lm_head.**", CX__ON                                          \
    }

/* ---- Weights (weights.c): tensors under MLX's names. All live as long as the model. --------- */
cx_status cx__weights_new(const cx_tensors *tensors, const cx__rename *rules, const json_t *config,
                          const char *where, bool tied, cx__weights **out);
void cx__weights_free(cx__weights *w);
/* Memory that lives as long as the weights; NULL after a failure, which the builder keeps. */
void *cx__weights_alloc(cx__weights *w, size_t size);
/* Keeps the first failure of building (a lookup below, a config rule); returns `status`. */
cx_status cx__weights_keep(cx__weights *w, cx_status status);
/* That failure with its sentence again, CX_OK if none. */
cx_status cx__weights_status(const cx__weights *w);
bool cx__weights_has(const cx__weights *w, const char *name);
uint64_t cx__weights_parameters(const cx__weights *w, uint64_t *bytes);
/* "affine 4 bits, group 64", "mxfp4, mixed", "several modes, mixed", "none". */
const char *cx__weights_quantization(const cx__weights *w);

/* Matrix `<path>.weight` [rows, cols] with `.scales`, `.biases` and `.bias` when there; path is a
 * format with the layer number. NULL after a failure (kept in w). */
const cx__weight *cx__weight_matrix(cx__weights *w, size_t rows, size_t cols, const char *path, ...)
    CX_PRINTF(4, 5);
/* The same of `experts` matrices in one tensor [experts, rows, cols]: their rows one behind the
 * other, [experts * rows, cols], without biases. */
const cx__weight *cx__weight_experts(cx__weights *w, size_t experts, size_t rows, size_t cols,
                                     const char *path, ...) CX_PRINTF(5, 6);
/* Vector [n] as f32. */
const float *cx__weight_vector(cx__weights *w, size_t n, const char *name, ...) CX_PRINTF(3, 4);
/* Same, but NULL without a failure if there is none. */
const float *cx__weight_vector_if(cx__weights *w, size_t n, const char *name, ...) CX_PRINTF(3, 4);

/* A model whose files are open but whose graph is not built (model.c). Caller cx_model_close()s. */
cx_status cx__model_open_files(const char *folder, cx_model **out);

/* ---- Shared layers (nn.c) ------------------------------------------------------------------- */
/* rope_theta, rope_scaling or rope_parameters of the config; types default, linear, llama3. NULL
 * after a failure (kept in b->w). dim: rotated values of a head. */
const cx__rope_spec *cx__rope(const cx__builder *b, size_t dim, double theta, bool interleaved);
/* By the names that transformers uses ("silu", "gelu_new", ...). CX_EUNSUPPORTED. */
cx_status cx__act_parse(const char *name, const char *where, cx__act *out);

#endif
