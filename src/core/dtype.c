/* Element types: names, sizes, scalar conversion. Tested by tests/unit/test_core.c. */
#include "core/core.h"
#include <stdio.h>

static const struct {
    const char *name;
    size_t size;
} types[CX_DTYPES] = {
    [CX_BOOL] = { "BOOL", 1 },       [CX_U8] = { "U8", 1 },
    [CX_I8] = { "I8", 1 },           [CX_U16] = { "U16", 2 },
    [CX_I16] = { "I16", 2 },         [CX_U32] = { "U32", 4 },
    [CX_I32] = { "I32", 4 },         [CX_U64] = { "U64", 8 },
    [CX_I64] = { "I64", 8 },         [CX_F16] = { "F16", 2 },
    [CX_BF16] = { "BF16", 2 },       [CX_F32] = { "F32", 4 },
    [CX_F64] = { "F64", 8 },         [CX_C64] = { "C64", 8 },
    [CX_F8_E4M3] = { "F8_E4M3", 1 }, [CX_F8_E5M2] = { "F8_E5M2", 1 },
    [CX_F8_E8M0] = { "F8_E8M0", 1 },
};

static bool valid(cx_dtype dtype)
{
    return (unsigned)dtype < CX_DTYPES;
}

size_t cx_dtype_size(cx_dtype dtype)
{
    return valid(dtype) ? types[dtype].size : 0;
}

const char *cx_dtype_name(cx_dtype dtype)
{
    return valid(dtype) ? types[dtype].name : "?";
}

cx_status cx_dtype_parse(const char *name, cx_dtype *out)
{
    for (int i = 0; i < CX_DTYPES; i++)
        if (!strcmp(name, types[i].name)) return *out = (cx_dtype)i, CX_OK;
    return CX_FAIL(CX_ETYPE, "unknown dtype '%s'", name);
}

uint16_t cx__f32_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float cx__f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 0x3ff, u;
    float f;
    if (exp == 0) { /* zero and subnormals: man * 2^-24 is exact in f32 */
        f = (float)man * 0x1p-24f;
        memcpy(&u, &f, sizeof u);
        u |= sign;
    } else {
        u = sign | (exp == 31 ? 0x7f800000u : (exp + 112) << 23) | man << 13;
    }
    memcpy(&f, &u, sizeof f);
    return f;
}

uint16_t cx__f32_to_f16(float f)
{
    uint32_t u, a, sign;
    memcpy(&u, &f, sizeof u);
    sign = u >> 16 & 0x8000;
    a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x1ff));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to inf */
    if (a < 0x38800000u) { /* below 2^-14: the add rounds at the subnormal's last bit, 2^-24 */
        float g;
        memcpy(&g, &a, sizeof g);
        g += 0.5f; /* ulp of [0.5, 1) is 2^-24 */
        memcpy(&a, &g, sizeof a);
        return (uint16_t)(sign | (a - 0x3f000000u));
    }
    a += 0xfff + (a >> 13 & 1);
    return (uint16_t)(sign | ((a - 0x38000000u) >> 13));
}

float cx__tensor_f32(const cx_tensor *t, size_t i)
{
    const uint8_t *p = (const uint8_t *)t->data + i * cx_dtype_size(t->dtype);
    uint16_t h;
    float f;
    double d;
    switch (t->dtype) {
    case CX_F16: memcpy(&h, p, 2); return cx__f16_to_f32(h);
    case CX_BF16: memcpy(&h, p, 2); return cx__bf16_to_f32(h);
    case CX_F64: memcpy(&d, p, 8); return (float)d;
    default: memcpy(&f, p, 4); return f;
    }
}

bool cx__tensor_count(const cx_tensor *t, size_t *out)
{
    size_t n = 1;
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] < 0 || !cx__mul(n, (size_t)t->shape[i], &n)) return false;
    *out = n;
    return true;
}

const char *cx__tensor_text(const cx_tensor *t, char *out, size_t len)
{
    size_t at = 0;
    for (int i = 0; i < t->ndim && at < len; i++)
        at += (size_t)snprintf(out + at, len - at, "%s%lld", i ? ", " : "[",
                               (long long)t->shape[i]);
    if (at < len)
        snprintf(out + at, len - at, "%s %s", t->ndim ? "]" : "[]", cx_dtype_name(t->dtype));
    return out;
}
