/* Building a folder aside and renaming it. Tested by tests/unit/test_convert_files.c, and by
 * tests/oracle/kill.sh with kill -9 at each system call. */
#include "convert/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static cx_status fail_errno(const char *path, const char *verb)
{
    int e = errno;
    return CX_FAIL(e == ENOMEM ? CX_ENOMEM : CX_EIO, "%s: cannot %s: %s", path, verb, strerror(e));
}

static cx_status no_memory(const char *target)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its path", target);
}

/* "a/b/NAME//" -> "a/b", "NAME"; "NAME" -> ".", "NAME". */
static cx_status split(const char *target, cx__stage *s)
{
    size_t len = strlen(target), at;
    while (len > 1 && target[len - 1] == '/') len--;
    for (at = len; at > 0 && target[at - 1] != '/'; at--) {}
    const char *name = target + at;
    if (len == 0 || len == at || !strncmp(name, ".", len - at) || !strncmp(name, "..", len - at))
        return CX_FAIL(CX_EARG, "'%s': expected the name of a folder to write", target);
    if (len - at > 200) return CX_FAIL(CX_EARG, "'%s': the name is longer than 200 bytes", target);
    s->target = cx__strndup(target, len);
    s->name = cx__strndup(name, len - at);
    s->parent = at == 0 ? cx__strdup(".") : cx__strndup(target, at > 1 ? at - 1 : 1);
    if (s->name && s->parent && s->target)
        s->path = cx__format("%s/.%s.tmp-%ld", s->parent, s->name, (long)getpid());
    return s->path ? CX_OK : no_memory(target);
}

/* Makes parent and what is missing above it, counted in s->made. */
static cx_status make_parents(cx__stage *s)
{
    char *path = cx__strdup(s->parent);
    cx_status st = path ? CX_OK : no_memory(s->target);
    for (char *at = path; st == CX_OK && at && *at; at += strspn(at, "/")) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char end = *at;
        *at = '\0';
        if (mkdir(path, 0777) == 0) s->made++;
        else if (!cx__path_is_dir(path)) st = fail_errno(path, "make this folder");
        *at = end;
    }
    cx__free(path);
    return st;
}

/* Removes the s->made folders above the target again; those in use stay. */
static void remove_parents(cx__stage *s)
{
    for (; s->made > 0; s->made--) {
        if (rmdir(s->parent) != 0) return;
        char *slash = strrchr(s->parent, '/');
        if (!slash) return;
        while (slash > s->parent && slash[-1] == '/') slash--;
        *slash = '\0';
    }
}

/* Removes a temporary folder if the process that made it is gone. */
static void remove_stale(const char *path, long pid)
{
    bool gone = pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
    int fd = gone ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0) return;
    /* A lock that cannot be had is held by a process that this one cannot see (a container). */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        if (cx__remove_tree(path) != CX_OK)
            cx__log(CX_LOG_WARN, "%s: left by a stopped run, and cannot be removed", path);
    }
    close(fd);
}

static void clean_debris(const cx__stage *s)
{
    size_t len = strlen(s->name);
    DIR *d = opendir(s->parent);
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *n = e->d_name;
        char *end;
        if (n[0] != '.' || strncmp(n + 1, s->name, len) != 0 ||
            strncmp(n + 1 + len, ".tmp-", 5) != 0)
            continue;
        long pid = strtol(n + len + 6, &end, 10);
        if (pid <= 0 || *end) continue;
        char *path = cx__path_join(s->parent, n);
        if (path) remove_stale(path, pid);
        cx__free(path);
    }
    if (d) closedir(d);
}

