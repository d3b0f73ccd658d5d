/* UTF-8: reading, writing, finding bad bytes, replacing them.
 * Bad bytes become one U+FFFD per maximal part of an ill-formed sequence (Unicode 15, section 3.9,
 * table 3-8), as Python's errors="replace" and Rust's from_utf8_lossy do.
 * Tested by tests/unit/test_tokenizer_text.c. */
#include "text/parts.h"

/* Length of the well-formed character at s (n >= 1 bytes are there); 0: well-formed so far, but the
 * text ends; -k: k bytes are an ill-formed part. */
static int char_len(const uint8_t *s, size_t n)
{
    uint8_t lo = 0x80, hi = 0xBF, c = s[0];
    int want;
    if (c < 0x80) return 1;
    if (c < 0xC2 || c > 0xF4) return -1;
    want = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c == 0xE0) lo = 0xA0;
    else if (c == 0xED) hi = 0x9F;
    else if (c == 0xF0) lo = 0x90;
    else if (c == 0xF4) hi = 0x8F;
    for (int i = 1; i < want; i++, lo = 0x80, hi = 0xBF) {
        if ((size_t)i >= n) return 0;
        if (s[i] < lo || s[i] > hi) return -i;
    }
    return want;
}

uint32_t cx__utf8_next(const char **s, const char *end)
{
    const uint8_t *p = (const uint8_t *)*s;
    (void)end;
    if (p[0] < 0x80) {
        *s += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *s += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *s += 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *s += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

size_t cx__utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t cx__utf8_bad(const char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint64_t eight;
        int n;
        if (len - i >= 8 && (memcpy(&eight, s + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        n = char_len((const uint8_t *)s + i, len - i);
        if (n <= 0) return i;
        i += (size_t)n;
    }
    return len;
}

bool cx__utf8_lossy(cx__buf *out, const char *s, size_t len, bool final, size_t *used)
{
    size_t at = 0;
    *used = 0;
    while (at < len) {
        size_t good = cx__utf8_bad(s + at, len - at);
        int n;
        if (!cx__buf_append(out, s + at, good)) return false;
        at += good;
        if (at == len) break;
        n = char_len((const uint8_t *)s + at, len - at);
        if (n == 0 && !final) break;
        if (!cx__buf_append(out, "\xEF\xBF\xBD", 3)) return false;
        at += n == 0 ? len - at : (size_t)-n;
    }
    *used = at;
    return true;
}
