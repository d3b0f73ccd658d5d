/* The table of a conversion: names, order, dtypes, packing, outputs, shards. Rules: mlx.md of the
 * design notes, from mlx_lm 0.32.2 (convert.py, utils.py quantize_model). Tested by
 * tests/unit/test_convert.c. */
#include "convert/layout.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the plan of the conversion");
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

static bool is_float(cx_dtype d)
{
    return d == CX_F16 || d == CX_BF16 || d == CX_F32;
}

/* ---- order of use ---- */

/* Place of a tensor within a layer, by parts of the names that checkpoints use. */
static int place_in_layer(const char *name)
{
    static const char *const parts[][3] = {
        { "input_layernorm", "ln_1", "attention_norm" },
        { "q_proj", "c_attn", "qkv" },
        { "k_proj", "wk.", "key" },
        { "v_proj", "wv.", "value" },
        { "o_proj", "attn.c_proj", "attn.dense" },
        { "post_attention_layernorm", "ln_2", "ffn_norm" },
        { "gate_proj", "c_fc", "gate_up" },
        { "up_proj", "h_to_4h", "fc1" },
        { "down_proj", "mlp.c_proj", "fc2" },
    };
    int n = (int)(sizeof parts / sizeof *parts);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < 3; j++)
            if (strstr(name, parts[i][j])) return i;
    }
    return n;
}

/* Number of the first path component that is one, -1 if there is none. */
static long layer_of(const char *name)
{
    for (const char *s = name; s && *s;) {
        size_t n = strspn(s, "0123456789");
        if (n && n < 9 && (s[n] == '.' || !s[n])) return strtol(s, NULL, 10);
        s = strchr(s, '.');
        if (s) s++;
    }
    return -1;
}

/* 0 what turns tokens into vectors, 1 the layers, 2 what is behind them, 3 the head. */
static int section_of(const char *name, long layer)
{
    if (layer >= 0) return 1;
    if (strstr(name, "embed") || strstr(name, "wte") || strstr(name, "wpe")) return 0;
    return strstr(name, "lm_head") ? 3 : 2;
}

static int by_use(const void *pa, const void *pb)
{
    const cx__entry *a = pa, *b = pb;
    long la = layer_of(a->name), lb = layer_of(b->name);
    int sa = section_of(a->name, la), sb = section_of(b->name, lb);
    if (sa != sb) return sa < sb ? -1 : 1;
    if (la != lb) return la < lb ? -1 : 1;
    int pla = place_in_layer(a->name), plb = place_in_layer(b->name);
    if (pla != plb) return pla < plb ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* ---- entries ---- */

static cx_status take_dtype(const cx_tensors *src, const cx__spec *o, cx__entry *e)
{
    cx_dtype d = e->src->dtype;
    if (d == CX_F8_E4M3 || d == CX_F8_E5M2 || d == CX_F8_E8M0)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': dtype %s: expected an unquantized checkpoint",
                       cx_tensors_path(src, e->src), e->src->name, cx_dtype_name(d));
    e->dtype = d == CX_F64 ? CX_F32 : d; /* MLX has no F64 */
    if (is_float(e->dtype) && o->dtype_set) e->dtype = o->dtype;
    return CX_OK;
}

static cx_status take_shape(const cx_tensors *src, cx__entry *e)
{
    const cx_tensor *t = e->src;
    char text[128];
    size_t count;
    if (!cx__tensor_count(t, &count))
        return CX_FAIL(CX_ESHAPE, "%s: '%s': %s is too large", cx_tensors_path(src, t), t->name,
                       cx__tensor_text(t, text, sizeof text));
    e->rows = 1;
    e->cols = count;
    e->step = CX__PIECE;
    if (t->ndim == 2) {
        e->rows = (size_t)t->shape[e->transpose];
        e->cols = (size_t)t->shape[!e->transpose];
    }
    if (!e->transpose) return CX_OK;
    if (t->ndim != 2)
        return CX_FAIL(CX_ESHAPE, "%s: '%s': expected two dimensions, found %s",
                       cx_tensors_path(src, t), t->name, cx__tensor_text(t, text, sizeof text));
    /* Pieces of a transposed tensor are whole rows of the result. */
    if (e->cols > CX__PIECE)
        return CX_FAIL(CX_ELIMIT, "%s: '%s': %s: expected at most %d rows", cx_tensors_path(src, t),
                       t->name, cx__tensor_text(t, text, sizeof text), CX__PIECE);
    if (e->cols) e->step = CX__PIECE / e->cols * e->cols;
    return CX_OK;
}

