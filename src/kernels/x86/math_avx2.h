/* The 16-lane vocabulary of kernels/x16 for AVX2 with FMA and F16C: a vf is two registers, lanes
 * 0-7 and 8-15. x16/math.h lists what each word means. */
#ifndef CX_KERNELS_MATH_AVX2_H
#define CX_KERNELS_MATH_AVX2_H

#include "kernels/variants.h"
#include <immintrin.h>

#define X16(slot) cx__##slot##_avx2
/* Register tiles (of 16 registers, two a vf), see x16/fgemm.h and x16/attend.h. */
#define X16_GEMM_W 2
#define X16_GEMM_X 2
#define X16_GEMM_W1 4
#define X16_ATTEND_Q 2
#define X16_ATTEND_V 2

typedef struct vf {
    __m256 a, b;
} vf;
typedef vf vm; /* lanes of all ones or all zeros */

static inline __m256i first_n(size_t n) /* n may exceed 8 */
{
    __m256i lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}
static inline size_t rest_of(size_t n)
{
    return n > 8 ? n - 8 : 0;
}

static inline vf vf_set(float f)
{
    return (vf){ _mm256_set1_ps(f), _mm256_set1_ps(f) };
}
static inline vf vf_load(const float *p)
{
    return (vf){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}
static inline vf vf_load_n(const float *p, size_t n)
{
    if (n >= 16) return vf_load(p);
    __m256 b = n > 8 ? _mm256_maskload_ps(p + 8, first_n(n - 8)) : _mm256_setzero_ps();
    return (vf){ _mm256_maskload_ps(p, first_n(n)), b };
}
static inline void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}
static inline void vf_store_n(float *p, vf v, size_t n)
{
    if (n >= 16) {
        vf_store(p, v);
        return;
    }
    _mm256_maskstore_ps(p, first_n(n), v.a);
    if (n > 8) _mm256_maskstore_ps(p + 8, first_n(n - 8), v.b);
}
static inline vf vf_keep_n(vf v, size_t n)
{
    return (vf){ _mm256_and_ps(v.a, _mm256_castsi256_ps(first_n(n))),
                 _mm256_and_ps(v.b, _mm256_castsi256_ps(first_n(rest_of(n)))) };
}

#define BOTH_1(op)                                                                                 \
    (vf)                                                                                           \
    {                                                                                              \
        op(x.a), op(x.b)                                                                           \
    }
#define BOTH_2(op)                                                                                 \
    (vf)                                                                                           \
    {                                                                                              \
        op(x.a, y.a), op(x.b, y.b)                                                                 \
    }
#define BOTH_3(op)                                                                                 \
    (vf)                                                                                           \
    {                                                                                              \
        op(x.a, y.a, z.a), op(x.b, y.b, z.b)                                                       \
    }
static inline vf vf_add(vf x, vf y)
{
    return BOTH_2(_mm256_add_ps);
}
static inline vf vf_sub(vf x, vf y)
{
    return BOTH_2(_mm256_sub_ps);
}
static inline vf vf_mul(vf x, vf y)
{
    return BOTH_2(_mm256_mul_ps);
}
static inline vf vf_div(vf x, vf y)
{
    return BOTH_2(_mm256_div_ps);
}
static inline vf vf_fma(vf x, vf y, vf z)
{
    return BOTH_3(_mm256_fmadd_ps);
}
static inline vf vf_fms(vf x, vf y, vf z)
{
    return BOTH_3(_mm256_fmsub_ps);
}
static inline vf vf_fmaddsub(vf x, vf y, vf z)
{
    return BOTH_3(_mm256_fmaddsub_ps);
}
static inline vf vf_max(vf x, vf y)
{
    return BOTH_2(_mm256_max_ps);
}
static inline vf vf_min(vf x, vf y)
{
    return BOTH_2(_mm256_min_ps);
}
static inline vf vf_or(vf x, vf y)
{
    return BOTH_2(_mm256_or_ps);
}
static inline vf vf_and(vf x, vf y)
{
    return BOTH_2(_mm256_and_ps);
}
static inline vf vf_sign(vf x)
{
    return vf_and(vf_set(-0.0f), x);
}
static inline __m256 abs_8(__m256 x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}
static inline vf vf_abs(vf x)
{
    return BOTH_1(abs_8);
}
static inline __m256 rint_8(__m256 x)
{
    return _mm256_round_ps(x, 8);
}
static inline vf vf_rint(vf x)
{
    return BOTH_1(rint_8);
}
static inline __m256 trunc_8(__m256 x)
{
    return _mm256_round_ps(x, 11);
}
static inline vf vf_trunc(vf x)
{
    return BOTH_1(trunc_8);
}

