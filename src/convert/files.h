/* The files of a model folder beside its weights. */
#ifndef CX_CONVERT_FILES_H
#define CX_CONVERT_FILES_H

#include "convert/manifest.h"

/* Writes config.json (that of the source, as it is now), the index, README.md, and what the source
 * has of tokenizer, template, code and licence files; notes the shards. base_model: "org/name" or
 * NULL. */
cx_status cx__files_put(const cx__source *source, const cx__layout *plan, const char *base_model,
                        cx__manifest *manifest);

#endif
