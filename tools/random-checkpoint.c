/* Writes a Hugging Face checkpoint of random weights in the shape of a config.json: for speed
 * measurements and tests that need size, not sense. tools/random-checkpoint builds and runs it.
 * Llama and its kin (mistral, qwen2, qwen3, qwen3_moe) and gpt2, under transformers' names.
 * Matrices and biases are normal with standard deviation 0.02, norms are 1. A checkpoint depends on
 * config, dtype and seed only. Tested by tests/cli/random-checkpoint.test. */
#include "base/base.h"
#include "core/core.h"
#include "format/format.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVIATION 0.02
#define CONFIG_MAX ((size_t)1 << 24)
enum { TENSORS_MAX = 1 << 16, QUANTILES = 1 << 16, PIECE = 1 << 20 /* elements */ };

typedef struct options {
    const char *config, *folder;
    cx_dtype dtype;
    uint64_t shard_bytes, seed;
} options;

typedef struct checkpoint {
    cx_tensor *plan; /* names owned, data NULL */
    size_t count;
    size_t *shard_of, shards;
    uint64_t parameters;
    json_t *config;
} checkpoint;

/* ---- Shapes --------------------------------------------------------------------------------- */

typedef struct shape {
    const json_t *config;
    const char *where;
    cx_status status; /* of the first failure; later calls do nothing */
    checkpoint *c;
    cx_dtype dtype;
} shape;

/* Integer key in [1, 2^31]; fallback 0: the key is required. */
static int64_t key(shape *s, const char *name, int64_t fallback)
{
    int64_t v = fallback;
    if (s->status != CX_OK) return 1;
    s->status = cx__json_int(s->config, s->where, name, 1, INT32_MAX, &v);
    if (s->status == CX_OK && !v)
        s->status = CX_FAIL(CX_EFORMAT, "%s: '%s' is missing", s->where, name);
    return s->status == CX_OK ? v : 1;
}

static bool flag(shape *s, const char *name, bool fallback)
{
    bool v = fallback;
    if (s->status == CX_OK) s->status = cx__json_bool(s->config, s->where, name, &v);
    return v;
}

/* cols 0: a vector. */
static void add(shape *s, int64_t rows, int64_t cols, const char *name, ...) CX_PRINTF(4, 5);
static void add(shape *s, int64_t rows, int64_t cols, const char *name, ...)
{
    char text[256];
    va_list args;
    cx_tensor *t = &s->c->plan[s->c->count];
    if (s->status != CX_OK) return;
    va_start(args, name);
    vsnprintf(text, sizeof text, name, args);
    va_end(args);
    if (s->c->count == TENSORS_MAX) {
        s->status = CX_FAIL(CX_ELIMIT, "%s: more than %d tensors", s->where, TENSORS_MAX);
        return;
    }
    *t = (cx_tensor){ .name = cx__strdup(text), .dtype = s->dtype, .ndim = cols ? 2 : 1 };
    t->shape[0] = rows;
    t->shape[1] = cols;
    s->c->count++;
    s->c->parameters += (uint64_t)rows * (uint64_t)(cols ? cols : 1);
    if (!t->name) s->status = CX_FAIL(CX_ENOMEM, "no memory for the name of a tensor");
}

static void linear(shape *s, int64_t rows, int64_t cols, bool bias, int64_t layer, const char *name)
{
    add(s, rows, cols, "model.layers.%d.%s.weight", (int)layer, name);
    if (bias) add(s, rows, 0, "model.layers.%d.%s.bias", (int)layer, name);
}

/* Whether the MLP of a layer is a mixture of experts. */
static bool is_sparse(shape *s, const char *type, int64_t layer)
{
    const json_t *dense = json_object_get(s->config, "mlp_only_layers");
    if (strcmp(type, "qwen3_moe") != 0 || (layer + 1) % key(s, "decoder_sparse_step", 1))
        return false;
    for (size_t i = 0; i < json_array_size(dense); i++)
        if (json_integer_value(json_array_get(dense, i)) == layer) return false;
    return true;
}

static void experts(shape *s, int64_t dim, int64_t layer)
{
    int64_t count = key(s, "num_experts", 0), hidden = key(s, "moe_intermediate_size", 0);
    linear(s, count, dim, false, layer, "mlp.gate");
    for (int64_t e = 0; e < count && s->status == CX_OK; e++) {
        char name[64];
        snprintf(name, sizeof name, "mlp.experts.%d.gate_proj", (int)e);
        linear(s, hidden, dim, false, layer, name);
        snprintf(name, sizeof name, "mlp.experts.%d.up_proj", (int)e);
        linear(s, hidden, dim, false, layer, name);
        snprintf(name, sizeof name, "mlp.experts.%d.down_proj", (int)e);
        linear(s, dim, hidden, false, layer, name);
    }
}

