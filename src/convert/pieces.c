/* Running many pieces of work on a pool: one counter, the first failure ends all. */
#include "convert/job.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef struct run {
    cx__piece_fn *fn;
    void *arg;
    size_t pieces;
    atomic_size_t next;
    atomic_bool stop;
    _Atomic uint64_t done;
    cx_progress_fn progress;
    void *user;
    const char *what;
    uint64_t total;
    pthread_mutex_t lock; /* of the two below */
    cx_status status;
    char error[1024];
} run;

/* Only the first failure counts; its sentence goes to the thread that waits. */
static void stop_with(run *r, cx_status st, const char *text)
{
    pthread_mutex_lock(&r->lock);
    if (r->status == CX_OK) {
        r->status = st;
        strncpy(r->error, text, sizeof r->error - 1);
    }
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->stop, true);
}

static void work(void *arg, int thread, int threads)
{
    run *r = arg;
    (void)threads;
    while (!atomic_load(&r->stop)) {
        size_t piece = atomic_fetch_add(&r->next, 1);
        uint64_t done = 0;
        if (piece >= r->pieces) return;
        cx_status st = r->fn(r->arg, piece, thread, &done);
        if (st != CX_OK) stop_with(r, st, cx_error());
        uint64_t sum = atomic_fetch_add(&r->done, done) + done;
        if (thread == 0 && r->progress && r->progress(r->user, r->what, sum, r->total, "B"))
            stop_with(r, CX_ECANCELED, "stopped");
    }
}

cx_status cx__pieces_run(cx__pool *pool, size_t pieces, cx__piece_fn *fn, void *arg,
                         cx_progress_fn progress, void *user, const char *what, uint64_t total)
{
    run r = { .fn = fn,
              .arg = arg,
              .pieces = pieces,
              .progress = progress,
              .user = user,
              .what = what,
              .total = total,
              .lock = PTHREAD_MUTEX_INITIALIZER };
    cx__pool_run(pool, work, &r);
    /* The calling thread may have run out of pieces before the last report. */
    if (r.status == CX_OK && progress && progress(user, what, total, total, "B"))
        stop_with(&r, CX_ECANCELED, "stopped");
    pthread_mutex_destroy(&r.lock);
    if (r.status != CX_OK) cx__error_set(r.error);
    return r.status;
}
