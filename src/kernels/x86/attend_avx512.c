/* Attention over a block for AVX-512: kernels/x16/attend.h with that vocabulary. */
#include "math_avx512.h"

#include "kernels/x16/attend.h"
