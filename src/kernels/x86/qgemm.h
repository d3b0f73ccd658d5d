/* What the variants of qgemm share: the order in which panels, slices, tiles and strips are
 * visited and stored. The arithmetic is theirs.
 *
 * Weights are unpacked once, a panel of strips at a time (a strip is the rows that fill a register
 * with 4 columns each); activations are copied, a tile of rows at a time. Both are stored unit by
 * unit in the order of the canonical sum: units 0, 16, 32, ... of lane 0, then 1, 17, ... . So one
 * accumulator per output holds the lane at hand, and is added to the total when it is done. Wide
 * matrices are taken a few lanes at a time (a slice), with the totals kept in y. */
#ifndef CX_KERNELS_X86_QGEMM_H
#define CX_KERNELS_X86_QGEMM_H

#include "kernels/qmul.h"
#include "kernels/variants.h"

/* Sizes in scratch. A unit of a strip of R rows: codes [unit/4][R][4], f32 scales[R], biases[R].
 * A unit of a tile of n rows: codes [n][unit], f32 scale[n], sum[n]. */
typedef struct plan {
    size_t cols, unit, units, strip_rows;
    size_t strip_unit, strip; /* bytes */
    size_t lane, lanes;       /* the slice: units u with u % 16 in [lane, lane + lanes) */
} plan;

static inline plan plan_of(const cx__qmat *w, size_t strip_rows)
{
    plan p = { .cols = w->cols, .unit = w->group == 32 ? 32 : 64 };
    p.units = p.cols / p.unit;
    p.strip_rows = strip_rows;
    p.strip_unit = strip_rows * (p.unit + 8);
    p.lanes = cx__qmul_lanes(p.cols);
    p.strip = (p.units + 15) / 16 * p.lanes * p.strip_unit;
    return p;
}

/* Place of unit u, in the slice, in the order of the canonical sum. */
static inline size_t unit_place(const plan *p, size_t u)
{
    size_t before = u % 16 - p->lane, more = p->units % 16;
    more = more > p->lane ? more - p->lane : 0; /* lanes of the slice that have a unit more */
    return before * (p->units / 16) + (before < more ? before : more) + u / 16;
}

static inline bool in_slice(const plan *p, size_t u)
{
    return u < p->units && u % 16 - p->lane < p->lanes;
}

/* Copies the slice of n activation rows in the order of the sum. It reads in the order of the
 * columns, since the rows come from far and the tile is near. */
static inline void pack_tile(uint8_t *dst, const plan *p, const uint8_t *x, size_t n)
{
    const size_t stride = cx__qact_stride(p->cols), unit_bytes = n * (p->unit + 8);
    for (size_t m = 0; m < n; m++, x += stride) {
        const uint8_t *scale = x + cx__qact_scale_at(p->cols), *sum = x + cx__qact_sum_at(p->cols);
        for (size_t at = p->lane; at < p->units; at += 16)
            for (size_t u = at; u < at + p->lanes && u < p->units; u++) {
                uint8_t *d = dst + unit_place(p, u) * unit_bytes, *f = d + n * p->unit + m * 4;
                float pair[2] = { 0, 0 };
                __builtin_prefetch(x + stride + u * p->unit);
                if (p->unit == 64) memcpy(d + m * 64, x + u * 64, 64);
                else memcpy(d + m * 32, x + u * 32, 32);
                memcpy(pair, sum + u * p->unit / 32 * 4, p->unit == 64 ? 8 : 4);
                if (p->unit == 64) pair[0] += pair[1];
                memcpy(f, scale + u * p->unit / 64 * 4, 4);
                memcpy(f + n * 4, pair, 4);
            }
    }
}

/* A strip by a tile: y[m*ldy + r] for the first `rows` r, which holds the total of the slices
 * before this one. */
typedef void qgemm_tile_fn(float *y, size_t ldy, const plan *p, const uint8_t *strip,
                           const uint8_t *tile, size_t rows);
typedef struct qgemm_parts {
    size_t strip_rows, tile_rows;
    /* Unpacks the slice of weight rows [row, row + rows); the strip's other rows are 0. */
    void (*unpack_strip)(uint8_t *dst, const plan *p, const cx__qmat *w, size_t row, size_t rows);
    qgemm_tile_fn *(*tile_of)(const cx__qmat *w, size_t n); /* for tiles of n rows */
} qgemm_parts;

/* A slice of `rows` weight rows, at most a panel, by all activation rows. */
static inline void multiply_panel(const qgemm_parts *f, float *y, size_t ldy, const plan *p,
                                  const cx__qmat *w, size_t row, size_t rows, const uint8_t *x,
                                  size_t rows_x, uint8_t *scratch)
{
    size_t tiles = (rows_x + f->tile_rows - 1) / f->tile_rows, stride = cx__qact_stride(p->cols);
    size_t strip = p->strip_rows;
    uint8_t *tile = scratch + cx__qmul_panel_rows(p->cols) / strip * p->strip;
    for (size_t i = 0; i < rows; i += strip)
        f->unpack_strip(scratch + i / strip * p->strip, p, w, row + i,
                        rows - i < strip ? rows - i : strip);
    for (size_t t = 0; t < tiles; t++) { /* as equal as possible */
        size_t m0 = rows_x * t / tiles, n = rows_x * (t + 1) / tiles - m0;
        qgemm_tile_fn *fn = f->tile_of(w, n);
        pack_tile(tile, p, x + m0 * stride, n);
        for (size_t i = 0; i < rows; i += strip)
            fn(y + m0 * ldy + i, ldy, p, scratch + i / strip * p->strip, tile,
               rows - i < strip ? rows - i : strip);
    }
}

static inline void multiply_panels(const qgemm_parts *f, float *y, size_t ldy, const cx__qmat *w,
                                   size_t row0, size_t row1, const void *x, size_t rows_x,
                                   void *scratch)
{
    plan p = plan_of(w, f->strip_rows);
    size_t panel = cx__qmul_panel_rows(p.cols);
    for (size_t r = row0; r < row1; r += panel) {
        size_t rows = row1 - r < panel ? row1 - r : panel;
        for (p.lane = 0; p.lane < 16; p.lane += p.lanes)
            multiply_panel(f, y + (r - row0), ldy, &p, w, r, rows, x, rows_x, scratch);
    }
}

#endif
