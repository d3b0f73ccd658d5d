/* The table of packings, between the files of this folder. */
#ifndef CX_QUANT_MODES_H
#define CX_QUANT_MODES_H

#include "quant/quant.h"

#define CX_QUANT_MODE(name) extern const cx__quant_codec cx__quant_##name;
#include "quant/modes.def"
#undef CX_QUANT_MODE

/* NULL if unknown. */
const cx__quant_codec *cx__quant_codec_find(const char *name);
const cx__quant_codec *cx__quant_codec_at(size_t i);
/* Whether `value` is in a list that ends with 0. */
bool cx__quant_list_has(const int *list, int64_t value);

/* Decoding of the modes with scales of 8 bits: cx__quant_codec. */
void cx__quant_fp_decode(void *out, cx_dtype dtype, const cx__qmat *w, size_t row, bool gpu_rule);
/* Whether `dtype` is F32, F16 or BF16. */
bool cx__quant_is_float(cx_dtype dtype);

#endif
