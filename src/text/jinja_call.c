/* Chains of .name [item] (call) |filter is-test, and the binding of arguments.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

/* Adds the items of *args or the entries of **kwargs. */
static void spread(jrun *r, jargs *a, const jcall *call, size_t *pos_cap)
{
    jval v = call->star ? cx__jeval(r, call->star) : J_MISSING_VALUE;
    jlist *l = v.type != J_MISSING ? cx__jitems(&r->c, v) : NULL;
    for (size_t i = 0; l && i < l->len && cx__jstep(&r->c, 1); i++) {
        jval *pos = cx__jgrow(&r->c, a->pos, a->npos, pos_cap, sizeof *pos);
        if (!pos) return;
        a->pos = pos;
        pos[a->npos++] = l->items[i];
    }
}

static void spread_names(jrun *r, jargs *a, const jcall *call)
{
    jval v = call->star2 ? cx__jeval(r, call->star2) : J_MISSING_VALUE;
    jstr **names;
    jval *values;
    if (v.type == J_MISSING) return;
    if (v.type != J_DICT) {
        cx__jfail(&r->c, CX_EFORMAT, "** needs a dict, not '%s'", cx__jtype_name(v));
        return;
    }
    names = cx__jarray(&r->c, a->nkw + v.m->len + 1, sizeof *names);
    values = cx__jarray(&r->c, a->nkw + v.m->len + 1, sizeof *values);
    if (!names || !values || !cx__jstep(&r->c, v.m->len)) return;
    for (size_t i = 0; i < a->nkw; i++) names[i] = a->names[i], values[i] = a->values[i];
    for (size_t i = 0; i < v.m->len; i++) {
        if (v.m->items[i].key.type != J_STR) {
            cx__jfail(&r->c, CX_EFORMAT, "the keys of ** must be strings");
            return;
        }
        names[a->nkw] = v.m->items[i].key.s;
        values[a->nkw++] = v.m->items[i].value;
    }
    a->names = names;
    a->values = values;
}

static jstr caller_name = { .p = "caller", .len = 6, .chars = 6, .hash = 1 };

/* Evaluates arguments; `caller`, if any, becomes the last named one. */
static jargs eval_args(jrun *r, const jcall *call, const jmacro *caller)
{
    jargs a = { 0 };
    size_t cap = call->npos, nkw = call->nkw + (caller != NULL);
    if (cap && !(a.pos = cx__jarray(&r->c, cap, sizeof *a.pos))) return a;
    for (size_t i = 0; i < call->npos; i++) a.pos[a.npos++] = cx__jeval(r, call->pos[i]);
    if (nkw) {
        a.names = cx__jarray(&r->c, nkw, sizeof *a.names);
        a.values = cx__jarray(&r->c, nkw, sizeof *a.values);
        if (!a.names || !a.values) return a;
    }
    for (size_t i = 0; i < call->nkw; i++) {
        a.names[i] = &call->names[i]->text;
        a.values[i] = cx__jeval(r, call->values[i]);
    }
    a.nkw = call->nkw;
    if (caller) {
        a.names[a.nkw] = &caller_name;
        a.values[a.nkw++] = (jval){ .type = J_MACRO, .macro = (jmacro *)caller };
    }
    spread(r, &a, call, &cap);
    spread_names(r, &a, call);
    return a;
}

/* Number of the parameter in a specification; -1 if there is none of this name. */
static int param_of(const char *spec, const jstr *name)
{
    int n = 0;
    for (const char *p = spec; *p; n++) {
        size_t len = strcspn(p, " "), bare = len && p[len - 1] == '=' ? len - 1 : len;
        if (name->len == bare && memcmp(name->p, p, bare) == 0) return n;
        p += len + (p[len] == ' ');
    }
    return -1;
}

bool cx__jbind(jrun *r, const char *what, const char *spec, const jargs *args, jval *out)
{
    int count = 0;
    bool needed[J_MAX_ARGS] = { false };
    for (const char *p = spec; *p; count++) {
        size_t len = strcspn(p, " ");
        needed[count] = p[len - 1] != '=';
        p += len + (p[len] == ' ');
    }
    for (int i = 0; i < J_MAX_ARGS; i++) out[i] = J_MISSING_VALUE;
    if (args->npos > (size_t)count) {
        cx__jfail(&r->c, CX_EFORMAT, "%s takes at most %d arguments, not %zu", what, count,
                  args->npos);
        return false;
    }
    for (size_t i = 0; i < args->npos; i++) out[i] = args->pos[i];
    for (size_t i = 0; i < args->nkw; i++) {
        int n = param_of(spec, args->names[i]);
        if (n < 0 || out[n].type != J_MISSING) {
            cx__jfail(&r->c, CX_EFORMAT, "%s got an unexpected argument '%.*s'", what,
                      (int)(args->names[i]->len > 60 ? 60 : args->names[i]->len),
                      args->names[i]->p);
            return false;
        }
        out[n] = args->values[i];
    }
    for (int i = 0; i < count; i++)
        if (needed[i] && out[i].type == J_MISSING) {
            cx__jfail(&r->c, CX_EFORMAT, "%s needs more arguments", what);
            return false;
        }
    return r->c.status == CX_OK;
}

