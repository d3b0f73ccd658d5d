/* Calls of macros and call blocks, with Jinja's binding of arguments.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

static int macro_param(const jparams *q, const jstr *name)
{
    for (size_t i = 0; i < q->len; i++)
        if (cx__jstr_eq(&q->names[i]->text, name)) return (int)i;
    return -1;
}

static const char *macro_name(const jmacro *m, int *len)
{
    *len = m->name ? (int)(m->name->len > 60 ? 60 : m->name->len) : 6;
    return m->name ? m->name->p : "caller";
}

/* The names that a macro's body finds besides its parameters. */
typedef struct special {
    jval caller, varargs, kwargs;
} special;

/* Gives arguments by name to parameters, or to caller and kwargs if the body uses them. */
static bool named_args(jrun *r, const jmacro *m, const jargs *args, jval *given, special *sp)
{
    const jparams *q = m->params;
    for (size_t i = 0; i < args->nkw; i++) {
        jval name = { .type = J_STR, .s = args->names[i] };
        int n = macro_param(q, args->names[i]), len;
        const char *text = macro_name(m, &len);
        if (!cx__jstep(&r->c, 1 + q->len / 16)) return false;
        if (n >= 0 && given[n].type == J_MISSING) {
            given[n] = args->values[i];
        } else if (n < 0 && q->caller && cx__jstr_is(name.s, "caller")) {
            sp->caller = args->values[i];
        } else if (q->kwargs) {
            if (!cx__jdict_set(&r->c, sp->kwargs.m, name, args->values[i])) return false;
        } else {
            cx__jfail(&r->c, CX_EFORMAT, "the macro '%.*s' takes no argument '%.*s'", len, text,
                      (int)(name.s->len > 60 ? 60 : name.s->len), name.s->p);
            return false;
        }
    }
    return true;
}

static bool positional_args(jrun *r, const jmacro *m, const jargs *args, jval *given, special *sp)
{
    const jparams *q = m->params;
    int len;
    const char *text = macro_name(m, &len);
    for (size_t i = 0; i < q->len; i++) given[i] = i < args->npos ? args->pos[i] : J_MISSING_VALUE;
    for (size_t i = q->len; i < args->npos && q->varargs; i++)
        if (!cx__jlist_push(&r->c, sp->varargs, args->pos[i])) return false;
    if (args->npos <= q->len || q->varargs) return true;
    cx__jfail(&r->c, CX_EFORMAT, "the macro '%.*s' takes at most %zu arguments", len, text, q->len);
    return false;
}

/* Defaults are evaluated in the macro's scope, after the parameters before them. */
static void set_params(jrun *r, const jparams *q, const jval *given)
{
    size_t plain = q->len - q->ndefaults;
    for (size_t i = 0; i < q->len && r->c.status == CX_OK; i++) {
        jval v = given[i];
        if (v.type == J_MISSING)
            v = i >= plain ? cx__jeval(r, q->defaults[i - plain])
                           : cx__jundef(&q->names[i]->text, J_MISSING);
        cx__jscope_set(r, r->scope, q->names[i], v);
    }
}

static void set_special(jrun *r, const jname *name, jval v)
{
    if (!name) return;
    if (v.type == J_MISSING) v = cx__jundef((jstr *)&name->text, J_MISSING);
    cx__jscope_set(r, r->scope, name, v);
}

static void run_macro(jrun *r, const jmacro *m, const jargs *args)
{
    const jparams *q = m->params;
    special sp = { .varargs = cx__jlist(&r->c, J_TUPLE, 0), .kwargs = cx__jdict(&r->c, 0) };
    jval *given = cx__jarray(&r->c, q->len, sizeof *given);
    if (!given || !positional_args(r, m, args, given, &sp) || !named_args(r, m, args, given, &sp))
        return;
    if (!(r->scope = cx__jscope_new(r, m->scope))) return;
    if (macro_param(q, &(jstr){ .p = "caller", .len = 6 }) < 0)
        set_special(r, q->caller, sp.caller);
    set_special(r, q->varargs, sp.varargs);
    set_special(r, q->kwargs, sp.kwargs);
    set_params(r, q, given);
    cx__jexec(r, m->body);
}

jval cx__jcall_macro(jrun *r, const jmacro *m, const jargs *args)
{
    size_t mark = r->out.len;
    jscope *saved = r->scope;
    int line = r->c.line;
    if (++r->calls > J_MAX_NEST)
        cx__jfail(&r->c, CX_ELIMIT, "calls are nested deeper than %d", J_MAX_NEST);
    else run_macro(r, m, args);
    r->calls--;
    r->scope = saved;
    if (r->c.status == CX_OK) r->c.line = line;
    return cx__jcapture(r, mark);
}
