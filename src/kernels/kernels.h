/* Level 2: compute kernels. A slot is a function type with a contract; src/kernels/ref holds its
 * specification, x86/ and arm/ the fast variants, kernels.def the list, dispatch.c the choice.
 * Contracts in prose: docs/kernels.md. Checked by tests/check (every variant against ref).
 *
 * Common rules: no alignment is assumed of any pointer; outputs overlap no input unless said;
 * nothing outside the given ranges is read or written; no allocation, no global state.
 *
 * Canonical order of sums. The same row gives the same bits alone, in a batch, in a prompt, with
 * any number of threads and on any ISA, because every variant of a product sums in this order:
 * 16 lanes, lane l takes the units u = l, l+16, l+32, ... in rising order with one fmaf each
 * (integer products: two, first the scale term, then the bias term), lanes start at +0 and are
 * then added from left to right: ((lane0 + lane1) + lane2) + ... + lane15. */
#ifndef CX_KERNELS_H
#define CX_KERNELS_H

#include "core/core.h"

/* ---- Activations quantized to int8 (field.md 1.5), one row after the other -------------------
 * A row of `cols` values is: int8 q[pad64(cols)] (the padding is 0), then f32 scale[ceil(cols/64)],
 * then f32 sum[ceil(cols/32)] with sum[i] = scale[i/2] * (float)(exact integer sum of q[32i..]),
 * then padding to a multiple of 64 bytes. Element c is q[c] * scale[c/64]. */
static inline size_t cx__qact_scale_at(size_t cols) /* offset of scale[] in a row */
{
    return (cols + 63) / 64 * 64;
}
static inline size_t cx__qact_sum_at(size_t cols) /* offset of sum[] in a row */
{
    return cx__qact_scale_at(cols) + (cols + 63) / 64 * 4;
}
static inline size_t cx__qact_stride(size_t cols) /* bytes of a row */
{
    return (cx__qact_sum_at(cols) + (cols + 31) / 32 * 4 + 63) / 64 * 64;
}

/* How MLX packs a matrix. Element (r, c), with g = c / group:
 *   affine  code * scales[r, g] + biases[r, g]
 *   mxfp4   E2M1 code times E8M0 scale, groups of 32
 *   mxfp8   E4M3 code times E8M0 scale, groups of 32
 *   nvfp4   E2M1 code times E4M3 scale, groups of 16; with a global scale times that / 2688
 * E2M1: 0, .5, 1, 1.5, 2, 3, 4, 6 and a sign; E4M3: up to 448, 0x7f is NaN; E8M0: 2^(s - 127), 255
 * is infinity as in MLX's kernels. */
typedef enum cx__qmode { CX__AFFINE, CX__MXFP4, CX__MXFP8, CX__NVFP4 } cx__qmode;

/* A matrix in MLX's packing, in place in the mapped file. Codes are a little-endian bit stream per
 * row. */
typedef struct cx__qmat {
    const uint8_t *q;     /* [rows, cols*bits/8] bytes */
    const void *scales;   /* [rows, cols/group] */
    const void *biases;   /* same; NULL unless affine */
    cx_dtype scale_dtype; /* F32, F16 or BF16; U8 unless affine */
    cx__qmode mode;
    int bits;            /* affine: 1, 2, 3, 4, 5, 6, 8 */
    int group;           /* affine: 32, 64, 128; divides cols */
    const void *globals; /* nvfp4: F32, one for each global_rows rows; NULL: none */
    size_t global_rows;
    size_t rows, cols;
} cx__qmat;

/* x: one row of `cols` f32 to dst (layout above). Per block of 64: amax, scale = amax / 127,
 * q = rint(x * (127 / amax)) half to even; amax 0, or below 2^-120 or not finite: see ref. */
typedef void cx__quantize_act_fn(void *dst, const float *x, size_t cols);

/* y[m*ldy + r] for r in [row0, row1), m in [0, rows_x): integer product of weight row r and
 * activation row m (x + m * cx__qact_stride(cols)). A unit is min(group, 64) columns:
 *   lane = fmaf((float)isum_u, s_u * a_u, lane); lane = fmaf(b_u, t_u, lane)
 * with isum_u the exact sum of code * q, s_u/b_u the weight's scale and bias as f32, a_u the
 * activation's scale, t_u its sum over the unit (sum[i], or sum[2i] + sum[2i+1] for 64).
 * y is written with r as the column: y[m*ldy + (r - row0)].
 * `scratch` holds cx__qmul_scratch(cols) bytes, 64-byte aligned, private to the thread.
 * qgemv: rows_x 1..8, reads each weight byte once, prefetches, for decode.
 * qgemm: any rows_x, unpacks panels of weight rows into scratch, for prompts. Same bits. */
