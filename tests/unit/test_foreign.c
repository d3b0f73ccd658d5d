/* Weights that other tools quantized. tests/golden/foreign holds one of each kind with its values
 * as torch computes them (tests/oracle/golden_foreign.py): they must be equal to the bit, in any
 * run of elements, and what MLX's packing says must be the same numbers. */
#include "foreign_case.h"

#include "quant/quant.h"
#include <dirent.h>
#include <math.h>

static float value(const void *data, cx_dtype dtype, size_t i)
{
    cx_tensor t = { .dtype = dtype, .data = data };
    return cx__tensor_f32(&t, i);
}

/* Bits, but 0 of either sign is one value and so are all NaN. */
static bool equal(const void *a, const void *b, cx_dtype dtype, size_t i)
{
    float x = value(a, dtype, i), y = value(b, dtype, i);
    return x == y || (isnan(x) && isnan(y));
}

static void check_values(const char *name, const cx_tensor *want, const void *got)
{
    size_t n;
    CHECK(cx__tensor_count(want, &n));
    for (size_t i = 0; i < n; i++)
        if (!equal(got, want->data, want->dtype, i))
            fail_msg("%s: element %zu: expected %a, found %a", name, i,
                     (double)value(want->data, want->dtype, i), (double)value(got, want->dtype, i));
}

/* Runs of every length up to 70, from everywhere. */
static void check_runs(const cx__origin *o, const uint8_t *all)
{
    size_t size = cx_dtype_size(o->s.t.dtype);
    uint8_t run[70 * 4];
    for (size_t first = 0; first < o->s.span; first += 7)
        for (size_t n = 1; n <= 70 && first + n <= o->s.span; n += 3) {
            o->s.decode(&o->s, first, n, run);
            CHECK(!memcmp(run, all + first * size, n * size));
        }
}

/* One value of the packing, from the definition of MLX's modes. scale: its number. */
static double unpacked(const cx__packed *p, const uint8_t *q, const uint8_t *scales,
                       const uint8_t *biases, size_t i)
{
    size_t bit = i * (size_t)p->bits, scale = i / (size_t)p->group;
    unsigned code = q[bit / 8] >> bit % 8;
    if (bit % 8 + (size_t)p->bits > 8) code |= (unsigned)q[bit / 8 + 1] << (8 - bit % 8);
    code &= (1u << p->bits) - 1;
    if (!strcmp(p->mode, "affine"))
        return (double)code * value(scales, p->scale_dtype, scale) +
               value(biases, p->scale_dtype, scale);
    double sign = code >> (p->bits - 1) ? -1 : 1;
    static const double e2m1[] = { 0, 0.5, 1, 1.5, 2, 3, 4, 6 };
    int e = code >> 3 & 15, m = code & 7;
    double e4m3 = e ? ldexp(8 + m, e - 10) : ldexp(m, -9);
    double element = p->bits == 4 ? e2m1[code & 7] : e4m3;
    int s = scales[scale];
    double factor = ldexp(1, s - 127);
    if (!strcmp(p->mode, "nvfp4"))
        factor = s >> 3 & 15 ? ldexp(8 + (s & 7), (s >> 3 & 15) - 10) : ldexp(s & 7, -9);
    return sign * element * factor;
}

/* What is rounded is affine's bias, by half a unit in its type, and the value. */
static void check_packed(const char *name, const cx__origin *o, const uint8_t *all)
{
    const cx__packed *p = o->s.packed;
    size_t cols = (size_t)o->s.t.shape[o->s.t.ndim - 1];
    double unit = o->s.t.dtype == CX_F16 ? 0x1p-11 : o->s.t.dtype == CX_BF16 ? 0x1p-8 : 0x1p-24;
    uint8_t q[256], scales[64], biases[64];
    for (size_t r = 0; r < o->s.span / cols; r++) {
        p->rows(&o->s, r, 1, q, scales, biases);
        for (size_t c = 0; c < cols; c++) {
            double want = value(all, o->s.t.dtype, r * cols + c);
            double got = unpacked(p, q, scales, biases, c);
            double room = unit * fabs(want);
            if (!strcmp(p->mode, "affine"))
                room += 2 * unit * fabs(value(biases, p->scale_dtype, c / (size_t)p->group));
            if (!(fabs(got - want) <= room))
                fail_msg("%s: packed, row %zu, column %zu: expected %a, found %a", name, r, c, want,
                         got);
        }
    }
}

