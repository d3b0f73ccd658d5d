/* Scalar functions of the reference kernels. The fast variants compute the same formulas lane by
 * lane (kernels/x16/math.h), so results are the same bits on every ISA. */
#ifndef CX_KERNELS_REF_MATH_H
#define CX_KERNELS_REF_MATH_H

#include "core/core.h"

/* e^x, within 1.01 ulp; subnormal results are kept, NaN stays NaN. */
float cx__exp_scalar(float x);
/* Within 2 ulp. */
float cx__tanh_scalar(float x);
/* The normal distribution's lower tail P(X <= -|x|) = erfc(|x| / sqrt 2) / 2, within 4 ulp. */
float cx__normal_tail_scalar(float x);
/* ((lane[0] + lane[1]) + lane[2]) + ... + lane[15] */
float cx__lane_sum_scalar(const float *lane);
/* Element i of F32, F16 or BF16 values at any alignment, and its reverse (nearest even). */
float cx__load_scalar(const void *p, cx_dtype dtype, size_t i);
void cx__store_scalar(void *p, cx_dtype dtype, size_t i, float f);

#endif
