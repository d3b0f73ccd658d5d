/* Small floats of MLX's fp modes, one value at a time: the specification, and what every variant
 * calls once a group. Source: mlx.md 1.5 (mlx/ops.cpp fp_quantize, Metal kernels fp4.h, fp8.h,
 * fp_quantized.h). */
#ifndef CX_KERNELS_REF_FP_H
#define CX_KERNELS_REF_FP_H

#include "kernels/kernels.h"

/* A float of `mant` mantissa bits and a sign: codes 0, 1, ... stand for rising values, in steps of
 * 2^(least - mant) from 0 to 2^(least + 1), doubling with each further power of two up to `top`. */
typedef struct cx__fp_format {
    int mant, least; /* `least`: exponent of the smallest normal value */
    float top;
    unsigned top_code, sign;
} cx__fp_format;
extern const cx__fp_format cx__fp_e2m1, cx__fp_e4m3;

/* Format of a mode's elements. */
static inline const cx__fp_format *cx__fp_elements(cx__qmode mode)
{
    return mode == CX__MXFP8 ? &cx__fp_e4m3 : &cx__fp_e2m1;
}
static inline size_t cx__fp_group(cx__qmode mode)
{
    return mode == CX__NVFP4 ? 16 : 32;
}
static inline int cx__fp_bits(cx__qmode mode)
{
    return mode == CX__MXFP8 ? 8 : 4;
}

/* Nearest code, ties to the even one; larger values and NaN become the largest. */
unsigned cx__fp_code_scalar(const cx__fp_format *f, float x);
/* Value of an E4M3 code (0x7f: NaN), of an E8M0 code (255: infinity), of an E2M1 code. */
float cx__e4m3_scalar(uint8_t code);
float cx__e8m0_scalar(uint8_t code);
float cx__e2m1_scalar(uint8_t code);

/* Scale of a group whose largest absolute value is `amax`: the byte, and the factor by which the
 * GPU rule brings values to the range of the codes. Choosing a scale and coding with it are
 * apart, so that a solver may put its own in between. */
typedef struct cx__fp_scale {
    uint8_t byte;
    int exponent; /* of an mx scale, before it is stored */
    float factor;
} cx__fp_scale;
cx__fp_scale cx__fp_scale_scalar(cx__qmode mode, float amax, cx_dtype dtype, float global,
                                 bool gpu_rule);
/* Stored scale of group g of a row as f32, the global scale of the row applied. */
float cx__fp_stored_scalar(const cx__qmat *w, size_t row, size_t g);

#endif