typedef void cx__qgemv_fn(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                          const void *x, size_t rows_x, void *scratch);
#define CX__QGEMV_ROWS 8
size_t cx__qmul_scratch(size_t cols);

/* y[m*ldy + (r-row0)] = dot(w row r, x row m), f32 activations, unit = one column. ldw in
 * elements of w's type, ldx in floats. */
typedef void cx__fgemm_fn(float *y, size_t ldy, const void *w, size_t ldw, size_t row0, size_t row1,
                          size_t cols, const float *x, size_t ldx, size_t rows_x);

/* MLX's affine encoding of one row (mlx.md 1.4), bit exact. w: `cols` values of `dtype` (F32, F16,
 * BF16); q: cols*bits/8 bytes; scales, biases: cols/group values of `dtype`. gpu_rule: extrema
 * start at 0 above (w_max >= 0), ties round away; else the CPU rule. */
typedef void cx__affine_encode_fn(uint8_t *q, void *scales, void *biases, const void *w,
                                  cx_dtype dtype, size_t cols, int bits, int group, bool gpu_rule);
/* Row r of w as f32: (float)code * s, rounded, then + b, rounded (no fma), as MLX. */
typedef void cx__affine_decode_fn(float *dst, const cx__qmat *w, size_t row);
/* One row to mxfp4, mxfp8 or nvfp4, MLX's bytes (mlx.md 1.5). w: `cols` values of `dtype`; q:
 * cols*bits/8 bytes; scales: cols/group bytes. global: nvfp4's global scale, > 0 and finite, or 0
 * for none. gpu_rule: computed in f32, ties to the even code, -0 kept; else as MLX's CPU path:
 * quotients rounded to `dtype`, E2M1 ties toward zero, no -0. */
typedef void cx__fp_encode_fn(uint8_t *q, uint8_t *scales, const void *w, cx_dtype dtype,
                              size_t cols, cx__qmode mode, float global, bool gpu_rule);
/* Row r of w, not affine, as f32: scale (times global scale / 2688, rounded) times value. */
typedef void cx__fp_decode_fn(float *dst, const cx__qmat *w, size_t row);

/* Norms of one row of n values; weight and bias f32 (bias may be NULL). Sums in 16 lanes
 * (canonical order, plain f32), y may equal x.
 * rms:   y = x * (1 / sqrt(mean(x^2) + eps)) * w
 * layer: y = (x - mean) * (1 / sqrt(var + eps)) * w + b, var from the centred values */
typedef void cx__rms_norm_fn(float *y, const float *x, const float *w, size_t n, float eps);
typedef void cx__layer_norm_fn(float *y, const float *x, const float *w, const float *b, size_t n,
                               float eps);

/* Rotates `heads` heads of `dim` values in place, the first 2*half of each; cs: half cosines, then
 * half sines of this position. pairs (i, i+half), or (2i, 2i+1) when interleaved. */
typedef void cx__rope_fn(float *x, size_t heads, size_t dim, size_t half, const float *cs,
                         bool interleaved);

/* One block of 64 cached positions for `nq` queries of one KV head, online softmax.
 *   q   [nq, dim] f32, row stride ldq floats
 *   k   [dim, 64] position is the fast axis;  v [64, dim]   f16 or f32 by slot
 *   lo, hi [nq]: query i sees positions [lo[i], hi[i]) of the block, 0 <= lo <= hi <= 64
 *   max, sum [nq], acc [nq, dim] contiguous: running state; start: max -INFINITY, sum 0, acc 0
 * score = dot(q, k_j) * scale; cap > 0: cap * tanh(score / cap). Positions out of range are never
 * read as values (the cache may hold anything there, NaN included). A query with lo == hi is left
 * alone. Result of the attention: acc / sum, by the caller. Each query's bits do not depend on nq
 * or on the other queries. */
