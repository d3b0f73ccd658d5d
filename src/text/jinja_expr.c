/* Expressions: recursive descent with a depth limit; operators of one level are flat lists, so
 * that long chains nest neither here nor when they are run. Source: jinja2/parser.py's grammar.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

jexpr *cx__jexpr_new(jparser *p, jexpr_kind kind, size_t items)
{
    jexpr *e = cx__jalloc(p->c, sizeof *e);
    if (!e) return NULL;
    *e = (jexpr){ .kind = (uint8_t)kind, .line = p->tok.line };
    if (!items) return e;
    e->items = cx__jarray(p->c, items, sizeof *e->items);
    if (!e->items) return NULL;
    memset(e->items, 0, items * sizeof *e->items);
    e->len = items;
    return e;
}

/* A node that grows: items and, for chains of operators, what stands before each. */
typedef struct list {
    jexpr **items;
    uint8_t *ops;
    size_t len, cap, ops_cap;
} list;

static bool list_add(jparser *p, list *l, jexpr *item, int op)
{
    jexpr **items = item ? cx__jgrow(p->c, l->items, l->len, &l->cap, sizeof *items) : NULL;
    uint8_t *ops = items ? cx__jgrow(p->c, l->ops, l->len, &l->ops_cap, 1) : NULL;
    if (!ops) return false;
    l->items = items;
    l->ops = ops;
    ops[l->len] = (uint8_t)op;
    items[l->len++] = item;
    return true;
}

static jexpr *list_done(jparser *p, jexpr_kind kind, const list *l)
{
    jexpr *e = cx__jexpr_new(p, kind, 0);
    if (!e) return NULL;
    e->items = l->items;
    e->ops = l->ops;
    e->len = l->len;
    return e;
}

static jexpr *const_new(jparser *p, jval v)
{
    jexpr *e = cx__jexpr_new(p, JE_CONST, 0);
    if (e) e->value = v;
    return e;
}

static jexpr *parse_or(jparser *p);
static jexpr *parse_unary(jparser *p, bool filters);

/* ---- calls, subscripts, filters, tests ---- */

static bool call_keyword(jparser *p, jcall *call, size_t *names_cap, size_t *values_cap)
{
    jname **names = cx__jgrow(p->c, call->names, call->nkw, names_cap, sizeof *names);
    jexpr **values = names ? cx__jgrow(p->c, call->values, call->nkw, values_cap, sizeof *values)
                           : NULL;
    if (!values) return false;
    call->names = names;
    call->values = values;
    names[call->nkw] = cx__jexpect_name(p);
    cx__jexpect_op(p, '=');
    values[call->nkw] = cx__jparse_expr(p, true);
    return names[call->nkw] && values[call->nkw++];
}

static void call_argument(jparser *p, jcall *call, list *pos, size_t caps[2])
{
    if (cx__jskip_op(p, JT_PAIR('*', '*')) && !call->star2) {
        call->star2 = cx__jparse_expr(p, true);
    } else if (cx__jskip_op(p, '*') && !call->star && !call->star2) {
        call->star = cx__jparse_expr(p, true);
    } else if (p->tok.kind == JT_NAME && cx__jparser_peek(p)->kind == JT_OP && p->ahead.op == '=' &&
               !call->star2) {
        call_keyword(p, call, &caps[0], &caps[1]);
    } else if (call->nkw || call->star || call->star2) {
        cx__jfail(p->c, CX_EFORMAT, "a positional argument follows a named one");
    } else {
        list_add(p, pos, cx__jparse_expr(p, true), 0);
    }
}

static void parse_call(jparser *p, jcall *call)
{
    size_t caps[2] = { 0 };
    list pos = { 0 };
    cx__jexpect_op(p, '(');
    while (!cx__jat_op(p, ')') && p->c->status == CX_OK) {
        call_argument(p, call, &pos, caps);
        if (!cx__jat_op(p, ')')) cx__jexpect_op(p, ',');
    }
    cx__jexpect_op(p, ')');
    call->pos = pos.items;
    call->npos = pos.len;
}

