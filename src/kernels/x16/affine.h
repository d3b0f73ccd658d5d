/* MLX's affine quantization, 16 lanes at a time. Specification: ref/affine.c. Divisions are real
 * ones: a product with the reciprocal would round differently. */
#include "kernels/ref/math.h"
#include "kernels/x16/math.h"
#include <math.h>

/* Half away from zero: adding the number before one half never reaches the next integer from
 * below a half, and from the half on the sum rounds up to it. */
static inline vf round_by(vf a, bool gpu_rule)
{
    if (!gpu_rule) return vf_rint(a);
    return vf_trunc(vf_add(a, vf_or(vf_set(0x1.fffffep-2f), vf_sign(a))));
}

/* Step and value of code 0 of 16 groups, in place: hi becomes the scale, lo the bias. Another way
 * to choose them belongs here: encode_group takes them as they are. */
static inline void group_rules(float hi[16], float lo[16], float codes, bool gpu_rule)
{
    vf top = vf_load(hi), low = vf_load(lo), eps = vf_set(1e-7f), zero = vf_set(0);
    if (codes == 1) { /* the two values are the extrema: the bias is lo */
        vf step = vf_sub(top, low);
        vf_store(hi, vf_select(vf_less(step, eps), eps, step));
        return;
    }
    vm low_edge = vf_less(vf_abs(top), vf_abs(low));
    vf scale = vf_div(vf_sub(top, low), vf_set(codes)), edge = vf_select(low_edge, low, top);
    scale = vf_select(vf_less(scale, eps), eps, scale);
    scale = vf_select(low_edge, scale, vf_sub(zero, scale));
    vf q0 = round_by(vf_div(edge, scale), gpu_rule);
    vm none = vf_equal(q0, zero);
    vf_store(hi, vf_select(none, scale, vf_div(edge, q0)));
    vf_store(lo, vf_select(none, zero, edge));
}

static inline void store_as_n(void *p, size_t at, vf a, size_t n, cx_dtype dtype)
{
    if (dtype == CX_F32) vf_store_n((float *)p + at, a, n);
    else if (dtype == CX_F16) vf_store_f16_n((uint16_t *)p + at, a, n);
    else vf_store_bf16_n((uint16_t *)p + at, a, n);
}

/* 16 codes, one a byte, become 2 * bits bytes: pairs to words, to double words, to 8 codes in each
 * half of the register, whose bits bytes are then moved together. */
typedef struct packer {
    __m128i pair, quad, move, shift;
} packer;

static packer packer_init(int bits)
{
    char move[16];
    for (int i = 0; i < 16; i++) move[i] = (char)(i < bits ? i : i < 2 * bits ? i - bits + 8 : -1);
    return (packer){ _mm_set1_epi16((short)(1 | 1 << bits % 8 << 8)),
                     _mm_set1_epi32(1 | 1 << 2 * (bits % 8) << 16),
                     _mm_loadu_si128((const __m128i *)move), _mm_cvtsi32_si128(4 * bits) };
}

static inline __m128i pack(const packer *k, __m128i codes)
{
    __m128i v = _mm_madd_epi16(_mm_maddubs_epi16(codes, k->pair), k->quad);
    __m128i high = _mm_sll_epi64(_mm_srli_epi64(v, 32), k->shift);
    v = _mm_or_si128(_mm_and_si128(v, _mm_set1_epi64x(0xffffffff)), high);
    return _mm_shuffle_epi8(v, k->move);
}

typedef struct encoding {
    uint8_t *q;
    size_t bytes; /* of q */
    const void *w;
    packer packer;
    cx_dtype dtype;
    int bits;
    size_t group;
    float codes;
    bool gpu_rule;
} encoding;

/* Of zeros of both signs the first is the least, as in the reference; only one bit's bias shows
 * it. */
static float first_zero(const encoding *e, size_t from)
{
    while (cx__load_scalar(e->w, e->dtype, from) != 0) from++;
    return cx__load_scalar(e->w, e->dtype, from);
}