typedef void cx__attend_fn(const float *q, size_t ldq, size_t nq, size_t dim, const void *k,
                           const void *v, const uint8_t *lo, const uint8_t *hi, float scale,
                           float cap, float *max, float *sum, float *acc);

/* Element-wise over n values; y may equal an input. */
typedef void cx__unary_fn(float *y, const float *x, size_t n);
typedef void cx__binary_fn(float *y, const float *a, const float *b, size_t n);
typedef void cx__scale_fn(float *y, const float *x, float s, size_t n);
/* Bulk conversion, round to nearest even. */
typedef void cx__to_f32_fn(float *y, const void *x, size_t n);
typedef void cx__from_f32_fn(void *y, const float *x, size_t n);

/* Sampling helpers over n >= 1 logits. argmax: lowest index of the largest value, NaN never wins
 * (all NaN: 0). exp_sum: sum of exp(x - max) in 16 lanes; logsumexp = max + log(sum). */
typedef size_t cx__argmax_fn(const float *x, size_t n);
typedef float cx__exp_sum_fn(const float *x, float max, size_t n);

/* The machine's roofs, for measuring. read: touches every byte of data once, in one of several
 * access patterns; the result keeps the loads alive. int8: `rounds` rounds of independent integer
 * multiplies, returns how many multiplies and adds that were. */
enum { CX__ROOF_PATTERNS = 6 };
typedef uint64_t cx__roof_read_fn(const void *data, size_t bytes, int pattern);
typedef uint64_t cx__roof_int8_fn(size_t rounds, int32_t *sink);

typedef struct cx__kernels {
    cx__quantize_act_fn *quantize_act;
    cx__qgemv_fn *qgemv_b2, *qgemv_b3, *qgemv_b4, *qgemv_b5, *qgemv_b6, *qgemv_b8;
    cx__qgemv_fn *qgemm;
    cx__fgemm_fn *fgemm_f32, *fgemm_f16, *fgemm_bf16;
    cx__affine_encode_fn *affine_encode;
    cx__affine_decode_fn *affine_decode;
    cx__fp_encode_fn *fp_encode;
    cx__fp_decode_fn *fp_decode;
    cx__rms_norm_fn *rms_norm;
    cx__layer_norm_fn *layer_norm;
    cx__rope_fn *rope;
    cx__attend_fn *attend_f16, *attend_f32;
    cx__unary_fn *silu, *gelu_erf, *gelu_tanh, *gelu_quick, *relu, *relu2, *tanh;
    cx__binary_fn *add, *mul, *silu_mul; /* silu_mul: silu(a) * b */
    cx__scale_fn *scale;
    cx__to_f32_fn *f16_to_f32, *bf16_to_f32;
    cx__from_f32_fn *f32_to_f16, *f32_to_bf16;
    cx__argmax_fn *argmax;
    cx__exp_sum_fn *exp_sum;
    cx__roof_read_fn *roof_read;
    cx__roof_int8_fn *roof_int8;
} cx__kernels;

/* Fills a table with the best variants for these ISA flags; pure. */
void cx__kernels_fill(cx__kernels *k, unsigned isa);
/* The table of this process (cx__cpu_isa()), filled once. */
const cx__kernels *cx__kernels_get(void);
/* Calls fn for each slot with the chosen variant's name and what it needs, for `info --kernels`. */
void cx__kernels_list(unsigned isa, void (*fn)(void *user, const char *slot, const char *variant),
                      void *user);

/* Row r of a packed matrix of any mode as f32. */
static inline void cx__qmat_decode(const cx__kernels *k, float *dst, const cx__qmat *w, size_t row)
{
    (w->mode == CX__AFFINE ? k->affine_decode : k->fp_decode)(dst, w, row);
}

/* qgemv slot of a bit width; NULL if there is none. */
static inline cx__qgemv_fn *cx__qgemv(const cx__kernels *k, int bits)
{
    switch (bits) {
    case 2: return k->qgemv_b2;
    case 3: return k->qgemv_b3;
    case 4: return k->qgemv_b4;
    case 5: return k->qgemv_b5;
    case 6: return k->qgemv_b6;
    case 8: return k->qgemv_b8;
    default: return NULL;
    }
}

/* Whether qgemv and qgemm multiply this matrix; others are decoded first. */
static inline bool cx__qmat_integer(const cx__qmat *w)
{
    return w->mode == CX__AFFINE && w->bits > 1;
}

#endif
