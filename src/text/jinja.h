/* The chat-template engine, private to this folder: values, arena, strings and the run state.
 * Semantics: Jinja2 3.1 in transformers' environment, values behave as Python's.
 *
 * Failures are sticky: the first one stores its sentence ("NAME:LINE: ...") and the status; from
 * then on every step() is false, allocations give NULL and evaluation gives undefined, so that
 * loops end at once. Every loop over input therefore asks cx__jstep. */
#ifndef CX_TEXT_JINJA_H
#define CX_TEXT_JINJA_H

#include "base/base.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    J_MAX_FUEL = 500 * 1000, /* steps: a node, an item, some text */
    J_MAX_OUTPUT = 16 << 20, /* bytes of output, open captures included */
    J_MAX_ARENA = 64 << 20,  /* bytes of one parse or one render */
    J_MAX_NEST = 100,        /* nested syntax, nested calls, nested values */
    J_MAX_EVAL = 1000,       /* levels of evaluation, over all nested calls */
    J_FUEL_BYTES = 256,      /* of text copied or searched, for a step */
    J_FUEL_CHARS = 16        /* of text looked at one by one, for a step */
};

typedef struct jchunk jchunk;
/* What parser and run share: place for errors, memory, fuel. */
typedef struct jctx {
    const char *name; /* of the template */
    int line;         /* being parsed or run */
    cx_status status;
    jchunk *chunk;
    size_t bytes; /* of all chunks */
    size_t fuel;
} jctx;

void cx__jfail(jctx *c, cx_status code, const char *fmt, ...) CX_PRINTF(3, 4);
/* Uses `n` steps; false when none are left or something failed before. */
bool cx__jstep(jctx *c, size_t n);
static inline bool cx__jstep_bytes(jctx *c, size_t bytes)
{
    return cx__jstep(c, 1 + bytes / J_FUEL_BYTES);
}
static inline bool cx__jstep_chars(jctx *c, size_t bytes)
{
    return cx__jstep(c, 1 + bytes / J_FUEL_CHARS);
}
void *cx__jalloc(jctx *c, size_t size);               /* 16-byte aligned; NULL: failed */
void *cx__jarray(jctx *c, size_t count, size_t size); /* checked product */
/* Room for one more item: doubles in the arena. NULL on failure, else the (moved) items. */
void *cx__jgrow(jctx *c, void *items, size_t len, size_t *cap, size_t size);
void cx__jarena_free(jctx *c);

/* Appends to a buffer whose .max is set; too long or no memory fails. */
void cx__jput(jctx *c, cx__buf *b, const char *p, size_t len);

/* ---- values ---- */
typedef enum jtype {
    J_MISSING, /* no value at all: an argument that was not given */
    J_UNDEF,   /* Jinja's Undefined; .s: name or NULL, .sub: see cx__jundef */
    J_NONE,
    J_BOOL,
    J_INT,
    J_FLOAT,
    J_STR,
    J_LIST,
    J_TUPLE,
    J_DICT,
    J_VIEW, /* of a dict; .sub says which */
    J_GEN,  /* a generator: .l with a position */
    J_RANGE,
    J_NS,     /* namespace(), the one mutable container */
    J_FUNC,   /* global function */
    J_METHOD, /* bound method */
    J_MACRO,
    J_LOOP,
    J_CYCLER,
    J_JOINER
} jtype;

enum { J_VIEW_KEYS = 1, J_VIEW_VALUES, J_VIEW_ITEMS };
enum { J_UNDEF_UNSAFE = 255 }; /* .sub of an attribute that the sandbox hides */

typedef struct jstr {
    const char *p; /* UTF-8, not terminated */
    size_t len;
    size_t chars;  /* code points; SIZE_MAX: not counted yet */
    uint64_t hash; /* 0: not computed yet */
    bool markup;   /* markupsafe.Markup: `+` escapes the other side */
} jstr;

typedef struct jval {
    uint8_t type, sub;
    union {
        bool b;
        int64_t i;
        double d;
        jstr *s;
        struct jlist *l;
        struct jdict *m;
        struct jrange *r;
        const struct jfunc *f;
        struct jmethod *bound;
        struct jmacro *macro;
        struct jloop *loop;
        struct jcycler *cycler;
        struct jjoiner *joiner;
    };
} jval;

