/* Tensors of a checkpoint under MLX's names, handed out as matrices and vectors that kernels can
 * use. Packed and plain matrices stay in the mapped file; norms and biases become f32; weights that
 * the checkpoint stores transposed are copied once. Quantization: mlx.md 1.1, shapes decide and
 * config.json must agree. */
#include "models/arch.h"
#include "quant/quant.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct entry {
    char *name; /* MLX's */
    cx_tensor t;
    bool transpose;
    uint32_t next; /* index + 1 of the next entry in the bucket */
} entry;

typedef struct chunk {
    struct chunk *next;
    _Alignas(64) uint8_t data[];
} chunk;

struct cx__weights {
    const char *where;
    const json_t *quantization; /* of the config, NULL if none */
    entry *entries;
    size_t count;
    uint32_t *buckets;
    size_t bucket_count;
    chunk *chunks;
    cx_status status;
    char error[512];
    uint64_t parameters, bytes;
    cx__packing packing; /* of the packed matrices seen; bits -1: mixed, mode NULL: several */
    char text[64];
    const char *reshaped; /* a tensor that only a conversion brings into MLX's shape; NULL */
};

cx_status cx__weights_keep(cx__weights *w, cx_status status)
{
    if (status != CX_OK && w->status == CX_OK) {
        w->status = status;
        strncpy(w->error, cx_error(), sizeof w->error - 1);
    }
    return status;
}

cx_status cx__weights_status(const cx__weights *w)
{
    return w->status == CX_OK ? CX_OK : CX_FAIL(w->status, "%s", w->error);
}

static void *fail(cx__weights *w, cx_status status)
{
    cx__weights_keep(w, status);
    return NULL;
}

void *cx__weights_alloc(cx__weights *w, size_t size)
{
    size_t bytes;
    chunk *c = cx__add(sizeof *c, size, &bytes) ? cx__alloc(bytes) : NULL;
    if (!c) return fail(w, CX_FAIL(CX_ENOMEM, "%s: %zu bytes for weights", w->where, size));
    c->next = w->chunks;
    w->chunks = c;
    return c->data;
}