static void llama(shape *s, const char *type)
{
    int64_t dim = key(s, "hidden_size", 0), hidden = key(s, "intermediate_size", 0);
    int64_t heads = key(s, "num_attention_heads", 0), kv = key(s, "num_key_value_heads", heads);
    int64_t head = key(s, "head_dim", dim / heads ? dim / heads : 1);
    int64_t vocabulary = key(s, "vocab_size", 0), layers = key(s, "num_hidden_layers", 0);
    bool qwen2 = !strcmp(type, "qwen2"), qwen3 = !strncmp(type, "qwen3", 5);
    bool bias = flag(s, "attention_bias", false), mlp = flag(s, "mlp_bias", false);
    add(s, vocabulary, dim, "model.embed_tokens.weight");
    for (int64_t i = 0; i < layers && s->status == CX_OK; i++) {
        linear(s, heads * head, dim, bias || qwen2, i, "self_attn.q_proj");
        linear(s, kv * head, dim, bias || qwen2, i, "self_attn.k_proj");
        linear(s, kv * head, dim, bias || qwen2, i, "self_attn.v_proj");
        linear(s, dim, heads * head, bias, i, "self_attn.o_proj");
        if (qwen3) add(s, head, 0, "model.layers.%d.self_attn.q_norm.weight", (int)i);
        if (qwen3) add(s, head, 0, "model.layers.%d.self_attn.k_norm.weight", (int)i);
        if (is_sparse(s, type, i)) {
            experts(s, dim, i);
        } else {
            linear(s, hidden, dim, mlp, i, "mlp.gate_proj");
            linear(s, hidden, dim, mlp, i, "mlp.up_proj");
            linear(s, dim, hidden, mlp, i, "mlp.down_proj");
        }
        add(s, dim, 0, "model.layers.%d.input_layernorm.weight", (int)i);
        add(s, dim, 0, "model.layers.%d.post_attention_layernorm.weight", (int)i);
    }
    add(s, dim, 0, "model.norm.weight");
    if (!flag(s, "tie_word_embeddings", false)) add(s, vocabulary, dim, "lm_head.weight");
}

/* Conv1D of transformers: weights are [in, out]. */
static void conv1d(shape *s, int64_t in, int64_t out, int64_t layer, const char *name)
{
    add(s, in, out, "h.%d.%s.weight", (int)layer, name);
    add(s, out, 0, "h.%d.%s.bias", (int)layer, name);
}

static void gpt2(shape *s)
{
    int64_t dim = key(s, "n_embd", 0), hidden = key(s, "n_inner", 4 * dim);
    int64_t vocabulary = key(s, "vocab_size", 0), layers = key(s, "n_layer", 0);
    add(s, vocabulary, dim, "wte.weight");
    add(s, key(s, "n_positions", 1024), dim, "wpe.weight");
    for (int64_t i = 0; i < layers && s->status == CX_OK; i++) {
        add(s, dim, 0, "h.%d.ln_1.weight", (int)i);
        add(s, dim, 0, "h.%d.ln_1.bias", (int)i);
        conv1d(s, dim, 3 * dim, i, "attn.c_attn");
        conv1d(s, dim, dim, i, "attn.c_proj");
        add(s, dim, 0, "h.%d.ln_2.weight", (int)i);
        add(s, dim, 0, "h.%d.ln_2.bias", (int)i);
        conv1d(s, dim, hidden, i, "mlp.c_fc");
        conv1d(s, hidden, dim, i, "mlp.c_proj");
    }
    add(s, dim, 0, "ln_f.weight");
    add(s, dim, 0, "ln_f.bias");
}

static cx_status plan(const options *o, checkpoint *c)
{
    static const char *const kin[] = { "llama", "mistral", "qwen2", "qwen3", "qwen3_moe" };
    const char *type = "";
    shape s = { .where = o->config, .c = c, .dtype = o->dtype };
    CX_TRY(cx__json_load(o->config, CONFIG_MAX, &c->config));
    s.config = c->config;
    CX_TRY(cx__json_str(c->config, o->config, "model_type", &type));
    if (!(c->plan = cx__calloc(TENSORS_MAX, sizeof *c->plan)) ||
        !(c->shard_of = cx__calloc(TENSORS_MAX, sizeof *c->shard_of)))
        return CX_FAIL(CX_ENOMEM, "no memory for the plan");
    if (!strcmp(type, "gpt2")) {
        gpt2(&s);
    } else {
        size_t i = 0;
        while (i < sizeof kin / sizeof *kin && strcmp(type, kin[i]) != 0) i++;
        if (i == sizeof kin / sizeof *kin)
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: model_type '%s' is none of llama, mistral, qwen2, qwen3, "
                           "qwen3_moe, gpt2",
                           o->config, type);
        llama(&s, type);
    }
    CX_TRY(s.status);
    return cx__shards_split(c->plan, c->count, o->shard_bytes, c->shard_of, &c->shards);
}

