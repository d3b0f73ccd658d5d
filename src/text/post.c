/* Post-processors of tokenizer.json: which ids stand around those of the text.
 * Whatever the components are, for one text they come to a list of ids with the text in it; that
 * list is made once, with and without special tokens. */
#include "text/parts.h"

enum { ITEMS_MAX = 1024, STEPS_MAX = 64, NEST_MAX = 32 };

typedef struct program {
    int32_t at[ITEMS_MAX];
    size_t count;
} program;
typedef struct builder {
    program now[2], next[2]; /* [1]: with special tokens */
    int32_t ids;
    const char *where;
} builder;

static cx_status add(builder *b, int which, int32_t item)
{
    program *p = &b->next[which];
    if (p->count == ITEMS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: more than %d items", b->where, ITEMS_MAX);
    p->at[p->count++] = item;
    return CX_OK;
}

/* What stood for the text so far. */
static cx_status add_text(builder *b)
{
    for (int w = 0; w < 2; w++)
        for (size_t i = 0; i < b->now[w].count; i++) CX_TRY(add(b, w, b->now[w].at[i]));
    return CX_OK;
}

static cx_status add_special(builder *b, const json_t *id, const char *what)
{
    json_int_t v = json_integer_value(id);
    if (!json_is_integer(id) || v < 0 || v >= b->ids)
        return CX_FAIL(CX_EFORMAT, "%s: %.60s: expected an id below %d", b->where, what, b->ids);
    return add(b, 1, (int32_t)v);
}

static cx_status add_special_token(builder *b, const json_t *o, const json_t *tokens)
{
    const char *name = json_string_value(json_object_get(o, "id"));
    const json_t *ids = name ? json_object_get(json_object_get(tokens, name), "ids") : NULL;
    if (!name) return CX_FAIL(CX_EFORMAT, "%s: SpecialToken without 'id'", b->where);
    if (!json_is_array(ids))
        return CX_FAIL(CX_EFORMAT, "%s: special_tokens has no '%.60s' with ids", b->where, name);
    for (size_t i = 0; i < json_array_size(ids); i++)
        CX_TRY(add_special(b, json_array_get(ids, i), name));
    return CX_OK;
}

static cx_status template_processing(builder *b, const json_t *o)
{
    const json_t *single = json_object_get(o, "single"), *item;
    size_t i;
    if (!json_is_array(single)) return CX_FAIL(CX_EFORMAT, "%s: 'single' must be a list", b->where);
    json_array_foreach(single, i, item)
    {
        const json_t *sequence = json_object_get(item, "Sequence");
        const json_t *special = json_object_get(item, "SpecialToken");
        const char *id = json_string_value(json_object_get(sequence, "id"));
        if (special) {
            CX_TRY(add_special_token(b, special, json_object_get(o, "special_tokens")));
        } else if (id && strcmp(id, "A") == 0) {
            CX_TRY(add_text(b));
        } else {
            return CX_FAIL(CX_EFORMAT, "%s: single[%zu]: expected a SpecialToken or Sequence A",
                           b->where, i);
        }
    }
    return CX_OK;
}

/* ["[CLS]", 101] text ["[SEP]", 102] */
static cx_status cls_sep(builder *b, const json_t *o)
{
    CX_TRY(add_special(b, json_array_get(json_object_get(o, "cls"), 1), "cls"));
    CX_TRY(add_text(b));
    return add_special(b, json_array_get(json_object_get(o, "sep"), 1), "sep");
}

/* Moves offsets only. */
static cx_status byte_level(builder *b, const json_t *o)
{
    (void)o;
    return add_text(b);
}

static const struct {
    const char *name;
    cx_status (*apply)(builder *b, const json_t *o);
} kinds[] = {
    { "BertProcessing", cls_sep },
    { "ByteLevel", byte_level },
    { "RobertaProcessing", cls_sep },
    { "TemplateProcessing", template_processing },
};

static cx_status apply_kind(builder *b, const json_t *o, const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, type) != 0) continue;
        b->next[0].count = b->next[1].count = 0;
        CX_TRY(kinds[i].apply(b, o));
        memcpy(b->now, b->next, sizeof b->now);
        return CX_OK;
    }
    return CX_FAIL(CX_EUNSUPPORTED, "%s: type '%.60s' is not supported", b->where, type);
}

static cx_status walk(builder *b, const json_t *o)
{
    struct {
        const json_t *list;
        size_t at;
    } stack[NEST_MAX];
    int depth = 0;
    for (int steps = 0;; steps++) {
        const char *type = json_string_value(json_object_get(o, "type"));
        const json_t *list = json_object_get(o, "processors");
        if (!type) return CX_FAIL(CX_EFORMAT, "%s: 'type' is missing", b->where);
        if (steps > STEPS_MAX) return CX_FAIL(CX_ELIMIT, "%s: too many steps", b->where);
        if (strcmp(type, "Sequence") != 0) {
            CX_TRY(apply_kind(b, o, type));
        } else {
            if (!json_is_array(list) || depth == NEST_MAX)
                return CX_FAIL(CX_EFORMAT, "%s: Sequence without 'processors', or nested too deep",
                               b->where);
            stack[depth].list = list;
            stack[depth++].at = 0;
        }
        while (depth > 0 && stack[depth - 1].at == json_array_size(stack[depth - 1].list)) depth--;
        if (depth == 0) return CX_OK;
        o = json_array_get(stack[depth - 1].list, stack[depth - 1].at++);
    }
}

static cx_status keep(const program *p, int32_t **at, size_t *count, const char *where)
{
    *at = cx__alloc_array(p->count + 1, sizeof **at);
    if (!*at) return CX_FAIL(CX_ENOMEM, "%s", where);
    memcpy(*at, p->at, p->count * sizeof **at);
    *count = p->count;
    return CX_OK;
}

cx_status cx__post_init(cx__post *p, const json_t *o, int32_t ids, const char *where)
{
    builder *b = cx__calloc(1, sizeof *b);
    cx_status st = CX_OK;
    if (!b) return CX_FAIL(CX_ENOMEM, "%s", where);
    b->ids = ids;
    b->where = where;
    for (int w = 0; w < 2; w++) b->now[w] = (program){ .at = { CX__POST_TEXT }, .count = 1 };
    if (o && !json_is_null(o)) st = walk(b, o);
    if (st == CX_OK) st = keep(&b->now[0], &p->without, &p->without_count, where);
    if (st == CX_OK) st = keep(&b->now[1], &p->with, &p->with_count, where);
    cx__free(b);
    return st;
}

void cx__post_deinit(cx__post *p)
{
    cx__free(p->with);
    cx__free(p->without);
}

cx_status cx__post_apply(const cx__post *p, bool special, cx__ids *ids)
{
    const int32_t *at = special ? p->with : p->without;
    size_t count = special ? p->with_count : p->without_count;
    cx__ids out = { 0 };
    bool ok = true;
    if (count == 1 && at[0] == CX__POST_TEXT) return CX_OK;
    for (size_t i = 0; i < count; i++) {
        if (at[i] != CX__POST_TEXT) ok = ok && cx__ids_add(&out, at[i]);
        else
            for (size_t k = 0; k < ids->count; k++) ok = ok && cx__ids_add(&out, ids->at[k]);
    }
    if (!ok) {
        cx__free(out.at);
        return cx__text_nomem("ids");
    }
    cx__free(ids->at);
    *ids = out;
    return CX_OK;
}
