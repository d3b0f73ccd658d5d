/* A random product for the checks of qgemv and qgemm, and their benchmarks (qmul.c). */
#ifndef CX_CHECK_QMUL_H
#define CX_CHECK_QMUL_H

#include "check.h"

typedef struct qmul_case {
    cx__qmat w;
    const void *x;
    size_t rows_x, ldy;
    float *want, *got; /* [rows_x, ldy] */
    void *scratch;
} qmul_case;

qmul_case qmul_new(check *t, int bits, int group, size_t rows, size_t cols, size_t rows_x);
/* Runs fn over the rows in two calls and compares with the reference. */
void qmul_run(check *t, const qmul_case *c, cx__qgemv_fn *fn);

/* Prints the speed with --bench: GB/s of weights for the row counts `rows_x` (ends with 0). */
void qmul_bench(check *t, int bits, cx__qgemv_fn *fn, const size_t *rows_x);
/* GOPS (2 operations a multiplication) of prompts. */
void qmul_bench_gemm(check *t, int bits, cx__qgemv_fn *fn);

#endif
