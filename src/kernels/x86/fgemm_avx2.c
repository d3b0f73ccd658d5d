/* Products with f32 activations for AVX2: kernels/x16/fgemm.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/fgemm.h"
