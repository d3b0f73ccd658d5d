/* The header of a safetensors file: 8 bytes of length, JSON, then the data without holes.
 * Source: huggingface/safetensors README, "Format". Tested by tests/unit/test_safetensors.c,
 * tests/fuzz/fuzz_safetensors.c and, against its authors' reader, tests/oracle. */
#include "format/format.h"
#include "format/strings.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MAX 100000000 /* bytes; the limit of the Rust and MLX readers */

typedef struct parser {
    cx__json_scan scan;
    const char *where;
    const uint8_t *data; /* behind the header */
    size_t len;
    strings strings;
    cx__safetensors out;
    size_t tensor_cap, metadata_cap;
} parser;

static cx_status fail_memory(const parser *p)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for its header", p->where);
}

static cx_status fail_type(const parser *p, const char *entry, const char *what, const char *want,
                           cx__json_event got)
{
    return CX_FAIL(CX_EFORMAT, "%s: '%s': %s: expected %s, found %s", p->where, entry, what, want,
                   cx__json_event_name(got));
}

static cx_status parse_dtype(parser *p, cx_tensor *t)
{
    char name[32];
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_STRING) return fail_type(p, t->name, "dtype", "a string", e);
    snprintf(name, sizeof name, "%.*s", (int)(p->scan.len < 31 ? p->scan.len : 31), p->scan.text);
    cx_status st = cx_dtype_parse(name, &t->dtype);
    return st == CX_OK ? st : cx__fail_in(st, "%s: '%s'", p->where, t->name);
}

/* The next integer of a list, or its end. */
static cx_status parse_item(parser *p, const cx_tensor *t, const char *what, bool *more,
                            int64_t *out)
{
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    *more = e != CX__JSON_ARRAY_END;
    if (!*more) return CX_OK;
    if (e != CX__JSON_INT) return fail_type(p, t->name, what, "integers from 0 to 2^63-1", e);
    if (p->scan.integer < 0)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': %s: expected no negative number, found %" PRId64,
                       p->where, t->name, what, p->scan.integer);
    *out = p->scan.integer;
    return CX_OK;
}

static cx_status parse_list(parser *p, const cx_tensor *t, const char *what, int64_t *out, int max,
                            int *count)
{
    int64_t item = 0;
    cx__json_event e;
    bool more;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_ARRAY) return fail_type(p, t->name, what, "a list", e);
    for (*count = 0;; (*count)++) {
        CX_TRY(parse_item(p, t, what, &more, &item));
        if (!more) return CX_OK;
        if (*count == max)
            return CX_FAIL(max == 2 ? CX_EFORMAT : CX_EUNSUPPORTED,
                           "%s: '%s': %s: expected at most %d numbers, found more", p->where,
                           t->name, what, max);
        out[*count] = item;
    }
}

/* No product of some of the dimensions may overflow either, so zeros count as ones: who later
 * multiplies rows and columns of an empty tensor is safe. */
static cx_status check_shape(const parser *p, cx_tensor *t)
{
    size_t bytes = cx_dtype_size(t->dtype);
    bool empty = false;
    for (int i = 0; i < t->ndim; i++) {
        empty |= !t->shape[i];
        if (t->shape[i] && !cx__mul(bytes, (size_t)t->shape[i], &bytes))
            return CX_FAIL(CX_EFORMAT, "%s: '%s': shape: the size in bytes exceeds 64 bits",
                           p->where, t->name);
    }
    t->bytes = empty ? 0 : bytes;
    return CX_OK;
}

static cx_status check_span(const parser *p, cx_tensor *t, const int64_t *span)
{
    char text[128];
    uint64_t begin = (uint64_t)span[0], end = (uint64_t)span[1];
    if (begin > end || end > p->len)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': data_offsets: expected 0 <= begin <= end <= %zu, "
                       "found [%" PRIu64 ", %" PRIu64 "]",
                       p->where, t->name, p->len, begin, end);
    if (end - begin != t->bytes)
        return CX_FAIL(
            CX_EFORMAT, "%s: '%s': data_offsets: expected %zu bytes for %s, found %" PRIu64,
            p->where, t->name, t->bytes, cx__tensor_text(t, text, sizeof text), end - begin);
    t->data = p->data + begin;
    return CX_OK;
}

