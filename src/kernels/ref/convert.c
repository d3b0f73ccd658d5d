/* Specification of the bulk conversions. Tested by tests/check/check_convert.c. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"

void cx__f16_to_f32_ref(float *y, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = cx__load_scalar(x, CX_F16, i);
}

void cx__bf16_to_f32_ref(float *y, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = cx__load_scalar(x, CX_BF16, i);
}

void cx__f32_to_f16_ref(void *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) cx__store_scalar(y, CX_F16, i, x[i]);
}

void cx__f32_to_bf16_ref(void *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) cx__store_scalar(y, CX_BF16, i, x[i]);
}
