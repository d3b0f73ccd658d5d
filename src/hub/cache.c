/* The hub's cache on disk, as huggingface_hub lays it out (docs/formats/hub.md): blobs named by
 * their hash, snapshots of links to them, refs from revisions to commits, trees of what a commit
 * holds. Tested by tests/unit/test_hub.c and tests/hub. */
#include "hub/hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { INDEX_BYTES = 64 << 20 };

static cx_status no_memory(const char *what)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its path", what);
}

char *cx__hub_repo_dir(const char *cache, const char *name)
{
    const char *slash = strchr(name, '/');
    if (!slash) return cx__format("%s/models--%s", cache, name);
    return cx__format("%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1);
}

cx_status cx__hub_make_dirs(const char *path)
{
    char *part = cx__strdup(path);
    cx_status st = part ? CX_OK : no_memory(path);
    for (char *at = part; st == CX_OK && at;) {
        at = strchr(at + 1, '/');
        if (at) *at = '\0';
        if (*part && mkdir(part, 0777) != 0 && errno != EEXIST)
            st = CX_FAIL(CX_EIO, "%s: cannot make this folder: %s", part, strerror(errno));
        if (at) *at = '/';
    }
    cx__free(part);
    return st;
}

/* Makes the folder that `path` is to be in. */
cx_status cx__hub_make_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = cx__strndup(path, slash ? (size_t)(slash - path) : 0);
    cx_status st = !dir ? no_memory(path) : *dir ? cx__hub_make_dirs(dir) : CX_OK;
    cx__free(dir);
    return st;
}

/* ---- refs ---- */

cx_status cx__hub_ref_read(const char *repo, const char *revision, char *commit)
{
    char *text = NULL, *path = cx__format("%s/refs/%s", repo, revision);
    size_t len = 0;
    cx_status st = path ? CX_OK : no_memory(revision);
    *commit = '\0';
    if (st == CX_OK && cx__path_exists(path) && !cx__path_is_dir(path))
        st = cx__read_file(path, CX__HUB_ETAG, &text, &len);
    if (text) text[strcspn(text, " \r\n")] = '\0';
    if (text && cx__hub_etag_valid(text)) strcpy(commit, text);
    else if (cx__hub_hex(revision, CX__HUB_SHA1)) strcpy(commit, revision);
    cx__free(text);
    cx__free(path);
    return st;
}

cx_status cx__hub_ref_write(const char *repo, const char *revision, const char *commit)
{
    char known[CX__HUB_ETAG + 1];
    if (cx__hub_ref_read(repo, revision, known) == CX_OK && !strcmp(known, commit)) return CX_OK;
    char *path = cx__format("%s/refs/%s", repo, revision);
    cx_status st = path ? cx__hub_make_parent(path) : no_memory(revision);
    if (st == CX_OK) st = cx__write_file(path, commit, strlen(commit));
    cx__free(path);
    return st;
}

/* ---- trees ---- */

static cx_status read_tree(const char *path, cx__hub_listing *out)
{
    char *text = NULL;
    size_t len = 0;
    CX_TRY(cx__read_file(path, CX__HUB_JSON, &text, &len));
    cx_status st = cx__hub_tree_parse(text, len, path, out);
    cx__free(text);
    return st;
}

/* Nothing is written where the server did not say all that the form demands. A good tree stays:
 * huggingface_hub's says more. */
cx_status cx__hub_tree_write(const char *repo, const cx__hub_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (!l->files[i].sized || !l->files[i].blob[0]) return CX_OK;
    }
    cx__buf text = { .max = (size_t)CX__HUB_JSON * 2 };
    char *path = cx__format("%s/trees/%s.json", repo, l->commit);
    cx__hub_listing known = { 0 };
    cx_status st = path && cx__hub_tree_dump(&text, l) ? CX_OK : no_memory(repo);
    if (st == CX_OK && read_tree(path, &known) != CX_OK) {
        st = cx__hub_make_parent(path);
        if (st == CX_OK) st = cx__write_file(path, text.data, text.len);
    }
    cx__hub_listing_free(&known);
    cx__buf_free(&text);
    cx__free(path);
    return st;
}

