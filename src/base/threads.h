/* One pool of threads: spin, then futex. Via base/base.h.
 * The caller is thread 0; a pool of n has n-1 workers. */
#ifndef CX_BASE_THREADS_H
#define CX_BASE_THREADS_H

#include "base/alloc.h"

typedef struct cx__pool cx__pool;
typedef void cx__pool_fn(void *arg, int thread, int threads);

/* threads 0: cx__cpu_count(). */
cx_status cx__pool_new(int threads, cx__pool **out);
void cx__pool_free(cx__pool *pool);
int cx__pool_threads(const cx__pool *pool);
/* Runs fn(arg, t, n) on all n threads and returns when all are done. Not reentrant; one caller at
 * a time (a mutex serializes others). Memory written before is seen by workers, theirs after. */
void cx__pool_run(cx__pool *pool, cx__pool_fn *fn, void *arg);
/* Waits, inside a cx__pool_run, until all threads of the pool have come here. */
void cx__pool_barrier(cx__pool *pool, int thread);
/* Splits [0, count) in chunks and runs fn(arg, begin, end) on them, stolen from one counter. */
typedef void cx__range_fn(void *arg, size_t begin, size_t end);
void cx__pool_for(cx__pool *pool, size_t count, size_t chunk, cx__range_fn *fn, void *arg);

#endif
