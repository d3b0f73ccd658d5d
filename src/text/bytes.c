/* The alphabet of byte-level vocabularies: 188 bytes that print stand for themselves as code
 * points, the other 68 in order for U+0100 to U+0143. Source: GPT-2's bytes_to_unicode. */
#include "text/parts.h"

static bool prints(unsigned b)
{
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

/* Bytes that do not print, in order: 0..32, 127..160, 173. */
static uint32_t char_of(unsigned b)
{
    if (prints(b)) return b;
    if (b <= 32) return 0x100 + b;
    if (b <= 160) return 0x100 + 33 + (b - 127);
    return 0x100 + 67;
}

int cx__bytes_decode(uint32_t c)
{
    if (c < 0x100) return prints(c) ? (int)c : -1;
    if (c <= 0x120) return (int)(c - 0x100);
    if (c <= 0x142) return (int)(c - 0x121 + 127);
    return c == 0x143 ? 173 : -1;
}

bool cx__bytes_encode(cx__buf *out, const char *s, size_t len)
{
    char chunk[256];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (n > sizeof chunk - 4) {
            if (!cx__buf_append(out, chunk, n)) return false;
            n = 0;
        }
        n += cx__utf8_put(char_of((uint8_t)s[i]), chunk + n);
    }
    return cx__buf_append(out, chunk, n);
}
