/* Kernels written once over 16 f32 lanes. The headers of this folder hold whole families; a file
 * x86/<family>_<isa>.c includes math_<isa>.h, which gives the vocabulary, and then the family.
 * Each variant so computes the formulas of ref/ lane by lane, in the same order: the same bits.
 *
 * Vocabulary, beside the obvious: vf 16 floats, vm a mask of 16; X16(slot) the function's name;
 *   vf_load_n, vf_store_n      touch only the first n <= 16 lanes; the others load as +0
 *   vf_keep_n                  lanes from n on become +0
 *   vf_max(a, b)               a > b ? a : b, so that b is given where one is NaN; vf_min likewise
 *   vf_fma, vf_fms             a * b + c, a * b - c, rounded once
 *   vf_fmaddsub                a * b - c in even lanes, + c in odd lanes
 *   vf_load_twice              8 floats, each in two neighbouring lanes
 *   vf_top, vf_low             largest, smallest lane; no lane is NaN
 *   vf_sum_4                   lane sums of four vectors, each from left to right */
#ifndef CX_KERNELS_X16_MATH_H
#define CX_KERNELS_X16_MATH_H

/* Loops over register tiles must be unrolled, or the tile lives in memory. */
#define X16_UNROLL _Pragma("GCC unroll 16")
#define X16_INLINE static inline __attribute__((always_inline))

/* cx__exp_scalar of each lane; ref/math.c says why it is right. */
static inline vf vf_exp(vf x)
{
    const vf magic = vf_set(0x1.8p23f);
    x = vf_min(vf_set(89.0f), vf_max(vf_set(-104.0f), x));
    vf t = vf_fma(x, vf_set(0x1.715476p+0f), magic), n = vf_sub(t, magic);
    vf r = vf_fma(n, vf_set(-0x1.62e430p-1f), x);
    r = vf_fma(n, vf_set(0x1.05c610p-29f), r);
    vf p = vf_set(0x1.6a2342p-10f);
    p = vf_fma(p, r, vf_set(0x1.123a6cp-7f));
    p = vf_fma(p, r, vf_set(0x1.5558f4p-5f));
    p = vf_fma(p, r, vf_set(0x1.555490p-3f));
    p = vf_fma(p, r, vf_set(0x1.fffffcp-2f));
    p = vf_add(vf_set(1.0f), vf_fma(p, vf_mul(r, r), r));
    return vf_scale_2(p, n, t);
}

/* cx__tanh_scalar */
static inline vf vf_tanh(vf x)
{
    const vf one = vf_set(1.0f);
    vf a = vf_abs(x), z = vf_mul(x, x), p = vf_set(-0x1.743278p-8f);
    p = vf_fma(p, z, vf_set(0x1.51ce90p-6f));
    p = vf_fma(p, z, vf_set(-0x1.b83058p-5f));
    p = vf_fma(p, z, vf_set(0x1.1106d8p-3f));
    p = vf_fma(p, z, vf_set(-0x1.555532p-2f));
    p = vf_fma(x, vf_mul(z, p), x);
    vf big = vf_sub(one, vf_div(vf_set(2.0f), vf_add(vf_exp(vf_add(a, a)), one)));
    return vf_select(vf_less(a, vf_set(0.625f)), p, vf_or(big, vf_sign(x)));
}

/* cx__normal_tail_scalar */
static inline vf vf_normal_tail(vf x)
{
    vf a = vf_min(vf_set(15.0f), vf_abs(x)), sq = vf_mul(a, a), err = vf_fms(a, a, sq);
    vf e = vf_exp(vf_mul(vf_set(-0.5f), sq));
    e = vf_fma(e, vf_mul(vf_set(-0.5f), err), e);
    vf u = vf_div(vf_set(1.0f), vf_fma(vf_set(0.3f), a, vf_set(1.0f)));
    vf p = vf_set(-0x1.51f722p-6f);
    p = vf_fma(p, u, vf_set(0x1.cca1f2p-4f));
    p = vf_fma(p, u, vf_set(-0x1.d37ed6p-3f));
    p = vf_fma(p, u, vf_set(0x1.88ed7cp-3f));
    p = vf_fma(p, u, vf_set(-0x1.459306p-4f));
    p = vf_fma(p, u, vf_set(0x1.89ff04p-4f));
    p = vf_fma(p, u, vf_set(0x1.41094ap-4f));
    p = vf_fma(p, u, vf_set(0x1.c388d6p-4f));
    p = vf_fma(p, u, vf_set(0x1.e9c3d2p-4f));
    p = vf_fma(p, u, vf_set(0x1.ea3c9cp-4f));
    return vf_mul(e, vf_mul(u, p));
}

static inline float vf_sum(vf a)
{
    float sum[4];
    vf_sum_4(sum, a, a, a, a);
    return sum[0];
}

/* n <= 16 values of F32, F16 or BF16, `at` elements behind p; the other lanes are +0. */
X16_INLINE vf vf_load_as_n(const void *p, size_t at, size_t n, cx_dtype dtype)
{
    if (dtype == CX_F32) return vf_load_n((const float *)p + at, n);
    const uint16_t *h = (const uint16_t *)p + at;
    return dtype == CX_F16 ? vf_load_f16_n(h, n) : vf_load_bf16_n(h, n);
}

X16_INLINE vf vf_load_as(const void *p, size_t at, cx_dtype dtype)
{
    return vf_load_as_n(p, at, 16, dtype);
}

#endif
