/* Llama and what has its shape (Mistral 7B, TinyLlama, SmolLM, Qwen2, ...): RMSNorm, grouped-query
 * attention with rotary positions, SwiGLU, tied or separate head, optional biases. Qwen3 norms each
 * head of queries and keys; in Qwen3-MoE most MLPs are mixtures of experts.
 * Source: transformers LlamaConfig, mlx_lm/models/{llama,qwen2,qwen3,qwen3_moe}.py; golden logits
 * in tests/golden/models. */
#include "models/arch.h"
#include <math.h>
#include <string.h>

typedef struct llama_config {
    int64_t dim, layers, hidden, heads, kv_heads, head_dim, vocabulary, context, window;
    int64_t experts, top_k, expert_hidden, sparse_step; /* experts 0: all MLPs are dense */
    double eps, theta;                                  /* theta 0: not said */
    bool interleaved, tied, windowed, normalize;
    const char *type, *act;
} llama_config;

static const cx__key keys[] = {
    CX__KEY_INT(llama_config, dim, "hidden_size", 1, CX__MAX_DIM, CX__REQUIRED),
    CX__KEY_INT(llama_config, layers, "num_hidden_layers", 1, CX__MAX_LAYERS, CX__REQUIRED),
    CX__KEY_INT(llama_config, hidden, "intermediate_size", 1, CX__MAX_DIM, CX__REQUIRED),
    CX__KEY_INT(llama_config, heads, "num_attention_heads", 1, 65536, CX__REQUIRED),
    CX__KEY_INT(llama_config, kv_heads, "num_key_value_heads", 1, 65536, CX__OPTIONAL),
    CX__KEY_INT(llama_config, head_dim, "head_dim", 1, 65536, CX__OPTIONAL),
    CX__KEY_INT(llama_config, vocabulary, "vocab_size", 1, 16777216, CX__REQUIRED),
    CX__KEY_INT(llama_config, context, "max_position_embeddings", 1, CX__MAX_CONTEXT, CX__OPTIONAL),
    CX__KEY_INT(llama_config, window, "sliding_window", 1, CX__MAX_CONTEXT, CX__OPTIONAL),
    CX__KEY_INT(llama_config, experts, "num_experts", 0, 65536, CX__OPTIONAL),
    CX__KEY_INT(llama_config, top_k, "num_experts_per_tok", 1, 65536, CX__OPTIONAL),
    CX__KEY_INT(llama_config, expert_hidden, "moe_intermediate_size", 1, CX__MAX_DIM, CX__OPTIONAL),
    CX__KEY_INT(llama_config, sparse_step, "decoder_sparse_step", 1, CX__MAX_LAYERS, 1),
    CX__KEY_BOOL(llama_config, normalize, "norm_topk_prob", false),
    CX__KEY_FLT(llama_config, eps, "rms_norm_eps", 0, 1, CX__REQUIRED),
    CX__KEY_FLT(llama_config, theta, "rope_theta", 1e-3, 1e15, CX__OPTIONAL),
    CX__KEY_BOOL(llama_config, interleaved, "rope_traditional", false),
    CX__KEY_BOOL(llama_config, tied, "tie_word_embeddings", true),
    CX__KEY_BOOL(llama_config, windowed, "use_sliding_window", true),
    CX__KEY_STR(llama_config, type, "model_type", "llama"),
    CX__KEY_STR(llama_config, act, "hidden_act", "silu"),
    CX__KEY_END,
};

static size_t head_dim(const llama_config *c)
{
    return (size_t)(c->head_dim ? c->head_dim : c->dim / c->heads);
}

static size_t kv_heads(const llama_config *c)
{
    return (size_t)(c->kv_heads ? c->kv_heads : c->heads);
}

/* mlx_lm's defaults. */
static double theta(const llama_config *c)
{
    return c->theta > 0 ? c->theta : !strcmp(c->type, "qwen2") ? 1e6 : 1e4;
}

static bool has_experts(const llama_config *c)
{
    return c->experts && !strcmp(c->type, "qwen3_moe");
}

