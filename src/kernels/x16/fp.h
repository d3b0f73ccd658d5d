/* MLX's fp modes, 16 lanes at a time. Specification: ref/fp.c, which also chooses the scale of each
 * group, and serves the CPU rule. */
#include "kernels/ref/fp.h"
#include "kernels/x16/math.h"

/* A code is a rounded piece of the float's own bits: sign, then as many bits from the lowest of
 * the exponent down as the format has, less the difference of the exponents' biases. Below the
 * smallest normal value the steps are equal: added to a power of two with that step, they are
 * its last bits. */
static small_float small_float_of(const cx__fp_format *f)
{
    int shift = 23 - f->mant, bias = 126 + f->least;
    uint32_t round = (1u << (shift - 1)) - 1 - ((uint32_t)bias << 23);
    uint32_t magic = (uint32_t)(127 + f->least + shift) << 23;
    float least = f->least == 0 ? 1.0f : 0x1p-6f;
    return small_float_init(shift, round, magic, f->top, least, f->sign == 8 ? 3 : 7);
}

typedef struct fp_encoding {
    const void *w;
    cx_dtype dtype;
    size_t group;
    bool bytes; /* a code is a byte, else 4 bits */
    small_float format;
} fp_encoding;

static inline float largest(const fp_encoding *e, size_t from)
{
    vf top = vf_set(0);
    for (size_t i = from; i < from + e->group; i += 16)
        top = vf_max(vf_abs(vf_load_as(e->w, i, e->dtype)), top);
    return vf_top(top);
}

/* A NaN that the product is gets the sign of the value. */
static inline void encode_values(const fp_encoding *e, uint8_t *q, size_t from, float factor)
{
    for (size_t i = from; i < from + e->group; i += 16) {
        vf w = vf_load_as(e->w, i, e->dtype), x = vf_mul(w, vf_set(factor));
        x = vf_or(vf_abs(x), vf_sign(w));
        __m128i codes = vf_to_small_float(&e->format, x);
        if (e->bytes) {
            _mm_storeu_si128((__m128i *)(q + i), codes);
            continue;
        }
        __m128i pairs = _mm_maddubs_epi16(codes, _mm_set1_epi16(0x1001));
        _mm_storel_epi64((__m128i *)(q + i / 2), _mm_packus_epi16(pairs, pairs));
    }
}

void X16(fp_encode)(uint8_t *q, uint8_t *scales, const void *w, cx_dtype dtype, size_t cols,
                    cx__qmode mode, float global, bool gpu_rule)
{
    if (!gpu_rule) {
        cx__fp_encode_ref(q, scales, w, dtype, cols, mode, global, gpu_rule);
        return;
    }
    fp_encoding e = { .w = w,
                      .dtype = dtype,
                      .group = cx__fp_group(mode),
                      .bytes = mode == CX__MXFP8,
                      .format = small_float_of(cx__fp_elements(mode)) };
    for (size_t from = 0; from < cols; from += e.group) {
        cx__fp_scale s = cx__fp_scale_scalar(mode, largest(&e, from), dtype, global, gpu_rule);
        scales[from / e.group] = s.byte;
        encode_values(&e, q, from, s.factor);
    }
}

/* 16 E2M1 codes, low half of a byte first. Every value is a bf16. */
static inline vf values_e2m1(const uint8_t *q)
{
    const __m128i high = _mm_setr_epi8(0, 0x3f, 0x3f, 0x3f, 0x40, 0x40, 0x40, 0x40, -0x80, -0x41,
                                       -0x41, -0x41, -0x40, -0x40, -0x40, -0x40);
    const __m128i low = _mm_setr_epi8(0, 0, -0x80, -0x40, 0, 0x40, -0x80, -0x40, 0, 0, -0x80, -0x40,
                                      0, 0x40, -0x80, -0x40);
    __m128i b = _mm_loadl_epi64((const __m128i *)q), mask = _mm_set1_epi8(15);
    __m128i i = _mm_unpacklo_epi8(_mm_and_si128(b, mask),
                                  _mm_and_si128(_mm_srli_epi16(b, 4), mask));
    __m128i h = _mm_shuffle_epi8(high, i), l = _mm_shuffle_epi8(low, i);
    return vf_from_bf16(_mm256_set_m128i(_mm_unpackhi_epi8(l, h), _mm_unpacklo_epi8(l, h)));
}

/* 16 E4M3 codes: as halves they are 2^8 too small; the largest code alone is NaN. */
static inline vf values_e4m3(const uint8_t *q)
{
    __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)q));
    __m256i size = _mm256_and_si256(b, _mm256_set1_epi16(0x7f));
    __m256i nan = _mm256_cmpeq_epi16(size, _mm256_set1_epi16(0x7f));
    __m256i h = _mm256_or_si256(_mm256_slli_epi16(size, 7),
                                _mm256_slli_epi16(_mm256_srli_epi16(b, 7), 15));
    h = _mm256_or_si256(h, _mm256_and_si256(nan, _mm256_set1_epi16(0x7c00)));
    return vf_mul(vf_from_f16(h), vf_set(256));
}

void X16(fp_decode)(float *dst, const cx__qmat *w, size_t row)
{
    const uint8_t *q = w->q + row * (w->cols * (size_t)w->bits / 8);
    size_t group = (size_t)w->group;
    for (size_t c = 0; c < w->cols; c += group) {
        vf s = vf_set(cx__fp_stored_scalar(w, row, c / group));
        for (size_t i = c; i < c + group; i += 16)
            vf_store(dst + i,
                     vf_mul(s, w->mode == CX__MXFP8 ? values_e4m3(q + i) : values_e2m1(q + i / 2)));
    }
}
