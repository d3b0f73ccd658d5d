/* Roofs of this machine: the best of several reading patterns, the peak of the integer multiply. */
#include "kernels/kernels.h"
#include <cortex/bench.h>

enum { READ_BYTES = 256 << 20, REPEATS = 3 };

typedef struct job {
    const cx__kernels *k;
    const uint8_t *data;
    size_t bytes, rounds;
    int pattern;
    uint64_t ops;       /* of thread 0 */
    uint64_t sink[256]; /* keeps results alive, one per thread */
} job;

static void read_part(void *arg, int thread, int threads)
{
    job *j = arg;
    size_t part = j->bytes / (size_t)threads / 4096 * 4096;
    j->sink[thread & 255] += j->k->roof_read(j->data + (size_t)thread * part, part, j->pattern);
}

static void multiply(void *arg, int thread, int threads)
{
    job *j = arg;
    int32_t sink = 0;
    (void)threads;
    uint64_t ops = j->k->roof_int8(j->rounds, &sink);
    j->sink[thread & 255] += (uint64_t)(uint32_t)sink;
    if (thread == 0) j->ops = ops;
}

static double best_read(cx__pool *pool, job *j)
{
    double best = 0;
    for (int i = 0; i < REPEATS * CX__ROOF_PATTERNS; i++) {
        double begin = cx__now(), gbps;
        j->pattern = i % CX__ROOF_PATTERNS;
        cx__pool_run(pool, read_part, j);
        gbps = (double)j->bytes / (cx__now() - begin) * 1e-9;
        if (gbps > best) best = gbps;
    }
    return best;
}

static double best_int8(cx__pool *pool, job *j)
{
    double best = 0, seconds = 0;
    for (j->rounds = 1 << 12; seconds < 0.02 && j->rounds < (size_t)1 << 40; j->rounds *= 2) {
        double begin = cx__now();
        cx__pool_run(pool, multiply, j);
        seconds = cx__now() - begin;
    }
    for (int i = 0; i < 2 * REPEATS; i++) {
        double begin = cx__now(), gops;
        cx__pool_run(pool, multiply, j);
        gops = (double)j->ops * cx__pool_threads(pool) / (cx__now() - begin) * 1e-9;
        if (gops > best) best = gops;
    }
    return best;
}

cx_status cx_roofline_measure(int threads, cx_roofline *out)
{
    cx__pool *pool;
    job *j = cx__calloc(1, sizeof *j);
    uint8_t *data = cx__alloc(READ_BYTES + 8192); /* patterns prefetch a little past the end */
    cx_status st = j && data ? cx__pool_new(threads, &pool)
                             : CX_FAIL(CX_ENOMEM, "roofline: %d bytes", READ_BYTES);
    if (st == CX_OK) {
        memset(data, 1, READ_BYTES + 8192);
        *j = (job){ .k = cx__kernels_get(), .data = data, .bytes = READ_BYTES };
        out->read_gbps = best_read(pool, j);
        out->int8_gops = best_int8(pool, j);
        cx__pool_free(pool);
    }
    cx__free(data);
    cx__free(j);
    return st;
}
