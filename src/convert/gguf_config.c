/* config.json out of the metadata of a GGUF file. Keys: gguf-py, constants.py; what llama.cpp
 * computes without a key: its src/models. Tested by tests/unit/test_gguf_convert.c and
 * tests/oracle/oracle_gguf.py. */
#include "convert/gguf_arch.h"
#include <math.h>
#include <stdio.h>

#define MAX_INT INT32_MAX
#define MAX_NUM 1e30

typedef struct maker {
    const cx__gguf *g;
    const gguf_arch *a;
    json_t *config;
    int64_t dim, layers, heads, kv_heads, head_dim, rope_dims, vocabulary;
} maker;

/* Takes `v` (NULL: no memory). */
static cx_status put(const maker *m, json_t *o, const char *key, json_t *v)
{
    if (!json_object_set_new(o, key, v)) return CX_OK;
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its config", cx__gguf_path(m->g));
}

static cx_status set(const maker *m, const char *key, json_t *v)
{
    return put(m, m->config, key, v);
}

static bool has(const maker *m, const char *tensor)
{
    return cx__gguf_find(m->g, tensor) != NULL;
}

static cx_status missing(const maker *m, const char *key)
{
    return CX_FAIL(CX_EFORMAT, "%s: '%s' is missing", cx__gguf_path(m->g), key);
}

static cx_status missing_key(const maker *m, const char *key)
{
    char name[128];
    return missing(m, cx__gguf_key(m->a, key, name));
}

/* The shortest decimal that gives the same float: 1e-05, not 9.999999747378752e-06. */
static double decimal(double v)
{
    char text[32];
    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        double d = strtod(text, NULL);
        if ((float)d == (float)v) return d;
    }
    return v;
}

static cx_status read_num(const maker *m, const char *key, double lo, double *out)
{
    char name[128];
    CX_TRY(cx__gguf_num(m->g, cx__gguf_key(m->a, key, name), lo, MAX_NUM, out));
    *out = decimal(*out);
    return CX_OK;
}

static cx_status copy_key(const maker *m, const gguf_key *k)
{
    char name[128];
    int64_t integer = 0;
    double number = 0;
    bool flag = false;
    if (!cx__gguf_get(m->g, cx__gguf_key(m->a, k->from, name)))
        return k->required ? missing(m, name) : CX_OK;
    if (k->kind == GGUF_INT) {
        CX_TRY(cx__gguf_arch_int(m->g, m->a, k->from, MAX_INT, &integer));
        return set(m, k->to, json_integer(integer));
    }
    if (k->kind == GGUF_NUM) {
        CX_TRY(read_num(m, k->from, 0, &number));
        return set(m, k->to, json_real(number));
    }
    CX_TRY(cx__gguf_bool(m->g, name, &flag));
    return set(m, k->to, json_boolean(flag));
}

static cx_status copy_keys(const maker *m)
{
    for (const gguf_key *k = m->a->keys; k->from; k++) CX_TRY(copy_key(m, k));
    CX_TRY(set(m, "model_type", json_string(m->a->type)));
    return set(m, "architectures", json_pack("[s]", m->a->class));
}

static cx_status read_heads(maker *m)
{
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "embedding_length", MAX_INT, &m->dim));
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "block_count", MAX_INT, &m->layers));
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "attention.head_count", MAX_INT, &m->heads));
    m->kv_heads = m->heads;
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "attention.head_count_kv", MAX_INT, &m->kv_heads));
    m->head_dim = m->dim / m->heads;
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "attention.key_length", MAX_INT, &m->head_dim));
    int64_t value_dim = m->head_dim;
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "attention.value_length", MAX_INT, &value_dim));
    m->rope_dims = m->head_dim;
    CX_TRY(cx__gguf_arch_int(m->g, m->a, "rope.dimension_count", m->head_dim, &m->rope_dims));
    if (m->heads % m->kv_heads || m->head_dim < 1 || value_dim != m->head_dim)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: %lld heads of %lld, %lld of %lld for keys and values: "
                       "expected a multiple, of one size",
                       cx__gguf_path(m->g), (long long)m->heads, (long long)m->head_dim,
                       (long long)m->kv_heads, (long long)value_dim);
    return CX_OK;
}

