/* Checkpoints that are quantized already: finds out how, and has the method merge what together is
 * one weight. Tested by tests/unit/test_foreign*.c and tests/oracle/oracle_foreign.py. */
#include "convert/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cx__foreign_name {
    const char *name;
    size_t index;
} cx__foreign_name;

static const struct {
    const char *name;
    const cx__foreign_method *method;
} methods[] = {
#define CX_FOREIGN(name, method) { name, &cx__foreign_##method },
#include "convert/foreign.def"
#undef CX_FOREIGN
};
enum { METHODS = sizeof methods / sizeof *methods };

/* The one that the name ends with, and is longer than; NULL: none. */
static const char *tail_of(const char *name, const char *const *tails)
{
    for (; *tails; tails++)
        if (cx__ends_with(name, *tails) && strcmp(name, *tails) != 0) return *tails;
    return NULL;
}

static const char *path_of(const cx__foreign *f, const cx__origin *origin)
{
    return origin->s.path ? origin->s.path : f->where;
}

/* ---- sentences ---- */

cx_status cx__foreign_no_memory(const cx__foreign *f)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its list of tensors", f->where);
}

cx_status cx__foreign_unsupported(const cx__foreign *f, const char *key, const char *value)
{
    return CX_FAIL(CX_EUNSUPPORTED, "%s: quantization '%s': %s '%s' is not supported", f->where,
                   f->method_name, key, value);
}

cx_status cx__foreign_expected(const cx__foreign *f, cx_status code, const cx_tensor *t,
                               const char *fmt, ...)
{
    char expected[256], found[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    return CX_FAIL(code, "%s: '%s': expected %s, found %s", f->path ? f->path : f->where, t->name,
                   expected, cx__tensor_text(t, found, sizeof found));
}

/* ---- names ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cx__foreign_name *)a)->name, ((const cx__foreign_name *)b)->name);
}

static cx_status index_names(cx__foreign *f)
{
    size_t n = f->o->count;
    f->names = cx__alloc_array(n ? n : 1, sizeof *f->names);
    f->gone = cx__calloc(n ? n : 1, sizeof *f->gone);
    if (!f->names || !f->gone) return cx__foreign_no_memory(f);
    for (size_t i = 0; i < n; i++) f->names[i] = (cx__foreign_name){ f->o->list[i].s.t.name, i };
    cx__sort(f->names, n, sizeof *f->names, by_name);
    return CX_OK;
}

/* Of base + tail in the list, SIZE_MAX if there is none. */
static size_t find(const cx__foreign *f, const char *tail)
{
    char name[sizeof f->base + 64];
    snprintf(name, sizeof name, "%s%s", f->base, tail);
    const cx__foreign_name key = { name, 0 };
    const cx__foreign_name *found = bsearch(&key, f->names, f->o->count, sizeof key, by_name);
    return found && !f->gone[found->index] ? found->index : SIZE_MAX;
}

bool cx__foreign_has(const cx__foreign *f, const char *tail)
{
    return find(f, tail) != SIZE_MAX;
}

/* ---- parts ---- */

/* Its elements lie in row-major order, and there are as many bytes as its shape says. */
static cx_status check_plain(const cx__foreign *f, const cx__stored *s)
{
    size_t count, bytes, stride = 1;
    if (!cx__tensor_count(&s->t, &count) || !cx__mul(count, cx_dtype_size(s->t.dtype), &bytes) ||
        bytes != s->t.bytes || s->span < count || (bytes && !s->t.data && !s->decode))
        return cx__foreign_expected(f, CX_ESHAPE, &s->t, "data of its shape");
    bool plain = !s->decode && !s->packed;
    for (int i = s->t.ndim - 1; i >= 0 && plain; i--) {
        plain = s->t.shape[i] == 1 || s->stride[i] == (int64_t)stride;
        stride *= (size_t)s->t.shape[i];
    }
    if (plain) return CX_OK;
    return cx__foreign_expected(f, CX_EUNSUPPORTED, &s->t, "elements in row-major order");
}

cx_status cx__foreign_take(cx__foreign *f, const char *tail, const cx_tensor **out)
{
    size_t i = find(f, tail);
    *out = NULL;
    if (i == SIZE_MAX) return CX_OK;
    const cx__origin *origin = &f->o->list[i];
    if (!f->path) f->path = path_of(f, origin);
    CX_TRY(check_plain(f, &origin->s));
    if (f->slot == SIZE_MAX) f->slot = i;
    f->bytes += origin->s.t.bytes; /* of mapped files: no overflow */
    f->gone[i] = true;
    *out = &origin->s.t;
    return CX_OK;
}

cx_status cx__foreign_need(cx__foreign *f, const char *tail, const cx_tensor **out)
{
    CX_TRY(cx__foreign_take(f, tail, out));
    if (*out) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: quantization '%s': tensor '%s%s' is missing",
                   f->path ? f->path : f->where, f->method_name, f->base, tail);
}

