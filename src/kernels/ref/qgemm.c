/* Specification of the integer products: quantized weights by quantized activations, in the
 * canonical order of kernels.h. Tested by tests/check/check_qgemv.c against double sums. */
#include "kernels/variants.h"
#include <math.h>

static float load_f32(const void *p, size_t i)
{
    float f;
    memcpy(&f, (const uint8_t *)p + 4 * i, 4);
    return f;
}

static float load_scale(const void *p, cx_dtype dtype, size_t i)
{
    uint16_t h;
    if (dtype == CX_F32) return load_f32(p, i);
    memcpy(&h, (const uint8_t *)p + 2 * i, 2);
    return dtype == CX_F16 ? cx__f16_to_f32(h) : cx__bf16_to_f32(h);
}

/* Code c of a row: little-endian bit stream. A code that ends in its first byte reads no second,
 * which may lie behind the end of the file. */
static unsigned load_code(const uint8_t *row, size_t c, int bits)
{
    size_t bit = c * (size_t)bits;
    unsigned at = (unsigned)(bit % 8), v = row[bit / 8];
    if (at + (unsigned)bits > 8) v |= (unsigned)row[bit / 8 + 1] << 8;
    return v >> at & ((1u << bits) - 1);
}

/* One weight row by one activation row. */
static float dot(const cx__qmat *w, size_t r, const uint8_t *x)
{
    size_t unit = w->group < 64 ? (size_t)w->group : 64, groups = w->cols / (size_t)w->group;
    const uint8_t *row = w->q + r * (w->cols * (size_t)w->bits / 8);
    const uint8_t *scale = x + cx__qact_scale_at(w->cols), *sum = x + cx__qact_sum_at(w->cols);
    float lane[16] = { 0 }, y;
    for (size_t u = 0; u < w->cols / unit; u++) {
        int32_t isum = 0;
        for (size_t c = u * unit; c < (u + 1) * unit; c++)
            isum += (int32_t)load_code(row, c, w->bits) * (int8_t)x[c];
        size_t g = r * groups + u * unit / (size_t)w->group;
        float s = load_scale(w->scales, w->scale_dtype, g);
        float b = load_scale(w->biases, w->scale_dtype, g);
        float a = load_f32(scale, u * unit / 64);
        float t = unit == 32 ? load_f32(sum, u) : load_f32(sum, 2 * u) + load_f32(sum, 2 * u + 1);
        lane[u % 16] = fmaf((float)isum, s * a, lane[u % 16]);
        lane[u % 16] = fmaf(b, t, lane[u % 16]);
    }
    y = lane[0];
    for (int l = 1; l < 16; l++) y += lane[l];
    return y;
}

void cx__qgemm_ref(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1, const void *x,
                   size_t rows_x, void *scratch)
{
    (void)scratch;
    for (size_t m = 0; m < rows_x; m++)
        for (size_t r = row0; r < row1; r++)
            y[m * ldy + (r - row0)] = dot(w, r, (const uint8_t *)x + m * cx__qact_stride(w->cols));
}
