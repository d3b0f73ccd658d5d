/* The header of a GGUF file: magic, version, metadata, tensors; then their data, each padded to the
 * alignment. Source: ggml-org/ggml, its page on GGUF and what its reader refuses.
 * Tested by tests/unit/test_gguf.c, test_gguf_bad.c and tests/fuzz/fuzz_gguf.c. */
#include "format/gguf.h"
#include "format/strings.h"
#include <inttypes.h>
#include <stdio.h>

#define MAX_ENTRIES 65536
#define MAX_TENSORS 131072 /* 40 times the largest published model's */
#define MAX_KEY 65535      /* bytes; the format says so */
#define MAX_NAME 255       /* bytes; llama.cpp: 63 */
#define MAX_DIMS 4         /* GGML_MAX_DIMS */
#define MAX_ALIGNMENT 65536
#define MIN_ENTRY 14  /* bytes: a key of one byte, a type, a value of one byte */
#define MIN_TENSOR 33 /* bytes: a name of one byte, one dimension, a type, an offset */

typedef struct parser {
    cx__gguf *g;
    gguf_file *f;
    cx__reader r;
    const char *where;
    uint64_t entries, tensors; /* as the header counts them */
    size_t alignment;
    size_t end; /* of the data so far, padded, counted from their begin */
} parser;

static cx_status fail_memory(const parser *p)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its header", p->where);
}

static cx_status fail_end(const parser *p, const char *what)
{
    return CX_FAIL(CX_EFORMAT, "%s: expected %s, found the end of the file", p->where, what);
}

/* Counts decide how often loops run: no more than the file has room for. */
static cx_status check_count(const parser *p, const char *what, uint64_t count, size_t min,
                             uint64_t limit)
{
    size_t room = (p->r.len - p->r.at) / min;
    if (count > room)
        return CX_FAIL(CX_EFORMAT, "%s: %s: expected at most %zu in %zu bytes, found %" PRIu64,
                       p->where, what, room, p->r.len, count);
    if (count > limit)
        return CX_FAIL(CX_ELIMIT, "%s: %s: expected at most %" PRIu64 ", found %" PRIu64, p->where,
                       what, limit, count);
    return CX_OK;
}

static cx_status check_version(const parser *p, uint32_t version)
{
    if (version == 2 || version == 3) return CX_OK;
    if (version == 1)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: version: expected 2 or 3, found 1: convert it again with llama.cpp",
                       p->where);
    if (version && !(version & 0xffff))
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: version: expected 2 or 3, found %" PRIu32 ": a big-endian file",
                       p->where, version);
    return CX_FAIL(CX_EFORMAT, "%s: version: expected 2 or 3, found %" PRIu32, p->where, version);
}

static cx_status parse_head(parser *p)
{
    const uint8_t *magic;
    uint32_t version;
    if (!cx__read_bytes(&p->r, 4, &magic) || memcmp(magic, "GGUF", 4))
        return CX_FAIL(CX_EFORMAT, "%s: expected 'GGUF' as its first bytes, found %s", p->where,
                       p->r.len < 4 ? "the end of the file" : "others");
    if (!cx__read_u32(&p->r, &version)) return fail_end(p, "a version");
    CX_TRY(check_version(p, version));
    if (!cx__read_u64(&p->r, &p->tensors) || !cx__read_u64(&p->r, &p->entries))
        return fail_end(p, "the numbers of tensors and of metadata");
    CX_TRY(check_count(p, "number of metadata", p->entries, MIN_ENTRY, MAX_ENTRIES));
    return check_count(p, "number of tensors", p->tensors, MIN_TENSOR, MAX_TENSORS);
}

/* A key or a name: its bytes in the file. `what` and `number` say which. */
static cx_status parse_text(parser *p, const char *what, size_t number, size_t max,
                            const char **text, size_t *len)
{
    const uint8_t *bytes;
    uint64_t n;
    if (!cx__read_u64(&p->r, &n))
        return CX_FAIL(CX_EFORMAT, "%s: %s %zu: expected its length, found the end of the file",
                       p->where, what, number);
    if (n == 0 || n > max)
        return CX_FAIL(CX_EFORMAT, "%s: %s %zu: expected 1 to %zu bytes, found %" PRIu64, p->where,
                       what, number, max, n);
    if (!cx__read_bytes(&p->r, (size_t)n, &bytes))
        return CX_FAIL(CX_EFORMAT, "%s: %s %zu of %" PRIu64 " bytes, but the file ends after %zu",
                       p->where, what, number, n, p->r.len - p->r.at);
    if (memchr(bytes, 0, (size_t)n) || !cx__utf8_valid((const char *)bytes, (size_t)n))
        return CX_FAIL(CX_EFORMAT, "%s: %s %zu: expected UTF-8 without NUL, found other bytes",
                       p->where, what, number);
    *text = (const char *)bytes;
    *len = (size_t)n;
    return CX_OK;
}

