/* Packing and unpacking against bytes that MLX made: tests/golden/quant, by golden_quant.py of
 * tests/oracle, which says how the bytes of the GPU rule came about. */
#include "unit.h"

#include "quant/modes.h"
#include <cortex/file.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const types[] = { "f32", "f16", "bf16" };
static const int widths[] = { 1, 2, 3, 4, 5, 6, 8 }, groups[] = { 32, 64, 128 };

static cx_tensors *golden(const char *modes, const char *type)
{
    char path[128];
    cx_tensors *t = NULL;
    snprintf(path, sizeof path, "tests/golden/quant/%s_%s.safetensors", modes, type);
    CHECK_OK(cx_tensors_open(path, &t));
    return t;
}

static const cx_tensor *part(const cx_tensors *t, const cx_quant_spec *spec, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%d.%d.%s.%s", spec->bits, spec->group,
             spec->cpu_rule ? "cpu" : "gpu", part);
    const cx_tensor *found = cx_tensors_find(t, name);
    if (!found) fail_msg("no tensor %s", name);
    return found;
}

static void check_bytes(const cx_tensor *want, const void *got, size_t bytes)
{
    CHECK_INT(bytes, want->bytes);
    for (size_t i = 0; i < bytes; i++)
        if (((const uint8_t *)got)[i] != ((const uint8_t *)want->data)[i])
            fail_msg("%s: byte %zu is %02x, not %02x", want->name, i, ((const uint8_t *)got)[i],
                     ((const uint8_t *)want->data)[i]);
}

/* The same bits, but a NaN equals any NaN. */
static void check_values(const cx_tensor *want, const void *got)
{
    cx_tensor view = *want;
    size_t size = cx_dtype_size(want->dtype);
    view.data = got;
    for (size_t i = 0; i < want->bytes / size; i++) {
        float a = cx__tensor_f32(want, i), b = cx__tensor_f32(&view, i);
        if (!(isnan(a) && isnan(b)) && memcmp(&a, &b, sizeof a))
            fail_msg("%s: value %zu is %a, not %a", want->name, i, (double)b, (double)a);
    }
}

static void check_packing(const cx_tensors *t, const cx_quant_spec *spec)
{
    const cx_tensor *w = cx_tensors_find(t, "w");
    cx_quant_size size;
    CHECK_OK(cx_quant_bytes(w, spec, &size));
    CHECK_INT(size.scale_dtype, w->dtype);
    uint8_t *q = malloc(size.q), *scales = malloc(size.scales), *biases = malloc(size.biases);
    CHECK_OK(cx_quantize(w, spec, q, scales, biases));
    check_bytes(part(t, spec, "q"), q, size.q);
    check_bytes(part(t, spec, "scales"), scales, size.scales);
    check_bytes(part(t, spec, "biases"), biases, size.biases);
    free(q);
    free(scales);
    free(biases);
}

TEST(quant, packs_the_bytes_of_mlx)
{
    for (size_t i = 0; i < 3; i++) {
        cx_tensors *t = golden("affine", types[i]);
        for (size_t b = 0; b < 7; b++)
            for (size_t g = 0; g < 3; g++)
                for (int cpu = 0; cpu < 2; cpu++)
                    check_packing(t, &(cx_quant_spec){
                                         .bits = widths[b], .group = groups[g], .cpu_rule = cpu });
        cx_tensors_close(t);
    }
}

/* The reference kernels too, whatever the machine chooses. */
TEST(quant, reference_packs_the_bytes_of_mlx)
{
    cx__kernels k;
    cx__kernels_fill(&k, 0);
    for (size_t i = 0; i < 3 * 7 * 3 * 2; i++) {
        cx_tensors *t = golden("affine", types[i / 42]);
        const cx_tensor *w = cx_tensors_find(t, "w");
        cx_quant_spec s = { .bits = widths[i / 6 % 7],
                            .group = groups[i / 2 % 3],
                            .cpu_rule = i % 2 };
        const cx_tensor *q = part(t, &s, "q"), *scales = part(t, &s, "scales");
        const cx_tensor *biases = part(t, &s, "biases");
        for (size_t r = 0; r < (size_t)w->shape[0]; r++) {
            uint8_t codes[128], scale[16], bias[16];
            size_t n = q->bytes / (size_t)w->shape[0], m = scales->bytes / (size_t)w->shape[0];
            k.affine_encode(codes, scale, bias,
                            (const uint8_t *)w->data + r * (w->bytes / (size_t)w->shape[0]),
                            w->dtype, 128, s.bits, s.group, !s.cpu_rule);
            CHECK(!memcmp(codes, (const uint8_t *)q->data + r * n, n));
            CHECK(!memcmp(scale, (const uint8_t *)scales->data + r * m, m));
            CHECK(!memcmp(bias, (const uint8_t *)biases->data + r * m, m));
        }
        cx_tensors_close(t);
    }
}