static bool at_item_end(const jparser *p)
{
    return cx__jat_op(p, ']') || cx__jat_op(p, ',');
}

static jexpr *parse_subscribed(jparser *p)
{
    jexpr *first = cx__jat_op(p, ':') ? NULL : cx__jparse_expr(p, true), *e;
    if (!cx__jskip_op(p, ':')) return first;
    if (!(e = cx__jexpr_new(p, JE_SLICE, 3))) return NULL;
    e->items[0] = first;
    if (!cx__jat_op(p, ':') && !at_item_end(p)) e->items[1] = cx__jparse_expr(p, true);
    if (cx__jskip_op(p, ':') && !at_item_end(p)) e->items[2] = cx__jparse_expr(p, true);
    return e;
}

static jlink *link_new(jparser *p, jlink_kind kind)
{
    jlink *l = cx__jalloc(p->c, sizeof *l);
    if (l) *l = (jlink){ .kind = (uint8_t)kind, .line = p->tok.line };
    return l;
}

static jlink *parse_dot(jparser *p)
{
    jlink *l = link_new(p, p->tok.kind == JT_INT ? JL_ITEM : JL_ATTR);
    if (!l) return NULL;
    if (l->kind == JL_ATTR) return l->name = cx__jexpect_name(p), l;
    l->item = const_new(p, p->tok.value);
    cx__jparser_next(p);
    return l;
}

static jlink *parse_subscript(jparser *p)
{
    jlink *l = link_new(p, JL_ITEM);
    list items = { 0 };
    while (l && !cx__jat_op(p, ']') && p->c->status == CX_OK) {
        if (items.len) cx__jexpect_op(p, ',');
        list_add(p, &items, parse_subscribed(p), 0);
    }
    cx__jexpect_op(p, ']');
    if (l) l->item = items.len == 1 ? items.items[0] : list_done(p, JE_TUPLE, &items);
    return l;
}

/* name or name.name, as filters and tests are called */
static jname *dotted_name(jparser *p)
{
    jname *n = cx__jexpect_name(p);
    while (n && cx__jskip_op(p, '.')) n = cx__jexpect_name(p); /* such names do not exist */
    return n;
}

static jlink *parse_filter(jparser *p)
{
    jlink *l = link_new(p, JL_FILTER);
    if (!l || !(l->name = dotted_name(p))) return NULL;
    l->filter = cx__jfilter_find(&l->name->text);
    if (cx__jat_op(p, '(')) parse_call(p, &l->call);
    return l;
}

static jexpr *chain_new(jparser *p, jexpr *base)
{
    jexpr *e = cx__jexpr_new(p, JE_CHAIN, 0);
    if (e) e->base = base;
    return e;
}

static jexpr *parse_primary(jparser *p, bool nsref);
static jexpr *parse_postfix(jparser *p, jexpr *e);

static bool test_has_argument(jparser *p)
{
    const jtok *t = &p->tok;
    if (t->kind == JT_NAME)
        return !cx__jtok_is(t, "else") && !cx__jtok_is(t, "or") && !cx__jtok_is(t, "and");
    return t->kind == JT_STRING || t->kind == JT_INT || t->kind == JT_FLOAT || cx__jat_op(p, '[') ||
           cx__jat_op(p, '{');
}

static jlink *parse_test(jparser *p)
{
    jlink *l = link_new(p, JL_TEST);
    if (!l) return NULL;
    l->negate = cx__jskip_name(p, "not");
    if (!(l->name = dotted_name(p))) return NULL;
    l->test = cx__jtest_find(&l->name->text);
    if (cx__jat_op(p, '(')) {
        parse_call(p, &l->call);
    } else if (test_has_argument(p)) {
        list pos = { 0 };
        if (cx__jat_name(p, "is")) cx__jparser_unexpected(p, "no second 'is'");
        list_add(p, &pos, parse_postfix(p, parse_primary(p, false)), 0);
        l->call.pos = pos.items;
        l->call.npos = pos.len;
    }
    return l;
}

