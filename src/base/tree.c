/* Removal of a folder with all it holds. Tested by tests/unit/test_base_file.c. */
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static cx_status fail_remove(const char *path)
{
    return CX_FAIL(CX_EIO, "%s: cannot remove: %s", path, strerror(errno));
}

/* Opens without following a link in the last place. */
static DIR *open_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !d) close(fd);
    return d;
}

/* Unlinks what is not a folder in `path`. At the first folder: appends its name to `path` and sets
 * *deeper. The path's maximum bounds the depth. */
static cx_status sweep(cx__buf *path, bool *deeper)
{
    DIR *d = open_dir(path->data);
    const struct dirent *e;
    cx_status st = CX_OK;
    struct stat info;
    *deeper = false;
    if (!d) return fail_remove(path->data);
    while (st == CX_OK && !*deeper && (e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (fstatat(dirfd(d), e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) st = fail_remove(path->data);
        } else if (S_ISDIR(info.st_mode)) {
            *deeper = true;
            if (!cx__buf_putc(path, '/') || !cx__buf_puts(path, e->d_name))
                st = CX_FAIL(CX_ELIMIT, "%s: path too long", path->data);
        } else if (unlinkat(dirfd(d), e->d_name, 0) != 0 && errno != ENOENT) {
            st = fail_remove(path->data);
        }
    }
    closedir(d);
    return st;
}

cx_status cx__remove_tree(const char *root)
{
    cx__buf path = { .max = PATH_MAX };
    cx_status st = CX_OK;
    size_t base = strlen(root);
    struct stat info;
    bool deeper;
    if (lstat(root, &info) != 0) return errno == ENOENT ? CX_OK : fail_remove(root);
    if (!S_ISDIR(info.st_mode)) return unlink(root) == 0 ? CX_OK : fail_remove(root);
    if (!cx__buf_puts(&path, root)) st = CX_FAIL(CX_ENOMEM, "%s: no memory for its name", root);
    while (st == CX_OK && path.len >= base) {
        if ((st = sweep(&path, &deeper)) != CX_OK || deeper) continue;
        if (rmdir(path.data) != 0) st = fail_remove(path.data);
        if (path.len == base) break;
        path.len = (size_t)(strrchr(path.data, '/') - path.data);
        path.data[path.len] = '\0';
    }
    cx__buf_free(&path);
    return st;
}
