/* What was asked for, in conversion.json, and whether a folder that is there was made so. Tested by
 * tests/unit/test_convert_request.c. */
#include "convert/request.h"
#include "convert/hash.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for conversion.json");
}

/* "org/name" of a folder in the hub cache, else NULL. Caller cx__free()s. */
char *cx__hub_name(const char *source)
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

/* The commit of a snapshot in the hub cache, else NULL. Caller cx__free()s. */
static char *hub_revision(const char *source)
{
    static const char mark[] = "/snapshots/";
    const char *at = strstr(source, "/models--") ? strstr(source, mark) : NULL;
    return at ? cx__strndup(at + strlen(mark), strcspn(at + strlen(mark), "/")) : NULL;
}

/* The last part of a path. Caller cx__free()s. */
static char *last_part(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    const char *name = path + len;
    while (name > path && name[-1] != '/') name--;
    return cx__strndup(name, (size_t)(path + len - name));
}

/* Now, or SOURCE_DATE_EPOCH for builds that must repeat, as 2026-11-23T20:15:00Z. */
static void time_text(char *out, size_t len)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = fixed ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || !strftime(out, len, "%Y-%m-%dT%H:%M:%SZ", &tm)) *out = '\0';
}

/* ---- state of the source ---- */

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool put_state(cx__buf *b, const char *name, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return true;
    return cx__buf_printf(b, "%s %lld %lld.%09ld\n", name, (long long)st.st_size,
                          (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static bool put_folder(cx__buf *b, const char *folder)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, visible, alphasort);
    bool good = n >= 0;
    for (int i = 0; i < n; i++) {
        char *path = good ? cx__path_join(folder, list[i]->d_name) : NULL;
        good = path && put_state(b, list[i]->d_name, path);
        cx__free(path);
        free(list[i]); /* libc's */
    }
    free(list);
    return good;
}

cx_status cx__source_state(const char *path, char out[17])
{
    cx__buf b = { .max = 64 << 20 };
    bool folder = cx__path_is_dir(path);
    const char *slash = strrchr(path, '/');
    char *config = cx__format("%.*sconfig.json", slash ? (int)(slash + 1 - path) : 0, path);
    bool good = folder ? put_folder(&b, path)
                       : config && put_state(&b, "", path) && put_state(&b, "config.json", config);
    cx__free(config);
    if (good) cx__hash_text(cx__hash(b.data ? b.data : "", b.len), out);
    cx__buf_free(&b);
    return good ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: no memory for the list of its files", path);
}

/* ---- what was asked for ---- */

/* Keys that must be equal for a folder to be what is asked for, in the order of sentences. */
static const char *const compared[] = {
    "source",        "revision",      "source_state", "bits",       "group_size",
    "mode",          "recipe",        "dtype",        "rule",       "rules",
    "critical_bits", "standard_bits", "critical",     "dequantize",
};
enum { COMPARED = sizeof compared / sizeof *compared };

static int put(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value);
}

static int put_source(json_t *o, const char *path, const char *state, const cx_convert_options *opt)
{
    char *hub = cx__hub_name(path), *revision = hub_revision(path), *last = last_part(path);
    const char *name = opt->name ? opt->name : hub ? hub : last;
    int bad = put(o, "source", json_string(name ? name : ""));
    if (opt->revision || revision)
        bad |= put(o, "revision", json_string(opt->revision ? opt->revision : revision));
    else bad |= put(o, "source_state", json_string(state));
    cx__free(hub);
    cx__free(revision);
    cx__free(last);
    return bad;
}

static int put_mixed(json_t *o, const cx_convert_options *opt)
{
    int bad = put(o, "critical_bits", json_integer(opt->critical_bits)) |
              put(o, "standard_bits", json_integer(opt->standard_bits));
    if (!opt->critical) return bad;
    json_t *list = json_array();
    for (const char *const *c = opt->critical; *c; c++)
        bad |= json_array_append_new(list, json_string(*c));
    return bad | put(o, "critical", list);
}

