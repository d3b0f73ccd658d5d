/* cx_convert: a Hugging Face folder becomes an MLX folder. Order: parse, plan, then write aside,
 * sync, rename. Tested by tests/unit/test_convert.c and tests/oracle/oracle_convert.py. */
#include "convert/config.h"
#include "convert/manifest.h"
#include "convert/stage.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 64 }; /* of 6 MiB each */

typedef struct conversion {
    const char *source;
    cx_convert_options o; /* bits and group filled in */
    json_t *config;
    cx_tensors *tensors;
    cx__layout plan;
    cx__tensor_hash *hashes;
    cx__pool *pool;
    cx__stage stage;
    cx__manifest manifest;
} conversion;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the conversion");
}

/* ---- what is asked for ---- */

static cx_status check_options(cx_convert_options *o)
{
    static const int bits[] = { 2, 3, 4, 5, 6, 8 };
    bool known = false;
    if (o->recipe < 0 || o->recipe >= CX_RECIPES)
        return CX_FAIL(CX_EARG, "recipe %d: expected 0 to %d", (int)o->recipe, CX_RECIPES - 1);
    if (o->recipe != CX_RECIPE_NONE && !o->bits) o->bits = cx__recipe_bits(o->recipe);
    if (o->recipe == CX_RECIPE_NONE) o->bits = 0;
    if (!o->group_size) o->group_size = 64;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) known = known || o->bits == bits[i];
    if (o->bits && !known) return CX_FAIL(CX_EARG, "bits %d: expected 2, 3, 4, 5, 6 or 8", o->bits);
    if (o->group_size != 32 && o->group_size != 64 && o->group_size != 128)
        return CX_FAIL(CX_EARG, "group size %d: expected 32, 64 or 128", o->group_size);
    if (o->dtype_set && o->dtype != CX_F16 && o->dtype != CX_BF16 && o->dtype != CX_F32)
        return CX_FAIL(CX_EARG, "dtype %s: expected F16, BF16 or F32", cx_dtype_name(o->dtype));
    if (o->threads < 0) return CX_FAIL(CX_EARG, "threads %d: expected 0 or more", o->threads);
    return CX_OK;
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
static cx_status find_tied(conversion *c, const char *model_type, bool *tied)
{
    char where[512];
    snprintf(where, sizeof where, "%.480s/config.json", c->source);
    *tied = !strcmp(model_type, "gpt2") || !cx_tensors_find(c->tensors, "lm_head.weight");
    CX_TRY(cx__json_bool(c->config, where, "tie_word_embeddings", tied));
    if (!*tied && !json_is_boolean(json_object_get(c->config, "tie_word_embeddings")) &&
        json_object_set_new(c->config, "tie_word_embeddings", json_false()))
        return no_memory();
    return CX_OK;
}

static cx_status make_plan(conversion *c)
{
    const char *model_type = json_string_value(json_object_get(c->config, "model_type"));
    cx__spec po = { .bits = c->o.bits, .group = c->o.group_size };
    if (!model_type)
        return CX_FAIL(CX_EFORMAT, "%s/config.json: 'model_type' is missing or no string",
                       c->source);
    const cx__arch *arch = cx__arch_find(model_type);
    if (!arch)
        cx__log(CX_LOG_WARN,
                "%s: model_type '%s' is not known here: matrices are packed by their names "
                "and shapes, names are kept; whether MLX reads the result is not certain",
                c->source, model_type);
    if (!c->o.dtype_set) dtype_of_config(c->config, &c->o);
    po.renames = cx__arch_renames(arch);
    po.dtype_set = c->o.dtype_set;
    po.dtype = c->o.dtype;
    CX_TRY(find_tied(c, model_type, &po.tied));
    CX_TRY(cx__layout_make(c->tensors, &po, &c->plan));
    if (c->o.bits && !c->plan.packed)
        return CX_FAIL(CX_ESHAPE,
                       "%s: no matrix has rows that are a multiple of the group size, %d",
                       c->source, c->o.group_size);
    return cx__config_quantize(c->config, &c->plan);
}

/* ---- the small files ---- */

/* "org/name" of a folder in the hub cache, else NULL. Caller cx__free()s. */
static char *hub_name(const char *source)
{
    const char *at = strstr(source, "/models--");
    char *name, *dashes;
    if (!at || !strstr(at, "/snapshots/")) return NULL;
    at += strlen("/models--");
    name = cx__strndup(at, strcspn(at, "/"));
    dashes = name ? strstr(name, "--") : NULL;
    if (dashes) {
        *dashes = '/';
        memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    }
    return name;
}