static inline __m256 less_8(__m256 x, __m256 y)
{
    return _mm256_cmp_ps(x, y, _CMP_LT_OQ);
}
static inline vm vf_less(vf x, vf y)
{
    return BOTH_2(less_8);
}
static inline __m256 equal_8(__m256 x, __m256 y)
{
    return _mm256_cmp_ps(x, y, _CMP_EQ_OQ);
}
static inline vm vf_equal(vf x, vf y)
{
    return BOTH_2(equal_8);
}
static inline vf vf_select(vm m, vf yes, vf no)
{
    return (vf){ _mm256_blendv_ps(no.a, yes.a, m.a), _mm256_blendv_ps(no.b, yes.b, m.b) };
}
static inline unsigned vm_bits(vm m)
{
    return (unsigned)_mm256_movemask_ps(m.a) | (unsigned)_mm256_movemask_ps(m.b) << 8;
}
static inline __m256 bits_to_8(unsigned bits)
{
    __m256i each = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    __m256i got = _mm256_and_si256(_mm256_set1_epi32((int)bits), each);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(got, each));
}
static inline vm vm_from_bits(unsigned bits)
{
    return (vm){ bits_to_8(bits), bits_to_8(bits >> 8) };
}

/* a * 2^n where t = n + 1.5 * 2^23; two factors, since 2^n itself may not be a normal number. */
static inline __m256 scale_2_8(__m256 a, __m256 t)
{
    __m256i one = _mm256_set1_epi32(127);
    __m256i n = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(0x4b400000));
    __m256i half = _mm256_srai_epi32(n, 1), rest = _mm256_sub_epi32(n, half);
    half = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
    rest = _mm256_slli_epi32(_mm256_add_epi32(rest, one), 23);
    a = _mm256_mul_ps(a, _mm256_castsi256_ps(half));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(rest));
}
static inline vf vf_scale_2(vf a, vf n, vf t)
{
    (void)n;
    return (vf){ scale_2_8(a.a, t.a), scale_2_8(a.b, t.b) };
}

static inline __m256 swap_pairs_8(__m256 x)
{
    return _mm256_permute_ps(x, 0xb1);
}
static inline vf vf_swap_pairs(vf x)
{
    return BOTH_1(swap_pairs_8);
}
static inline __m256 load_twice_4(const float *p)
{
    __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(p));
    return _mm256_permutevar8x32_ps(v, _mm256_set_epi32(3, 3, 2, 2, 1, 1, 0, 0));
}
static inline vf vf_load_twice(const float *p)
{
    return (vf){ load_twice_4(p), load_twice_4(p + 4) };
}