static cx_status set_heads(maker *m)
{
    bool own_dim = m->a->flags & GGUF_HEAD_DIM, partial = m->a->flags & GGUF_PARTIAL_ROPE;
    CX_TRY(read_heads(m));
    if (!own_dim && m->head_dim * m->heads != m->dim)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: expected %lld heads to be as wide as the model, %lld",
                       cx__gguf_path(m->g), (long long)m->heads, (long long)m->dim);
    if (!partial && m->rope_dims != m->head_dim && !(m->a->flags & GGUF_NO_ROPE))
        return CX_FAIL(CX_EUNSUPPORTED, "%s: rope of %lld of %lld dimensions: expected all",
                       cx__gguf_path(m->g), (long long)m->rope_dims, (long long)m->head_dim);
    if (m->a->flags & GGUF_NO_ROPE) return CX_OK;
    CX_TRY(set(m, "num_key_value_heads", json_integer(m->kv_heads)));
    if (own_dim) CX_TRY(set(m, "head_dim", json_integer(m->head_dim)));
    if (!partial) return CX_OK;
    return set(m, "partial_rotary_factor", json_real((double)m->rope_dims / (double)m->head_dim));
}

/* gemma: attention is scaled by 1 / sqrt(query_pre_attn_scalar), the head's size except in 27B. */
static cx_status set_query_scale(const maker *m)
{
    if (!(m->a->flags & GGUF_QUERY_PRE)) return CX_OK;
    int64_t scalar = m->layers == m->a->wide ? m->dim / m->heads : m->head_dim;
    return set(m, "query_pre_attn_scalar", json_integer(scalar));
}

static cx_status set_biases(const maker *m)
{
    bool query = has(m, "blk.0.attn_q.bias");
    if (!strcmp(m->a->type, "stablelm")) return set(m, "use_qkv_bias", json_boolean(query));
    if (!strcmp(m->a->type, "cohere"))
        return set(m, "use_qk_norm", json_boolean(has(m, "blk.0.attn_q_norm.weight")));
    if (!(m->a->flags & GGUF_BIASES)) return CX_OK;
    CX_TRY(set(m, "attention_bias", json_boolean(query)));
    return set(m, "mlp_bias", json_boolean(has(m, "blk.0.ffn_gate.bias")));
}

/* Elements of an F32 tensor [n] as a list of numbers. */
static cx_status floats(const maker *m, const char *name, int64_t n, const cx__stored **out)
{
    const cx__stored *s = cx__gguf_find(m->g, name);
    char text[128];
    if (!s) return missing(m, name);
    if (s->t.ndim != 1 || s->t.dtype != CX_F32 || s->decode || s->t.shape[0] != n)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected [%lld] F32, found %s", s->path, name,
                       (long long)n, cx__tensor_text(&s->t, text, sizeof text));
    for (size_t i = 0; i < (size_t)n; i++)
        if (!isfinite(cx__tensor_f32(&s->t, i)) || cx__tensor_f32(&s->t, i) <= 0)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected numbers above 0, found %g", s->path,
                           name, (double)cx__tensor_f32(&s->t, i));
    *out = s;
    return CX_OK;
}

static cx_status put_list(const maker *m, json_t *scaling, const char *key, const char *tensor)
{
    const cx__stored *s = NULL;
    json_t *list;
    CX_TRY(floats(m, tensor, m->rope_dims / 2, &s));
    if (!(list = json_array())) return put(m, scaling, key, NULL);
    for (size_t i = 0; i < (size_t)s->t.shape[0]; i++)
        if (json_array_append_new(list, json_real(decimal((double)cx__tensor_f32(&s->t, i)))))
            return json_decref(list), put(m, scaling, key, NULL);
    return put(m, scaling, key, list);
}

/* What llama.cpp's converter makes of rope_type "llama3" with the numbers of all Llama 3.x but the
 * factor: low_freq_factor 1, high_freq_factor 4, original_max_position_embeddings 8192. */
