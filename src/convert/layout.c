/* Outputs of a conversion: order, sizes, shards. Rules: mlx_lm 0.32.2 (utils.py make_shards).
 * Tested by tests/unit/test_convert.c. */
#include "convert/layout.h"

#include <stdlib.h>
#include <string.h>

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the plan of the conversion");
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
    long la = cx__layer_of(a->name), lb = cx__layer_of(b->name);
    int sa = section_of(a->name, la), sb = section_of(b->name, lb);
    if (sa != sb) return sa < sb ? -1 : 1;
    if (la != lb) return la < lb ? -1 : 1;
    int pla = place_in_layer(a->name), plb = place_in_layer(b->name);
    if (pla != plb) return pla < plb ? -1 : 1;
    return strcmp(a->name, b->name);
}

void cx__layout_order(cx__entries *entries)
{
    qsort(entries->list, entries->count, sizeof *entries->list, by_use);
}

/* ---- outputs ---- */

const cx__module *cx__layout_module(const cx__layout *p, const cx__entry *e)
{
    const cx__module *m = e->module == SIZE_MAX ? NULL : &p->table.list[e->module];
    return m && m->how.mode ? m : NULL;
}

size_t cx__layout_outputs(const cx__layout *p, const cx__entry *e)
{
    const cx__module *m = cx__layout_module(p, e);
    return !m ? 1 : m->how.mode->has_bias ? 3 : 2;
}

size_t cx__layout_bytes(const cx__layout *p, const cx__entry *e, size_t which, size_t n)
{
    const cx__module *m = cx__layout_module(p, e);
    if (!m) return n * cx_dtype_size(e->dtype);
    if (which == 0) return n / 8 * (size_t)m->how.bits;
    return n / (size_t)m->how.group * cx_dtype_size(p->outputs[e->output + which].dtype);
}

/* Adds one output: suffix replaces ".weight" of the entry's name, unless NULL; last its last
 * dimension. */
static cx_status add_output(cx__layout *p, const cx__entry *e, const char *suffix, cx_dtype dtype,
                            size_t last)
{
    cx_tensor t = { .dtype = dtype, .ndim = e->ndim };
    size_t stem = strlen(e->name) - (suffix ? strlen(".weight") : 0), count;
    memcpy(t.shape, e->shape, sizeof t.shape);
    if (suffix) t.shape[t.ndim - 1] = (int64_t)last;
    if (!cx__tensor_count(&t, &count) || !cx__mul(count, cx_dtype_size(dtype), &t.bytes))
        return CX_FAIL(CX_ESHAPE, "'%s': too large", e->name);
    t.name = cx__format("%.*s%s", (int)stem, e->name, suffix ? suffix : "");
    if (!t.name) return no_memory();
    p->outputs[p->output_count++] = t;
    p->bytes_out += t.bytes;
    return CX_OK;
}

static cx_status add_packed(cx__layout *p, const cx__entry *e, const cx__module *m)
{
    const cx_quant_spec spec = { .mode = m->how.mode, .bits = m->how.bits, .group = m->how.group };
    const cx_tensor row = { .name = e->name,
                            .dtype = e->dtype,
                            .ndim = 2,
                            .shape = { 1, (int64_t)e->cols },
                            .bytes = e->cols * cx_dtype_size(e->dtype) };
    cx_quant_size size;
    CX_TRY(cx_quant_bytes(&row, &spec, &size));
    size_t groups = e->cols / (size_t)m->how.group;
    CX_TRY(add_output(p, e, ".weight", CX_U32, size.q / 4));
    CX_TRY(add_output(p, e, ".scales", size.scale_dtype, groups));
    return m->how.mode->has_bias ? add_output(p, e, ".biases", size.scale_dtype, groups) : CX_OK;
}

static cx_status fill_outputs(cx__layout *p)
{
    size_t n = p->entries.count;
    if (!(p->outputs = cx__calloc(n, 3 * sizeof *p->outputs))) return no_memory();
    for (size_t i = 0; i < n; i++) {
        cx__entry *e = &p->entries.list[i];
        const cx__module *m = cx__layout_module(p, e);
        size_t count = e->part_elements * e->part_count; /* checked by entries.c */
        e->output = p->output_count;
        e->first = p->pieces;
        p->pieces += count / e->step + (count % e->step != 0);
        p->parameters += count;
        p->bytes_read += count * cx_dtype_size(e->from);
        CX_TRY(m ? add_packed(p, e, m) : add_output(p, e, NULL, e->dtype, 0));
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

cx_status cx__layout_make(cx__entries *entries, cx__plan_table *table, cx__layout *out)
{
    cx__layout p = { .entries = *entries, .table = *table };
    *entries = (cx__entries){ 0 };
    *table = (cx__plan_table){ 0 };
    cx_status st = fill_outputs(&p);
    if (st == CX_OK) st = fill_shards(&p);
    if (st == CX_OK) *out = p;
    else cx__layout_free(&p);
    return st;
}

void cx__layout_free(cx__layout *p)
{
    for (size_t i = 0; i < p->output_count; i++) cx__free((char *)(uintptr_t)p->outputs[i].name);
    cx__entries_free(&p->entries);
    cx__plan_table_free(&p->table);
    cx__free(p->outputs);
    cx__free(p->shard_of);
    cx__free(p->index_of);
    *p = (cx__layout){ 0 };
}
