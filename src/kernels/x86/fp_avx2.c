/* MLX's fp modes for AVX2: kernels/x16/fp.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/fp.h"
