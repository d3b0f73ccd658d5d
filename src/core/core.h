/* Level 1: element types and their conversion, one by one. Bulk conversion is a kernel. */
#ifndef CX_CORE_H
#define CX_CORE_H

#include "base/base.h"
#include <cortex/array.h>
#include <string.h>

static inline float cx__bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
uint16_t cx__f32_to_bf16(float f); /* round to nearest even; NaN stays NaN (quiet) */
float cx__f16_to_f32(uint16_t h);
uint16_t cx__f32_to_f16(float f); /* round to nearest even, subnormals kept, overflow to inf */

/* Element i of a tensor of a floating dtype (F16, BF16, F32, F64) as f32. */
float cx__tensor_f32(const cx_tensor *t, size_t i);
/* Product of the shape, checked; false on overflow or a negative dimension. */
bool cx__tensor_count(const cx_tensor *t, size_t *out);
/* "[16, 64] F32" for error sentences; `out` holds at least 128 bytes. Returns out. */
const char *cx__tensor_text(const cx_tensor *t, char *out, size_t len);

#endif
