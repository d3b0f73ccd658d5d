/* The table of packings, between the files of this folder. */
#ifndef CX_QUANT_MODES_H
#define CX_QUANT_MODES_H

#include "quant/quant.h"

#define CX_QUANT_MODE(name) extern const cx__quant_codec cx__quant_##name;
#include "quant/modes.def"
#undef CX_QUANT_MODE

/* NULL if unknown. */
const cx__quant_codec *cx__quant_codec_find(const char *name);
/* Whether `value` is in a list that ends with 0. */
bool cx__quant_list_has(const int *list, int64_t value);

#endif
