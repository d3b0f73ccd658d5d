/* Blocks of 32 elements, and the table-driven and ternary ones: bytes to f32, bit for bit as
 * llama.cpp's dequantize_row_*. A nibble pair holds elements that are half a block apart: the low
 * nibbles come first. d, m: scale and minimum, F16. Layouts: ggml-org/ggml, its common header.
 * Tested by tests/unit/test_gguf_types.c and tests/oracle/oracle_gguf.py. */
#include "format/ggml.h"

/* d, 16 bytes of nibbles: d * (q - 8). */
void cx__ggml_q4_0(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((in[2 + i] & 15) - 8);
        out[i + 16] = d * (float)((in[2 + i] >> 4) - 8);
    }
}

/* d, m, nibbles: d * q + m. */
void cx__ggml_q4_1(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in), m = ggml_f16(in + 2);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)(in[4 + i] & 15) + m;
        out[i + 16] = d * (float)(in[4 + i] >> 4) + m;
    }
}

/* Nibbles and, for element i, bit i of 4 bytes: its fifth bit. */
static void codes_5(const uint8_t *high, const uint8_t *low, uint8_t *code)
{
    const uint32_t h = ggml_u16(high) | (uint32_t)ggml_u16(high + 2) << 16;
    for (int i = 0; i < 16; i++) {
        code[i] = (uint8_t)((low[i] & 15) | (h >> i & 1) << 4);
        code[i + 16] = (uint8_t)(low[i] >> 4 | (h >> (i + 16) & 1) << 4);
    }
}

/* d, fifth bits, nibbles: d * (q - 16). */
void cx__ggml_q5_0(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in);
    uint8_t code[32];
    codes_5(in + 2, in + 6, code);
    for (int i = 0; i < 32; i++) out[i] = d * (float)(code[i] - 16);
}

/* d, m, fifth bits, nibbles: d * q + m. */
void cx__ggml_q5_1(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in), m = ggml_f16(in + 2);
    uint8_t code[32];
    codes_5(in + 4, in + 8, code);
    for (int i = 0; i < 32; i++) out[i] = d * (float)code[i] + m;
}

/* d, 32 signed bytes. */
void cx__ggml_q8_0(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in);
    for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)in[2 + i] * d;
}

static const float iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113 };

static void lookup_nibbles(const float *table, float d, const uint8_t *in, int n, float *out)
{
    for (int i = 0; i < n; i++) {
        out[i] = d * table[in[i] & 15];
        out[i + n] = d * table[in[i] >> 4];
    }
}

/* d, nibbles that number a value. */
void cx__ggml_iq4_nl(const uint8_t *in, float *out)
{
    lookup_nibbles(iq4_values, ggml_f16(in), in + 2, 16, out);
}

/* 256 elements: d, 2 high bits of 8 scales, their 4 low bits, nibbles as in IQ4_NL. */
void cx__ggml_iq4_xs(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in);
    const unsigned high = ggml_u16(in + 2);
    for (int i = 0; i < 8; i++) {
        int low = in[4 + i / 2] >> 4 * (i % 2) & 15;
        int scale = low | (int)(high >> 2 * i & 3) << 4;
        lookup_nibbles(iq4_values, d * (float)(scale - 32), in + 8 + 16 * i, 16, out + 32 * i);
    }
}

/* E2M1, doubled. Both zeros give +0. */
static const float fp4_values[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* An E8M0 exponent, nibbles. Half of 2^(e - 127), because the values are doubled. */
void cx__ggml_mxfp4(const uint8_t *in, float *out)
{
    const uint32_t bits = in[0] < 2 ? UINT32_C(0x00200000) << in[0] : (uint32_t)(in[0] - 1) << 23;
    float d;
    memcpy(&d, &bits, sizeof d);
    lookup_nibbles(fp4_values, d, in + 1, 16, out);
}

/* Half of an E4M3 number without sign; its NaN counts as 0. */
static float half_ue4m3(uint8_t x)
{
    const uint32_t exponent = x >> 3 & 15, mantissa = x & 7;
    uint32_t bits = (exponent + 119) << 23 | mantissa << 20;
    float v;
    if (x == 0x7f) return 0;
    if (!exponent) return (float)mantissa * 0x1p-10f;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* 64 elements: 4 scales, nibbles; pairs within each 16 elements. */
void cx__ggml_nvfp4(const uint8_t *in, float *out)
{
    for (int i = 0; i < 4; i++)
        lookup_nibbles(fp4_values, half_ue4m3(in[i]), in + 4 + 8 * i, 8, out + 16 * i);
}

/* Five (four) ternary digits in a byte, as a fraction of 256: digit k of `n` bytes. Values -1 to 1.
 * The product wraps at 8 bits, which drops the digits before. */
static void ternary_digits(const uint8_t *in, int n, int digits, float d, float *out)
{
    static const uint8_t power[5] = { 1, 3, 9, 27, 81 };
    for (int k = 0; k < digits; k++)
        for (int i = 0; i < n; i++) {
            int digit = (uint8_t)(in[i] * power[k]) * 3 >> 8;
            out[k * n + i] = d * (float)(digit - 1);
        }
}

/* 256 elements: 32 and 16 bytes of five digits, 4 of four, d. */
void cx__ggml_tq1_0(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in + 52);
    ternary_digits(in, 32, 5, d, out);
    ternary_digits(in + 32, 16, 5, d, out + 160);
    ternary_digits(in + 48, 4, 4, d, out + 240);
}

/* 256 elements: 2 bits each, d. */
void cx__ggml_tq2_0(const uint8_t *in, float *out)
{
    const float d = ggml_f16(in + 64);
    for (int i = 0; i < 256; i++) {
        int q = in[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
        out[i] = d * (float)(q - 1);
    }
}
