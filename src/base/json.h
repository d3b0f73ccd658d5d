/* JSON over jansson: strict parsing with limits, typed getters that name file and key, and a
 * writer with the text form of Python's json module (config files stay diff-free with mlx-lm).
 * Via base/base.h. */
#ifndef CX_BASE_JSON_H
#define CX_BASE_JSON_H

#include "base/alloc.h"
#include <jansson.h>

/* Parses UTF-8 text of `len` bytes. Rejects: bytes after the value, duplicate keys, depth over 64,
 * lone surrogates, NUL. NaN and +-Infinity as Python writes them are accepted as values and become
 * {"__float__": "NaN" | "Infinity" | "-Infinity"}, mlx-lm's own form. Integers beyond 64 bits
 * become reals; numbers beyond a double are refused. `where` (file name) begins the sentence.
 * *out: caller json_decref()s. */
cx_status cx__json_parse(const char *text, size_t len, const char *where, json_t **out);
/* Reads and parses a file of at most `max` bytes. */
cx_status cx__json_load(const char *path, size_t max, json_t **out);

/* Typed getters of an object member. Missing or null: *out stays as it is (set the default before)
 * and CX_OK; wrong type or out of [lo, hi]: CX_EFORMAT naming where and key. */
cx_status cx__json_int(const json_t *o, const char *where, const char *key, int64_t lo, int64_t hi,
                       int64_t *out);
cx_status cx__json_num(const json_t *o, const char *where, const char *key, double lo, double hi,
                       double *out);
cx_status cx__json_bool(const json_t *o, const char *where, const char *key, bool *out);
cx_status cx__json_str(const json_t *o, const char *where, const char *key, const char **out);

/* Appends `v` as json.dumps(v, indent=indent, sort_keys=sort) of Python writes it (indent 0:
 * compact as MLX's safetensors header, no spaces; indent -1: one line with ", " and ": ").
 * ensure_ascii as Python: everything above 0x7e as \uXXXX. Floats: shortest that round-trips. */
bool cx__json_dump(cx__buf *out, const json_t *v, int indent, bool sort);
/* Appends valid UTF-8 as a JSON string, quotes included. */
bool cx__json_put_string(cx__buf *out, const char *text, size_t len);

#endif