static inline void extrema(const encoding *e, size_t from, float *hi, float *lo)
{
    vf top = vf_set(e->gpu_rule ? 0 : -INFINITY), low = vf_set(INFINITY);
    for (size_t i = from; i < from + e->group; i += 16) {
        vf w = vf_load_as(e->w, i, e->dtype);
        top = vf_max(w, top);
        low = vf_min(w, low);
    }
    *hi = vf_top(top);
    *lo = vf_low(low);
    if (e->codes == 1 && *lo == 0) *lo = first_zero(e, from);
}

/* Codes of values [from, from + group). A store of 16 bytes may be longer than 16 codes are: what
 * is too much belongs to the following codes, which are written later. */
static inline void encode_group(const encoding *e, size_t from, float scale, float bias)
{
    size_t at = from * (size_t)e->bits / 8, step = 2 * (size_t)e->bits;
    for (size_t i = from; i < from + e->group; i += 16, at += step) {
        vf v = vf_sub(vf_load_as(e->w, i, e->dtype), vf_set(bias));
        v = round_by(vf_div(v, vf_set(scale)), e->gpu_rule);
        v = vf_min(vf_max(v, vf_set(0)), vf_set(e->codes)); /* NaN becomes 0 */
        __m128i codes = vf_to_bytes(v);
        if (e->bits < 8) codes = pack(&e->packer, codes);
        if (at + 16 <= e->bytes) _mm_storeu_si128((__m128i *)(e->q + at), codes);
        else memcpy(e->q + at, &codes, step);
    }
}

void X16(affine_encode)(uint8_t *q, void *scales, void *biases, const void *w, cx_dtype dtype,
                        size_t cols, int bits, int group, bool gpu_rule)
{
    encoding e = { .q = q,
                   .bytes = cols * (size_t)bits / 8,
                   .w = w,
                   .packer = packer_init(bits),
                   .dtype = dtype,
                   .bits = bits,
                   .group = (size_t)group,
                   .codes = (float)((1 << bits) - 1),
                   .gpu_rule = gpu_rule };
    size_t groups = cols / e.group;
    for (size_t g = 0; g < groups; g += 16) {
        float hi[16] = { 0 }, lo[16] = { 0 };
        size_t n = groups - g < 16 ? groups - g : 16;
        for (size_t i = 0; i < n; i++) extrema(&e, (g + i) * e.group, hi + i, lo + i);
        group_rules(hi, lo, e.codes, gpu_rule);
        store_as_n(scales, g, vf_load(hi), n, dtype);
        store_as_n(biases, g, vf_load(lo), n, dtype);
        for (size_t i = 0; i < n; i++) encode_group(&e, (g + i) * e.group, hi[i], lo[i]);
    }
}

/* Where the byte or two of each of 16 codes lie in their 2 * bits bytes. */
static unpack unpack_of(int bits)
{
    uint8_t bytes[64];
    uint32_t shift[16];
    memset(bytes, 0x80, sizeof bytes); /* gives 0 */
    for (int i = 0; i < 16; i++) {
        int at = i * bits;
        shift[i] = (uint32_t)at % 8;
        bytes[4 * i] = (uint8_t)(at / 8);
        if (at % 8 + bits > 8) bytes[4 * i + 1] = (uint8_t)(at / 8 + 1);
    }
    return unpack_init(bytes, shift, bits);
}

static float scale_at(const void *p, cx_dtype dtype, size_t i)
{
    float lane[16];
    vf_store(lane, vf_load_as_n(p, i, 1, dtype));
    return lane[0];
}

void X16(affine_decode)(float *dst, const cx__qmat *w, size_t row)
{
    size_t bytes = w->cols * (size_t)w->bits / 8, step = 2 * (size_t)w->bits, at = 0;
    size_t group = (size_t)w->group, g = row * (w->cols / group);
    const uint8_t *q = w->q + row * bytes;
    unpack u = unpack_of(w->bits);
    for (size_t c = 0; c < w->cols; c += group, g++) {
        vf s = vf_set(scale_at(w->scales, w->scale_dtype, g));
        vf b = vf_set(scale_at(w->biases, w->scale_dtype, g));
        for (size_t i = c; i < c + group; i += 16, at += step) {
            __m128i stream = _mm_setzero_si128();
            if (at + 16 <= bytes) stream = _mm_loadu_si128((const __m128i *)(q + at));
            else memcpy(&stream, q + at, step);
            vf_store(dst + i, vf_add(vf_mul(unpack_16(&u, stream), s), b));
        }
    }
}
