/* Main program of the kernel checker; check.h says how to write a check. */
#include "check.h"
#include <fnmatch.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct {
    const char *name;
    unsigned adds;
} levels[] = {
    { "ref", 0 },
    { "avx2", CX__ISA_AVX2 },
    { "avxvnni", CX__ISA_AVXVNNI },
    { "avx512", CX__ISA_AVX512 },
    { "vnni512", CX__ISA_VNNI512 },
    { "vbmi", CX__ISA_VBMI },
    { "bf16", CX__ISA_BF16 },
    { "neon", CX__ISA_NEON },
    { "dotprod", CX__ISA_DOTPROD },
    { "i8mm", CX__ISA_I8MM },
};

struct check {
    uint64_t seed, state;
    const char *only;
    bool list, bench;
    int threads;
    unsigned isa;        /* of the level being checked */
    char kernel[96];     /* "qgemv_b4 vnni512"; empty: none is being checked */
    char where[160];     /* the case */
    bool is_ref, failed; /* the kernel being checked */
    size_t passed_count, failed_count;
};

enum { MAX_CHECKS = 64, MAX_SEEN = 512 };
static struct {
    const char *name;
    check_body *body;
} checks[MAX_CHECKS];
static struct {
    check_any *fn;
    char slot[48];
} seen[MAX_SEEN];
static size_t check_count, seen_count;
static sigjmp_buf crash;

static void die(const char *text)
{
    fprintf(stderr, "check: %s\n", text);
    exit(2);
}

void check_add(const char *name, check_body *body)
{
    if (check_count == MAX_CHECKS) die("too many checks");
    checks[check_count].name = name;
    checks[check_count++].body = body;
}

/* ---- Numbers: splitmix64 ---- */

uint64_t check_rand(check *t)
{
    uint64_t z = t->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t check_below(check *t, size_t n)
{
    return (size_t)(check_rand(t) % n);
}

float check_uniform(check *t, float lo, float hi)
{
    return lo + (hi - lo) * ((float)(check_rand(t) >> 40) * 0x1p-24f);
}

void check_memory_fill(check *t, void *p, size_t bytes)
{
    uint64_t v;
    for (size_t i = 0; i < bytes; i += 8) {
        v = check_rand(t);
        memcpy((uint8_t *)p + i, &v, bytes - i < 8 ? bytes - i : 8);
    }
}

uint8_t *check_bytes(check *t, size_t n)
{
    uint8_t *p = check_in(t, n, 1);
    check_memory_fill(t, p, n);
    return p;
}

float *check_f32(check *t, size_t n, float lo, float hi)
{
    float *p = check_in(t, n * 4, 4);
    for (size_t i = 0; i < n; i++) p[i] = check_uniform(t, lo, hi);
    return p;
}

void *check_values(check *t, cx_dtype dtype, size_t n, float lo, float hi)
{
    size_t size = cx_dtype_size(dtype);
    uint8_t *p = check_in(t, n * size, 1);
    for (size_t i = 0; i < n; i++) {
        float f = check_uniform(t, lo, hi);
        uint16_t h = dtype == CX_F16 ? cx__f32_to_f16(f) : cx__f32_to_bf16(f);
        memcpy(p + i * size, size == 4 ? (void *)&f : (void *)&h, size);
    }
    return p;
}

/* ---- The kernel being checked ---- */

typedef struct name_search {
    const char *slot, *variant;
} name_search;

static void search_name(void *user, const char *slot, const char *variant)
{
    name_search *s = user;
    if (!strcmp(slot, s->slot)) s->variant = variant;
}

static void finish_kernel(check *t)
{
    if (!t->kernel[0]) return;
    check_memory_end(t, !t->failed);
    if (t->failed) t->failed_count++;
    else t->passed_count++;
    t->kernel[0] = '\0';
}

static bool is_seen(const char *slot, check_any *fn)
{
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].fn == fn && !strcmp(seen[i].slot, slot)) return true;
    if (seen_count == MAX_SEEN) die("too many kernels");
    snprintf(seen[seen_count].slot, sizeof seen->slot, "%s", slot);
    seen[seen_count++].fn = fn;
    return false;
}

bool check_new(check *t, const char *slot, check_any *fn)
{
    name_search s = { slot, NULL };
    finish_kernel(t);
    if (!fn || (t->only && fnmatch(t->only, slot, 0) && strncmp(t->only, slot, strlen(t->only))))
        return false;
    if (is_seen(slot, fn)) return false;
    cx__kernels_list(t->isa, search_name, &s);
    if (t->list) return printf("%s %s\n", slot, s.variant ? s.variant : "?"), false;
    snprintf(t->kernel, sizeof t->kernel, "%s %s", slot, s.variant ? s.variant : "?");
    t->is_ref = s.variant && !strcmp(s.variant, "ref");
    t->failed = false;
    t->state = t->seed;
    t->where[0] = '\0';
    return true;
}

bool check_is_ref(const check *t)
{
    return t->is_ref;
}

void check_case(check *t, const char *fmt, ...)
{
    va_list args;
    check_memory_end(t, !t->failed);
    va_start(args, fmt);
    vsnprintf(t->where, sizeof t->where, fmt, args);
    va_end(args);
}

void check_fail(check *t, const char *fmt, ...)
{
    va_list args;
    if (!t->failed) { /* the first failure says enough */
        printf("FAIL %s, %s: ", t->kernel, t->where);
        va_start(args, fmt);
        vprintf(fmt, args);
        va_end(args);
        printf("\n");
    }
    t->failed = true;
}

/* ---- Comparisons ---- */

bool check_same(check *t, const void *got, const void *want, size_t bytes)
{
    const uint8_t *g = got, *w = want;
    for (size_t i = 0; i < bytes; i++)
        if (g[i] != w[i]) return check_fail(t, "byte %zu is %u, not %u", i, g[i], w[i]), false;
    return true;
}

bool check_bits(check *t, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(got + i, want + i, 4) && !(isnan(got[i]) && isnan(want[i])))
            return check_fail(t, "value %zu is %a, not %a", i, (double)got[i], (double)want[i]),
                   false;
    return true;
}

bool check_near(check *t, const float *got, const float *want, const float *mag, size_t n, float f)
{
    for (size_t i = 0; i < n; i++) {
        double g = got[i], w = want[i], bound = (double)f * fabs(mag ? (double)mag[i] : w);
        if (isnan(w) ? isnan(g) : isinf(w) ? g == w : fabs(g - w) <= bound) continue;
        check_fail(t, "value %zu is %.9g, not %.9g (off by %.3g, allowed %.3g)", i, g, w,
                   fabs(g - w), bound);
        return false;
    }
    return true;
}

/* ---- Speed ---- */

bool check_benching(const check *t)
{
    return t->bench && !t->failed;
}

int check_threads(const check *t)
{
    return t->threads;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

check_timer check_bench_start(check *t, double amount, const char *unit)
{
    return (check_timer){ .t = t, .amount = amount, .unit = unit };
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first run only warms up. */
bool check_bench_next(check_timer *b)
{
    double now = seconds();
    size_t max = sizeof b->times / sizeof *b->times;
    if (!check_benching(b->t)) return false;
    if (b->runs > 1) {
        b->times[b->runs - 2] = now - b->start;
        b->total += now - b->start;
    }
    if (b->runs < 6 || (b->total < 0.3 && b->runs - 1 < max)) {
        b->runs++;
        b->start = seconds();
        return true;
    }
    qsort(b->times, b->runs - 1, sizeof *b->times, by_value);
    printf("  %-24s %-36s %9.2f %s (best %.2f)\n", b->t->kernel, b->t->where,
           b->amount / b->times[(b->runs - 1) / 2], b->unit, b->amount / b->times[0]);
    return false;
}

/* ---- Runs ---- */

static void on_crash(int sig)
{
    siglongjmp(crash, sig);
}

static void catch_crashes(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    struct sigaction action = { .sa_handler = on_crash };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

static void run_level(check *t, unsigned isa)
{
    cx__kernels k;
    t->isa = isa;
    cx__kernels_fill(&k, isa);
    for (volatile size_t i = 0; i < check_count; i++) {
        int sig = sigsetjmp(crash, 1);
        if (!sig) checks[i].body(t, &k);
        else if (t->kernel[0]) check_fail(t, "%s", strsignal(sig));
        else die("crash outside of a kernel");
        finish_kernel(t);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void parse(check *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--seed=", 7)) t->seed = strtoull(argv[i] + 7, NULL, 0);
        else if (!strncmp(argv[i], "--only=", 7)) t->only = argv[i] + 7;
        else if (!strncmp(argv[i], "--threads=", 10)) t->threads = atoi(argv[i] + 10);
        else if (!strcmp(argv[i], "--list")) t->list = true;
        else if (!strcmp(argv[i], "--bench")) t->bench = true;
        else die("usage: check [--list] [--bench] [--only=SLOT] [--seed=N] [--threads=N]");
    }
}

int main(int argc, char **argv)
{
    check t = { .seed = (uint64_t)time(NULL), .threads = 1 };
    unsigned native = cx__cpu_isa(), isa = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    parse(&t, argc, argv);
    if (t.threads < 1 || t.threads > 64) die("--threads: 1 to 64");
    qsort(checks, check_count, sizeof *checks, by_name);
    catch_crashes();
    if (!t.list) printf("seed %llu\n", (unsigned long long)t.seed);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if ((levels[i].adds & ~native) != 0) continue;
        isa |= levels[i].adds;
        run_level(&t, isa);
    }
    if (!t.list) printf("%zu passed, %zu failed\n", t.passed_count, t.failed_count);
    return t.failed_count != 0 || (!t.list && t.passed_count == 0);
}
