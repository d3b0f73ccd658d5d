/* Packed tensors of any shape and type under any config: what is accepted must lie inside its
 * tensors, exactly. Input: three tensors of 8 bytes (dtype, dimensions, what is wrong with the
 * size, 5 of shape), one byte for the packing and the columns that are asked for, then the JSON
 * of the config. */
#include "quant/quant.h"
#include <stdlib.h>

static const uint8_t room[1 << 16];
static uint8_t out[1 << 20];

static cx_tensor take_tensor(const char *name, const uint8_t *from)
{
    cx_tensor t = { .name = name, .dtype = (cx_dtype)(from[0] % CX_DTYPES), .data = room };
    size_t count = 0;
    t.ndim = from[1] % 6;
    for (int i = 0; i < t.ndim; i++)
        t.shape[i] = from[3 + i] < 200 ? from[3 + i] : (int64_t)1 << (from[3 + i] - 193);
    if (cx__tensor_count(&t, &count) && count < SIZE_MAX / 8)
        t.bytes = count * cx_dtype_size(t.dtype) + from[2] % 2;
    return t;
}

static void check_matrix(const cx_tensor *t, uint8_t packing, const char *config, size_t len)
{
    size_t cols = packing & 32 ? packing % 32 * (size_t)32 : 0;
    json_t *json = NULL;
    cx__qmat m;
    if (cx__json_parse(config, len, "config", &json) == CX_OK && !json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    /* The third tensor is the biases or, for packings without, the global scale. */
    bool affine = t[1].dtype != CX_U8;
    cx__quant_parts parts = { t, t + 1, affine ? t + 2 : NULL,
                              !affine && packing & 64 ? t + 2 : NULL };
    cx__packing p = { .bits = 0 };
    if (cx__quant_packing(&parts, json, "model", "l.weight", cols, &p) != CX_OK) p.bits = 0;
    if (cx__quant_matrix(&parts, json, "model", "l.weight", cols, &m) == CX_OK) {
        size_t count = m.rows * m.cols, size = cx_dtype_size(m.scale_dtype);
        if (m.bits != p.bits || count % 8 || count / 8 * (size_t)p.bits != t[0].bytes) abort();
        if (m.cols % (size_t)m.group || count / (size_t)m.group * size != t[1].bytes) abort();
        if (affine ? t[1].bytes != t[2].bytes : m.biases != NULL) abort();
        if (m.globals && m.rows / m.global_rows * sizeof(float) != t[2].bytes) abort();
    }
    json_decref(json);
}

static void check_unpack(const cx_tensor *t, uint8_t packing)
{
    static const int bits[] = { 0, 2, 3, 4, 1, 6, 8, 7 }, groups[] = { 0, 32, 64, 128 };
    cx_quant_spec spec = { .mode = cx_quant_mode_at(packing / 64),
                           .bits = bits[packing % 8],
                           .group = groups[packing / 8 % 4],
                           .cpu_rule = packing & 16,
                           .global_scale = packing / 64 == 3 && packing & 8 ? 3 : 0 };
    cx_dtype narrow = spec.mode->has_bias ? t[1].dtype : packing & 16 ? CX_F16 : CX_BF16;
    bool fits = t[0].bytes <= sizeof room && t[1].bytes <= sizeof room && t[2].bytes <= sizeof room;
    if (fits && t[0].bytes < sizeof out / 64)
        if (cx_dequantize(t, t + 1, t + 2, &spec, packing & 32 ? narrow : CX_F32, out) != CX_OK)
            CX_ASSERT(*cx_error());
    cx_quant_size size;
    if (cx_quant_bytes(t, &spec, &size) == CX_OK && t[0].bytes <= sizeof room)
        if (cx_quantize(t, &spec, out, out + sizeof out / 2, out + sizeof out / 4 * 3) != CX_OK)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 25) return 0;
    cx_tensor t[3] = { take_tensor("l.weight", data), take_tensor("l.scales", data + 8),
                       take_tensor("l.biases", data + 16) };
    check_matrix(t, data[24], (const char *)data + 25, size - 25);
    check_unpack(t, data[24]);
    return 0;
}
