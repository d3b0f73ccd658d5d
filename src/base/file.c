/* Mapping, reading and writing whole files. Tested by tests/unit/test_base_file.c. */
#include "base/file.h"
#include "base/guard.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static cx_status fail_errno(const char *path, const char *verb)
{
    int e = errno;
    cx_status code = e == ENOENT || e == ENOTDIR ? CX_ENOTFOUND : e == ENOMEM ? CX_ENOMEM : CX_EIO;
    return CX_FAIL(code, "%s: cannot %s: %s", path, verb, strerror(e));
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static cx_status open_regular(const char *path, int *out, uint64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno(path, "open");
    if (fstat(fd, &st) != 0) {
        cx_status code = fail_errno(path, "examine");
        return close(fd), code;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 0) {
        close(fd);
        return CX_FAIL(CX_EIO, "%s: expected a regular file, found a %s", path,
                       S_ISDIR(st.st_mode) ? "folder" : "special file");
    }
    *out = fd;
    *size = (uint64_t)st.st_size;
    return CX_OK;
}

static cx_status map_bytes(cx__map *m, int fd)
{
    void *p = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return fail_errno(m->path, "map");
    m->data = p;
    m->guard = cx__guard_add(p, m->len);
    if (m->guard < 0) return CX_FAIL(CX_ELIMIT, "%s: too many mapped files", m->path);
    return CX_OK;
}

cx_status cx__map_open(const char *path, cx__map *out)
{
    cx__map m = { .guard = -1 };
    cx_status st;
    uint64_t size;
    int fd;
    CX_TRY(open_regular(path, &fd, &size));
    m.len = (size_t)size;
    if (m.len != size) {
        st = CX_FAIL(CX_ELIMIT, "%s: %" PRIu64 " bytes exceed the address space", path, size);
    } else if (!(m.path = cx__strdup(path))) {
        st = CX_FAIL(CX_ENOMEM, "%s: no memory for its name", path);
    } else {
        st = m.len ? map_bytes(&m, fd) : CX_OK;
    }
    close(fd);
    if (st != CX_OK) return cx__map_close(&m), st;
    *out = m;
    return CX_OK;
}

void cx__map_close(cx__map *m)
{
    if (m->data) {
        cx__guard_remove(m->guard);
        munmap((void *)(uintptr_t)m->data, m->len);
    }
    cx__free(m->path);
    *m = (cx__map){ .guard = -1 };
}

cx_status cx__map_check(const cx__map *m)
{
    if (!m->data || !cx__guard_broken(m->guard)) return CX_OK;
    return CX_FAIL(CX_EIO,
                   "%s: the file became shorter or unreadable while in use (%zu bytes "
                   "when opened)",
                   m->path, m->len);
}

void cx__map_prefetch(const cx__map *m, size_t offset, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), start = offset & ~(page - 1);
    if (offset >= m->len || !len) return;
    if (len > m->len - offset) len = m->len - offset;
    posix_madvise((void *)(uintptr_t)(m->data + start), len + (offset - start),
                  POSIX_MADV_WILLNEED);
}

static cx_status read_all(int fd, const char *path, char *to, size_t size, size_t *got)
{
    size_t at = 0;
    while (at < size) {
        ssize_t n = read(fd, to + at, size - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(path, "read");
        if (n == 0) break;
        at += (size_t)n;
    }
    *got = at;
    return CX_OK;
}

cx_status cx__read_file(const char *path, size_t max, char **out, size_t *len)
{
    cx_status st = CX_OK;
    uint64_t size;
    size_t got = 0;
    char *text = NULL;
    int fd;
    CX_TRY(open_regular(path, &fd, &size));
    if (size > max || size >= SIZE_MAX) {
        st = CX_FAIL(CX_ELIMIT, "%s: expected at most %zu bytes, found %" PRIu64, path, max, size);
    } else if (!(text = cx__alloc((size_t)size + 1))) {
        st = CX_FAIL(CX_ENOMEM, "%s: no memory for its %" PRIu64 " bytes", path, size);
    } else {
        st = read_all(fd, path, text, (size_t)size, &got);
    }
    close(fd);
    if (st != CX_OK) return cx__free(text), st;
    text[got] = '\0';
    *out = text;
    *len = got;
    return CX_OK;
}

bool cx__path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool cx__path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *cx__path_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    return cx__format("%s%s%s", dir, len && dir[len - 1] != '/' ? "/" : "", name);
}

cx_status cx__write_all(int fd, const void *data, size_t len, const char *path)
{
    const char *p = data;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(path, "write");
        p += n;
        len -= (size_t)n;
    }
    return CX_OK;
}

cx_status cx__pwrite_all(int fd, const void *data, size_t len, uint64_t offset, const char *path)
{
    const char *p = data;
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return CX_FAIL(CX_EARG, "%s: offset %" PRIu64 " is too large", path, offset);
    while (len) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(path, "write");
        p += n;
        offset += (size_t)n;
        len -= (size_t)n;
    }
    return CX_OK;
}

/* Down to the medium: on macOS fsync alone stops at the drive's cache. */
cx_status cx__fsync_fd(int fd, const char *path)
{
#ifdef F_FULLFSYNC
    if (fcntl(fd, F_FULLFSYNC) == 0) return CX_OK;
#endif
    return fsync(fd) == 0 ? CX_OK : fail_errno(path, "sync");
}

cx_status cx__fsync_path(const char *path)
{
    cx_status st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno(path, "open");
    st = cx__fsync_fd(fd, path);
    close(fd);
    return st;
}

static cx_status sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = !slash          ? cx__strdup(".")
                : slash == path ? cx__strdup("/")
                                : cx__strndup(path, (size_t)(slash - path));
    cx_status st;
    if (!dir) return CX_FAIL(CX_ENOMEM, "%s: no memory for its folder's name", path);
    st = cx__fsync_path(dir);
    cx__free(dir);
    return st;
}

static cx_status write_new(const char *path, const void *data, size_t len)
{
    cx_status st;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno(path, "create");
    st = cx__write_all(fd, data, len, path);
    if (st == CX_OK) st = cx__fsync_fd(fd, path);
    if (close(fd) != 0 && st == CX_OK) st = fail_errno(path, "close");
    if (st != CX_OK) unlink(path);
    return st;
}

/* Process id and counter make the temporary name new among live processes; what a killed process
 * with the same id left is removed. */
cx_status cx__write_file(const char *path, const void *data, size_t len)
{
    static atomic_uint counter;
    unsigned n = atomic_fetch_add(&counter, 1);
    char *temporary = cx__format("%s.tmp-%ld-%u", path, (long)getpid(), n);
    cx_status st;
    if (!temporary) return CX_FAIL(CX_ENOMEM, "%s: no memory for a temporary name", path);
    unlink(temporary);
    st = write_new(temporary, data, len);
    if (st == CX_OK && rename(temporary, path) != 0) {
        st = fail_errno(path, "rename a temporary file to it");
        unlink(temporary);
    }
    cx__free(temporary);
    return st == CX_OK ? sync_folder_of(path) : st;
}
