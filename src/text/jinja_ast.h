/* The parsed template: immutable, shared by threads, all of it in one arena. Private. */
#ifndef CX_TEXT_JINJA_AST_H
#define CX_TEXT_JINJA_AST_H

#include "jinja.h"

/* A name that occurs in the template, once; ids are dense and number the top-level variables. */
typedef struct jname {
    jstr text;
    uint32_t id;
} jname;

typedef struct jnames {
    jname **table; /* open addressing by hash */
    size_t size, count;
} jnames;
jname *cx__jname_intern(jctx *c, jnames *names, const char *p, size_t len); /* NULL: failed */
const jname *cx__jname_find(const jnames *names, jstr *text);

typedef enum jexpr_kind {
    JE_CONST,
    JE_NAME,
    JE_NSREF, /* name.attr as the target of set */
    JE_TUPLE,
    JE_LIST,
    JE_DICT, /* items: key, value, key, value, ... */
    JE_NOT,
    JE_NEG,
    JE_POS,
    JE_MATH,    /* items[0] ops[1] items[1] ops[2] ..., from the left; ops: J_OP_* */
    JE_CONCAT,  /* ~ */
    JE_COMPARE, /* a chain; ops: JC_* */
    JE_AND,
    JE_OR,
    JE_COND,  /* items: test, then, else or NULL */
    JE_SLICE, /* items: start, stop, step, each may be NULL; only inside a subscript */
    JE_CHAIN  /* base and links */
} jexpr_kind;

enum { JC_EQ, JC_NE, JC_LT, JC_LE, JC_GT, JC_GE, JC_IN, JC_NOT_IN };

typedef struct jexpr jexpr;

typedef struct jcall {
    jexpr **pos;
    size_t npos;
    jname **names; /* of keyword arguments */
    jexpr **values;
    size_t nkw;
    jexpr *star, *star2; /* *args and **kwargs, or NULL */
} jcall;

typedef enum jlink_kind { JL_ATTR, JL_ITEM, JL_CALL, JL_FILTER, JL_TEST } jlink_kind;
/* What follows a primary: .name [item] (call) |filter is test */
typedef struct jlink {
    uint8_t kind;
    bool negate; /* is not */
    int line;
    jname *name;
    jexpr *item;
    jcall call;
    union {
        const struct jfilter *filter; /* NULL: no such filter, an error when it is reached */
        const struct jtest *test;
    };
    struct jlink *next;
} jlink;

struct jexpr {
    uint8_t kind;
    int line;
    union {
        jval value;
        struct {
            jname *name, *attr;
        };
        struct {
            jexpr **items;
            uint8_t *ops;
            size_t len;
        };
        struct {
            jexpr *base;
            jlink *links;
        };
    };
};

typedef enum jstmt_kind {
    JS_TEXT,
    JS_OUTPUT,
    JS_IF, /* expr, body, other (elif chains are flat: `chain`) */
    JS_FOR,
    JS_SET,
    JS_SET_BLOCK,
    JS_MACRO,
    JS_CALL,
    JS_FILTER,
    JS_WITH,
    JS_SCOPE, /* body in a scope of its own: block, generation */
    JS_BREAK,
    JS_CONTINUE
} jstmt_kind;

/* Parameters of a macro or a call block. */
typedef struct jparams {
    jname **names;
    jexpr **defaults; /* of the last `ndefaults` names */
    size_t len, ndefaults;
    const jname *caller, *varargs, *kwargs; /* set if the body uses them */
} jparams;

typedef struct jstmt jstmt;
struct jstmt {
    uint8_t kind;
    bool recursive; /* for; scope: sees the top level only */
    int line;
    const char *text;
    size_t len;                /* of text; of targets */
    jexpr *expr;               /* output, test, iterable, value, call */
    jexpr *target;             /* for, set */
    jexpr *filter;             /* for: test; set block, filter: a chain with base NULL */
    jname *name;               /* macro */
    jexpr **targets, **values; /* with */
    jparams params;
    jstmt *body, *other; /* other: else; of an elif, the next test */
    jstmt *next;
};

/* Parses the whole text (which must live in c's arena); fails through c. */
jstmt *cx__jparse(jctx *c, jnames *names, const char *text, size_t len);

/* ---- lexer ---- */
typedef enum jtok_kind {
    JT_EOF,
    JT_DATA,
    JT_BLOCK_BEGIN,
    JT_BLOCK_END,
    JT_VAR_BEGIN,
    JT_VAR_END,
    JT_NAME,
    JT_STRING,
    JT_INT,
    JT_FLOAT,
    JT_OP /* op: the characters, such as '+' or '*' << 8 | '*' */
} jtok_kind;
#define JT_PAIR(a, b) ((a) << 8 | (b))

typedef struct jtok {
    jtok_kind kind;
    int op, line;
    const char *p;
    size_t len;
    jval value; /* of a literal */
} jtok;

typedef struct jlex {
    jctx *c;
    const char *p;
    size_t len, at;
    int line;
    enum { JX_ROOT, JX_BLOCK, JX_VAR, JX_RAW } state;
    char open[J_MAX_NEST + 4]; /* brackets that wait for their end */
    int depth;
} jlex;
void cx__jlex_next(jlex *x, jtok *out); /* JT_EOF at the end and after a failure */
void cx__jlex_string(jlex *x, const char *p, size_t len, jtok *out); /* unescapes a literal */

/* ---- parser: tokens (jinja_tokens.c), expressions (_expr.c), statements (_parser.c) ---- */
typedef struct jparser {
    jctx *c;
    jlex lex;
    jtok tok, ahead; /* current; next if has_ahead */
    bool has_ahead;
    jnames *names;
    int depth;
    int loops;                              /* enclosing for loops, for break and continue */
    const jname *caller, *varargs, *kwargs; /* seen since the macro began, or NULL */
} jparser;
void cx__jparser_next(jparser *p);
const jtok *cx__jparser_peek(jparser *p);
bool cx__jparser_enter(jparser *p);
void cx__jparser_unexpected(jparser *p, const char *wanted);
bool cx__jtok_is(const jtok *t, const char *name); /* a name */
bool cx__jat_op(const jparser *p, int op);
bool cx__jat_name(const jparser *p, const char *name);
bool cx__jskip_op(jparser *p, int op);
bool cx__jskip_name(jparser *p, const char *name);
bool cx__jexpect_op(jparser *p, int op);
jname *cx__jexpect_name(jparser *p);
jexpr *cx__jexpr_new(jparser *p, jexpr_kind kind, size_t items);
jexpr *cx__jparse_expr(jparser *p, bool conditional);
/* A tuple without brackets, or one expression. `end`: a name that also ends it, or NULL. */
enum { JP_TARGET = 1, JP_NO_COND = 2, JP_PARENS = 4, JP_NSREF = 8 };
jexpr *cx__jparse_tuple(jparser *p, int flags, const char *end);
jexpr *cx__jparse_target(jparser *p, int flags, const char *end);
jexpr *cx__jparse_filters(jparser *p, bool first); /* chain with base NULL */

#endif
