/* Specification of the products with f32 activations, in the canonical order of kernels.h.
 * Tested by tests/check/check_fgemm.c against double sums. */
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

static float dot(const void *w, cx_dtype dtype, size_t at, const float *x, size_t cols)
{
    float lane[16] = { 0 };
    for (size_t c = 0; c < cols; c++)
        lane[c % 16] = fmaf(cx__load_scalar(w, dtype, at + c), x[c], lane[c % 16]);
    return cx__lane_sum_scalar(lane);
}

#define FGEMM(name, dtype)                                                                         \
    void cx__fgemm_##name##_ref(float *y, size_t ldy, const void *w, size_t ldw, size_t row0,      \
                                size_t row1, size_t cols, const float *x, size_t ldx,              \
                                size_t rows_x)                                                     \
    {                                                                                              \
        for (size_t m = 0; m < rows_x; m++)                                                        \
            for (size_t r = row0; r < row1; r++)                                                   \
                y[m * ldy + (r - row0)] = dot(w, dtype, r * ldw, x + m * ldx, cols);               \
    }
FGEMM(f32, CX_F32)
FGEMM(f16, CX_F16)
FGEMM(bf16, CX_BF16)
