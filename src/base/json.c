/* JSON trees: strict parsing into jansson's values, typed getters. Tested by
 * tests/unit/test_base_json.c and tests/fuzz/fuzz_json.c. */
#include "base/json.h"
#include "base/file.h"
#include "base/json_scan.h"
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Jansson's memory comes from the one entry too, unless the program chose its own. Blocks that
 * were made before stay valid: both ends are malloc and free. */
static void use_our_memory(void)
{
    json_malloc_t get;
    json_free_t give;
    json_get_alloc_funcs(&get, &give);
    if (get == malloc && give == free) json_set_alloc_funcs(cx__alloc, cx__free);
}

static json_t *float_object(double v)
{
    const char *name = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
    json_t *o = json_object();
    if (o && json_object_set_new(o, "__float__", json_string(name)) == 0) return o;
    json_decref(o);
    return NULL;
}

/* The value that an event begins, NULL without memory. Containers are empty. */
static json_t *new_value(const cx__json_scan *s, cx__json_event e)
{
    switch (e) {
    case CX__JSON_OBJECT: return json_object();
    case CX__JSON_ARRAY: return json_array();
    case CX__JSON_STRING: return json_stringn_nocheck(s->text, s->len);
    case CX__JSON_INT: return json_integer(s->integer);
    case CX__JSON_REAL: return json_real(s->real);
    case CX__JSON_FLOAT: return float_object(s->real);
    case CX__JSON_TRUE: return json_true();
    case CX__JSON_FALSE: return json_false();
    default: return json_null();
    }
}

typedef struct builder {
    cx__json_scan scan;
    json_t *root, *open[CX__JSON_DEPTH]; /* open containers, borrowed */
    int depth;
    cx__buf key; /* pending key of the innermost object */
} builder;

static cx_status take_key(builder *b)
{
    cx__buf_clear(&b->key);
    if (!cx__buf_append(&b->key, b->scan.text, b->scan.len))
        return CX_FAIL(CX_ENOMEM, "%s: no memory for a JSON key", b->scan.where);
    if (json_object_get(b->open[b->depth - 1], b->key.data))
        return CX_FAIL(CX_EFORMAT, "%s: JSON: duplicate key \"%s\"", b->scan.where, b->key.data);
    return CX_OK;
}

static cx_status add_value(builder *b, cx__json_event e)
{
    json_t *v = new_value(&b->scan, e), *parent = b->depth ? b->open[b->depth - 1] : NULL;
    int bad = !v;
    if (!bad && !parent) b->root = v;
    if (!bad && json_is_object(parent)) bad = json_object_set_new_nocheck(parent, b->key.data, v);
    else if (!bad && parent) bad = json_array_append_new(parent, v);
    if (bad) return CX_FAIL(CX_ENOMEM, "%s: no memory for JSON values", b->scan.where);
    if (e == CX__JSON_OBJECT || e == CX__JSON_ARRAY) b->open[b->depth++] = v;
    return CX_OK;
}

static cx_status build(builder *b)
{
    cx__json_event e;
    for (;;) {
        CX_TRY(cx__json_next(&b->scan, &e));
        if (e == CX__JSON_END) return CX_OK;
        if (e == CX__JSON_OBJECT_END || e == CX__JSON_ARRAY_END) b->depth--;
        else CX_TRY(e == CX__JSON_KEY ? take_key(b) : add_value(b, e));
    }
}

cx_status cx__json_parse(const char *text, size_t len, const char *where, json_t **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    builder b = { .key = { .max = len } };
    cx_status st;
    pthread_once(&once, use_our_memory);
    cx__json_scan_init(&b.scan, text, len, where);
    st = build(&b);
    cx__json_scan_deinit(&b.scan);
    cx__buf_free(&b.key);
    if (st != CX_OK) return json_decref(b.root), st;
    *out = b.root;
    return CX_OK;
}

cx_status cx__json_load(const char *path, size_t max, json_t **out)
{
    char *text;
    size_t len;
    cx_status st;
    CX_TRY(cx__read_file(path, max, &text, &len));
    st = cx__json_parse(text, len, path, out);
    cx__free(text);
    return st;
}

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    default: return "null";
    }
}

static cx_status fail_type(const char *where, const char *key, const char *want, const json_t *v)
{
    return CX_FAIL(CX_EFORMAT, "%s: \"%s\": expected %s, found %s", where, key, want, type_name(v));
}

static const json_t *member(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

cx_status cx__json_int(const json_t *o, const char *where, const char *key, int64_t lo, int64_t hi,
                       int64_t *out)
{
    const json_t *v = member(o, key);
    if (!v) return CX_OK;
    if (!json_is_integer(v)) return fail_type(where, key, "an integer", v);
    int64_t n = json_integer_value(v);
    if (n < lo || n > hi)
        return CX_FAIL(CX_EFORMAT,
                       "%s: \"%s\": expected %" PRId64 " to %" PRId64 ", found %" PRId64, where,
                       key, lo, hi, n);
    *out = n;
    return CX_OK;
}

/* A number, or {"__float__": name}. */
static bool number_of(const json_t *v, double *out)
{
    const char *name = json_string_value(json_object_get(v, "__float__"));
    if (json_is_number(v)) return *out = json_number_value(v), true;
    if (!name || json_object_size(v) != 1) return false;
    if (!strcmp(name, "NaN")) return *out = (double)NAN, true;
    if (!strcmp(name, "Infinity")) return *out = (double)INFINITY, true;
    if (!strcmp(name, "-Infinity")) return *out = -(double)INFINITY, true;
    return false;
}

cx_status cx__json_num(const json_t *o, const char *where, const char *key, double lo, double hi,
                       double *out)
{
    const json_t *v = member(o, key);
    double n;
    if (!v) return CX_OK;
    if (!number_of(v, &n)) return fail_type(where, key, "a number", v);
    if (!(n >= lo && n <= hi))
        return CX_FAIL(CX_EFORMAT, "%s: \"%s\": expected %g to %g, found %g", where, key, lo, hi,
                       n);
    *out = n;
    return CX_OK;
}

cx_status cx__json_bool(const json_t *o, const char *where, const char *key, bool *out)
{
    const json_t *v = member(o, key);
    if (!v) return CX_OK;
    if (!json_is_boolean(v)) return fail_type(where, key, "true or false", v);
    *out = json_is_true(v);
    return CX_OK;
}

cx_status cx__json_str(const json_t *o, const char *where, const char *key, const char **out)
{
    const json_t *v = member(o, key);
    if (!v) return CX_OK;
    if (!json_is_string(v)) return fail_type(where, key, "a string", v);
    *out = json_string_value(v);
    return CX_OK;
}
