/* Level 3: packings of weight matrices, and what packed tensors of a model file must be. A packing
 * is one file and one line in modes.def. Tested by tests/unit/test_quant*.c. */
#ifndef CX_QUANT_H
#define CX_QUANT_H

#include "kernels/kernels.h"
#include <cortex/quant.h>

/* What a packing does; rows are independent. bits and group are of the mode's lists, group divides
 * cols, cols * bits is a multiple of 32. */
typedef struct cx__quant_codec {
    cx_quant_mode mode;
    bool own_scale_dtype; /* scales have scale_dtype; else that of the weights */
    cx_dtype scale_dtype;
    /* One row: cols values of F32, F16 or BF16. biases: NULL for a mode without. */
    cx__affine_encode_fn *encode;
    /* Row of w as `dtype`: F32, or the type of the scales. */
    void (*decode)(void *out, cx_dtype dtype, const cx__qmat *w, size_t row);
    /* How far a value may be off at most, in units of its group's largest absolute value; besides
     * what rounding scale and bias to their type does. */
    double (*error_bound)(int bits);
} cx__quant_codec;

/* The packed matrix that weight, scales and biases (NULL: there are none) are. Shapes and config
 * must agree: `quantization` is that object of config.json (NULL: none), its entry of the module
 * `name` (MLX's, with or without ".weight") goes before the default; where only the default is
 * given and does not fit, bits and group follow from the shapes, as in mlx-lm, if that is unique.
 * Since bits * group is all that shapes say, the caller compares out->cols with what it expects.
 * `where` (the model) begins the sentences. The matrix points into the tensors.
 * Errors: CX_EFORMAT (incomplete, contradicting), CX_ESHAPE, CX_ETYPE, CX_EUNSUPPORTED (mode). */
cx_status cx__quant_matrix(const cx_tensor *weight, const cx_tensor *scales,
                           const cx_tensor *biases, const json_t *quantization, const char *where,
                           const char *name, cx__qmat *out);
/* Bits of a packed weight by the same rules; 0 if weight and scales are no packed matrix. */
int cx__quant_bits(const cx_tensor *weight, const cx_tensor *scales, const json_t *quantization,
                   const char *where, const char *name);

#endif