static size_t hash_name(const char *s)
{
    size_t h = 14695981039346656037u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static const entry *find(const cx__weights *w, const char *name)
{
    uint32_t i = w->bucket_count ? w->buckets[hash_name(name) % w->bucket_count] : 0;
    for (; i; i = w->entries[i - 1].next)
        if (!strcmp(w->entries[i - 1].name, name)) return &w->entries[i - 1];
    return NULL;
}

bool cx__weights_has(const cx__weights *w, const char *name)
{
    return find(w, name) != NULL;
}

static cx_status add(cx__weights *w, const cx_tensor *t, const cx__rename *rules,
                     const cx__facts *facts)
{
    cx__renamed r;
    CX_TRY(cx__rename_apply(rules, t->name, 0, facts, &r));
    if (r.how & CX__DROP) return CX_OK;
    if (r.more || r.expert >= 0 || (r.how & ~CX__TRANSPOSE)) {
        w->reshaped = t->name;
        snprintf(r.name, sizeof r.name, "%s", t->name);
        r.how = CX__KEEP;
    }
    if (find(w, r.name))
        return CX_FAIL(CX_EFORMAT, "%s: tensor '%s' is there twice", w->where, r.name);
    entry *e = &w->entries[w->count];
    *e = (entry){ .name = cx__strdup(r.name), .t = *t, .transpose = r.how == CX__TRANSPOSE };
    if (!e->name) return CX_FAIL(CX_ENOMEM, "%s: out of memory", w->where);
    uint32_t *bucket = &w->buckets[hash_name(r.name) % w->bucket_count];
    e->next = *bucket;
    *bucket = (uint32_t)++w->count;
    w->bytes += t->bytes;
    return CX_OK;
}

/* `quantization` of the config; foreign schemes have only `quantization_config`. */
static cx_status find_quantization(cx__weights *w, const json_t *config)
{
    const json_t *q = json_object_get(config, "quantization");
    const json_t *foreign = json_object_get(config, "quantization_config");
    const char *method = NULL;
    if (json_is_object(q)) {
        w->quantization = q;
        return CX_OK;
    }
    if (json_is_object(foreign)) CX_TRY(cx__json_str(foreign, w->where, "quant_method", &method));
    if (method)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: quantization_config of method '%s'", w->where, method);
    if (json_is_object(foreign)) w->quantization = foreign;
    return CX_OK;
}

static cx_status fill(cx__weights *w, const cx_tensors *tensors, const cx__rename *rules,
                      const json_t *config, bool tied)
{
    size_t n = cx_tensors_count(tensors);
    cx__facts facts;
    cx__facts_read(config, tied, &facts);
    w->bucket_count = 2 * n + 1;
    w->entries = cx__calloc(n + 1, sizeof *w->entries);
    w->buckets = cx__calloc(w->bucket_count, sizeof *w->buckets);
    if (!w->entries || !w->buckets || n > UINT32_MAX - 1)
        return CX_FAIL(CX_ENOMEM, "%s: %zu tensors: out of memory", w->where, n);
    for (size_t i = 0; i < n; i++) CX_TRY(add(w, cx_tensors_at(tensors, i), rules, &facts));
    return find_quantization(w, config);
}

static void note_packing(cx__weights *w, const cx__packing *p)
{
    cx__packing *seen = &w->packing;
    if (!seen->bits) *seen = *p;
    if (seen->bits != p->bits || seen->group != p->group) seen->bits = seen->group = -1;
    if (seen->mode != p->mode) *seen = (cx__packing){ .bits = -1, .group = -1 };
    const char *mode = seen->mode ? seen->mode->name : "several modes";
    if (seen->bits < 0) snprintf(w->text, sizeof w->text, "%s, mixed", mode);
    else snprintf(w->text, sizeof w->text, "%s %d bits, group %d", mode, seen->bits, seen->group);
}

/* Bits of a packed weight, 0 of any other tensor; notes the packing. */
static int packed_bits(cx__weights *w, const entry *e)
{
    char name[264];
    const entry *s;
    cx__packing p;
    if (e->t.dtype != CX_U32 || !cx__ends_with(e->name, ".weight")) return 0;
    snprintf(name, sizeof name, "%.*s.scales", (int)(strlen(e->name) - 7), e->name);
    if (!(s = find(w, name))) return 0;
    const cx__quant_parts parts = { .weight = &e->t, .scales = &s->t };
    if (cx__quant_packing(&parts, w->quantization, w->where, e->name, 0, &p) != CX_OK) return 0;
    note_packing(w, &p);
    return p.bits;
}

/* Logical parameters: packed words count as their elements, scales and biases not at all.
 * Columns are not known here, so that a packing which only they tell counts its words. */
static void count_parameters(cx__weights *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const entry *e = &w->entries[i];
        size_t n = 0;
        if (cx__ends_with(e->name, ".scales") || cx__ends_with(e->name, ".biases") ||
            cx__ends_with(e->name, ".global_scale") || !cx__tensor_count(&e->t, &n))
            continue;
        int bits = packed_bits(w, e);
        w->parameters += bits > 0 ? n * 32 / (size_t)bits : n;
    }
}

cx_status cx__weights_new(const cx_tensors *tensors, const cx__rename *rules, const json_t *config,
                          const char *where, bool tied, cx__weights **out)
{
    cx_status st;
    cx__weights *w = cx__calloc(1, sizeof *w);
    if (!w) return CX_FAIL(CX_ENOMEM, "%s: out of memory", where);
    w->where = where;
    if ((st = fill(w, tensors, rules, config, tied)) != CX_OK) {
        cx__weights_free(w);
        return st;
    }
    count_parameters(w);
    *out = w;
    return CX_OK;
}

