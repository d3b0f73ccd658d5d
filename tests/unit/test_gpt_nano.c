/* A trained minGPT with every intermediate activation recorded by others (bbycroft/llm-viz): its
 * weights become a Hugging Face folder, and each node of our graph must give what was recorded. */
#include "unit.h"

#include "base/base.h"
#include "graph/node.h"
#include "models/models.h"
#include <cortex/file.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, LEN = 11, DIM = 48, MAX_ROWS = BATCH * LEN };

static json_t *load(const char *name)
{
    json_t *o = NULL;
    char path[1024];
    if (!unit_data()) unit_skip("no ../shared/data");
    snprintf(path, sizeof path, "%s/models/gpt-nano-sort/%s", unit_data(), name);
    CHECK_OK(cx__json_load(path, 64 << 20, &o));
    return o;
}

/* Floats of {"shape", "dtype", "data": base64}; caller frees. */
static float *floats(const json_t *o, size_t *count)
{
    const char *s = json_string_value(json_object_get(o, "data"));
    size_t len = strlen(s), n = 0;
    uint8_t *out = malloc(len);
    uint32_t bits = 0;
    int have = 0;
    for (; *s && *s != '='; s++) {
        const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        bits = bits << 6 | (uint32_t)(strchr(set, *s) - set);
        have += 6;
        if (have >= 8) out[n++] = (uint8_t)(bits >> (have -= 8));
    }
    *count = n / 4;
    return (float *)(void *)out;
}

typedef struct plan_entry {
    char name[96];
    float *data;
    cx_tensor t;
} plan_entry;

/* minGPT keeps linears as [out, in]; the hub's GPT-2 as [in, out]. */
static void add_weight(plan_entry *e, const char *name, const json_t *o)
{
    size_t n, dims = json_array_size(json_object_get(o, "shape"));
    bool conv = strstr(name, "c_attn.weight") || strstr(name, "c_proj.weight") ||
                strstr(name, "c_fc.weight");
    float *data = floats(o, &n), *turned;
    int64_t shape[2] = { 0, 1 };
    for (size_t i = 0; i < dims; i++)
        shape[i] = json_integer_value(json_array_get(json_object_get(o, "shape"), i));
    *e = (plan_entry){ .data = data };
    snprintf(e->name, sizeof e->name, "%s", name);
    e->t = (cx_tensor){ .name = e->name,
                        .dtype = CX_F32,
                        .ndim = (int)dims,
                        .shape = { shape[0], shape[1] },
                        .data = data,
                        .bytes = n * 4 };
    if (!conv) return;
    turned = malloc(n * 4);
    for (int64_t r = 0; r < shape[0]; r++)
        for (int64_t c = 0; c < shape[1]; c++) turned[c * shape[0] + r] = data[r * shape[1] + c];
    free(data);
    e->data = turned;
    e->t.shape[0] = shape[1], e->t.shape[1] = shape[0];
}

static const char *make_folder(void)
{
    static const char config[] =
        "{\"model_type\": \"gpt2\", \"n_embd\": 48, \"n_layer\": 3, \"n_head\": 3, \"vocab_size\": "
        "3,"
        " \"n_positions\": 11, \"layer_norm_epsilon\": 1e-05, \"tie_word_embeddings\": false}";
    const char *dir = unit_dir(), *key;
    char *path;
    json_t *model = load("gpt-nano-sort-model.json"), *v;
    plan_entry entries[64];
    cx_tensor plan[64];
    size_t n = 0;
    cx_tensor_writer *w;
    json_object_foreach(model, key, v)
    {
        if (!json_object_get(v, "data") || strstr(key, ".attn.bias")) continue;
        add_weight(&entries[n++], key, v);
    }
    for (size_t i = 0; i < n; i++) plan[i] = entries[i].t, plan[i].name = entries[i].name;
    path = cx__path_join(dir, "model.safetensors");
    CHECK_OK(cx_tensor_writer_open(path, plan, n, NULL, 0, &w));
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(cx_tensor_writer_write(w, i, 0, entries[i].data, entries[i].t.bytes));
        free(entries[i].data);
    }
    CHECK_OK(cx_tensor_writer_finish(w));
    cx__free(path);
    path = cx__path_join(dir, "config.json");
    CHECK_OK(cx__write_file(path, config, sizeof config - 1));
    cx__free(path);
    json_decref(model);
    return dir;
}

typedef struct capture {
    float values[MAX_ROWS * 192];
    size_t cols;
} capture;

static int keep(void *user, size_t first, size_t rows, const float *values)
{
    capture *c = user;
    memcpy(c->values + first * c->cols, values, rows * c->cols * sizeof *values);
    return 0;
}

