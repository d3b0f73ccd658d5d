/* What a conversion was asked for, as conversion.json keeps it. */
#ifndef CX_CONVERT_REQUEST_H
#define CX_CONVERT_REQUEST_H

#include "convert/layout.h"

/* "org/name" of a folder in the hub cache, else NULL. Caller cx__free()s. */
char *cx__hub_name(const char *source);
/* Hash of names, sizes and times of a source's files. Errors: CX_ENOMEM. */
cx_status cx__source_state(const char *path, char out[17]);
/* Source, its revision or state, recipe, packing. *out: caller json_decref()s. */
cx_status cx__request_make(const char *path, const char *state, const cx_convert_options *options,
                           const cx__rules *rules, json_t **out);
/* What conversion.json says besides hashes; NULL without memory. method: the source's quantization,
 * or NULL. Caller json_decref()s. */
json_t *cx__request_head(const json_t *request, const char *method, const cx__layout *plan);
/* CX_OK if `made`, the conversion.json of folder target, says that it is what the request asks for;
 * else CX_EEXIST with the first difference. */
cx_status cx__request_compare(const char *target, const json_t *made, const json_t *request);

#endif
