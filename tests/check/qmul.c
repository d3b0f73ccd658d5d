/* Speed of the integer products on weights that do not fit in any cache, with threads. */
#include "qmul.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MATS_BYTES = 384 << 20, MAX_THREADS = 64 };

/* `count` equal matrices of rows x cols, one after the other at an odd address. */
typedef struct bench {
    check *t;
    cx__qmat w;
    size_t count, rows_x;
    cx__qgemv_fn *fn;
    uint8_t *map, *scales, *x;
    float *y;
    void *scratch[MAX_THREADS];
} bench;
typedef struct job {
    bench *b;
    int thread;
} job;

static size_t row_bytes(const bench *b)
{
    return b->w.cols * (size_t)b->w.bits / 8;
}

static size_t scale_bytes(const bench *b)
{
    return b->w.rows * (b->w.cols / (size_t)b->w.group) * 2;
}

/* The thread's share of the rows of each matrix. */
static void *work(void *arg)
{
    job *j = arg;
    bench *b = j->b;
    size_t n = (size_t)check_threads(b->t), i = (size_t)j->thread;
    size_t row0 = b->w.rows * i / n, row1 = b->w.rows * (i + 1) / n;
    for (size_t k = 0; k < b->count; k++) {
        cx__qmat w = b->w;
        w.q = b->map + 3 + k * (b->w.rows * row_bytes(b) + 2 * scale_bytes(b));
        w.scales = w.q + b->w.rows * row_bytes(b);
        w.biases = (const uint8_t *)w.scales + scale_bytes(b);
        b->fn(b->y + row0, b->w.rows, &w, row0, row1, b->x, b->rows_x, b->scratch[i]);
    }
    return NULL;
}

static void run_threads(bench *b)
{
    pthread_t ids[MAX_THREADS];
    job jobs[MAX_THREADS];
    int n = check_threads(b->t);
    for (int i = 0; i < n; i++) jobs[i] = (job){ b, i };
    for (int i = 1; i < n; i++) pthread_create(&ids[i], NULL, work, &jobs[i]);
    work(&jobs[0]);
    for (int i = 1; i < n; i++) pthread_join(ids[i], NULL);
}

static void bench_free(bench *b)
{
    free(b->map);
    free(b->x);
    free(b->y);
    for (int i = 0; i < MAX_THREADS; i++) free(b->scratch[i]);
}

/* Weights of about `bytes` in all, at least one matrix. */
static bench bench_new(check *t, int bits, size_t rows, size_t cols, size_t rows_x, size_t bytes)
{
    bench b = { .t = t, .rows_x = rows_x };
    b.w = (cx__qmat){
        .bits = bits, .group = 64, .rows = rows, .cols = cols, .scale_dtype = CX_BF16
    };
    size_t size = rows * row_bytes(&b) + 2 * scale_bytes(&b);
    b.count = bytes / size ? bytes / size : 1;
    b.map = malloc(b.count * size + 64);
    b.x = aligned_alloc(64, rows_x * cx__qact_stride(cols));
    b.y = malloc(rows_x * rows * 4);
    float *row = malloc(cols * 4);
    for (int i = 0; i < check_threads(t); i++)
        b.scratch[i] = aligned_alloc(64, (cx__qmul_scratch(cols) + 63) / 64 * 64);
    if (!b.map || !b.x || !b.y || !row) abort();
    check_memory_fill(t, b.map, b.count * size + 64);
    for (size_t i = 0; i < b.count; i++) /* scales and biases: small numbers, no NaN */
        memset(b.map + 3 + i * size + rows * row_bytes(&b), 0x3c, 2 * scale_bytes(&b));
    for (size_t m = 0; m < rows_x; m++) {
        for (size_t i = 0; i < cols; i++) row[i] = check_uniform(t, -2, 2);
        cx__quantize_act_ref(b.x + m * cx__qact_stride(cols), row, cols);
    }
    free(row);
    return b;
}

/* ---- The machine's roofs, measured by the same number of threads ---- */

typedef struct roof {
    const uint8_t *data;
    size_t bytes, rounds;
    int pattern; /* -1: the integer peak */
} roof;

