/* Finds the PyTorch files of a model folder. Tested by tests/unit/test_torch_folder.c. */
#include "format/strings.h"
#include "format/torch.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define INDEX_NAME "pytorch_model.bin.index.json"
#define INDEX_MAX ((size_t)100 << 20) /* bytes; 100 for each of a million tensors */
#define FILES_MAX 1000

static cx_status fail_memory(const char *path)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its list of files", path);
}

static cx_status add_path(folder *f, size_t *cap, const char *dir, const char *name)
{
    char *path;
    if (f->count == FILES_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: expected at most %d files, found more", dir, FILES_MAX);
    if (!cx__grow(&f->paths, cap, f->count, sizeof *f->paths)) return fail_memory(dir);
    if (!(path = cx__path_join(dir, name))) return fail_memory(dir);
    f->paths[f->count++] = path;
    return cx__link_check(dir, path);
}

static cx_status read_indexed(const char *dir, folder *f)
{
    size_t cap = 0, len;
    char *text;
    cx_status st;
    CX_TRY(cx__read_file(f->index_path, INDEX_MAX, &text, &len));
    st = cx__shard_index_parse_of(text, len, f->index_path, ".bin", &f->index);
    cx__free(text);
    for (size_t i = 0; st == CX_OK && i < f->index.shard_count; i++) {
        st = add_path(f, &cap, dir, f->index.shards[i]);
        if (st != CX_OK) st = cx__fail_in(st, "%s", f->index_path);
    }
    f->indexed = true;
    return st;
}

/* Numbers of pytorch_model-00002-of-00003.bin. */
static bool shard_numbers(const char *name, unsigned *number, unsigned *of)
{
    int end = 0;
    return sscanf(name, "pytorch_model-%5u-of-%5u.bin%n", number, of, &end) == 2 && end > 0 &&
           !name[end];
}

static bool is_shard(const char *name)
{
    unsigned number, of;
    return shard_numbers(name, &number, &of);
}

static bool is_whole(const char *name)
{
    return !strcmp(name, "pytorch_model.bin");
}

/* A checkpoint by its name, and not what a training run leaves beside it. */
static bool is_other(const char *name)
{
    static const char *const yes[] = { "*.bin", "*.pt", "*.pth" };
    static const char *const no[] = { ".*", "training_args.bin", "optimizer*", "scheduler*",
                                      "rng_state*" };
    bool match = false;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) match |= !fnmatch(yes[i], name, 0);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) match &= !!fnmatch(no[i], name, 0);
    return match;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cx_status list(const char *dir, bool (*wanted)(const char *name), folder *f, size_t *cap)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    cx_status st = CX_OK;
    if (!d) return CX_FAIL(CX_EIO, "%s: cannot open: %s", dir, strerror(errno));
    while (st == CX_OK && (e = readdir(d)))
        if (wanted(e->d_name)) st = add_path(f, cap, dir, e->d_name);
    closedir(d);
    cx__sort(f->paths, f->count, sizeof *f->paths, compare_paths);
    return st;
}

/* Numbered shards must be all there: a download may have been cut short. */
static cx_status check_numbers(const char *dir, const folder *f)
{
    unsigned number = 0, of = 0, want = 0;
    for (unsigned i = 0; i < f->count; i++) {
        const char *name = strrchr(f->paths[i], '/') + 1;
        shard_numbers(name, &number, &of);
        if (!want) want = of;
        if (of != want)
            return CX_FAIL(CX_EFORMAT, "%s: expected one of %u shards, found one of %u",
                           f->paths[i], want, of);
        if (number != i + 1)
            return CX_FAIL(CX_ENOTFOUND, "%s: shard %u of %u is missing", dir, i + 1, want);
    }
    if (f->count != want)
        return CX_FAIL(CX_ENOTFOUND, "%s: shard %zu of %u is missing", dir, f->count + 1, want);
    return CX_OK;
}

static cx_status read_listed(const char *dir, folder *f)
{
    size_t cap = 0;
    CX_TRY(list(dir, is_shard, f, &cap));
    if (f->count) return check_numbers(dir, f);
    CX_TRY(list(dir, is_whole, f, &cap));
    if (!f->count) CX_TRY(list(dir, is_other, f, &cap));
    if (!f->count)
        return CX_FAIL(CX_ENOTFOUND, "%s: no .bin, .pt or .pth file in this folder", dir);
    if (f->count > 1)
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected pytorch_model*.bin or one .bin, .pt or .pth file, found %zu",
                       dir, f->count);
    return CX_OK;
}

cx_status cx__torch_folder(const char *path, folder *out)
{
    folder f = { .index_path = cx__path_join(path, INDEX_NAME) };
    cx_status st;
    if (!f.index_path) return fail_memory(path);
    st = cx__path_exists(f.index_path) ? read_indexed(path, &f) : read_listed(path, &f);
    if (st != CX_OK) return cx__folder_free(&f), st;
    *out = f;
    return CX_OK;
}
