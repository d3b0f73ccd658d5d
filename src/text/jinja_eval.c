/* Expressions. Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

bool cx__jenter(jrun *r)
{
    r->depth++;
    if (r->depth <= J_MAX_EVAL) return cx__jstep(&r->c, 1);
    cx__jfail(&r->c, CX_ELIMIT, "the template runs nested deeper than %d", J_MAX_EVAL);
    return false;
}

jval cx__jlookup(jrun *r, const jname *name)
{
    jval v;
    for (jscope *s = r->scope; s; s = s->parent) {
        if (!cx__jstep(&r->c, s->len / 16)) break;
        for (size_t i = 0; i < s->len; i++)
            if (s->names[i] == name) return s->values[i];
    }
    if (r->top[name->id].type != J_MISSING) return r->top[name->id];
    v = cx__jglobal(&name->text);
    return v.type != J_MISSING ? v : cx__jundef((jstr *)&name->text, J_MISSING);
}

static jval eval_list(jrun *r, const jexpr *e)
{
    jval l = cx__jlist(&r->c, e->kind == JE_LIST ? J_LIST : J_TUPLE, e->len);
    for (size_t i = 0; i < e->len; i++)
        if (!cx__jlist_push(&r->c, l, cx__jeval(r, e->items[i]))) break;
    return l;
}

static jval eval_dict(jrun *r, const jexpr *e)
{
    jval d = cx__jdict(&r->c, e->len / 2);
    for (size_t i = 0; i < e->len; i += 2) {
        jval key = cx__jeval(r, e->items[i]), value = cx__jeval(r, e->items[i + 1]);
        if (r->c.status != CX_OK || !cx__jdict_set(&r->c, d.m, key, value)) break;
    }
    return d;
}

static jval eval_concat(jrun *r, const jexpr *e)
{
    cx__buf b = { .max = J_MAX_OUTPUT };
    for (size_t i = 0; i < e->len && r->c.status == CX_OK; i++)
        cx__jput_str(&r->c, &b, cx__jeval(r, e->items[i]));
    cx__jstep_bytes(&r->c, b.len);
    return cx__jstr_take(&r->c, &b);
}

static bool compare(jrun *r, int op, jval a, jval b)
{
    static const char *const signs[] = { "==", "!=", "<", "<=", ">", ">=" };
    int d;
    switch (op) {
    case JC_EQ: return cx__jeq(&r->c, a, b);
    case JC_NE: return !cx__jeq(&r->c, a, b);
    case JC_IN: return cx__jcontains(&r->c, a, b);
    case JC_NOT_IN: return !cx__jcontains(&r->c, a, b);
    default: break;
    }
    d = cx__jcmp(&r->c, a, b, signs[op]);
    if (cx__jis_num(a) && cx__jis_num(b) &&
        (cx__jnum_of(a) != cx__jnum_of(a) || cx__jnum_of(b) != cx__jnum_of(b)))
        return false; /* NaN */
    return op == JC_LT ? d < 0 : op == JC_LE ? d <= 0 : op == JC_GT ? d > 0 : d >= 0;
}

static jval eval_compare(jrun *r, const jexpr *e)
{
    jval left = cx__jeval(r, e->items[0]);
    for (size_t i = 1; i < e->len && r->c.status == CX_OK; i++) {
        jval right = cx__jeval(r, e->items[i]);
        if (!compare(r, e->ops[i], left, right)) return cx__jbool(false);
        left = right;
    }
    return cx__jbool(true);
}

static jval eval_logic(jrun *r, const jexpr *e)
{
    jval v = cx__jeval(r, e->items[0]);
    for (size_t i = 1; i < e->len && cx__jtruth(v) == (e->kind == JE_AND); i++)
        v = cx__jeval(r, e->items[i]);
    return v;
}

static jval eval_math(jrun *r, const jexpr *e)
{
    jval v = cx__jeval(r, e->items[0]);
    for (size_t i = 1; i < e->len && r->c.status == CX_OK; i++) {
        jval right = cx__jeval(r, e->items[i]);
        if (r->c.status != CX_OK) break;
        r->c.line = e->line;
        if (e->ops[i] == J_OP_MOD && v.type == J_STR) v = cx__jformat_percent(r, v, right);
        else v = cx__jarith(&r->c, e->ops[i], v, right);
    }
    return v;
}

static jval eval_cond(jrun *r, const jexpr *e)
{
    if (cx__jtruth(cx__jeval(r, e->items[0]))) return cx__jeval(r, e->items[1]);
    return e->items[2] ? cx__jeval(r, e->items[2]) : cx__jundef(NULL, J_MISSING);
}

static jval eval_kind(jrun *r, const jexpr *e)
{
    jval v;
    switch (e->kind) {
    case JE_CONST: return e->value;
    case JE_NAME: return cx__jlookup(r, e->name);
    case JE_TUPLE:
    case JE_LIST: return eval_list(r, e);
    case JE_DICT: return eval_dict(r, e);
    case JE_NOT: return cx__jbool(!cx__jtruth(cx__jeval(r, e->items[0])));
    case JE_NEG:
    case JE_POS: v = cx__jeval(r, e->items[0]); return cx__jnegate(&r->c, v, e->kind == JE_NEG);
    case JE_MATH: return eval_math(r, e);
    case JE_CONCAT: return eval_concat(r, e);
    case JE_COMPARE: return eval_compare(r, e);
    case JE_AND:
    case JE_OR: return eval_logic(r, e);
    case JE_COND: return eval_cond(r, e);
    case JE_CHAIN: return cx__jchain(r, cx__jeval(r, e->base), e->links, NULL);
    default:
        cx__jfail(&r->c, CX_EFORMAT, "a slice cannot stand here");
        return cx__jundef(NULL, J_MISSING);
    }
}

jval cx__jeval(jrun *r, const jexpr *e)
{
    jval v = cx__jundef(NULL, J_MISSING);
    int line = r->c.line;
    if (cx__jenter(r)) {
        r->c.line = e->line;
        v = eval_kind(r, e);
        if (r->c.status == CX_OK) r->c.line = line;
    }
    r->depth--;
    return v;
}
