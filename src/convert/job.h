/* The weights of a conversion, piece by piece, on all threads. */
#ifndef CX_CONVERT_JOB_H
#define CX_CONVERT_JOB_H

#include "convert/layout.h"

/* See cx__hash_of_pieces. */
typedef struct cx__tensor_hash {
    uint64_t hash;
    size_t piece; /* bytes of a piece */
} cx__tensor_hash;

typedef struct cx__job_options {
    bool cpu_rule;
    cx__pool *pool;
    cx_progress_fn progress;
    void *user;
} cx__job_options;

/* Writes the shards of the plan into folder `dir`, synced. hashes[plan->output_count] is filled.
 * On failure nothing of use is left in dir. Errors: CX_EIO, CX_ENOMEM, CX_ECANCELED. */
cx_status cx__job_run(const cx__layout *plan, const cx__source *src, const char *dir,
                      const cx__job_options *options, cx__tensor_hash *hashes);

/* Calls fn(arg, piece, thread) for each of `pieces` pieces on all threads of the pool until one
 * fails or progress cancels. fn says in *done how many of `total` units it did. */
typedef cx_status cx__piece_fn(void *arg, size_t piece, int thread, uint64_t *done);
cx_status cx__pieces_run(cx__pool *pool, size_t pieces, cx__piece_fn *fn, void *arg,
                         cx_progress_fn progress, void *user, const char *what, uint64_t total);

#endif
