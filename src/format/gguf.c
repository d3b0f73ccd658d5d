/* Opens GGUF files, alone or split. Source of the names and keys of split files: llama.cpp's
 * gguf-split. Tested by tests/unit/test_gguf.c, test_gguf_bad.c and tests/fuzz/fuzz_gguf.c. */
#include "format/gguf.h"
#include "format/strings.h"
#include <inttypes.h>
#include <stdio.h>

#define MAX_PARTS 65535 /* split.count is an u16 */

static cx_status fail_memory(const char *path)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory to open it", path);
}

static void file_free(gguf_file *f)
{
    for (size_t i = 0; i < f->count; i++) cx__free(f->entries[i].marks);
    cx__free(f->entries);
    cx__free(f->path);
    cx__map_close(&f->map);
}

void cx__gguf_close(cx__gguf *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->file_count; i++) file_free(&g->files[i]);
    for (size_t i = 0; i < g->count; i++) cx__free(g->tensors[i].name);
    cx__free(g->files);
    cx__free(g->tensors);
    cx__free(g->by_name);
    cx__free(g);
}

static cx_status new_gguf(size_t files, const char *where, cx__gguf **out)
{
    cx__gguf *g = cx__calloc(1, sizeof *g);
    if (!g || !(g->files = cx__calloc(files, sizeof *g->files)))
        return cx__free(g), fail_memory(where);
    *out = g;
    return CX_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const gguf_tensor *const *)a)->name, (*(const gguf_tensor *const *)b)->name);
}

/* When all tensors are there: what points into their array, and their order by name. */
static cx_status finish(cx__gguf *g)
{
    if (!(g->by_name = cx__alloc_array(g->count, sizeof *g->by_name)))
        return fail_memory(cx__gguf_path(g));
    for (size_t i = 0; i < g->count; i++) {
        g->tensors[i].stored.from = &g->tensors[i].source;
        g->by_name[i] = &g->tensors[i];
    }
    cx__sort(g->by_name, g->count, sizeof *g->by_name, compare_names);
    for (size_t i = 1; i < g->count; i++)
        if (!compare_names(&g->by_name[i - 1], &g->by_name[i]))
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", g->by_name[i]->stored.path,
                           g->by_name[i]->name);
    return CX_OK;
}

/* Takes `path`. */
static cx_status add_memory(cx__gguf *g, const uint8_t *data, size_t len, char *path)
{
    gguf_file *f = &g->files[g->file_count++];
    f->path = path;
    f->data = data;
    f->len = len;
    return path ? cx__gguf_file_parse(g, f) : fail_memory("GGUF file");
}

cx_status cx__gguf_parse(const uint8_t *data, size_t len, const char *where, cx__gguf **out)
{
    cx__gguf *g = NULL;
    cx_status st;
    CX_TRY(new_gguf(1, where, &g));
    st = add_memory(g, data, len, cx__strdup(where));
    if (st == CX_OK) st = finish(g);
    if (st != CX_OK) return cx__gguf_close(g), st;
    *out = g;
    return CX_OK;
}

static cx_status add_file(cx__gguf *g, const char *path)
{
    cx__map map;
    CX_TRY(cx__map_open(path, &map));
    gguf_file *f = &g->files[g->file_count];
    f->map = map;
    return add_memory(g, map.data, map.len, cx__strdup(path));
}

/* Length of NAME in NAME-00001-of-0000N.gguf, 0 if `first` is not of that form. */
static size_t stem_len(const char *first, size_t parts)
{
    char tail[40];
    size_t n = strlen(first), len;
    len = (size_t)snprintf(tail, sizeof tail, "-00001-of-%05zu.gguf", parts);
    return n > len && !strcmp(first + n - len, tail) ? n - len : 0;
}