void cx__weights_free(cx__weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->count; i++) cx__free(w->entries[i].name);
    while (w->chunks) {
        chunk *next = w->chunks->next;
        cx__free(w->chunks);
        w->chunks = next;
    }
    cx__free(w->entries);
    cx__free(w->buckets);
    cx__free(w);
}

uint64_t cx__weights_parameters(const cx__weights *w, uint64_t *bytes)
{
    *bytes = w->bytes;
    return w->parameters;
}

const char *cx__weights_quantization(const cx__weights *w)
{
    return w->text[0] ? w->text : "none";
}

static bool is_float(const cx_tensor *t)
{
    return t->dtype == CX_F32 || t->dtype == CX_F16 || t->dtype == CX_BF16;
}

static void *fail_missing(cx__weights *w, const char *name)
{
    if (!w->reshaped)
        return fail(w, CX_FAIL(CX_EFORMAT, "%s: tensor '%s' is missing", w->where, name));
    return fail(w, CX_FAIL(CX_EUNSUPPORTED,
                           "%s: tensor '%s' is missing: this checkpoint stores '%s' and others in "
                           "shapes of its own; cortex convert makes a folder that runs",
                           w->where, name, w->reshaped));
}

static const float *vector(cx__weights *w, size_t n, const char *name, bool required)
{
    const entry *e = find(w, name);
    char text[128];
    float *v;
    if (!e) return required ? fail_missing(w, name) : NULL;
    if (e->t.ndim != 1 || (size_t)e->t.shape[0] != n || !is_float(&e->t))
        return fail(w, CX_FAIL(CX_ESHAPE, "%s: tensor '%s' is %s, [%zu] of floats expected",
                               w->where, name, cx__tensor_text(&e->t, text, sizeof text), n));
    if (!(v = cx__weights_alloc(w, n * sizeof *v))) return NULL;
    for (size_t i = 0; i < n; i++) v[i] = cx__tensor_f32(&e->t, i);
    return v;
}

const float *cx__weight_vector(cx__weights *w, size_t n, const char *name, ...)
{
    char full[256];
    va_list args;
    va_start(args, name);
    vsnprintf(full, sizeof full, name, args);
    va_end(args);
    return vector(w, n, full, true);
}

const float *cx__weight_vector_if(cx__weights *w, size_t n, const char *name, ...)
{
    char full[256];
    va_list args;
    va_start(args, name);
    vsnprintf(full, sizeof full, name, args);
    va_end(args);
    return vector(w, n, full, false);
}

static const void *transposed(cx__weights *w, const cx_tensor *t, size_t rows, size_t cols)
{
    size_t size = cx_dtype_size(t->dtype);
    uint8_t *copy = cx__weights_alloc(w, t->bytes);
    const uint8_t *from = t->data;
    enum { TILE = 32 };
    for (size_t r0 = 0; copy && r0 < rows; r0 += TILE)
        for (size_t c0 = 0; c0 < cols; c0 += TILE)
            for (size_t r = r0; r < rows && r < r0 + TILE; r++)
                for (size_t c = c0; c < cols && c < c0 + TILE; c++)
                    memcpy(copy + (r * cols + c) * size, from + (c * rows + r) * size, size);
    return copy;
}

/* experts 0: the tensor is one matrix. */
static bool has_shape(const cx_tensor *t, size_t experts, size_t rows, size_t cols)
{
    int d = experts ? 1 : 0;
    return t->ndim == d + 2 && (size_t)t->shape[d] == rows && (size_t)t->shape[d + 1] == cols &&
           (!experts || (size_t)t->shape[0] == experts);
}