static double llama3_factor(double theta, double factor, int64_t i, int64_t dims)
{
    const double context = 8192, low = 1, high = 4;
    double wave = 2 * acos(-1) * pow(theta, 2 * (double)i / (double)dims);
    if (wave < context / high) return 1;
    if (wave > context / low) return factor;
    double smooth = (context / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
}

/* rope_freqs.weight holds, for each pair, what its frequency is divided by. */
static cx_status set_llama3(const maker *m, double theta, json_t *scaling)
{
    const cx__stored *s = NULL;
    int64_t n = m->rope_dims / 2;
    double factor = 1;
    CX_TRY(floats(m, "rope_freqs.weight", n, &s));
    for (int64_t i = 0; i < n; i++) factor = fmax(factor, (double)cx__tensor_f32(&s->t, (size_t)i));
    for (int64_t i = 0; i < n; i++) {
        double want = llama3_factor(theta, factor, i, m->rope_dims);
        double found = (double)cx__tensor_f32(&s->t, (size_t)i);
        if (fabs(want - found) > 1e-3 * want) /* its authors compute with floats */
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: 'rope_freqs.weight': expected Llama 3's scaling, "
                           "%g at %lld, found %g",
                           s->path, want, (long long)i, found);
    }
    if (factor == 1) return CX_OK; /* scales nothing */
    CX_TRY(put(m, scaling, "rope_type", json_string("llama3")));
    CX_TRY(put(m, scaling, "factor", json_real(decimal(factor))));
    CX_TRY(put(m, scaling, "low_freq_factor", json_real(1)));
    CX_TRY(put(m, scaling, "high_freq_factor", json_real(4)));
    return put(m, scaling, "original_max_position_embeddings", json_integer(8192));
}

static cx_status set_factor(const maker *m, json_t *scaling, const char *type)
{
    double factor = 0;
    CX_TRY(read_num(m, "rope.scale_linear", 1e-6, &factor)); /* in files of 2023 */
    CX_TRY(read_num(m, "rope.scaling.factor", 1e-6, &factor));
    if (factor == 0) return missing_key(m, "rope.scaling.factor");
    CX_TRY(put(m, scaling, "type", json_string(type)));
    CX_TRY(put(m, scaling, "rope_type", json_string(type)));
    return put(m, scaling, "factor", json_real(factor));
}

static cx_status set_yarn(const maker *m, json_t *scaling)
{
    static const char *const foreign[] = { "rope.scaling.yarn_ext_factor",
                                           "rope.scaling.yarn_attn_factor",
                                           "rope.scaling.attn_factor",
                                           "rope.scaling.yarn_log_multiplier" };
    char name[128];
    int64_t context = 0;
    double fast = 32, slow = 1;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (cx__gguf_get(m->g, cx__gguf_key(m->a, foreign[i], name)))
            return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': a config has no word for it",
                           cx__gguf_path(m->g), name);
    CX_TRY(set_factor(m, scaling, "yarn"));
    CX_TRY(
        cx__gguf_arch_int(m->g, m->a, "rope.scaling.original_context_length", MAX_INT, &context));
    if (!context) return missing_key(m, "rope.scaling.original_context_length");
    CX_TRY(read_num(m, "rope.scaling.yarn_beta_fast", 0, &fast));
    CX_TRY(read_num(m, "rope.scaling.yarn_beta_slow", 0, &slow));
    CX_TRY(put(m, scaling, "beta_fast", json_real(fast)));
    CX_TRY(put(m, scaling, "beta_slow", json_real(slow)));
    return put(m, scaling, "original_max_position_embeddings", json_integer(context));
}

static cx_status set_longrope(const maker *m, json_t *scaling)
{
    CX_TRY(put(m, scaling, "type", json_string("longrope")));
    CX_TRY(put(m, scaling, "rope_type", json_string("longrope")));
    CX_TRY(put_list(m, scaling, "long_factor", "rope_factors_long.weight"));
    return put_list(m, scaling, "short_factor", "rope_factors_short.weight");
}

static cx_status fill_scaling(const maker *m, double theta, json_t *scaling)
{
    char key[128], factor[128];
    const char *type = "none";
    size_t len = 4;
    bool linear = cx__gguf_get(m->g, cx__gguf_key(m->a, "rope.scale_linear", factor)) ||
                  cx__gguf_get(m->g, cx__gguf_key(m->a, "rope.scaling.factor", factor));
    if (linear) type = "linear", len = 6; /* llama.cpp's default */
    CX_TRY(cx__gguf_str(m->g, cx__gguf_key(m->a, "rope.scaling.type", key), &type, &len));
    if (has(m, "rope_factors_long.weight")) return set_longrope(m, scaling);
    if (has(m, "rope_freqs.weight")) return set_llama3(m, theta, scaling);
    if (len == 4 && !memcmp(type, "none", 4)) return CX_OK;
    if (len == 4 && !memcmp(type, "yarn", 4)) return set_yarn(m, scaling);
    if (len == 6 && !memcmp(type, "linear", 6)) return set_factor(m, scaling, "linear");
    return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': expected none, linear or yarn, found '%.*s'",
                   cx__gguf_path(m->g), key, (int)(len < 32 ? len : 32), type);
}

