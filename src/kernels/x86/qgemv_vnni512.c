/* qgemv with AVX-512 VNNI: rows of packed weights, as they lie in the file, by 1 to 8 activation
 * rows. Specification: ref/qgemm.c. Tested by tests/check/check_qgemv.c.
 *
 * A block is 16 units, so that lane l of a register is lane l of the canonical order. The codes
 * are multiplied by vpdpbusd into registers whose dwords all belong to one unit each; four such
 * registers are added up to a quad (dword 4L + j: 128-bit lane L of register j), and one, two or
 * four quads to the 16 sums of the block. All that is exact, whatever its order. */
#include "kernels/x86/unpack_avx512.h"

/* Bytes from the load to the software prefetch of the same stream. */
enum { AHEAD = 2048, AHEAD_SCALES = 256 };

/* One activation row, prepared once per call: codes in the order in which the weights are
 * unpacked, then scale and sum of each unit; zero up to a whole block. */
typedef struct layout {
    size_t a, t, stride; /* bytes */
} layout;

static layout layout_of(size_t cols, size_t unit)
{
    size_t blocks = (cols + 16 * unit - 1) / (16 * unit);
    layout l = {.a = blocks * 16 * unit};
    l.t = l.a + blocks * 64;
    l.stride = l.t + blocks * 64;
    return l;
}

/* 4 bits: 64 bytes of weights hold codes 0, 2, ..., 126 in the low halves and 1, 3, ... in the
 * high ones, so the activations go even ones first. The others are unpacked in order. */
static void order_codes(uint8_t *dst, size_t bytes, const uint8_t *q, size_t cols, int bits)
{
    size_t have = (cols + 63) / 64 * 64;
    for (size_t i = 0; i < bytes; i += 128) {
        __m512i lo = _mm512_maskz_loadu_epi8(cx__mask64(have, i), q + i);
        __m512i hi = _mm512_maskz_loadu_epi8(cx__mask64(have, i + 64), q + i + 64);
        if (bits == 4) {
            __m256i even0 = _mm512_cvtepi16_epi8(lo), even1 = _mm512_cvtepi16_epi8(hi);
            __m256i odd0 = _mm512_cvtepi16_epi8(_mm512_srli_epi16(lo, 8));
            __m256i odd1 = _mm512_cvtepi16_epi8(_mm512_srli_epi16(hi, 8));
            lo = _mm512_inserti64x4(_mm512_castsi256_si512(even0), even1, 1);
            hi = _mm512_inserti64x4(_mm512_castsi256_si512(odd0), odd1, 1);
        }
        _mm512_storeu_si512(dst + i, lo);
        _mm512_storeu_si512(dst + i + 64, hi);
    }
}

static void prepare(uint8_t *dst, const layout *l, const uint8_t *x, size_t cols, size_t unit,
                    int bits)
{
    const uint8_t *scale = x + cx__qact_scale_at(cols), *sum = x + cx__qact_sum_at(cols);
    float *a = (float *)(dst + l->a), *t = (float *)(dst + l->t);
    order_codes(dst, l->a, x, cols, bits);
    memset(a, 0, l->stride - l->a);
    for (size_t u = 0; u < cols / unit; u++) {
        float pair[2];
        memcpy(&a[u], scale + u * unit / 64 * 4, 4);
        memcpy(pair, sum + u * unit / 32 * 4, unit / 8);
        t[u] = unit == 32 ? pair[0] : pair[0] + pair[1];
    }
}

/* Adds the dwords within the 128-bit lanes of four registers: a quad. */
CX__INLINE __m512i quad(const __m512i v[4], int bits)
{
    if (bits <= 4) { /* 16 codes reach 16 * 15 * 127 = 30480, within int16 */
        const __m512i one = _mm512_set1_epi16(1);
        __m512i a = _mm512_madd_epi16(_mm512_packs_epi32(v[0], v[1]), one);
        __m512i b = _mm512_madd_epi16(_mm512_packs_epi32(v[2], v[3]), one);
        return _mm512_madd_epi16(_mm512_packs_epi32(a, b), one);
    }
    __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]),
                                 _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]),
                                 _mm512_unpackhi_epi32(v[2], v[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* The sums of 16 units from their quads: a unit is 1, 2 or 4 lanes of 128 bits. */
CX__INLINE __m512i block_sums(const __m512i *q, int quads)
{
    if (quads == 1)
        return _mm512_permutexvar_epi32(
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), q[0]);
    if (quads == 2) {
        const __m512i even = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 16, 24, 17, 25, 18, 26,
                                               19, 27);
        const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(4));
        return _mm512_add_epi32(_mm512_permutex2var_epi32(q[0], even, q[1]),
                                _mm512_permutex2var_epi32(q[0], odd, q[1]));
    }
    __m512i a = _mm512_add_epi32(_mm512_shuffle_i32x4(q[0], q[1], 0x88),
                                 _mm512_shuffle_i32x4(q[0], q[1], 0xdd));
    __m512i b = _mm512_add_epi32(_mm512_shuffle_i32x4(q[2], q[3], 0x88),
                                 _mm512_shuffle_i32x4(q[2], q[3], 0xdd));
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