static cx_status shape(const void *config, const char *where, cx__model_shape *out)
{
    const llama_config *c = config;
    if (!c->head_dim && c->dim % c->heads)
        return CX_FAIL(CX_ESHAPE, "%s: hidden_size %lld is no multiple of num_attention_heads %lld",
                       where, (long long)c->dim, (long long)c->heads);
    if ((size_t)c->heads % kv_heads(c))
        return CX_FAIL(CX_ESHAPE,
                       "%s: num_attention_heads %lld is no multiple of "
                       "num_key_value_heads %zu",
                       where, (long long)c->heads, kv_heads(c));
    if (has_experts(c) && (!c->expert_hidden || !c->top_k || c->top_k > c->experts))
        return CX_FAIL(CX_EFORMAT,
                       "%s: num_experts_per_tok %lld of num_experts %lld, moe_intermediate_size "
                       "%lld",
                       where, (long long)c->top_k, (long long)c->experts,
                       (long long)c->expert_hidden);
    if (c->windowed && c->window && c->context && c->window < c->context)
        cx__log(CX_LOG_WARN, "%s: sliding_window %lld is not applied", where, (long long)c->window);
    *out = (cx__model_shape){ .layers = (size_t)c->layers,
                              .heads = (size_t)c->heads,
                              .kv_heads = kv_heads(c),
                              .head_dim = head_dim(c),
                              .vocabulary = (size_t)c->vocabulary,
                              .context = (size_t)c->context };
    return CX_OK;
}

static cx__node *attention(const cx__builder *b, const llama_config *c, const cx__rope_spec *rope,
                           int i, cx__node *h)
{
    size_t hd = head_dim(c), dim = (size_t)c->dim, qn = (size_t)c->heads * hd;
    size_t kn = kv_heads(c) * hd;
    cx__attend_spec spec = { .layer = (size_t)i,
                             .heads = (size_t)c->heads,
                             .kv_heads = kv_heads(c),
                             .dim = hd,
                             .scale = 1 / sqrtf((float)hd),
                             .rope = rope,
                             .eps = (float)c->eps };
    const cx__weight *q = cx__weight_matrix(b->w, qn, dim, "model.layers.%d.self_attn.q_proj", i);
    const cx__weight *k = cx__weight_matrix(b->w, kn, dim, "model.layers.%d.self_attn.k_proj", i);
    const cx__weight *v = cx__weight_matrix(b->w, kn, dim, "model.layers.%d.self_attn.v_proj", i);
    const cx__weight *o = cx__weight_matrix(b->w, dim, qn, "model.layers.%d.self_attn.o_proj", i);
    if (!strncmp(c->type, "qwen3", 5)) {
        spec.q_norm = cx__weight_vector(b->w, hd, "model.layers.%d.self_attn.q_norm.weight", i);
        spec.k_norm = cx__weight_vector(b->w, hd, "model.layers.%d.self_attn.k_norm.weight", i);
    }
    cx__node *qx = cx__node_linear(b->g, h, q);
    cx__node *kx = cx__node_linear(b->g, h, k);
    cx__node *vx = cx__node_linear(b->g, h, v);
    return cx__node_linear(b->g, cx__node_attend(b->g, qx, kx, vx, &spec), o);
}

static cx__node *mlp(const cx__builder *b, const llama_config *c, cx__act act, int i, cx__node *h)
{
    size_t dim = (size_t)c->dim, hidden = (size_t)c->hidden;
    const cx__weight *gate = cx__weight_matrix(b->w, hidden, dim, "model.layers.%d.mlp.gate_proj",
                                               i);
    const cx__weight *up = cx__weight_matrix(b->w, hidden, dim, "model.layers.%d.mlp.up_proj", i);
    const cx__weight *down = cx__weight_matrix(b->w, dim, hidden, "model.layers.%d.mlp.down_proj",
                                               i);
    cx__node *gated = cx__node_activate(b->g, cx__node_linear(b->g, h, gate), act);
    h = cx__node_mul(b->g, gated, cx__node_linear(b->g, h, up));
    return cx__node_linear(b->g, h, down);
}

