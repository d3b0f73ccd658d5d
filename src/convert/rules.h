/* Rules files: how modules are packed, line by line. Form: docs/formats/rules.md. */
#ifndef CX_CONVERT_RULES_H
#define CX_CONVERT_RULES_H

#include "base/base.h"
#include <cortex/convert.h>

typedef struct cx__rules cx__rules;

/* Errors: CX_ENOTFOUND, CX_EIO, CX_EFORMAT (file, line, expected, found), CX_ELIMIT (a pattern too
 * costly), CX_ENOMEM. Owner: caller, cx__rules_free. */
cx_status cx__rules_open(const char *path, cx__rules **out);
/* `where` begins sentences. */
cx_status cx__rules_parse(const char *text, size_t len, const char *where, cx__rules **out);
void cx__rules_free(cx__rules *r); /* NULL is fine */
/* The first rule that fits decides; *choice is unchanged if none does. CX_ELIMIT: a regular
 * expression gave up on this path. */
cx_status cx__rules_choose(const cx__rules *r, const cx_convert_module *m,
                           cx_convert_choice *choice);
/* Hash of the text, for conversion.json. */
uint64_t cx__rules_hash(const cx__rules *r);

#endif
