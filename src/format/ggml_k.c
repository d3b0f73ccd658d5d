/* K-quants: blocks of 256 elements in 8 or 16 parts with scales of their own, bytes to f32, bit for
 * bit as llama.cpp's dequantize_row_*. d, dmin: F16, what the integer scales multiply. Layouts:
 * ggml-org/ggml, its common header. Tested by tests/unit/test_gguf_types.c and
 * tests/oracle/oracle_gguf.py. */
#include "format/ggml.h"

/* scale and minimum of 16 parts (4 bits each), 2 bits an element, d, dmin. */
void cx__ggml_q2_k(const uint8_t *in, float *out)
{
    const uint8_t *q = in + 16;
    const float d = ggml_f16(in + 80), dmin = ggml_f16(in + 82);
    for (int part = 0; part < 16; part++) {
        const uint8_t *p = q + part / 8 * 32 + part % 2 * 16;
        const float scale = d * (float)(in[part] & 15), min = dmin * (float)(in[part] >> 4);
        const int shift = part % 8 / 2 * 2;
        for (int i = 0; i < 16; i++) *out++ = scale * (float)(p[i] >> shift & 3) - min;
    }
}

/* Third bits (set: no 4 is subtracted), 2 low bits an element, 16 scales of 6 bits, d. */
void cx__ggml_q3_k(const uint8_t *in, float *out)
{
    const uint8_t *q = in + 32, *scales = in + 96;
    const float d = ggml_f16(in + 108);
    for (int part = 0; part < 16; part++) {
        const uint8_t *p = q + part / 8 * 32 + part % 2 * 16, *high = in + part % 2 * 16;
        const int low = scales[part % 8] >> part / 8 * 4 & 15;
        const int scale = (low | (scales[8 + part % 4] >> part / 4 * 2 & 3) << 4) - 32;
        const float step = d * (float)scale;
        const int shift = part % 8 / 2 * 2, bit = part / 2;
        for (int i = 0; i < 16; i++) {
            int code = (p[i] >> shift & 3) - 4 + (high[i] >> bit & 1) * 4;
            *out++ = step * (float)code;
        }
    }
}

/* Scale and minimum of part `i` of 8, 6 bits each, out of 12 bytes: parts 0 to 3 lie in the low
 * bits of bytes 0 to 3 and 4 to 7; others have 4 bits in bytes 8 to 11 and 2 above the first. */
static void scale_min(const uint8_t *p, int i, int *scale, int *min)
{
    if (i < 4) {
        *scale = p[i] & 63;
        *min = p[i + 4] & 63;
    } else {
        *scale = (p[i + 4] & 15) | p[i - 4] >> 6 << 4;
        *min = p[i + 4] >> 4 | p[i] >> 6 << 4;
    }
}

/* d, dmin, 8 scales and minima, nibbles; a pair is 32 elements apart. */
void cx__ggml_q4_k(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in), dmin = ggml_f16(in + 2);
    for (int part = 0; part < 8; part++) {
        const uint8_t *p = in + 16 + part / 2 * 32;
        const int shift = part % 2 * 4;
        int scale, min;
        scale_min(in + 4, part, &scale, &min);
        const float step = d * (float)scale, base = dmin * (float)min;
        for (int i = 0; i < 32; i++) *out++ = step * (float)(p[i] >> shift & 15) - base;
    }
}

/* As Q4_K, with fifth bits: bit `part` of 32 bytes. */
void cx__ggml_q5_k(const uint8_t *in, float *out)
{
    const uint8_t *high = in + 16;
    const float d = ggml_f16(in), dmin = ggml_f16(in + 2);
    for (int part = 0; part < 8; part++) {
        const uint8_t *p = in + 48 + part / 2 * 32;
        const int shift = part % 2 * 4;
        int scale, min;
        scale_min(in + 4, part, &scale, &min);
        const float step = d * (float)scale, base = dmin * (float)min;
        for (int i = 0; i < 32; i++) {
            int code = (p[i] >> shift & 15) | (high[i] >> part & 1) << 4;
            *out++ = step * (float)code - base;
        }
    }
}

/* 4 low and 2 high bits an element, 16 signed scales of 8 bits, d. */
void cx__ggml_q6_k(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in + 208);
    for (int part = 0; part < 16; part++) {
        const uint8_t *low = in + part / 8 * 64 + part % 4 * 16;
        const uint8_t *high = in + 128 + part / 8 * 32 + part % 2 * 16;
        const float step = d * (float)(int8_t)in[192 + part];
        const int shift = part % 8 / 4 * 4, shift2 = part % 8 / 2 * 2;
        for (int i = 0; i < 16; i++) {
            int code = (low[i] >> shift & 15) | (high[i] >> shift2 & 3) << 4;
            *out++ = step * (float)(code - 32);
        }
    }
}

/* d (F32), 256 signed bytes, 16 sums that nothing here needs. */
void cx__ggml_q8_k(const uint8_t *in, float *out)
{
    const uint32_t bits = ggml_u16(in) | (uint32_t)ggml_u16(in + 2) << 16;
    float d;
    memcpy(&d, &bits, sizeof d);
    for (int i = 0; i < 256; i++) out[i] = d * (float)(int8_t)in[4 + i];
}
