/* Mapped files that survive truncation, bounded reading, durable writing. Via base/base.h. */
#ifndef CX_BASE_FILE_H
#define CX_BASE_FILE_H

#include "base/alloc.h"
#include <sys/stat.h>

/* A whole file mapped read-only. If the file shrinks under the mapping, a SIGBUS handler puts
 * zero pages there and sets `broken`; cx__map_check then reports CX_EIO. */
typedef struct cx__map {
    const uint8_t *data; /* page aligned; NULL if len is 0 */
    size_t len;
    char *path; /* owned */
    int guard;  /* slot in the guard table, -1 if none */
} cx__map;
cx_status cx__map_open(const char *path, cx__map *out); /* regular files only */
void cx__map_close(cx__map *m);                         /* accepts a zeroed struct */
cx_status cx__map_check(const cx__map *m);              /* CX_EIO after a fault in this map */
void cx__map_prefetch(const cx__map *m, size_t offset, size_t len); /* advice only */

/* Reads a whole regular file of at most `max` bytes; NUL-terminated, *out owned by the caller. */
cx_status cx__read_file(const char *path, size_t max, char **out, size_t *len);
bool cx__path_exists(const char *path);
bool cx__path_is_dir(const char *path);
char *cx__path_join(const char *dir, const char *name); /* owned or NULL */

/* Bounded little-endian reader over memory. Every get fails (false) at the end, none reads past. */
typedef struct cx__reader {
    const uint8_t *data;
    size_t len, at;
} cx__reader;
bool cx__read_u8(cx__reader *r, uint8_t *out);
bool cx__read_u16(cx__reader *r, uint16_t *out);
bool cx__read_u32(cx__reader *r, uint32_t *out);
bool cx__read_u64(cx__reader *r, uint64_t *out);
bool cx__read_bytes(cx__reader *r, size_t len, const uint8_t **out); /* borrowed */

/* Writes a new file `path` with given content: to a temporary beside it, fsync, rename, fsync of
 * the folder. The old file or the new one is there after a kill at any time. */
cx_status cx__write_file(const char *path, const void *data, size_t len);
cx_status cx__write_all(int fd, const void *data, size_t len, const char *path);
cx_status cx__pwrite_all(int fd, const void *data, size_t len, uint64_t offset, const char *path);
cx_status cx__fsync_fd(int fd, const char *path);
cx_status cx__fsync_path(const char *path);  /* file or folder */
cx_status cx__remove_tree(const char *path); /* folder with plain files and folders; no links
                                               * followed; missing path is success */
#endif
