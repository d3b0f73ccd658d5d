/* cx_convert: a Hugging Face folder becomes an MLX folder. Order: parse, plan, then write aside,
 * sync, rename. Tested by tests/unit/test_convert.c and tests/oracle/oracle_convert.py. */
#include "convert/chip.h"
#include "convert/config.h"
#include "convert/files.h"
#include "convert/request.h"
#include "convert/stage.h"

#include <string.h>

enum { THREADS_MAX = 32 }; /* of up to 10 MiB each: see the limit in convert.h */

typedef struct conversion {
    const char *path;
    cx_convert_options o; /* with what the recipe says filled in */
    cx__source *source;
    const cx__arch *arch;
    cx__rules *rules;
    cx__layout plan;
    cx__tensor_hash *hashes;
    cx__pool *pool;
    cx__stage stage;
    cx__manifest manifest;
    json_t *request; /* what was asked for, as conversion.json says it */
    char *target;    /* if it was not given */
    char state[17];  /* of the source's files before they were opened */
} conversion;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the conversion");
}

/* ---- what is asked for ---- */

static cx_status check_options(cx_convert_options *o)
{
    CX_TRY(cx__recipe_check(o));
    if (o->dtype_set && o->dtype != CX_F16 && o->dtype != CX_BF16 && o->dtype != CX_F32)
        return CX_FAIL(CX_EARG, "dtype %s: expected F16, BF16 or F32", cx_dtype_name(o->dtype));
    if (o->threads < 0) return CX_FAIL(CX_EARG, "threads %d: expected 0 or more", o->threads);
    return o->chip ? cx__chip_check(o->chip) : CX_OK;
}

cx_status cx_convert_check(const cx_convert_options *options)
{
    cx_convert_options copy = *options;
    return check_options(&copy);
}

/* torch_dtype, else text_config's dtype, else none: each tensor keeps its own (mlx-lm). */
static void dtype_of_config(const json_t *config, cx_convert_options *o)
{
    static const struct {
        const char *name;
        cx_dtype dtype;
    } names[] = { { "float16", CX_F16 }, { "bfloat16", CX_BF16 }, { "float32", CX_F32 } };
    const json_t *v = json_object_get(config, "torch_dtype");
    if (!v || json_is_null(v)) v = json_object_get(json_object_get(config, "text_config"), "dtype");
    const char *name = json_string_value(v);
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, name) != 0) continue;
        o->dtype_set = true;
        o->dtype = names[i].dtype;
    }
}

/* Without tie_word_embeddings in the config a head of its own counts: transformers' default is
 * "tied" for GPT-2 and "not tied" for Llama, mlx-lm's is "tied" for both. What is meant is then
 * written down for those who read the result. */
static cx_status find_tied(conversion *c, const char *where, const char *model_type, bool *tied)
{
    json_t *config = cx__source_config(c->source);
    const json_t *text = json_object_get(json_object_get(config, "text_config"),
                                         "tie_word_embeddings");
    *tied = !strcmp(model_type, "gpt2") ||
            !(cx__source_find(c->source, "lm_head.weight") ||
              cx__source_find(c->source, "language_model.lm_head.weight"));
    CX_TRY(cx__json_bool(config, where, "tie_word_embeddings", tied));
    if (json_is_boolean(text)) return CX_OK; /* which counts more, see cx__facts_read */
    if (!*tied && !json_is_boolean(json_object_get(config, "tie_word_embeddings")) &&
        json_object_set_new(config, "tie_word_embeddings", json_false()))
        return no_memory();
    return CX_OK;
}

static cx_status find_arch(conversion *c, const char *where, const char **model_type)
{
    *model_type = json_string_value(json_object_get(cx__source_config(c->source), "model_type"));
    if (!*model_type) return CX_FAIL(CX_EFORMAT, "%s: 'model_type' is missing or no string", where);
    c->arch = cx__arch_find(*model_type);
    if (!c->arch)
        cx__log(CX_LOG_WARN,
                "%s: model_type '%s' is not known here: matrices are packed by their names "
                "and shapes, names are kept; whether MLX reads the result is not certain",
                where, *model_type);
    return CX_OK;
}

