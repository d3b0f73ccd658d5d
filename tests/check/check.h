/* Checker of kernels: every variant this machine can run against the reference.
 *
 * A check is one file check_<name>.c:
 *
 *     #include "check.h"
 *     CHECK(rms_norm)                                   // called once per ISA level
 *     {
 *         if (!check_new(t, "rms_norm", (check_any *)k->rms_norm)) return;   // variant seen, skip
 *         for (size_t n = 1; n < 200; n += 7) {
 *             check_case(t, "n=%zu", n);                // releases the buffers of the last case
 *             float *x = check_f32(t, n, -2, 2);        // input, ends on a guard page
 *             float *want = check_out(t, n * 4, 4), *got = check_out(t, n * 4, 4);  // canaries
 *             check_seal(t);                            // inputs are read-only from here
 *             cx__rms_norm_ref(want, x, ...);
 *             k->rms_norm(got, x, ...);
 *             check_near(t, got, want, mag, n, 4 * 0x1p-24f);   // or check_bits
 *         }
 *         float *big = ...;
 *         CHECK_BENCH(t, 1e-9 * bytes, "GB/s", k->rms_norm(...));  // nothing without --bench
 *     }
 *
 * A crash, a failed comparison or a damaged canary fails the variant by name and the run goes on.
 * Inputs and canaries come from one seed (printed, --seed=N), restarted for each variant. */
#ifndef CX_CHECK_H
#define CX_CHECK_H

#include "kernels/variants.h"

typedef struct check check;
typedef void check_any(void);
typedef void check_body(check *t, const cx__kernels *k);

void check_add(const char *name, check_body *body);
#define CHECK(name)                                                                                \
    static void check_##name(check *t, const cx__kernels *k);                                      \
    __attribute__((constructor)) static void check_##name##_add(void)                              \
    {                                                                                              \
        check_add(#name, check_##name);                                                            \
    }                                                                                              \
    static void check_##name(check *t, const cx__kernels *k)

/* Begins the check of a kernel. False when this function was checked at an earlier level, is
 * filtered out, or the slot is empty. `slot` is its name in kernels.def. */
bool check_new(check *t, const char *slot, check_any *fn);
/* True while the reference itself is checked, against something independent of it. */
bool check_is_ref(const check *t);
/* Names the case for failure messages; checks the canaries and frees the buffers of the last. */
void check_case(check *t, const char *fmt, ...) CX_PRINTF(2, 3);

/* Inputs. `align` is the alignment promised (1: any, also odd). Placed, by turns: against a guard
 * page behind, the same with an odd gap filled with junk, against a guard page in front. */
void *check_in(check *t, size_t bytes, size_t align);     /* to be filled by the caller */
uint8_t *check_bytes(check *t, size_t n);                 /* random bytes, any alignment */
float *check_f32(check *t, size_t n, float lo, float hi); /* uniform in [lo, hi), align 4 */
/* n values of F32, F16 or BF16, uniform, any alignment. */
void *check_values(check *t, cx_dtype dtype, size_t n, float lo, float hi);
/* Outputs and scratch: between canaries, prefilled with junk. */
void *check_out(check *t, size_t bytes, size_t align);
/* Makes the inputs read-only. */
void check_seal(check *t);

/* Numbers. */
uint64_t check_rand(check *t);
size_t check_below(check *t, size_t n);            /* [0, n) */
float check_uniform(check *t, float lo, float hi); /* [lo, hi) */

/* Comparisons; they report the first difference and fail the variant. */
bool check_same(check *t, const void *got, const void *want, size_t bytes); /* bytes */
bool check_bits(check *t, const float *got, const float *want, size_t n);   /* NaN equals NaN */
/* |got - want| <= f * mag[i]; mag NULL: f * |want|. NaN and Inf must be equal in kind. */
bool check_near(check *t, const float *got, const float *want, const float *mag, size_t n, float f);
void check_fail(check *t, const char *fmt, ...) CX_PRINTF(2, 3);
#define CHECK_TRUE(t, cond)                                                                        \
    do {                                                                                           \
        if (!(cond)) check_fail(t, "%s", #cond);                                                   \
    } while (0)

/* Speed. CHECK_BENCH repeats `call` for about 0.3 s and prints amount / (median, best time). */
bool check_benching(const check *t);
int check_threads(const check *t); /* --threads=N, 1 unless given */
typedef struct check_timer {
    check *t;
    double amount, start, total, times[256];
    const char *unit;
    size_t runs;
} check_timer;
check_timer check_bench_start(check *t, double amount, const char *unit);
bool check_bench_next(check_timer *b);
#define CHECK_BENCH(t, amount, unit, call)                                                         \
    for (check_timer bench_ = check_bench_start(t, amount, unit); check_bench_next(&bench_);) call

/* Between check.c and check_memory.c. */
void check_memory_end(check *t, bool report); /* canaries, then unmap */
void check_memory_fill(check *t, void *p, size_t bytes);

#endif
