/* Finds the safetensors files of a model folder. Tested by tests/unit/test_safetensors_folder.c. */
#include "format/folder.h"
#include "format/strings.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_NAME "model.safetensors.index.json"
#define INDEX_MAX ((size_t)100 << 20) /* bytes; 100 for each of a million tensors */

static cx_status fail_memory(const char *path)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its list of files", path);
}

void cx__folder_free(folder *f)
{
    for (size_t i = 0; i < f->count; i++) cx__free(f->paths[i]);
    cx__free(f->paths);
    cx__free(f->index_path);
    cx__shard_index_free(&f->index);
    *f = (folder){ 0 };
}

static bool inside(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return !strncmp(path, dir, len) && path[len] == '/';
}

/* `real` is in the blobs of the hub cache that has `dir` as one of its snapshots:
 * NAME/snapshots/REVISION/FILE is a link to NAME/blobs/HASH. */
static bool inside_blobs(const char *real, const char *dir)
{
    const char *revision = strrchr(dir, '/');
    static const char parent[] = "/snapshots";
    size_t tail = sizeof parent - 1, len = revision ? (size_t)(revision - dir) : 0;
    if (len < tail || memcmp(dir + len - tail, parent, tail)) return false;
    len -= tail;
    return !strncmp(real, dir, len) && !strncmp(real + len, "/blobs/", 7);
}

/* realpath's memory is libc's: it is freed with free(). */
cx_status cx__link_check(const char *dir, const char *path)
{
    char *real_dir = realpath(dir, NULL), *real = realpath(path, NULL);
    cx_status st = CX_OK;
    if (!real_dir || !real)
        st = CX_FAIL(errno == ENOMEM ? CX_ENOMEM : CX_ENOTFOUND, "%s: cannot open: %s", path,
                     strerror(errno));
    else if (!inside(real, real_dir) && !inside_blobs(real, real_dir))
        st = CX_FAIL(CX_EFORMAT, "%s: a link that leads out of its folder, to %s", path, real);
    free(real_dir);
    free(real);
    return st;
}

cx_status cx__folder_add(folder *f, const char *dir, const char *name)
{
    char *path;
    if (f->max && f->count == f->max)
        return CX_FAIL(CX_ELIMIT, "%s: expected at most %zu files, found more", dir, f->max);
    if (!cx__grow(&f->paths, &f->cap, f->count, sizeof *f->paths)) return fail_memory(dir);
    if (!(path = cx__path_join(dir, name))) return fail_memory(dir);
    f->paths[f->count++] = path;
    return cx__link_check(dir, path);
}

cx_status cx__folder_add_indexed(folder *f, const char *dir, const char *tail)
{
    size_t len;
    char *text;
    cx_status st;
    CX_TRY(cx__read_file(f->index_path, INDEX_MAX, &text, &len));
    st = cx__shard_index_parse_of(text, len, f->index_path, tail, &f->index);
    cx__free(text);
    for (size_t i = 0; st == CX_OK && i < f->index.shard_count; i++) {
        st = cx__folder_add(f, dir, f->index.shards[i]);
        if (st != CX_OK) st = cx__fail_in(st, "%s", f->index_path);
    }
    f->indexed = true;
    return st;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cx__folder_sort(folder *f)
{
    cx__sort(f->paths, f->count, sizeof *f->paths, compare_paths);
}

/* Adds all visible PREFIX*.safetensors. */
static cx_status list(const char *dir, const char *prefix, folder *f)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    cx_status st = CX_OK;
    if (!d) return CX_FAIL(CX_EIO, "%s: cannot open: %s", dir, strerror(errno));
    while (st == CX_OK && (e = readdir(d))) {
        if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix))) continue;
        if (!cx__ends_with(e->d_name, ".safetensors")) continue;
        if (!cx__shard_name_valid(e->d_name))
            st = CX_FAIL(CX_EFORMAT,
                         "%s: expected file names of letters, digits, '.', '_' and "
                         "'-', found '%s'",
                         dir, e->d_name);
        else st = cx__folder_add(f, dir, e->d_name);
    }
    closedir(d);
    cx__folder_sort(f);
    return st;
}

/* Numbers of a name that ends with -00002-of-00003.safetensors. */
static bool shard_numbers(const char *path, unsigned *number, unsigned *of)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int end = 0;
    return sscanf(name, "model-%5u-of-%5u.safetensors%n", number, of, &end) == 2 && end > 0 &&
           !name[end];
}

/* Numbered shards must be all there: a download may have been cut short. */
static cx_status check_numbers(const char *dir, const folder *f)
{
    unsigned number, of, want = 0, next = 1;
    for (size_t i = 0; i < f->count; i++) {
        if (!shard_numbers(f->paths[i], &number, &of)) continue;
        if (!want) want = of;
        if (of != want)
            return CX_FAIL(CX_EFORMAT, "%s: expected one of %u shards, found one of %u",
                           f->paths[i], want, of);
        if (number != next) break;
        next++;
    }
    if (want && next != want + 1)
        return CX_FAIL(CX_ENOTFOUND, "%s: shard %u of %u is missing", dir, next, want);
    return CX_OK;
}

static cx_status read_listed(const char *dir, folder *f)
{
    CX_TRY(list(dir, "model", f));
    if (f->count) return check_numbers(dir, f);
    CX_TRY(list(dir, "", f));
    if (!f->count) return CX_FAIL(CX_ENOTFOUND, "%s: no .safetensors file in this folder", dir);
    if (f->count > 1)
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected model*.safetensors or one .safetensors file, "
                       "found %zu",
                       dir, f->count);
    return CX_OK;
}

/* A numbered shard that the index does not name: other programs would load it. */
static cx_status check_unlisted(const char *dir, const folder *f)
{
    folder all = { 0 };
    unsigned number, of;
    cx_status st = list(dir, "model-", &all);
    for (size_t i = 0; st == CX_OK && i < all.count; i++) {
        size_t k = 0;
        if (!shard_numbers(all.paths[i], &number, &of)) continue;
        while (k < f->count && strcmp(f->paths[k], all.paths[i])) k++;
        if (k == f->count)
            st = CX_FAIL(CX_EFORMAT, "%s: %s is not listed", f->index_path, all.paths[i]);
    }
    cx__folder_free(&all);
    return st;
}

cx_status cx__folder_read(const char *path, folder *out)
{
    folder f = { .index_path = cx__path_join(path, INDEX_NAME) };
    cx_status st;
    if (!f.index_path) return fail_memory(path);
    if (cx__path_exists(f.index_path)) {
        st = cx__folder_add_indexed(&f, path, ".safetensors");
        if (st == CX_OK) st = check_unlisted(path, &f);
    } else {
        st = read_listed(path, &f);
    }
    if (st != CX_OK) return cx__folder_free(&f), st;
    *out = f;
    return CX_OK;
}
