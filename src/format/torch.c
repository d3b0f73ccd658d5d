/* A set of mapped PyTorch files. Tested by tests/unit/test_torch_folder.c. */
#include "format/torch.h"
#include "format/strings.h"
#include <stdlib.h>
#include <string.h>

typedef struct file {
    cx__map map;
    torch_file torch;
} file;

struct cx__torch {
    file *files;
    size_t file_count, count;
    const cx__stored **all; /* by file and position */
};

/* A file that shrinks while it is parsed is reported as such. */
static cx_status open_file(const char *path, file *f)
{
    cx_status st, broken;
    CX_TRY(cx__map_open(path, &f->map));
    st = cx__torch_parse(f->map.data, f->map.len, f->map.path, &f->torch);
    broken = cx__map_check(&f->map);
    return broken != CX_OK ? broken : st;
}

static cx_status open_files(char *const *paths, size_t count, cx__torch *t)
{
    t->files = cx__calloc(count, sizeof *t->files);
    if (!t->files) return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu files", paths[0], count);
    while (t->file_count < count) {
        file *f = &t->files[t->file_count++]; /* counted first: close() takes half-open files */
        f->map.guard = -1;
        CX_TRY(open_file(paths[t->file_count - 1], f));
    }
    return CX_OK;
}

static int compare_names(const void *a, const void *b)
{
    const cx__stored *const *x = a, *const *y = b;
    return strcmp((*x)->t.name, (*y)->t.name);
}

static const cx__stored *find(const cx__stored **sorted, size_t count, const char *name)
{
    const cx__stored want = { .t.name = name }, *p = &want;
    const cx__stored **hit = count ? bsearch(&p, sorted, count, sizeof p, compare_names) : NULL;
    return hit ? *hit : NULL;
}

/* What the index lists must be where it says; programs load what it does not list all the same. */
static cx_status check_index(const cx__stored **sorted, size_t count, const folder *f)
{
    const cx__shard_index *x = &f->index;
    for (size_t i = 0; i < x->count; i++) {
        const cx__stored *found = find(sorted, count, x->entries[i].name);
        if (!found || strcmp(found->path, f->paths[x->entries[i].shard]))
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is not in %s", f->index_path, x->entries[i].name,
                           x->shards[x->entries[i].shard]);
    }
    return CX_OK;
}

static cx_status check_names(const cx__torch *t, const char *path, const folder *f)
{
    const cx__stored **sorted = cx__alloc_array(t->count, sizeof *sorted);
    cx_status st = CX_OK;
    if (!sorted)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for a list of %zu tensors", path, t->count);
    if (t->count) memcpy(sorted, t->all, t->count * sizeof *sorted);
    cx__sort(sorted, t->count, sizeof *sorted, compare_names);
    for (size_t i = 1; st == CX_OK && i < t->count; i++) {
        const cx__stored *x = sorted[i - 1], *y = sorted[i];
        if (strcmp(x->t.name, y->t.name)) continue;
        st = !strcmp(x->path, y->path)
                 ? CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", y->path, y->t.name)
                 : CX_FAIL(CX_EFORMAT, "%s: '%s' is in %s too", y->path, y->t.name, x->path);
    }
    if (st == CX_OK && f->indexed) st = check_index(sorted, t->count, f);
    cx__free(sorted);
    return st;
}

static cx_status make_list(const char *path, cx__torch *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->file_count; i++) t->count += t->files[i].torch.count;
    t->all = cx__alloc_array(t->count, sizeof *t->all);
    if (!t->all)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for a list of %zu tensors", path, t->count);
    for (size_t i = 0; i < t->file_count; i++)
        for (size_t k = 0; k < t->files[i].torch.count; k++)
            t->all[n++] = &t->files[i].torch.tensors[k];
    return CX_OK;
}

cx_status cx__torch_open(const char *path, cx__torch **out)
{
    folder f = { 0 };
    cx__torch *t = cx__calloc(1, sizeof *t);
    char *copy = cx__strdup(path);
    bool dir = cx__path_is_dir(path);
    cx_status st = t && copy ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: no memory to open it", path);
    if (st == CX_OK && dir) st = cx__torch_folder(path, &f);
    if (st == CX_OK) st = open_files(dir ? f.paths : &copy, dir ? f.count : 1, t);
    if (st == CX_OK) st = make_list(path, t);
    if (st == CX_OK) st = check_names(t, path, &f);
    cx__folder_free(&f);
    cx__free(copy);
    if (st != CX_OK) return cx__torch_close(t), st;
    *out = t;
    return CX_OK;
}

void cx__torch_close(cx__torch *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->file_count; i++) {
        cx__torch_file_free(&t->files[i].torch);
        cx__map_close(&t->files[i].map);
    }
    cx__free(t->files);
    cx__free(t->all);
    cx__free(t);
}

size_t cx__torch_count(const cx__torch *t)
{
    return t->count;
}

const cx__stored *cx__torch_at(const cx__torch *t, size_t i)
{
    return t->all[i];
}

cx_status cx__torch_check(const cx__torch *t)
{
    for (size_t i = 0; i < t->file_count; i++) CX_TRY(cx__map_check(&t->files[i].map));
    return CX_OK;
}
