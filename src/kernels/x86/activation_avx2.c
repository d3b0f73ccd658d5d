/* Element-wise kernels for AVX2: kernels/x16/activation.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/activation.h"