static cx_status check_part(const gguf_file *f, size_t no, size_t parts)
{
    int64_t count = 1, number = 0;
    CX_TRY(cx__gguf_file_int(f, "split.count", 0, MAX_PARTS, &count));
    CX_TRY(cx__gguf_file_int(f, "split.no", 0, MAX_PARTS, &number));
    if ((size_t)count != parts || (size_t)number != no)
        return CX_FAIL(CX_EFORMAT, "%s: expected part %zu of %zu, found %" PRId64 " of %" PRId64,
                       f->path, no + 1, parts, number + 1, count);
    return CX_OK;
}

/* A sibling must not lead out of the folder. */
static cx_status check_link(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? cx__strndup(path, (size_t)(slash - path) + 1) : cx__strdup(".");
    cx_status st = dir ? cx__link_check(dir, path) : fail_memory(path);
    cx__free(dir);
    return st;
}

static cx_status add_part(cx__gguf *g, const char *first, size_t no, size_t parts)
{
    char *path = cx__format("%.*s-%05zu-of-%05zu.gguf", (int)stem_len(first, parts), first, no + 1,
                            parts);
    cx_status st = path ? check_link(path) : fail_memory(first);
    if (st == CX_OK) st = add_file(g, path);
    if (st == CX_OK) st = check_part(&g->files[no], no, parts);
    cx__free(path);
    return st;
}

/* How many parts the first one says there are. */
static cx_status find_parts(const gguf_file *f, size_t *out)
{
    int64_t count = 1, no = 0;
    CX_TRY(cx__gguf_file_int(f, "split.count", 0, MAX_PARTS, &count));
    CX_TRY(cx__gguf_file_int(f, "split.no", 0, MAX_PARTS, &no));
    *out = count > 1 ? (size_t)count : 1;
    if (no)
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected the first part of a split file, found part %" PRId64
                       " of %" PRId64,
                       f->path, no + 1, count);
    if (*out > 1 && !stem_len(f->path, *out))
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected a name that ends with -00001-of-%05zu.gguf, as its part 1",
                       f->path, *out);
    return CX_OK;
}

static cx_status check_total(const cx__gguf *g)
{
    int64_t total = (int64_t)g->count;
    CX_TRY(cx__gguf_int(g, "split.tensors.count", 0, INT32_MAX, &total));
    if ((size_t)total != g->count)
        return CX_FAIL(CX_EFORMAT, "%s: 'split.tensors.count': expected %zu, found %" PRId64,
                       cx__gguf_path(g), g->count, total);
    return CX_OK;
}

static cx_status add_parts(cx__gguf *g, const char *path)
{
    size_t parts = 1;
    void *grown;
    CX_TRY(add_file(g, path));
    CX_TRY(find_parts(&g->files[0], &parts));
    if (parts > 1) {
        if (!(grown = cx__realloc(g->files, parts * sizeof *g->files))) return fail_memory(path);
        g->files = grown;
        memset(g->files + 1, 0, (parts - 1) * sizeof *g->files);
    }
    for (size_t i = 1; i < parts; i++) CX_TRY(add_part(g, path, i, parts));
    CX_TRY(check_total(g));
    return finish(g);
}

cx_status cx__gguf_open(const char *path, cx__gguf **out)
{
    cx__gguf *g = NULL;
    cx_status st;
    CX_TRY(new_gguf(1, path, &g));
    if ((st = add_parts(g, path)) != CX_OK) return cx__gguf_close(g), st;
    *out = g;
    return CX_OK;
}

cx_status cx__gguf_check(const cx__gguf *g)
{
    for (size_t i = 0; i < g->file_count; i++) CX_TRY(cx__map_check(&g->files[i].map));
    return CX_OK;
}

const char *cx__gguf_path(const cx__gguf *g)
{
    return g->files[0].path;
}

size_t cx__gguf_count(const cx__gguf *g)
{
    return g->count;
}

const cx__stored *cx__gguf_at(const cx__gguf *g, size_t i)
{
    return &g->tensors[i].stored;
}

const cx__stored *cx__gguf_find(const cx__gguf *g, const char *name)
{
    size_t lo = 0, hi = g->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = strcmp(name, g->by_name[mid]->name);
        if (!order) return &g->by_name[mid]->stored;
        if (order < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}