/* The table of modules, before any weight is read. */
static cx_status make_plan(conversion *c)
{
    const char *model_type;
    char where[1024];
    bool tied;
    cx__entries entries = { 0 };
    cx__plan_table table = { 0 };
    snprintf(where, sizeof where, "%.1000s/config.json", cx__source_folder(c->source));
    CX_TRY(find_arch(c, where, &model_type));
    CX_TRY(find_tied(c, where, model_type, &tied));
    if (!c->o.dtype_set) dtype_of_config(cx__source_config(c->source), &c->o);
    CX_TRY(cx__entries_make(c->source, c->arch, tied, &entries));
    cx_status st = cx__entries_cast(&entries, c->arch, c->o.dtype_set, c->o.dtype);
    if (st == CX_OK) {
        cx__layout_order(&entries);
        st = cx__choose(&entries, c->arch, cx__source_config(c->source), where, &c->o, c->rules,
                        &table);
    }
    if (st == CX_OK) return cx__layout_make(&entries, &table, &c->plan);
    cx__entries_free(&entries);
    cx__plan_table_free(&table);
    return st;
}

static cx_status check_packed(const conversion *c)
{
    cx__choice asked;
    CX_TRY(cx__recipe_packing(&c->o, &asked));
    if (c->plan.table.packed || !asked.mode || c->o.predicate || c->rules ||
        cx__source_quantization(c->source))
        return CX_OK;
    return CX_FAIL(CX_ESHAPE, "%s: no matrix has rows that are a multiple of the group size, %d",
                   c->path, asked.group);
}

static cx_status tell_line(const conversion *c, const cx__entry *e)
{
    const cx__module *m = e->module == SIZE_MAX ? NULL : &c->plan.table.list[e->module];
    cx_convert_planned line = {
        .module = { .path = m ? m->path : e->name,
                    .shape = e->shape,
                    .ndim = e->ndim,
                    .layer = cx__layer_of(e->name),
                    .layers = c->plan.table.layers,
                    .source = e->parts[0]->s.packing,
                    .config = "{}" },
        .mode = m && m->how.mode ? m->how.mode->name : NULL,
        .bits = m ? m->how.bits : 0,
        .group_size = m ? m->how.group : 0,
        .kept = m && m->kept,
        .parameters = e->part_elements * e->part_count,
    };
    size_t outputs = cx__layout_outputs(&c->plan, e);
    line.dtype = cx_dtype_name(c->plan.outputs[e->output + (outputs > 1)].dtype);
    for (size_t i = 0; i < outputs; i++) line.bytes += c->plan.outputs[e->output + i].bytes;
    if (c->o.plan(c->o.plan_user, &line)) return CX_FAIL(CX_ECANCELED, "stopped");
    return CX_OK;
}

static cx_status tell_plan(const conversion *c)
{
    for (size_t i = 0; i < c->plan.entries.count && c->o.plan; i++)
        CX_TRY(tell_line(c, &c->plan.entries.list[i]));
    return CX_OK;
}

/* ---- the whole ---- */

static cx_status check_not_source(const char *source, const char *target)
{
    struct stat a, b;
    if (stat(source, &a) != 0 || stat(target, &b) != 0) return CX_OK; /* opening tells */
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: is the source itself; expected another folder", target);
}

/* A target that is there: *same, if it was made by the same request. */
static cx_status look_at_target(conversion *c, const char *target, cx_convert_result *r)
{
    json_t *made = NULL;
    if (c->o.force || !cx__path_is_dir(target)) return CX_OK;
    CX_TRY(cx__manifest_load(target, &made));
    cx_status st = made ? cx__request_compare(target, made, c->request) : CX_OK;
    r->cached = made && st == CX_OK;
    r->bytes_out = (uint64_t)json_integer_value(json_object_get(made, "bytes"));
    r->parameters = (uint64_t)json_integer_value(json_object_get(made, "parameters"));
    r->bits_per_weight = json_number_value(json_object_get(made, "bits_per_weight"));
    r->tensors = (size_t)json_integer_value(json_object_get(made, "modules"));
    r->quantized = (size_t)json_integer_value(json_object_get(made, "quantized"));
    json_decref(made);
    return st;
}

/* Weights are read where they lie, over minutes: who wrote to them meanwhile is found out here. */
static cx_status check_unchanged(const conversion *c)
{
    char now[17];
    CX_TRY(cx__source_state(c->path, now));
    if (!strcmp(now, c->state)) return CX_OK;
    return CX_FAIL(CX_EIO, "%s: files were changed, added or removed while they were read",
                   c->path);
}

