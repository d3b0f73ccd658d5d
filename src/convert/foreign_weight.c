/* Reading weights that another tool quantized: values as their method defines them, exact in f32
 * and rounded once; or their codes as MLX would pack them. Tested by tests/unit/test_foreign*.c
 * and, against the tools themselves, tests/oracle/oracle_foreign.py. */
#include "convert/foreign.h"

#include "kernels/kernels.h"
#include <math.h>

enum { RUN = 256 }; /* codes that are read in one go; a multiple of 32 */

/* ---- types of 4 and 8 bits: OCP Microscaling Formats 1.0, OCP 8-bit Floating Point 1.0 ---- */

#define E2M1(s) s 0.0f, s 0.5f, s 1.0f, s 1.5f, s 2.0f, s 3.0f, s 4.0f, s 6.0f
const float cx__e2m1[256] = { E2M1(+), E2M1(-) };

/* Eight values of one exponent of E4M3: (8 + m) * unit; of exponent 0: m * unit. */
#define E4M3(s, u)                                                                                 \
    s 8 * (u), s 9 * (u), s 10 * (u), s 11 * (u), s 12 * (u), s 13 * (u), s 14 * (u), s 15 * (u)
#define E4M3_LOW(s)                                                                                \
    s 0.0f, s 0x1p-9f, s 0x2p-9f, s 0x3p-9f, s 0x4p-9f, s 0x5p-9f, s 0x6p-9f, s 0x7p-9f
#define E4M3_TOP(s) s 256.0f, s 288.0f, s 320.0f, s 352.0f, s 384.0f, s 416.0f, s 448.0f, NAN
#define E4M3_HALF(s)                                                                               \
    E4M3_LOW(s), E4M3(s, 0x1p-9f), E4M3(s, 0x1p-8f), E4M3(s, 0x1p-7f), E4M3(s, 0x1p-6f),           \
        E4M3(s, 0x1p-5f), E4M3(s, 0x1p-4f), E4M3(s, 0x1p-3f), E4M3(s, 0x1p-2f), E4M3(s, 0x1p-1f),  \
        E4M3(s, 0x1p0f), E4M3(s, 0x1p1f), E4M3(s, 0x1p2f), E4M3(s, 0x1p3f), E4M3(s, 0x1p4f),       \
        E4M3_TOP(s)
const float cx__e4m3[256] = { E4M3_HALF(+), E4M3_HALF(-) };

#define E5M2(s, u) s 4 * (u), s 5 * (u), s 6 * (u), s 7 * (u)
#define E5M2_8(s, u)                                                                               \
    E5M2(s, u), E5M2(s, u * 2), E5M2(s, u * 4), E5M2(s, u * 8), E5M2(s, u * 16), E5M2(s, u * 32),  \
        E5M2(s, u * 64), E5M2(s, u * 128)
#define E5M2_HALF(s)                                                                               \
    s 0.0f, s 0x1p-16f, s 0x2p-16f, s 0x3p-16f, E5M2_8(s, 0x1p-16f), E5M2_8(s, 0x1p-8f),           \
        E5M2_8(s, 0x1p0f), E5M2(s, 0x1p8f), E5M2(s, 0x1p9f), E5M2(s, 0x1p10f), E5M2(s, 0x1p11f),   \
        E5M2(s, 0x1p12f), E5M2(s, 0x1p13f), s INFINITY, NAN, NAN, NAN
const float cx__e5m2[256] = { E5M2_HALF(+), E5M2_HALF(-) };

float cx__e8m0(uint8_t code)
{
    return code == 255 ? NAN : ldexpf(1, code - 127);
}

/* ---- codes ---- */

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Byte of a line. Only where something is added the word must be whole. */
static unsigned byte_at(const cx__codes *c, size_t line, size_t byte)
{
    const uint8_t *p = c->data + line * c->line + byte / 4 * c->word;
    if (!c->add[0]) return p[byte % 4];
    return (le32(p) + c->add[byte / 4 % 3]) >> 8 * (byte % 4) & 255;
}

static unsigned code_at(const cx__codes *c, size_t line, size_t item)
{
    static const uint8_t awq[8] = { 0, 4, 1, 5, 2, 6, 3, 7 }; /* nibble of item i % 8 */
    size_t bit = c->awq ? item / 8 * 32 + awq[item % 8] * (size_t)4 : item * (size_t)c->bits;
    unsigned at = (unsigned)(bit % 8), code = byte_at(c, line, bit / 8);
    if (at + (unsigned)c->bits > 8) code |= byte_at(c, line, bit / 8 + 1) << 8;
    return (((code >> at) + c->plus) & ((1u << c->bits) - 1)) ^ c->flip;
}

