/* The types that are MLX's affine or mxfp4 packing in another order of bits: codes move, scales
 * stay. Scales and biases as MLX's own reader of GGUF makes them (mlx/io/gguf_quants.cpp), which
 * knows Q4_0, Q4_1 and Q8_0. A scale so large that its bias leaves F16 gives an infinity there too.
 * Tested by tests/unit/test_gguf_types.c and, against mx.load, tests/oracle/oracle_gguf.py. */
#include "format/ggml.h"

static void nibbles(const uint8_t *in, uint8_t *code)
{
    for (int i = 0; i < 16; i++) {
        code[i] = in[i] & 15;
        code[i + 16] = in[i] >> 4;
    }
}

/* Value of code 0 when codes are `zero` too large. */
static uint16_t offset_bias(uint16_t scale, float zero)
{
    return cx__f32_to_f16(-zero * cx__f16_to_f32(scale));
}

void cx__ggml_codes_q4_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = ggml_u16(in);
    *bias = offset_bias(*scale, 8);
    nibbles(in + 2, code);
}

void cx__ggml_codes_q4_1(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = ggml_u16(in);
    *bias = ggml_u16(in + 2);
    nibbles(in + 4, code);
}

static void add_fifth_bits(const uint8_t *in, uint8_t *code)
{
    for (int i = 0; i < 32; i++) code[i] |= (uint8_t)((in[i / 8] >> i % 8 & 1) << 4);
}

void cx__ggml_codes_q5_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = ggml_u16(in);
    *bias = offset_bias(*scale, 16);
    nibbles(in + 6, code);
    add_fifth_bits(in + 2, code);
}

void cx__ggml_codes_q5_1(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = ggml_u16(in);
    *bias = ggml_u16(in + 2);
    nibbles(in + 8, code);
    add_fifth_bits(in + 4, code);
}

void cx__ggml_codes_q8_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = ggml_u16(in);
    *bias = offset_bias(*scale, 128);
    for (int i = 0; i < 32; i++) code[i] = in[2 + i] ^ 0x80; /* q + 128 */
}

/* The same numbers, except that MLX takes exponent 255 for NaN and keeps the sign of zeros. */
void cx__ggml_codes_mxfp4(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias)
{
    *scale = in[0];
    *bias = 0;
    nibbles(in + 1, code);
}

/* 32 codes to bits * 4 bytes: one stream of bits, lowest first. */
static void pack(const uint8_t *code, int bits, uint8_t *out)
{
    for (int i = 0; i < 32; i += 8, out += bits) {
        uint64_t word = 0;
        for (int k = 0; k < 8; k++) word |= (uint64_t)code[i + k] << k * bits;
        for (int k = 0; k < bits; k++) out[k] = (uint8_t)(word >> 8 * k);
    }
}

static void rows(const cx__stored *s, size_t row, size_t n, void *q, void *scales, void *biases)
{
    const ggml_source *from = s->from;
    const ggml_type *type = from->type;
    const size_t groups = (size_t)s->t.shape[s->t.ndim - 1] / 32;
    const uint8_t *in = from->data + row * groups * type->bytes;
    uint8_t code[32], *packed = q;
    uint16_t scale, bias, *wide = scales, *offset = biases;
    for (size_t i = 0; i < n * groups; i++, in += type->bytes) {
        type->codes(in, code, &scale, &bias);
        pack(code, type->packed->bits, packed + i * 4 * (size_t)type->packed->bits);
        if (type->packed->scale_dtype == CX_U8) {
            ((uint8_t *)scales)[i] = (uint8_t)scale;
        } else {
            wide[i] = scale;
            offset[i] = bias;
        }
    }
}

const cx__packed cx__ggml_packed_4 = { "affine", 4, 32, CX_F16, rows };
const cx__packed cx__ggml_packed_5 = { "affine", 5, 32, CX_F16, rows };
const cx__packed cx__ggml_packed_8 = { "affine", 8, 32, CX_F16, rows };
const cx__packed cx__ggml_packed_mxfp4 = { "mxfp4", 4, 32, CX_U8, rows };