static cx_status build(conversion *c)
{
    json_t *config = cx__source_config(c->source);
    const char *method = cx__source_quantization(c->source);
    char *hub = c->o.name ? cx__strdup(c->o.name) : cx__hub_name(c->path);
    cx__job_options jo = { c->o.cpu_rule, c->pool, c->o.progress, c->o.user };
    cx_status st = cx__config_quantize(config, &c->plan.table);
    if (st == CX_OK && c->o.chip) st = cx__chip_set(config, c->o.chip);
    if (st == CX_OK) st = cx__manifest_new(c->stage.path, &c->manifest);
    if (st == CX_OK) st = cx__job_run(&c->plan, c->source, c->stage.path, &jo, c->hashes);
    if (st == CX_OK) st = cx__files_put(c->source, &c->plan, hub, &c->manifest);
    if (st == CX_OK)
        st = cx__manifest_finish(&c->manifest, &c->plan, c->hashes,
                                 cx__request_head(c->request, method, &c->plan));
    if (st == CX_OK) st = check_unchanged(c);
    if (st == CX_OK) st = cx__stage_commit(&c->stage);
    cx__free(hub);
    return st;
}

static cx_status write_target(conversion *c, const char *target)
{
    int threads = c->o.threads ? c->o.threads : cx__cpu_count();
    if (!(c->hashes = cx__calloc(c->plan.output_count, sizeof *c->hashes))) return no_memory();
    CX_TRY(cx__pool_new(threads < THREADS_MAX ? threads : THREADS_MAX, &c->pool));
    CX_TRY(cx__stage_begin(target, c->o.force, &c->stage));
    return build(c);
}

/* The default target is named for the packing; codes that are kept have that of the source. */
static cx_status find_target(conversion *c)
{
    cx_convert_options named = c->o;
    if (named.recipe == CX_RECIPE_AUTO && !named.dequantize) {
        CX_TRY(cx__source_open(c->path, &c->source));
        if (cx__source_quantization(c->source)) named.recipe = CX_RECIPE_NONE;
    }
    return cx_convert_target(c->o.name ? c->o.name : c->path, &named, &c->target);
}

static cx_status convert(conversion *c, const char *target, cx_convert_result *r)
{
    CX_TRY(check_options(&c->o));
    if (!cx__path_exists(c->path))
        return CX_FAIL(CX_ENOTFOUND, "%s: no such file or folder", c->path);
    if (!target) CX_TRY(find_target(c));
    if (!target) target = c->target;
    snprintf(r->path, sizeof r->path, "%s", target);
    if (c->o.rules) CX_TRY(cx__rules_open(c->o.rules, &c->rules));
    CX_TRY(cx__source_state(c->path, c->state));
    CX_TRY(cx__request_make(c->path, c->state, &c->o, c->rules, &c->request));
    if (!c->o.dry_run) {
        CX_TRY(check_not_source(c->path, target));
        CX_TRY(look_at_target(c, target, r));
        if (r->cached) return c->o.chip ? cx_convert_chip(target, c->o.chip) : CX_OK;
    }
    if (!c->source) CX_TRY(cx__source_open(c->path, &c->source));
    CX_TRY(make_plan(c));
    CX_TRY(check_packed(c));
    CX_TRY(tell_plan(c));
    return c->o.dry_run ? CX_OK : write_target(c, target);
}

static void fill_result(const conversion *c, cx_convert_result *r)
{
    const cx__layout *p = &c->plan;
    double parameters = p->parameters ? (double)p->parameters : 1;
    if (r->cached) return;
    r->bytes_in = p->entries.bytes_in;
    r->bytes_out = p->bytes_out;
    r->parameters = p->parameters;
    r->bits_per_weight = (double)p->bytes_out * 8 / parameters;
    r->tensors = p->entries.count;
    r->quantized = p->table.packed;
    r->shards = p->shards;
}

cx_status cx_convert(const char *source, const char *target, const cx_convert_options *options,
                     cx_convert_result *result)
{
    conversion c = { .path = source, .stage = { .lock = -1 } };
    cx_convert_result r = { 0 };
    double began = cx__now();
    if (options) c.o = *options;
    cx_status st = convert(&c, target, &r);
    if (st == CX_OK && result) {
        fill_result(&c, &r);
        r.seconds = cx__now() - began;
        *result = r;
    }
    cx__stage_end(&c.stage);
    cx__manifest_free(&c.manifest);
    cx__pool_free(c.pool);
    cx__free(c.hashes);
    cx__layout_free(&c.plan);
    cx__source_close(c.source);
    cx__rules_free(c.rules);
    json_decref(c.request);
    cx__free(c.target);
    return st;
}
