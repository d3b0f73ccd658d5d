/* Quantization: packing matrices as MLX packs them, and back. */
#ifndef CORTEX_QUANT_H
#define CORTEX_QUANT_H

#include <cortex/array.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A way to pack. `bits` and `groups` end with 0. */
typedef struct cx_quant_mode {
    const char *name;
    const int *bits;   /* widths of a code */
    const int *groups; /* values that share a scale */
    int default_bits, default_group;
    bool has_bias; /* a value is code * scale + bias; without: code * scale */
} cx_quant_mode;

/** Modes of this library by number; NULL from cx_quant_mode_count() on. Borrowed, static. */
CX_API size_t cx_quant_mode_count(void);
CX_API const cx_quant_mode *cx_quant_mode_at(size_t i);
/** By name; CX_EUNSUPPORTED lists what is known. */
CX_API cx_status cx_quant_mode_find(const char *name, const cx_quant_mode **out) CX_WARN_UNUSED;

/** What to pack to. All zero: affine, 4 bits, groups of 64, the GPU rule. */
typedef struct cx_quant_spec {
    const cx_quant_mode *mode; /* NULL: affine */
    int bits, group;           /* 0: the mode's default */
    bool cpu_rule;      /* as MLX rounds on a CPU; default: as on a GPU, as published models */
    float global_scale; /* nvfp4: largest absolute value of the tensor, > 0; 0: none */
} cx_quant_spec;

/** Sizes in bytes of a packed matrix; biases 0 for a mode without. */
typedef struct cx_quant_size {
    size_t q, scales, biases;
    cx_dtype scale_dtype; /* of scales and biases */
} cx_quant_size;

/** Sizes that w [..., rows, cols] takes in this packing; w->data is not looked at.
 * Errors: those of cx_quantize. */
CX_API cx_status cx_quant_bytes(const cx_tensor *w, const cx_quant_spec *spec,
                                cx_quant_size *out) CX_WARN_UNUSED;

/** Packs the rows of a matrix, group by group along the last axis.
 *   w       [..., rows, cols]            f32, f16 or bf16; cols is a multiple of the group size
 *   q       [..., rows, cols*bits/32]    u32 little endian: code i of a row has the bits from
 *                                        i*bits on of the row's bit stream, lowest first
 *   scales  [..., rows, cols/group]      affine: type of w; one step of the code, may be negative.
 *                                        mxfp4, mxfp8: U8, E8M0; nvfp4: U8, E4M3
 *   biases  [..., rows, cols/group]      type of w; value of code 0. NULL for modes without
 * spec NULL: all defaults. Works in the calling thread; rows are independent, so a caller with
 * threads splits by rows. Affine: a NaN in w becomes code 0; an infinity makes its group NaN. Other
 * modes: a NaN becomes the largest code, an infinity takes the largest scale (docs/kernels.md).
 * Errors: CX_ESHAPE, CX_ETYPE, CX_EARG (bits, group, global scale); nothing is written then.
 * Owner:  the caller, of all buffers (sizes: cx_quant_bytes), which do not overlap.
 * Exact:  the bytes depend on neither the number of threads nor the ISA.
 * Source: mlx 0.32.4: mx.quantize on a CPU, for the GPU rule its Metal kernels; bytes pinned by
 *         tests/golden/quant. */
CX_API cx_status cx_quantize(const cx_tensor *w, const cx_quant_spec *spec, void *q, void *scales,
                             void *biases) CX_WARN_UNUSED;

/** Unpacks q, scales and biases (NULL for modes without) as cx_quantize wrote them.
 * The shapes together allow several pairs of bits and group, so spec says which.
 *   out  [..., rows, cols] of dtype. Affine: F32, or the type of the scales, in which product and
 *        sum are then each rounded, as MLX does. Other modes: F32, F16 or BF16, the product rounded
 *        once; with cpu_rule as MLX on a CPU, which also rounds the scale (matters to F16).
 * Errors: CX_ESHAPE, CX_ETYPE, CX_EARG; the sentence names the tensor. */
CX_API cx_status cx_dequantize(const cx_tensor *q, const cx_tensor *scales, const cx_tensor *biases,
                               const cx_quant_spec *spec, cx_dtype dtype, void *out) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif
