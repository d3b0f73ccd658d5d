/* The thread pool. Run under SAN=thread too. */
#include "base/base.h"
#include "unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

typedef struct seen {
    cx__pool *pool;
    int count[64];
    int threads;
} seen;

static void note(void *arg, int thread, int threads)
{
    seen *s = arg;
    s->count[thread]++; /* one writer each, published by the end of the run */
    if (thread == 0) s->threads = threads;
}

TEST(base_threads, each_run_calls_every_thread_once)
{
    static const int sizes[] = { 1, 2, 3, 8 };
    for (size_t k = 0; k < 4; k++) {
        seen s = { 0 };
        CHECK_OK(cx__pool_new(sizes[k], &s.pool));
        CHECK_INT(cx__pool_threads(s.pool), sizes[k]);
        for (int i = 0; i < 2000; i++) cx__pool_run(s.pool, note, &s);
        for (int t = 0; t < sizes[k]; t++) CHECK_INT(s.count[t], 2000);
        CHECK_INT(s.count[sizes[k]], 0);
        CHECK_INT(s.threads, sizes[k]);
        cx__pool_free(s.pool);
    }
    cx__pool_free(NULL);
}

TEST(base_threads, sizes_out_of_range_are_refused)
{
    cx__pool *p = NULL;
    CHECK_INT(cx__pool_new(-1, &p), CX_EARG);
    CHECK_INT(cx__pool_new(1 << 20, &p), CX_EARG);
    CHECK(p == NULL);
    CHECK_OK(cx__pool_new(0, &p));
    CHECK_INT(cx__pool_threads(p), cx__cpu_count());
    cx__pool_free(p);
}

#define ROUNDS 500
typedef struct relay {
    cx__pool *pool;
    int cell[2][8]; /* plain memory: only the barrier orders the accesses */
    int wrong[8];
} relay;

/* Each thread writes its cell, all meet, each reads the cell of its neighbour. */
static void pass_on(void *arg, int thread, int threads)
{
    relay *r = arg;
    for (int i = 0; i < ROUNDS; i++) {
        r->cell[i % 2][thread] = i * 8 + thread;
        cx__pool_barrier(r->pool, thread);
        int next = (thread + 1) % threads;
        if (r->cell[i % 2][next] != i * 8 + next) r->wrong[thread]++;
    }
}

TEST(base_threads, barrier_separates_the_rounds)
{
    static const int sizes[] = { 1, 2, 5, 8 };
    for (size_t k = 0; k < 4; k++) {
        relay r = { 0 };
        CHECK_OK(cx__pool_new(sizes[k], &r.pool));
        for (int i = 0; i < 4; i++) cx__pool_run(r.pool, pass_on, &r);
        for (int t = 0; t < 8; t++) CHECK_INT(r.wrong[t], 0);
        cx__pool_free(r.pool);
    }
}

static void mark(void *arg, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) ((unsigned char *)arg)[i]++;
}

TEST(base_threads, ranges_are_covered_once)
{
    static const size_t cases[][2] = { { 0, 4 },    { 1, 1 },       { 10, 3 },
                                       { 1000, 7 }, { 1000, 5000 }, { 999, 0 } };
    unsigned char hit[1001];
    cx__pool *p;
    CHECK_OK(cx__pool_new(3, &p));
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        memset(hit, 0, sizeof hit);
        cx__pool_for(p, cases[k][0], cases[k][1], mark, hit);
        for (size_t i = 0; i < sizeof hit; i++) CHECK_INT(hit[i], i < cases[k][0]);
    }
    cx__pool_free(p);
}

typedef struct shared {
    cx__pool *pool;
    atomic_int sum;
} shared;

static void add(void *arg, int thread, int threads)
{
    (void)thread;
    (void)threads;
    atomic_fetch_add(&((shared *)arg)->sum, 1);
}

static void *call_often(void *arg)
{
    for (int i = 0; i < 500; i++) cx__pool_run(((shared *)arg)->pool, add, arg);
    return NULL;
}

TEST(base_threads, callers_take_turns)
{
    shared s = { 0 };
    pthread_t caller[3];
    CHECK_OK(cx__pool_new(2, &s.pool));
    for (int i = 0; i < 3; i++) CHECK_INT(pthread_create(&caller[i], NULL, call_often, &s), 0);
    for (int i = 0; i < 3; i++) pthread_join(caller[i], NULL);
    CHECK_INT(atomic_load(&s.sum), 3000);
    cx__pool_free(s.pool);
}

TEST(base_threads, idle_workers_use_no_processor_time)
{
    struct timespec before, after;
    shared s = { 0 };
    CHECK_OK(cx__pool_new(2, &s.pool));
    cx__pool_run(s.pool, add, &s);
    usleep(20000); /* let the spinning end */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    usleep(300000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 30);
    cx__pool_free(s.pool);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, pool_leaves_no_threads)
{
    cx__pool *p = NULL;
    cx_status st = CX_ENOMEM;
    for (int n = 0; st != CX_OK; n++) {
        CHECK(n < 20);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__pool_new(2, &p);
        cx__alloc_fault_set(NULL);
        CHECK(st == CX_OK || (st == CX_ENOMEM && !p));
    }
    cx__pool_free(p);
}