typedef struct jlist {
    jval *items;
    size_t len, cap;
    size_t at; /* generators: what was consumed */
} jlist;

typedef struct jentry {
    jval key, value;
    uint64_t hash;
} jentry;

typedef struct jdict {
    jentry *items; /* in order of insertion */
    size_t len, cap;
    uint32_t *index; /* open addressing, item + 1; NULL while small */
    size_t mask;
} jdict;

typedef struct jrange {
    int64_t start, stop, step;
    size_t len;
} jrange;

typedef struct jcycler {
    jval *items;
    size_t len, at;
} jcycler;

typedef struct jjoiner {
    jval sep;
    bool used;
} jjoiner;

#define J_MISSING_VALUE ((jval){ .type = J_MISSING })
#define J_NONE_VALUE ((jval){ .type = J_NONE })
static inline jval cx__jbool(bool b)
{
    return (jval){ .type = J_BOOL, .b = b };
}
static inline jval cx__jint(int64_t i)
{
    return (jval){ .type = J_INT, .i = i };
}
static inline jval cx__jfloat(double d)
{
    return (jval){ .type = J_FLOAT, .d = d };
}
static inline bool cx__jis_seq(jval v)
{
    return v.type == J_LIST || v.type == J_TUPLE;
}
/* int or bool, which Python counts as an int */
static inline bool cx__jis_int(jval v)
{
    return v.type == J_INT || v.type == J_BOOL;
}
static inline int64_t cx__jint_of(jval v)
{
    return v.type == J_BOOL ? v.b : v.i;
}
static inline bool cx__jis_num(jval v)
{
    return cx__jis_int(v) || v.type == J_FLOAT;
}
static inline double cx__jnum_of(jval v)
{
    return v.type == J_FLOAT ? v.d : (double)cx__jint_of(v);
}

/* Undefined: `name` may be NULL; `of`: the type whose attribute it is, J_MISSING for a variable. */
jval cx__jundef(jstr *name, int of);
void cx__jfail_undef(jctx *c, jval v); /* "'x' is undefined" */
const char *cx__jtype_name(jval v);    /* as Python calls it */

/* Strings. All functions give a valid (perhaps empty) string after a failure. */
jval cx__jstr(jctx *c, const char *p, size_t len);      /* copies */
jval cx__jstr_view(jctx *c, const char *p, size_t len); /* p must live as long as the arena */
jval cx__jstr_of(jctx *c, const char *text);            /* copies a C string */
jval cx__jstr_markup(jctx *c, jval s, bool markup);     /* same text, flag changed */
jval cx__jstr_concat(jctx *c, jval a, jval b);
jval cx__jstr_take(jctx *c, cx__buf *b); /* copies, frees b; fails if b failed */
uint64_t cx__jstr_hash(jstr *s);
bool cx__jstr_eq(const jstr *a, const jstr *b);
bool cx__jstr_is(const jstr *s, const char *text);
void cx__jstr_freeze(jstr *s);     /* computes what is lazy: for strings shared by threads */
jval cx__jescape(jctx *c, jval v); /* markupsafe.escape */