/* ---- a snapshot that is whole ---- */

static cx_status missing(const char *name, const char *folder, const char *file)
{
    return CX_FAIL(CX_ENOTFOUND, "%s: not whole in the Hugging Face cache: %.200s is missing in %s",
                   name, file, folder);
}

/* size: what the file must have; UINT64_MAX: any. */
static cx_status check_file(const char *name, const char *folder, const char *file, uint64_t size)
{
    struct stat info;
    char *path = cx__path_join(folder, file);
    if (!path) return no_memory(file);
    bool there = stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
                 (size == UINT64_MAX || (uint64_t)info.st_size == size);
    cx__free(path);
    return there ? CX_OK : missing(name, folder, file);
}

static cx_status check_tree(const char *name, const char *folder, cx__hub_listing *tree,
                            const char *file)
{
    CX_TRY(cx__hub_select(tree, file, name));
    for (size_t i = 0; i < tree->count; i++) {
        const cx__hub_file *f = &tree->files[i];
        if (f->wanted) CX_TRY(check_file(name, folder, f->name, f->sized ? f->size : UINT64_MAX));
    }
    return CX_OK;
}

/* All shards that an index names; no index is fine. */
static cx_status check_index(const char *name, const char *folder, const char *index)
{
    char *path = cx__path_join(folder, index);
    const char *tensor;
    json_t *o = NULL, *shard;
    cx_status st = path ? CX_OK : no_memory(index);
    if (st == CX_OK && cx__path_exists(path)) st = cx__json_load(path, INDEX_BYTES, &o);
    if (st == CX_OK && o) {
        json_object_foreach(json_object_get(o, "weight_map"), tensor, shard)
        {
            const char *shard_file = json_string_value(shard);
            if (st == CX_OK && (!shard_file || !cx__hub_path_valid(shard_file)))
                st = CX_FAIL(CX_EFORMAT, "%s: weight_map: '%.200s' has no valid file", path,
                             tensor);
            if (st == CX_OK) st = check_file(name, folder, shard_file, UINT64_MAX);
        }
    }
    json_decref(o);
    cx__free(path);
    return st;
}

/* Caches of older writers list nothing: then weights must be there, and every shard of an index. */
static cx_status check_by_index(const char *name, const char *folder, const char *file)
{
    DIR *d = opendir(folder);
    bool weights = false;
    if (!d) return CX_FAIL(CX_ENOTFOUND, "%s: %s", folder, strerror(errno));
    for (struct dirent *e; !weights && (e = readdir(d));) weights = cx__hub_is_weights(e->d_name);
    closedir(d);
    if (!weights) return missing(name, folder, file ? file : "a file with weights");
    CX_TRY(check_index(name, folder, "model.safetensors.index.json"));
    return check_index(name, folder, "pytorch_model.bin.index.json");
}

/* A tree that cannot be read is none: huggingface_hub ignores it too. */
static cx_status check_whole(const char *repo, const char *name, const char *commit,
                             const char *folder, const char *file)
{
    cx__hub_listing tree = { 0 };
    char *path = cx__format("%s/trees/%s.json", repo, commit);
    cx_status st = path ? read_tree(path, &tree) : no_memory(name);
    if (st == CX_OK) st = check_tree(name, folder, &tree, file);
    else if (st != CX_ENOMEM) st = check_by_index(name, folder, file);
    cx__hub_listing_free(&tree);
    cx__free(path);
    return st;
}

