/* Zip archives whose entries are stored as they are. Used by torch_file.c.
 * Ours, although libzip is at hand: a checkpoint's tensors are used where the file is mapped, and
 * libzip tells no offsets, so it would copy every one; and it repairs what should be refused. */
#ifndef CX_FORMAT_ZIP_H
#define CX_FORMAT_ZIP_H

#include "base/base.h"

typedef struct zip_entry {
    const char *name; /* in the archive, not terminated */
    size_t name_len;
    const uint8_t *data; /* in the archive */
    size_t len;
    size_t begin, end; /* from the local header to behind the data */
    uint32_t crc;
    uint16_t flags;
} zip_entry;
typedef struct zip {
    zip_entry *entries; /* sorted by name, no name twice */
    size_t count;
} zip;

/* Entries of the archive `data` of `len` bytes, which `out` points into. Refused is what readers
 * may take in different ways: a name twice, a local header that differs from the central one, bytes
 * that no entry covers, entries that overlap, names that leave the archive; and what is not plain:
 * compression, encryption, several disks, a comment. Checksums are not looked at, since that would
 * read the whole file. `where` begins error sentences. CX_EFORMAT, CX_EUNSUPPORTED, CX_ELIMIT,
 * CX_ENOMEM. */
cx_status cx__zip_read(const uint8_t *data, size_t len, const char *where, zip *out);
void cx__zip_free(zip *z);
/* NULL if there is none. Borrowed. */
const zip_entry *cx__zip_find(const zip *z, const char *name, size_t name_len);

#endif
