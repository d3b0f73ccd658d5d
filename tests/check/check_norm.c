/* Norms: the reference against double sums, the variants against its bits. */
#include "check.h"
#include <math.h>

static const size_t lengths[] = { 1, 2, 7, 15, 16, 17, 31, 33, 64, 80, 100, 255, 1000, 2048 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* Relative error of a sum of n terms in 16 lanes, with some for what follows it. */
static float sum_error(size_t n)
{
    return (float)(n / 16 + 24) * 0x1p-24f;
}

static void exact_rms(float *y, const float *x, const float *w, size_t n, double eps)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    for (size_t i = 0; i < n; i++) y[i] = (float)(x[i] / sqrt(sum / (double)n + eps) * w[i]);
}

CHECK(rms_norm)
{
    if (!check_new(t, "rms_norm", (check_any *)k->rms_norm)) return;
    for (size_t c = 0; c < LENGTHS; c++) {
        size_t n = lengths[c];
        check_case(t, "n=%zu", n);
        const float *x = check_f32(t, n, -3, 3), *w = check_f32(t, n, -2, 2);
        float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
        check_seal(t);
        k->rms_norm(got, x, w, n, 1e-5f);
        cx__rms_norm_ref(want, x, w, n, 1e-5f);
        if (!check_is_ref(t)) check_bits(t, got, want, n);
        exact_rms(want, x, w, n, 1e-5f);
        check_near(t, got, want, NULL, n, sum_error(n));
        memcpy(want, x, n * 4); /* in place */
        k->rms_norm(want, want, w, n, 1e-5f);
        check_bits(t, want, got, n);
        CHECK_BENCH(t, 1e-9 * (double)n, "G values/s", k->rms_norm(got, x, w, n, 1e-5f));
    }
}

/* mag: what the result's parts add up to without their signs. */
static void exact_layer(float *y, float *mag, const float *x, const float *w, const float *b,
                        size_t n, double eps)
{
    double mean = 0, size = 0, var = 0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
        size += fabs((double)x[i]) / (double)n;
    }
    for (size_t i = 0; i < n; i++) var += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double inv = 1 / sqrt(var + eps), bias = b ? b[i] : 0;
        y[i] = (float)((x[i] - mean) * inv * w[i] + bias);
        mag[i] = (float)((fabs((double)x[i]) + 2 * size) * inv * fabs((double)w[i]) + fabs(bias));
    }
}

CHECK(layer_norm)
{
    if (!check_new(t, "layer_norm", (check_any *)k->layer_norm)) return;
    for (size_t c = 0; c < 2 * LENGTHS; c++) {
        size_t n = lengths[c / 2];
        check_case(t, "n=%zu, %s bias", n, c % 2 ? "with" : "no");
        const float *x = check_f32(t, n, -3, 4), *w = check_f32(t, n, -2, 2);
        const float *b = c % 2 ? check_f32(t, n, -2, 2) : NULL;
        float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
        float *mag = check_out(t, n * 4, 4);
        check_seal(t);
        k->layer_norm(got, x, w, b, n, 1e-5f);
        cx__layer_norm_ref(want, x, w, b, n, 1e-5f);
        if (!check_is_ref(t)) check_bits(t, got, want, n);
        exact_layer(want, mag, x, w, b, n, 1e-5f);
        check_near(t, got, want, mag, n, sum_error(n));
        memcpy(want, x, n * 4);
        k->layer_norm(want, want, w, b, n, 1e-5f);
        check_bits(t, want, got, n);
    }
}
