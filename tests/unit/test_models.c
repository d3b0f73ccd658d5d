/* Tiny models of each architecture against logits that mlx-lm computed: golden_models.py of
 * tests/oracle. A new folder under tests/golden/models is found without an edit here. */
#include "unit.h"

#include "base/base.h"
#include <cortex/file.h>
#include <cortex/model.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOT "tests/golden/models"

typedef struct collect {
    float *to;
    size_t cols;
} collect;

static int keep(void *user, size_t first, size_t rows, const float *logits)
{
    collect *c = user;
    memcpy(c->to + first * c->cols, logits, rows * c->cols * sizeof *logits);
    return 0;
}

/* Largest difference of logits, relative to the largest logit; *rms: root mean squares' ratio. */
static double compare(const char *name, bool exact, size_t piece, double *rms)
{
    char folder[512];
    cx_tensors *t;
    cx_model_options o = { .threads = 2, .exact = exact };
    cx_model *m;
    cx_session *s;
    snprintf(folder, sizeof folder, ROOT "/%s/expected.safetensors", name);
    CHECK_OK(cx_tensors_open(folder, &t));
    const cx_tensor *tokens = cx_tensors_find(t, "tokens"), *want = cx_tensors_find(t, "logits");
    size_t n = (size_t)want->shape[0], cols = (size_t)want->shape[1];
    int32_t *ids = malloc(tokens->bytes);
    float *got = calloc(n, cols * sizeof *got), *ref = malloc(want->bytes);
    double worst = 0, largest = 0, error = 0, power = 0;
    memcpy(ids, tokens->data, tokens->bytes);
    memcpy(ref, want->data, want->bytes);
    snprintf(folder, sizeof folder, ROOT "/%s", name);
    CHECK_OK(cx_model_open(folder, &o, &m));
    CHECK_OK(cx_session_new(m, NULL, &s));
    for (size_t i = 0; i < n; i += piece) {
        collect c = { got + i * cols, cols };
        CHECK_OK(
            cx_session_eval(s, 0, ids + i, n - i < piece ? n - i : piece, CX_LOGITS_ALL, keep, &c));
    }
    for (size_t i = 0; i < n * cols; i++) {
        worst = fmax(worst, fabs((double)got[i] - ref[i]));
        largest = fmax(largest, fabs((double)ref[i]));
        error += ((double)got[i] - ref[i]) * ((double)got[i] - ref[i]);
        power += (double)ref[i] * ref[i];
    }
    cx_session_free(s);
    cx_model_close(m);
    cx_tensors_close(t);
    free(ids), free(got), free(ref);
    *rms = sqrt(error / power);
    return worst / largest;
}

/* Calls check for each folder; at least `least` must be there. */
static void each_case(void (*check)(const char *name), int least)
{
    DIR *d = opendir(ROOT);
    struct dirent *e;
    CHECK(d != NULL);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') check(e->d_name), least--;
    closedir(d);
    CHECK(least <= 0);
}

static void check_exact(const char *name)
{
    double rms, off = compare(name, true, 64, &rms), one = compare(name, true, 1, &rms);
    if (!(off <= 1e-4)) fail_msg("%s: off by %g of the largest logit", name, off);
    if (off != one) fail_msg("%s: one token at a time gives other bits", name);
}

static void check_fast(const char *name)
{
    double rms, off = compare(name, false, 64, &rms), one = compare(name, false, 1, &rms);
    /* int8 activations through two layers of random weights: 0.04 was measured at worst. */
    if (!(rms <= 0.06)) fail_msg("%s: off by %g of the logits", name, rms);
    if (off != one) fail_msg("%s: one token at a time gives other bits", name);
}

TEST(models, exact_logits_equal_mlx_within_1e4)
{
    each_case(check_exact, 25);
}

TEST(models, fast_logits_are_close_and_do_not_depend_on_pieces)
{
    each_case(check_fast, 25);
}