static int wanted(const struct dirent *e)
{
    static const char *const patterns[] = {
        "*.py",
        "*.jinja",
        "*.tiktoken",
        "*.model",
        "tokenizer*.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "LICENSE*",
        "chat_template.json",
        "added_tokens.json",
        "special_tokens_map.json",
        "generation_config.json",
        "NOTICE*",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (fnmatch(patterns[i], e->d_name, FNM_PERIOD) == 0) return 1;
    return 0;
}

static cx_status copy_one(conversion *c, const char *name)
{
    char *path = cx__path_join(c->source, name);
    struct stat info;
    cx_status st = path ? CX_OK : no_memory();
    bool file = st == CX_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (file) st = cx__link_check(c->source, path);
    if (file && st == CX_OK) st = cx__manifest_copy(&c->manifest, c->source, name);
    cx__free(path);
    return st;
}

static cx_status copy_files(conversion *c)
{
    struct dirent **list = NULL;
    cx_status st = CX_OK;
    int n = scandir(c->source, &list, wanted, alphasort);
    if (n < 0) return CX_FAIL(CX_EIO, "%s: cannot list this folder", c->source);
    for (int i = 0; i < n; i++) {
        if (st == CX_OK) st = copy_one(c, list[i]->d_name);
        free(list[i]); /* libc's */
    }
    free(list);
    return st;
}

/* Takes over text. */
static cx_status put_text(conversion *c, const char *name, char *text, size_t len)
{
    cx_status st = cx__manifest_put(&c->manifest, name, text, len);
    cx__free(text);
    return st;
}

static cx_status put_files(conversion *c, const char *base_model)
{
    char *text = NULL, name[64];
    size_t len = 0;
    for (size_t i = 0; i < c->plan.shards; i++) {
        cx__shard_file(name, i, c->plan.shards);
        CX_TRY(cx__manifest_add_shard(&c->manifest, name));
    }
    CX_TRY(cx__config_text(c->config, &text, &len));
    CX_TRY(put_text(c, "config.json", text, len));
    CX_TRY(cx__shard_index_text(c->plan.outputs, c->plan.output_count, c->plan.shard_of,
                                c->plan.shards, c->plan.parameters, &text, &len));
    CX_TRY(put_text(c, "model.safetensors.index.json", text, len));
    CX_TRY(cx__card_text(c->source, base_model, &text, &len));
    CX_TRY(put_text(c, "README.md", text, len));
    return copy_files(c);
}

/* Now, or SOURCE_DATE_EPOCH for builds that must repeat, as 2026-11-23T20:15:00Z. */
static void time_text(char *out, size_t len)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = fixed ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || !strftime(out, len, "%Y-%m-%dT%H:%M:%SZ", &tm)) *out = '\0';
}

/* The source's name: of the hub, else the last part of its path. */
static json_t *head_json(const conversion *c, const char *base_model)
{
    char when[32];
    size_t len = strlen(c->source);
    while (len > 1 && c->source[len - 1] == '/') len--;
    const char *name = c->source + len;
    while (name > c->source && name[-1] != '/') name--;
    time_text(when, sizeof when);
    json_t *source = base_model ? json_string(base_model)
                                : json_stringn(name, (size_t)(c->source + len - name));
    json_t *head = json_pack("{s:s, s:o, s:s, s:s}", "cortex", CX_VERSION, "source",
                             source ? source : json_null(), "time", when, "recipe",
                             cx_recipe_name(c->o.recipe));
    if (!head || !c->plan.bits) return head;
    json_object_set_new(head, "bits", json_integer(c->plan.bits));
    json_object_set_new(head, "group_size", json_integer(c->plan.group));
    json_object_set_new(head, "rule", json_string(c->o.cpu_rule ? "cpu" : "gpu"));
    return head;
}

/* ---- the whole ---- */

static cx_status check_not_source(const char *source, const char *target)
{
    struct stat a, b;
    if (stat(source, &a) != 0 || stat(target, &b) != 0) return CX_OK; /* opening tells */
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: is the source itself; expected another folder", target);
}

static cx_status build(conversion *c)
{
    char *base_model = hub_name(c->source);
    cx__job_options jo = { c->o.cpu_rule, c->pool, c->o.progress, c->o.user };
    cx_status st = cx__manifest_new(c->stage.path, &c->manifest);
    if (st == CX_OK) st = cx__job_run(&c->plan, c->tensors, c->stage.path, &jo, c->hashes);
    if (st == CX_OK) st = put_files(c, base_model);
    if (st == CX_OK)
        st = cx__manifest_finish(&c->manifest, &c->plan, c->hashes, head_json(c, base_model));
    if (st == CX_OK) st = cx__stage_commit(&c->stage);
    cx__free(base_model);
    return st;
}

static cx_status convert(conversion *c, const char *target)
{
    int threads = c->o.threads;
    if (!cx__path_is_dir(c->source)) return CX_FAIL(CX_ENOTFOUND, "%s: no such folder", c->source);
    CX_TRY(check_options(&c->o));
    CX_TRY(check_not_source(c->source, target));
    CX_TRY(cx__config_load(c->source, &c->config));
    CX_TRY(cx_tensors_open(c->source, &c->tensors));
    CX_TRY(make_plan(c));
    if (!(c->hashes = cx__calloc(c->plan.output_count, sizeof *c->hashes))) return no_memory();
    if (!threads) threads = cx__cpu_count();
    CX_TRY(cx__pool_new(threads < THREADS_MAX ? threads : THREADS_MAX, &c->pool));
    CX_TRY(cx__stage_begin(target, c->o.force, &c->stage));
    return build(c);
}

static void fill_result(const conversion *c, double seconds, cx_convert_result *r)
{
    const cx__layout *p = &c->plan;
    double parameters = p->parameters ? (double)p->parameters : 1;
    *r = (cx_convert_result){ .bytes_in = p->bytes_in,
                              .bytes_out = p->bytes_out,
                              .parameters = p->parameters,
                              .bits_per_weight = (double)p->bytes_out * 8 / parameters,
                              .seconds = seconds,
                              .tensors = p->entry_count,
                              .quantized = p->packed,
                              .shards = p->shards };
}

cx_status cx_convert(const char *source, const char *target, const cx_convert_options *options,
                     cx_convert_result *result)
{
    conversion c = { .source = source, .stage = { .lock = -1 } };
    double began = cx__now();
    if (options) c.o = *options;
    cx_status st = convert(&c, target);
    if (st == CX_OK && result) fill_result(&c, cx__now() - began, result);
    cx__stage_end(&c.stage);
    cx__manifest_free(&c.manifest);
    cx__pool_free(c.pool);
    cx__free(c.hashes);
    cx__layout_free(&c.plan);
    cx_tensors_close(c.tensors);
    json_decref(c.config);
    return st;
}
