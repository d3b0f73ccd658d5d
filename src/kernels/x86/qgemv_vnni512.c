/* qgemv with AVX-512 VNNI: rows of packed weights, as they lie in the file, by 1 to 8 activation
 * rows. Specification: ref/qgemm.c. Tested by tests/check/check_qgemv.c.
 *
 * A block is 16 units, so that lane l of a register is lane l of the canonical order. Four
 * registers of weights at a time are transposed (dword d of 128-bit lane L of register j goes to
 * dword 4L + j of register d), and so were the activations: vpdpbusd can then add all four, a
 * quad, into one register, and only 128-bit lanes are left to add for the sums of the units. All
 * that is exact, whatever its order. */
#include "kernels/x86/unpack_avx512.h"

enum {
    /* Bytes from the load to the software prefetch of the same stream, into L2: a core has too few
     * L1 misses under way (24 on Zen 4) to hide memory and page walks of 4 KiB pages. Measured on
     * the mapped file, 1 and 2 threads: 14.6 and 22 GB/s at 2 KiB into L1, 17.7 and 27 so. */
    AHEAD = 12288,
    AHEAD_SCALES = 512,
    L1_CODES = 20 << 10 /* activation codes that stay in an L1 cache of 32 KiB */
};

/* One activation row, prepared once per call: codes in the order in which the weights are
 * unpacked, then scale and sum of each unit; zero up to a whole block. */
typedef struct layout {
    size_t a, t, stride; /* bytes */
} layout;

static layout layout_of(size_t cols, size_t unit)
{
    size_t blocks = (cols + 16 * unit - 1) / (16 * unit);
    layout l = { .a = blocks * 16 * unit };
    l.t = l.a + blocks * 64;
    l.stride = l.t + blocks * 64;
    return l;
}

/* Transposes the dwords within each 128-bit lane of four registers. */
CX__INLINE void transpose4(__m512i v[4])
{
    __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm512_unpacklo_epi64(a, c);
    v[1] = _mm512_unpackhi_epi64(a, c);
    v[2] = _mm512_unpacklo_epi64(b, d);
    v[3] = _mm512_unpackhi_epi64(b, d);
}

/* Copies the codes of an activation row to `bytes` bytes, a quad at a time. Four bits: 64 bytes of
 * weights hold codes 0, 2, ..., 126 in the low halves and 1, 3, ... in the high ones, so a quad is
 * 4 registers of even codes and 4 of odd ones, stored by turns. The others come in order. */
static void order_codes(uint8_t *dst, size_t bytes, const uint8_t *q, size_t cols, int bits)
{
    size_t have = (cols + 63) / 64 * 64, per = bits == 4 ? 128 : 64;
    __m512i lo[4], hi[4];
    for (size_t i = 0; i < bytes; i += 4 * per) {
        for (size_t j = 0; j < 4; j++) {
            size_t at = i + j * per;
            lo[j] = _mm512_maskz_loadu_epi8(cx__mask64(have, at), q + at);
            if (bits != 4) continue;
            __m512i next = _mm512_maskz_loadu_epi8(cx__mask64(have, at + 64), q + at + 64);
            hi[j] = _mm512_inserti64x4(
                _mm512_castsi256_si512(_mm512_cvtepi16_epi8(_mm512_srli_epi16(lo[j], 8))),
                _mm512_cvtepi16_epi8(_mm512_srli_epi16(next, 8)), 1);
            lo[j] = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(lo[j])),
                                       _mm512_cvtepi16_epi8(next), 1);
        }
        transpose4(lo);
        if (bits == 4) transpose4(hi);
        for (size_t j = 0; j < 4; j++) {
            _mm512_storeu_si512(dst + i + j * per, lo[j]);
            if (bits == 4) _mm512_storeu_si512(dst + i + j * per + 64, hi[j]);
        }
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

