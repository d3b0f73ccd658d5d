/* MLX's affine quantization for AVX2: kernels/x16/affine.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/affine.h"
