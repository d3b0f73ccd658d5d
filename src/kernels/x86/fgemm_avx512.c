/* Products with f32 activations for AVX-512: kernels/x16/fgemm.h with that vocabulary. */
#include "math_avx512.h"

#include "kernels/x16/fgemm.h"