static void *run_roof(void *arg)
{
    const roof *r = arg;
    int32_t sink = 0;
    if (r->pattern < 0) cx__kernels_get()->roof_int8(r->rounds, &sink);
    else sink = (int32_t)cx__kernels_get()->roof_read(r->data, r->bytes, r->pattern);
    return (void *)(intptr_t)(sink & 1);
}

/* Best time of some runs on all threads. */
static double roof_seconds(check *t, const uint8_t *data, size_t bytes, int pattern)
{
    double best = 1e9;
    int n = check_threads(t);
    for (int run = 0; run < 4; run++) {
        pthread_t ids[MAX_THREADS];
        roof jobs[MAX_THREADS];
        double start = cx__now();
        for (int i = 0; i < n; i++) {
            jobs[i] = (roof){ data + bytes / (size_t)n * (size_t)i, bytes / (size_t)n, 1 << 20,
                              pattern };
            pthread_create(&ids[i], NULL, run_roof, &jobs[i]);
        }
        for (int i = 0; i < n; i++) pthread_join(ids[i], NULL);
        if (cx__now() - start < best) best = cx__now() - start;
    }
    return best;
}

/* bytes 0: the weights fit in a cache, so only the integer peak means something. */
static void print_roofs(check *t, const uint8_t *data, size_t bytes)
{
    double read = 1e9, ops;
    int32_t sink = 0;
    if (!cx__kernels_get()->roof_read || !cx__kernels_get()->roof_int8) return;
    for (int p = 0; bytes && p < CX__ROOF_PATTERNS; p++) {
        double time = roof_seconds(t, data, bytes, p);
        if (time < read) read = time;
    }
    ops = (double)cx__kernels_get()->roof_int8(1 << 20, &sink) * check_threads(t);
    if (bytes) printf("  %-24s %-36s %9.2f GB/s\n", "roof", "read", 1e-9 * (double)bytes / read);
    printf("  %-24s %-36s %9.2f GOPS\n", "roof", "int8",
           1e-9 * ops / roof_seconds(t, data, bytes, -1));
}

void qmul_bench(check *t, int bits, cx__qgemv_fn *fn, const size_t *rows_x)
{
    static const size_t shape[][3] = { { 2048, 2048, MATS_BYTES },
                                       { 256, 2048, 0 },
                                       { 2048, 8192, MATS_BYTES } };
    for (size_t s = 0; check_benching(t) && !check_is_ref(t) && s < 3; s++)
        for (const size_t *m = rows_x; *m; m++) {
            bench b = bench_new(t, bits, shape[s][0], shape[s][1], *m, shape[s][2]);
            b.fn = fn;
            check_case(t, "%zu x %zux%zu, %zu rows, %d threads", b.count, shape[s][0], shape[s][1],
                       *m, check_threads(t));
            double bytes = (double)(b.count * (b.w.rows * row_bytes(&b) + 2 * scale_bytes(&b)));
            if (!s && m == rows_x) print_roofs(t, b.map, (size_t)bytes);
            CHECK_BENCH(t, bytes * 1e-9, "GB/s", run_threads(&b));
            bench_free(&b);
        }
}

void qmul_bench_gemm(check *t, int bits, cx__qgemv_fn *fn)
{
    static const size_t shape[][3] = { { 2048, 2048, 512 },
                                       { 2048, 2048, 32 },
                                       { 2048, 8192, 512 } };
    for (size_t s = 0; check_benching(t) && !check_is_ref(t) && s < 3; s++) {
        bench b = bench_new(t, bits, shape[s][0], shape[s][1], shape[s][2], 0);
        b.fn = fn;
        check_case(t, "%db %zux%zu, %zu rows, %d threads", bits, shape[s][0], shape[s][1],
                   shape[s][2], check_threads(t));
        double ops = 2.0 * (double)(shape[s][0] * shape[s][1] * shape[s][2]);
        if (!s) print_roofs(t, NULL, 0);
        CHECK_BENCH(t, ops * 1e-9, "GOPS", run_threads(&b));
        bench_free(&b);
    }
}
