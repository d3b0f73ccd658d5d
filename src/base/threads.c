/* The thread pool: spin a moment, then sleep. Tested by tests/unit/test_base_threads.c, also under
 * the thread sanitizer. */
#include "base/threads.h"
#include "base/base.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define LINE 64            /* bytes of a cache line: words of different writers stay apart */
#define SPIN_SECONDS 30e-6 /* a sleep and a wake-up cost about as much */
#define STACK_BYTES (2u << 20)

/* A counter that threads wait on to change. Who waits first notes the value. The order "change the
 * word, then look for sleepers" here and "become a sleeper, then look at the word" there, both
 * sequentially consistent, loses no wake-up. */
typedef struct gate {
    _Alignas(LINE) atomic_uint word;
    atomic_uint sleepers;
#ifndef __linux__
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
} gate;

typedef struct worker {
    cx__pool *pool;
    pthread_t thread;
    int index;
} worker;

struct cx__pool {
    gate start;                          /* a run was published, or stop was set */
    gate done;                           /* the last worker finished the run */
    gate phase;                          /* all have arrived at the barrier */
    _Alignas(LINE) atomic_int left;      /* workers still in the run */
    _Alignas(LINE) atomic_int arrived;   /* threads at the barrier */
    _Alignas(LINE) pthread_mutex_t lock; /* of callers */
    cx__pool_fn *fn;
    void *arg;
    atomic_bool stop;
    int threads, started;
    bool spin; /* false where there are more threads than CPUs */
    worker *workers;
};

#ifdef __linux__
static bool gate_init(gate *g)
{
    (void)g;
    return true;
}

static void gate_deinit(gate *g)
{
    (void)g;
}