static bool plain(cx__weights *w, const entry *e, size_t experts, cx__weight *m)
{
    char text[128];
    size_t rows = experts ? m->rows / experts : m->rows, cols = m->cols;
    if (e->transpose) rows = m->cols, cols = m->rows;
    if (!has_shape(&e->t, experts, rows, cols) || !is_float(&e->t)) {
        char count[32] = "";
        if (experts) snprintf(count, sizeof count, "%zu, ", experts);
        fail(w,
             CX_FAIL(CX_ESHAPE, "%s: tensor '%s' is %s, [%s%zu, %zu] of floats expected", w->where,
                     e->name, cx__tensor_text(&e->t, text, sizeof text), count, rows, cols));
        return false;
    }
    m->dtype = e->t.dtype;
    m->data = e->transpose ? transposed(w, &e->t, m->rows, m->cols) : e->t.data;
    return m->data != NULL;
}

static const cx_tensor *part(const cx__weights *w, const char *path, const char *tail)
{
    char name[280];
    snprintf(name, sizeof name, "%s.%s", path, tail);
    const entry *e = find(w, name);
    return e ? &e->t : NULL;
}

static bool packed(cx__weights *w, const entry *e, const cx__quant_parts *parts, size_t experts,
                   cx__weight *m)
{
    char text[128];
    cx_status st = cx__quant_matrix(parts, w->quantization, w->where, e->name, m->cols, &m->q);
    if (st == CX_OK && (m->q.rows != m->rows || m->q.cols != m->cols))
        st = CX_FAIL(CX_ESHAPE, "%s: tensor '%s' unpacks to [%zu, %zu], [%zu, %zu] expected",
                     w->where, e->name, m->q.rows, m->q.cols, m->rows, m->cols);
    if (st == CX_OK && !has_shape(&e->t, experts, experts ? m->rows / experts : m->rows,
                                  (size_t)e->t.shape[e->t.ndim - 1]))
        st = CX_FAIL(CX_ESHAPE, "%s: tensor '%s' is %s, %s expected", w->where, e->name,
                     cx__tensor_text(&e->t, text, sizeof text),
                     experts ? "a matrix of each expert" : "one matrix");
    if (st != CX_OK) return fail(w, st), false;
    m->packed = true;
    return true;
}

/* experts 0: one matrix, which may have a bias. */
static const cx__weight *matrix(cx__weights *w, size_t experts, size_t rows, size_t cols,
                                const char *path)
{
    char name[272];
    cx__weight *m = cx__weights_alloc(w, sizeof *m);
    const entry *weight;
    bool ok;
    if (!m) return NULL;
    if (experts && !cx__mul(experts, rows, &rows))
        return fail(w, CX_FAIL(CX_ELIMIT, "%s: '%s' is too large", w->where, path));
    snprintf(name, sizeof name, "%s.weight", path);
    weight = find(w, name);
    if (!weight) return fail_missing(w, name);
    *m = (cx__weight){ .name = weight->name, .rows = rows, .cols = cols };
    const cx__quant_parts parts = { .weight = &weight->t,
                                    .scales = part(w, path, "scales"),
                                    .biases = part(w, path, "biases"),
                                    .global_scale = part(w, path, "global_scale") };
    ok = parts.scales ? packed(w, weight, &parts, experts, m) : plain(w, weight, experts, m);
    if (!ok) return NULL;
    snprintf(name, sizeof name, "%s.bias", path);
    if (!experts) m->bias = vector(w, rows, name, false);
    else if (find(w, name))
        return fail(w,
                    CX_FAIL(CX_EUNSUPPORTED, "%s: tensor '%s': biases of experts", w->where, name));
    return w->status == CX_OK ? m : NULL;
}

const cx__weight *cx__weight_matrix(cx__weights *w, size_t rows, size_t cols, const char *path, ...)
{
    char full[256];
    va_list args;
    va_start(args, path);
    vsnprintf(full, sizeof full, path, args);
    va_end(args);
    return matrix(w, 0, rows, cols, full);
}

const cx__weight *cx__weight_experts(cx__weights *w, size_t experts, size_t rows, size_t cols,
                                     const char *path, ...)
{
    char full[256];
    va_list args;
    va_start(args, path);
    vsnprintf(full, sizeof full, path, args);
    va_end(args);
    return matrix(w, experts, rows, cols, full);
}
