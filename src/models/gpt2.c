/* GPT-2 and its kin (DialoGPT, minGPT): learned positions, LayerNorm with biases, one fused
 * product for queries, keys and values, plain MLP, usually a tied head.
 * Source: transformers GPT2Config, mlx_lm/models/gpt2.py; golden logits in tests/golden/gpt2. */
#include "models/arch.h"
#include <math.h>

typedef struct gpt2_config {
    int64_t dim, layers, heads, hidden, vocabulary, positions;
    double eps;
    const char *act;
    bool scale_attn, scale_by_layer, tied;
} gpt2_config;

static const cx__key keys[] = {
    CX__KEY_INT(gpt2_config, dim, "n_embd", 1, CX__MAX_DIM, CX__REQUIRED),
    CX__KEY_INT(gpt2_config, layers, "n_layer", 1, CX__MAX_LAYERS, CX__REQUIRED),
    CX__KEY_INT(gpt2_config, heads, "n_head", 1, 65536, CX__REQUIRED),
    CX__KEY_INT(gpt2_config, hidden, "n_inner", 1, CX__MAX_DIM, CX__OPTIONAL),
    CX__KEY_INT(gpt2_config, vocabulary, "vocab_size", 1, 16777216, CX__REQUIRED),
    CX__KEY_INT(gpt2_config, positions, "n_positions|n_ctx", 1, CX__MAX_CONTEXT, CX__REQUIRED),
    CX__KEY_FLT(gpt2_config, eps, "layer_norm_epsilon", 0, 1, 1e-5),
    CX__KEY_STR(gpt2_config, act, "activation_function", "gelu_new"),
    CX__KEY_BOOL(gpt2_config, scale_attn, "scale_attn_weights", true),
    CX__KEY_BOOL(gpt2_config, scale_by_layer, "scale_attn_by_inverse_layer_idx", false),
    CX__KEY_BOOL(gpt2_config, tied, "tie_word_embeddings", true),
    CX__KEY_END,
};

/* The hub's names have no prefix, or "transformer."; MLX's have "model.". Conv1D weights are
 * stored [in, out]. Names that begin with "model." are MLX's own and stay as they are. */
#define BLOCK(prefix)                                                                              \
    { prefix "h.*.attn.bias", NULL, CX__DROP }, { prefix "h.*.attn.masked_bias", NULL, CX__DROP }, \
        { prefix "h.*.attn.c_attn.weight", "model.h.*.attn.c_attn.weight", CX__TRANSPOSE },        \
        { prefix "h.*.attn.c_proj.weight", "model.h.*.attn.c_proj.weight", CX__TRANSPOSE },        \
        { prefix "h.*.mlp.c_fc.weight", "model.h.*.mlp.c_fc.weight", CX__TRANSPOSE },              \
        { prefix "h.*.mlp.c_proj.weight", "model.h.*.mlp.c_proj.weight", CX__TRANSPOSE },          \
        { prefix "h.*.*.*.*", "model.h.*.*.*.*", CX__KEEP },                                       \
        { prefix "h.*.*.*", "model.h.*.*.*", CX__KEEP },                                           \
        { prefix "wte.weight", "model.wte.weight", CX__KEEP },                                     \
        { prefix "wpe.weight", "model.wpe.weight", CX__KEEP },                                     \
    {                                                                                              \
        prefix "ln_f.*", "model.ln_f.*", CX__KEEP                                                  \
    }

static const cx__rename renames[] = {
    BLOCK(""),
    BLOCK("transformer."),
    { "lm_head.weight", NULL, CX__DROP_IF_TIED },
    { NULL, NULL, CX__KEEP },
};

static cx_status shape(const void *config, const char *where, cx__model_shape *out)
{
    const gpt2_config *c = config;
    if (c->dim % c->heads)
        return CX_FAIL(CX_ESHAPE, "%s: n_embd %lld is no multiple of n_head %lld", where,
                       (long long)c->dim, (long long)c->heads);
    *out = (cx__model_shape){ .layers = (size_t)c->layers,
                              .heads = (size_t)c->heads,
                              .kv_heads = (size_t)c->heads,
                              .head_dim = (size_t)(c->dim / c->heads),
                              .vocabulary = (size_t)c->vocabulary,
                              .context = (size_t)c->positions };
    return CX_OK;
}