static cx_status find_snapshot(const char *repo, const char *name, const char *revision,
                               const char *file, char **folder)
{
    char commit[CX__HUB_ETAG + 1], *found = NULL;
    bool main = !strcmp(revision, "main");
    CX_TRY(cx__hub_ref_read(repo, revision, commit));
    if (*commit && !(found = cx__format("%s/snapshots/%s", repo, commit))) return no_memory(name);
    cx_status st = found && cx__path_is_dir(found)
                       ? check_whole(repo, name, commit, found, file)
                       : CX_FAIL(CX_ENOTFOUND, "%s: not in the Hugging Face cache (%s)%s%s", name,
                                 repo, main ? "" : " at revision ", main ? "" : revision);
    if (st == CX_OK) *folder = found;
    else cx__free(found);
    return st;
}

cx_status cx__hub_cache_find(const cx__hub_settings *s, const char *name, const char *revision,
                             const char *file, char **folder)
{
    char *repo = cx__hub_repo_dir(s->cache, name);
    if (!repo) return no_memory(name);
    cx_status st = find_snapshot(repo, name, revision, file, folder);
    cx__free(repo);
    return st;
}

/* ---- links and locks ---- */

/* The blob itself becomes the file of the snapshot: for file systems without links. */
static cx_status move_blob(const char *repo, const char *etag, const char *path)
{
    char *blob = cx__format("%s/blobs/%s", repo, etag);
    cx_status st = blob ? CX_OK : no_memory(path);
    if (st == CX_OK && rename(blob, path) != 0)
        st = CX_FAIL(CX_EIO, "%s: cannot move it to %s: %s", blob, path, strerror(errno));
    cx__free(blob);
    return st;
}

/* A link that leads elsewhere, or nowhere, is replaced. */
static cx_status put_link(const char *target, const char *path)
{
    for (int tries = 0; symlink(target, path) != 0; tries++) {
        if (errno != EEXIST || tries == 3 || unlink(path) != 0)
            return CX_FAIL(
                errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ? CX_EUNSUPPORTED : CX_EIO,
                "%s: cannot make this link: %s", path, strerror(errno));
    }
    return CX_OK;
}

cx_status cx__hub_link(const char *repo, const char *commit, const char *file, const char *etag)
{
    cx__buf target = { .max = 4096 };
    char *path = cx__format("%s/snapshots/%s/%s", repo, commit, file);
    cx__buf_puts(&target, "../../");
    for (const char *p = file; *p; p++) {
        if (*p == '/') cx__buf_puts(&target, "../");
    }
    cx__buf_printf(&target, "blobs/%s", etag);
    cx_status st = path && !target.failed ? cx__hub_make_parent(path) : no_memory(file);
    if (st == CX_OK) st = put_link(target.data, path);
    if (st == CX_EUNSUPPORTED) st = move_blob(repo, etag, path);
    cx__buf_free(&target);
    cx__free(path);
    return st;
}

/* The lock's file may have been removed by the one who held it: then it is another's by now. */
static int take_lock(const char *path)
{
    for (int tries = 0; tries < 10; tries++) {
        struct stat own, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
        if (fd < 0) return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            bool held = errno == EWOULDBLOCK;
            if (!held) return fd; /* no locks here: content is checked by its hash all the same */
            close(fd);
            return -2;
        }
        if (fstat(fd, &own) == 0 && stat(path, &named) == 0 && own.st_ino == named.st_ino)
            return fd;
        close(fd);
    }
    return -2;
}

cx_status cx__hub_lock(const char *cache, const char *repo, const char *etag, int *fd)
{
    const char *name = strrchr(repo, '/');
    char *path = cx__format("%s/.locks/%s/%s.lock", cache, name ? name + 1 : repo, etag);
    cx_status st = path ? cx__hub_make_parent(path) : no_memory(etag);
    if (st == CX_OK) {
        int got = take_lock(path);
        if (got == -1) st = CX_FAIL(CX_EIO, "%s: cannot open: %s", path, strerror(errno));
        else *fd = got < 0 ? -1 : got;
    }
    cx__free(path);
    return st;
}
