/* qgemm with AVX2. Specification: ref/qgemm.c. Tested by tests/check/check_qgemv.c. Strips of 8
 * rows; loops in qgemm.h. Products are added in int16 as long as they fit. */
#include "kernels/x86/qgemm.h"
#include "kernels/x86/unpack_avx2.h"

enum { STRIP = 8, TILE = 4 };

/* Codes of unit u of the strip's `rows` rows (others: 0). */
CX__INLINE void unpack_unit(uint8_t *dst, const plan *p, const uint8_t *q, size_t rows, size_t u,
                            int bits)
{
    size_t row_bytes = p->cols * (size_t)bits / 8;
    dst += unit_place(p, u) * p->strip_unit;
    for (size_t c = u * p->unit; c < (u + 1) * p->unit; c += 32, dst += 256) {
        size_t at = c * (size_t)bits / 8;
        __m256i v[8];
        CX__UNROLL
        for (size_t r = 0; r < 8; r++)
            v[r] = r < rows ? cx__unpack32_end(q + r * row_bytes + at, row_bytes - at, bits)
                            : _mm256_setzero_si256();
        cx__transpose8(v);
        CX__UNROLL
        for (int k = 0; k < 8; k++) _mm256_store_si256((__m256i *)(dst + 32 * k), v[k]);
    }
}

#define UNPACK(bits)                                                                               \
    static void unpack_b##bits(uint8_t *dst, const plan *p, const uint8_t *q, size_t rows)         \
    {                                                                                              \
        for (size_t u = 0; u < p->units; u++)                                                      \
            if (in_slice(p, u)) unpack_unit(dst, p, q, rows, u, bits);                             \
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
    for (size_t g = 0; g < groups; g += 8) {
        __m256i v[8];
        CX__UNROLL
        for (size_t r = 0; r < 8; r++)
            v[r] = r >= rows ? _mm256_setzero_si256()
                             : _mm256_castps_si256(cx__load8_f32(src + (r * groups + g) * size,
                                                                 w->scale_dtype, groups - g));
        cx__transpose8(v);
        for (size_t u = g * dup; u < (g + 8) * dup; u++)
            if (in_slice(p, u))
                _mm256_store_si256((__m256i *)(dst + unit_place(p, u) * p->strip_unit + offset),
                                   v[u / dup - g]);
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
    unpack_scales(dst, p, w, (const uint8_t *)w->biases + scales, rows,
                  p->unit * STRIP + STRIP * 4);
}

CX__INLINE __m256i load_i32(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* Integer sums of a unit; `sums` as cx__i16_sums. */
CX__INLINE void unit_sums(__m256i *total, const uint8_t *w, const uint8_t *x, int unit, int n,
                          int sums)
{
    CX__UNROLL
    for (int m = 0; m < n; m++) total[m] = _mm256_setzero_si256();
    for (int k = 0; k < unit; k += sums ? 4 * sums : 4) {
        __m256i part[TILE], codes = _mm256_load_si256((const __m256i *)(w + k * STRIP));
        CX__UNROLL
        for (int m = 0; m < n; m++) {
            __m256i xm = load_i32(x + m * unit + k);
            if (sums) part[m] = _mm256_maddubs_epi16(codes, xm);
            else total[m] = cx__multiply_b8(total[m], codes, xm);
        }
        CX__UNROLL
        for (int j = 4; j < 4 * sums; j += 4) {
            codes = _mm256_load_si256((const __m256i *)(w + (k + j) * STRIP));
            CX__UNROLL
            for (int m = 0; m < n; m++)
                part[m] = _mm256_add_epi16(
                    part[m], _mm256_maddubs_epi16(codes, load_i32(x + m * unit + k + j)));
        }
        CX__UNROLL
        for (int m = 0; sums && m < n; m++)
            total[m] = _mm256_add_epi32(total[m], _mm256_madd_epi16(part[m], _mm256_set1_epi16(1)));
    }
}

/* qgemm_tile_fn for tiles of n rows. */
CX__INLINE void multiply_tile(float *y, size_t ldy, const plan *p, const uint8_t *w,
                              const uint8_t *x, size_t rows, int unit, int n, int sums)
{
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)rows),
                                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 lane[TILE], total[TILE];
    __m256i isum[TILE];
    CX__UNROLL
    for (int m = 0; m < n; m++)
        total[m] = p->lane ? _mm256_maskload_ps(y + (size_t)m * ldy, mask) : _mm256_setzero_ps();
    for (size_t l = p->lane; l < p->lane + p->lanes; l++) {
        CX__UNROLL
        for (int m = 0; m < n; m++) lane[m] = _mm256_setzero_ps();
        for (size_t u = l; u < p->units; u += 16) {
            const float *s = (const float *)(w + unit * STRIP);
            const uint8_t *f = x + n * unit;
            unit_sums(isum, w, x, unit, n, sums);
            CX__UNROLL
            for (int m = 0; m < n; m++) {
                __m256 a = _mm256_castsi256_ps(load_i32(f + m * 4));
                __m256 t = _mm256_castsi256_ps(load_i32(f + (n + m) * 4));
                __m256 sa = _mm256_mul_ps(_mm256_load_ps(s), a);
                lane[m] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[m]), sa, lane[m]);
                lane[m] = _mm256_fmadd_ps(_mm256_load_ps(s + STRIP), t, lane[m]);
            }
            w += (unit + 8) * STRIP;
            x += n * (unit + 8);
        }
        CX__UNROLL
        for (int m = 0; m < n; m++) total[m] = l ? _mm256_add_ps(total[m], lane[m]) : lane[m];
    }
    CX__UNROLL
    for (int m = 0; m < n; m++) _mm256_maskstore_ps(y + (size_t)m * ldy, mask, total[m]);
}