static cx_status set_rope(const maker *m)
{
    double theta = 10000;
    if (m->a->flags & GGUF_NO_ROPE) return CX_OK;
    CX_TRY(read_num(m, "rope.freq_base", 1, &theta));
    CX_TRY(set(m, "rope_theta", json_real(theta)));
    json_t *scaling = json_object();
    if (!scaling) return set(m, "rope_scaling", NULL);
    cx_status st = fill_scaling(m, theta, scaling);
    if (st == CX_OK && json_object_size(scaling)) st = set(m, "rope_scaling", json_incref(scaling));
    json_decref(scaling);
    return st;
}

static cx_status set_vocabulary(maker *m)
{
    const cx__stored *s = cx__gguf_find(m->g, "token_embd.weight");
    if (!s) return missing(m, "token_embd.weight");
    if (s->t.ndim != 2 || s->t.shape[1] != m->dim || s->t.shape[0] > MAX_INT)
        return CX_FAIL(CX_EFORMAT,
                       "%s: 'token_embd.weight': expected 2 dimensions, %lld columns, "
                       "found %lld columns",
                       s->path, (long long)m->dim, (long long)s->t.shape[s->t.ndim - 1]);
    m->vocabulary = s->t.shape[0];
    CX_TRY(set(m, "vocab_size", json_integer(m->vocabulary)));
    bool tied = (m->a->flags & GGUF_TIED) || !has(m, "output.weight");
    return set(m, "tie_word_embeddings", json_boolean(tied));
}

static cx_status set_id(const maker *m, const char *from, const char *to)
{
    int64_t id = -1;
    CX_TRY(cx__gguf_int(m->g, from, 0, m->vocabulary - 1, &id));
    return id < 0 ? CX_OK : set(m, to, json_integer(id));
}

/* An end of turn that is not the end of text ends a text too. */
static cx_status set_ids(const maker *m)
{
    int64_t eos = -1, eot = -1;
    CX_TRY(set_id(m, "tokenizer.ggml.bos_token_id", "bos_token_id"));
    CX_TRY(set_id(m, "tokenizer.ggml.padding_token_id", "pad_token_id"));
    CX_TRY(cx__gguf_int(m->g, "tokenizer.ggml.eos_token_id", 0, m->vocabulary - 1, &eos));
    CX_TRY(cx__gguf_int(m->g, "tokenizer.ggml.eot_token_id", 0, m->vocabulary - 1, &eot));
    if (eos < 0) eos = eot;
    if (eos < 0) return CX_OK;
    if (eot < 0 || eot == eos) return set(m, "eos_token_id", json_integer(eos));
    return set(m, "eos_token_id", json_pack("[I,I]", (json_int_t)eos, (json_int_t)eot));
}

/* The widest range, then the finest steps, that a matrix of the file needs. */
static cx_status set_dtype(const maker *m)
{
    const char *dtype = "float32";
    for (size_t i = 0; i < cx__gguf_count(m->g); i++) {
        const cx__stored *s = cx__gguf_at(m->g, i);
        if (s->t.ndim < 2) continue;
        if (s->t.dtype == CX_BF16) return set(m, "torch_dtype", json_string("bfloat16"));
        if (s->t.dtype == CX_F16 || s->decode) dtype = "float16";
    }
    return set(m, "torch_dtype", json_string(dtype));
}

static cx_status make(maker *m)
{
    CX_TRY(copy_keys(m));
    CX_TRY(set_heads(m));
    CX_TRY(set_query_scale(m));
    CX_TRY(set_biases(m));
    CX_TRY(set_rope(m));
    CX_TRY(set_vocabulary(m));
    CX_TRY(set_ids(m));
    return set_dtype(m);
}

cx_status cx__gguf_config(const cx__gguf *g, json_t **config)
{
    maker m = { .g = g };
    cx_status st;
    CX_TRY(cx__gguf_arch(g, &m.a));
    CX_TRY(cx__json_parse(m.a->fixed, strlen(m.a->fixed), m.a->name, &m.config));
    if ((st = make(&m)) != CX_OK) return json_decref(m.config), st;
    *config = m.config;
    return CX_OK;
}
