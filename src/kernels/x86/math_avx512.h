/* The 16-lane vocabulary of kernels/x16 for AVX-512: a vf is one register. x16/math.h lists what
 * each word means. */
#ifndef CX_KERNELS_MATH_AVX512_H
#define CX_KERNELS_MATH_AVX512_H

#include "kernels/variants.h"
#include <immintrin.h>

#define X16(slot) cx__##slot##_avx512
/* Register tiles (of 32 registers), see x16/fgemm.h and x16/attend.h. */
#define X16_GEMM_W 4
#define X16_GEMM_X 4
#define X16_GEMM_W1 4
#define X16_ATTEND_Q 4
#define X16_ATTEND_V 4

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline __mmask16 vm_n(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vf vf_set(float f)
{
    return _mm512_set1_ps(f);
}
static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline vf vf_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vm_n(n), p);
}
static inline void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}
static inline void vf_store_n(float *p, vf a, size_t n)
{
    _mm512_mask_storeu_ps(p, vm_n(n), a);
}
static inline vf vf_keep_n(vf a, size_t n)
{
    return _mm512_maskz_mov_ps(vm_n(n), a);
}

static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_fms(vf a, vf b, vf c)
{
    return _mm512_fmsub_ps(a, b, c);
}
static inline vf vf_fmaddsub(vf a, vf b, vf c)
{
    return _mm512_fmaddsub_ps(a, b, c);
}
static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
static inline vf vf_abs(vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
static inline vf vf_sign(vf a)
{
    return _mm512_and_ps(_mm512_set1_ps(-0.0f), a);
}
static inline vf vf_or(vf a, vf b)
{
    return _mm512_or_ps(a, b);
}
static inline vf vf_rint(vf a)
{
    return _mm512_roundscale_ps(a, 8);
}
static inline vf vf_trunc(vf a)
{
    return _mm512_roundscale_ps(a, 11);
}

static inline vm vf_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline vm vf_equal(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline vf vf_select(vm m, vf yes, vf no)
{
    return _mm512_mask_mov_ps(no, m, yes);
}
static inline unsigned vm_bits(vm m)
{
    return m;
}
static inline vm vm_from_bits(unsigned bits)
{
    return (__mmask16)bits;
}

/* a * 2^n where t = n + 1.5 * 2^23: see vf_exp */
static inline vf vf_scale_2(vf a, vf n, vf t)
{
    (void)t;
    return _mm512_scalef_ps(a, n);
}

static inline vf vf_swap_pairs(vf a)
{
    return _mm512_permute_ps(a, 0xb1);
}
static inline vf vf_load_twice(const float *p)
{
    __m512i each = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    return _mm512_permutexvar_ps(each, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}

static inline __m256i load_16x16(const void *p)
{
    return _mm256_loadu_si256(p);
}
static inline __m256i load_16x16_n(const void *p, size_t n)
{
    return _mm256_maskz_loadu_epi16(vm_n(n), p);
}
static inline vf widen_bf16(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static inline vf vf_load_f16(const void *p)
{
    return _mm512_cvtph_ps(load_16x16(p));
}
static inline vf vf_load_f16_n(const void *p, size_t n)
{
    return _mm512_cvtph_ps(load_16x16_n(p, n));
}
static inline vf vf_load_bf16(const void *p)
{
    return widen_bf16(load_16x16(p));
}
static inline vf vf_load_bf16_n(const void *p, size_t n)
{
    return widen_bf16(load_16x16_n(p, n));
}

static inline __m256i narrow_f16(vf a)
{
    return _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT);
}
static inline __m256i narrow_bf16(vf a)
{
    __m512i u = _mm512_castps_si512(a), high = _mm512_srli_epi32(u, 16);
    __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    r = _mm512_srli_epi32(r, 16);
    __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(
        _mm512_mask_or_epi32(r, nan, high, _mm512_set1_epi32(0x40))); /* quiet */
}
static inline void vf_store_f16_n(void *p, vf a, size_t n)
{
    _mm256_mask_storeu_epi16(p, vm_n(n), narrow_f16(a));
}
static inline void vf_store_bf16_n(void *p, vf a, size_t n)
{
    _mm256_mask_storeu_epi16(p, vm_n(n), narrow_bf16(a));
}

static inline float vf_top(vf a)
{
    return _mm512_reduce_max_ps(a);
}
static inline float vf_low(vf a)
{
    return _mm512_reduce_min_ps(a);
}

static inline void vf_sum_4(float out[4], vf a, vf b, vf c, vf d)
{
    __m512 ab0 = _mm512_unpacklo_ps(a, b), ab1 = _mm512_unpackhi_ps(a, b);
    __m512 cd0 = _mm512_unpacklo_ps(c, d), cd1 = _mm512_unpackhi_ps(c, d);
    __m512 lane[4] = { _mm512_shuffle_ps(ab0, cd0, 0x44), _mm512_shuffle_ps(ab0, cd0, 0xee),
                       _mm512_shuffle_ps(ab1, cd1, 0x44), _mm512_shuffle_ps(ab1, cd1, 0xee) };
    __m128 sum = _mm512_castps512_ps128(lane[0]);
    for (int l = 1; l < 4; l++) sum = _mm_add_ps(sum, _mm512_castps512_ps128(lane[l]));
    for (int l = 0; l < 4; l++) sum = _mm_add_ps(sum, _mm512_extractf32x4_ps(lane[l], 1));
    for (int l = 0; l < 4; l++) sum = _mm_add_ps(sum, _mm512_extractf32x4_ps(lane[l], 2));
    for (int l = 0; l < 4; l++) sum = _mm_add_ps(sum, _mm512_extractf32x4_ps(lane[l], 3));
    _mm_storeu_ps(out, sum);
}

/* Integral values 0..255 as bytes, and 16 codes of `bits` bits as floats: see x16/affine.h. */
static inline __m128i vf_to_bytes(vf a)
{
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a));
}
typedef struct unpack {
    __m512i bytes, shift, mask;
} unpack;
static inline unpack unpack_init(const uint8_t bytes[64], const uint32_t shift[16], int bits)
{
    return (unpack){ _mm512_loadu_si512(bytes), _mm512_loadu_si512(shift),
                     _mm512_set1_epi32((1 << bits) - 1) };
}
static inline vf unpack_16(const unpack *u, __m128i stream)
{
    __m512i v = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(stream), u->bytes);
    return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srlv_epi32(v, u->shift), u->mask));
}

