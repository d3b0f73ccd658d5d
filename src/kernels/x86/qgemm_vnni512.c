/* qgemm with AVX-512 VNNI: many activation rows. Specification: ref/qgemm.c. Tested by
 * tests/check/check_qgemv.c. Strips of 16 rows; loops in qgemm.h. */
#include "kernels/x86/qgemm.h"
#include "kernels/x86/unpack_avx512.h"

enum {
    STRIP = 16,               /* weight rows of a register */
    TILE = CX__QMUL_TILE_ROWS /* activation rows: with their lanes they fill the registers */
};

/* Codes of columns [c, c + 64), one or two units, of the strip's `rows` rows (others: 0). */
CX__INLINE void unpack_columns(uint8_t *dst, const plan *p, const uint8_t *q, size_t rows, size_t c,
                               int bits)
{
    size_t row_bytes = p->cols * (size_t)bits / 8, u = c / p->unit;
    uint8_t *first = dst + unit_place(p, u) * p->strip_unit, *second = first + 512;
    __m512i v[16];
    CX__UNROLL
    for (size_t r = 0; r < 16; r++)
        v[r] = r < rows ? cx__unpack64(q + r * row_bytes, c * (size_t)bits / 8, row_bytes, bits)
                        : _mm512_setzero_si512();
    cx__transpose16(v);
    CX__UNROLL
    for (int k = 0; k < 8; k++) _mm512_store_si512(first + 64 * k, v[k]);
    if (p->unit == 32) {
        if (!in_slice(p, u + 1)) return;
        second = dst + unit_place(p, u + 1) * p->strip_unit;
    }
    CX__UNROLL
    for (int k = 0; k < 8; k++) _mm512_store_si512(second + 64 * k, v[8 + k]);
}

#define UNPACK(bits)                                                                               \
    static void unpack_b##bits(uint8_t *dst, const plan *p, const uint8_t *q, size_t rows)         \
    {                                                                                              \
        size_t width = p->lanes * p->unit;                                                         \
        for (size_t at = p->lane * p->unit; at < p->cols; at += 16 * p->unit)                      \
            for (size_t c = at; c < at + width && c < p->cols; c += 64)                            \
                unpack_columns(dst, p, q, rows, c, bits);                                          \
    }
UNPACK(2)
UNPACK(3)
UNPACK(4)
UNPACK(5)
UNPACK(6)
UNPACK(8)

/* Scales or biases of the strip's rows, `offset` bytes into each unit. */
static void unpack_scales(uint8_t *dst, const plan *p, const cx__qmat *w, const uint8_t *src,
                          size_t rows, size_t offset)
{
    size_t dup = w->group == 128 ? 2 : 1, groups = p->units / dup;
    size_t size = cx__scale_size(w->scale_dtype);
    for (size_t g = 0; g < groups; g += 16) {
        __m512i v[16];
        CX__UNROLL
        for (size_t r = 0; r < 16; r++)
            v[r] = r >= rows
                       ? _mm512_setzero_si512()
                       : _mm512_castps_si512(cx__load16_f32(src + (r * groups + g) * size,
                                                            w->scale_dtype, cx__mask16(groups, g)));
        cx__transpose16(v);
        for (size_t u = g * dup; u < (g + 16) * dup; u++)
            if (in_slice(p, u))
                _mm512_store_si512(dst + unit_place(p, u) * p->strip_unit + offset, v[u / dup - g]);
    }
}

static void unpack_strip(uint8_t *dst, const plan *p, const cx__qmat *w, size_t row, size_t rows)
{
    const uint8_t *q = w->q + row * (p->cols * (size_t)w->bits / 8);
    size_t scales = row * (p->cols / (size_t)w->group) * cx__scale_size(w->scale_dtype);
    switch (w->bits) {
    case 2: unpack_b2(dst, p, q, rows); break;
    case 3: unpack_b3(dst, p, q, rows); break;
    case 4: unpack_b4(dst, p, q, rows); break;
    case 5: unpack_b5(dst, p, q, rows); break;
    case 6: unpack_b6(dst, p, q, rows); break;
    default: unpack_b8(dst, p, q, rows); break;
    }
    unpack_scales(dst, p, w, (const uint8_t *)w->scales + scales, rows, p->unit * STRIP);
    unpack_scales(dst, p, w, (const uint8_t *)w->biases + scales, rows, p->unit * STRIP + 64);
}