cx_status cx__foreign_is(const cx__foreign *f, const cx_tensor *t, cx_dtype dtype, int ndim,
                         const int64_t *shape)
{
    char want[128] = "";
    size_t n = 0;
    bool same = t->ndim == ndim;
    for (int i = 0; i < ndim && n < sizeof want; i++) {
        same = same && (shape[i] == -1 ? t->shape[i] > 0 : t->shape[i] == shape[i]);
        n += (size_t)(shape[i] == -1 ? snprintf(want + n, sizeof want - n, i ? ", n" : "n")
                                     : snprintf(want + n, sizeof want - n, i ? ", %lld" : "%lld",
                                                (long long)shape[i]));
    }
    if (t->dtype == dtype && same) return CX_OK;
    return cx__foreign_expected(f, same ? CX_ETYPE : CX_ESHAPE, t, "[%s] %s", want,
                                cx_dtype_name(dtype));
}

cx_status cx__foreign_wide(const cx__foreign *f, const cx_tensor *t)
{
    if (t->dtype == CX_F16 || t->dtype == CX_BF16 || t->dtype == CX_F32) return CX_OK;
    return cx__foreign_expected(f, CX_ETYPE, t, "F16, BF16 or F32");
}

/* ---- results ---- */

cx_status cx__foreign_new(cx__foreign *f, cx__foreign_weight **out)
{
    *out = cx__origins_alloc(f->o, sizeof **out);
    if (!*out) return cx__foreign_no_memory(f);
    (*out)->global_unit = 1;
    return CX_OK;
}

cx_status cx__foreign_put_stored(cx__foreign *f, const char *tail, const cx__stored *s)
{
    cx__origin *o = &f->o->list[f->slot];
    int64_t stride = 1;
    if (cx__foreign_has(f, tail))
        return CX_FAIL(CX_EFORMAT, "%s: '%s%s' is there twice, quantized and not", f->path, f->base,
                       tail);
    *o = (cx__origin){ .s = *s, .axes = { .count = s->t.ndim } };
    o->s.t.name = cx__origins_format(f->o, "%s%s", f->base, tail);
    if (!o->s.t.name) return cx__foreign_no_memory(f);
    o->s.path = f->path == f->where ? NULL : f->path;
    o->s.t.bytes = f->bytes;
    for (int i = s->t.ndim - 1; i >= 0; i--) {
        o->axes.size[i] = s->t.shape[i];
        o->axes.stride[i] = o->s.stride[i] = stride;
        stride *= s->t.shape[i]; /* checked with the sizes of the weight */
    }
    o->s.span = (size_t)stride;
    f->gone[f->slot] = false;
    return CX_OK;
}

cx_status cx__foreign_put(cx__foreign *f, const char *tail, const cx_tensor *like, cx_dtype dtype,
                          const char *packing, cx__foreign_weight *w)
{
    cx__stored s = { .t = *like, .decode = cx__foreign_decode, .from = w, .packing = packing };
    s.t.dtype = dtype;
    s.t.data = NULL;
    s.t.shape[s.t.ndim - 2] = (int64_t)w->rows;
    s.t.shape[s.t.ndim - 1] = (int64_t)w->cols;
    s.packed = cx__foreign_pack(w);
    return cx__foreign_put_stored(f, tail, &s);
}

/* ---- the merge ---- */

/* One weight: `name` is the part that ends with `mark`. */
static cx_status merge_one(cx__foreign *f, const char *name, const char *mark)
{
    size_t len = strlen(name) - strlen(mark);
    if (strlen(name) >= sizeof f->base) /* so a method may put another tail to it */
        return CX_FAIL(CX_ELIMIT, "%s: '%.64s...': a name of more than %zu bytes", f->where, name,
                       sizeof f->base);
    memcpy(f->base, name, len);
    f->base[len] = '\0';
    f->slot = SIZE_MAX;
    f->bytes = 0;
    f->path = NULL;
    return f->method->merge(f);
}

static cx_status merge_all(cx__foreign *f)
{
    for (size_t i = 0; i < f->o->count; i++) {
        const char *name = f->o->list[i].s.t.name;
        const char *mark = f->gone[i] ? NULL : tail_of(name, f->method->marks);
        if (mark) CX_TRY(merge_one(f, name, mark));
    }
    return CX_OK;
}

static cx_status check_rest(cx__foreign *f)
{
    for (size_t i = 0; i < f->o->count; i++) {
        const cx__origin *o = &f->o->list[i];
        if (f->gone[i] || o->s.decode) continue;
        if (tail_of(o->s.t.name, f->method->drop)) f->gone[i] = true;
        else if (tail_of(o->s.t.name, f->method->parts))
            return CX_FAIL(CX_EFORMAT,
                           "%s: quantization '%s': '%s' is left over: what belongs to it is "
                           "missing",
                           path_of(f, o), f->method_name, o->s.t.name);
        else if (o->s.t.dtype == CX_F8_E4M3 || o->s.t.dtype == CX_F8_E5M2)
            return CX_FAIL(CX_EFORMAT, "%s: quantization '%s': '%s' is %s and has no scale",
                           path_of(f, o), f->method_name, o->s.t.name, cx_dtype_name(o->s.t.dtype));
    }
    return CX_OK;
}

static void compact(cx__foreign *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->o->count; i++)
        if (!f->gone[i]) f->o->list[n++] = f->o->list[i];
    f->o->count = n;
}

static cx_status run(cx__foreign *f)
{
    CX_TRY(index_names(f));
    CX_TRY(f->method->begin(f));
    CX_TRY(merge_all(f));
    CX_TRY(check_rest(f));
    compact(f);
    return CX_OK;
}

/* ---- the config ---- */

/* What describes the quantization, and where. "quantization" is MLX's; tools before 2025 wrote
 * "compression_config". */
static const char *const keys[] = { "quantization", "quantization_config", "compression_config",
                                    "hf_quant_config" };
enum { KEYS = sizeof keys / sizeof *keys };

static const json_t *find_config(const json_t *config, const char **key)
{
    const json_t *places[] = { config, json_object_get(config, "text_config") };
    for (size_t i = 0; i < 2 * KEYS; i++) {
        const json_t *q = json_object_get(places[i / KEYS], *key = keys[i % KEYS]);
        if (q && !json_is_null(q)) return q;
    }
    return NULL;
}

static void remove_config(json_t *config)
{
    json_t *places[] = { config, json_object_get(config, "text_config") };
    for (size_t i = 0; i < 2 * KEYS; i++) json_object_del(places[i / KEYS], keys[i % KEYS]);
}

/* MLX's object has no quant_method; mlx-lm writes it under both names. ModelOpt's file neither. */
static cx_status method_name(const cx__foreign *f, const char *key, const char **out)
{
    *out = !strcmp(key, "hf_quant_config") ? "modelopt" : "mlx";
    if (!strcmp(key, "quantization")) return CX_OK;
    CX_TRY(cx__json_str(f->config, f->where, "quant_method", out));
    if (strcmp(*out, "mlx") || json_object_get(f->config, "bits")) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: '%s': 'quant_method' is missing", f->where, key);
}

static cx_status find_method(cx__foreign *f, const char *key)
{
    if (!json_is_object(f->config))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected an object", f->where, key);
    const char *name;
    CX_TRY(method_name(f, key, &name));
    f->method_name = NULL;
    for (size_t i = 0; i < METHODS && !f->method; i++) {
        if (strcmp(methods[i].name, name)) continue;
        f->method = methods[i].method;
        f->method_name = methods[i].name;
    }
    if (f->method) return CX_OK;
    char known[256] = "";
    for (size_t i = 0, n = 0; i < METHODS && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, i ? ", %s" : "%s", methods[i].name);
    return CX_FAIL(CX_EUNSUPPORTED,
                   "%s: quantization '%s' is not supported; known are %s. Convert the model that "
                   "it was made of",
                   f->where, name, known);
}

/* Ternary weights of BitNet, four in a byte, are MLX's as they are. */
static bool is_ternary(const cx__foreign *f, const char *scale)
{
    size_t stem = strlen(scale) - strlen("_scale");
    for (size_t i = 0; i < f->o->count; i++) {
        const cx_tensor *t = &f->o->list[i].s.t;
        if (!strncmp(t->name, scale, stem) && !t->name[stem]) return t->dtype == CX_U8;
    }
    return false;
}

/* Without a description the tensors of these would be taken for weights. */
static cx_status check_described(const cx__foreign *f)
{
    static const char *const tails[] = { ".qweight",   ".weight_packed", "_blocks",
                                         "_scale_inv", ".weight_scale",  NULL };
    for (size_t i = 0; i < f->o->count; i++) {
        const cx__stored *s = &f->o->list[i].s;
        bool f8 = s->t.dtype == CX_F8_E4M3 || s->t.dtype == CX_F8_E5M2;
        const char *tail = tail_of(s->t.name, tails);
        if (s->decode || (!f8 && !tail)) continue;
        if (tail && !strcmp(tail, ".weight_scale") && is_ternary(f, s->t.name)) continue;
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s' is quantized, but '%s' has no 'quantization_config' that says "
                       "how",
                       path_of(f, &f->o->list[i]), s->t.name, f->where);
    }
    return CX_OK;
}

cx_status cx__foreign_merge(cx__origins *o, json_t *config, const char *where, const char **method)
{
    cx__foreign f = { .o = o, .where = where };
    const char *key;
    *method = NULL;
    if (!(f.config = find_config(config, &key))) return check_described(&f);
    cx_status st = find_method(&f, key);
    if (st == CX_OK) st = run(&f);
    cx__free(f.names);
    cx__free(f.gone);
    if (st != CX_OK) return st;
    *method = f.method_name;
    remove_config(config);
    return CX_OK;
}