/* ---- Values --------------------------------------------------------------------------------- */

/* x with P(normal < x) = p, by Newton's method on the C library's erfc. */
static double quantile(double p)
{
    double x = 0;
    for (int i = 0; i < 60; i++) {
        double error = 0.5 * erfc(-x / sqrt(2)) - p;
        double step = error / (exp(-x * x / 2) / sqrt(8 * atan(1)));
        x -= step > 1 ? 1 : step < -1 ? -1 : step;
    }
    return x;
}

/* table: 65536 equally likely values of the normal distribution in the checkpoint's dtype, so that
 * 16 random bits make a value. [QUANTILES] elements of 2 or 4 bytes. */
static void fill_table(void *table, cx_dtype dtype)
{
    for (int i = 0; i < QUANTILES / 2; i++) {
        float v = (float)(DEVIATION * quantile((i + 0.5) / QUANTILES));
        for (int side = 0; side < 2; side++, v = -v) {
            int at = side ? QUANTILES - 1 - i : i;
            if (dtype == CX_F32) ((float *)table)[at] = v;
            else ((uint16_t *)table)[at] = dtype == CX_F16 ? cx__f32_to_f16(v) : cx__f32_to_bf16(v);
        }
    }
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* n, a multiple of 4 but for the last piece, values of `size` bytes; room is left for 3 more. */
static void fill(void *out, size_t n, size_t size, const void *table, uint64_t *state)
{
    for (size_t i = 0; i < n; i += 4) {
        uint64_t bits = next(state);
        for (size_t j = i; j < i + 4; j++, bits >>= 16) {
            if (size == 4) ((float *)out)[j] = ((const float *)table)[bits & 0xffff];
            else ((uint16_t *)out)[j] = ((const uint16_t *)table)[bits & 0xffff];
        }
    }
}

static void fill_ones(void *out, size_t n, cx_dtype dtype)
{
    for (size_t i = 0; i < n; i++) {
        if (dtype == CX_F32) ((float *)out)[i] = 1;
        else ((uint16_t *)out)[i] = dtype == CX_F16 ? 0x3c00 : 0x3f80;
    }
}

static bool is_norm(const char *name)
{
    return !strstr(name, ".bias") && (strstr(name, "norm.") || strstr(name, "ln_"));
}

static cx_status write_tensor(cx_tensor_writer *w, size_t index, const cx_tensor *t, uint64_t seed,
                              const void *table, void *piece)
{
    size_t size = cx_dtype_size(t->dtype), count;
    uint64_t state = seed;
    if (!cx__tensor_count(t, &count)) return CX_FAIL(CX_ESHAPE, "'%s': too large", t->name);
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        if (is_norm(t->name)) fill_ones(piece, n, t->dtype);
        else fill(piece, n, size, table, &state);
        CX_TRY(cx_tensor_writer_write(w, index, (uint64_t)at * size, piece, n * size));
    }
    return CX_OK;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static cx_status write_shard(const options *o, const checkpoint *c, size_t shard, const void *table,
                             void *piece)
{
    static const cx_metadata metadata = { "format", "pt" };
    cx_tensor_writer *w = NULL;
    cx_status st;
    char file[64], *path;
    size_t first = 0, n = 0;
    while (first < c->count && c->shard_of[first] != shard) first++;
    while (first + n < c->count && c->shard_of[first + n] == shard) n++;
    cx__shard_file(file, shard, c->shards);
    if (!(path = cx__path_join(o->folder, file))) return CX_FAIL(CX_ENOMEM, "no memory for a path");
    st = cx_tensor_writer_open(path, c->plan + first, n, &metadata, 1, &w);
    cx__free(path);
    for (size_t i = 0; i < n && st == CX_OK; i++) {
        uint64_t seed = o->seed * UINT64_C(0x9e3779b97f4a7c15) + first + i;
        st = write_tensor(w, i, c->plan + first + i, next(&seed), table, piece);
    }
    if (st == CX_OK) return cx_tensor_writer_finish(w);
    cx_tensor_writer_abort(w);
    return st;
}

static cx_status write_text(const options *o, const char *name, const char *text, size_t len)
{
    char *path = cx__path_join(o->folder, name);
    cx_status st = path ? cx__write_file(path, text, len)
                        : CX_FAIL(CX_ENOMEM, "no memory for a path");
    cx__free(path);
    return st;
}

/* config.json with the dtype that the weights have. */
static cx_status write_config(const options *o, const checkpoint *c)
{
    static const char *const names[] = {
        [CX_F16] = "float16", [CX_BF16] = "bfloat16", [CX_F32] = "float32"
    };
    cx__buf text = { .max = CONFIG_MAX };
    cx_status st;
    if (json_object_set_new(c->config, "torch_dtype", json_string(names[o->dtype])) != 0 ||
        !cx__json_dump(&text, c->config, 2, false) || !cx__buf_putc(&text, '\n')) {
        cx__buf_free(&text);
        return CX_FAIL(CX_ENOMEM, "no memory for config.json");
    }
    st = write_text(o, "config.json", text.data, text.len);
    cx__buf_free(&text);
    return st;
}

static cx_status write_files(const options *o, const checkpoint *c)
{
    void *table = cx__alloc_array(QUANTILES, cx_dtype_size(o->dtype));
    void *piece = cx__alloc_array(PIECE + 3, cx_dtype_size(o->dtype));
    bool terminal = isatty(STDERR_FILENO);
    char *index = NULL;
    size_t len;
    cx_status st = table && piece ? CX_OK : CX_FAIL(CX_ENOMEM, "no memory for the values");
    if (st == CX_OK) fill_table(table, o->dtype);
    for (size_t i = 0; i < c->shards && st == CX_OK; i++) {
        if (terminal) fprintf(stderr, "\r%s: file %zu of %zu", o->folder, i + 1, c->shards);
        st = write_shard(o, c, i, table, piece);
    }
    if (terminal) fputc('\n', stderr);
    cx__free(table);
    cx__free(piece);
    if (st == CX_OK && c->shards > 1) {
        st = cx__shard_index_text(c->plan, c->count, c->shard_of, c->shards, c->parameters, &index,
                                  &len);
        if (st == CX_OK) st = write_text(o, "model.safetensors.index.json", index, len);
        cx__free(index);
    }
    return st == CX_OK ? write_config(o, c) : st;
}

/* ---- Command line --------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: random-checkpoint CONFIG.json DIR [--dtype bf16|f16|f32] [--seed N]\n"
          "                         [--shard-size BYTES, 500M, 5G (the default)]\n"
          "Writes random weights in the shape of CONFIG.json to the new folder DIR.\n",
          stderr);
    return 2;
}

static bool parse_size(const char *text, uint64_t *out)
{
    char *end;
    double v = strtod(text, &end);
    if (*end == 'G') v *= 0x1p30;
    else if (*end == 'M') v *= 0x1p20;
    else if (*end) return false;
    if (end == text || (*end && end[1]) || !(v >= 1 && v <= 0x1p50)) return false;
    *out = (uint64_t)v;
    return true;
}

static bool parse_option(options *o, const char *name, const char *value)
{
    static const struct {
        const char *name;
        cx_dtype dtype;
    } dtypes[] = { { "bf16", CX_BF16 }, { "f16", CX_F16 }, { "f32", CX_F32 } };
    char *end;
    if (!value) return false;
    if (!strcmp(name, "--shard-size")) return parse_size(value, &o->shard_bytes);
    if (!strcmp(name, "--seed")) return o->seed = strtoull(value, &end, 10), *value && !*end;
    if (strcmp(name, "--dtype") != 0) return false;
    for (size_t i = 0; i < 3; i++) {
        if (!strcmp(value, dtypes[i].name)) return o->dtype = dtypes[i].dtype, true;
    }
    return false;
}

static cx_status make(const options *o)
{
    checkpoint c = { 0 };
    cx_status st = plan(o, &c);
    if (st == CX_OK && mkdir(o->folder, 0777) != 0)
        st = CX_FAIL(errno == EEXIST ? CX_EEXIST : CX_EIO, "%s: %s", o->folder, strerror(errno));
    if (st == CX_OK) st = write_files(o, &c);
    if (st == CX_OK)
        printf("%s: %zu tensors, %llu parameters\n", o->folder, c.count,
               (unsigned long long)c.parameters);
    for (size_t i = 0; i < c.count; i++) cx__free((char *)(uintptr_t)c.plan[i].name);
    cx__free(c.plan);
    cx__free(c.shard_of);
    json_decref(c.config);
    return st;
}

int main(int argc, char **argv)
{
    options o = { .dtype = CX_BF16, .shard_bytes = CX__SHARD_BYTES };
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--", 2)) {
            if (!parse_option(&o, argv[i], argv[i + 1])) return usage();
            i++;
        } else if (!o.config) {
            o.config = argv[i];
        } else if (!o.folder) {
            o.folder = argv[i];
        } else {
            return usage();
        }
    }
    if (!o.folder) return usage();
    if (make(&o) == CX_OK) return 0;
    fprintf(stderr, "random-checkpoint: %s\n", cx_error());
    return 1;
}