/* A quad of weights, from byte `at` of p[0, len), by `m` rows: 512 codes of 4 bits, 256 of another
 * width. sums[i * quads] is that of row i. */
CX__INLINE void multiply_quad(__m512i *sums, int quads, const uint8_t *p, size_t at, size_t len,
                              const uint8_t *act, size_t stride, int bits, int m)
{
    __m512i lo[4], hi[4], v[4];
    CX__UNROLL
    for (size_t j = 0; j < 4; j++) {
        if (bits == 4) {
            __m512i w = cx__load_bytes(p, at + 64 * j, len, 64);
            lo[j] = _mm512_and_si512(w, _mm512_set1_epi8(15));
            hi[j] = _mm512_and_si512(_mm512_srli_epi16(w, 4), _mm512_set1_epi8(15));
        } else {
            lo[j] = cx__unpack64(p, at + 8 * (size_t)bits * j, len, bits);
        }
    }
    CX__UNROLL
    for (int i = 0; i < m; i++) {
        const uint8_t *x = act + (size_t)i * stride;
        CX__UNROLL
        for (int j = 0; j < 4; j++) {
            const uint8_t *xj = x + (bits == 4 ? 128 : 64) * j;
            v[j] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), lo[j], _mm512_load_si512(xj));
            if (bits == 4) v[j] = _mm512_dpbusd_epi32(v[j], hi[j], _mm512_load_si512(xj + 64));
        }
        sums[i * quads] = quad(v, bits);
    }
}

/* What is left of a weight row: n units, len bytes of codes. */
typedef struct row {
    const uint8_t *q, *s, *b;
    size_t n, len;
} row;

/* Scales or biases of the next 16 units. */
CX__INLINE __m512 unit_scales(const uint8_t *p, const cx__qmat *mat, size_t n)
{
    if (mat->group != 128) return cx__load16_f32(p, mat->scale_dtype, cx__mask16(n, 0));
    return _mm512_permutexvar_ps(
        _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
        cx__load16_f32(p, mat->scale_dtype, cx__mask16(n >= 16 ? 8 : n / 2, 0)));
}

/* The next 16 units of a weight row by m activation rows, of which x is the prepared place of
 * the block's codes and u the number of the block's first unit. */
CX__INLINE void multiply_block(__m512 *acc, const row *w, const cx__qmat *mat, const uint8_t *x,
                               const layout *l, size_t u, int bits, int unit, int m)
{
    const int quads = 16 * unit / (bits == 4 ? 512 : 256);
    const size_t codes = 16 * (size_t)(unit / quads), bytes = codes * (size_t)bits / 8;
    __m512i sums[4 * CX__QGEMV_ROWS];
    CX__UNROLL
    for (int i = 0; i < quads; i++) {
        size_t at = (size_t)i * bytes;
        CX__UNROLL
        for (size_t j = 0; j < bytes; j += 64)
            _mm_prefetch((const char *)w->q + at + j + AHEAD, _MM_HINT_T0);
        multiply_quad(sums + i, quads, w->q, at, w->len, x + u * (size_t)unit + (size_t)i * codes,
                      l->stride, bits, m);
    }
    _mm_prefetch((const char *)w->s + AHEAD_SCALES, _MM_HINT_T0);
    _mm_prefetch((const char *)w->b + AHEAD_SCALES, _MM_HINT_T0);
    __m512 s = unit_scales(w->s, mat, w->n), b = unit_scales(w->b, mat, w->n);
    CX__UNROLL
    for (int i = 0; i < m; i++) {
        const uint8_t *xi = x + (size_t)i * l->stride + u * 4;
        __m512 sum = _mm512_cvtepi32_ps(block_sums(sums + i * quads, quads));
        __m512 sa = _mm512_mul_ps(s, _mm512_load_ps((const float *)(xi + l->a)));
        acc[i] = cx__fma_first(sum, sa, acc[i], w->n);
        acc[i] = cx__fma_first(b, _mm512_load_ps((const float *)(xi + l->t)), acc[i], w->n);
    }
}