#define TILE_FN(unit, n, sums)                                                                     \
    static void tile_##unit##_##n##_##sums(float *y, size_t ldy, const plan *p, const uint8_t *w,  \
                                           const uint8_t *x, size_t rows)                          \
    {                                                                                              \
        multiply_tile(y, ldy, p, w, x, rows, unit, n, sums);                                       \
    }
/* clang-format breaks lists of macros at random. */
/* clang-format off */
#define TILES(f, unit, sums) f(unit, 1, sums) f(unit, 2, sums) f(unit, 3, sums) f(unit, 4, sums)
TILES(TILE_FN, 32, 0) TILES(TILE_FN, 32, 2) TILES(TILE_FN, 32, 4) TILES(TILE_FN, 32, 8)
TILES(TILE_FN, 64, 0) TILES(TILE_FN, 64, 2) TILES(TILE_FN, 64, 4) TILES(TILE_FN, 64, 8)
    /* clang-format on */

    static qgemm_tile_fn *tile_of(const cx__qmat *w, size_t n)
{
#define TILE_NAME(unit, n, sums) tile_##unit##_##n##_##sums,
#define TILE_ROW(unit, sums)                                                                       \
    {                                                                                              \
        TILES(TILE_NAME, unit, sums)                                                               \
    }
    static qgemm_tile_fn *const fn[2][4][TILE] = {
        { TILE_ROW(32, 0), TILE_ROW(32, 2), TILE_ROW(32, 4), TILE_ROW(32, 8) },
        { TILE_ROW(64, 0), TILE_ROW(64, 2), TILE_ROW(64, 4), TILE_ROW(64, 8) }
    };
    int sums = cx__i16_sums(w->bits);
    return fn[w->group != 32][sums == 8 ? 3 : sums / 2][n - 1];
}

void cx__qgemm_avx2(float *y, size_t ldy, const cx__qmat *w, size_t row0, size_t row1,
                    const void *x, size_t rows_x, void *scratch)
{
    static const qgemm_parts parts = { STRIP, TILE, unpack_strip, tile_of };
    multiply_panels(&parts, y, ldy, w, row0, row1, x, rows_x, scratch);
}
