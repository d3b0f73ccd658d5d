/* Sampling helpers for AVX2: kernels/x16/logits.h with that vocabulary. */
#include "math_avx2.h"

#include "kernels/x16/logits.h"