static unsigned code_of(const cx__codes *c, size_t row, size_t col)
{
    return c->turned ? code_at(c, col, row) : code_at(c, row, col);
}

/* Whole words of codes that divide 32, the common case. Returns how many codes were read. */
static size_t read_words(const cx__codes *c, size_t row, size_t col, size_t n, uint8_t *out)
{
    size_t per = 32 / (size_t)c->bits, done = 0;
    unsigned mask = (1u << c->bits) - 1;
    if (c->turned || 32 % c->bits || col % per || c->add[0]) return 0;
    const uint8_t *p = c->data + row * c->line + col / per * c->word;
    for (; done + per <= n; done += per, p += c->word) {
        uint32_t word = le32(p);
        for (size_t i = 0; i < per; i++, word >>= c->bits)
            out[done + i] = (uint8_t)((word & mask) ^ c->flip);
    }
    return done;
}

static void read_codes(const cx__codes *c, size_t row, size_t col, size_t n, uint8_t *out)
{
    size_t i = read_words(c, row, col, n, out);
    for (; i < n; i++) out[i] = (uint8_t)code_of(c, row, col + i);
}

/* ---- scales ---- */

static float f32_at(const uint8_t *data, size_t i)
{
    uint32_t u = le32(data + 4 * i);
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* What g_idx says was checked, but the file may have changed since. */
static size_t group_of(const cx__foreign_weight *w, size_t col)
{
    if (!w->g_idx) return col / w->step_cols;
    size_t g = le32(w->g_idx + 4 * col);
    return g < w->groups ? g : w->groups - 1;
}

static size_t scale_index(const cx__foreign_weight *w, size_t row, size_t group)
{
    return row / w->rows * w->expert + row % w->rows / w->step_rows * w->row + group * w->column;
}

static float scale_at(const cx__foreign_weight *w, size_t row, size_t group)
{
    size_t i = scale_index(w, row, group);
    cx_tensor t = { .dtype = w->scale_dtype, .data = w->scales };
    float s = w->scale_dtype == CX_F8_E8M0   ? cx__e8m0(w->scales[i])
              : w->scale_dtype == CX_F8_E4M3 ? cx__e4m3[w->scales[i]]
                                             : cx__tensor_f32(&t, i);
    if (w->global_rule == CX__GLOBAL_NONE) return s;
    float global = f32_at(w->global, row / w->global_rows);
    return w->global_rule == CX__GLOBAL_TIMES ? s * (global / w->global_unit) : s / global;
}

static float zero_at(const cx__foreign_weight *w, size_t row, size_t group)
{
    if (!w->zeros.data) return w->zero;
    return w->zero + (float)code_of(&w->zeros, row % w->rows / w->step_rows, group);
}

/* ---- values ---- */

/* Columns from `col` on that have the scale of `col`, at most n. */
static size_t same_scale(const cx__foreign_weight *w, size_t col, size_t n)
{
    if (w->g_idx) return 1;
    size_t left = w->step_cols - col % w->step_cols;
    return left < n ? left : n;
}

static void decode_run(const cx__foreign_weight *w, size_t row, size_t col, size_t n, float *out)
{
    uint8_t codes[RUN];
    read_codes(&w->codes, row, col, n, codes);
    for (size_t i = 0, end; i < n; i = end) {
        size_t group = group_of(w, col + i);
        float s = scale_at(w, row, group), z = zero_at(w, row, group);
        end = i + same_scale(w, col + i, n - i);
        if (w->table)
            for (size_t k = i; k < end; k++) out[k] = w->table[codes[k]] * s;
        else
            for (size_t k = i; k < end; k++) out[k] = ((float)codes[k] - z) * s;
    }
}

/* Kernels want aligned output: via a buffer. */
static void narrow(const float *x, cx_dtype dtype, size_t n, void *out)
{
    uint16_t half[RUN];
    if (dtype == CX_F32) {
        memcpy(out, x, n * sizeof *x);
        return;
    }
    const cx__kernels *k = cx__kernels_get();
    (dtype == CX_F16 ? k->f32_to_f16 : k->f32_to_bf16)(half, x, n);
    memcpy(out, half, n * sizeof *half);
}

void cx__foreign_decode(const cx__stored *s, size_t first, size_t n, void *out)
{
    const cx__foreign_weight *w = s->from;
    float values[RUN];
    for (size_t run; n; n -= run, first += run) {
        size_t row = first / w->cols, col = first % w->cols, left = w->cols - col;
        run = n < RUN ? n : RUN;
        if (run > left) run = left;
        decode_run(w, row, col, run, values);
        narrow(values, s->t.dtype, run, out);
        out = (uint8_t *)out + run * cx_dtype_size(s->t.dtype);
    }
}

/* ---- MLX's packing ---- */

/* n codes, a multiple of 32, as a stream of bits. */
static void write_codes(const uint8_t *codes, size_t n, int bits, uint8_t *out)
{
    uint32_t held = 0;
    for (size_t i = 0, at = 0; i < n; i++) {
        held |= (uint32_t)codes[i] << at;
        for (at += (size_t)bits; at >= 8; at -= 8, held >>= 8) *out++ = (uint8_t)held;
    }
}

/* Exponent of a scale that is a power of two, as E8M0. */
static uint8_t exponent(const cx__foreign_weight *w, size_t row, size_t group)
{
    size_t i = scale_index(w, row, group);
    if (w->scale_dtype != CX_F32) return w->scales[i];
    return (uint8_t)(le32(w->scales + 4 * i) >> 23);
}

static void write_scales(const cx__foreign_weight *w, size_t row, void *scales, void *biases)
{
    size_t mlx = (size_t)w->packed.group, size = cx_dtype_size(w->packed.scale_dtype);
    for (size_t col = 0, at = 0; col < w->cols; col += mlx, at += size) {
        size_t group = group_of(w, col);
        if (w->table) {
            ((uint8_t *)scales)[at] = exponent(w, row, group);
            continue;
        }
        float s = scale_at(w, row, group), bias = -zero_at(w, row, group) * s;
        narrow(&s, w->packed.scale_dtype, 1, (uint8_t *)scales + at);
        narrow(&bias, w->packed.scale_dtype, 1, (uint8_t *)biases + at);
    }
}

static void packed_rows(const cx__stored *s, size_t row, size_t n, void *q, void *scales,
                        void *biases)
{
    const cx__foreign_weight *w = s->from;
    size_t bits = (size_t)w->packed.bits;
    size_t scale_bytes = w->cols / (size_t)w->packed.group * cx_dtype_size(w->packed.scale_dtype);
    uint8_t codes[RUN], *to = q;
    for (size_t r = row; r < row + n; r++) {
        for (size_t col = 0, run; col < w->cols; col += run, to += run * bits / 8) {
            run = w->cols - col < RUN ? w->cols - col : RUN;
            read_codes(&w->codes, r, col, run, codes);
            write_codes(codes, run, (int)bits, to);
        }
        write_scales(w, r, (uint8_t *)scales + (r - row) * scale_bytes,
                     biases ? (uint8_t *)biases + (r - row) * scale_bytes : NULL);
    }
}

/* All scales are powers of two: as DeepSeek's scale_fmt "ue8m0" says, but stores F32. */
static bool all_powers(const cx__foreign_weight *w)
{
    size_t n = scale_index(w, w->experts * w->rows - 1, w->groups - 1) + 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t u = le32(w->scales + 4 * i);
        if (u >> 31 || (u & 0x7fffff) || !(u >> 23) || u >> 23 == 255) return false;
    }
    return true;
}