cx_status cx__request_make(const char *path, const char *state, const cx_convert_options *opt,
                           const cx__rules *rules, json_t **out)
{
    cx__choice p;
    char hash[17];
    CX_TRY(cx__recipe_packing(opt, &p));
    json_t *o = json_object();
    int bad = !o || put_source(o, path, state, opt) ||
              put(o, "recipe", json_string(cx_recipe_name(opt->recipe)));
    if (!bad && p.mode)
        bad = put(o, "bits", json_integer(p.bits)) || put(o, "group_size", json_integer(p.group)) ||
              put(o, "mode", json_string(p.mode->name)) ||
              put(o, "rule", json_string(opt->cpu_rule ? "cpu" : "gpu"));
    if (!bad && opt->dtype_set) bad = put(o, "dtype", json_string(cx_dtype_name(opt->dtype)));
    if (!bad && opt->recipe == CX_RECIPE_MIXED_PRECISION) bad = put_mixed(o, opt);
    if (!bad && opt->dequantize) bad = put(o, "dequantize", json_true());
    if (!bad && opt->predicate) bad = put(o, "predicate", json_true());
    if (!bad && rules) {
        cx__hash_text(cx__rules_hash(rules), hash);
        bad = put(o, "rules", json_string(hash));
    }
    if (!bad) return *out = o, CX_OK;
    json_decref(o);
    return no_memory();
}

static bool is_auto(const json_t *request)
{
    const char *recipe = json_string_value(json_object_get(request, "recipe"));
    return recipe && !strcmp(recipe, "auto");
}

json_t *cx__request_head(const json_t *request, const char *method, const cx__layout *plan)
{
    char when[32];
    double parameters = plan->parameters ? (double)plan->parameters : 1;
    time_text(when, sizeof when);
    json_t *head = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:f, s:I, s:I}", "cortex", CX_VERSION, "time", when, "format",
        "mlx", "parameters", (json_int_t)plan->parameters, "bytes", (json_int_t)plan->bytes_out,
        "bits_per_weight", (double)plan->bytes_out * 8 / parameters, "modules",
        (json_int_t)plan->entries.count, "quantized", (json_int_t)plan->table.packed);
    int bad = !head || json_object_update(head, (json_t *)(uintptr_t)request);
    if (!bad && method) bad = put(head, "source_quantization", json_string(method));
    if (!bad && !method && is_auto(head)) bad = put(head, "recipe", json_string("speed"));
    if (!bad) return head;
    json_decref(head);
    return NULL;
}

/* A value for a sentence. Caller cx__free()s. */
static char *value_text(const json_t *v)
{
    cx__buf b = { .max = 4096 };
    if (!v) return cx__strdup("none");
    if (json_is_string(v)) return cx__strdup(json_string_value(v));
    cx__json_dump(&b, v, -1, false);
    return cx__buf_take(&b);
}

static cx_status differs(const char *target, const char *key, const json_t *was, const json_t *is)
{
    char *old = value_text(was), *new = value_text(is);
    cx_status st = CX_FAIL(CX_EEXIST,
                           "%s: exists already, but made with another %s (%s, asked for is %s); "
                           "--force replaces it",
                           target, strcmp(key, "source_state") ? key : "state of the source",
                           old ? old : "", new ? new : "");
    cx__free(old);
    cx__free(new);
    return st;
}

/* Of a source that is not quantized, auto is speed, and is noted as that. */
static bool is_speed(const json_t *made, const json_t *request)
{
    const char *was = json_string_value(json_object_get(made, "recipe"));
    return is_auto(request) && was && !strcmp(was, "speed") &&
           !json_object_get(made, "source_quantization");
}

cx_status cx__request_compare(const char *target, const json_t *made, const json_t *request)
{
    for (size_t i = 0; i < COMPARED; i++) {
        const json_t *was = json_object_get(made, compared[i]);
        const json_t *is = json_object_get(request, compared[i]);
        if (!was && !is) continue;
        if (was && is && json_equal(was, is)) continue;
        if (!strcmp(compared[i], "recipe") && is_speed(made, request)) continue;
        return differs(target, compared[i], was, is);
    }
    if (!json_object_get(made, "predicate") && !json_object_get(request, "predicate")) return CX_OK;
    return CX_FAIL(CX_EEXIST,
                   "%s: exists already; whether a predicate chose the same cannot be told; --force "
                   "replaces it",
                   target);
}