TEST(quant, unpacks_to_the_values_of_mlx)
{
    static const int back[] = { 3, 4, 8 };
    for (size_t i = 0; i < 9; i++) {
        cx_tensors *t = golden("affine", types[i / 3]);
        cx_quant_spec s = { .bits = back[i % 3], .group = 64, .cpu_rule = true };
        const cx_tensor *want = part(t, &s, "back");
        uint8_t *out = malloc(want->bytes);
        CHECK_OK(cx_dequantize(part(t, &s, "q"), part(t, &s, "scales"), part(t, &s, "biases"), &s,
                               want->dtype, out));
        check_bytes(want, out, want->bytes);
        free(out);
        cx_tensors_close(t);
    }
}

TEST(quant, defaults_are_affine_4_bits_groups_of_64_gpu_rule)
{
    cx_tensors *t = golden("affine", "bf16");
    const cx_tensor *w = cx_tensors_find(t, "w");
    cx_quant_spec gpu = { .bits = 4, .group = 64 };
    cx_quant_size size;
    CHECK_OK(cx_quant_bytes(w, NULL, &size));
    uint8_t *q = malloc(size.q), *scales = malloc(size.scales), *biases = malloc(size.biases);
    CHECK_OK(cx_quantize(w, NULL, q, scales, biases));
    check_bytes(part(t, &gpu, "q"), q, size.q);
    free(q);
    free(scales);
    free(biases);
    cx_tensors_close(t);
}

TEST(quant, modes_are_found_by_name)
{
    const cx_quant_mode *m = NULL;
    CHECK_OK(cx_quant_mode_find("affine", &m));
    CHECK(m == cx_quant_mode_at(0));
    CHECK(m->has_bias);
    CHECK(cx_quant_mode_at(cx_quant_mode_count()) == NULL);
    CHECK_INT(cx_quant_mode_find("mxfp99", &m), CX_EUNSUPPORTED);
    CHECK_HAS(cx_error(), "'mxfp99' is not known, only affine, mxfp4, mxfp8, nvfp4");
}

static cx_tensor matrix(cx_dtype dtype, int64_t rows, int64_t cols, const void *data)
{
    return (cx_tensor){ .name = "a.weight",
                        .dtype = dtype,
                        .ndim = 2,
                        .shape = { rows, cols },
                        .data = data,
                        .bytes = (size_t)rows * (size_t)cols * cx_dtype_size(dtype) };
}

static void refuse(const cx_tensor *w, const cx_quant_spec *spec, cx_status want, const char *text)
{
    cx_quant_size size;
    uint8_t q[8] = { 7 }, scales[8] = { 7 }, biases[8] = { 7 };
    CHECK_INT(cx_quant_bytes(w, spec, &size), want);
    CHECK_INT(cx_quantize(w, spec, q, scales, biases), want);
    CHECK_HAS(cx_error(), text);
    CHECK_INT(q[0] + scales[0] + biases[0], 21);
}