static jval call_method(jrun *r, const jmethod *m, const jargs *args)
{
    jval bound[J_MAX_ARGS];
    if (m->def->raw) return m->def->raw(r, m->self, args);
    if (!cx__jbind(r, m->def->name, m->def->spec, args, bound)) return m->self;
    return m->def->call(r, m->self, bound);
}

static jval call_joiner(jrun *r, jjoiner *j)
{
    bool first = !j->used;
    j->used = true;
    return first ? cx__jstr_view(&r->c, "", 0) : j->sep;
}

jval cx__jcall_value(jrun *r, jval f, const jargs *args)
{
    if (r->c.status != CX_OK) return f;
    switch (f.type) {
    case J_FUNC: return f.f->call(r, f, args);
    case J_METHOD: return call_method(r, f.bound, args);
    case J_MACRO: return cx__jcall_macro(r, f.macro, args);
    case J_LOOP: return cx__jcall_loop(r, f.loop, args);
    case J_JOINER: return call_joiner(r, f.joiner);
    case J_UNDEF: cx__jfail_undef(&r->c, f); return f;
    default:
        cx__jfail(&r->c, CX_EFORMAT, "'%s' cannot be called", cx__jtype_name(f));
        return cx__jundef(NULL, J_MISSING);
    }
}

static void fail_name(jrun *r, const char *what, const jname *name)
{
    cx__jfail(&r->c, CX_EFORMAT, "there is no %s named '%.*s'", what,
              (int)(name->text.len > 60 ? 60 : name->text.len), name->text.p);
}

jval cx__jfilter_apply(jrun *r, const jfilter *f, jval v, const jargs *args)
{
    jval bound[J_MAX_ARGS];
    if (r->c.status != CX_OK) return v;
    if (f->raw) return f->raw(r, v, args);
    if (!cx__jbind(r, f->name, f->spec, args, bound)) return v;
    return f->call(r, v, bound);
}

bool cx__jtest_apply(jrun *r, const jtest *t, jval v, const jargs *args)
{
    if (r->c.status != CX_OK) return false;
    if (args->npos == t->args && !args->nkw) return t->check(r, v, args->pos);
    cx__jfail(&r->c, CX_EFORMAT, "the test '%s' takes %d arguments", t->name, t->args);
    return false;
}

static jval link_item(jrun *r, jval v, const jlink *l)
{
    const jexpr *e = l->item;
    jval part[3];
    if (e->kind != JE_SLICE) return cx__jitem(r, v, cx__jeval(r, e));
    for (int i = 0; i < 3; i++) part[i] = e->items[i] ? cx__jeval(r, e->items[i]) : J_MISSING_VALUE;
    return r->c.status == CX_OK ? cx__jslice(r, v, part[0], part[1], part[2]) : v;
}

static jval run_link(jrun *r, jval v, const jlink *l, const jmacro *caller)
{
    jargs args;
    if (l->kind == JL_ATTR) return cx__jattr(r, v, &l->name->text);
    if (l->kind == JL_ITEM) return link_item(r, v, l);
    if (l->kind == JL_FILTER && !l->filter) return fail_name(r, "filter", l->name), v;
    if (l->kind == JL_TEST && !l->test) return fail_name(r, "test", l->name), v;
    args = eval_args(r, &l->call, l->kind == JL_CALL && !l->next ? caller : NULL);
    r->c.line = l->line;
    if (l->kind == JL_CALL) return cx__jcall_value(r, v, &args);
    if (l->kind == JL_FILTER) return cx__jfilter_apply(r, l->filter, v, &args);
    return cx__jbool(cx__jtest_apply(r, l->test, v, &args) != l->negate);
}

/* `caller` goes to the last call of the chain. */
jval cx__jchain(jrun *r, jval v, const jlink *links, const jmacro *caller)
{
    for (const jlink *l = links; l && cx__jstep(&r->c, 1); l = l->next) {
        r->c.line = l->line;
        v = run_link(r, v, l, caller);
    }
    return v;
}
