/* Bounded little-endian reader. Tested by tests/unit/test_base_file.c. */
#include "base/file.h"

bool cx__read_bytes(cx__reader *r, size_t len, const uint8_t **out)
{
    if (r->at > r->len || len > r->len - r->at) return false;
    *out = r->data + r->at;
    r->at += len;
    return true;
}

static bool little(cx__reader *r, size_t len, uint64_t *out)
{
    const uint8_t *p;
    uint64_t v = 0;
    if (!cx__read_bytes(r, len, &p)) return false;
    for (size_t i = 0; i < len; i++) v |= (uint64_t)p[i] << (8 * i);
    *out = v;
    return true;
}

bool cx__read_u8(cx__reader *r, uint8_t *out)
{
    uint64_t v;
    return little(r, 1, &v) && (*out = (uint8_t)v, true);
}

bool cx__read_u16(cx__reader *r, uint16_t *out)
{
    uint64_t v;
    return little(r, 2, &v) && (*out = (uint16_t)v, true);
}

bool cx__read_u32(cx__reader *r, uint32_t *out)
{
    uint64_t v;
    return little(r, 4, &v) && (*out = (uint32_t)v, true);
}

bool cx__read_u64(cx__reader *r, uint64_t *out)
{
    return little(r, 8, out);
}