CX__INLINE void multiply_row(__m512 *acc, row w, const cx__qmat *mat, const uint8_t *x,
                             const layout *l, int bits, int unit, int m)
{
    size_t bytes = 2 * (size_t)(unit * bits), units = w.n;
    size_t scales = 16 * (size_t)unit / (size_t)mat->group * cx__scale_size(mat->scale_dtype);
    CX__UNROLL
    for (int i = 0; i < m; i++) acc[i] = _mm512_setzero_ps();
    for (; w.n >= 16; w.n -= 16, w.len -= bytes) {
        row full = {w.q, w.s, w.b, 16, bytes};
        multiply_block(acc, &full, mat, x, l, units - w.n, bits, unit, m);
        w.q += bytes;
        w.s += scales;
        w.b += scales;
    }
    if (w.n) multiply_block(acc, &w, mat, x, l, units - w.n, bits, unit, m);
}

/* y[i*ldy + r - row0] for i < m; writes the first `rows_x` of them. */
CX__INLINE void multiply_rows(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                              const uint8_t *x, const layout *l, size_t rows_x, int bits, int unit,
                              int m)
{
    size_t bytes = w->cols * (size_t)bits / 8;
    size_t scales = w->cols / (size_t)w->group * cx__scale_size(w->scale_dtype);
    __m512 lanes[CX__QGEMV_ROWS][16], acc[CX__QGEMV_ROWS];
    for (size_t r = row0; r < row1; r++) {
        size_t i = (r - row0) % 16;
        row wr = {w->q + r * bytes, (const uint8_t *)w->scales + r * scales,
                  (const uint8_t *)w->biases + r * scales, w->cols / (size_t)unit, bytes};
        multiply_row(acc, wr, w, x, l, bits, unit, m);
        CX__UNROLL
        for (int j = 0; j < m; j++) lanes[j][i] = acc[j];
        if (i < 15 && r + 1 < row1) continue;
        for (size_t j = 0; j < rows_x; j++)
            cx__sum_lanes16(y + j * ldy + (r - row0 - i), lanes[j], i + 1);
    }
}

typedef void rows_fn(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                     const uint8_t *x, const layout *l, size_t rows_x);

#define ROWS(bits, unit, m)                                                                        \
    static void rows_##bits##_##unit##_##m(float *y, size_t ldy, const cx__qmat *w, size_t row0,   \
                                           size_t row1, const uint8_t *x, const layout *l,         \
                                           size_t rows_x)                                          \
    {                                                                                              \
        multiply_rows(y, ldy, w, row0, row1, x, l, rows_x, bits, unit, m);                         \
    }
#define WIDTH(bits)                                                                                \
    ROWS(bits, 32, 1) ROWS(bits, 32, 2) ROWS(bits, 32, 4) ROWS(bits, 32, 8)                        \
    ROWS(bits, 64, 1) ROWS(bits, 64, 2) ROWS(bits, 64, 4) ROWS(bits, 64, 8)                        \
    void cx__qgemv_b##bits##_vnni512(float *y, size_t ldy, const cx__qmat *w, size_t row0,         \
                                     size_t row1, const void *x, size_t rows_x, void *scratch)     \
    {                                                                                              \
        static rows_fn *const fn[2][4] = {                                                         \
            {rows_##bits##_32_1, rows_##bits##_32_2, rows_##bits##_32_4, rows_##bits##_32_8},      \
            {rows_##bits##_64_1, rows_##bits##_64_2, rows_##bits##_64_4, rows_##bits##_64_8}};     \
        gemv(y, ldy, w, row0, row1, x, rows_x, scratch, fn[w->group != 32]);                       \
    }

/* Row counts between 1, 2, 4 and 8 run as the next one; what the rows more compute from the
 * scratch, which is made valid, is not written. */
static void gemv(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1, const void *x,
                 size_t rows_x, uint8_t *scratch, rows_fn *const fn[4])
{
    int size = rows_x <= 1 ? 0 : rows_x <= 2 ? 1 : rows_x <= 4 ? 2 : 3;
    size_t unit = w->group == 32 ? 32 : 64;
    layout l = layout_of(w->cols, unit);
    for (size_t m = 0; m < rows_x; m++)
        prepare(scratch + m * l.stride, &l, (const uint8_t *)x + m * cx__qact_stride(w->cols),
                w->cols, unit, w->bits);
    for (size_t m = rows_x; m < (size_t)1 << size; m++)
        memset(scratch + m * l.stride, 0, l.stride);
    fn[size](y, ldy, w, row0, row1, scratch, &l, rows_x);
}

WIDTH(2)
WIDTH(3)
WIDTH(4)
WIDTH(5)
WIDTH(6)
WIDTH(8)
