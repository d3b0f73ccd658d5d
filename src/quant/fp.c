/* Decoding that mxfp4, mxfp8 and nvfp4 share. Tested by tests/unit/test_quant.c. */
#include "quant/modes.h"

enum { PIECE = 128 }; /* values at a time; a multiple of all groups */

/* The view of `w` that has columns [from, from + n) of one row alone. */
static cx__qmat piece_of(const cx__qmat *w, size_t row, size_t from, size_t n)
{
    cx__qmat p = *w;
    size_t at = row * w->cols + from;
    p.q += at / 8 * (size_t)w->bits;
    p.scales = (const uint8_t *)w->scales + at / (size_t)w->group;
    if (w->globals) p.globals = (const uint8_t *)w->globals + 4 * (row / w->global_rows);
    p.rows = 1;
    p.cols = n;
    return p;
}

/* MLX on a CPU rounds a power of two to F16 before it multiplies; the product is exact in f32
 * unless that made it infinite. */
static void decode_rounded_scales(uint16_t *out, const cx__qmat *w)
{
    const uint8_t *scales = w->scales;
    float values[PIECE];
    uint8_t ones[PIECE / 16];
    cx__qmat unscaled = *w;
    memset(ones, 127, sizeof ones); /* 2^0 */
    unscaled.scales = ones;
    cx__kernels_get()->fp_decode(values, &unscaled, 0);
    for (size_t i = 0; i < w->cols; i++) {
        uint8_t s = scales[i / (size_t)w->group];
        uint32_t bits = s ? (uint32_t)s << 23 : 0x400000;
        float scale;
        memcpy(&scale, &bits, sizeof scale);
        uint16_t h = cx__f32_to_f16(cx__f16_to_f32(cx__f32_to_f16(scale)) * values[i]);
        memcpy(out + i, &h, sizeof h);
    }
}

void cx__quant_fp_decode(void *out, cx_dtype dtype, const cx__qmat *w, size_t row, bool gpu_rule)
{
    const cx__kernels *k = cx__kernels_get();
    float values[PIECE];
    if (dtype == CX_F32) {
        k->fp_decode(out, w, row);
        return;
    }
    for (size_t c = 0; c < w->cols; c += PIECE) {
        size_t n = w->cols - c < PIECE ? w->cols - c : PIECE;
        cx__qmat p = piece_of(w, row, c, n);
        uint16_t *to = (uint16_t *)out + c;
        if (!gpu_rule && dtype == CX_F16 && w->mode != CX__NVFP4) {
            decode_rounded_scales(to, &p);
            continue;
        }
        k->fp_decode(values, &p, 0);
        (dtype == CX_F16 ? k->f32_to_f16 : k->f32_to_bf16)(to, values, n);
    }
}