static cx__node *norm(const cx__builder *b, const gpt2_config *c, cx__node *x, const char *path)
{
    const float *w = cx__weight_vector(b->w, (size_t)c->dim, "%s.weight", path);
    const float *bias = cx__weight_vector_if(b->w, (size_t)c->dim, "%s.bias", path);
    return cx__node_layer_norm(b->g, x, w, bias, (float)c->eps);
}

static cx__node *attention(const cx__builder *b, const gpt2_config *c, int i, cx__node *x)
{
    size_t dim = (size_t)c->dim, hd = dim / (size_t)c->heads;
    cx__attend_spec spec = { .layer = (size_t)i,
                             .heads = (size_t)c->heads,
                             .kv_heads = (size_t)c->heads,
                             .dim = hd,
                             .scale = c->scale_attn ? 1 / sqrtf((float)hd) : 1 };
    char path[64];
    const cx__weight *qkv = cx__weight_matrix(b->w, 3 * dim, dim, "model.h.%d.attn.c_attn", i);
    const cx__weight *proj = cx__weight_matrix(b->w, dim, dim, "model.h.%d.attn.c_proj", i);
    if (c->scale_by_layer) spec.scale /= (float)(i + 1);
    snprintf(path, sizeof path, "model.h.%d.ln_1", i);
    x = cx__node_linear(b->g, norm(b, c, x, path), qkv);
    cx__node *q = cx__node_slice(b->g, x, 0, dim);
    cx__node *k = cx__node_slice(b->g, x, dim, dim);
    cx__node *v = cx__node_slice(b->g, x, 2 * dim, dim);
    return cx__node_linear(b->g, cx__node_attend(b->g, q, k, v, &spec), proj);
}

static cx__node *mlp(const cx__builder *b, const gpt2_config *c, cx__act act, int i, cx__node *x)
{
    size_t dim = (size_t)c->dim, hidden = c->hidden ? (size_t)c->hidden : 4 * dim;
    char path[64];
    const cx__weight *fc = cx__weight_matrix(b->w, hidden, dim, "model.h.%d.mlp.c_fc", i);
    const cx__weight *proj = cx__weight_matrix(b->w, dim, hidden, "model.h.%d.mlp.c_proj", i);
    snprintf(path, sizeof path, "model.h.%d.ln_2", i);
    x = cx__node_activate(b->g, cx__node_linear(b->g, norm(b, c, x, path), fc), act);
    return cx__node_linear(b->g, x, proj);
}

static cx__node *forward(const cx__builder *b, const void *config)
{
    const gpt2_config *c = config;
    size_t dim = (size_t)c->dim;
    const cx__weight *wte = cx__weight_matrix(b->w, (size_t)c->vocabulary, dim, "model.wte");
    const cx__weight *wpe = cx__weight_matrix(b->w, (size_t)c->positions, dim, "model.wpe");
    cx__act act = CX__ACT_NONE;
    cx__node *token = cx__node_embed(b->g, wte), *position = cx__node_embed_position(b->g, wpe);
    cx__node *x = cx__node_add(b->g, token, position);
    if (cx__weights_keep(b->w, cx__act_parse(c->act, b->where, &act)) != CX_OK) return NULL;
    for (int i = 0; i < c->layers; i++) {
        x = cx__node_add(b->g, x, attention(b, c, i, x));
        x = cx__node_add(b->g, x, mlp(b, c, act, i, x));
        if (!x) return NULL;
    }
    x = norm(b, c, cx__node_select(b->g, x), "model.ln_f");
    if (!c->tied) wte = cx__weight_matrix(b->w, (size_t)c->vocabulary, dim, "lm_head");
    return cx__node_linear(b->g, x, wte);
}

const cx__arch cx__arch_gpt2 = { .name = "gpt2",
                                 .keys = keys,
                                 .size = sizeof(gpt2_config),
                                 .renames = renames,
                                 .shape = shape,
                                 .forward = forward };