/* The sums of 16 units from their quads: a unit is 1, 2 or 4 lanes of 128 bits. */
CX__INLINE __m512i block_sums(const __m512i *q, int quads)
{
    if (quads == 1)
        return _mm512_permutexvar_epi32(
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), q[0]);
    if (quads == 2) {
        const __m512i even = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 16, 24, 17, 25, 18, 26, 19,
                                               27);
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
                              const uint8_t *x, size_t stride, int bits, int m)
{
    const size_t bytes = bits == 4 ? 64 : 8 * (size_t)bits;
    __m512i lo[4], hi[4];
    CX__UNROLL
    for (size_t j = 0; j < 4; j++)
        lo[j] = bits == 4 ? cx__load_bytes(p, at + bytes * j, len, bytes)
                          : cx__unpack64(p, at + bytes * j, len, bits);
    transpose4(lo);
    CX__UNROLL
    for (int j = 0; bits == 4 && j < 4; j++) {
        hi[j] = _mm512_and_si512(_mm512_srli_epi16(lo[j], 4), _mm512_set1_epi8(15));
        lo[j] = _mm512_and_si512(lo[j], _mm512_set1_epi8(15));
    }
    CX__UNROLL
    for (int i = 0; i < m; i++, x += stride) {
        __m512i sum = _mm512_setzero_si512();
        CX__UNROLL
        for (int j = 0; j < 4; j++) {
            if (bits == 4) {
                sum = _mm512_dpbusd_epi32(sum, lo[j], _mm512_load_si512(x + 128 * j));
                sum = _mm512_dpbusd_epi32(sum, hi[j], _mm512_load_si512(x + 128 * j + 64));
            } else {
                sum = _mm512_dpbusd_epi32(sum, lo[j], _mm512_load_si512(x + 64 * j));
            }
        }
        sums[i * quads] = sum;
    }
}

/* Scales or biases of n units; 16 or fewer. */
CX__INLINE __m512 unit_scales(const uint8_t *p, const cx__qmat *mat, size_t n)
{
    if (mat->group != 128) return cx__load16_f32(p, mat->scale_dtype, cx__mask16(n, 0));
    return _mm512_permutexvar_ps(
        _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
        cx__load16_f32(p, mat->scale_dtype, cx__mask16(n >= 16 ? 8 : n / 2, 0)));
}

/* A place in a weight row: n units and len bytes of codes are left. */
typedef struct place {
    const uint8_t *q, *s, *b;
    size_t n, len;
} place;

/* What stays the same for all rows. */
typedef struct job {
    const cx__qmat *w;
    const uint8_t *x; /* prepared activations */
    layout l;
    size_t row_bytes, row_scales, block_scales; /* bytes */
    size_t ahead;                               /* bytes from the load to its prefetch */
} job;

/* The next 16 units (or the n left) of a weight row by m activation rows; the block begins with
 * unit u. */
CX__INLINE void multiply_block(__m512 *acc, const place *w, const job *j, size_t u, int bits,
                               int unit, int m)
{
    const int quads = 16 * unit / (bits == 4 ? 512 : 256);
    const size_t codes = 16 * (size_t)(unit / quads), bytes = codes * (size_t)bits / 8;
    __m512i sums[4 * CX__QGEMV_ROWS];
    CX__UNROLL
    for (int i = 0; i < quads; i++) {
        size_t at = (size_t)i * bytes;
        CX__UNROLL
        for (size_t k = 0; k < bytes; k += 64)
            _mm_prefetch((const char *)w->q + at + k + j->ahead, _MM_HINT_T1);
        multiply_quad(sums + i, quads, w->q, at, w->len,
                      j->x + u * (size_t)unit + (size_t)i * codes, j->l.stride, bits, m);
    }
    _mm_prefetch((const char *)w->s + AHEAD_SCALES, _MM_HINT_T1);
    _mm_prefetch((const char *)w->b + AHEAD_SCALES, _MM_HINT_T1);
    __m512 s = unit_scales(w->s, j->w, w->n), b = unit_scales(w->b, j->w, w->n);
    CX__UNROLL
    for (int i = 0; i < m; i++) {
        const uint8_t *x = j->x + (size_t)i * j->l.stride + u * 4;
        __m512 sum = _mm512_cvtepi32_ps(block_sums(sums + i * quads, quads));
        __m512 sa = _mm512_mul_ps(s, _mm512_load_ps((const float *)(x + j->l.a)));
        acc[i] = cx__fma_first(sum, sa, acc[i], w->n);
        acc[i] = cx__fma_first(b, _mm512_load_ps((const float *)(x + j->l.t)), acc[i], w->n);
    }
}

/* Units [u, end) of weight row r, added to its lanes. */
CX__INLINE void multiply_row(__m512 (*lanes)[16], const job *j, size_t r, size_t i, size_t u,
                             size_t end, int bits, int unit, int m)
{
    const size_t bytes = 2 * (size_t)(unit * bits), done = u / 16;
    __m512 acc[CX__QGEMV_ROWS];
    place w = { j->w->q + r * j->row_bytes + done * bytes,
                (const uint8_t *)j->w->scales + r * j->row_scales + done * j->block_scales,
                (const uint8_t *)j->w->biases + r * j->row_scales + done * j->block_scales, 16,
                bytes };
    CX__UNROLL
    for (int k = 0; k < m; k++) acc[k] = u ? lanes[k][i] : _mm512_setzero_ps();
    for (; u + 16 <= end; u += 16) {
        place full = { w.q, w.s, w.b, 16, bytes };
        multiply_block(acc, &full, j, u, bits, unit, m);
        w.q += bytes;
        w.s += j->block_scales;
        w.b += j->block_scales;
    }
    if (u < end) {
        w.n = end - u;
        w.len = w.n * (size_t)(unit * bits / 8);
        multiply_block(acc, &w, j, u, bits, unit, m);
    }
    CX__UNROLL
    for (int k = 0; k < m; k++) lanes[k][i] = acc[k];
}