/* Renames and filters the tensors of the source into p->entries. */
static cx_status take_entries(const cx_tensors *src, const cx__spec *o, cx__layout *p)
{
    size_t n = cx_tensors_count(src);
    if (!(p->entries = cx__calloc(n ? n : 1, sizeof *p->entries))) return no_memory();
    for (size_t i = 0; i < n; i++) {
        const cx_tensor *t = cx_tensors_at(src, i);
        cx__entry *e = &p->entries[p->entry_count];
        cx__renamed r;
        CX_TRY(cx__rename_apply(o->renames, t->name, 0, &(cx__facts){ .tied = o->tied }, &r));
        const char *name = r.name;
        if (r.how & CX__DROP) continue;
        if (ends_with(name, ".scales") || ends_with(name, ".qweight") ||
            ends_with(name, ".weight_packed"))
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: '%s': this checkpoint is quantized already, expected "
                           "one that is not",
                           cx_tensors_path(src, t), t->name);
        *e = (cx__entry){ .src = t, .transpose = r.how == CX__TRANSPOSE };
        if (!(e->name = cx__strdup(name))) return no_memory();
        p->entry_count++;
        CX_TRY(take_dtype(src, o, e));
        CX_TRY(take_shape(src, e));
        p->bytes_in += t->bytes;
    }
    if (p->entry_count) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: holds no weights",
                   n ? cx_tensors_path(src, cx_tensors_at(src, 0)) : "the checkpoint");
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const cx__entry *const *)a)->name, (*(const cx__entry *const *)b)->name);
}

static cx_status check_names(const cx_tensors *src, const cx__layout *p)
{
    cx_status st = CX_OK;
    const cx__entry **sorted = cx__alloc_array(p->entry_count, sizeof *sorted);
    if (!sorted) return no_memory();
    for (size_t i = 0; i < p->entry_count; i++) sorted[i] = &p->entries[i];
    qsort(sorted, p->entry_count, sizeof *sorted, by_name);
    for (size_t i = 1; i < p->entry_count && st == CX_OK; i++) {
        const cx__entry *a = sorted[i - 1], *b = sorted[i];
        if (!strcmp(a->name, b->name))
            st = CX_FAIL(CX_EFORMAT, "%s: '%s' and '%s' both become '%s'",
                         cx_tensors_path(src, b->src), a->src->name, b->src->name, a->name);
    }
    cx__free(sorted);
    return st;
}

/* ---- packing ---- */

/* Linear and Embedding weights: matrices whose rows divide into groups. In the architectures that
 * run here every 2-D weight is one; in others the convolutions and norms are known by name. */
static bool is_packable(const cx__entry *e, int group)
{
    if (e->src->ndim != 2 || !is_float(e->dtype) || !e->rows || !e->cols) return false;
    if (!ends_with(e->name, ".weight") || strstr(e->name, "conv") || strstr(e->name, "norm"))
        return false;
    return e->cols % (size_t)group == 0;
}

/* Packing of one module. Every module gets the default today. */
static cx__module choose(const cx__spec *o, const cx__entry *e, const char *path)
{
    bool pack = o->bits && is_packable(e, o->group);
    return (cx__module){ path, pack ? o->bits : 0, pack ? o->group : 0 };
}

static cx_status fill_modules(const cx__spec *o, cx__layout *p)
{
    p->bits = o->bits;
    p->group = o->bits ? o->group : 0;
    if (!(p->modules = cx__calloc(p->entry_count, sizeof *p->modules))) return no_memory();
    for (size_t i = 0; i < p->entry_count; i++) {
        cx__entry *e = &p->entries[i];
        if (e->src->ndim != 2 || !ends_with(e->name, ".weight")) continue;
        char *path = cx__strndup(e->name, strlen(e->name) - strlen(".weight"));
        if (!path) return no_memory();
        cx__module *m = &p->modules[p->module_count++];
        *m = choose(o, e, path);
        e->bits = m->bits;
        e->group = m->group;
        p->packed += m->bits != 0;
    }
    return CX_OK;
}

