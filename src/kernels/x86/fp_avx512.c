/* MLX's fp modes for AVX-512: kernels/x16/fp.h with that vocabulary. */
#include "math_avx512.h"

#include "kernels/x16/fp.h"
