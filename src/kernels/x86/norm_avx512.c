/* Norms for AVX-512: kernels/x16/norm.h with that vocabulary. */
#include "math_avx512.h"

#include "kernels/x16/norm.h"