static const char *const fields[] = { "dtype", "shape", "data_offsets" };

static cx_status find_field(const parser *p, const cx_tensor *t, unsigned seen, int *out)
{
    const cx__json_scan *s = &p->scan;
    for (int i = 0; i < 3; i++) {
        if (s->len != strlen(fields[i]) || memcmp(s->text, fields[i], s->len)) continue;
        if (seen >> i & 1)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': %s is there twice", p->where, t->name, fields[i]);
        *out = i;
        return CX_OK;
    }
    return CX_FAIL(CX_EFORMAT, "%s: '%s': expected dtype, shape and data_offsets, found '%.*s'",
                   p->where, t->name, (int)(s->len < 64 ? s->len : 64), s->text);
}

static cx_status parse_fields(parser *p, cx_tensor *t, int64_t *span)
{
    unsigned seen = 0;
    cx__json_event e;
    int field = 0, count = 0;
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) break;
        CX_TRY(find_field(p, t, seen, &field));
        seen |= 1u << field;
        if (field == 0) CX_TRY(parse_dtype(p, t));
        if (field == 1) CX_TRY(parse_list(p, t, fields[1], t->shape, CX_MAX_DIMS, &t->ndim));
        if (field != 2) continue;
        CX_TRY(parse_list(p, t, fields[2], span, 2, &count));
        if (count != 2)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': data_offsets: expected 2 numbers, found %d",
                           p->where, t->name, count);
    }
    for (int i = 0; i < 3; i++)
        if (!(seen >> i & 1))
            return CX_FAIL(CX_EFORMAT, "%s: '%s': %s is missing", p->where, t->name, fields[i]);
    return CX_OK;
}

static cx_status parse_tensor(parser *p, const char *name)
{
    cx_tensor t = { .name = name };
    int64_t span[2];
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_OBJECT) return fail_type(p, name, "entry", "an object", e);
    CX_TRY(parse_fields(p, &t, span));
    CX_TRY(check_shape(p, &t));
    CX_TRY(check_span(p, &t, span));
    if (!cx__grow(&p->out.tensors, &p->tensor_cap, p->out.count, sizeof t)) return fail_memory(p);
    p->out.tensors[p->out.count++] = t;
    return CX_OK;
}

static cx_status parse_metadata(parser *p)
{
    cx__safetensors *o = &p->out;
    cx_metadata m;
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e == CX__JSON_NULL) return CX_OK; /* what MLX writes when there is none */
    if (e != CX__JSON_OBJECT) return fail_type(p, "__metadata__", "entry", "an object", e);
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) return CX_OK;
        m.key = cx__strings_put(&p->strings, &p->scan);
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e != CX__JSON_STRING) return fail_type(p, "__metadata__", m.key, "a string", e);
        m.value = cx__strings_put(&p->strings, &p->scan);
        if (!cx__grow(&o->metadata, &p->metadata_cap, o->metadata_count, sizeof m))
            return fail_memory(p);
        o->metadata[o->metadata_count++] = m;
    }
}

static cx_status parse_entries(parser *p)
{
    bool has_metadata = false;
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_OBJECT)
        return CX_FAIL(CX_EFORMAT, "%s: header: expected an object, found %s", p->where,
                       cx__json_event_name(e));
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) return cx__json_next(&p->scan, &e); /* only spaces follow */
        const char *name = cx__strings_put(&p->strings, &p->scan);
        if (strcmp(name, "__metadata__")) {
            CX_TRY(parse_tensor(p, name));
        } else {
            if (has_metadata)
                return CX_FAIL(CX_EFORMAT, "%s: '__metadata__' is there twice", p->where);
            has_metadata = true;
            CX_TRY(parse_metadata(p));
        }
    }
}

