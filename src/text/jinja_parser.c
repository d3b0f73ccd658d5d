/* Statements. Source: jinja2/parser.py's grammar, with the tags of transformers' environment
 * (break, continue, generation). Tested by tests/unit/test_template.c. */
#include "jinja_ast.h"

static jstmt *parse_body(jparser *p, const char *const *ends);

static jstmt *stmt_new(jparser *p, jstmt_kind kind)
{
    jstmt *s = cx__jalloc(p->c, sizeof *s);
    if (s) *s = (jstmt){ .kind = (uint8_t)kind, .line = p->tok.line };
    return s;
}

static bool expect_block_end(jparser *p)
{
    if (p->tok.kind == JT_BLOCK_END) return cx__jparser_next(p), true;
    cx__jparser_unexpected(p, "'%}'");
    return false;
}

/* "%}", then statements until a tag named in `ends`, at which the parser stops. */
static jstmt *parse_block(jparser *p, const char *const *ends)
{
    jstmt *body = NULL;
    int line = p->tok.line;
    cx__jskip_op(p, ':');
    if (expect_block_end(p) && cx__jparser_enter(p)) body = parse_body(p, ends);
    p->depth--;
    if (p->c->status == CX_OK && p->tok.kind == JT_EOF) {
        p->c->line = line;
        cx__jfail(p->c, CX_EFORMAT, "a block that begins here has no '%s'", ends[0]);
    }
    return body;
}

static jstmt *parse_block_to(jparser *p, const char *end)
{
    jstmt *body = parse_block(p, (const char *const[]){ end, NULL });
    cx__jskip_name(p, end);
    return body;
}

/* As above, for what becomes a function of its own: no break out of it. */
static jstmt *parse_function(jparser *p, const char *end)
{
    int loops = p->loops;
    jstmt *body;
    p->loops = 0;
    body = parse_block_to(p, end);
    p->loops = loops;
    return body;
}

static void parse_if(jparser *p, jstmt *s)
{
    static const char *const ends[] = { "endif", "elif", "else", NULL };
    for (;;) {
        s->expr = cx__jparse_tuple(p, JP_NO_COND, NULL);
        s->body = parse_block(p, ends);
        if (!cx__jskip_name(p, "elif")) break;
        if (!(s->other = stmt_new(p, JS_IF))) return;
        s = s->other;
    }
    if (cx__jskip_name(p, "else")) s->other = parse_block_to(p, "endif");
    else cx__jskip_name(p, "endif");
}

/* Jinja refuses to assign to `loop` in a loop, its one special name. */
static bool names_loop(const jexpr *e)
{
    if (e->kind == JE_NAME) return cx__jstr_is(&e->name->text, "loop");
    for (size_t i = 0; e->kind == JE_TUPLE && i < e->len; i++)
        if (names_loop(e->items[i])) return true;
    return false;
}

static void parse_for(jparser *p, jstmt *s)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    s->target = cx__jparse_target(p, 0, "in");
    if (s->target && names_loop(s->target))
        cx__jfail(p->c, CX_EFORMAT, "'loop' cannot be the variable of a loop");
    if (!cx__jskip_name(p, "in")) cx__jparser_unexpected(p, "'in'");
    s->expr = cx__jparse_tuple(p, JP_NO_COND, "recursive");
    if (cx__jskip_name(p, "if")) s->filter = cx__jparse_expr(p, true);
    s->recursive = cx__jskip_name(p, "recursive");
    p->loops++;
    s->body = parse_block(p, ends);
    p->loops--;
    if (cx__jskip_name(p, "else")) s->other = parse_block_to(p, "endfor");
    else cx__jskip_name(p, "endfor");
}

static void parse_set(jparser *p, jstmt *s)
{
    s->target = cx__jparse_target(p, JP_NSREF, NULL);
    if (cx__jskip_op(p, '=')) {
        s->expr = cx__jparse_tuple(p, 0, NULL);
        return;
    }
    s->kind = JS_SET_BLOCK;
    s->filter = cx__jparse_filters(p, false);
    s->body = parse_block_to(p, "endset");
}

static bool params_add(jparser *p, jparams *q, size_t caps[2])
{
    jname **names = cx__jgrow(p->c, q->names, q->len, &caps[0], sizeof *names);
    jexpr **defaults;
    if (!names) return false;
    q->names = names;
    if (!(names[q->len] = cx__jexpect_name(p))) return false;
    q->len++;
    if (!cx__jskip_op(p, '=')) {
        if (q->ndefaults)
            cx__jfail(p->c, CX_EFORMAT,
                      "a parameter without default follows one "
                      "with a default");
        return true;
    }
    defaults = cx__jgrow(p->c, q->defaults, q->ndefaults, &caps[1], sizeof *defaults);
    if (!defaults) return false;
    q->defaults = defaults;
    defaults[q->ndefaults++] = cx__jparse_expr(p, true);
    return true;
}

static void parse_params(jparser *p, jparams *q)
{
    size_t caps[2] = { 0 };
    cx__jexpect_op(p, '(');
    while (!cx__jat_op(p, ')') && p->c->status == CX_OK) {
        if (q->len) cx__jexpect_op(p, ',');
        params_add(p, q, caps);
    }
    cx__jexpect_op(p, ')');
}

/* The body of a macro or call block; notes which special names it uses. */
static void parse_macro_body(jparser *p, jstmt *s, const char *end)
{
    const jname *caller = p->caller, *varargs = p->varargs, *kwargs = p->kwargs;
    p->caller = p->varargs = p->kwargs = NULL;
    s->body = parse_function(p, end);
    s->params.caller = p->caller;
    s->params.varargs = p->varargs;
    s->params.kwargs = p->kwargs;
    if (caller) p->caller = caller;
    if (varargs) p->varargs = varargs;
    if (kwargs) p->kwargs = kwargs;
}

