/* Streaming JSON: one event after the other, no tree, no recursion, no copy of plain strings.
 * For headers too large for a tree, and below cx__json_parse. Via base/base.h. */
#ifndef CX_BASE_JSON_SCAN_H
#define CX_BASE_JSON_SCAN_H

#include "base/alloc.h"

#define CX__JSON_DEPTH 64

typedef enum cx__json_event {
    CX__JSON_END, /* after the one value, at the end of the text */
    CX__JSON_OBJECT,
    CX__JSON_OBJECT_END,
    CX__JSON_ARRAY,
    CX__JSON_ARRAY_END,
    CX__JSON_KEY,    /* text, len */
    CX__JSON_STRING, /* text, len */
    CX__JSON_INT,    /* integer */
    CX__JSON_REAL,   /* real; integers beyond 64 bits too */
    CX__JSON_FLOAT,  /* NaN and infinities as Python writes them: real */
    CX__JSON_TRUE,
    CX__JSON_FALSE,
    CX__JSON_NULL
} cx__json_event;

typedef struct cx__json_scan {
    const char *begin, *at, *end, *where;
    uint64_t is_object; /* bit d: the container at depth d + 1 is an object */
    int depth;
    int state;        /* what may come next, json_scan.c */
    const char *text; /* UTF-8 without NUL bytes, not terminated; valid until the next event */
    size_t len;
    int64_t integer;
    double real;
    cx__buf scratch;
} cx__json_scan;

/* `where` (a file name) begins error sentences; it and the text are borrowed. */
void cx__json_scan_init(cx__json_scan *s, const char *text, size_t len, const char *where);
void cx__json_scan_deinit(cx__json_scan *s);
/* The same strictness as cx__json_parse, except that duplicate keys are the caller's matter. */
cx_status cx__json_next(cx__json_scan *s, cx__json_event *out);
/* After the event `first`: passes over the rest of that value. */
cx_status cx__json_skip(cx__json_scan *s, cx__json_event first);
/* "a string", for error sentences. */
const char *cx__json_event_name(cx__json_event e);
bool cx__utf8_valid(const char *text, size_t len);

#endif