TEST(quant, refuses_what_cannot_be_packed)
{
    static const float data[128];
    cx_tensor w = matrix(CX_F32, 2, 64, data);
    refuse(&w, &(cx_quant_spec){ .bits = 7 }, CX_EARG, "'affine' has no 7 bits");
    refuse(&w, &(cx_quant_spec){ .group = 16 }, CX_EARG, "'affine' has no groups of 16");
    refuse(&w, &(cx_quant_spec){ .mode = &(cx_quant_mode){ .name = "x" } }, CX_EARG, "no mode");
    w.dtype = CX_I32;
    refuse(&w, NULL, CX_ETYPE, "'a.weight': expected F32, F16 or BF16, found I32");
    w = matrix(CX_F32, 2, 48, data);
    refuse(&w, NULL, CX_ESHAPE, "'a.weight': expected columns in groups of 64, found 48");
    w = matrix(CX_F32, 2, 64, data);
    w.bytes--;
    refuse(&w, NULL, CX_ESHAPE, "takes 512 bytes, found 511");
    w = matrix(CX_F32, 2, 0, data);
    refuse(&w, NULL, CX_ESHAPE, "expected a matrix");
    w = matrix(CX_F32, INT64_MAX, 64, data);
    refuse(&w, NULL, CX_ESHAPE, "expected a matrix");
    w.ndim = 1;
    refuse(&w, NULL, CX_ESHAPE, "expected a matrix");
    w.ndim = 9;
    refuse(&w, NULL, CX_ESHAPE, "too many dimensions");
    w = matrix(CX_F32, 2, 64, data);
    uint8_t q[64], scales[8];
    CHECK_INT(cx_quantize(&w, NULL, q, scales, NULL), CX_EARG);
}

TEST(quant, refuses_global_scales_that_no_mode_has)
{
    static const float data[128];
    const cx_quant_mode *nvfp4 = NULL, *mxfp8 = NULL;
    CHECK_OK(cx_quant_mode_find("nvfp4", &nvfp4));
    CHECK_OK(cx_quant_mode_find("mxfp8", &mxfp8));
    cx_tensor w = matrix(CX_F32, 2, 64, data);
    refuse(&w, &(cx_quant_spec){ .global_scale = 1 }, CX_EARG, "'affine' has no global scale");
    refuse(&w, &(cx_quant_spec){ .mode = mxfp8, .global_scale = 1 }, CX_EARG, "'mxfp8' has no");
    refuse(&w, &(cx_quant_spec){ .mode = mxfp8, .bits = 4 }, CX_EARG, "'mxfp8' has no 4 bits");
    refuse(&w, &(cx_quant_spec){ .mode = nvfp4, .group = 32 }, CX_EARG, "no groups of 32");
    refuse(&w, &(cx_quant_spec){ .mode = nvfp4, .global_scale = -1 }, CX_EARG, "global scale -1");
    refuse(&w, &(cx_quant_spec){ .mode = nvfp4, .global_scale = NAN }, CX_EARG, "global scale");
    refuse(&w, &(cx_quant_spec){ .mode = nvfp4, .global_scale = INFINITY }, CX_EARG, "scale inf");
}

/* Tensors of a case: "<mode>.<rule>.q", ".scales", ".back.<type>". */
static const cx_tensor *fp_part(const cx_tensors *t, const char *mode, const cx_quant_spec *spec,
                                const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s.%s.%s", mode, spec->global_scale > 0 ? "+global" : "",
             spec->cpu_rule ? "cpu" : "gpu", part);
    const cx_tensor *found = cx_tensors_find(t, name);
    if (!found) fail_msg("no tensor %s", name);
    return found;
}

static void check_fp(const cx_tensors *t, const cx_quant_spec *spec)
{
    static const cx_dtype dtypes[] = { CX_F32, CX_F16, CX_BF16 };
    const cx_tensor *w = cx_tensors_find(t, "w"), *q = fp_part(t, spec->mode->name, spec, "q");
    const cx_tensor *s = fp_part(t, spec->mode->name, spec, "scales");
    cx_quant_size size;
    CHECK_OK(cx_quant_bytes(w, spec, &size));
    CHECK_INT(size.scale_dtype, CX_U8);
    CHECK_INT(size.biases, 0);
    uint8_t *codes = malloc(size.q), *scales = malloc(size.scales);
    CHECK_OK(cx_quantize(w, spec, codes, scales, NULL));
    check_bytes(s, scales, size.scales);
    check_bytes(q, codes, size.q);
    for (int i = 0; i < 3 && spec->cpu_rule; i++) {
        char name[16];
        snprintf(name, sizeof name, "back.%s", types[i]);
        const cx_tensor *want = fp_part(t, spec->mode->name, spec, name);
        uint8_t *out = malloc(want->bytes);
        CHECK_INT(want->dtype, dtypes[i]);
        CHECK_OK(cx_dequantize(q, s, NULL, spec, dtypes[i], out));
        check_values(want, out);
        free(out);
    }
    free(codes);
    free(scales);
}

