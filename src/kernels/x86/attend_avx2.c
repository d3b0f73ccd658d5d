/* Attention over a block for AVX2: kernels/x16/attend.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/attend.h"