static jlink *parse_call_link(jparser *p)
{
    jlink *l = link_new(p, JL_CALL);
    if (l) parse_call(p, &l->call);
    return l;
}

/* Adds links to e while `one` finds any; makes a chain of e with the first. */
static jexpr *parse_links(jparser *p, jexpr *e, jlink *(*one)(jparser *))
{
    jlink **tail = NULL, *l;
    bool fresh = true;
    while (e && p->c->status == CX_OK && (l = one(p))) {
        if (fresh && e->kind != JE_CHAIN) e = chain_new(p, e);
        if (!e) return NULL;
        if (fresh)
            for (tail = &e->links; *tail; tail = &(*tail)->next) continue;
        fresh = false;
        *tail = l;
        tail = &l->next;
    }
    return e;
}

static jlink *postfix_link(jparser *p)
{
    if (cx__jskip_op(p, '.')) return parse_dot(p);
    if (cx__jskip_op(p, '[')) return parse_subscript(p);
    return cx__jat_op(p, '(') ? parse_call_link(p) : NULL;
}

static jlink *filter_link(jparser *p)
{
    if (cx__jskip_op(p, '|')) return parse_filter(p);
    if (cx__jskip_name(p, "is")) return parse_test(p);
    return cx__jat_op(p, '(') ? parse_call_link(p) : NULL;
}

static jexpr *parse_postfix(jparser *p, jexpr *e)
{
    return parse_links(p, e, postfix_link);
}

static jlink *pipe_link(jparser *p)
{
    return cx__jskip_op(p, '|') ? parse_filter(p) : NULL;
}

jexpr *cx__jparse_filters(jparser *p, bool first)
{
    jexpr *e = chain_new(p, NULL);
    if (e && first) e->links = parse_filter(p);
    return parse_links(p, e, pipe_link);
}

/* ---- primaries ---- */

static jexpr *parse_string(jparser *p)
{
    jval s = p->tok.value;
    cx__jparser_next(p);
    while (p->tok.kind == JT_STRING) { /* "a" "b" */
        s = cx__jstr_concat(p->c, s, p->tok.value);
        cx__jstr_freeze(s.s);
        cx__jparser_next(p);
    }
    return const_new(p, s);
}

static jexpr *parse_name(jparser *p, bool nsref)
{
    jexpr *e;
    jname *name;
    bool yes = cx__jat_name(p, "true") || cx__jat_name(p, "True");
    bool constant = yes || cx__jat_name(p, "false") || cx__jat_name(p, "False");
    bool none = cx__jat_name(p, "none") || cx__jat_name(p, "None");
    if (constant || none)
        return e = const_new(p, none ? J_NONE_VALUE : cx__jbool(yes)), cx__jparser_next(p), e;
    if (!(name = cx__jexpect_name(p)) || !(e = cx__jexpr_new(p, JE_NAME, 0))) return NULL;
    if (cx__jstr_is(&name->text, "caller")) p->caller = name;
    if (cx__jstr_is(&name->text, "varargs")) p->varargs = name;
    if (cx__jstr_is(&name->text, "kwargs")) p->kwargs = name;
    e->name = name;
    if (nsref && cx__jskip_op(p, '.')) {
        e->kind = JE_NSREF;
        e->attr = cx__jexpect_name(p);
    }
    return e;
}

static jexpr *parse_list(jparser *p)
{
    list l = { 0 };
    while (!cx__jat_op(p, ']') && p->c->status == CX_OK) {
        list_add(p, &l, cx__jparse_expr(p, true), 0);
        if (!cx__jat_op(p, ']')) cx__jexpect_op(p, ',');
    }
    cx__jexpect_op(p, ']');
    return list_done(p, JE_LIST, &l);
}

