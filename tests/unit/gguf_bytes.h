/* GGUF files in memory for tests, out of a line of words:
 *   h:VERSION,TENSORS,METADATA   magic, version, counts
 *   b: w: d: q:N                 8, 16, 32, 64 bits, little-endian; decimal, 0x..., negative
 *   f:X                          an f32
 *   s:TEXT                       a string with its length; s: alone is the empty one
 *   c:TEXT                       bytes as they are
 *   r:N z:N                      N bytes 'a', N zeros
 *   a:N                          zeros up to a multiple of N
 * A file of one tensor "w" [8] F32: "h:3,1,0 s:w d:1 q:8 d:0 q:0 a:32 z:32". */
#ifndef CX_TESTS_GGUF_BYTES_H
#define CX_TESTS_GGUF_BYTES_H

#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct gguf_bytes {
    uint8_t *data; /* freed by the test */
    size_t len;
} gguf_bytes;

static inline void gb_put(gguf_bytes *b, const void *data, size_t len)
{
    b->data = realloc(b->data, b->len + len + 1);
    CHECK(b->data != NULL);
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void gb_fill(gguf_bytes *b, char byte, size_t len)
{
    char *fill = malloc(len + 1);
    memset(fill, byte, len);
    gb_put(b, fill, len);
    free(fill);
}

static inline void gb_int(gguf_bytes *b, uint64_t v, int bytes)
{
    uint8_t le[8];
    for (int i = 0; i < 8; i++) le[i] = (uint8_t)(v >> 8 * i);
    gb_put(b, le, (size_t)bytes);
}

static inline uint64_t gb_number(const char *text)
{
    return *text == '-' ? (uint64_t)strtoll(text, NULL, 0) : strtoull(text, NULL, 0);
}

static inline void gb_word(gguf_bytes *b, char kind, const char *text, size_t len)
{
    float f;
    unsigned version, tensors, entries;
    switch (kind) {
    case 'h':
        CHECK_INT(sscanf(text, "%u,%u,%u", &version, &tensors, &entries), 3);
        gb_put(b, "GGUF", 4);
        gb_int(b, version, 4);
        gb_int(b, tensors, 8);
        gb_int(b, entries, 8);
        break;
    case 'b': gb_int(b, gb_number(text), 1); break;
    case 'w': gb_int(b, gb_number(text), 2); break;
    case 'd': gb_int(b, gb_number(text), 4); break;
    case 'q': gb_int(b, gb_number(text), 8); break;
    case 'f':
        f = strtof(text, NULL);
        gb_put(b, &f, sizeof f);
        break;
    case 's': gb_int(b, len, 8); /* and the text */ /* fallthrough */
    case 'c': gb_put(b, text, len); break;
    case 'r': gb_fill(b, 'a', (size_t)gb_number(text)); break;
    case 'z': gb_fill(b, 0, (size_t)gb_number(text)); break;
    case 'a':
        while (b->len % (size_t)gb_number(text)) gb_put(b, "", 1);
        break;
    default: fail_msg("no word '%c'", kind);
    }
}

static inline gguf_bytes gb_make(const char *words)
{
    gguf_bytes b = { NULL, 0 };
    gb_put(&b, "", 0);
    while (*words) {
        size_t len = strcspn(words, " ");
        char kind = words[0];
        CHECK(len == 0 || (len >= 2 && words[1] == ':'));
        if (len) gb_word(&b, kind, words + 2, len - 2);
        words += len + (words[len] == ' ');
    }
    return b;
}

#endif
