/* Element-wise kernels for AVX-512: kernels/x16/activation.h with that vocabulary. */
#include "math_avx512.h"

#include "kernels/x16/activation.h"
