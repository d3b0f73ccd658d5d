/* One render: scopes, calls, functions, filters, tests. Private to this folder. */
#ifndef CX_TEXT_JINJA_RUN_H
#define CX_TEXT_JINJA_RUN_H

#include "jinja_ast.h"

/* Variables of a block of statements. The outermost scope is jrun.top, by number of the name. */
typedef struct jscope {
    struct jscope *parent; /* NULL: next is the top level */
    const jname **names;
    jval *values;
    size_t len, cap, values_cap;
} jscope;

typedef struct jrun {
    jctx c;
    jval *top; /* [names of the template] */
    size_t ntop;
    jscope *scope;
    cx__buf out;            /* output; captures are taken from its end */
    int depth;              /* levels of evaluation */
    int calls;              /* nested macros, callers and recursive loops */
    const jname *loop_name; /* "loop", NULL if the template does not use it */
    int64_t now;
} jrun;

/* Arguments of a call after evaluation. */
typedef struct jargs {
    jval *pos;
    size_t npos;
    jstr **names;
    jval *values;
    size_t nkw;
} jargs;

typedef struct jmacro {
    jstr *name; /* NULL: a call block */
    const jparams *params;
    const jstmt *body;
    jscope *scope; /* where it was defined */
} jmacro;

typedef struct jloop {
    const jstmt *stmt;
    jscope *outer;
    jval source;    /* what is iterated over */
    jlist *items;   /* of source, when not a range */
    size_t len, at; /* of source */
    jval queue;     /* list of items that passed the filter but were not yet run; .at */
    jval before, current;
    size_t index0;
    int depth0;
    jval changed;
    struct jrun *run;
} jloop;
size_t cx__jloop_length(jloop *l);

typedef jval jfunc_fn(jrun *r, jval self, const jargs *args);
/* A global function. */
typedef struct jfunc {
    const char *name;
    jfunc_fn *call;
} jfunc;

/* Methods and filters take their arguments by a specification: names in order, separated by
 * spaces; "=" at the end of a name makes it optional (J_MISSING when absent). `raw` functions get
 * the arguments as they are. */
enum { J_MAX_ARGS = 6 };
typedef jval jbound_fn(jrun *r, jval self, const jval *args);
typedef struct jmethod_def {
    const char *name, *spec;
    jbound_fn *call;
    jfunc_fn *raw;
} jmethod_def;
typedef struct jmethod {
    const jmethod_def *def;
    jval self;
} jmethod;
typedef struct jfilter {
    const char *name, *spec;
    jbound_fn *call;
    jfunc_fn *raw;
} jfilter;
typedef struct jtest {
    const char *name;
    bool (*check)(jrun *r, jval v, const jval *args);
    uint8_t args; /* how many it takes besides the value */
} jtest;

bool cx__jbind(jrun *r, const char *what, const char *spec, const jargs *args, jval *out);
const jfilter *cx__jfilter_find(const jstr *name);
const jtest *cx__jtest_find(const jstr *name);
jval cx__jfilter_apply(jrun *r, const jfilter *f, jval v, const jargs *args);
bool cx__jtest_apply(jrun *r, const jtest *t, jval v, const jargs *args);
const jmethod_def *cx__jmethod_find(jval of, const jstr *name);
/* Global functions by name; J_MISSING if there is none. */
jval cx__jglobal(const jstr *name);
/* Tables of jinja_filter_seq.c and jinja_str.c; they end with a NULL name. */
extern const jfilter cx__jfilters_seq[];
extern const jmethod_def cx__jstr_methods[];
jval cx__jformat_percent(jrun *r, jval format, jval args);        /* "..." % args */
jval cx__jformat_braces(jrun *r, jval format, const jargs *args); /* "...".format() */

/* Evaluation (jinja_eval.c, jinja_call.c) and statements (jinja_exec.c, _macro.c, _loop.c). */
typedef enum jflow { JF_NEXT, JF_BREAK, JF_CONTINUE } jflow;
bool cx__jenter(jrun *r); /* one level deeper; pair with r->depth-- always */
jval cx__jeval(jrun *r, const jexpr *e);
jval cx__jchain(jrun *r, jval v, const jlink *links, const jmacro *caller);
jval cx__jattr(jrun *r, jval v, jstr *name); /* v.name */
jval cx__jitem(jrun *r, jval v, jval key);   /* v[key] */
jval cx__jslice(jrun *r, jval v, jval start, jval stop, jval step);
jval cx__jpath(jrun *r, jval v, jval path); /* "a.b.0" of filters' attribute= */
jval cx__jcall_value(jrun *r, jval f, const jargs *args);
jval cx__jcall_macro(jrun *r, const jmacro *m, const jargs *args);
jval cx__jcall_loop(jrun *r, jloop *l, const jargs *args);
jval cx__jloop_attr(jrun *r, jloop *l, const jstr *name);
jval cx__jlookup(jrun *r, const jname *name);
void cx__jassign(jrun *r, const jexpr *target, jval v);
jscope *cx__jscope_new(jrun *r, jscope *parent);
void cx__jscope_set(jrun *r, jscope *s, const jname *name, jval v);
jflow cx__jexec(jrun *r, const jstmt *body);
void cx__jexec_for(jrun *r, const jstmt *s);
/* What was output since `mark`, as a string; removes it from the output. */
jval cx__jcapture(jrun *r, size_t mark);

#endif
