/* Opening a checkpoint of any format. A format fills the list of origins and knows how to close and
 * to check its files; one entry of the table each. Tested by tests/unit/test_convert*.c. */
#include "convert/source.h"
#include "convert/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct format {
    const char *name;
    const char *const *tails; /* of file names */
    /* Opens `path`, a file or folder, fills s->origins and, unless that lies beside, s->config. */
    cx_status (*open)(cx__source *s, const char *path);
    cx_status (*check)(const cx__source *s);
    void (*close)(cx__source *s);
} format;

struct cx__source {
    const format *format;
    void *files; /* the format's */
    cx__origins origins;
    cx__origin **by_name;
    json_t *config;
    const char *method;
    char *folder;
};

static cx_status no_memory(const char *path)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its list of tensors", path);
}

/* The list for n tensors. */
static cx_status make_list(cx__source *s, size_t n, const char *path)
{
    s->origins.list = cx__calloc(n ? n : 1, sizeof *s->origins.list);
    return s->origins.list ? CX_OK : no_memory(path);
}

static void add_origin(cx__source *s, const cx__stored *stored)
{
    cx__origin *o = &s->origins.list[s->origins.count++];
    *o = (cx__origin){ .s = *stored, .axes = { .count = stored->t.ndim } };
    for (int i = 0; i < stored->t.ndim; i++) {
        o->axes.size[i] = stored->t.shape[i];
        o->axes.stride[i] = stored->stride[i];
    }
}

/* ---- safetensors ---- */

static const char *const safetensors_tails[] = { ".safetensors", NULL };

/* A tensor whose elements lie in row-major order. The reader checked the product of the shape; of
 * an empty tensor it is that of the axes that are not 0, too large for a stride. */
static cx__stored plain(const cx_tensor *t, const char *path)
{
    cx__stored s = { .t = *t, .span = t->bytes / cx_dtype_size(t->dtype), .path = path };
    int64_t stride = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        s.stride[i] = stride;
        if (s.span) stride *= t->shape[i];
    }
    return s;
}

static cx_status open_safetensors(cx__source *s, const char *path)
{
    cx_tensors *t;
    CX_TRY(cx_tensors_open(path, &t));
    s->files = t;
    CX_TRY(make_list(s, cx_tensors_count(t), path));
    for (size_t i = 0; i < cx_tensors_count(t); i++) {
        cx__stored stored = plain(cx_tensors_at(t, i), cx_tensors_path(t, cx_tensors_at(t, i)));
        add_origin(s, &stored);
    }
    return CX_OK;
}

static cx_status check_safetensors(const cx__source *s)
{
    return cx_tensors_check(s->files);
}

static void close_safetensors(cx__source *s)
{
    cx_tensors_close(s->files);
}

/* ---- which format ---- */

/* The first that fits is taken, so of a folder with several the safest. */
static const format formats[] = {
    { "safetensors", safetensors_tails, open_safetensors, check_safetensors, close_safetensors },
};
enum { FORMATS = sizeof formats / sizeof *formats };

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

static bool is_of(const format *f, const char *name)
{
    for (const char *const *t = f->tails; *t; t++)
        if (ends_with(name, *t)) return true;
    return false;
}

/* The first format of the table that has a file in the folder. */
static const format *format_of_folder(const char *path)
{
    DIR *d = opendir(path);
    int best = FORMATS;
    for (struct dirent *e; d && (e = readdir(d));)
        for (int i = 0; i < best; i++)
            if (e->d_name[0] != '.' && is_of(&formats[i], e->d_name)) best = i;
    if (d) closedir(d);
    return best < FORMATS ? &formats[best] : NULL;
}

static cx_status find_format(const char *path, cx__source *s)
{
    if (!cx__path_exists(path)) return CX_FAIL(CX_ENOTFOUND, "%s: no such file or folder", path);
    if (cx__path_is_dir(path)) {
        if (!(s->folder = cx__strdup(path))) return no_memory(path);
        s->format = format_of_folder(path);
        if (s->format) return CX_OK;
        return CX_FAIL(CX_ENOTFOUND, "%s: holds no weights: expected .safetensors files", path);
    }
    const char *slash = strrchr(path, '/');
    s->folder = slash ? cx__strndup(path, slash > path ? (size_t)(slash - path) : 1)
                      : cx__strdup(".");
    if (!s->folder) return no_memory(path);
    for (size_t i = 0; i < FORMATS && !s->format; i++)
        if (is_of(&formats[i], path)) s->format = &formats[i];
    if (s->format) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: expected a folder, or a file named .safetensors", path);
}

/* ---- the whole ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(cx__origin *const *)a)->s.t.name, (*(cx__origin *const *)b)->s.t.name);
}

static cx_status sort_names(cx__source *s, const char *path)
{
    size_t n = s->origins.count;
    if (!(s->by_name = cx__alloc_array(n ? n : 1, sizeof *s->by_name))) return no_memory(path);
    for (size_t i = 0; i < n; i++) s->by_name[i] = &s->origins.list[i];
    cx__sort(s->by_name, n, sizeof *s->by_name, by_name);
    return CX_OK;
}

static cx_status open_source(cx__source *s, const char *path)
{
    char where[1024];
    CX_TRY(find_format(path, s));
    CX_TRY(s->format->open(s, path));
    if (!s->config) CX_TRY(cx__config_load(s->folder, &s->config));
    snprintf(where, sizeof where, "%.1000s/config.json", s->folder);
    CX_TRY(cx__foreign_merge(&s->origins, s->config, where, &s->method));
    return sort_names(s, path);
}

cx_status cx__source_open(const char *path, cx__source **out)
{
    cx__source *s = cx__calloc(1, sizeof *s);
    cx_status st = s ? open_source(s, path) : no_memory(path);
    if (st == CX_OK) *out = s;
    else cx__source_close(s);
    return st;
}

void cx__source_close(cx__source *s)
{
    if (!s) return;
    if (s->files) s->format->close(s);
    cx__origins_free(&s->origins);
    cx__free(s->by_name);
    cx__free(s->folder);
    json_decref(s->config);
    cx__free(s);
}

size_t cx__source_count(const cx__source *s)
{
    return s->origins.count;
}

const cx__origin *cx__source_at(const cx__source *s, size_t i)
{
    return &s->origins.list[i];
}

const cx__origin *cx__source_find(const cx__source *s, const char *name)
{
    cx__origin key = { .s.t.name = name }, *pointer = &key;
    cx__origin **found = bsearch(&pointer, s->by_name, s->origins.count, sizeof *s->by_name,
                                 by_name);
    return found ? *found : NULL;
}

json_t *cx__source_config(const cx__source *s)
{
    return s->config;
}

const char *cx__source_quantization(const cx__source *s)
{
    return s->method;
}

const char *cx__source_folder(const cx__source *s)
{
    return s->folder;
}

cx_status cx__source_check(const cx__source *s)
{
    return s->format->check(s);
}
