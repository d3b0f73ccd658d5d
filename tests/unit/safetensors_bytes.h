/* Builds safetensors files in memory for tests. */
#ifndef CX_TESTS_SAFETENSORS_BYTES_H
#define CX_TESTS_SAFETENSORS_BYTES_H

#include "unit.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct st_bytes {
    uint8_t *data;
    size_t len;
} st_bytes;

/* length, header, then `data` bytes that count 0, 1, 2, ... Freed by free(b.data). */
static inline st_bytes st_make(const char *header, size_t header_len, uint64_t length, size_t data)
{
    st_bytes b = { malloc(8 + header_len + data + 1), 8 + header_len + data };
    CHECK(b.data != NULL);
    for (int i = 0; i < 8; i++) b.data[i] = (uint8_t)(length >> (8 * i));
    memcpy(b.data + 8, header, header_len);
    for (size_t i = 0; i < data; i++) b.data[8 + header_len + i] = (uint8_t)i;
    return b;
}

static inline st_bytes st_text(const char *header, size_t data)
{
    return st_make(header, strlen(header), strlen(header), data);
}

#endif