static cx_status check_target(const cx__stage *s)
{
    struct stat st;
    if (lstat(s->target, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? CX_OK : fail_errno(s->target, "examine");
    if (!s->force)
        return CX_FAIL(CX_EEXIST, "%s: exists already; --force replaces a model folder", s->target);
    char *config = cx__path_join(s->target, "config.json");
    if (!config) return no_memory(s->target);
    bool model = S_ISDIR(st.st_mode) && cx__path_exists(config);
    cx__free(config);
    if (model) return CX_OK;
    return CX_FAIL(CX_EEXIST, "%s: exists and is no model folder (no config.json): not replaced",
                   s->target);
}

static cx_status make_folder(cx__stage *s)
{
    if (mkdir(s->path, 0777) != 0) {
        if (errno == EEXIST)
            return CX_FAIL(CX_EEXIST, "%s: another conversion to this target is running", s->path);
        return fail_errno(s->path, "make this folder");
    }
    s->lock = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock < 0) {
        cx_status st = fail_errno(s->path, "open");
        (void)!rmdir(s->path);
        return st;
    }
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        cx__log(CX_LOG_DEBUG, "%s: this file system has no locks", s->path);
    return CX_OK;
}

cx_status cx__stage_begin(const char *target, bool force, cx__stage *out)
{
    cx__stage s = { .force = force, .lock = -1 };
    cx_status st = split(target, &s);
    if (st == CX_OK) st = check_target(&s);
    if (st == CX_OK) st = make_parents(&s);
    if (st == CX_OK) {
        clean_debris(&s);
        st = make_folder(&s);
    }
    if (st != CX_OK) {
        cx__stage_end(&s);
        return st;
    }
    *out = s;
    return CX_OK;
}

/* For file systems without RENAME_EXCHANGE: between the two renames neither is at the target, but
 * the old one is whole, as .NAME.old-PID. */
static cx_status swap_slowly(cx__stage *s)
{
    char *old = cx__format("%s/.%s.old-%ld", s->parent, s->name, (long)getpid());
    cx_status st = old ? CX_OK : no_memory(s->target);
    if (st == CX_OK && rename(s->target, old) != 0) st = fail_errno(s->target, "rename");
    if (st == CX_OK && rename(s->path, s->target) != 0) {
        st = fail_errno(s->path, "rename");
        if (rename(old, s->target) != 0)
            cx__log(CX_LOG_WARN, "%s: the former folder is now %s", s->target, old);
    } else if (st == CX_OK && cx__remove_tree(old) != CX_OK) {
        cx__log(CX_LOG_WARN, "%s: cannot be removed", old);
    }
    cx__free(old);
    return st;
}

static cx_status move_into_place(cx__stage *s)
{
    if (renameat2(AT_FDCWD, s->path, AT_FDCWD, s->target, RENAME_NOREPLACE) == 0) return CX_OK;
    if (errno == EINVAL || errno == ENOSYS) { /* a file system without flags */
        if (check_target(s) == CX_OK && !cx__path_exists(s->target))
            return rename(s->path, s->target) == 0 ? CX_OK : fail_errno(s->path, "rename");
        errno = EEXIST;
    }
    if (errno != EEXIST) return fail_errno(s->path, "rename");
    CX_TRY(check_target(s)); /* it may have come meanwhile */
    if (renameat2(AT_FDCWD, s->path, AT_FDCWD, s->target, RENAME_EXCHANGE) != 0)
        return errno == EINVAL || errno == ENOSYS ? swap_slowly(s) : fail_errno(s->path, "rename");
    if (cx__remove_tree(s->path) != CX_OK)
        cx__log(CX_LOG_WARN, "%s: the former folder cannot be removed", s->path);
    return CX_OK;
}

cx_status cx__stage_commit(cx__stage *s)
{
    CX_TRY(cx__fsync_path(s->path));
    CX_TRY(move_into_place(s));
    close(s->lock);
    s->lock = -1;
    s->made = 0;
    /* The folder is in place; only a power cut right now could undo that. */
    if (cx__fsync_path(s->parent) != CX_OK) cx__log(CX_LOG_WARN, "%s: cannot be synced", s->parent);
    return CX_OK;
}

/* The folder that we build is flat. Removed without cx__alloc, which may be what failed. */
static void remove_unfinished(cx__stage *s)
{
    int fd = dup(s->lock);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d) rewinddir(d);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)!unlinkat(s->lock, e->d_name, 0);
    if (d) closedir(d);
    else if (fd >= 0) close(fd);
    if (rmdir(s->path) != 0) cx__log(CX_LOG_WARN, "%s: unfinished, and cannot be removed", s->path);
}

void cx__stage_end(cx__stage *s)
{
    if (s->lock >= 0 && s->path) {
        remove_unfinished(s);
        close(s->lock);
    }
    if (s->parent) remove_parents(s);
    cx__free(s->target);
    cx__free(s->parent);
    cx__free(s->name);
    cx__free(s->path);
    *s = (cx__stage){ .lock = -1 };
}
