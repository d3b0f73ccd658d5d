/* What the parsers share: the current token, one look ahead, what must come next, depth.
 * Tested by tests/unit/test_template.c. */
#include "jinja_ast.h"

void cx__jparser_next(jparser *p)
{
    if (p->has_ahead) p->tok = p->ahead;
    else cx__jlex_next(&p->lex, &p->tok);
    p->has_ahead = false;
    if (p->c->status != CX_OK) p->tok.kind = JT_EOF;
    p->c->line = p->tok.line;
}

const jtok *cx__jparser_peek(jparser *p)
{
    if (!p->has_ahead) cx__jlex_next(&p->lex, &p->ahead);
    p->has_ahead = true;
    return &p->ahead;
}

bool cx__jparser_enter(jparser *p)
{
    if (p->c->status != CX_OK) return false;
    if (++p->depth <= J_MAX_NEST) return true;
    cx__jfail(p->c, CX_ELIMIT, "the template is nested deeper than %d", J_MAX_NEST);
    return false;
}

void cx__jparser_unexpected(jparser *p, const char *wanted)
{
    const jtok *t = &p->tok;
    int len = t->len > 60 ? 60 : (int)t->len;
    char op[3] = { (char)(t->op > 255 ? t->op >> 8 : t->op), (char)(t->op > 255 ? t->op : 0), 0 };
    static const char *const kinds[] = {
        [JT_EOF] = "the end of the template",
        [JT_DATA] = "text",
        [JT_BLOCK_BEGIN] = "'{%'",
        [JT_BLOCK_END] = "'%}'",
        [JT_VAR_BEGIN] = "'{{'",
        [JT_VAR_END] = "'}}'",
        [JT_STRING] = "a string",
        [JT_INT] = "a number",
        [JT_FLOAT] = "a number",
    };
    if (t->kind == JT_NAME)
        cx__jfail(p->c, CX_EFORMAT, "expected %s, found '%.*s'", wanted, len, t->p);
    else
        cx__jfail(p->c, CX_EFORMAT, "expected %s, found %s%s%s", wanted,
                  t->kind == JT_OP ? "'" : "", t->kind == JT_OP ? op : kinds[t->kind],
                  t->kind == JT_OP ? "'" : "");
}

bool cx__jat_op(const jparser *p, int op)
{
    return p->tok.kind == JT_OP && p->tok.op == op;
}

bool cx__jtok_is(const jtok *t, const char *name)
{
    return t->kind == JT_NAME && t->len == strlen(name) && memcmp(t->p, name, t->len) == 0;
}

bool cx__jat_name(const jparser *p, const char *name)
{
    return cx__jtok_is(&p->tok, name);
}

bool cx__jskip_op(jparser *p, int op)
{
    bool at = cx__jat_op(p, op);
    if (at) cx__jparser_next(p);
    return at;
}

bool cx__jskip_name(jparser *p, const char *name)
{
    bool at = cx__jat_name(p, name);
    if (at) cx__jparser_next(p);
    return at;
}

bool cx__jexpect_op(jparser *p, int op)
{
    char text[4] = { '\'', (char)op, '\'', 0 };
    if (cx__jskip_op(p, op)) return true;
    cx__jparser_unexpected(p, text);
    return false;
}

jname *cx__jexpect_name(jparser *p)
{
    jname *n = NULL;
    if (p->tok.kind != JT_NAME) cx__jparser_unexpected(p, "a name");
    else n = cx__jname_intern(p->c, p->names, p->tok.p, p->tok.len);
    if (n) cx__jparser_next(p);
    return n;
}
