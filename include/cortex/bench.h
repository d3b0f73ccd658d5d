/* Measuring speed: prompts, decode, batches, beside the roofs of the machine in the same run. */
#ifndef CORTEX_BENCH_H
#define CORTEX_BENCH_H

#include <cortex/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Best of several access patterns over memory larger than the caches, and the peak of the
 * multiply instruction that the chosen kernels use; each with `threads` threads. */
typedef struct cx_roofline {
    double read_gbps; /* 1e9 bytes a second */
    double int8_gops; /* 1e9 multiplies and adds a second */
} cx_roofline;
CX_API cx_status cx_roofline_measure(int threads, cx_roofline *out) CX_WARN_UNUSED;

typedef struct cx_bench_options {
    size_t prompt; /* tokens of a prompt test; 0: a decode test */
    size_t decode; /* tokens to decode */
    size_t batch;  /* sequences decoded together; 0: 1 */
    size_t depth;  /* positions already in the cache */
    int runs;      /* 0: 5 */
    bool roofline; /* measure the roofs right before and after, keep the better */
} cx_bench_options;

typedef struct cx_bench_result {
    double tps_median, tps_min, tps_max; /* tokens a second, all sequences together */
    double bytes_per_token;              /* weights and KV read for one decode step / batch */
    double ops_per_token;                /* multiplies and adds of the matrix products */
    cx_roofline roof;
    double share; /* of read_gbps for decode, of int8_gops for a prompt; 0 without roofline */
} cx_bench_result;

/** Random tokens, a fresh cache for each run, one warm-up that does not count. */
CX_API cx_status cx_bench_run(cx_model *m, const cx_bench_options *options, cx_progress_fn progress,
                              void *user, cx_bench_result *out) CX_WARN_UNUSED;

/** Seconds from opening `folder` to the logits that follow a prompt of `tokens` random tokens: what
 * a user waits for. Median of `runs` (0: 5), after one that warms the page cache. */
CX_API cx_status cx_bench_start(const char *folder, const cx_model_options *options, size_t tokens,
                                int runs, double *seconds) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif
