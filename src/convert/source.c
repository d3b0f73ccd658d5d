/* Opening a checkpoint of any format. A format fills the list of origins and knows how to close and
 * to check its files; one entry of the table each. Tested by tests/unit/test_convert*.c. */
#include "convert/source.h"
#include "convert/config.h"
#include "convert/gguf.h"
#include "text/text.h"

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
    cx_status (*tokenizer)(const cx__source *s, char **json, char **config);
    bool alone; /* one file says all: only a file is opened, never a folder */
} format;

struct cx__source {
    const format *format;
    void *files; /* the format's */
    cx__origins origins;
    cx__origin **by_name;
    json_t *config;
    const char *method;
    char *folder;
    char *file; /* in it, if that is opened in the folder's place */
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

/* ---- PyTorch ---- */

static const char *const torch_tails[] = { ".bin", ".pt", ".pth", NULL };

static cx_status open_torch(cx__source *s, const char *path)
{
    cx__torch *t;
    CX_TRY(cx__torch_open(path, &t));
    s->files = t;
    CX_TRY(make_list(s, cx__torch_count(t), path));
    for (size_t i = 0; i < cx__torch_count(t); i++) add_origin(s, cx__torch_at(t, i));
    return CX_OK;
}

static cx_status check_torch(const cx__source *s)
{
    return cx__torch_check(s->files);
}

static void close_torch(cx__source *s)
{
    cx__torch_close(s->files);
}

/* ---- GGUF ---- */

static const char *const gguf_tails[] = { ".gguf", NULL };

static int64_t rows_of(const cx_tensor *t)
{
    return t->ndim > 1 ? t->shape[0] : 1;
}

/* Swaps what the checkpoint has the other way round. */
static void turn(cx__origin *o)
{
    cx_tensor *t = &o->s.t;
    int64_t size = t->shape[0], stride = o->axes.stride[0];
    t->shape[0] = o->axes.size[0] = t->shape[1];
    t->shape[1] = o->axes.size[1] = size;
    o->axes.stride[0] = o->axes.stride[1];
    o->axes.stride[1] = stride;
    o->s.packed = NULL;
}

/* [heads, 2, dim / 2, in], see gguf.h. */
static void unpermute(cx__origin *o, size_t heads)
{
    const cx_tensor *t = &o->s.t;
    int64_t rows = t->shape[0], in = t->ndim > 1 ? t->shape[1] : 1, dim = rows / (int64_t)heads;
    o->axes = (cx__axes){ 4, { (int64_t)heads, 2, dim / 2, in }, { dim * in, in, 2 * in, 1 } };
}

static cx_status add_gguf(cx__source *s, const cx__stored *stored)
{
    cx__gguf_name name;
    CX_TRY(cx__gguf_rename(s->files, stored, &name));
    if (name.how == CX__GGUF_DROP) return CX_OK;
    add_origin(s, stored);
    cx__origin *o = &s->origins.list[s->origins.count - 1];
    if (!(o->s.t.name = cx__origins_format(&s->origins, "%s", name.name)))
        return no_memory(stored->path);
    switch (name.how) {
    case CX__GGUF_UNPERMUTE: unpermute(o, name.heads); break;
    case CX__GGUF_MINUS_ONE: o->add = -1; break;
    case CX__GGUF_TRANSPOSE: turn(o); break;
    case CX__GGUF_ROW:
        o->s.t.ndim = 2;
        o->s.t.shape[1] = o->s.t.shape[0];
        o->s.t.shape[0] = 1;
        o->axes = (cx__axes){ 2, { 1, o->s.t.shape[1] }, { o->s.t.shape[1], 1 } };
        break;
    default: break;
    }
    return CX_OK;
}

/* "Q4_K" of the first matrix that is packed. */
static void note_packing(cx__source *s)
{
    for (size_t i = 0; i < s->origins.count && !s->method; i++)
        if (rows_of(&s->origins.list[i].s.t) > 1) s->method = s->origins.list[i].s.packing;
}

static cx_status open_gguf(cx__source *s, const char *path)
{
    cx__gguf *g;
    CX_TRY(cx__gguf_open(path, &g));
    s->files = g;
    CX_TRY(make_list(s, cx__gguf_count(g), path));
    for (size_t i = 0; i < cx__gguf_count(g); i++) CX_TRY(add_gguf(s, cx__gguf_at(g, i)));
    note_packing(s);
    return cx__gguf_config(g, &s->config);
}

static cx_status check_gguf(const cx__source *s)
{
    return cx__gguf_check(s->files);
}

static void close_gguf(cx__source *s)
{
    cx__gguf_close(s->files);
}

static cx_status gguf_tokenizer(const cx__source *s, char **json, char **config)
{
    return cx__gguf_tokenizer(s->files, json, config);
}

/* ---- which format ---- */

static cx_status folder_tokenizer(const cx__source *s, char **json, char **config)
{
    return cx__tokenizer_rebuild_folder(s->folder, json, config);
}

/* The first that fits is taken, so of a folder with several the safest. */
static const format formats[] = {
    { "safetensors", safetensors_tails, open_safetensors, check_safetensors, close_safetensors,
      folder_tokenizer, false },
    { "PyTorch", torch_tails, open_torch, check_torch, close_torch, folder_tokenizer, false },
    { "GGUF", gguf_tails, open_gguf, check_gguf, close_gguf, gguf_tokenizer, true },
};
enum { FORMATS = sizeof formats / sizeof *formats };

static bool is_of(const format *f, const char *name)
{
    for (const char *const *t = f->tails; *t; t++)
        if (cx__ends_with(name, *t)) return true;
    return false;
}

/* The first format of the table that has a file in the folder. */
static const format *format_of_folder(const char *path)
{
    DIR *d = opendir(path);
    int best = FORMATS;
    for (struct dirent *e; d && (e = readdir(d));)
        for (int i = 0; i < best; i++)
            if (e->d_name[0] != '.' && !formats[i].alone && is_of(&formats[i], e->d_name)) best = i;
    if (d) closedir(d);
    return best < FORMATS ? &formats[best] : NULL;
}

/* Whether a file of a folder is the one that says all: the only .gguf, the first of a split one. */
static int is_alone(const struct dirent *e)
{
    const char *part = strstr(e->d_name, "-of-");
    for (size_t i = 0; i < FORMATS && e->d_name[0] != '.'; i++)
        if (formats[i].alone && is_of(&formats[i], e->d_name))
            return !part || part - e->d_name < 6 || !memcmp(part - 6, "-00001", 6);
    return 0;
}

/* Such a file in a folder that has no other weights (what the hub gives of GGUF models). *file:
 * caller cx__free()s. */
static cx_status find_alone(const char *folder, char **file)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_alone, alphasort);
    cx_status st = CX_OK;
    if (n < 1)
        st = CX_FAIL(CX_ENOTFOUND,
                     "%s: holds no weights: expected .safetensors, PyTorch or .gguf files", folder);
    else if (n > 1)
        st = CX_FAIL(CX_EARG, "%s: holds %d models, '%s' and '%s' among them: name the file",
                     folder, n, list[0]->d_name, list[1]->d_name);
    else if (!(*file = cx__path_join(folder, list[0]->d_name))) st = no_memory(folder);
    for (int i = 0; i < n; i++) free(list[i]); /* libc's */
    free(list);
    return st;
}

static cx_status find_format(const char *path, cx__source *s)
{
    if (!cx__path_exists(path)) return CX_FAIL(CX_ENOTFOUND, "%s: no such file or folder", path);
    if (cx__path_is_dir(path)) {
        if (!(s->folder = cx__strdup(path))) return no_memory(path);
        s->format = format_of_folder(path);
        if (s->format) return CX_OK;
        CX_TRY(find_alone(path, &s->file));
        path = s->file;
    } else {
        const char *slash = strrchr(path, '/');
        s->folder = slash ? cx__strndup(path, slash > path ? (size_t)(slash - path) : 1)
                          : cx__strdup(".");
        if (!s->folder) return no_memory(path);
    }
    for (size_t i = 0; i < FORMATS && !s->format; i++)
        if (is_of(&formats[i], path)) s->format = &formats[i];
    if (s->format) return CX_OK;
    return CX_FAIL(CX_EARG,
                   "%s: expected a folder, or a file named .gguf, .safetensors, .bin, .pt "
                   "or .pth",
                   path);
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
    CX_TRY(s->format->open(s, s->file ? s->file : path));
    if (!s->config) CX_TRY(cx__config_load(s->folder, &s->config));
    snprintf(where, sizeof where, "%.1000s/config.json", s->folder);
    if (!s->format->alone) CX_TRY(cx__foreign_merge(&s->origins, s->config, where, &s->method));
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
    cx__free(s->file);
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

bool cx__source_has_files(const cx__source *s)
{
    return !s->format->alone;
}

cx_status cx__source_tokenizer(const cx__source *s, char **json, char **config)
{
    return s->format->tokenizer(s, json, config);
}

cx_status cx__source_check(const cx__source *s)
{
    return s->format->check(s);
}