static void check_golden(const char *file)
{
    foreign_case c;
    cx_tensor want;
    foreign_open(&c, file, &want);
    CHECK_OK(foreign_merge(&c));
    const cx__origin *o = foreign_find(&c, c.weight);
    CHECK(o && o->s.decode);
    CHECK_INT(o->s.t.dtype, want.dtype);
    CHECK_INT(o->s.t.ndim, want.ndim);
    for (int i = 0; i < want.ndim; i++) CHECK_INT(o->s.t.shape[i], want.shape[i]);
    uint8_t *all = cx__alloc(o->s.span * 4);
    o->s.decode(&o->s, 0, o->s.span, all);
    check_values(file, &want, all);
    check_runs(o, all);
    CHECK_STR(o->s.packed ? o->s.packed->mode : "none", c.packed);
    if (o->s.packed) check_packed(file, o, all);
    cx__free(all);
    foreign_close(&c);
}

TEST(foreign, values_are_those_of_the_tools)
{
    DIR *d = opendir(FOREIGN_GOLDEN);
    int files = 0;
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') check_golden(e->d_name), files++;
    closedir(d);
    CHECK(files >= 30);
}

TEST(foreign, takes_the_description_out_of_the_config)
{
    foreign_case c;
    foreign_open(&c, "awq.safetensors", NULL);
    CHECK_OK(foreign_merge(&c));
    CHECK_STR(c.method, "awq");
    CHECK_INT(json_object_size(c.config), 0);
    CHECK_INT(c.o.count, 1); /* the parts are gone */
    foreign_close(&c);
}

TEST(foreign, leaves_a_checkpoint_that_is_not_quantized)
{
    foreign_case c;
    foreign_open(&c, "awq.safetensors", NULL);
    json_object_clear(c.config);
    c.o.count = 1;
    c.o.list[0].s.t.name = "a.weight";
    c.o.list[0].s.t.dtype = CX_F32;
    CHECK_OK(foreign_merge(&c));
    CHECK(c.method == NULL);
    CHECK_INT(c.o.count, 1);
    foreign_close(&c);
}

TEST(foreign, other_tensors_stay)
{
    foreign_case c;
    foreign_open(&c, "gptq_4.safetensors", NULL);
    size_t before = c.o.count;
    CHECK_OK(foreign_merge(&c));
    CHECK_INT(c.o.count, before - 3);
    const cx__origin *bias = foreign_find(&c, "l.bias");
    CHECK(bias && !bias->s.decode && bias->s.t.data);
    foreign_close(&c);
}

/* All codes of 8 bit floats against their definition. */
TEST(foreign, tables_of_small_floats)
{
    for (int code = 0; code < 256; code++) {
        double sign = code & 128 ? -1 : 1;
        int e4 = code >> 3 & 15, m4 = code & 7, e5 = code >> 2 & 31, m5 = code & 3;
        double four = sign * (e4 ? ldexp(8 + m4, e4 - 10) : ldexp(m4, -9));
        double five = sign * (e5 ? ldexp(4 + m5, e5 - 17) : ldexp(m5, -16));
        if ((code & 127) == 127) CHECK(isnan(cx__e4m3[code]));
        else CHECK((double)cx__e4m3[code] == four);
        if (e5 == 31 && m5) CHECK(isnan(cx__e5m2[code]));
        else if (e5 == 31) CHECK(isinf(cx__e5m2[code]) && cx__e5m2[code] * sign > 0);
        else CHECK((double)cx__e5m2[code] == five);
    }
    CHECK(cx__e8m0(0) == 0x1p-127f);
    CHECK(cx__e8m0(254) == 0x1p127f);
    CHECK(isnan(cx__e8m0(255)));
}
