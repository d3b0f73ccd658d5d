/* Components of tokenizer.json as a flat list of steps, read through a table of kinds.
 * Tested by tests/unit/test_tokenizer.c. */
#include "text/parts.h"

enum { STEPS_MAX = 64, NEST_MAX = 32 };

static const cx__kind *find_kind(const cx__kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    return NULL;
}

static cx_status add_step(cx__steps *s, const json_t *o, const char *where, const char *type,
                          const cx__kind *kinds, size_t kind_count)
{
    const cx__kind *kind = find_kind(kinds, kind_count, type);
    char place[256];
    cx__step *step;
    snprintf(place, sizeof place, "%s: %.40s", where, type);
    if (!kind) return CX_FAIL(CX_EUNSUPPORTED, "%s: type '%s' is not supported", where, type);
    if (s->count == STEPS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: more than %d steps", where, STEPS_MAX);
    step = &s->at[s->count++];
    *step = (cx__step){ .kind = kind };
    return kind->init ? kind->init(o, place, step) : CX_OK;
}

/* Sequences are walked with a stack of (list, position); the parser has bounded their depth. */
static cx_status walk(cx__steps *s, const json_t *o, const char *where, const char *list_key,
                      const cx__kind *kinds, size_t kind_count)
{
    struct {
        const json_t *list;
        size_t at;
    } stack[NEST_MAX];
    int depth = 0;
    for (;;) {
        const char *type = NULL;
        const json_t *list;
        if (!json_is_object(o)) return CX_FAIL(CX_EFORMAT, "%s: expected an object", where);
        CX_TRY(cx__json_str(o, where, "type", &type));
        if (!type) return CX_FAIL(CX_EFORMAT, "%s: 'type' is missing", where);
        if (strcmp(type, "Sequence") == 0) {
            list = json_object_get(o, list_key);
            if (!json_is_array(list))
                return CX_FAIL(CX_EFORMAT, "%s: Sequence without a list '%s'", where, list_key);
            if (depth == NEST_MAX) return CX_FAIL(CX_ELIMIT, "%s: nested too deep", where);
            stack[depth].list = list;
            stack[depth++].at = 0;
        } else {
            CX_TRY(add_step(s, o, where, type, kinds, kind_count));
        }
        while (depth > 0 && stack[depth - 1].at == json_array_size(stack[depth - 1].list)) depth--;
        if (depth == 0) return CX_OK;
        o = json_array_get(stack[depth - 1].list, stack[depth - 1].at++);
    }
}

cx_status cx__steps_init(cx__steps *s, const json_t *o, const char *where, const char *list_key,
                         const cx__kind *kinds, size_t kind_count)
{
    if (!o || json_is_null(o)) return CX_OK;
    s->present = true;
    s->at = cx__calloc(STEPS_MAX, sizeof *s->at);
    if (!s->at) return CX_FAIL(CX_ENOMEM, "%s", where);
    return walk(s, o, where, list_key, kinds, kind_count);
}

void cx__steps_deinit(cx__steps *s)
{
    for (size_t i = 0; i < s->count; i++) {
        cx__regex_free(s->at[i].regex);
        cx__free(s->at[i].text);
    }
    cx__free(s->at);
    *s = (cx__steps){ 0 };
}

cx_status cx__step_string(const json_t *o, const char *where, const char *key, char **out,
                          size_t *len)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_string(v)) return CX_FAIL(CX_EFORMAT, "%s: '%s' must be a string", where, key);
    *len = json_string_length(v);
    *out = cx__strndup(json_string_value(v), *len);
    return *out ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: %s", where, key);
}

cx_status cx__step_char(const json_t *o, const char *where, const char *key, uint32_t *out)
{
    const json_t *v = json_object_get(o, key);
    const char *s = json_string_value(v), *p = s;
    size_t len = json_string_length(v);
    if (!s || len == 0) return CX_FAIL(CX_EFORMAT, "%s: '%s' must be one character", where, key);
    *out = cx__utf8_next(&p, s + len);
    if (p != s + len)
        return CX_FAIL(CX_EFORMAT, "%s: '%s' must be one character, found '%.40s'", where, key, s);
    return CX_OK;
}

cx_status cx__step_pattern(const json_t *o, const char *where, cx__regex **out)
{
    const json_t *v = json_object_get(o, "pattern");
    const json_t *literal = json_object_get(v, "String"), *regex = json_object_get(v, "Regex");
    const json_t *text = literal ? literal : regex;
    if (!json_is_object(v) || json_object_size(v) != 1 || !json_is_string(text))
        return CX_FAIL(CX_EFORMAT, "%s: 'pattern' must be {\"String\": ...} or {\"Regex\": ...}",
                       where);
    return cx__regex_new(json_string_value(text), json_string_length(text), literal != NULL, where,
                         out);
}

cx_status cx__text_nomem(const char *what)
{
    return CX_FAIL(CX_ENOMEM, "tokenizer: no memory for %s, or it grew past the limit", what);
}