TEST(quant, fp_modes_pack_and_unpack_as_mlx)
{
    for (size_t i = 0; i < 3; i++) {
        cx_tensors *t = golden("fp", types[i]);
        float global;
        memcpy(&global, cx_tensors_find(t, "global")->data, sizeof global);
        for (int cpu = 0; cpu < 2; cpu++) {
            for (size_t m = 1; m < cx_quant_mode_count(); m++)
                check_fp(t, &(cx_quant_spec){ .mode = cx_quant_mode_at(m), .cpu_rule = cpu });
            const cx_quant_mode *nvfp4 = &cx__quant_codec_find("nvfp4")->mode;
            check_fp(t, &(cx_quant_spec){ .mode = nvfp4, .cpu_rule = cpu, .global_scale = global });
        }
        cx_tensors_close(t);
    }
}

/* What MLX on a CPU makes infinite or 0 because it rounds the scale to F16 first. */
TEST(quant, f16_far_from_1_follows_the_rule)
{
    static const uint32_t words[4] = { 0x07, 0, 0, 0 };
    uint8_t scale = 127 + 16;
    uint16_t out[32];
    const cx_quant_mode *mode = NULL;
    CHECK_OK(cx_quant_mode_find("mxfp4", &mode));
    cx_tensor q = matrix(CX_U32, 1, 4, words), s = matrix(CX_U8, 1, 1, &scale);
    cx_quant_spec spec = { .mode = mode };
    CHECK_OK(cx_dequantize(&q, &s, NULL, &spec, CX_F16, out));
    CHECK_INT(out[0], 0x7c00);
    CHECK_INT(out[1], 0);
    spec.cpu_rule = true;
    CHECK_OK(cx_dequantize(&q, &s, NULL, &spec, CX_F16, out));
    CHECK_INT(out[0], 0x7c00);
    CHECK((out[1] & 0x7fff) > 0x7c00);
    scale = 127 - 25;
    CHECK_OK(cx_dequantize(&q, &s, NULL, &spec, CX_F16, out));
    CHECK_INT(out[0], 0);
    spec.cpu_rule = false;
    CHECK_OK(cx_dequantize(&q, &s, NULL, &spec, CX_F16, out));
    CHECK_INT(out[0], 3);
    CHECK_INT(cx_dequantize(&q, &s, NULL, &spec, CX_U8, out), CX_ETYPE);
}

TEST(quant, three_dimensions_are_rows_of_rows)
{
    float data[4 * 64];
    uint8_t q[2][4 * 32], scales[2][16], biases[2][16];
    for (int i = 0; i < 256; i++) data[i] = (float)(i * 37 % 101);
    cx_tensor flat = matrix(CX_F32, 4, 64, data), deep = flat;
    deep.ndim = 3;
    deep.shape[0] = deep.shape[1] = 2;
    deep.shape[2] = 64;
    CHECK_OK(cx_quantize(&flat, NULL, q[0], scales[0], biases[0]));
    CHECK_OK(cx_quantize(&deep, NULL, q[1], scales[1], biases[1]));
    CHECK(!memcmp(q[0], q[1], sizeof q[0]));
    CHECK(!memcmp(scales[0], scales[1], sizeof scales[0]));
    CHECK(!memcmp(biases[0], biases[1], sizeof biases[0]));
}

