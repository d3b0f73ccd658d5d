/* Level 3: packings of weight matrices, and what packed tensors of a model file must be. A packing
 * is one file and one line in modes.def. Tested by tests/unit/test_quant*.c. */
#ifndef CX_QUANT_H
#define CX_QUANT_H

#include "kernels/kernels.h"
#include <cortex/quant.h>

/* How one row is packed. */
typedef struct cx__quant_row {
    cx_dtype dtype; /* of the weights: F32, F16 or BF16 */
    size_t cols;
    int bits, group;
    bool gpu_rule;
    float global_scale; /* 0: none */
} cx__quant_row;

/* What a packing does; rows are independent. bits and group are of the mode's lists, group divides
 * cols, cols * bits is a multiple of 32. */
typedef struct cx__quant_codec {
    cx_quant_mode mode;
    cx__qmode id;
    bool own_scale_dtype; /* scales have scale_dtype; else that of the weights */
    cx_dtype scale_dtype;
    /* One row. biases: NULL for a mode without. */
    void (*encode)(const cx__quant_row *r, uint8_t *q, void *scales, void *biases, const void *w);
    /* Row of w as `dtype`: F32, the type of float scales, or F16 and BF16 if scales are none. */
    void (*decode)(void *out, cx_dtype dtype, const cx__qmat *w, size_t row, bool gpu_rule);
    /* How far a value may be off at most, in units of its group's largest absolute value, if
     * that is no extreme of its type; besides what rounding scale and bias to their type does. */
    double (*error_bound)(int bits);
} cx__quant_codec;

/* The tensors of a packed matrix; NULL: there is none. */
typedef struct cx__quant_parts {
    const cx_tensor *weight, *scales, *biases, *global_scale;
} cx__quant_parts;

/* How a matrix is packed. */
typedef struct cx__packing {
    const cx_quant_mode *mode;
    cx__qmode id;
    int bits, group;
} cx__packing;

/* The packed matrix that these parts are. Shapes and config must agree: `quantization` is that
 * object of config.json (NULL: none), its entry of the module `name` (MLX's, with or without
 * ".weight") is taken as it is, absent numbers being the mode's defaults; else the packing
 * follows from the shapes, as in mlx-lm. For that they need `cols`, the columns that the model
 * expects; where the caller does not know them (0), the config's default counts if it fits, else
 * what is unique or keeps its group. bits * group is all that shapes say alone, so the caller
 * compares out->cols with what it expects. global_scale: nvfp4 experts only, F32 [experts], as
 * mlx-lm. `where` (the model) begins the sentences. The matrix points into the tensors.
 * Errors: CX_EFORMAT (incomplete, contradicting), CX_ESHAPE, CX_ETYPE, CX_EUNSUPPORTED (mode). */
cx_status cx__quant_matrix(const cx__quant_parts *parts, const json_t *quantization,
                           const char *where, const char *name, size_t cols, cx__qmat *out);
/* By the same rules how weight and scales are packed; the other parts are not looked at. */
cx_status cx__quant_packing(const cx__quant_parts *parts, const json_t *quantization,
                            const char *where, const char *name, size_t cols, cx__packing *out);

#endif