/* UTF-8 and Unicode (jinja_utf8.c). Strings are valid UTF-8 throughout. */
size_t cx__jstr_chars(jctx *c, jstr *s);
size_t cx__jutf8_get(const char *p, size_t len, uint32_t *cp); /* bytes used */
size_t cx__jutf8_put(char out[4], uint32_t cp);
size_t cx__jutf8_width(unsigned char lead);
bool cx__jutf8_valid(const char *p, size_t len);
bool cx__jspace(uint32_t cp);                           /* str.isspace */
size_t cx__jskip_space(const char *p, size_t len);      /* bytes of white space at the start */
size_t cx__jskip_space_back(const char *p, size_t len); /* length without that at the end */
size_t cx__jstr_offset(jctx *c, jstr *s, size_t chars); /* byte offset of a code point */
jval cx__jstr_slice(jctx *c, jval s, size_t begin, size_t end); /* in bytes; keeps markup */
jval cx__jstr_sub(jctx *c, jval s, size_t begin, size_t end);   /* in code points */
enum { J_UPPER, J_LOWER, J_TITLE, J_CAPITALIZE, J_SWAP, J_FOLD };
jval cx__jstr_case(jctx *c, jval s, int how);
enum {
    J_IS_ALPHA,
    J_IS_DIGIT,
    J_IS_ALNUM,
    J_IS_SPACE,
    J_IS_UPPER,
    J_IS_LOWER,
    J_IS_TITLE,
    J_IS_ASCII
};
bool cx__jstr_all(jctx *c, jstr *s, int what); /* str.isalpha() and so on */
size_t cx__jsearch(const char *p, size_t len, const char *sub, size_t sub_len); /* costs nothing */
/* What a search costs, in bytes: a needle that nearly fits everywhere is slow to search for. */
static inline size_t cx__jfind_cost(size_t len, size_t sub_len)
{
    return 2 * len + (sub_len > 2 ? len / 8 * (sub_len < 64 ? sub_len : 64) : 0);
}
/* Positions of a sub-string in bytes; SIZE_MAX when absent. */
size_t cx__jfind(jctx *c, const char *p, size_t len, const char *sub, size_t sub_len);
size_t cx__jfind_last(jctx *c, const char *p, size_t len, const char *sub, size_t sub_len);

/* Containers. */
jval cx__jlist(jctx *c, jtype type, size_t cap);
bool cx__jlist_push(jctx *c, jval list, jval item);
jval cx__jpair(jctx *c, jval a, jval b); /* tuple of two */
jval cx__jdict(jctx *c, size_t cap);
bool cx__jdict_set(jctx *c, jdict *d, jval key, jval value);
/* NULL when absent; fails for keys that cannot be hashed. */
jval *cx__jdict_get(jctx *c, jdict *d, jval key);
jval *cx__jdict_get_text(jctx *c, jdict *d, const char *key);
bool cx__jhash(jctx *c, jval v, int depth, uint64_t *out);
bool cx__jhashable(jval v);

bool cx__jtruth(jval v);
bool cx__jeq(jctx *c, jval a, jval b);
/* <0, 0, >0; fails (and gives 0) when Python could not order them. `op` for the sentence. */
int cx__jcmp(jctx *c, jval a, jval b, const char *op);
bool cx__jcontains(jctx *c, jval item, jval in);
bool cx__jlength(jval v, size_t *out); /* false: has no len() */
bool cx__jiterable(jval v);
/* Items as a list (dict: keys; str: characters; generators are used up). Fails if not iterable.
 * Lists and tuples are returned as they are: do not change the result. */
jlist *cx__jitems(jctx *c, jval v);
/* One item without making all; i below the length. Not for generators. */
jval cx__jitem_at(jctx *c, jval v, size_t i);
jval cx__jrange_at(const jrange *r, size_t i);
/* Stable; by keys, which are `stride` apart in rows of values. Fails when keys do not compare. */
void cx__jsort(jctx *c, jval *rows, size_t n, size_t stride, size_t keys, bool reverse);

/* Text of values (jinja_text.c). */
void cx__jput_str(jctx *c, cx__buf *b, jval v);  /* str(v) */
void cx__jput_repr(jctx *c, cx__buf *b, jval v); /* repr(v) */
jval cx__jto_str(jctx *c, jval v);               /* v itself when a string */
jval cx__jto_plain(jctx *c, jval v);             /* str(v): never markup */
size_t cx__jfloat_repr(double d, char out[40]);
bool cx__jparse_int(const jstr *s, int base, int64_t *out);
bool cx__jparse_float(const jstr *s, double *out);
typedef struct jjson {
    bool ascii, sort;
    jstr *indent; /* NULL: one line */
    jstr *item, *key;
} jjson;
void cx__jput_json(jctx *c, cx__buf *b, jval v, const jjson *how);

/* Arithmetic: one of + - * / (J_OP_FLOORDIV //) % (J_OP_POW **). */
enum { J_OP_ADD, J_OP_SUB, J_OP_MUL, J_OP_DIV, J_OP_FLOORDIV, J_OP_MOD, J_OP_POW };
jval cx__jarith(jctx *c, int op, jval a, jval b);
jval cx__jnegate(jctx *c, jval v, bool minus);
bool cx__jint_pow(int64_t base, int64_t exp, int64_t *out);

#endif
