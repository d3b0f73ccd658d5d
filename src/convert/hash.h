/* Hashes: XXH3-64. */
#ifndef CX_CONVERT_HASH_H
#define CX_CONVERT_HASH_H

#include "base/base.h"

uint64_t cx__hash(const void *data, size_t len);
/* 16 lower-case hexadecimal digits. */
void cx__hash_text(uint64_t hash, char out[17]);
/* Hash of a tensor from those of its pieces, which lie `stride` apart: of their 8 bytes each,
 * little-endian, in order. */
uint64_t cx__hash_of_pieces(const uint64_t *hashes, size_t count, size_t stride);
/* Hash of a file's first `len` bytes (SIZE_MAX: all), which also go to descriptor `to`, whose path
 * is to_path, unless to is -1. */
cx_status cx__hash_copy(const char *from, size_t len, int to, const char *to_path, uint64_t *hash);

#endif
