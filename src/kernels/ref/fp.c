/* Specification of MLX's fp modes: mxfp4, mxfp8, nvfp4. Source: mlx.md 1.5. The CPU rule's bytes
 * are pinned by tests/golden/quant, made with MLX, and compared live by
 * tests/oracle/oracle_quant.py; the GPU rule is read from MLX's Metal kernels. Tested by
 * tests/check/check_fp.c. */
#include "kernels/ref/fp.h"
#include "kernels/ref/math.h"
#include "kernels/variants.h"
#include <math.h>

const cx__fp_format cx__fp_e2m1 = { .mant = 1, .least = 0, .top = 6, .top_code = 7, .sign = 8 };
const cx__fp_format cx__fp_e4m3 = {
    .mant = 3, .least = -6, .top = 448, .top_code = 0x7e, .sign = 0x80
};

unsigned cx__fp_code_scalar(const cx__fp_format *f, float x)
{
    float a = fabsf(x);
    unsigned sign = signbit(x) ? f->sign : 0;
    if (!(a < f->top)) return f->top_code | sign;
    int e = a > 0 ? ilogbf(a) : f->least;
    e = e < f->least ? f->least : e;
    /* Steps of this power of two; if they round up to the next one, so does the code. */
    return ((unsigned)rintf(ldexpf(a, f->mant - e)) + ((unsigned)(e - f->least) << f->mant)) | sign;
}

/* MLX's CPU path looks for the nearest entry of the table and takes the first of equals: ties go
 * toward zero, nothing becomes -0, and what is so large that the distances round to one number, or
 * is no number, becomes 0. */
static unsigned first_nearest(float x)
{
    unsigned code = 0;
    for (unsigned i = 1; i < 16; i++)
        if (fabsf(x - cx__e2m1_scalar((uint8_t)i)) < fabsf(x - cx__e2m1_scalar((uint8_t)code)))
            code = i;
    return code;
}

float cx__e2m1_scalar(uint8_t code)
{
    static const float values[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
    return code & 8 ? -values[code & 7] : values[code & 7];
}

float cx__e4m3_scalar(uint8_t code)
{
    int e = code >> 3 & 15, m = code & 7;
    float a = e ? ldexpf((float)(8 + m), e - 10) : ldexpf((float)m, -9);
    if (e == 15 && m == 7) a = NAN;
    return code & 0x80 ? -a : a;
}

float cx__e8m0_scalar(uint8_t code)
{
    return code == 255 ? INFINITY : ldexpf(1, code - 127);
}

static float round_to(float f, cx_dtype dtype)
{
    if (dtype == CX_F32) return f;
    return dtype == CX_F16 ? cx__f16_to_f32(cx__f32_to_f16(f))
                           : cx__bf16_to_f32(cx__f32_to_bf16(f));
}

/* The least power of two that is not below r; of 0 it is 1. MLX's CPU path lets exponents below
 * -127 wrap around when it stores them, its kernels stop there. */
static cx__fp_scale mx_scale(float r, bool gpu_rule)
{
    int e = 0;
    if (!isfinite(r)) return (cx__fp_scale){ .byte = 255, .exponent = 128, .factor = 0 };
    if (r > 0 && frexpf(r, &e) == 0.5f) e--;
    if (gpu_rule && e < -127) e = -127;
    return (cx__fp_scale){ .byte = (uint8_t)(e + 127), .exponent = e, .factor = ldexpf(1, -e) };
}

/* By how much the scales of nvfp4 are raised, so that the largest of the tensor is the largest
 * code. */
static float raised(float global)
{
    return global > 0 ? 448.0f * 6.0f / global : 1;
}

cx__fp_scale cx__fp_scale_scalar(cx__qmode mode, float amax, cx_dtype dtype, float global,
                                 bool gpu_rule)
{
    float r = amax / cx__fp_elements(mode)->top, enc = raised(global);
    if (!gpu_rule) r = round_to(r, dtype);
    if (mode != CX__NVFP4) return mx_scale(r, gpu_rule);
    uint8_t byte = (uint8_t)cx__fp_code_scalar(&cx__fp_e4m3, r * enc);
    float scale = cx__e4m3_scalar(byte);
    return (cx__fp_scale){ .byte = byte, .factor = scale == 0 ? 0 : enc / scale };
}

/* Code of a value as MLX's CPU path computes it. */
static unsigned cpu_code(cx__qmode mode, float w, cx_dtype dtype, const cx__fp_scale *s,
                         float global)
{
    if (mode == CX__NVFP4) {
        return first_nearest(round_to(w / cx__e4m3_scalar(s->byte), dtype) * raised(global));
    }
    float x = ldexpf(w, -s->exponent);
    return mode == CX__MXFP8 ? cx__fp_code_scalar(&cx__fp_e4m3, x) : first_nearest(x);
}

void cx__fp_encode_ref(uint8_t *q, uint8_t *scales, const void *w, cx_dtype dtype, size_t cols,
                       cx__qmode mode, float global, bool gpu_rule)
{
    size_t group = cx__fp_group(mode), per_byte = mode == CX__MXFP8 ? 1 : 2;
    memset(q, 0, cols / per_byte);
    for (size_t from = 0; from < cols; from += group) {
        float amax = 0;
        for (size_t i = from; i < from + group; i++) {
            float a = fabsf(cx__load_scalar(w, dtype, i));
            amax = a > amax ? a : amax; /* NaN enters no extremum */
        }
        cx__fp_scale s = cx__fp_scale_scalar(mode, amax, dtype, global, gpu_rule);
        scales[from / group] = s.byte;
        for (size_t i = from; i < from + group; i++) {
            float f = cx__load_scalar(w, dtype, i);
            /* The sign is that of the value, not of a NaN that the product may be. */
            unsigned code = gpu_rule ? cx__fp_code_scalar(cx__fp_elements(mode),
                                                          copysignf(f * s.factor, f))
                                     : cpu_code(mode, f, dtype, &s, global);
            q[i / per_byte] |= (uint8_t)(code << 4 * (i % per_byte));
        }
    }
}

float cx__fp_stored_scalar(const cx__qmat *w, size_t row, size_t g)
{
    uint8_t byte = ((const uint8_t *)w->scales)[row * (w->cols / (size_t)w->group) + g];
    float global;
    if (w->mode != CX__NVFP4) return cx__e8m0_scalar(byte);
    if (!w->globals) return cx__e4m3_scalar(byte);
    memcpy(&global, (const uint8_t *)w->globals + 4 * (row / w->global_rows), 4);
    return cx__e4m3_scalar(byte) * (global / (448.0f * 6.0f));
}

void cx__fp_decode_ref(float *dst, const cx__qmat *w, size_t row)
{
    const uint8_t *q = w->q + row * (w->cols * (size_t)w->bits / 8);
    for (size_t i = 0; i < w->cols; i++) {
        float s = cx__fp_stored_scalar(w, row, i / (size_t)w->group);
        float v = w->mode == CX__MXFP8 ? cx__e4m3_scalar(q[i])
                                       : cx__e2m1_scalar(q[i / 2] >> 4 * (i % 2) & 15);
        dst[i] = s * v;
    }
}