static inline __m128i load_8x16(const void *p, size_t at)
{
    return _mm_loadu_si128((const __m128i *)((const uint16_t *)p + at));
}
static inline __m256 widen_bf16(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline vf vf_load_f16(const void *p)
{
    return (vf){ _mm256_cvtph_ps(load_8x16(p, 0)), _mm256_cvtph_ps(load_8x16(p, 8)) };
}
static inline vf vf_load_bf16(const void *p)
{
    return (vf){ widen_bf16(load_8x16(p, 0)), widen_bf16(load_8x16(p, 8)) };
}
static inline vf vf_load_f16_n(const void *p, size_t n)
{
    uint16_t h[16] = { 0 };
    if (n >= 16) return vf_load_f16(p);
    memcpy(h, p, 2 * n);
    return vf_load_f16(h);
}
static inline vf vf_load_bf16_n(const void *p, size_t n)
{
    uint16_t h[16] = { 0 };
    if (n >= 16) return vf_load_bf16(p);
    memcpy(h, p, 2 * n);
    return vf_load_bf16(h);
}

static inline __m128i narrow_bf16(__m256 a)
{
    __m256i u = _mm256_castps_si256(a), high = _mm256_srli_epi32(u, 16);
    __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    r = _mm256_blendv_epi8(_mm256_srli_epi32(r, 16), quiet, nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
static inline void store_16x16_n(void *p, __m128i a, __m128i b, size_t n)
{
    __m128i h[2] = { a, b };
    if (n < 16) {
        memcpy(p, h, 2 * n);
        return;
    }
    memcpy(p, h, 32);
}
static inline void vf_store_f16_n(void *p, vf v, size_t n)
{
    store_16x16_n(p, _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT),
                  _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT), n);
}
static inline void vf_store_bf16_n(void *p, vf v, size_t n)
{
    store_16x16_n(p, narrow_bf16(v.a), narrow_bf16(v.b), n);
}

static inline __m128 halves(__m256 v, __m128 (*op)(__m128, __m128))
{
    return op(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
static inline __m128 max_4(__m128 x, __m128 y)
{
    return _mm_max_ps(x, y);
}
static inline __m128 min_4(__m128 x, __m128 y)
{
    return _mm_min_ps(x, y);
}
static inline float reduce(__m256 v, __m128 (*op)(__m128, __m128))
{
    __m128 q = halves(v, op);
    q = op(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(op(q, _mm_movehdup_ps(q)));
}
static inline float vf_top(vf v)
{
    return reduce(_mm256_max_ps(v.a, v.b), max_4);
}
static inline float vf_low(vf v)
{
    return reduce(_mm256_min_ps(v.a, v.b), min_4);
}

/* Adds lanes 0-3, then 4-7, of four registers to four sums. */
static inline __m128 sum_4_of_8(__m128 sum, __m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 ab0 = _mm256_unpacklo_ps(a, b), ab1 = _mm256_unpackhi_ps(a, b);
    __m256 cd0 = _mm256_unpacklo_ps(c, d), cd1 = _mm256_unpackhi_ps(c, d);
    __m256 lane[4] = { _mm256_shuffle_ps(ab0, cd0, 0x44), _mm256_shuffle_ps(ab0, cd0, 0xee),
                       _mm256_shuffle_ps(ab1, cd1, 0x44), _mm256_shuffle_ps(ab1, cd1, 0xee) };
    for (int l = 0; l < 4; l++) sum = _mm_add_ps(sum, _mm256_castps256_ps128(lane[l]));
    for (int l = 0; l < 4; l++) sum = _mm_add_ps(sum, _mm256_extractf128_ps(lane[l], 1));
    return sum;
}
/* The sums begin at -0, which changes no first addend. */
static inline void vf_sum_4(float out[4], vf a, vf b, vf c, vf d)
{
    __m128 sum = sum_4_of_8(_mm_set1_ps(-0.0f), a.a, b.a, c.a, d.a);
    _mm_storeu_ps(out, sum_4_of_8(sum, a.b, b.b, c.b, d.b));
}

/* Integral values 0..255 as bytes, and 16 codes of `bits` bits as floats: see x16/affine.h. */
static inline __m128i to_words_8(__m256 x)
{
    __m256i v = _mm256_cvtps_epi32(x);
    return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}
static inline __m128i vf_to_bytes(vf v)
{
    return _mm_packus_epi16(to_words_8(v.a), to_words_8(v.b));
}
typedef struct unpack {
    __m256i bytes[2], shift[2], mask;
} unpack;
static inline unpack unpack_init(const uint8_t bytes[64], const uint32_t shift[16], int bits)
{
    const __m256i *b = (const void *)bytes, *s = (const void *)shift;
    return (unpack){ { _mm256_loadu_si256(b), _mm256_loadu_si256(b + 1) },
                     { _mm256_loadu_si256(s), _mm256_loadu_si256(s + 1) },
                     _mm256_set1_epi32((1 << bits) - 1) };
}
static inline __m256 unpack_8(const unpack *u, __m256i stream, int part)
{
    __m256i v = _mm256_srlv_epi32(_mm256_shuffle_epi8(stream, u->bytes[part]), u->shift[part]);
    return _mm256_cvtepi32_ps(_mm256_and_si256(v, u->mask));
}
static inline vf unpack_16(const unpack *u, __m128i stream)
{
    __m256i both = _mm256_broadcastsi128_si256(stream);
    return (vf){ unpack_8(u, both, 0), unpack_8(u, both, 1) };
}

/* Codes of small floats, one a byte, and floats of 16 halves: see x16/fp.h. */
typedef struct small_float {
    __m256i round, magic, one;
    __m256 top, least;
    __m128i shift, sign;
} small_float;
static inline small_float small_float_init(int shift, uint32_t round, uint32_t magic, float top,
                                           float least, int sign)
{
    return (small_float){ _mm256_set1_epi32((int)round), _mm256_set1_epi32((int)magic),
                          _mm256_set1_epi32(1),          _mm256_set1_ps(top),
                          _mm256_set1_ps(least),         _mm_cvtsi32_si128(shift),
                          _mm_cvtsi32_si128(sign) };
}
static inline __m128i small_float_8(const small_float *f, __m256 x)
{
    __m256 a = _mm256_min_ps(abs_8(x), f->top), magic = _mm256_castsi256_ps(f->magic);
    __m256i u = _mm256_castps_si256(a);
    __m256i odd = _mm256_and_si256(_mm256_srl_epi32(u, f->shift), f->one);
    u = _mm256_srl_epi32(_mm256_add_epi32(_mm256_add_epi32(u, odd), f->round), f->shift);
    __m256i low = _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(a, magic)), f->magic);
    __m256 below = _mm256_cmp_ps(a, f->least, _CMP_LT_OQ);
    u = _mm256_blendv_epi8(u, low, _mm256_castps_si256(below));
    __m256i sign = _mm256_srli_epi32(_mm256_castps_si256(x), 31);
    u = _mm256_or_si256(u, _mm256_sll_epi32(sign, f->sign));
    return _mm_packus_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1));
}
static inline __m128i vf_to_small_float(const small_float *f, vf x)
{
    return _mm_packus_epi16(small_float_8(f, x.a), small_float_8(f, x.b));
}
static inline vf vf_from_f16(__m256i h)
{
    return (vf){ _mm256_cvtph_ps(_mm256_castsi256_si128(h)),
                 _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1)) };
}
static inline vf vf_from_bf16(__m256i h)
{
    return (vf){ widen_bf16(_mm256_castsi256_si128(h)),
                 widen_bf16(_mm256_extracti128_si256(h, 1)) };
}

#endif
