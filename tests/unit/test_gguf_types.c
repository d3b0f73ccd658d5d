/* Block types: elements equal to gguf-py's to the bit (tests/golden/gguf, made by
 * tests/oracle/golden_gguf.py), any run of them, and MLX's packing of the same numbers. */
#include "format/format.h"
#include "unit.h"
#include <cortex/file.h>
#include <cortex/quant.h>
#include <stdlib.h>

#define COUNT 1024 /* elements of each tensor of the golden file, [2, 512 / block * block] */

static void open_golden(cx__gguf **g, cx_tensors **t)
{
    CHECK_OK(cx__gguf_open("tests/golden/gguf/types.gguf", g));
    CHECK_OK(cx_tensors_open("tests/golden/gguf/types.safetensors", t));
    CHECK_INT(cx__gguf_count(*g), 16);
    CHECK_INT(cx_tensors_count(*t), 16);
}

TEST(gguf_types, elements_are_those_of_gguf_py)
{
    cx__gguf *g = NULL;
    cx_tensors *t = NULL;
    float got[COUNT];
    open_golden(&g, &t);
    for (size_t i = 0; i < cx__gguf_count(g); i++) {
        const cx__stored *s = cx__gguf_at(g, i);
        const cx_tensor *want = cx_tensors_find(t, s->t.name);
        CHECK(want && s->decode && s->packing && !s->t.data);
        CHECK_STR(s->packing, s->t.name);
        CHECK_INT(s->t.dtype, CX_F32);
        CHECK_INT(s->span * 4, want->bytes);
        CHECK(s->span <= COUNT);
        s->decode(s, 0, s->span, got);
        if (memcmp(got, want->data, want->bytes)) fail_msg("%s differs", s->t.name);
    }
    cx_tensors_close(t);
    cx__gguf_close(g);
}

TEST(gguf_types, any_run_of_elements)
{
    cx__gguf *g = NULL;
    cx_tensors *t = NULL;
    open_golden(&g, &t);
    for (size_t i = 0; i < cx__gguf_count(g); i++) {
        const cx__stored *s = cx__gguf_at(g, i);
        const float *want = cx_tensors_find(t, s->t.name)->data;
        for (size_t first = 0; first < s->span; first += 13)
            for (size_t n = 0; n <= s->span - first; n += 1 + n / 3) {
                float *got = malloc(n * sizeof *got + 1);
                s->decode(s, first, n, got);
                CHECK(n == 0 || memcmp(got, want + first, n * sizeof *got) == 0);
                free(got);
            }
    }
    cx_tensors_close(t);
    cx__gguf_close(g);
}

static unsigned code_at(const uint8_t *row, size_t i, int bits)
{
    unsigned code = 0;
    for (int k = 0; k < bits; k++) {
        size_t at = i * (size_t)bits + (size_t)k;
        code |= (unsigned)(row[at / 8] >> at % 8 & 1) << k;
    }
    return code;
}

/* E2M1 with an E8M0 scale, as MLX reads it. */
static float fp4(unsigned code, uint8_t scale)
{
    static const float values[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
    float v = values[code & 7], step = scale ? 0x1p-126f : 0x1p-127f;
    for (int e = 1; e < scale; e++) step *= 2;
    return code & 8 ? -v * step : v * step;
}

/* Values of row `row`, unpacked by the definition of the mode. */
static void check_row(const cx__stored *s, size_t row, const float *want)
{
    const cx__packed *p = s->packed;
    size_t cols = (size_t)s->t.shape[1], groups = cols / 32;
    uint8_t *q = malloc(cols * (size_t)p->bits / 8), *scales = malloc(groups * 2);
    uint8_t *biases = malloc(groups * 2);
    bool affine = !strcmp(p->mode, "affine");
    CHECK_INT(p->group, 32);
    p->rows(s, row, 1, q, scales, affine ? biases : NULL);
    for (size_t i = 0; i < cols; i++) {
        unsigned code = code_at(q, i, p->bits);
        float got;
        if (affine) {
            uint16_t scale, bias;
            memcpy(&scale, scales + i / 32 * 2, 2);
            memcpy(&bias, biases + i / 32 * 2, 2);
            got = cx__f16_to_f32(scale) * (float)code + cx__f16_to_f32(bias);
        } else {
            got = fp4(code, scales[i / 32]);
        }
        if (got != want[row * cols + i])
            fail_msg("%s: %zu: %g, not %g", s->t.name, i, (double)got,
                     (double)want[row * cols + i]);
    }
    free(q);
    free(scales);
    free(biases);
}

TEST(gguf_types, packing_of_mlx_holds_the_same_numbers)
{
    static const char *const names[] = { "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4" };
    cx__gguf *g = NULL;
    cx_tensors *t = NULL;
    size_t packed = 0;
    open_golden(&g, &t);
    for (size_t i = 0; i < 6; i++) {
        const cx__stored *s = cx__gguf_find(g, names[i]);
        const cx_tensor *want = cx_tensors_find(t, names[i]);
        CHECK(s && s->packed && want);
        for (size_t row = 0; row < 2; row++) check_row(s, row, want->data);
    }
    for (size_t i = 0; i < cx__gguf_count(g); i++) packed += cx__gguf_at(g, i)->packed != NULL;
    CHECK_INT(packed, 6);
    cx_tensors_close(t);
    cx__gguf_close(g);
}