/* Whether the MLP of layer i is a mixture of experts. */
static bool is_sparse(const cx__builder *b, const llama_config *c, int i)
{
    const json_t *dense = json_object_get(b->config, "mlp_only_layers");
    if (!has_experts(c) || (i + 1) % c->sparse_step) return false;
    for (size_t j = 0; j < json_array_size(dense); j++)
        if (json_integer_value(json_array_get(dense, j)) == i &&
            json_is_integer(json_array_get(dense, j)))
            return false;
    return true;
}

static cx__node *mixture(const cx__builder *b, const llama_config *c, cx__act act, int i,
                         cx__node *h)
{
    size_t dim = (size_t)c->dim, hidden = (size_t)c->expert_hidden, n = (size_t)c->experts;
    const cx__weight *router = cx__weight_matrix(b->w, n, dim, "model.layers.%d.mlp.gate", i);
    const cx__experts_spec spec = {
        .count = n,
        .top_k = (size_t)c->top_k,
        .normalize = c->normalize,
        .act = act,
        .gate = cx__weight_experts(b->w, n, hidden, dim, "model.layers.%d.mlp.switch_mlp.gate_proj",
                                   i),
        .up = cx__weight_experts(b->w, n, hidden, dim, "model.layers.%d.mlp.switch_mlp.up_proj", i),
        .down = cx__weight_experts(b->w, n, dim, hidden, "model.layers.%d.mlp.switch_mlp.down_proj",
                                   i),
    };
    return cx__node_experts(b->g, h, cx__node_linear(b->g, h, router), &spec);
}

static cx__node *norm(const cx__builder *b, const llama_config *c, cx__node *x, const float *w)
{
    return cx__node_rms_norm(b->g, x, w, (float)c->eps);
}

static cx__node *forward(const cx__builder *b, const void *config)
{
    const llama_config *c = config;
    size_t dim = (size_t)c->dim, vocabulary = (size_t)c->vocabulary;
    const cx__weight *embed = cx__weight_matrix(b->w, vocabulary, dim, "model.embed_tokens");
    const cx__rope_spec *rope = cx__rope(b, head_dim(c), theta(c), c->interleaved);
    cx__act act = CX__ACT_NONE;
    cx__node *x = cx__node_embed(b->g, embed);
    if (!rope || cx__weights_keep(b->w, cx__act_parse(c->act, b->where, &act)) != CX_OK)
        return NULL;
    for (int i = 0; i < c->layers; i++) {
        const float *before = cx__weight_vector(b->w, dim, "model.layers.%d.input_layernorm.weight",
                                                i);
        const float *after = cx__weight_vector(
            b->w, dim, "model.layers.%d.post_attention_layernorm.weight", i);
        x = cx__node_add(b->g, x, attention(b, c, rope, i, norm(b, c, x, before)));
        cx__node *h = norm(b, c, x, after);
        x = cx__node_add(b->g, x,
                         is_sparse(b, c, i) ? mixture(b, c, act, i, h) : mlp(b, c, act, i, h));
        if (!x) return NULL;
    }
    x = norm(b, c, cx__node_select(b->g, x), cx__weight_vector(b->w, dim, "model.norm.weight"));
    if (!c->tied || cx__weights_has(b->w, "lm_head.weight")) /* tied: dropped when opened */
        embed = cx__weight_matrix(b->w, vocabulary, dim, "lm_head");
    return cx__node_linear(b->g, x, embed);
}

const cx__arch cx__arch_llama = {
    .name = "llama", .keys = keys, .size = sizeof(llama_config), .shape = shape, .forward = forward
};

/* The experts of a layer are stacked, its router keeps 8 bits. */
static const cx__rename moe_renames[] = {
    CX__RULES_MTP,
    CX__RULES_EXPERTS(".mlp.experts", ".mlp.switch_mlp"),
    CX__RULES_ANY,
    CX__RULES_END,
};
static const cx__pack_rule moe_packs[] = { { "**mlp.gate", 8, 64 }, { NULL, 0, 0 } };

const cx__arch cx__arch_qwen3_moe = { .name = "qwen3_moe",
                                      .keys = keys,
                                      .size = sizeof(llama_config),
                                      .renames = moe_renames,
                                      .shape = shape,
                                      .forward = forward,
                                      .packs = moe_packs };
