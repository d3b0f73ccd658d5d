/* Rotary embedding: the reference against double, the variants against its bits. */
#include "check.h"
#include <math.h>

static void exact(float *y, float *mag, const float *x, size_t heads, size_t dim, size_t half,
                  const float *cs, bool pairs)
{
    for (size_t i = 0; i < heads * dim; i++) {
        size_t h = i / dim * dim, d = i % dim, p = pairs ? d / 2 : d % (half ? half : 1);
        bool second = pairs ? d % 2 : d >= half;
        y[i] = mag[i] = x[i];
        if (d >= 2 * half) continue;
        double a = x[h + (pairs ? 2 * p : p)], b = x[h + (pairs ? 2 * p + 1 : p + half)];
        double c = cs[p], s = cs[half + p];
        y[i] = (float)(second ? b * c + a * s : a * c - b * s);
        mag[i] = (float)(second ? fabs(b * c) + fabs(a * s) : fabs(a * c) + fabs(b * s));
    }
}

CHECK(rope)
{
    if (!check_new(t, "rope", (check_any *)k->rope)) return;
    for (size_t half = 0; half < 72; half += half < 35 ? 1 : 4)
        for (int pairs = 0; pairs < 2; pairs++) {
            size_t heads = 1 + half % 3, dim = 2 * half + half % 2 * 5, n = heads * dim;
            check_case(t, "half=%zu dim=%zu %s", half, dim, pairs ? "pairs" : "halves");
            const float *x = check_f32(t, n, -2, 2), *cs = check_f32(t, 2 * half, -1, 1);
            float *got = check_out(t, n * 4, 4), *want = check_out(t, n * 4, 4);
            float *mag = check_out(t, n * 4, 4);
            check_seal(t);
            memcpy(got, x, n * 4);
            memcpy(want, x, n * 4);
            k->rope(got, heads, dim, half, cs, pairs);
            cx__rope_ref(want, heads, dim, half, cs, pairs);
            if (!check_is_ref(t)) check_bits(t, got, want, n);
            exact(want, mag, x, heads, dim, half, cs, pairs);
            check_near(t, got, want, mag, n, 0x1p-23f);
        }
}
