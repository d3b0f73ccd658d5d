/* The slots of qgemv in the reference: one specification for all widths, ref/qgemm.c. */
#include "kernels/variants.h"

#define QGEMV(bits)                                                                                \
    void cx__qgemv_b##bits##_ref(float *y, size_t ldy, const cx__qmat *w, size_t row0,             \
                                 size_t row1, const void *x, size_t rows_x, void *scratch)         \
    {                                                                                              \
        cx__qgemm_ref(y, ldy, w, row0, row1, x, rows_x, scratch);                                  \
    }
QGEMV(2)
QGEMV(3)
QGEMV(4)
QGEMV(5)
QGEMV(6)
QGEMV(8)
