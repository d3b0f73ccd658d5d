/* Opening a model folder: config.json, tensors, architecture, graph. */
#include "models/arch.h"
#include <string.h>

enum { MAX_CONFIG = 64 << 20, MAX_EOS = 16 };

struct cx_model {
    char *config_path;
    json_t *config;
    const cx__arch *arch;
    void *params; /* of the architecture */
    cx_tensors *tensors;
    cx__weights *weights;
    cx__graph *graph;
    cx__pool *pool;
    cx__model_shape shape;
    bool exact, tied, tied_said; /* said: by the config */
    char *model_type;
    int32_t eos[MAX_EOS];
    int32_t eos_count;
};

static cx_status read_eos(const json_t *o, const char *where, int32_t *eos, int32_t *count)
{
    const json_t *v = json_object_get(o, "eos_token_id");
    size_t n = json_is_array(v) ? json_array_size(v) : v && !json_is_null(v);
    int32_t found = 0;
    for (size_t i = 0; i < n && found < MAX_EOS; i++) {
        const json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_integer(e) || json_integer_value(e) < 0 || json_integer_value(e) > INT32_MAX)
            return CX_FAIL(CX_EFORMAT, "%s: eos_token_id is no token id", where);
        eos[found++] = (int32_t)json_integer_value(e);
    }
    if (n) *count = found;
    return CX_OK;
}

static cx_status read_config(cx_model *m, const char *folder)
{
    const char *type = NULL;
    char *generation;
    json_t *o = NULL;
    cx_status st = CX_OK;
    if (!cx__path_is_dir(folder)) return CX_FAIL(CX_ENOTFOUND, "%s: no such model folder", folder);
    if (!(m->config_path = cx__path_join(folder, "config.json")))
        return CX_FAIL(CX_ENOMEM, "%s: out of memory", folder);
    CX_TRY(cx__json_load(m->config_path, MAX_CONFIG, &m->config));
    if (!json_is_object(m->config))
        return CX_FAIL(CX_EFORMAT, "%s: an object expected", m->config_path);
    CX_TRY(cx__json_str(m->config, m->config_path, "model_type", &type));
    if (!type) return CX_FAIL(CX_EFORMAT, "%s: 'model_type' is missing", m->config_path);
    if (!(m->model_type = cx__strdup(type))) return CX_FAIL(CX_ENOMEM, "%s: out of memory", folder);
    m->arch = cx__arch_find(type);
    CX_TRY(read_eos(m->config, m->config_path, m->eos, &m->eos_count));
    if (!(generation = cx__path_join(folder, "generation_config.json")))
        return CX_FAIL(CX_ENOMEM, "%s: out of memory", folder);
    if (cx__path_exists(generation) && (st = cx__json_load(generation, MAX_CONFIG, &o)) == CX_OK)
        st = read_eos(o, generation, m->eos, &m->eos_count);
    json_decref(o);
    cx__free(generation);
    m->tied = true; /* mlx_lm's default */
    m->tied_said = json_is_boolean(json_object_get(m->config, "tie_word_embeddings"));
    if (st == CX_OK) st = cx__json_bool(m->config, m->config_path, "tie_word_embeddings", &m->tied);
    return st;
}

/* Everything but the graph. */
static cx_status open_files(cx_model *m, const char *folder)
{
    CX_TRY(read_config(m, folder));
    CX_TRY(cx_tensors_open(folder, &m->tensors));
    if (!m->tied_said && cx_tensors_find(m->tensors, "lm_head.weight")) m->tied = false;
    return cx__weights_new(m->tensors, cx__arch_renames(m->arch), m->config, m->config_path,
                           m->tied, &m->weights);
}

static cx_status check_shape(const cx__model_shape *s, const char *where)
{
    if (s->layers && s->kv_heads && s->head_dim && s->head_dim <= 65536 && s->vocabulary)
        return CX_OK;
    return CX_FAIL(CX_ESHAPE, "%s: a model of %zu layers, %zu KV heads of %zu, vocabulary %zu",
                   where, s->layers, s->kv_heads, s->head_dim, s->vocabulary);
}

