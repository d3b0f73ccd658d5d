/* Products with f32 activations over 16 lanes: tiles of weight rows x activation rows, one vector
 * of lanes per result. Specification: ref/fgemm.c; the order there is that of one tile cell. */
#include "kernels/x16/math.h"

typedef struct product {
    float *y;
    const void *w;
    const float *x;
    size_t ldy, ldw, ldx, cols;
    cx_dtype dtype;
} product;

static inline const void *weight_row(const product *p, size_t r)
{
    return (const uint8_t *)p->w + r * p->ldw * (p->dtype == CX_F32 ? 4 : 2);
}

/* Adds columns [c, c + n), n <= 16, to the tile. */
X16_INLINE void tile_step(vf *acc, const void *const *w, const float *const *x, size_t nw,
                          size_t nx, size_t c, size_t n, cx_dtype dtype)
{
    vf xs[X16_GEMM_X];
    X16_UNROLL for (size_t m = 0; m < nx; m++) xs[m] = vf_load_n(x[m] + c, n);
    X16_UNROLL for (size_t r = 0; r < nw; r++)
    {
        vf ws = vf_load_as_n(w[r], c, n, dtype);
        X16_UNROLL for (size_t m = 0; m < nx; m++)
            acc[m * nw + r] = vf_fma(ws, xs[m], acc[m * nw + r]);
    }
}

/* Weight rows [r, r + nw) by activation rows [m, m + nx); nw, nx and dtype are constants. */
X16_INLINE void tile(const product *p, size_t r, size_t m, size_t nw, size_t nx, cx_dtype dtype)
{
    enum { CELLS = 16 };
    vf acc[CELLS];
    const void *w[X16_GEMM_W1];
    const float *x[X16_GEMM_X];
    X16_UNROLL for (size_t i = 0; i < nw; i++) w[i] = weight_row(p, r + i);
    X16_UNROLL for (size_t i = 0; i < nx; i++) x[i] = p->x + (m + i) * p->ldx;
    X16_UNROLL for (size_t i = 0; i < nw * nx; i++) acc[i] = vf_set(0);
    size_t c = 0;
    for (; c + 16 <= p->cols; c += 16) tile_step(acc, w, x, nw, nx, c, 16, dtype);
    if (c < p->cols) tile_step(acc, w, x, nw, nx, c, p->cols - c, dtype);
    X16_UNROLL for (size_t i = 0; i < nw * nx; i += 4)
    {
        size_t left = nw * nx - i, last = (left < 4 ? left : 4) - 1;
        float sum[4];
        vf_sum_4(sum, acc[i], acc[i + (last < 1 ? last : 1)], acc[i + (last < 2 ? last : 2)],
                 acc[i + last]);
        X16_UNROLL for (size_t j = 0; j <= last; j++)
            p->y[(m + (i + j) / nw) * p->ldy + r + (i + j) % nw] = sum[j];
    }
}

/* All weight rows [0, rows) by nx activation rows. */
X16_INLINE void strip(const product *p, size_t rows, size_t m, size_t nw, size_t nx, cx_dtype dtype)
{
    size_t r = 0;
    for (; r + nw <= rows; r += nw) tile(p, r, m, nw, nx, dtype);
    for (; r < rows; r++) tile(p, r, m, 1, nx, dtype);
}

/* Activation rows taken at once with each block of weight rows: what fits into 256 KiB, a part of
 * the second level cache; then each weight comes from memory once per so many rows. */
static inline size_t rows_at_once(size_t cols)
{
    size_t n = 262144 / (cols * sizeof(float) + 1) / X16_GEMM_X * X16_GEMM_X;
    return n < 4 * X16_GEMM_X ? 4 * X16_GEMM_X : n;
}

/* Weight rows [r, r + nw) by activation rows [m, end). */
X16_INLINE void block(const product *p, size_t r, size_t m, size_t end, size_t nw, cx_dtype dtype)
{
    for (; m + X16_GEMM_X <= end; m += X16_GEMM_X) tile(p, r, m, nw, X16_GEMM_X, dtype);
#if X16_GEMM_X > 2
    if (end - m == 3) tile(p, r, m, nw, 3, dtype);
    if (end - m == 2) tile(p, r, m, nw, 2, dtype);
#endif
    if (end - m == 1) tile(p, r, m, nw, 1, dtype);
}

X16_INLINE void multiply(const product *p, size_t rows, size_t rows_x, cx_dtype dtype)
{
    size_t most = rows_at_once(p->cols);
    if (rows_x == 1) {
        strip(p, rows, 0, X16_GEMM_W1, 1, dtype);
        return;
    }
    for (size_t m = 0; m < rows_x; m += most) {
        size_t end = rows_x - m < most ? rows_x : m + most, r = 0;
        for (; r + X16_GEMM_W <= rows; r += X16_GEMM_W) block(p, r, m, end, X16_GEMM_W, dtype);
        for (; r < rows; r++) block(p, r, m, end, 1, dtype);
    }
}

#define FGEMM(name, type)                                                                          \
    void X16(fgemm_##name)(float *y, size_t ldy, const void *w, size_t ldw, size_t row0,           \
                           size_t row1, size_t cols, const float *x, size_t ldx, size_t rows_x)    \
    {                                                                                              \
        product p = {                                                                              \
            .y = y, .x = x, .ldy = ldy, .ldw = ldw, .ldx = ldx, .cols = cols, .dtype = type        \
        };                                                                                         \
        p.w = (const uint8_t *)w + row0 * ldw * cx_dtype_size(type);                               \
        multiply(&p, row1 - row0, rows_x, type);                                                   \
    }
FGEMM(f32, CX_F32)
FGEMM(f16, CX_F16)
FGEMM(bf16, CX_BF16)
