/* Builds PyTorch checkpoints in memory for tests, byte by byte. */
#ifndef CX_TESTS_TORCH_BYTES_H
#define CX_TESTS_TORCH_BYTES_H

#include "unit.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct tb {
    uint8_t *data; /* freed by free */
    size_t len;
} tb;

static inline void tb_put(tb *b, const void *data, size_t len)
{
    b->data = realloc(b->data, b->len + len + 1);
    CHECK(b->data != NULL);
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void tb_le(tb *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) tb_put(b, &(uint8_t){ (uint8_t)(v >> (8 * i)) }, 1);
}

static inline void tb_poke(tb *b, size_t at, uint64_t v, int bytes)
{
    CHECK(at + (size_t)bytes <= b->len);
    for (int i = 0; i < bytes; i++) b->data[at + (size_t)i] = (uint8_t)(v >> (8 * i));
}

typedef struct tb_entry {
    const char *name;
    const void *data;
    size_t len;
} tb_entry;
#define TB_ENTRIES 8
typedef struct tb_zip {
    tb b;
    size_t local[TB_ENTRIES], central[TB_ENTRIES], dir, end; /* positions of headers */
} tb_zip;

/* An archive without descriptors and without zip64. */
static inline tb_zip tb_archive(const tb_entry *e, size_t count)
{
    tb_zip z = { .b = { NULL, 0 } };
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(e[i].name);
        z.local[i] = z.b.len;
        tb_put(&z.b, "PK\3\4\0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44", 18);
        tb_le(&z.b, e[i].len, 4);
        tb_le(&z.b, e[i].len, 4);
        tb_le(&z.b, n, 4);
        tb_put(&z.b, e[i].name, n);
        tb_put(&z.b, e[i].data, e[i].len);
    }
    z.dir = z.b.len;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(e[i].name);
        z.central[i] = z.b.len;
        tb_put(&z.b, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44", 20);
        tb_le(&z.b, e[i].len, 4);
        tb_le(&z.b, e[i].len, 4);
        tb_le(&z.b, n, 4);
        tb_le(&z.b, 0, 8); /* extra's upper half .. attributes: all zero */
        tb_le(&z.b, 0, 2);
        tb_le(&z.b, z.local[i], 4);
        tb_put(&z.b, e[i].name, n);
    }
    z.end = z.b.len;
    tb_put(&z.b, "PK\5\6\0\0\0\0", 8);
    tb_le(&z.b, count, 2);
    tb_le(&z.b, count, 2);
    tb_le(&z.b, z.end - z.dir, 4);
    tb_le(&z.b, z.dir, 4);
    tb_le(&z.b, 0, 2);
    return z;
}

/* Pickles of protocol 2. */
#define TB_STORAGE(type, numel) "(X\7\0\0\0storagec" type "\nX\1\0\0\0000X\3\0\0\0cpu" numel "tQ"
#define TB_DICT "ccollections\nOrderedDict\n)R"
#define TB_V2 "ctorch._utils\n_rebuild_tensor_v2\n"
#define TB_V3 "ctorch._utils\n_rebuild_tensor_v3\n"
#define TB_FLOATS TB_STORAGE("torch\nFloatStorage", "K\4")
/* Four floats in storage '0', seen with an offset, a shape, a stride. */
#define TB_TENSOR(offset, shape, stride) TB_V2 "(" TB_FLOATS offset shape stride "\x89" TB_DICT "tR"
#define TB_GOOD TB_TENSOR("K\0", "K\4\x85", "K\1\x85")
/* {"a": value} */
#define TB_A(value) "\x80\2}X\1\0\0\0a" value "s."

#endif