static cx_status parse_entry(parser *p, gguf_entry *e)
{
    char key[128];
    uint32_t type;
    CX_TRY(parse_text(p, "key", p->f->count, MAX_KEY, &e->key, &e->key_len));
    snprintf(key, sizeof key, "%.*s", (int)(e->key_len < 127 ? e->key_len : 127), e->key);
    if (!cx__read_u32(&p->r, &type))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected a type, found the end of the file", p->where,
                       key);
    return cx__gguf_value_read(&p->r, type, p->where, key, &e->value, &e->marks);
}

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_entries(const void *a, const void *b)
{
    const gguf_entry *x = a, *y = b;
    return compare_text(x->key, x->key_len, y->key, y->key_len);
}

const gguf_entry *cx__gguf_entry(const gguf_file *f, const char *key, size_t len)
{
    size_t lo = 0, hi = f->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const gguf_entry *e = &f->entries[mid];
        int order = compare_text(key, len, e->key, e->key_len);
        if (!order) return e;
        if (order < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

static cx_status parse_entries(parser *p)
{
    gguf_file *f = p->f;
    size_t cap = 0;
    while (f->count < p->entries) {
        gguf_entry e = { .marks = NULL };
        cx_status st = parse_entry(p, &e);
        if (st == CX_OK && !cx__grow(&f->entries, &cap, f->count, sizeof e)) st = fail_memory(p);
        if (st != CX_OK) return cx__free(e.marks), st;
        f->entries[f->count++] = e;
    }
    cx__sort(f->entries, f->count, sizeof *f->entries, compare_entries);
    for (size_t i = 1; i < f->count; i++)
        if (!compare_entries(&f->entries[i - 1], &f->entries[i]))
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s' is there twice", p->where,
                           (int)f->entries[i].key_len, f->entries[i].key);
    return CX_OK;
}

static cx_status find_alignment(parser *p)
{
    static const char key[] = "general.alignment";
    const gguf_entry *e = cx__gguf_entry(p->f, key, sizeof key - 1);
    int64_t n = 32;
    if (e && (e->value.array || e->value.type != CX__GGUF_U32))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected an u32, found another type", p->where, key);
    CX_TRY(cx__gguf_file_int(p->f, key, 1, MAX_ALIGNMENT, &n));
    if (n & (n - 1))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected a power of two, found %" PRId64, p->where,
                       key, n);
    p->alignment = (size_t)n;
    return CX_OK;
}

static cx_status parse_shape(parser *p, cx_tensor *t)
{
    uint32_t ndim;
    uint64_t dim;
    if (!cx__read_u32(&p->r, &ndim)) return fail_end(p, "a number of dimensions");
    if (ndim < 1 || ndim > MAX_DIMS)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected 1 to %d dimensions, found %" PRIu32,
                       p->where, t->name, MAX_DIMS, ndim);
    t->ndim = (int)ndim;
    for (int i = t->ndim - 1; i >= 0; i--) { /* the fastest one is first in the file */
        if (!cx__read_u64(&p->r, &dim)) return fail_end(p, "a dimension");
        if (dim < 1 || dim > INT64_MAX)
            return CX_FAIL(CX_EFORMAT,
                           "%s: '%s': expected dimensions from 1 to 2^63-1, found %" PRIu64,
                           p->where, t->name, dim);
        t->shape[i] = (int64_t)dim;
    }
    return CX_OK;
}

static cx_status parse_type(parser *p, const cx_tensor *t, const ggml_type **out)
{
    uint32_t number;
    if (!cx__read_u32(&p->r, &number)) return fail_end(p, "a type of a tensor");
    const ggml_type *type = cx__ggml_type(number);
    if (!type || !type->name)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': type %" PRIu32 ": expected a type of ggml, found an "
                       "unknown one",
                       p->where, t->name, number);
    if (!type->block)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': type %s is no longer in use: convert it again",
                       p->where, t->name, type->name);
    if (!type->decode && type->block > 1)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: '%s': type %s is not supported", p->where, t->name,
                       type->name);
    *out = type;
    return CX_OK;
}

/* The one place where sizes come from: elements and bytes, none of which can overflow later, not
 * even as F32. */
