/* Element types: every f16 value there and back, rounding at every border. */
#include "unit.h"

#include "core/core.h"
#include <math.h>

static double half_value(unsigned h)
{
    double m = (h & 0x3ff) / 1024.0;
    int e = (int)(h >> 10 & 31);
    double v = e ? ldexp(1 + m, e - 15) : ldexp(m, -14);
    return h & 0x8000 ? -v : v;
}

TEST(core, every_f16_converts_to_its_value_and_back)
{
    for (unsigned h = 0; h < 0x10000; h++) {
        float f = cx__f16_to_f32((uint16_t)h);
        if ((h & 0x7fff) > 0x7c00) {
            CHECK(isnan(f));
            CHECK((cx__f32_to_f16(f) & 0x7fff) > 0x7c00);
        } else {
            CHECK((h & 0x7fff) == 0x7c00 ? isinf(f) : (double)f == half_value(h));
            CHECK_INT(cx__f32_to_f16(f), h);
        }
    }
}

/* The middle between two neighbours goes to the even one, a step beside it to the nearer. */
TEST(core, f32_rounds_to_the_nearest_f16_ties_to_even)
{
    for (unsigned h = 0; h < 0x7bff; h++) {
        float middle = (float)((half_value(h) + half_value(h + 1)) / 2);
        CHECK_INT(cx__f32_to_f16(middle), h + (h & 1));
        CHECK_INT(cx__f32_to_f16(nextafterf(middle, 0)), h);
        CHECK_INT(cx__f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        CHECK_INT(cx__f32_to_f16(-middle), (h + (h & 1)) | 0x8000);
    }
    CHECK_INT(cx__f32_to_f16(65519.996f), 0x7bff);
    CHECK_INT(cx__f32_to_f16(65520.0f), 0x7c00);
    CHECK_INT(cx__f32_to_f16(INFINITY), 0x7c00);
}

TEST(core, bf16_rounds_to_nearest_even_and_keeps_nan)
{
    CHECK_INT(cx__f32_to_bf16(1.0f), 0x3f80);
    CHECK_INT(cx__f32_to_bf16(1.00390625f), 0x3f80); /* the middle, down to even */
    CHECK_INT(cx__f32_to_bf16(1.01171875f), 0x3f82); /* the middle, up to even */
    CHECK_INT(cx__f32_to_bf16(3.4e38f), 0x7f80);
    CHECK_INT(cx__f32_to_bf16(-0.0f), 0x8000);
    CHECK(isnan(cx__bf16_to_f32(cx__f32_to_bf16(NAN))));
}

TEST(core, names_and_sizes_of_dtypes_agree)
{
    for (int i = 0; i < CX_DTYPES; i++) {
        cx_dtype back;
        CHECK_OK(cx_dtype_parse(cx_dtype_name((cx_dtype)i), &back));
        CHECK_INT(back, i);
        CHECK(cx_dtype_size((cx_dtype)i) >= 1 && cx_dtype_size((cx_dtype)i) <= 8);
    }
    cx_dtype none;
    CHECK_INT(cx_dtype_parse("F7", &none), CX_ETYPE);
    CHECK_INT(cx_dtype_size((cx_dtype)99), 0);
}

TEST(core, element_counts_are_checked)
{
    cx_tensor t = { .ndim = 3, .shape = { 3, 4, 5 } };
    size_t n;
    CHECK(cx__tensor_count(&t, &n) && n == 60);
    t.shape[0] = -1;
    CHECK(!cx__tensor_count(&t, &n));
    t = (cx_tensor){ .ndim = 4, .shape = { 65536, 65536, 65536, 65536 } };
    CHECK(!cx__tensor_count(&t, &n));
}