static jexpr *parse_dict(jparser *p)
{
    list l = { 0 };
    while (!cx__jat_op(p, '}') && p->c->status == CX_OK) {
        list_add(p, &l, cx__jparse_expr(p, true), 0);
        cx__jexpect_op(p, ':');
        list_add(p, &l, cx__jparse_expr(p, true), 0);
        if (!cx__jat_op(p, '}')) cx__jexpect_op(p, ',');
    }
    cx__jexpect_op(p, '}');
    return list_done(p, JE_DICT, &l);
}

static jexpr *parse_primary(jparser *p, bool nsref)
{
    jexpr *e;
    if (p->tok.kind == JT_NAME) return parse_name(p, nsref);
    if (p->tok.kind == JT_STRING) return parse_string(p);
    if (p->tok.kind == JT_INT || p->tok.kind == JT_FLOAT)
        return e = const_new(p, p->tok.value), cx__jparser_next(p), e;
    if (cx__jskip_op(p, '(')) {
        e = cx__jparse_tuple(p, JP_PARENS, NULL);
        cx__jexpect_op(p, ')');
        return e;
    }
    if (cx__jskip_op(p, '[')) return parse_list(p);
    if (cx__jskip_op(p, '{')) return parse_dict(p);
    cx__jparser_unexpected(p, "an expression");
    return NULL;
}

/* ---- operators ---- */

static jexpr *parse_unary(jparser *p, bool filters)
{
    jexpr *e;
    bool minus = cx__jat_op(p, '-');
    if (!minus && !cx__jat_op(p, '+')) {
        e = parse_primary(p, false);
    } else {
        cx__jparser_next(p);
        e = cx__jexpr_new(p, minus ? JE_NEG : JE_POS, 1);
        if (e && cx__jparser_enter(p)) e->items[0] = parse_unary(p, false);
        p->depth--;
    }
    e = parse_postfix(p, e);
    return filters ? parse_links(p, e, filter_link) : e;
}

/* Operators of one level, from the left; `next` parses what is between them. */
static int math_op(jparser *p, int level)
{
    static const struct {
        int op, level, code;
    } table[] = {
        { '+', 0, J_OP_ADD }, { '-', 0, J_OP_SUB },
        { '~', 1, 0 },        { '*', 2, J_OP_MUL },
        { '/', 2, J_OP_DIV }, { JT_PAIR('/', '/'), 2, J_OP_FLOORDIV },
        { '%', 2, J_OP_MOD }, { JT_PAIR('*', '*'), 3, J_OP_POW },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].level == level && cx__jskip_op(p, table[i].op)) return table[i].code;
    return -1;
}

static jexpr *parse_math(jparser *p, int level)
{
    list l = { 0 };
    jexpr *e = level == 4 ? parse_unary(p, true) : parse_math(p, level + 1);
    int op;
    if (level == 4) return e;
    while (p->c->status == CX_OK && (op = math_op(p, level)) >= 0) {
        if (!l.len) list_add(p, &l, e, 0);
        list_add(p, &l, level == 3 ? parse_unary(p, true) : parse_math(p, level + 1), op);
    }
    return l.len ? list_done(p, level == 1 ? JE_CONCAT : JE_MATH, &l) : e;
}

static int compare_op(jparser *p)
{
    static const struct {
        int op, code;
    } table[] = {
        { JT_PAIR('=', '='), JC_EQ },
        { JT_PAIR('!', '='), JC_NE },
        { '<', JC_LT },
        { JT_PAIR('<', '='), JC_LE },
        { '>', JC_GT },
        { JT_PAIR('>', '='), JC_GE },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cx__jskip_op(p, table[i].op)) return table[i].code;
    if (cx__jskip_name(p, "in")) return JC_IN;
    if (!cx__jat_name(p, "not") || !cx__jtok_is(cx__jparser_peek(p), "in")) return -1;
    cx__jparser_next(p);
    cx__jparser_next(p);
    return JC_NOT_IN;
}

