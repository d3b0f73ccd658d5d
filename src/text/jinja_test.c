/* Tests: x is name(args). Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

static bool is_defined(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type != J_UNDEF;
}

static bool is_undefined(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_UNDEF;
}

static bool is_none(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_NONE;
}

static bool is_boolean(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_BOOL;
}

static bool is_true(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_BOOL && v.b;
}

static bool is_false(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_BOOL && !v.b;
}

static bool is_integer(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_INT;
}

static bool is_float(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_FLOAT;
}

static bool is_number(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return cx__jis_num(v);
}

static bool is_string(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_STR;
}

static bool is_mapping(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_DICT;
}

/* Has len() and items: a dict too. */
static bool is_sequence(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_STR || cx__jis_seq(v) || v.type == J_DICT || v.type == J_RANGE ||
           v.type == J_UNDEF;
}

static bool is_iterable(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return cx__jiterable(v);
}

static bool is_callable(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return (v.type >= J_FUNC && v.type <= J_LOOP) || v.type == J_JOINER || v.type == J_UNDEF;
}

static bool is_escaped(jrun *r, jval v, const jval *args)
{
    (void)r, (void)args;
    return v.type == J_STR && v.s->markup;
}

static bool is_lower(jrun *r, jval v, const jval *args)
{
    (void)args;
    return cx__jstr_all(&r->c, cx__jto_str(&r->c, v).s, J_IS_LOWER);
}

static bool is_upper(jrun *r, jval v, const jval *args)
{
    (void)args;
    return cx__jstr_all(&r->c, cx__jto_str(&r->c, v).s, J_IS_UPPER);
}

static bool rest_is(jrun *r, jval v, jval by, int64_t rest)
{
    jval m = cx__jarith(&r->c, J_OP_MOD, v, by);
    return cx__jeq(&r->c, m, cx__jint(rest));
}

static bool is_odd(jrun *r, jval v, const jval *args)
{
    (void)args;
    return rest_is(r, v, cx__jint(2), 1);
}

static bool is_even(jrun *r, jval v, const jval *args)
{
    (void)args;
    return rest_is(r, v, cx__jint(2), 0);
}

static bool is_divisibleby(jrun *r, jval v, const jval *args)
{
    return rest_is(r, v, args[0], 0);
}

static bool is_sameas(jrun *r, jval v, const jval *args)
{
    if (v.type != args[0].type) return false;
    if (v.type == J_NONE || v.type == J_BOOL || v.type == J_INT || v.type == J_FLOAT)
        return cx__jeq(&r->c, v, args[0]);
    return v.l == args[0].l;
}

static bool is_in(jrun *r, jval v, const jval *args)
{
    return cx__jcontains(&r->c, v, args[0]);
}

static bool is_eq(jrun *r, jval v, const jval *args)
{
    return cx__jeq(&r->c, v, args[0]);
}

static bool is_ne(jrun *r, jval v, const jval *args)
{
    return !cx__jeq(&r->c, v, args[0]);
}

static bool is_lt(jrun *r, jval v, const jval *args)
{
    return cx__jcmp(&r->c, v, args[0], "<") < 0;
}

static bool is_le(jrun *r, jval v, const jval *args)
{
    return cx__jcmp(&r->c, v, args[0], "<=") <= 0;
}

static bool is_gt(jrun *r, jval v, const jval *args)
{
    return cx__jcmp(&r->c, v, args[0], ">") > 0;
}

static bool is_ge(jrun *r, jval v, const jval *args)
{
    return cx__jcmp(&r->c, v, args[0], ">=") >= 0;
}

static bool named(jrun *r, jval v, bool test)
{
    if (v.type == J_STR) return test ? cx__jtest_find(v.s) != NULL : cx__jfilter_find(v.s) != NULL;
    cx__jfail(&r->c, CX_EFORMAT, "a name must be a string, not '%s'", cx__jtype_name(v));
    return false;
}

static bool is_filter(jrun *r, jval v, const jval *args)
{
    (void)args;
    return named(r, v, false);
}

static bool is_test(jrun *r, jval v, const jval *args)
{
    (void)args;
    return named(r, v, true);
}

static const jtest tests[] = {
    { "defined", is_defined, 0 },
    { "undefined", is_undefined, 0 },
    { "none", is_none, 0 },
    { "boolean", is_boolean, 0 },
    { "true", is_true, 0 },
    { "false", is_false, 0 },
    { "integer", is_integer, 0 },
    { "float", is_float, 0 },
    { "number", is_number, 0 },
    { "string", is_string, 0 },
    { "mapping", is_mapping, 0 },
    { "sequence", is_sequence, 0 },
    { "iterable", is_iterable, 0 },
    { "callable", is_callable, 0 },
    { "escaped", is_escaped, 0 },
    { "lower", is_lower, 0 },
    { "upper", is_upper, 0 },
    { "odd", is_odd, 0 },
    { "even", is_even, 0 },
    { "divisibleby", is_divisibleby, 1 },
    { "sameas", is_sameas, 1 },
    { "in", is_in, 1 },
    { "eq", is_eq, 1 },
    { "equalto", is_eq, 1 },
    { "==", is_eq, 1 },
    { "ne", is_ne, 1 },
    { "!=", is_ne, 1 },
    { "lt", is_lt, 1 },
    { "lessthan", is_lt, 1 },
    { "<", is_lt, 1 },
    { "le", is_le, 1 },
    { "<=", is_le, 1 },
    { "gt", is_gt, 1 },
    { "greaterthan", is_gt, 1 },
    { ">", is_gt, 1 },
    { "ge", is_ge, 1 },
    { ">=", is_ge, 1 },
    { "filter", is_filter, 0 },
    { "test", is_test, 0 },
};

const jtest *cx__jtest_find(const jstr *name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (cx__jstr_is(name, tests[i].name)) return &tests[i];
    return NULL;
}
