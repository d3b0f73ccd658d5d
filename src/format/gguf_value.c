/* Metadata values of GGUF: their limits and their getters. Source: ggml-org/ggml, its page on GGUF.
 * Tested by tests/unit/test_gguf.c, test_gguf_bad.c and tests/fuzz/fuzz_gguf.c. */
#include "format/gguf.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MARK 64 /* strings from one mark to the next: memory stays under 1/64 of the file */

static const struct {
    const char *name;
    size_t size; /* bytes of one; of a string its length field */
} types[CX__GGUF_TYPES] = {
    [CX__GGUF_U8] = { "u8", 1 },         [CX__GGUF_I8] = { "i8", 1 },
    [CX__GGUF_U16] = { "u16", 2 },       [CX__GGUF_I16] = { "i16", 2 },
    [CX__GGUF_U32] = { "u32", 4 },       [CX__GGUF_I32] = { "i32", 4 },
    [CX__GGUF_F32] = { "f32", 4 },       [CX__GGUF_BOOL] = { "bool", 1 },
    [CX__GGUF_STRING] = { "string", 8 }, [CX__GGUF_ARRAY] = { "array", 0 },
    [CX__GGUF_U64] = { "u64", 8 },       [CX__GGUF_I64] = { "i64", 8 },
    [CX__GGUF_F64] = { "f64", 8 },
};

static uint64_t little(const uint8_t *p, size_t size)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static cx_status fail_end(const char *where, const char *key, const char *what)
{
    return CX_FAIL(CX_EFORMAT, "%s: '%s': expected %s, found the end of the file", where, key,
                   what);
}

static cx_status read_strings(cx__reader *r, const char *where, const char *key, cx__gguf_value *v,
                              size_t **marks)
{
    const uint8_t *text;
    uint64_t len;
    if (v->array && !(*marks = cx__alloc_array(v->count / MARK + 1, sizeof **marks)))
        return CX_FAIL(CX_ENOMEM, "%s: '%s': no memory for %zu strings", where, key, v->count);
    v->marks = *marks;
    for (size_t i = 0; i < v->count; i++) {
        if (v->array && i % MARK == 0) (*marks)[i / MARK] = (size_t)(r->data + r->at - v->data);
        if (!cx__read_u64(r, &len)) return fail_end(where, key, "the length of a string");
        if (len > r->len - r->at)
            return CX_FAIL(CX_EFORMAT,
                           "%s: '%s': a string of %" PRIu64 " bytes, but the file ends after %zu",
                           where, key, len, r->len - r->at);
        cx__read_bytes(r, (size_t)len, &text);
    }
    return CX_OK;
}

static cx_status read_elements(cx__reader *r, const char *where, const char *key, cx__gguf_value *v,
                               size_t **marks)
{
    const uint8_t *data;
    size_t bytes;
    v->data = r->data + r->at;
    if (!cx__mul(v->count, types[v->type].size, &bytes) || bytes > r->len - r->at)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': %zu elements of %s, but the file ends after %zu bytes", where,
                       key, v->count, types[v->type].name, r->len - r->at);
    if (v->type == CX__GGUF_STRING) return read_strings(r, where, key, v, marks);
    cx__read_bytes(r, bytes, &data);
    for (size_t i = 0; v->type == CX__GGUF_BOOL && i < v->count; i++)
        if (data[i] > 1)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected a bool of 0 or 1, found %d", where, key,
                           data[i]);
    return CX_OK;
}

cx_status cx__gguf_value_read(cx__reader *r, uint32_t type, const char *where, const char *key,
                              cx__gguf_value *out, size_t **marks)
{
    cx__gguf_value v = { .array = type == CX__GGUF_ARRAY, .count = 1 };
    uint64_t count = 1;
    if (v.array) {
        if (!cx__read_u32(r, &type) || !cx__read_u64(r, &count))
            return fail_end(where, key, "type and length of an array");
        if (type == CX__GGUF_ARRAY)
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: '%s': expected plain elements, found an array of "
                           "arrays",
                           where, key);
    }
    if (type >= CX__GGUF_TYPES)
        return CX_FAIL(CX_EFORMAT, "%s: '%s': expected a type from 0 to 12, found %" PRIu32, where,
                       key, type);
    if (count > SIZE_MAX) count = SIZE_MAX; /* the file ends before in any case */
    v.type = (cx__gguf_type)type;
    v.count = (size_t)count;
    CX_TRY(read_elements(r, where, key, &v, marks));
    v.bytes = (size_t)(r->data + r->at - v.data);
    *out = v;
    return CX_OK;
}

static bool is_int(cx__gguf_type t)
{
    return t <= CX__GGUF_I32 || t == CX__GGUF_U64 || t == CX__GGUF_I64;
}

