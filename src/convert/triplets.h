/* Packed tensors against each other and against config.json. */
#ifndef CX_CONVERT_TRIPLETS_H
#define CX_CONVERT_TRIPLETS_H

#include "format/format.h"

/* Every X.scales has its X.weight (U32) and, in affine mode, its X.biases, of shapes that fit the
 * bits and group that "quantization" in the config states for X; experts in nvfp4 may have
 * X.global_scale (F32, one an expert); every U32 weight has scales; the
 * config states nothing about modules that are not there. `where` begins error sentences. */
cx_status cx__triplets_check(const char *where, const json_t *config, const cx_tensors *t);

#endif