/* Returns when the word is not `old`, or for no reason. */
static void gate_sleep(gate *g, unsigned old)
{
    syscall(SYS_futex, &g->word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
}

static void gate_wake(gate *g)
{
    syscall(SYS_futex, &g->word, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}
#else
static bool gate_init(gate *g)
{
    if (pthread_mutex_init(&g->lock, NULL) != 0) return false;
    if (pthread_cond_init(&g->changed, NULL) == 0) return true;
    pthread_mutex_destroy(&g->lock);
    return false;
}

static void gate_deinit(gate *g)
{
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
}

static void gate_sleep(gate *g, unsigned old)
{
    pthread_mutex_lock(&g->lock);
    while (atomic_load(&g->word) == old) pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_wake(gate *g)
{
    pthread_mutex_lock(&g->lock);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}
#endif

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static unsigned gate_value(gate *g)
{
    return atomic_load_explicit(&g->word, memory_order_acquire);
}

static void gate_wait(gate *g, unsigned old, bool spin)
{
    double end = 0;
    for (unsigned i = 1; spin; i++) {
        if (gate_value(g) != old) return;
        pause_cpu();
        if (i % 32) continue; /* the clock costs as much as some pauses */
        double now = cx__now();
        if (end == 0) end = now + SPIN_SECONDS;
        if (now >= end) break;
    }
    atomic_fetch_add(&g->sleepers, 1);
    while (atomic_load(&g->word) == old) gate_sleep(g, old);
    atomic_fetch_sub(&g->sleepers, 1);
}

static void gate_change(gate *g)
{
    atomic_fetch_add(&g->word, 1);
    if (atomic_load(&g->sleepers)) gate_wake(g);
}

static void *work(void *arg)
{
    const worker *w = arg;
    cx__pool *p = w->pool;
    for (unsigned seen = 0;; seen++) {
        gate_wait(&p->start, seen, p->spin);
        if (atomic_load(&p->stop)) return NULL;
        p->fn(p->arg, w->index, p->threads);
        if (atomic_fetch_sub(&p->left, 1) == 1) gate_change(&p->done);
    }
}

/* Signals for the program go to its own threads; those of a fault stay with who caused them. */
static int start_worker(worker *w)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int e = pthread_attr_init(&attr);
    if (e) return e;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(&w->thread, &attr, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return e;
}

static cx_status start_workers(cx__pool *p)
{
    while (p->started < p->threads - 1) {
        worker *w = &p->workers[p->started];
        w->pool = p;
        w->index = p->started + 1;
        int e = start_worker(w);
        if (e)
            return CX_FAIL(CX_ELIMIT, "cannot start thread %d of %d: %s", w->index + 1, p->threads,
                           strerror(e));
        p->started++;
    }
    return CX_OK;
}

cx_status cx__pool_new(int threads, cx__pool **out)
{
    int cpus = cx__cpu_count();
    cx_status st;
    cx__pool *p;
    if (threads < 0 || threads > 4096)
        return CX_FAIL(CX_EARG, "threads: expected 0 to 4096, found %d", threads);
    if (threads == 0) threads = cpus;
    if (!(p = cx__calloc(1, sizeof *p))) return CX_FAIL(CX_ENOMEM, "no memory for a thread pool");
    p->threads = threads;
    p->spin = threads <= cpus;
    p->workers = cx__calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers || pthread_mutex_init(&p->lock, NULL) != 0) {
        cx__free(p->workers);
        cx__free(p);
        return CX_FAIL(CX_ENOMEM, "no memory for a pool of %d threads", threads);
    }
    if (!gate_init(&p->start) || !gate_init(&p->done) || !gate_init(&p->phase))
        st = CX_FAIL(CX_ENOMEM, "no memory for a pool of %d threads", threads);
    else st = start_workers(p);
    if (st != CX_OK) return cx__pool_free(p), st;
    *out = p;
    return CX_OK;
}

void cx__pool_free(cx__pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, true);
    gate_change(&p->start);
    for (int i = 0; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
    gate_deinit(&p->start);
    gate_deinit(&p->done);
    gate_deinit(&p->phase);
    pthread_mutex_destroy(&p->lock);
    cx__free(p->workers);
    cx__free(p);
}

int cx__pool_threads(const cx__pool *p)
{
    return p->threads;
}

void cx__pool_run(cx__pool *p, cx__pool_fn *fn, void *arg)
{
    pthread_mutex_lock(&p->lock);
    if (p->threads > 1) {
        unsigned seen = gate_value(&p->done);
        p->fn = fn;
        p->arg = arg;
        atomic_store(&p->left, p->threads - 1);
        gate_change(&p->start);
        fn(arg, 0, p->threads);
        gate_wait(&p->done, seen, p->spin);
    } else {
        fn(arg, 0, 1);
    }
    pthread_mutex_unlock(&p->lock);
}

void cx__pool_barrier(cx__pool *p, int thread)
{
    unsigned seen = gate_value(&p->phase); /* cannot change before this thread has arrived */
    (void)thread;
    if (p->threads == 1) return;
    if (atomic_fetch_add(&p->arrived, 1) == p->threads - 1) {
        atomic_store(&p->arrived, 0);
        gate_change(&p->phase);
    } else {
        gate_wait(&p->phase, seen, p->spin);
    }
}

typedef struct range_job {
    atomic_size_t next; /* chunk */
    size_t count, chunk, chunks;
    cx__range_fn *fn;
    void *arg;
} range_job;

static void take_chunks(void *arg, int thread, int threads)
{
    range_job *job = arg;
    size_t i;
    (void)thread;
    (void)threads;
    while ((i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed)) < job->chunks) {
        size_t begin = i * job->chunk, left = job->count - begin;
        job->fn(job->arg, begin, begin + (left < job->chunk ? left : job->chunk));
    }
}

void cx__pool_for(cx__pool *p, size_t count, size_t chunk, cx__range_fn *fn, void *arg)
{
    range_job job = { .count = count, .chunk = chunk ? chunk : 1, .fn = fn, .arg = arg };
    job.chunks = count / job.chunk + (count % job.chunk != 0);
    if (job.chunks > 1) cx__pool_run(p, take_chunks, &job);
    else take_chunks(&job, 0, 1);
}
