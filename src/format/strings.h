/* Copies of strings out of one JSON text, in one block: decoded and terminated they need no more
 * room than their quoted forms. Used by safetensors.c and shard_index.c. */
#ifndef CX_FORMAT_STRINGS_H
#define CX_FORMAT_STRINGS_H

#include "base/base.h"

typedef struct strings {
    char *base;
    size_t at, size;
} strings;
/* For the strings of a text of `len` bytes. false without memory. */
bool cx__strings_init(strings *s, size_t len);
/* The scanner's current string, NUL-terminated. */
const char *cx__strings_put(strings *s, const cx__json_scan *scan);

#endif
