/* Block types of ggml. Used by gguf*.c and ggml_*.c. */
#ifndef CX_FORMAT_GGML_H
#define CX_FORMAT_GGML_H

#include "format/format.h"

#define GGML_BLOCK_MAX 256 /* elements */

typedef struct ggml_type {
    const char *name;      /* NULL: no such type */
    uint16_t block, bytes; /* elements and bytes of a block; 0: a type that is no longer in use */
    cx_dtype dtype;        /* of the elements; F32 with decode */
    /* One block to `block` elements; NULL with block 1: plain elements; else: not decoded here. */
    void (*decode)(const uint8_t *in, float *out);
    const cx__packed *packed; /* MLX's packing of the same weights, or NULL */
    /* With packed: the 32 codes of a block, its scale and bias (F16; U8 and none in mxfp4). */
    void (*codes)(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
} ggml_type;

/* NULL if no type has this number. */
const ggml_type *cx__ggml_type(uint32_t number);

/* What cx__stored.from is. */
typedef struct ggml_source {
    const ggml_type *type;
    const uint8_t *data;
} ggml_source;
cx__decode_fn cx__ggml_decode;

/* Little-endian numbers in a block. */
static inline uint16_t ggml_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline float ggml_f16(const uint8_t *p)
{
    return cx__f16_to_f32(ggml_u16(p));
}

void cx__ggml_q4_0(const uint8_t *in, float *out);
void cx__ggml_q4_1(const uint8_t *in, float *out);
void cx__ggml_q5_0(const uint8_t *in, float *out);
void cx__ggml_q5_1(const uint8_t *in, float *out);
void cx__ggml_q8_0(const uint8_t *in, float *out);
void cx__ggml_q2_k(const uint8_t *in, float *out);
void cx__ggml_q3_k(const uint8_t *in, float *out);
void cx__ggml_q4_k(const uint8_t *in, float *out);
void cx__ggml_q5_k(const uint8_t *in, float *out);
void cx__ggml_q6_k(const uint8_t *in, float *out);
void cx__ggml_q8_k(const uint8_t *in, float *out);
void cx__ggml_iq4_nl(const uint8_t *in, float *out);
void cx__ggml_iq4_xs(const uint8_t *in, float *out);
void cx__ggml_tq1_0(const uint8_t *in, float *out);
void cx__ggml_tq2_0(const uint8_t *in, float *out);
void cx__ggml_mxfp4(const uint8_t *in, float *out);
void cx__ggml_nvfp4(const uint8_t *in, float *out);

void cx__ggml_codes_q4_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
void cx__ggml_codes_q4_1(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
void cx__ggml_codes_q5_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
void cx__ggml_codes_q5_1(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
void cx__ggml_codes_q8_0(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
void cx__ggml_codes_mxfp4(const uint8_t *in, uint8_t *code, uint16_t *scale, uint16_t *bias);
extern const cx__packed cx__ggml_packed_4, cx__ggml_packed_5, cx__ggml_packed_8,
    cx__ggml_packed_mxfp4;

#endif