/* Codes of small floats, one a byte, and floats of 16 halves: see x16/fp.h. */
typedef struct small_float {
    __m512i round, magic, one;
    __m512 top, least;
    __m128i shift, sign;
} small_float;
static inline small_float small_float_init(int shift, uint32_t round, uint32_t magic, float top,
                                           float least, int sign)
{
    return (small_float){ _mm512_set1_epi32((int)round), _mm512_set1_epi32((int)magic),
                          _mm512_set1_epi32(1),          _mm512_set1_ps(top),
                          _mm512_set1_ps(least),         _mm_cvtsi32_si128(shift),
                          _mm_cvtsi32_si128(sign) };
}
static inline __m128i vf_to_small_float(const small_float *f, vf x)
{
    vf a = vf_min(vf_abs(x), f->top), magic = _mm512_castsi512_ps(f->magic);
    __m512i u = _mm512_castps_si512(a);
    __m512i odd = _mm512_and_si512(_mm512_srl_epi32(u, f->shift), f->one);
    u = _mm512_srl_epi32(_mm512_add_epi32(_mm512_add_epi32(u, odd), f->round), f->shift);
    __m512i low = _mm512_castps_si512(vf_add(a, magic));
    u = _mm512_mask_sub_epi32(u, vf_less(a, f->least), low, f->magic);
    __m512i sign = _mm512_srli_epi32(_mm512_castps_si512(x), 31);
    return _mm512_cvtepi32_epi8(_mm512_or_si512(u, _mm512_sll_epi32(sign, f->sign)));
}
static inline vf vf_from_f16(__m256i h)
{
    return _mm512_cvtph_ps(h);
}
static inline vf vf_from_bf16(__m256i h)
{
    return widen_bf16(h);
}

#endif