/* Value of one node for all three sequences. */
static void run_node(cx_model *m, cx__node *node, const int32_t *tokens, capture *out)
{
    cx__graph *g = (cx__graph *)(uintptr_t)cx__model_graph(m);
    cx__kv_shape shape = { .layers = 3,
                           .heads = 3,
                           .dim = 16,
                           .dtype = CX_F32,
                           .context = LEN,
                           .rows = LEN,
                           .sequences = BATCH };
    cx__plan_options o = { .rows = MAX_ROWS, .select = MAX_ROWS, .exact = true };
    uint32_t pos[MAX_ROWS], all[MAX_ROWS];
    cx__segment seg[BATCH];
    cx__plan *p;
    cx__kv *kv;
    for (uint32_t i = 0; i < MAX_ROWS; i++) pos[i] = i % LEN, all[i] = i;
    CHECK_OK(cx__graph_end(g, node));
    CHECK_OK(cx__plan_new(g, &o, cx__model_pool(m), &p));
    CHECK_OK(cx__kv_new(&shape, &kv));
    for (size_t i = 0; i < BATCH; i++) {
        seg[i] = (cx__segment){ i, i * LEN, LEN };
        CHECK_OK(cx__kv_reserve(kv, i, LEN));
    }
    out->cols = node->cols;
    cx__pass pass = { tokens, pos, MAX_ROWS, seg, BATCH, all, MAX_ROWS, kv, keep, out };
    CHECK_OK(cx__plan_run(p, &pass));
    cx__plan_free(p);
    cx__kv_free(kv);
}

/* Node number `nth` of an operation, in the order of the model file. */
static cx__node *node_at(const cx_model *m, cx__op op, int nth)
{
    const cx__graph *g = cx__model_graph(m);
    for (size_t i = 0; i < g->count; i++)
        if (g->nodes[i]->op == op && nth-- == 0) return g->nodes[i];
    fail_msg("no such node");
    return NULL;
}

static const struct {
    const char *name;
    cx__op op;
    int nth;
    const char *block;
} recorded[] = {
    { "tok_emb", CX__OP_EMBED, 0, NULL },      { "x", CX__OP_ADD, 0, NULL },
    { "ln1", CX__OP_LAYER_NORM, 0, "block0" }, { "qkv", CX__OP_LINEAR, 0, "block0" },
    { "y", CX__OP_ATTEND, 0, "block0" },       { "yProj", CX__OP_LINEAR, 1, "block0" },
    { "attnResid", CX__OP_ADD, 1, "block0" },  { "ln2", CX__OP_LAYER_NORM, 1, "block0" },
    { "fc", CX__OP_LINEAR, 2, "block0" },      { "gelu", CX__OP_ACT, 0, "block0" },
    { "mlp", CX__OP_LINEAR, 3, "block0" },     { "mlpResid", CX__OP_ADD, 2, "block0" },
    { "block0", CX__OP_ADD, 2, NULL },         { "block1", CX__OP_ADD, 4, NULL },
    { "block2", CX__OP_ADD, 6, NULL },         { "ln_f", CX__OP_LAYER_NORM, 6, NULL },
    { "lm_head", CX__OP_LINEAR, 12, NULL },
};

/* Records lie at the top, or inside the object of their block. */
static const json_t *record(const json_t *all, size_t i)
{
    const json_t *o = json_object_get(all, recorded[i].name);
    if (!o && recorded[i].block)
        o = json_object_get(json_object_get(all, recorded[i].block), recorded[i].name);
    return o;
}

TEST(gpt_nano, every_recorded_activation_is_reproduced)
{
    json_t *all = load("gpt-nano-sort-t0-partials.json");
    static capture got;
    cx_model *m;
    cx_model_options o = { .threads = 2, .exact = true };
    int32_t tokens[MAX_ROWS];
    size_t n;
    float *idx = floats(json_object_get(all, "idx"), &n);
    CHECK_INT(n, MAX_ROWS);
    for (size_t i = 0; i < n; i++) tokens[i] = (int32_t)idx[i];
    free(idx);
    CHECK_OK(cx_model_open(make_folder(), &o, &m));
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++) {
        float *want = floats(record(all, i), &n), worst = 0;
        run_node(m, node_at(m, recorded[i].op, recorded[i].nth), tokens, &got);
        CHECK_INT(n, MAX_ROWS * got.cols);
        for (size_t j = 0; j < n; j++) worst = fmaxf(worst, fabsf(got.values[j] - want[j]));
        if (!(worst <= 1e-4f)) fail_msg("%s is off by %g", recorded[i].name, (double)worst);
        free(want);
    }
    cx_model_close(m);
    json_decref(all);
}
