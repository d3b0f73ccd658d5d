/* qgemv with AVX2: rows of packed weights, as they lie in the file, by 1 to 8 activation rows.
 * Specification: ref/qgemm.c. Tested by tests/check/check_qgemv.c. A block is 8 units, so half of
 * the 16 lanes of the canonical order, unpacked once for all activation rows. */
#include "kernels/x86/unpack_avx2.h"

enum { AHEAD = 2048 }; /* bytes from the load to the software prefetch */

/* What the call keeps of an activation row in scratch: scale[units], then sum[units]. */
static void prepare(float *a, float *t, const uint8_t *x, size_t cols, size_t unit)
{
    const uint8_t *scale = x + cx__qact_scale_at(cols), *sum = x + cx__qact_sum_at(cols);
    for (size_t u = 0; u < cols / unit; u++) {
        float pair[2];
        memcpy(&a[u], scale + u * unit / 64 * 4, 4);
        memcpy(pair, sum + u * unit / 32 * 4, unit / 8);
        t[u] = unit == 32 ? pair[0] : pair[0] + pair[1];
    }
}

/* Dwords of a unit's products. Two products of 32 codes fit in int16 up to 6 bits. */
CX__INLINE __m256i multiply_unit(const __m256i *codes, const uint8_t *x, int bits, int unit)
{
    __m256i x0 = _mm256_loadu_si256((const __m256i *)x), x1 = _mm256_setzero_si256(), sum;
    if (unit == 64) x1 = _mm256_loadu_si256((const __m256i *)(x + 32));
    if (bits == 8) {
        sum = cx__multiply_b8(_mm256_setzero_si256(), codes[0], x0);
        return unit == 64 ? cx__multiply_b8(sum, codes[1], x1) : sum;
    }
    sum = _mm256_maddubs_epi16(codes[0], x0);
    if (unit == 64) sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes[1], x1));
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

/* v[i]'s dwords added up, for i < 8. */
CX__INLINE __m256i sums_of(const __m256i v[8])
{
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                            _mm256_permute2x128_si256(a, b, 0x31));
}

/* Scales or biases of n <= 8 units. */
CX__INLINE __m256 unit_scales(const uint8_t *p, const cx__qmat *mat, size_t n)
{
    if (mat->group != 128) return cx__load8_f32(p, mat->scale_dtype, n);
    return _mm256_permutevar8x32_ps(cx__load8_f32(p, mat->scale_dtype, n / 2),
                                    _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

/* The activation rows as the kernel sees them. */
typedef struct rows {
    const uint8_t *x; /* codes of row 0 */
    size_t stride, n;
    const float *a, *t; /* of row 0; row m is 2 * ld * m further */
    size_t ld;
} rows;

/* n <= 8 units from u on: w, s and b are at their weights, which have `left` bytes. acc: lanes 0-7
 * of row 0, lanes 8-15 of row 0, lanes 0-7 of row 1 ... */
CX__INLINE void multiply_block(__m256 *acc, const uint8_t *w, size_t left, const uint8_t *s,
                               const uint8_t *b, const cx__qmat *mat, const rows *x, size_t u,
                               size_t n, int bits, int unit)
{
    const size_t bytes = (size_t)bits * 4, parts = (size_t)unit / 32;
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256i codes[16], v[8];
    for (size_t i = 0; i < n * parts; i++) {
        codes[i] = cx__unpack32_end(w + i * bytes, left - i * bytes, bits);
        _mm_prefetch((const char *)w + i * bytes + AHEAD, _MM_HINT_T0);
    }
    __m256 scale = unit_scales(s, mat, n), bias = unit_scales(b, mat, n);
    for (size_t m = 0; m < x->n; m++) {
        const uint8_t *xm = x->x + m * x->stride + u * (size_t)unit;
        const float *a = x->a + 2 * x->ld * m + u, *t = x->t + 2 * x->ld * m + u;
        __m256 *lanes = &acc[2 * m + u / 8 % 2], sum;
        CX__UNROLL
        for (size_t i = 0; i < 8; i++)
            v[i] = i < n ? multiply_unit(codes + i * parts, xm + i * (size_t)unit, bits, unit)
                         : _mm256_setzero_si256();
        sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums_of(v)),
                              _mm256_mul_ps(scale, _mm256_maskload_ps(a, mask)), *lanes);
        sum = _mm256_fmadd_ps(bias, _mm256_maskload_ps(t, mask), sum);
        *lanes = _mm256_blendv_ps(*lanes, sum, _mm256_castsi256_ps(mask));
    }
}

/* All 16 lanes from left to right. */
static float sum_lanes(const __m256 acc[2])
{
    float lane[16], sum;
    _mm256_storeu_ps(lane, acc[0]);
    _mm256_storeu_ps(lane + 8, acc[1]);
    sum = lane[0];
    for (int i = 1; i < 16; i++) sum += lane[i];
    return sum;
}

CX__INLINE void multiply_rows(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                              const rows *x, int bits, int unit)
{
    size_t bytes = w->cols * (size_t)bits / 8, units = w->cols / (size_t)unit;
    size_t size = cx__scale_size(w->scale_dtype), groups = w->cols / (size_t)w->group;
    for (size_t r = row0; r < row1; r++) {
        __m256 acc[2 * CX__QGEMV_ROWS];
        const uint8_t *s = (const uint8_t *)w->scales + r * groups * size;
        const uint8_t *b = (const uint8_t *)w->biases + r * groups * size;
        for (size_t i = 0; i < 2 * x->n; i++) acc[i] = _mm256_setzero_ps();
        for (size_t u = 0; u < units; u += 8) {
            size_t at = u * (size_t)(unit * bits / 8);
            size_t g = u * (size_t)unit / (size_t)w->group * size;
            const uint8_t *q = w->q + r * bytes + at;
            if (units - u > 8) /* not the last block: 40 bytes more can be read */
                multiply_block(acc, q, SIZE_MAX / 2, s + g, b + g, w, x, u, 8, bits, unit);
            else multiply_block(acc, q, bytes - at, s + g, b + g, w, x, u, units - u, bits, unit);
        }
        for (size_t m = 0; m < x->n; m++) y[m * ldy + (r - row0)] = sum_lanes(acc + 2 * m);
    }
}

#define WIDTH(bits)                                                                                \
    void cx__qgemv_b##bits##_avx2(float *y, size_t ldy, const cx__qmat *w, size_t row0,            \
                                  size_t row1, const void *x, size_t rows_x, void *scratch)        \
    {                                                                                              \
        size_t unit = w->group == 32 ? 32 : 64, stride = cx__qact_stride(w->cols);                 \
        float *a = scratch, *t = a + w->cols / unit;                                               \
        rows all = { x, stride, rows_x, a, t, w->cols / unit };                                    \
        for (size_t m = 0; m < rows_x; m++)                                                        \
            prepare(a + 2 * m * all.ld, t + 2 * m * all.ld, (const uint8_t *)x + m * stride,       \
                    w->cols, unit);                                                                \
        if (unit == 32) multiply_rows(y, ldy, w, row0, row1, &all, bits, 32);                      \
        else multiply_rows(y, ldy, w, row0, row1, &all, bits, 64);                                 \
    }
WIDTH(2)
WIDTH(3)
WIDTH(4)
WIDTH(5)
WIDTH(6)
WIDTH(8)