static bool fits(const cx__foreign_weight *w, size_t group)
{
    bool rows_whole = w->step_cols >= w->cols || w->step_cols % group == 0;
    return rows_whole && w->cols % group == 0;
}

static const cx__packed *set(cx__foreign_weight *w, const char *mode, size_t group, cx_dtype dtype)
{
    w->packed = (cx__packed){ .mode = mode,
                              .bits = w->codes.bits,
                              .group = (int)group,
                              .scale_dtype = dtype,
                              .rows = packed_rows };
    return &w->packed;
}

static const cx__packed *pack_float(cx__foreign_weight *w)
{
    bool e8m0 = w->scale_dtype == CX_F8_E8M0;
    if (w->global_rule != CX__GLOBAL_NONE) return NULL;
    if (w->table == cx__e2m1 && w->scale_dtype == CX_F8_E4M3 && fits(w, 16) && w->cols % 32 == 0)
        return set(w, "nvfp4", 16, CX_U8);
    if (!fits(w, 32)) return NULL;
    if (w->table == cx__e2m1 && e8m0) return set(w, "mxfp4", 32, CX_U8);
    if (w->table == cx__e4m3 && (e8m0 || (w->scale_dtype == CX_F32 && all_powers(w))))
        return set(w, "mxfp8", 32, CX_U8);
    return NULL;
}

const cx__packed *cx__foreign_pack(cx__foreign_weight *w)
{
    if (w->g_idx) return NULL;
    if (w->table) return pack_float(w);
    if (w->codes.bits == 7) return NULL;
    for (size_t group = 128; group >= 32; group /= 2)
        if (fits(w, group)) return set(w, "affine", group, w->scale_dtype);
    return NULL;
}