static cx_status measure(const parser *p, cx_tensor *t, const ggml_type *type, size_t *elements)
{
    size_t n = 1, bytes;
    int64_t row = t->shape[t->ndim - 1];
    if (row % type->block)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': expected rows of a multiple of %d elements for %s, "
                       "found %" PRId64,
                       p->where, t->name, type->block, type->name, row);
    for (int i = 0; i < t->ndim; i++)
        if (!cx__mul(n, (size_t)t->shape[i], &n)) n = SIZE_MAX;
    if (n > INT64_MAX / 8)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': shape: the size in bytes exceeds 63 bits", p->where,
                       t->name);
    if (!cx__mul(n / type->block, type->bytes, &bytes))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': shape: the size in bytes exceeds 64 bits", p->where,
                       t->name);
    *elements = n;
    t->bytes = bytes;
    return CX_OK;
}

static void describe(gguf_tensor *t, const ggml_type *type, size_t elements)
{
    cx__stored *s = &t->stored;
    int64_t stride = 1;
    s->t.dtype = type->dtype;
    for (int i = s->t.ndim - 1; i >= 0; i--) {
        s->stride[i] = stride;
        stride *= s->t.shape[i];
    }
    s->span = elements;
    t->source.type = type;
    if (type->decode) {
        s->decode = cx__ggml_decode;
        s->packed = s->t.ndim > 1 ? type->packed : NULL;
        s->packing = type->name;
    }
}

/* Offsets follow from the sizes: what llama.cpp demands too. So nothing overlaps, nothing wraps. */
static cx_status check_offset(parser *p, const cx_tensor *t, uint64_t offset)
{
    size_t sum;
    if (offset != p->end)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': offset: expected %zu, found %" PRIu64, p->where,
                       t->name, p->end, offset);
    if (!cx__add(p->end, t->bytes, &sum) || !cx__pad(sum, p->alignment, &p->end))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': shape: all tensors together exceed 64 bits", p->where,
                       t->name);
    return CX_OK;
}

static cx_status parse_fields(parser *p, gguf_tensor *t)
{
    cx_tensor *view = &t->stored.t;
    const ggml_type *type = NULL;
    size_t elements = 0;
    uint64_t offset;
    CX_TRY(parse_shape(p, view));
    CX_TRY(parse_type(p, view, &type));
    CX_TRY(measure(p, view, type, &elements));
    if (!cx__read_u64(&p->r, &offset)) return fail_end(p, "an offset of a tensor");
    CX_TRY(check_offset(p, view, offset));
    describe(t, type, elements);
    t->stored.path = p->where;
    return CX_OK;
}

static cx_status parse_tensors(parser *p)
{
    cx__gguf *g = p->g;
    for (size_t i = 0; i < p->tensors; i++) {
        const char *name = NULL;
        size_t len = 0;
        CX_TRY(parse_text(p, "tensor", i, MAX_NAME, &name, &len));
        if (!cx__grow(&g->tensors, &g->cap, g->count, sizeof *g->tensors)) return fail_memory(p);
        gguf_tensor *t = &g->tensors[g->count];
        *t = (gguf_tensor){ .name = cx__strndup(name, len) };
        if (!t->name) return fail_memory(p);
        g->count++; /* so that the name is freed */
        t->stored.t.name = t->name;
        CX_TRY(parse_fields(p, t));
    }
    return CX_OK;
}

/* The data begin behind the header, padded, and end with the last tensor; its padding may lack.
 * Bytes that no tensor names could be another file. */
static cx_status locate(parser *p, size_t first)
{
    size_t at, len = p->r.len;
    if (!cx__pad(p->r.at, p->alignment, &at)) return fail_end(p, "data");
    for (size_t i = first; i < p->g->count; i++) {
        gguf_tensor *t = &p->g->tensors[i];
        cx_tensor *view = &t->stored.t;
        if (at > len || view->bytes > len - at)
            return CX_FAIL(CX_EFORMAT,
                           "%s: '%s': expected %zu bytes of %s at %zu, but the file ends "
                           "at %zu",
                           p->where, view->name, view->bytes, t->source.type->name, at, len);
        t->source.data = p->f->data + at;
        if (!t->stored.decode) view->data = t->source.data;
        if (!cx__pad(at + view->bytes, p->alignment, &at)) return fail_end(p, "data");
    }
    if (at < len)
        return CX_FAIL(CX_EFORMAT, "%s: expected %zu bytes, found %zu", p->where, at, len);
    return CX_OK;
}

cx_status cx__gguf_file_parse(cx__gguf *g, gguf_file *f)
{
    parser p = { .g = g, .f = f, .r = { f->data, f->len, 0 }, .where = f->path };
    size_t first = g->count;
    CX_TRY(parse_head(&p));
    CX_TRY(parse_entries(&p));
    CX_TRY(find_alignment(&p));
    CX_TRY(parse_tensors(&p));
    return locate(&p, first);
}
