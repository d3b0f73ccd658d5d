/* A set of mapped safetensors files. Tested by tests/unit/test_safetensors_folder.c. */
#include "format/folder.h"
#include "format/format.h"
#include "format/strings.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct file {
    cx__map map;
    cx__safetensors st;
} file;

struct cx_tensors {
    file *files;
    size_t file_count, count;
    const cx_tensor **all;     /* by file and position */
    const cx_tensor **by_name; /* sorted */
    uint64_t bytes;
};

/* A file that shrinks while its header is parsed is reported as such. */
static cx_status open_file(const char *path, file *f)
{
    cx_status st, broken;
    CX_TRY(cx__map_open(path, &f->map));
    st = cx__safetensors_parse(f->map.data, f->map.len, path, &f->st);
    broken = cx__map_check(&f->map);
    return broken != CX_OK ? broken : st;
}

static cx_status open_files(char *const *paths, size_t count, cx_tensors *t)
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
    return strcmp((*(const cx_tensor *const *)a)->name, (*(const cx_tensor *const *)b)->name);
}

static cx_status check_unique(const cx_tensors *t)
{
    for (size_t i = 1; i < t->count; i++) {
        const cx_tensor *x = t->by_name[i - 1], *y = t->by_name[i];
        if (!strcmp(x->name, y->name))
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is in %s too", cx_tensors_path(t, y), y->name,
                           cx_tensors_path(t, x));
    }
    return CX_OK;
}

static cx_status make_lists(const char *path, cx_tensors *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->file_count; i++) t->count += t->files[i].st.count;
    t->all = cx__alloc_array(t->count, sizeof *t->all);
    t->by_name = cx__alloc_array(t->count, sizeof *t->by_name);
    if (!t->all || !t->by_name)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for a list of %zu tensors", path, t->count);
    for (size_t i = 0; i < t->file_count; i++) {
        const cx__safetensors *st = &t->files[i].st;
        for (size_t k = 0; k < st->count; k++) {
            t->all[n++] = &st->tensors[k];
            t->bytes += st->tensors[k].bytes; /* no overlaps: at most the sizes of mapped files */
        }
    }
    if (n) memcpy(t->by_name, t->all, n * sizeof *t->all);
    cx__sort(t->by_name, n, sizeof *t->by_name, compare_names);
    return check_unique(t);
}

static size_t file_of(const cx_tensors *t, const cx_tensor *x)
{
    size_t i = 0;
    for (; i < t->file_count; i++) {
        const cx__safetensors *st = &t->files[i].st;
        if (st->count && x >= st->tensors && x < st->tensors + st->count) break;
    }
    return i;
}

static int compare_entry(const void *name, const void *entry)
{
    return strcmp(name, ((const cx__shard_entry *)entry)->name);
}

/* Index and shards must say the same: both directions, and the total. */
static cx_status check_index(const cx_tensors *t, const folder *f)
{
    const cx__shard_index *x = &f->index;
    for (size_t i = 0; i < x->count; i++) {
        const cx_tensor *found = cx_tensors_find(t, x->entries[i].name);
        if (!found || file_of(t, found) != x->entries[i].shard)
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is not in %s", f->index_path, x->entries[i].name,
                           x->shards[x->entries[i].shard]);
    }
    for (size_t i = 0; i < t->count && t->count != x->count; i++)
        if (!bsearch(t->all[i]->name, x->entries, x->count, sizeof *x->entries, compare_entry))
            return CX_FAIL(CX_EFORMAT, "%s: '%s' of %s is not listed", f->index_path,
                           t->all[i]->name, cx_tensors_path(t, t->all[i]));
    if (x->has_total && x->total_size != t->bytes) /* many published indexes are stale here */
        cx__log(CX_LOG_WARN, "%s: total_size: expected %" PRIu64 ", found %" PRIu64, f->index_path,
                t->bytes, x->total_size);
    return CX_OK;
}

static cx_status open_folder(const char *path, cx_tensors *t)
{
    folder f = { 0 };
    cx_status st;
    CX_TRY(cx__folder_read(path, &f));
    st = open_files(f.paths, f.count, t);
    if (st == CX_OK) st = make_lists(path, t);
    if (st == CX_OK && f.indexed) st = check_index(t, &f);
    cx__folder_free(&f);
    return st;
}

cx_status cx_tensors_open(const char *path, cx_tensors **out)
{
    cx_tensors *t = cx__calloc(1, sizeof *t);
    cx_status st;
    if (!t) return CX_FAIL(CX_ENOMEM, "%s: no memory to open it", path);
    if (cx__path_is_dir(path)) {
        st = open_folder(path, t);
    } else {
        char *copy = cx__strdup(path);
        st = copy ? open_files(&copy, 1, t)
                  : CX_FAIL(CX_ENOMEM, "%s: no memory for its name", path);
        cx__free(copy);
        if (st == CX_OK) st = make_lists(path, t);
    }
    if (st != CX_OK) return cx_tensors_close(t), st;
    *out = t;
    return CX_OK;
}

void cx_tensors_close(cx_tensors *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->file_count; i++) {
        cx__safetensors_free(&t->files[i].st);
        cx__map_close(&t->files[i].map);
    }
    cx__free(t->files);
    cx__free(t->all);
    cx__free(t->by_name);
    cx__free(t);
}

size_t cx_tensors_count(const cx_tensors *t)
{
    return t->count;
}

const cx_tensor *cx_tensors_at(const cx_tensors *t, size_t i)
{
    return t->all[i];
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, (*(const cx_tensor *const *)tensor)->name);
}

const cx_tensor *cx_tensors_find(const cx_tensors *t, const char *name)
{
    const cx_tensor *const *hit = bsearch(name, t->by_name, t->count, sizeof *t->by_name,
                                          compare_name);
    return hit ? *hit : NULL;
}

const char *cx_tensors_metadata(const cx_tensors *t, const char *key)
{
    for (size_t i = 0; i < t->file_count; i++) {
        const cx__safetensors *st = &t->files[i].st;
        for (size_t k = 0; k < st->metadata_count; k++)
            if (!strcmp(st->metadata[k].key, key)) return st->metadata[k].value;
    }
    return NULL;
}

const char *cx_tensors_path(const cx_tensors *t, const cx_tensor *tensor)
{
    size_t i = file_of(t, tensor);
    return i < t->file_count ? t->files[i].map.path : "";
}

uint64_t cx_tensors_bytes(const cx_tensors *t)
{
    return t->bytes;
}

size_t cx_tensors_files(const cx_tensors *t)
{
    return t->file_count;
}

cx_status cx_tensors_check(const cx_tensors *t)
{
    for (size_t i = 0; i < t->file_count; i++) CX_TRY(cx__map_check(&t->files[i].map));
    return CX_OK;
}

void cx_tensors_prefetch(const cx_tensors *t, const cx_tensor *tensor)
{
    size_t i = tensor ? file_of(t, tensor) : 0;
    if (tensor && i < t->file_count) {
        const cx__map *m = &t->files[i].map;
        cx__map_prefetch(m, (size_t)((const uint8_t *)tensor->data - m->data), tensor->bytes);
        return;
    }
    for (; i < t->file_count; i++) cx__map_prefetch(&t->files[i].map, 0, t->files[i].map.len);
}