/* ---- outputs ---- */

/* Adds one output: suffix replaces ".weight" of the entry's name, unless NULL. */
static cx_status add_output(cx__layout *p, const cx__entry *e, const char *suffix, cx_dtype dtype,
                            size_t last)
{
    cx_tensor t = { .dtype = dtype, .ndim = e->src->ndim };
    size_t stem = strlen(e->name) - (suffix ? strlen(".weight") : 0), count;
    memcpy(t.shape, e->src->shape, sizeof t.shape);
    if (e->transpose) {
        t.shape[0] = e->src->shape[1];
        t.shape[1] = e->src->shape[0];
    }
    if (suffix) t.shape[1] = (int64_t)last;
    if (!cx__tensor_count(&t, &count) || !cx__mul(count, cx_dtype_size(dtype), &t.bytes))
        return CX_FAIL(CX_ESHAPE, "'%s': too large", e->name);
    t.name = cx__format("%.*s%s", (int)stem, e->name, suffix ? suffix : "");
    if (!t.name) return no_memory();
    p->outputs[p->output_count++] = t;
    p->bytes_out += t.bytes;
    return CX_OK;
}

static cx_status fill_outputs(cx__layout *p)
{
    if (!(p->outputs = cx__calloc(p->entry_count, 3 * sizeof *p->outputs))) return no_memory();
    for (size_t i = 0; i < p->entry_count; i++) {
        cx__entry *e = &p->entries[i];
        size_t count = e->rows * e->cols; /* checked by take_shape */
        e->output = p->output_count;
        e->first = p->pieces;
        p->pieces += e->step ? (count + e->step - 1) / e->step : 0;
        p->parameters += count;
        if (!e->bits) {
            CX_TRY(add_output(p, e, NULL, e->dtype, 0));
            continue;
        }
        size_t groups = e->cols / (size_t)e->group;
        CX_TRY(add_output(p, e, ".weight", CX_U32, e->cols / 32 * (size_t)e->bits));
        CX_TRY(add_output(p, e, ".scales", e->dtype, groups));
        CX_TRY(add_output(p, e, ".biases", e->dtype, groups));
    }
    return CX_OK;
}

static cx_status fill_shards(cx__layout *p)
{
    p->shard_of = cx__calloc(p->output_count, sizeof *p->shard_of);
    p->index_of = cx__calloc(p->output_count, sizeof *p->index_of);
    if (!p->shard_of || !p->index_of) return no_memory();
    CX_TRY(cx__shards_split(p->outputs, p->output_count, CX__SHARD_BYTES, p->shard_of, &p->shards));
    for (size_t i = 1; i < p->output_count; i++)
        if (p->shard_of[i] == p->shard_of[i - 1]) p->index_of[i] = p->index_of[i - 1] + 1;
    return CX_OK;
}

cx_status cx__layout_make(const cx_tensors *src, const cx__spec *o, cx__layout *out)
{
    cx__layout p = { 0 };
    cx_status st = take_entries(src, o, &p);
    if (st == CX_OK) st = check_names(src, &p);
    if (st == CX_OK) {
        qsort(p.entries, p.entry_count, sizeof *p.entries, by_use);
        st = fill_modules(o, &p);
    }
    if (st == CX_OK) st = fill_outputs(&p);
    if (st == CX_OK) st = fill_shards(&p);
    if (st != CX_OK) {
        cx__layout_free(&p);
        return st;
    }
    *out = p;
    return CX_OK;
}

void cx__layout_free(cx__layout *p)
{
    for (size_t i = 0; i < p->entry_count; i++) cx__free(p->entries[i].name);
    for (size_t i = 0; i < p->module_count; i++) cx__free((char *)(uintptr_t)p->modules[i].path);
    for (size_t i = 0; i < p->output_count; i++) cx__free((char *)(uintptr_t)p->outputs[i].name);
    cx__free(p->entries);
    cx__free(p->modules);
    cx__free(p->outputs);
    cx__free(p->shard_of);
    cx__free(p->index_of);
    *p = (cx__layout){ 0 };
}