TEST(quant, refuses_what_cannot_be_unpacked)
{
    static const uint32_t words[16];
    static const float values[4];
    float out[128];
    cx_tensor q = matrix(CX_U32, 2, 8, words), s = matrix(CX_F32, 2, 1, values), b = s;
    s.name = "a.scales";
    b.name = "a.biases";
    CHECK_OK(cx_dequantize(&q, &s, &b, NULL, CX_F32, out));
    CHECK_INT(cx_dequantize(&q, &s, NULL, NULL, CX_F32, out), CX_EARG);
    CHECK_HAS(cx_error(), "'a.weight': its biases are missing");
    CHECK_INT(cx_dequantize(&q, &s, &b, NULL, CX_F16, out), CX_ETYPE);
    CHECK_INT(cx_dequantize(&q, &s, &b, &(cx_quant_spec){ .group = 32 }, CX_F32, out), CX_ESHAPE);
    CHECK_HAS(cx_error(), "'a.scales': expected a value for each group of 32 of 64 columns");
    CHECK_INT(cx_dequantize(&q, &s, &b, &(cx_quant_spec){ .bits = 3 }, CX_F32, out), CX_ESHAPE);
    CHECK_HAS(cx_error(), "'a.weight': 8 words a row are not groups of 64 codes of 3 bits");
    b = matrix(CX_F16, 2, 1, values);
    CHECK_INT(cx_dequantize(&q, &s, &b, NULL, CX_F32, out), CX_ETYPE);
    q.dtype = CX_I32;
    CHECK_INT(cx_dequantize(&q, &s, &s, NULL, CX_F32, out), CX_ETYPE);
}

/* Rows of one group size each: random, of one sign, with an outlier, constant. */
static void fill(void *w, cx_dtype dtype, size_t n)
{
    uint32_t state = 12345;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        float f = (float)(int32_t)state * 0x1p-31f;
        if (i / 128 == 1) f = fabsf(f) + 0.25f;
        if (i / 128 == 2) f = -fabsf(f) - 0.25f;
        if (i / 128 == 3 && i % 32 == 5) f = 90;
        if (i / 128 == 4) f = -0.7f;
        uint16_t h = dtype == CX_F16 ? cx__f32_to_f16(f) : cx__f32_to_bf16(f);
        if (dtype == CX_F32) memcpy((uint8_t *)w + 4 * i, &f, 4);
        else memcpy((uint8_t *)w + 2 * i, &h, 2);
    }
}

enum { ROWS = 6, COLS = 128 };

static void check_bound(const cx_quant_spec *spec, cx_dtype dtype)
{
    uint8_t data[ROWS * COLS * 4] = { 0 }, q[ROWS * COLS], s[ROWS * 64], b[ROWS * 64];
    float back[ROWS * COLS];
    size_t words = COLS / 32 * (size_t)spec->bits, per_row = COLS / (size_t)spec->group;
    cx_tensor w = matrix(dtype, ROWS, COLS, data);
    cx_quant_size size;
    fill(data, dtype, ROWS * COLS);
    CHECK_OK(cx_quant_bytes(&w, spec, &size));
    CHECK_OK(cx_quantize(&w, spec, q, s, b));
    cx_tensor packed = matrix(CX_U32, ROWS, (int64_t)words, q);
    cx_tensor scales = matrix(size.scale_dtype, ROWS, (int64_t)per_row, s), biases = scales;
    biases.data = b;
    CHECK_OK(
        cx_dequantize(&packed, &scales, spec->mode->has_bias ? &biases : NULL, spec, CX_F32, back));
    double rounding = dtype == CX_F32 ? 0x1p-21 : dtype == CX_F16 ? 0x1p-9 : 0x1p-6;
    double bound = cx__quant_codec_find(spec->mode->name)->error_bound(spec->bits) + rounding;
    for (size_t i = 0; i < ROWS * COLS; i++) {
        size_t first = i / (size_t)spec->group * (size_t)spec->group;
        double largest = 0;
        for (size_t j = first; j < first + (size_t)spec->group; j++)
            largest = fmax(largest, fabs((double)cx__tensor_f32(&w, j)));
        double off = fabs((double)back[i] - (double)cx__tensor_f32(&w, i));
        if (!(off <= bound * largest))
            fail_msg("%s %d bits, group %d, value %zu: off by %g of %g", spec->mode->name,
                     spec->bits, spec->group, i, off, largest);
    }
}

TEST(quant, every_mode_comes_back_within_its_bound)
{
    static const cx_dtype dtypes[] = { CX_F32, CX_F16, CX_BF16 };
    for (size_t i = 0; i < cx_quant_mode_count(); i++) {
        const cx_quant_mode *m = cx_quant_mode_at(i);
        for (const int *b = m->bits; *b; b++)
            for (const int *g = m->groups; *g; g++)
                for (int d = 0; d < 6; d++)
                    check_bound(
                        &(cx_quant_spec){ .mode = m, .bits = *b, .group = *g, .cpu_rule = d % 2 },
                        dtypes[d / 2]);
    }
}
