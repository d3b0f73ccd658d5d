/* config.json as mlx_lm.convert 0.32.2 writes it (its utils.py, load_config and save_config).
 * Tested by tests/unit/test_convert_files.c and tests/oracle/oracle_convert.py. */
#include "convert/config.h"

#include <string.h>

enum { CONFIG_MAX = 64 << 20 };

static cx_status no_memory(const char *what)
{
    return CX_FAIL(CX_ENOMEM, "no memory for %s", what);
}

/* The ids that end a text come from generation_config.json where it names any; one that cannot be
 * parsed is ignored, both as mlx-lm does. */
static cx_status take_eos(const char *folder, json_t *config)
{
    json_t *generation = NULL;
    char *path = cx__path_join(folder, "generation_config.json");
    if (!path) return no_memory("a path");
    if (cx__path_exists(path) && cx__json_load(path, CONFIG_MAX, &generation) != CX_OK)
        cx__log(CX_LOG_WARN, "%s; ignored", cx_error());
    cx__free(path);
    json_t *eos = json_object_get(generation, "eos_token_id");
    bool some = (json_is_integer(eos) && json_integer_value(eos) != 0) || json_array_size(eos) > 0;
    int bad = some && json_object_set(config, "eos_token_id", eos);
    json_decref(generation);
    return bad ? no_memory("config.json") : CX_OK;
}

/* ModelOpt says beside config.json how it quantized; foreign.c looks for it in the config. */
static cx_status take_hf_quant(const char *folder, json_t *config)
{
    json_t *quant = NULL;
    char *path = cx__path_join(folder, "hf_quant_config.json");
    cx_status st = path ? CX_OK : no_memory("a path");
    if (st == CX_OK && cx__path_exists(path)) st = cx__json_load(path, CONFIG_MAX, &quant);
    cx__free(path);
    if (st == CX_OK && quant && json_object_set(config, "hf_quant_config", quant))
        st = no_memory("config.json");
    json_decref(quant);
    return st;
}

cx_status cx__config_load(const char *folder, json_t **out)
{
    json_t *config = NULL;
    char *path = cx__path_join(folder, "config.json");
    if (!path) return no_memory("a path");
    cx_status st = cx__json_load(path, CONFIG_MAX, &config);
    if (st == CX_OK && !json_is_object(config))
        st = CX_FAIL(CX_EFORMAT, "%s: expected a JSON object", path);
    cx__free(path);
    if (st == CX_OK) st = take_hf_quant(folder, config);
    if (st == CX_OK) st = take_eos(folder, config);
    if (st != CX_OK) {
        json_decref(config);
        return st;
    }
    json_object_del(config, "_name_or_path");
    json_object_del(config, "vision_config");
    *out = config;
    return CX_OK;
}

static json_t *packing_json(const cx__choice *p)
{
    return json_pack("{s:i, s:i, s:s}", "group_size", p->group, "bits", p->bits, "mode",
                     p->mode->name);
}

cx_status cx__config_quantize(json_t *config, const cx__plan_table *table)
{
    const cx__choice *d = &table->standard;
    if (!table->packed) return CX_OK;
    json_t *q = packing_json(d);
    int bad = !q;
    for (size_t i = 0; i < table->count && !bad; i++) {
        const cx__choice *how = &table->list[i].how;
        if (!how->mode || (how->mode == d->mode && how->bits == d->bits && how->group == d->group))
            continue;
        bad = json_object_set_new(q, table->list[i].path, packing_json(how));
    }
    bad = bad || json_object_set(config, "quantization", q) ||
          json_object_set_new(config, "quantization_config", json_deep_copy(q));
    json_decref(q);
    return bad ? no_memory("config.json") : CX_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The members of o by key (code points, as Python sorts), what is in them as it was. */
static json_t *sorted_object(json_t *o)
{
    size_t n = json_object_size(o), i = 0;
    const char **keys = cx__alloc_array(n ? n : 1, sizeof *keys), *key;
    json_t *sorted = keys ? json_object() : NULL, *value;
    json_object_foreach(o, key, value) if (keys && i < n) keys[i++] = key;
    if (keys) qsort(keys, i, sizeof *keys, by_text);
    for (size_t j = 0; j < i && sorted; j++) {
        if (!json_object_set(sorted, keys[j], json_object_get(o, keys[j]))) continue;
        json_decref(sorted);
        sorted = NULL;
    }
    cx__free(keys);
    return sorted;
}

cx_status cx__config_text(const json_t *config, char **text, size_t *len)
{
    cx__buf b = { .max = (size_t)4 * CONFIG_MAX };
    json_t *sorted = sorted_object((json_t *)(uintptr_t)config);
    bool ok = sorted && cx__json_dump(&b, sorted, 4, false);
    json_decref(sorted);
    if (!ok) {
        cx__buf_free(&b);
        return no_memory("config.json");
    }
    *len = b.len;
    *text = b.data;
    return CX_OK;
}