bool cx__gguf_value_int(const cx__gguf_value *v, size_t i, int64_t *out)
{
    if (i >= v->count || !is_int(v->type)) return false;
    size_t size = types[v->type].size;
    uint64_t bits = little(v->data + i * size, size);
    bool is_signed = v->type & 1; /* I8, I16, I32, I64 have odd numbers */
    if (v->type == CX__GGUF_U64 && bits > INT64_MAX) return false;
    if (is_signed && size < 8 && bits >> (8 * size - 1)) bits |= UINT64_MAX << 8 * size;
    *out = (int64_t)bits;
    return true;
}

bool cx__gguf_value_num(const cx__gguf_value *v, size_t i, double *out)
{
    float f;
    if (i >= v->count || (v->type != CX__GGUF_F32 && v->type != CX__GGUF_F64)) return false;
    size_t size = types[v->type].size;
    uint64_t bits = little(v->data + i * size, size);
    uint32_t half = (uint32_t)bits;
    if (size == 8) {
        memcpy(out, &bits, sizeof *out);
    } else {
        memcpy(&f, &half, sizeof f);
        *out = f;
    }
    return true;
}

bool cx__gguf_value_bool(const cx__gguf_value *v, size_t i, bool *out)
{
    if (i >= v->count || v->type != CX__GGUF_BOOL) return false;
    *out = v->data[i];
    return true;
}

/* Reads within v->bytes whatever the lengths are now: a file may change under its mapping. */
bool cx__gguf_value_str(const cx__gguf_value *v, size_t i, const char **text, size_t *len)
{
    if (i >= v->count || v->type != CX__GGUF_STRING) return false;
    cx__reader r = { v->data, v->bytes, v->marks ? v->marks[i / MARK] : 0 };
    const uint8_t *p = NULL;
    uint64_t n = 0;
    for (size_t k = i / MARK * MARK; k <= i; k++)
        if (!cx__read_u64(&r, &n) || n > SIZE_MAX || !cx__read_bytes(&r, (size_t)n, &p))
            return false;
    *text = (const char *)p;
    *len = (size_t)n;
    return true;
}

static cx_status fail_kind(const char *where, const char *key, const char *want,
                           const cx__gguf_value *v)
{
    char found[64];
    int64_t integer;
    double number;
    if (v->array) snprintf(found, sizeof found, "an array of %s", types[v->type].name);
    else if (cx__gguf_value_int(v, 0, &integer)) snprintf(found, sizeof found, "%" PRId64, integer);
    else if (cx__gguf_value_num(v, 0, &number)) snprintf(found, sizeof found, "%g", number);
    else snprintf(found, sizeof found, "a %s", types[v->type].name);
    return CX_FAIL(CX_EFORMAT, "%s: '%s': expected %s, found %s", where, key, want, found);
}

static const cx__gguf_value *file_get(const gguf_file *f, const char *key)
{
    const gguf_entry *e = cx__gguf_entry(f, key, strlen(key));
    return e ? &e->value : NULL;
}

const cx__gguf_value *cx__gguf_get(const cx__gguf *g, const char *key)
{
    return file_get(&g->files[0], key);
}

cx_status cx__gguf_file_int(const gguf_file *f, const char *key, int64_t lo, int64_t hi,
                            int64_t *out)
{
    const cx__gguf_value *v = file_get(f, key);
    char want[80];
    int64_t found;
    if (!v) return CX_OK;
    if (v->array || !cx__gguf_value_int(v, 0, &found) || found < lo || found > hi) {
        snprintf(want, sizeof want, "an integer from %" PRId64 " to %" PRId64, lo, hi);
        return fail_kind(f->path, key, want, v);
    }
    *out = found;
    return CX_OK;
}

cx_status cx__gguf_int(const cx__gguf *g, const char *key, int64_t lo, int64_t hi, int64_t *out)
{
    return cx__gguf_file_int(&g->files[0], key, lo, hi, out);
}

cx_status cx__gguf_num(const cx__gguf *g, const char *key, double lo, double hi, double *out)
{
    const cx__gguf_value *v = cx__gguf_get(g, key);
    char want[80];
    double found;
    if (!v) return CX_OK;
    if (v->array || !cx__gguf_value_num(v, 0, &found) || !(found >= lo && found <= hi)) {
        snprintf(want, sizeof want, "a number from %g to %g", lo, hi);
        return fail_kind(cx__gguf_path(g), key, want, v);
    }
    *out = found;
    return CX_OK;
}

cx_status cx__gguf_bool(const cx__gguf *g, const char *key, bool *out)
{
    const cx__gguf_value *v = cx__gguf_get(g, key);
    if (!v) return CX_OK;
    if (v->array || !cx__gguf_value_bool(v, 0, out))
        return fail_kind(cx__gguf_path(g), key, "a bool", v);
    return CX_OK;
}

cx_status cx__gguf_str(const cx__gguf *g, const char *key, const char **text, size_t *len)
{
    const cx__gguf_value *v = cx__gguf_get(g, key);
    if (!v) return CX_OK;
    if (v->array || !cx__gguf_value_str(v, 0, text, len))
        return fail_kind(cx__gguf_path(g), key, "a string", v);
    return CX_OK;
}