static jexpr *parse_compare(jparser *p)
{
    list l = { 0 };
    jexpr *e = parse_math(p, 0);
    int op;
    while (p->c->status == CX_OK && (op = compare_op(p)) >= 0) {
        if (!l.len) list_add(p, &l, e, 0);
        list_add(p, &l, parse_math(p, 0), op);
    }
    return l.len ? list_done(p, JE_COMPARE, &l) : e;
}

/* `not not x` is counted, not nested. */
static jexpr *parse_not(jparser *p)
{
    size_t count = 0;
    jexpr *e, *outer;
    while (cx__jskip_name(p, "not")) count++;
    e = parse_compare(p);
    if (count > 2) count = 2 - count % 2; /* not not not x == not x */
    while (count-- && (outer = cx__jexpr_new(p, JE_NOT, 1))) {
        outer->items[0] = e;
        e = outer;
    }
    return e;
}

static jexpr *parse_and(jparser *p)
{
    list l = { 0 };
    jexpr *e = parse_not(p);
    while (p->c->status == CX_OK && cx__jskip_name(p, "and")) {
        if (!l.len) list_add(p, &l, e, 0);
        list_add(p, &l, parse_not(p), 0);
    }
    return l.len ? list_done(p, JE_AND, &l) : e;
}

static jexpr *parse_or(jparser *p)
{
    list l = { 0 };
    jexpr *e = parse_and(p);
    while (p->c->status == CX_OK && cx__jskip_name(p, "or")) {
        if (!l.len) list_add(p, &l, e, 0);
        list_add(p, &l, parse_and(p), 0);
    }
    return l.len ? list_done(p, JE_OR, &l) : e;
}

jexpr *cx__jparse_expr(jparser *p, bool conditional)
{
    jexpr *e = NULL, *cond;
    if (cx__jparser_enter(p)) {
        e = parse_or(p);
        while (conditional && p->c->status == CX_OK && cx__jskip_name(p, "if")) {
            if (!(cond = cx__jexpr_new(p, JE_COND, 3))) break;
            cond->items[0] = parse_or(p);
            cond->items[1] = e;
            if (cx__jskip_name(p, "else")) cond->items[2] = cx__jparse_expr(p, true);
            e = cond;
        }
    }
    p->depth--;
    return e;
}

static bool tuple_end(const jparser *p, const char *end)
{
    return p->tok.kind == JT_VAR_END || p->tok.kind == JT_BLOCK_END || cx__jat_op(p, ')') ||
           (end && cx__jat_name(p, end));
}

jexpr *cx__jparse_tuple(jparser *p, int flags, const char *end)
{
    list l = { 0 };
    bool tuple = false;
    while (!tuple_end(p, end) && p->c->status == CX_OK) {
        list_add(p, &l,
                 flags & JP_TARGET ? parse_primary(p, flags & JP_NSREF)
                                   : cx__jparse_expr(p, !(flags & JP_NO_COND)),
                 0);
        if (!cx__jskip_op(p, ',')) break;
        tuple = true;
    }
    if (!tuple && l.len) return l.items[0];
    if (!tuple && !(flags & JP_PARENS)) {
        cx__jparser_unexpected(p, "an expression");
        return NULL;
    }
    return list_done(p, JE_TUPLE, &l);
}

static bool assignable(const jexpr *e)
{
    if (e->kind == JE_TUPLE) {
        for (size_t i = 0; i < e->len; i++)
            if (!assignable(e->items[i])) return false;
        return true;
    }
    return e->kind == JE_NAME || e->kind == JE_NSREF;
}

jexpr *cx__jparse_target(jparser *p, int flags, const char *end)
{
    jexpr *e = cx__jparse_tuple(p, flags | JP_TARGET, end);
    if (e && !assignable(e)) cx__jfail(p->c, CX_EFORMAT, "only names can be assigned to");
    return e;
}
