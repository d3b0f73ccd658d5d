/* Work space of the integer products. Their contract: kernels.h, docs/kernels.md. */
#ifndef CX_KERNELS_QMUL_H
#define CX_KERNELS_QMUL_H

#include <stddef.h>

/* qgemm keeps a panel of unpacked weight rows in scratch, and beside it a tile of activation rows.
 * It takes a slice of the columns at a time: the lanes of the canonical order which together have
 * at most SLICE columns, but two at least, and half of the lanes, a quarter and so on, so that
 * panel and tile (at most 20 and 40 bytes a column and 16 or 1 rows) stay in the L2 cache. */
enum { CX__QMUL_PANEL_ROWS = 256, CX__QMUL_SLICE = 1024, CX__QMUL_TILE_ROWS = 12 };

/* Lanes of a slice: 2, 4, 8 or 16. */
static inline size_t cx__qmul_lanes(size_t cols)
{
    size_t lanes = 16;
    while (lanes > 2 && cols / 16 * lanes > CX__QMUL_SLICE) lanes /= 2;
    return lanes;
}

/* Weight rows of a panel: fewer where even two lanes have many columns, 16 at least. */
static inline size_t cx__qmul_panel_rows(size_t cols)
{
    size_t rows = CX__QMUL_PANEL_ROWS, slice = cols / 16 * cx__qmul_lanes(cols);
    while (rows > 16 && rows * slice > 2 * CX__QMUL_PANEL_ROWS * CX__QMUL_SLICE) rows /= 2;
    return rows;
}

#endif
