/* The table of ggml's tensor types and the decoding of any run of elements. Numbers, names and
 * sizes: enum ggml_type and the type traits of ggml (ggml-org/ggml).
 * Tested by tests/unit/test_gguf_types.c and, against gguf-py, tests/oracle/oracle_gguf.py. */
#include "format/ggml.h"

#define PLAIN(name, bytes, dtype)                                                                  \
    {                                                                                              \
        name, 1, bytes, dtype, NULL, NULL, NULL                                                    \
    }
#define BLOCK(name, block, bytes, decode)                                                          \
    {                                                                                              \
        name, block, bytes, CX_F32, decode, NULL, NULL                                             \
    }
#define PACKS(name, bytes, form, how)                                                              \
    {                                                                                              \
        name, 32, bytes, CX_F32, cx__ggml_##how, &cx__ggml_packed_##form, cx__ggml_codes_##how     \
    }
#define OTHER(name, block, bytes)                                                                  \
    {                                                                                              \
        name, block, bytes, CX_F32, NULL, NULL, NULL                                               \
    }
#define GONE(name)                                                                                 \
    {                                                                                              \
        name, 0, 0, CX_F32, NULL, NULL, NULL                                                       \
    }

static const ggml_type types[] = {
    [0] = PLAIN("F32", 4, CX_F32),
    [1] = PLAIN("F16", 2, CX_F16),
    [2] = PACKS("Q4_0", 18, 4, q4_0),
    [3] = PACKS("Q4_1", 20, 4, q4_1),
    [4] = GONE("Q4_2"),
    [5] = GONE("Q4_3"),
    [6] = PACKS("Q5_0", 22, 5, q5_0),
    [7] = PACKS("Q5_1", 24, 5, q5_1),
    [8] = PACKS("Q8_0", 34, 8, q8_0),
    [9] = OTHER("Q8_1", 32, 36),
    [10] = BLOCK("Q2_K", 256, 84, cx__ggml_q2_k),
    [11] = BLOCK("Q3_K", 256, 110, cx__ggml_q3_k),
    [12] = BLOCK("Q4_K", 256, 144, cx__ggml_q4_k),
    [13] = BLOCK("Q5_K", 256, 176, cx__ggml_q5_k),
    [14] = BLOCK("Q6_K", 256, 210, cx__ggml_q6_k),
    [15] = BLOCK("Q8_K", 256, 292, cx__ggml_q8_k),
    [16] = OTHER("IQ2_XXS", 256, 66),
    [17] = OTHER("IQ2_XS", 256, 74),
    [18] = OTHER("IQ3_XXS", 256, 98),
    [19] = OTHER("IQ1_S", 256, 50),
    [20] = BLOCK("IQ4_NL", 32, 18, cx__ggml_iq4_nl),
    [21] = OTHER("IQ3_S", 256, 110),
    [22] = OTHER("IQ2_S", 256, 82),
    [23] = BLOCK("IQ4_XS", 256, 136, cx__ggml_iq4_xs),
    [24] = PLAIN("I8", 1, CX_I8),
    [25] = PLAIN("I16", 2, CX_I16),
    [26] = PLAIN("I32", 4, CX_I32),
    [27] = PLAIN("I64", 8, CX_I64),
    [28] = PLAIN("F64", 8, CX_F64),
    [29] = OTHER("IQ1_M", 256, 56),
    [30] = PLAIN("BF16", 2, CX_BF16),
    [31] = GONE("Q4_0_4_4"),
    [32] = GONE("Q4_0_4_8"),
    [33] = GONE("Q4_0_8_8"),
    [34] = BLOCK("TQ1_0", 256, 54, cx__ggml_tq1_0),
    [35] = BLOCK("TQ2_0", 256, 66, cx__ggml_tq2_0),
    [36] = GONE("IQ4_NL_4_4"),
    [37] = GONE("IQ4_NL_4_8"),
    [38] = GONE("IQ4_NL_8_8"),
    [39] = PACKS("MXFP4", 17, mxfp4, mxfp4),
    [40] = BLOCK("NVFP4", 64, 36, cx__ggml_nvfp4),
    [41] = OTHER("Q1_0", 128, 18),
};

const ggml_type *cx__ggml_type(uint32_t number)
{
    return number < sizeof types / sizeof types[0] ? &types[number] : NULL;
}

void cx__ggml_decode(const cx__stored *s, size_t first, size_t n, void *out)
{
    const ggml_source *from = s->from;
    const ggml_type *type = from->type;
    const uint8_t *in = from->data + first / type->block * type->bytes;
    size_t skip = first % type->block;
    float part[GGML_BLOCK_MAX], *y = out;
    for (; n; in += type->bytes, skip = 0) {
        size_t take = type->block - skip < n ? type->block - skip : n;
        if (take == type->block) {
            type->decode(in, y);
        } else { /* the ends of the run */
            type->decode(in, part);
            memcpy(y, part + skip, take * sizeof *y);
        }
        y += take;
        n -= take;
    }
}
