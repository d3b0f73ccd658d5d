/* Chat templates: the public face of the engine in jinja_*.c.
 * Tested by tests/unit/test_template*.c and tests/fuzz/fuzz_template.c. */
#include <cortex/template.h>

#include "jinja_run.h"
#include <locale.h>
#include <math.h>

enum { MAX_TEXT = 8 << 20, MAX_VARIABLES = 64 << 20 };

struct cx_template {
    jctx c; /* owns the arena that all below lies in */
    char *name;
    jnames names;
    jstmt *body;
    const jname *loop_name;
};

void cx_template_free(cx_template *t)
{
    if (!t) return;
    cx__jarena_free(&t->c);
    cx__free(t->name);
    cx__free(t);
}

/* Copies text with line ends as \n and without the last one, as Jinja reads it. */
static char *normalize(jctx *c, const char *text, size_t len, size_t *out_len)
{
    char *copy = cx__jalloc(c, len), *to = copy;
    if (!copy) return NULL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') continue;
        *to++ = text[i] == '\r' ? '\n' : text[i];
    }
    if (to > copy && to[-1] == '\n') to--;
    *out_len = (size_t)(to - copy);
    return copy;
}

static cx_status parse(cx_template *t, const char *text, size_t len)
{
    char *copy;
    t->c.name = t->name;
    t->c.line = 1;
    t->c.fuel = SIZE_MAX; /* parsing is linear */
    if (len > MAX_TEXT)
        return CX_FAIL(CX_ELIMIT, "%s: template of %zu bytes, more than %d", t->name, len,
                       MAX_TEXT);
    if (!cx__jutf8_valid(text, len))
        return CX_FAIL(CX_EFORMAT, "%s: the template is not valid UTF-8", t->name);
    if (!(copy = normalize(&t->c, text, len, &len))) return t->c.status;
    t->body = cx__jparse(&t->c, &t->names, copy, len);
    t->loop_name = cx__jname_find(&t->names, &(jstr){ .p = "loop", .len = 4 });
    return t->c.status;
}

cx_status cx_template_parse(const char *name, const char *text, size_t len, cx_template **out)
{
    cx_template *t = cx__calloc(1, sizeof *t);
    cx_status st;
    if (!name || (!text && len)) st = CX_FAIL(CX_EARG, "cx_template_parse: no name or no text");
    else if (!t || !(t->name = cx__strdup(name))) st = CX_FAIL(CX_ENOMEM, "%s: no memory", name);
    else st = parse(t, text, len);
    if (st == CX_OK) return *out = t, CX_OK;
    cx_template_free(t);
    return st;
}

/* ---- variables ---- */

static jval from_json(jrun *r, const json_t *j);

/* base/json.h gives NaN and infinities as {"__float__": name}. */
static bool json_float(const json_t *j, jval *out)
{
    const char *text = json_object_size(j) == 1 ? json_string_value(json_object_get(j, "__float__"))
                                                : NULL;
    if (!text) return false;
    if (strcmp(text, "NaN") == 0) *out = cx__jfloat((double)NAN);
    else if (strcmp(text, "Infinity") == 0) *out = cx__jfloat((double)INFINITY);
    else if (strcmp(text, "-Infinity") == 0) *out = cx__jfloat(-(double)INFINITY);
    else return false;
    return true;
}

static jval from_object(jrun *r, const json_t *j)
{
    jval d, key;
    const char *name;
    json_t *value;
    if (json_float(j, &d)) return d;
    d = cx__jdict(&r->c, json_object_size(j));
    json_object_foreach((json_t *)j, name, value)
    {
        key = cx__jstr_view(&r->c, name, strlen(name));
        if (r->c.status != CX_OK || !cx__jdict_set(&r->c, d.m, key, from_json(r, value))) break;
    }
    return d;
}

static jval from_array(jrun *r, const json_t *j)
{
    jval l = cx__jlist(&r->c, J_LIST, json_array_size(j));
    for (size_t i = 0; i < json_array_size(j); i++)
        if (!cx__jlist_push(&r->c, l, from_json(r, json_array_get(j, i)))) break;
    return l;
}

/* Strings point into the JSON tree, which lives as long as the run. The parser bounds depth. */
static jval from_json(jrun *r, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT: return from_object(r, j);
    case JSON_ARRAY: return from_array(r, j);
    case JSON_STRING: return cx__jstr_view(&r->c, json_string_value(j), json_string_length(j));
    case JSON_INTEGER: return cx__jint(json_integer_value(j));
    case JSON_REAL: return cx__jfloat(json_real_value(j));
    case JSON_NULL: return J_NONE_VALUE;
    default: return cx__jbool(json_is_true(j));
    }
}

/* Only variables whose name the template mentions are converted. */
static void set_variables(jrun *r, const cx_template *t, const json_t *variables)
{
    const char *key;
    json_t *value;
    r->c.fuel = SIZE_MAX; /* linear in the size of the JSON text */
    json_object_foreach((json_t *)variables, key, value)
    {
        jstr text = { .p = key, .len = strlen(key) };
        const jname *name = cx__jname_find(&t->names, &text);
        if (name) r->top[name->id] = from_json(r, value);
    }
    r->c.fuel = J_MAX_FUEL;
}

/* ---- rendering ---- */

static cx_status run(jrun *r, const cx_template *t, const json_t *variables)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0), old;
    if (!c_locale) return CX_FAIL(CX_ENOMEM, "%s: no memory for the C locale", t->name);
    old = uselocale(c_locale); /* numbers and dates as Python prints them */
    r->ntop = t->names.count;
    r->top = cx__jarray(&r->c, r->ntop, sizeof *r->top);
    if (r->top) {
        memset(r->top, 0, r->ntop * sizeof *r->top);
        set_variables(r, t, variables);
        cx__jexec(r, t->body);
    }
    uselocale(old);
    freelocale(c_locale);
    return r->c.status;
}

cx_status cx_template_render(const cx_template *t, const char *variables, size_t len, int64_t now,
                             char **text, size_t *text_len)
{
    jrun r = { .c = { .name = t->name, .line = 1, .fuel = J_MAX_FUEL },
               .now = now,
               .loop_name = t->loop_name,
               .out = { .max = J_MAX_OUTPUT } };
    json_t *json = NULL;
    cx_status st;
    if (len > MAX_VARIABLES)
        return CX_FAIL(CX_ELIMIT, "%s: variables of %zu bytes, more than %d", t->name, len,
                       MAX_VARIABLES);
    CX_TRY(cx__json_parse(variables, len, t->name, &json));
    if (!json_is_object(json))
        st = CX_FAIL(CX_EFORMAT, "%s: the variables are not a JSON object", t->name);
    else st = run(&r, t, json);
    json_decref(json);
    cx__jarena_free(&r.c);
    if (st == CX_OK && !r.out.data && !cx__buf_append(&r.out, "", 0) && !r.out.data)
        st = CX_FAIL(CX_ENOMEM, "%s: no memory", t->name);
    if (st == CX_OK) {
        *text_len = r.out.len;
        *text = cx__buf_take(&r.out);
        if (!*text) st = CX_FAIL(CX_ENOMEM, "%s: no memory", t->name);
    }
    cx__buf_free(&r.out);
    return st;
}