static cx_status build(cx_model *m)
{
    cx__builder b;
    cx__node *logits;
    if (!m->arch || !cx__arch_runs(m->arch))
        return CX_FAIL(CX_EUNSUPPORTED, "%s: architecture '%s' cannot run in this version",
                       m->config_path, m->model_type);
    if (!(m->params = cx__calloc(1, m->arch->size)))
        return CX_FAIL(CX_ENOMEM, "%s: out of memory", m->config_path);
    CX_TRY(cx__keys_read(m->arch->keys, m->config, m->config_path, m->params));
    CX_TRY(m->arch->shape(m->params, m->config_path, &m->shape));
    CX_TRY(check_shape(&m->shape, m->config_path));
    CX_TRY(cx__graph_new(&m->graph));
    b = (cx__builder){ m->graph, m->weights, m->config, m->config_path };
    logits = m->arch->forward(&b, m->params);
    CX_TRY(cx__weights_status(m->weights));
    return cx__graph_end(m->graph, logits);
}

static int64_t context_of(const cx_model *m)
{
    static const char *const keys[] = { "max_position_embeddings", "n_positions", "n_ctx" };
    int64_t context = (int64_t)m->shape.context;
    for (size_t i = 0; !context && i < sizeof keys / sizeof *keys; i++)
        context = json_integer_value(json_object_get(m->config, keys[i]));
    return context > 0 ? context : 0;
}

cx_status cx__model_open_files(const char *folder, cx_model **out)
{
    cx_model *m = cx__calloc(1, sizeof *m);
    cx_status st = m ? open_files(m, folder) : CX_FAIL(CX_ENOMEM, "%s: out of memory", folder);
    if (st != CX_OK) {
        cx_model_close(m);
        return st;
    }
    *out = m;
    return CX_OK;
}

cx_status cx_model_open(const char *folder, const cx_model_options *options, cx_model **out)
{
    static const cx_model_options defaults = { 0 };
    const cx_model_options *o = options ? options : &defaults;
    cx_status st;
    cx_model *m = cx__calloc(1, sizeof *m);
    *out = NULL;
    if (!m) return CX_FAIL(CX_ENOMEM, "%s: out of memory", folder);
    m->exact = o->exact;
    if ((st = open_files(m, folder)) != CX_OK || (st = build(m)) != CX_OK ||
        (st = cx__pool_new(o->threads, &m->pool)) != CX_OK ||
        (st = cx_tensors_check(m->tensors)) != CX_OK) {
        cx_model_close(m);
        return st;
    }
    cx_tensors_prefetch(m->tensors, NULL);
    *out = m;
    return CX_OK;
}

void cx_model_close(cx_model *m)
{
    if (!m) return;
    cx__graph_free(m->graph);
    cx__weights_free(m->weights);
    cx_tensors_close(m->tensors);
    cx__pool_free(m->pool);
    json_decref(m->config);
    cx__free(m->params);
    cx__free(m->config_path);
    cx__free(m->model_type);
    cx__free(m);
}

void cx_model_info_get(const cx_model *m, cx_model_info *out)
{
    *out = (cx_model_info){ .model_type = m->model_type,
                            .quantization = cx__weights_quantization(m->weights),
                            .context = context_of(m),
                            .vocabulary = (int32_t)m->shape.vocabulary,
                            .layers = (int32_t)m->shape.layers,
                            .eos_count = m->eos_count };
    out->parameters = cx__weights_parameters(m->weights, &out->bytes);
    if (out->parameters) out->bits_per_weight = (double)out->bytes * 8 / (double)out->parameters;
    memcpy(out->eos, m->eos, sizeof m->eos);
}

int cx_model_threads(const cx_model *m)
{
    return cx__pool_threads(m->pool);
}

const cx__graph *cx__model_graph(const cx_model *m)
{
    return m->graph;
}

cx__pool *cx__model_pool(const cx_model *m)
{
    return m->pool;
}

const cx__model_shape *cx__model_shape_of(const cx_model *m)
{
    return &m->shape;
}

bool cx__model_exact(const cx_model *m)
{
    return m->exact;
}

cx_status cx__model_check(const cx_model *m)
{
    return cx_tensors_check(m->tensors);
}