static void parse_macro(jparser *p, jstmt *s)
{
    s->name = cx__jexpect_name(p);
    parse_params(p, &s->params);
    parse_macro_body(p, s, "endmacro");
}

static void parse_call_block(jparser *p, jstmt *s)
{
    const jlink *last;
    if (cx__jat_op(p, '(')) parse_params(p, &s->params);
    s->expr = cx__jparse_expr(p, true);
    last = s->expr && s->expr->kind == JE_CHAIN ? s->expr->links : NULL;
    while (last && last->next) last = last->next;
    if (!last || last->kind != JL_CALL) cx__jfail(p->c, CX_EFORMAT, "expected a call");
    parse_macro_body(p, s, "endcall");
}

static void parse_with(jparser *p, jstmt *s)
{
    size_t caps[2] = { 0 };
    while (p->tok.kind != JT_BLOCK_END && p->c->status == CX_OK) {
        jexpr **targets = cx__jgrow(p->c, s->targets, s->len, &caps[0], sizeof *targets), **values;
        if (!targets) return;
        s->targets = targets;
        values = cx__jgrow(p->c, s->values, s->len, &caps[1], sizeof *values);
        if (!values) return;
        s->values = values;
        if (s->len) cx__jexpect_op(p, ',');
        targets[s->len] = cx__jparse_target(p, 0, NULL);
        cx__jexpect_op(p, '=');
        values[s->len++] = cx__jparse_expr(p, true);
    }
    s->body = parse_block_to(p, "endwith");
}

static void parse_filter_block(jparser *p, jstmt *s)
{
    s->filter = cx__jparse_filters(p, true);
    s->body = parse_block_to(p, "endfilter");
}

/* A named block without inheritance: it renders where it stands, in a scope of its own. */
static void parse_named_block(jparser *p, jstmt *s)
{
    jname *name = cx__jexpect_name(p);
    s->recursive = !cx__jskip_name(p, "scoped");
    s->body = parse_function(p, "endblock");
    if (p->tok.kind == JT_NAME && cx__jexpect_name(p) != name)
        cx__jfail(p->c, CX_EFORMAT, "the block ends under another name");
}

static void parse_generation(jparser *p, jstmt *s)
{
    s->body = parse_function(p, "endgeneration");
}

static void parse_print(jparser *p, jstmt *s)
{
    s->expr = cx__jparse_expr(p, true);
}

static void parse_loop_control(jparser *p, jstmt *s)
{
    (void)s;
    if (!p->loops) cx__jfail(p->c, CX_EFORMAT, "break or continue outside of a loop");
}

static const struct {
    const char *name;
    jstmt_kind kind;
    void (*parse)(jparser *p, jstmt *s);
} tags[] = {
    { "if", JS_IF, parse_if },
    { "for", JS_FOR, parse_for },
    { "set", JS_SET, parse_set },
    { "macro", JS_MACRO, parse_macro },
    { "call", JS_CALL, parse_call_block },
    { "with", JS_WITH, parse_with },
    { "filter", JS_FILTER, parse_filter_block },
    { "block", JS_SCOPE, parse_named_block },
    { "generation", JS_SCOPE, parse_generation },
    { "break", JS_BREAK, parse_loop_control },
    { "continue", JS_CONTINUE, parse_loop_control },
    { "print", JS_OUTPUT, parse_print },
};

static jstmt *parse_statement(jparser *p)
{
    jstmt *s;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!cx__jat_name(p, tags[i].name)) continue;
        if (!(s = stmt_new(p, tags[i].kind))) return NULL;
        cx__jparser_next(p);
        tags[i].parse(p, s);
        expect_block_end(p);
        return s;
    }
    if (p->tok.kind == JT_NAME)
        cx__jfail(p->c, CX_EFORMAT, "unknown tag '%.*s'", p->tok.len > 60 ? 60 : (int)p->tok.len,
                  p->tok.p);
    else cx__jparser_unexpected(p, "the name of a tag");
    return NULL;
}

static jstmt *parse_text(jparser *p)
{
    jstmt *s = stmt_new(p, JS_TEXT);
    if (s) s->text = p->tok.p, s->len = p->tok.len;
    cx__jparser_next(p);
    return s;
}

static jstmt *parse_output(jparser *p)
{
    jstmt *s = stmt_new(p, JS_OUTPUT);
    cx__jparser_next(p);
    if (s) s->expr = cx__jparse_tuple(p, 0, NULL);
    if (p->tok.kind != JT_VAR_END) cx__jparser_unexpected(p, "'}}'");
    cx__jparser_next(p);
    return s;
}

static jstmt *parse_body(jparser *p, const char *const *ends)
{
    jstmt *first = NULL, **tail = &first;
    while (p->c->status == CX_OK && p->tok.kind != JT_EOF) {
        if (p->tok.kind == JT_DATA) {
            *tail = parse_text(p);
        } else if (p->tok.kind == JT_VAR_BEGIN) {
            *tail = parse_output(p);
        } else {
            cx__jparser_next(p); /* the lexer gives nothing else outside of tags */
            for (const char *const *end = ends; end && *end; end++)
                if (cx__jat_name(p, *end)) return first;
            *tail = parse_statement(p);
        }
        if (!*tail) break;
        tail = &(*tail)->next;
    }
    return first;
}

jstmt *cx__jparse(jctx *c, jnames *names, const char *text, size_t len)
{
    jparser p = { .c = c, .names = names, .lex = { .c = c, .p = text, .len = len, .line = 1 } };
    cx__jparser_next(&p);
    return parse_body(&p, NULL);
}
