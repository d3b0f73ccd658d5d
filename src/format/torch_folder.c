/* Finds the PyTorch files of a model folder. Tested by tests/unit/test_torch_folder.c. */
#include "format/strings.h"
#include "format/torch.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define INDEX_NAME "pytorch_model.bin.index.json"
#define FILES_MAX 1000

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

static cx_status list(const char *dir, bool (*wanted)(const char *name), folder *f)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    cx_status st = CX_OK;
    if (!d) return CX_FAIL(CX_EIO, "%s: cannot open: %s", dir, strerror(errno));
    while (st == CX_OK && (e = readdir(d)))
        if (wanted(e->d_name)) st = cx__folder_add(f, dir, e->d_name);
    closedir(d);
    cx__folder_sort(f);
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
    CX_TRY(list(dir, is_shard, f));
    if (f->count) return check_numbers(dir, f);
    CX_TRY(list(dir, is_whole, f));
    if (!f->count) CX_TRY(list(dir, is_other, f));
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
    folder f = { .index_path = cx__path_join(path, INDEX_NAME), .max = FILES_MAX };
    cx_status st;
    if (!f.index_path) return CX_FAIL(CX_ENOMEM, "%s: no memory for its list of files", path);
    if (cx__path_exists(f.index_path)) st = cx__folder_add_indexed(&f, path, ".bin");
    else st = read_listed(path, &f);
    if (st != CX_OK) return cx__folder_free(&f), st;
    *out = f;
    return CX_OK;
}