static int compare_position(const void *a, const void *b)
{
    const cx_tensor *x = a, *y = b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Tensors and data must cover each other exactly: what no tensor names could be another file. */
static cx_status check_layout(parser *p)
{
    size_t at = 0;
    cx__sort(p->out.tensors, p->out.count, sizeof *p->out.tensors, compare_position);
    for (size_t i = 0; i < p->out.count; i++) {
        const cx_tensor *t = &p->out.tensors[i];
        size_t begin = (size_t)((const uint8_t *)t->data - p->data);
        if (begin > at)
            return CX_FAIL(CX_EFORMAT,
                           "%s: '%s': data_offsets: expected a begin of %zu, found "
                           "%zu: a hole",
                           p->where, t->name, at, begin);
        if (begin < at)
            return CX_FAIL(CX_EFORMAT, "%s: '%s' overlaps '%s'", p->where, t->name, t[-1].name);
        at += t->bytes;
    }
    if (at != p->len)
        return CX_FAIL(CX_EFORMAT, "%s: expected %zu bytes of data, found %zu", p->where, at,
                       p->len);
    return CX_OK;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Refuses two equal strings among those at base[i * stride + offset]. */
static cx_status check_unique(const parser *p, const void *base, size_t count, size_t stride,
                              size_t offset)
{
    const char **names;
    cx_status st = CX_OK;
    if (!count) return CX_OK;
    if (!(names = cx__alloc_array(count, sizeof *names))) return fail_memory(p);
    for (size_t i = 0; i < count; i++)
        memcpy(&names[i], (const char *)base + i * stride + offset, sizeof *names);
    cx__sort(names, count, sizeof *names, compare_text);
    for (size_t i = 1; i < count && st == CX_OK; i++)
        if (!strcmp(names[i - 1], names[i]))
            st = CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", p->where, names[i]);
    cx__free(names);
    return st;
}

static cx_status parse(parser *p)
{
    cx__safetensors *o = &p->out;
    CX_TRY(parse_entries(p));
    CX_TRY(check_unique(p, o->tensors, o->count, sizeof *o->tensors, offsetof(cx_tensor, name)));
    CX_TRY(check_unique(p, o->metadata, o->metadata_count, sizeof *o->metadata,
                        offsetof(cx_metadata, key)));
    return check_layout(p);
}

static cx_status header_size(const uint8_t *data, size_t len, const char *where, size_t *out)
{
    cx__reader r = { data, len, 0 };
    uint64_t size;
    if (!cx__read_u64(&r, &size))
        return CX_FAIL(CX_EFORMAT, "%s: expected at least 8 bytes, found %zu", where, len);
    if (size > len - 8)
        return CX_FAIL(CX_EFORMAT, "%s: header of %" PRIu64 " bytes in a file of %zu", where, size,
                       len);
    if (size > HEADER_MAX)
        return CX_FAIL(CX_EFORMAT, "%s: header: expected at most %d bytes, found %" PRIu64, where,
                       HEADER_MAX, size);
    if (size < 2 || data[8] != '{')
        return CX_FAIL(CX_EFORMAT, "%s: header: expected '{' as its first byte, found %s", where,
                       size < 2 ? "no object" : "another one");
    *out = (size_t)size;
    return CX_OK;
}

cx_status cx__safetensors_parse(const uint8_t *data, size_t len, const char *where,
                                cx__safetensors *out)
{
    parser p = { .where = where };
    cx_status st;
    size_t size = 0;
    CX_TRY(header_size(data, len, where, &size));
    p.data = data + 8 + size;
    p.len = len - 8 - size;
    if (!cx__strings_init(&p.strings, size)) return fail_memory(&p);
    p.out.strings = p.strings.base;
    cx__json_scan_init(&p.scan, (const char *)data + 8, size, where);
    st = parse(&p);
    cx__json_scan_deinit(&p.scan);
    if (st != CX_OK) return cx__safetensors_free(&p.out), st;
    *out = p.out;
    return CX_OK;
}

void cx__safetensors_free(cx__safetensors *s)
{
    cx__free(s->tensors);
    cx__free(s->metadata);
    cx__free(s->strings);
    *s = (cx__safetensors){ 0 };
}
