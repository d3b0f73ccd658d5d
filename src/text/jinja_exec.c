/* Statements and scopes. Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

jscope *cx__jscope_new(jrun *r, jscope *parent)
{
    jscope *s = cx__jalloc(&r->c, sizeof *s); /* a macro defined in it may outlive it */
    if (s) *s = (jscope){ .parent = parent };
    return s;
}

void cx__jscope_set(jrun *r, jscope *s, const jname *name, jval v)
{
    const jname **names;
    jval *values;
    if (!s) {
        r->top[name->id] = v;
        return;
    }
    if (!cx__jstep(&r->c, s->len / 16)) return;
    for (size_t i = 0; i < s->len; i++)
        if (s->names[i] == name) {
            s->values[i] = v;
            return;
        }
    if (!(names = cx__jgrow(&r->c, s->names, s->len, &s->cap, sizeof *names))) return;
    s->names = names;
    if (!(values = cx__jgrow(&r->c, s->values, s->len, &s->values_cap, sizeof *values))) return;
    s->values = values;
    names[s->len] = name;
    values[s->len++] = v;
}

static void assign_tuple(jrun *r, const jexpr *target, jval v)
{
    jlist *l = cx__jitems(&r->c, v);
    if (r->c.status != CX_OK) return;
    if (l->len != target->len) {
        cx__jfail(&r->c, CX_EFORMAT, "%zu values cannot be unpacked to %zu names", l->len,
                  target->len);
        return;
    }
    for (size_t i = 0; i < l->len; i++) cx__jassign(r, target->items[i], l->items[i]);
}

static void assign_attr(jrun *r, const jexpr *target, jval v)
{
    jval ns = cx__jlookup(r, target->name);
    jstr *attr = &target->attr->text;
    if (ns.type != J_NS)
        cx__jfail(&r->c, CX_EFORMAT, "cannot assign an attribute of a '%s', only of a namespace",
                  cx__jtype_name(ns));
    else if (attr->p[0] == '_')
        cx__jfail(&r->c, CX_EFORMAT, "a namespace cannot hold '%.*s': it begins with '_'",
                  (int)(attr->len > 60 ? 60 : attr->len), attr->p);
    else cx__jdict_set(&r->c, ns.m, (jval){ .type = J_STR, .s = attr }, v);
}

/* Recursion over nested tuples, which the parser bounds. */
void cx__jassign(jrun *r, const jexpr *target, jval v)
{
    if (r->c.status != CX_OK) return;
    if (target->kind == JE_TUPLE) assign_tuple(r, target, v);
    else if (target->kind == JE_NSREF) assign_attr(r, target, v);
    else cx__jscope_set(r, r->scope, target->name, v);
}

jval cx__jcapture(jrun *r, size_t mark)
{
    jval s;
    if (r->c.status != CX_OK || r->out.len <= mark) return cx__jstr_view(&r->c, "", 0);
    s = cx__jstr(&r->c, r->out.data + mark, r->out.len - mark);
    cx__jstep_bytes(&r->c, r->out.len - mark);
    r->out.len = mark;
    r->out.data[mark] = 0;
    return s;
}

/* Runs a body in a new scope inside `parent`. */
static jflow exec_scoped(jrun *r, const jstmt *body, jscope *parent)
{
    jscope *saved = r->scope, *scope = cx__jscope_new(r, parent);
    jflow flow;
    if (!scope) return JF_NEXT;
    r->scope = scope;
    flow = cx__jexec(r, body);
    r->scope = saved;
    return flow;
}

static void exec_if(jrun *r, const jstmt *s, jflow *flow)
{
    while (r->c.status == CX_OK) {
        const jstmt *other = s->other;
        if (cx__jtruth(cx__jeval(r, s->expr))) {
            *flow = cx__jexec(r, s->body);
            return;
        }
        if (!other || other->kind != JS_IF || other->next) {
            *flow = cx__jexec(r, other);
            return;
        }
        s = other; /* elif, or the same written as else and if */
        if (!cx__jstep(&r->c, 1)) return;
        r->c.line = s->line;
    }
}

static jval run_filters(jrun *r, const jexpr *filters, jval v)
{
    return cx__jchain(r, v, filters->links, NULL);
}

static void exec_set_block(jrun *r, const jstmt *s)
{
    size_t mark = r->out.len;
    jval v;
    exec_scoped(r, s->body, r->scope);
    v = run_filters(r, s->filter, cx__jcapture(r, mark));
    cx__jassign(r, s->target, v);
}

static void exec_filter(jrun *r, const jstmt *s)
{
    size_t mark = r->out.len;
    jval v;
    exec_scoped(r, s->body, r->scope);
    v = run_filters(r, s->filter, cx__jcapture(r, mark));
    cx__jput_str(&r->c, &r->out, v);
}

/* Values are evaluated outside of the new scope. */
static jflow exec_with(jrun *r, const jstmt *s)
{
    jscope *saved = r->scope, *scope = cx__jscope_new(r, saved);
    jflow flow;
    for (size_t i = 0; scope && i < s->len; i++) {
        jval v = cx__jeval(r, s->values[i]);
        r->scope = scope;
        cx__jassign(r, s->targets[i], v);
        r->scope = saved;
    }
    if (!scope) return JF_NEXT;
    r->scope = scope;
    flow = cx__jexec(r, s->body);
    r->scope = saved;
    return flow;
}

/* A call block: its body is the macro `caller` of the call. */
static void exec_call(jrun *r, const jstmt *s)
{
    jmacro *m = cx__jalloc(&r->c, sizeof *m);
    jval v;
    if (!m) return;
    *m = (jmacro){ .params = &s->params, .body = s->body, .scope = r->scope };
    v = cx__jchain(r, cx__jeval(r, s->expr->base), s->expr->links, m);
    cx__jput_str(&r->c, &r->out, v);
}

static void define_macro(jrun *r, const jstmt *s)
{
    jmacro *m = cx__jalloc(&r->c, sizeof *m);
    if (!m) return;
    *m = (jmacro){ &s->name->text, &s->params, s->body, r->scope };
    cx__jscope_set(r, r->scope, s->name, (jval){ .type = J_MACRO, .macro = m });
}

static jflow exec_one(jrun *r, const jstmt *s)
{
    jflow flow = JF_NEXT;
    switch (s->kind) {
    case JS_TEXT: cx__jput(&r->c, &r->out, s->text, s->len); break;
    case JS_OUTPUT: cx__jput_str(&r->c, &r->out, cx__jeval(r, s->expr)); break;
    case JS_IF: exec_if(r, s, &flow); break;
    case JS_FOR: cx__jexec_for(r, s); break;
    case JS_SET: cx__jassign(r, s->target, cx__jeval(r, s->expr)); break;
    case JS_SET_BLOCK: exec_set_block(r, s); break;
    case JS_MACRO: define_macro(r, s); break;
    case JS_CALL: exec_call(r, s); break;
    case JS_FILTER: exec_filter(r, s); break;
    case JS_WITH: flow = exec_with(r, s); break;
    case JS_SCOPE: flow = exec_scoped(r, s->body, s->recursive ? NULL : r->scope); break;
    case JS_BREAK: flow = JF_BREAK; break;
    default: flow = JF_CONTINUE; break;
    }
    return flow;
}

jflow cx__jexec(jrun *r, const jstmt *body)
{
    jflow flow = JF_NEXT;
    if (cx__jenter(r))
        for (const jstmt *s = body; s && flow == JF_NEXT && cx__jstep(&r->c, 1); s = s->next) {
            r->c.line = s->line;
            flow = exec_one(r, s);
        }
    r->depth--;
    return flow;
}
