/* Bulk conversions over 16 lanes. Specification: ref/convert.c. */
#include "kernels/x16/math.h"

#define TO_F32(slot, dtype)                                                                        \
    void X16(slot)(float *y, const void *x, size_t n)                                              \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) vf_store(y + i, vf_load_as(x, i, dtype));                     \
        if (i < n) vf_store_n(y + i, vf_load_as_n(x, i, n - i, dtype), n - i);                     \
    }
TO_F32(f16_to_f32, CX_F16)
TO_F32(bf16_to_f32, CX_BF16)

#define FROM_F32(slot, store_n)                                                                    \
    void X16(slot)(void *y, const float *x, size_t n)                                              \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) store_n((uint16_t *)y + i, vf_load(x + i), 16);               \
        if (i < n) store_n((uint16_t *)y + i, vf_load_n(x + i, n - i), n - i);                     \
    }
FROM_F32(f32_to_f16, vf_store_f16_n)
FROM_F32(f32_to_bf16, vf_store_bf16_n)