/* y[k*ldy + r - row0] for k < rows_x <= m. Where the activations would not stay in the L1 cache,
 * 16 weight rows at a time go through the columns in slices. */
CX__INLINE void multiply_rows(float *y, size_t ldy, job *j, size_t row0, size_t row1, size_t rows_x,
                              int bits, int unit, int m)
{
    const size_t units = j->w->cols / (size_t)unit;
    const size_t fit = L1_CODES / (size_t)(m * unit) / 16 * 16;
    const size_t slice = fit >= units ? units : fit;
    __m512 lanes[CX__QGEMV_ROWS][16];
    j->ahead = slice == units ? AHEAD : 2 * j->row_bytes;
    for (size_t r = row0; r < row1; r += 16) {
        size_t n = row1 - r < 16 ? row1 - r : 16;
        for (size_t u = 0; u < units; u += slice)
            for (size_t i = 0; i < n; i++)
                multiply_row(lanes, j, r + i, i, u, units - u < slice ? units : u + slice, bits,
                             unit, m);
        for (size_t k = 0; k < rows_x; k++) cx__sum_lanes16(y + k * ldy + (r - row0), lanes[k], n);
    }
}

typedef void rows_fn(float *y, size_t ldy, job *j, size_t row0, size_t row1, size_t rows_x);

#define ROWS(bits, unit, m)                                                                        \
    static void rows_##bits##_##unit##_##m(float *y, size_t ldy, job *j, size_t row0, size_t row1, \
                                           size_t rows_x)                                          \
    {                                                                                              \
        multiply_rows(y, ldy, j, row0, row1, rows_x, bits, unit, m);                               \
    }
/* clang-format breaks lists of macros at random. */
/* clang-format off */
#define WIDTH(bits)                                                                                \
    ROWS(bits, 32, 1) ROWS(bits, 32, 2) ROWS(bits, 32, 4) ROWS(bits, 32, 8)                        \
    ROWS(bits, 64, 1) ROWS(bits, 64, 2) ROWS(bits, 64, 4) ROWS(bits, 64, 8)                        \
    void cx__qgemv_b##bits##_vnni512(float *y, size_t ldy, const cx__qmat *w, size_t row0,         \
                                     size_t row1, const void *x, size_t rows_x, void *scratch)     \
    {                                                                                              \
        static rows_fn *const fn[2][4] = {                                                         \
            { rows_##bits##_32_1, rows_##bits##_32_2, rows_##bits##_32_4, rows_##bits##_32_8 },    \
            { rows_##bits##_64_1, rows_##bits##_64_2, rows_##bits##_64_4, rows_##bits##_64_8 }     \
        };                                                                                         \
        gemv(y, ldy, w, row0, row1, x, rows_x, scratch, fn[w->group != 32]);                       \
    }
/* clang-format on */

/* Row counts between 1, 2, 4 and 8 run as the next one; what the rows more compute from the
 * scratch, which is made valid, is not written. */
static void gemv(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1, const void *x,
                 size_t rows_x, uint8_t *scratch, rows_fn *const fn[4])
{
    int size = rows_x <= 1 ? 0 : rows_x <= 2 ? 1 : rows_x <= 4 ? 2 : 3;
    size_t unit = w->group == 32 ? 32 : 64, scale = cx__scale_size(w->scale_dtype);
    job j = { .w = w, .x = scratch, .l = layout_of(w->cols, unit) };
    j.row_bytes = w->cols * (size_t)w->bits / 8;
    j.row_scales = w->cols / (size_t)w->group * scale;
    j.block_scales = 16 * unit / (size_t)w->group * scale;
    for (size_t m = 0; m < rows_x; m++)
        prepare(scratch + m * j.l.stride, &j.l, (const uint8_t *)x + m * cx__qact_stride(w->cols),
                w->cols, unit, w->bits);
    for (size_t m = rows_x; m < (size_t)1 << size; m++)
        memset(scratch + m * j.l.stride, 0, j.l.stride);
    fn[size](y, ldy, &j, row0, row1, rows_x);
}

WIDTH(2)
WIDTH(3)
WIDTH(4)
WIDTH(5)
WIDTH(6)
WIDTH(8)