/* sum + codes times the four bytes at x, in every lane. As an instruction, because gcc 12 loads the
 * broadcast apart and copies the sums, which halves the speed of the loop. */
CX__INLINE __m512i multiply_add(__m512i sum, __m512i codes, const uint8_t *x)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(codes), "m"(*(const uint8_t(*)[4])x));
    return sum;
}

CX__INLINE __m512 load_f32(const uint8_t *p)
{
    float v;
    memcpy(&v, p, 4);
    return _mm512_set1_ps(v);
}

/* One unit of a strip by one of a tile, added to the lanes. */
CX__INLINE void multiply_unit(__m512 *lane, const uint8_t *w, const uint8_t *x, int unit, int n)
{
    __m512i sum[TILE];
    CX__UNROLL
    for (int m = 0; m < n; m++) sum[m] = _mm512_setzero_si512();
    for (int k = 0; k < unit; k += 16) {
        CX__UNROLL
        for (int j = k; j < k + 16; j += 4) {
            __m512i codes = _mm512_load_si512(w + j * STRIP);
            CX__UNROLL
            for (int m = 0; m < n; m++) sum[m] = multiply_add(sum[m], codes, x + m * unit + j);
        }
    }
    __m512 s = _mm512_load_ps((const float *)(w + unit * STRIP));
    __m512 b = _mm512_load_ps((const float *)(w + unit * STRIP) + STRIP);
    CX__UNROLL
    for (int m = 0; m < n; m++) {
        const uint8_t *f = x + n * unit + m * 4;
        __m512 sa = _mm512_mul_ps(s, load_f32(f));
        lane[m] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[m]), sa, lane[m]);
        lane[m] = _mm512_fmadd_ps(b, load_f32(f + n * 4), lane[m]);
    }
}

/* A strip by a tile of n rows: y[m*ldy + r] for the first `rows` r, which holds the total of the
 * slices before this one. */
CX__INLINE void multiply_tile(float *y, size_t ldy, const plan *p, const uint8_t *w,
                              const uint8_t *x, size_t rows, int unit, int n)
{
    __m512 lane[TILE], total[TILE];
    __mmask16 mask = cx__mask16(rows, 0);
    CX__UNROLL
    for (int m = 0; m < n; m++)
        total[m] = p->lane ? _mm512_maskz_loadu_ps(mask, y + (size_t)m * ldy) : _mm512_setzero_ps();
    for (size_t l = p->lane; l < p->lane + p->lanes; l++) {
        CX__UNROLL
        for (int m = 0; m < n; m++) lane[m] = _mm512_setzero_ps();
        for (size_t u = l; u < p->units; u += 16) {
            multiply_unit(lane, w, x, unit, n);
            w += unit * STRIP + 2 * STRIP * 4;
            x += n * (unit + 8);
        }
        CX__UNROLL
        for (int m = 0; m < n; m++) total[m] = l ? _mm512_add_ps(total[m], lane[m]) : lane[m];
    }
    CX__UNROLL
    for (int m = 0; m < n; m++) _mm512_mask_storeu_ps(y + (size_t)m * ldy, mask, total[m]);
}

#define TILE_FN(unit, n)                                                                           \
    static void tile_##unit##_##n(float *y, size_t ldy, const plan *p, const uint8_t *w,           \
                                  const uint8_t *x, size_t rows)                                   \
    {                                                                                              \
        multiply_tile(y, ldy, p, w, x, rows, unit, n);                                             \
    }
#define TILES(f, unit)                                                                             \
    f(unit, 1) f(unit, 2) f(unit, 3) f(unit, 4) f(unit, 5) f(unit, 6) f(unit, 7) f(unit, 8)        \
        f(unit, 9) f(unit, 10) f(unit, 11) f(unit, 12)
TILES(TILE_FN, 32)
TILES(TILE_FN, 64)

static qgemm_tile_fn *tile_of(const cx__qmat *w, size_t n)
{
#define TILE_NAME(unit, n) tile_##unit##_##n,
    static qgemm_tile_fn *const fn[2][TILE] = { { TILES(TILE_NAME, 32) },
                                                { TILES(TILE_NAME, 64) } };
    return fn[w->group != 32][n - 1];
}

void cx__qgemm_vnni512(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                       const void *x, size_t rows_x, void *scratch)
{
    static const qgemm_parts parts = { STRIP, TILE, unpack_strip, tile_of };
    multiply_panels(&parts, y, ldy, w, row0, row1, x, rows_x, scratch);
}
