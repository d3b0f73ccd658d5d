/* XXH3-64 of memory, of tensors in pieces, of files. The library's code is compiled in here,
 * because only then is the size of its state known. */
#define XXH_INLINE_ALL
#include "convert/hash.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t cx__hash(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

void cx__hash_text(uint64_t hash, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, hash);
}

uint64_t cx__hash_of_pieces(const uint64_t *hashes, size_t count, size_t stride)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (size_t i = 0; i < count; i++) {
        uint64_t le = htole64(hashes[i * stride]);
        XXH3_64bits_update(&state, &le, sizeof le);
    }
    return XXH3_64bits_digest(&state);
}

static cx_status fail_errno(const char *path, const char *verb)
{
    int e = errno;
    return CX_FAIL(e == ENOENT ? CX_ENOTFOUND : CX_EIO, "%s: cannot %s: %s", path, verb,
                   strerror(e));
}

cx_status cx__hash_copy(const char *from, size_t len, int to, const char *to_path, uint64_t *hash)
{
    enum { PART = 1 << 18 };
    uint8_t *part = cx__alloc(PART);
    XXH3_state_t state;
    cx_status st = CX_OK;
    ssize_t n = 1;
    if (!part) return CX_FAIL(CX_ENOMEM, "%s: no memory to read it", from);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0) st = fail_errno(from, "open");
    XXH3_64bits_reset(&state);
    while (st == CX_OK && n != 0 && len > 0) {
        n = read(fd, part, len < PART ? len : PART);
        if (n < 0) {
            if (errno != EINTR) st = fail_errno(from, "read");
            continue;
        }
        XXH3_64bits_update(&state, part, (size_t)n);
        if (to >= 0) st = cx__write_all(to, part, (size_t)n, to_path);
        len -= (size_t)n;
    }
    if (fd >= 0) close(fd);
    cx__free(part);
    *hash = XXH3_64bits_digest(&state);
    return st;
}
