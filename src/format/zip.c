/* Zip archives, read strictly. Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5; what
 * torch.save writes: 4.4.4 bits 3 and 11, descriptors with a signature, a zip64 end record always.
 * Tested by tests/unit/test_zip.c and tests/fuzz/fuzz_torch.c. */
#include "format/zip.h"
#include "format/strings.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL UINT32_C(0x04034b50)
#define CENTRAL UINT32_C(0x02014b50)
#define DESCRIPTOR UINT32_C(0x08074b50)
#define END UINT32_C(0x06054b50)
#define END64 UINT32_C(0x06064b50)
#define LOCATOR UINT32_C(0x07064b50)
#define LOCAL_LEN 30
#define END_LEN 22
#define LOCATOR_LEN 20
#define END64_LEN 56
#define FLAG_DESCRIPTOR 0x0008
#define FLAG_UTF8 0x0800
#define FLAG_ENCRYPTED 0x2041 /* bits 0, 6, 13: the data, strongly, the names */
#define ENTRIES_MAX 200000    /* 14 MB; the largest checkpoints have some thousands a file */
#define NAME_MAX_LEN 512

typedef struct archive {
    const uint8_t *data;
    size_t len;
    const char *where;
    size_t dir, dir_len, dir_end; /* the central directory; dir_end == dir + dir_len */
    uint64_t count;
} archive;

/* Fields of a central or a local header. Sizes are those in the end, after zip64. */
typedef struct header {
    uint16_t flags, method, name_len, extra_len, comment_len, disk;
    uint32_t crc;
    uint64_t packed, size, offset;
    const char *name;
    const uint8_t *extra;
} header;

static uint64_t le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static int shown(size_t len)
{
    return (int)(len < 100 ? len : 100);
}

static cx_status fail(const archive *a, const header *h, const char *what, const char *want,
                      uint64_t got)
{
    return CX_FAIL(CX_EFORMAT, "%s: '%.*s': %s: expected %s, found %" PRIu64, a->where,
                   shown(h->name_len), h->name, what, want, got);
}

/* ---- The end of the archive ------------------------------------------------------------------ */

/* A field of the old end record is the value of the new one, or all ones. */
static bool agrees(uint64_t old, uint64_t value, int bytes)
{
    uint64_t ones = bytes == 2 ? UINT16_MAX : UINT32_MAX;
    return old == value || old == ones;
}

static cx_status read_end64(archive *a, const uint8_t *end)
{
    const uint8_t *locator = end - LOCATOR_LEN, *r;
    size_t at = (size_t)(locator - a->data);
    if (at < END64_LEN || le(locator + 8, 8) != at - END64_LEN || le(locator + 4, 4) ||
        le(locator + 16, 4) > 1)
        return CX_FAIL(CX_EFORMAT,
                       "%s: zip64 locator: expected an end record directly before it, found "
                       "offset %" PRIu64,
                       a->where, le(locator + 8, 8));
    r = locator - END64_LEN;
    if (le(r, 4) != END64 || le(r + 4, 8) != END64_LEN - 12 || le(r + 16, 8) ||
        le(r + 24, 8) != le(r + 32, 8))
        return CX_FAIL(CX_EFORMAT,
                       "%s: zip64 end record: expected one of %d bytes and one disk, found another",
                       a->where, END64_LEN);
    if (!agrees(le(end + 10, 2), le(r + 32, 8), 2) || !agrees(le(end + 12, 4), le(r + 40, 8), 4) ||
        !agrees(le(end + 16, 4), le(r + 48, 8), 4))
        return CX_FAIL(CX_EFORMAT, "%s: the zip64 end record differs from the end record",
                       a->where);
    a->count = le(r + 32, 8);
    a->dir_end = at - END64_LEN;
    a->dir_len = (size_t)le(r + 40, 8);
    a->dir = (size_t)le(r + 48, 8);
    return CX_OK;
}

static cx_status read_end(archive *a)
{
    const uint8_t *end = a->data + (a->len - END_LEN);
    if (le(end, 4) != END || le(end + 20, 2))
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected a zip end record in the last %d bytes, found none: the file "
                       "was cut short or bytes were appended",
                       a->where, END_LEN);
    if (le(end + 4, 4) || le(end + 8, 2) != le(end + 10, 2))
        return CX_FAIL(CX_EFORMAT, "%s: end record: expected a zip archive of one disk", a->where);
    a->count = le(end + 10, 2);
    a->dir_len = (size_t)le(end + 12, 4);
    a->dir = (size_t)le(end + 16, 4);
    a->dir_end = a->len - END_LEN;
    if (a->dir_end >= LOCATOR_LEN && le(end - LOCATOR_LEN, 4) == LOCATOR)
        CX_TRY(read_end64(a, end));
    if (a->dir_len > a->dir_end || a->dir != a->dir_end - a->dir_len)
        return CX_FAIL(CX_EFORMAT,
                       "%s: end record: expected the central directory directly before byte %zu, "
                       "found %zu bytes at %zu",
                       a->where, a->dir_end, a->dir_len, a->dir);
    if (a->count > ENTRIES_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: expected at most %d zip entries, found %" PRIu64, a->where,
                       ENTRIES_MAX, a->count);
    return CX_OK;
}

/* ---- One entry ------------------------------------------------------------------------------- */

/* Fields that were all ones stand in the extra field 1, in this order. In a local header a field 1
 * may stand there although nothing is all ones. */
static cx_status read_zip64(const archive *a, header *h, bool local)
{
    uint64_t *fields[3];
    int count = 0;
    if (h->size == UINT32_MAX) fields[count++] = &h->size;
    if (h->packed == UINT32_MAX) fields[count++] = &h->packed;
    if (h->offset == UINT32_MAX && !local) fields[count++] = &h->offset;
    for (size_t at = 0; at + 4 <= h->extra_len;) {
        uint64_t id = le(h->extra + at, 2), len = le(h->extra + at + 2, 2);
        at += 4;
        if (len > h->extra_len - at) return fail(a, h, "extra field", "it to end in time", len);
        if (id == 1 && (count || !local)) {
            if (len != (size_t)count * 8)
                return fail(a, h, "zip64 field", "8 bytes for each size of all ones", len);
            for (int i = 0; i < count; i++) *fields[i] = le(h->extra + at + (size_t)i * 8, 8);
            return CX_OK;
        }
        at += (size_t)len;
    }
    /* With a descriptor the sizes of the local header mean nothing. */
    if (count && !(local && h->flags & FLAG_DESCRIPTOR)) return fail(a, h, "zip64 field", "one", 0);
    return CX_OK;
}

static bool name_valid(const header *h)
{
    const char *p = h->name;
    size_t len = h->name_len;
    if (!len || len > NAME_MAX_LEN || p[0] == '/' || memchr(p, 0, len) || memchr(p, '\\', len))
        return false;
    for (size_t i = 0; i + 1 < len; i++)
        if (p[i] == '.' && p[i + 1] == '.' && (!i || p[i - 1] == '/') &&
            (i + 2 == len || p[i + 2] == '/'))
            return false;
    return true;
}

static cx_status check_plain(const archive *a, const header *h)
{
    if (!name_valid(h))
        return CX_FAIL(CX_EFORMAT, "%s: '%.*s': expected a name that stays in the archive",
                       a->where, shown(h->name_len), h->name);
    if (h->flags & FLAG_ENCRYPTED)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: '%.*s' is encrypted", a->where, shown(h->name_len),
                       h->name);
    if (h->flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8))
        return fail(a, h, "flags", "none but 8 and 2048", h->flags);
    if (h->method)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: '%.*s': expected stored bytes as torch.save writes them, found "
                       "compression method %u",
                       a->where, shown(h->name_len), h->name, h->method);
    if (h->packed != h->size) return fail(a, h, "packed size", "that of stored bytes", h->packed);
    if (h->disk) return fail(a, h, "disk", "0", h->disk);
    return CX_OK;
}

/* Central header at r->at; *out and r->at move on. */
static cx_status read_central(const archive *a, cx__reader *r, header *out)
{
    const uint8_t *p, *name, *extra, *comment;
    header h;
    if (!cx__read_bytes(r, 46, &p) || le(p, 4) != CENTRAL)
        return CX_FAIL(CX_EFORMAT, "%s: expected a central zip header at byte %zu, found none",
                       a->where, r->at);
    h = (header){ .flags = (uint16_t)le(p + 8, 2),
                  .method = (uint16_t)le(p + 10, 2),
                  .crc = (uint32_t)le(p + 16, 4),
                  .packed = le(p + 20, 4),
                  .size = le(p + 24, 4),
                  .name_len = (uint16_t)le(p + 28, 2),
                  .extra_len = (uint16_t)le(p + 30, 2),
                  .comment_len = (uint16_t)le(p + 32, 2),
                  .disk = (uint16_t)le(p + 34, 2),
                  .offset = le(p + 42, 4) };
    if (!cx__read_bytes(r, h.name_len, &name) || !cx__read_bytes(r, h.extra_len, &extra) ||
        !cx__read_bytes(r, h.comment_len, &comment))
        return CX_FAIL(CX_EFORMAT, "%s: the central directory ends in a header", a->where);
    h.name = (const char *)name;
    h.extra = extra;
    CX_TRY(read_zip64(a, &h, false));
    CX_TRY(check_plain(a, &h));
    *out = h;
    return CX_OK;
}

/* What the local header says must be what the central one says, since other readers use it. */
static cx_status check_local(const archive *a, const header *c, const uint8_t *p,
                             const uint8_t *extra, uint16_t extra_len)
{
    header h = { .flags = (uint16_t)le(p + 6, 2),
                 .method = (uint16_t)le(p + 8, 2),
                 .crc = (uint32_t)le(p + 14, 4),
                 .packed = le(p + 18, 4),
                 .size = le(p + 22, 4),
                 .name_len = c->name_len,
                 .extra_len = extra_len,
                 .name = c->name,
                 .extra = extra };
    bool later = h.flags & FLAG_DESCRIPTOR && !h.size && !h.packed;
    if (h.flags != c->flags) return fail(a, c, "local header", "the same flags", h.flags);
    if (h.method != c->method) return fail(a, c, "local header", "the same method", h.method);
    CX_TRY(read_zip64(a, &h, true));
    if (h.flags & FLAG_DESCRIPTOR && h.size == UINT32_MAX) later = true;
    if (!later && (h.size != c->size || h.packed != c->size))
        return fail(a, c, "local header", "the same size", h.size);
    if (h.crc != c->crc && !(h.flags & FLAG_DESCRIPTOR && !h.crc))
        return fail(a, c, "local header", "the same checksum", h.crc);
    return CX_OK;
}

static cx_status add_entry(const archive *a, const header *c, zip *z)
{
    cx__reader r = { a->data, a->dir, 0 };
    const uint8_t *p, *data, *extra;
    size_t name_len, extra_len;
    if (c->offset > a->dir) return fail(a, c, "offset", "one before the directory", c->offset);
    r.at = (size_t)c->offset;
    if (!cx__read_bytes(&r, LOCAL_LEN, &p) || le(p, 4) != LOCAL)
        return fail(a, c, "offset", "that of a local header", c->offset);
    name_len = (size_t)le(p + 26, 2);
    extra_len = (size_t)le(p + 28, 2);
    if (name_len != c->name_len || !cx__read_bytes(&r, name_len, &data) ||
        memcmp(data, c->name, name_len))
        return fail(a, c, "local header", "the same name", name_len);
    if (!cx__read_bytes(&r, extra_len, &extra))
        return fail(a, c, "local header", "its extra field before the directory", extra_len);
    CX_TRY(check_local(a, c, p, extra, (uint16_t)extra_len));
    if (c->size > r.len - r.at || !cx__read_bytes(&r, (size_t)c->size, &data))
        return fail(a, c, "size", "its bytes before the directory", c->size);
    z->entries[z->count++] = (zip_entry){ .name = c->name,
                                          .name_len = c->name_len,
                                          .data = data,
                                          .len = (size_t)c->size,
                                          .begin = (size_t)c->offset,
                                          .end = r.at,
                                          .crc = c->crc,
                                          .flags = c->flags };
    return CX_OK;
}

/* ---- All entries ----------------------------------------------------------------------------- */

static int compare_begin(const void *a, const void *b)
{
    const zip_entry *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_spans(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int compare_name(const void *a, const void *b)
{
    const zip_entry *x = a, *y = b;
    return compare_spans(x->name, x->name_len, y->name, y->name_len);
}

/* Behind the data: checksum and sizes, of 4 or of 8 bytes. */
static bool descriptor_fits(const archive *a, const zip_entry *e, size_t len)
{
    const uint8_t *p = a->data + e->end;
    int size = len == 16 ? 4 : 8;
    return (len == 16 || len == 24) && le(p, 4) == DESCRIPTOR && le(p + 4, 4) == e->crc &&
           le(p + 8, size) == e->len && le(p + 8 + size, size) == e->len;
}

/* Entries cover the bytes before the directory: what none names could be another file. */
static cx_status check_layout(const archive *a, const zip *z)
{
    size_t first = z->count ? z->entries[0].begin : a->dir;
    if (first)
        return CX_FAIL(CX_EFORMAT, "%s: expected the first zip entry at byte 0, found it at %zu",
                       a->where, first);
    for (size_t i = 0; i < z->count; i++) {
        const zip_entry *e = &z->entries[i];
        size_t next = i + 1 < z->count ? e[1].begin : a->dir;
        if (next < e->end)
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s' overlaps '%.*s'", a->where, shown(e->name_len),
                           e->name, shown(e[1].name_len), e[1].name);
        if (e->flags & FLAG_DESCRIPTOR ? !descriptor_fits(a, e, next - e->end) : next != e->end)
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s': expected %s behind its data, found %zu bytes",
                           a->where, shown(e->name_len), e->name,
                           e->flags & FLAG_DESCRIPTOR ? "its descriptor" : "nothing",
                           next - e->end);
    }
    return CX_OK;
}

static cx_status check_unique(const archive *a, const zip *z)
{
    for (size_t i = 1; i < z->count; i++) {
        const zip_entry *e = &z->entries[i];
        if (!compare_name(e - 1, e))
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s' is there twice", a->where, shown(e->name_len),
                           e->name);
    }
    return CX_OK;
}

static cx_status read_entries(const archive *a, zip *z)
{
    cx__reader r = { a->data, a->dir_end, a->dir };
    header h = { 0 };
    z->entries = cx__alloc_array((size_t)a->count, sizeof *z->entries);
    if (!z->entries) return CX_FAIL(CX_ENOMEM, "%s: no memory for its zip entries", a->where);
    while (z->count < a->count) {
        CX_TRY(read_central(a, &r, &h));
        CX_TRY(add_entry(a, &h, z));
    }
    if (r.at != a->dir_end)
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected %" PRIu64 " zip entries, found %zu bytes behind them",
                       a->where, a->count, a->dir_end - r.at);
    cx__sort(z->entries, z->count, sizeof *z->entries, compare_begin);
    CX_TRY(check_layout(a, z));
    cx__sort(z->entries, z->count, sizeof *z->entries, compare_name);
    return check_unique(a, z);
}

cx_status cx__zip_read(const uint8_t *data, size_t len, const char *where, zip *out)
{
    archive a = { .data = data, .len = len, .where = where };
    zip z = { 0 };
    cx_status st;
    if (len < END_LEN)
        return CX_FAIL(CX_EFORMAT, "%s: expected at least %d bytes of zip, found %zu", where,
                       END_LEN, len);
    CX_TRY(read_end(&a));
    st = read_entries(&a, &z);
    if (st != CX_OK) return cx__zip_free(&z), st;
    *out = z;
    return CX_OK;
}

void cx__zip_free(zip *z)
{
    cx__free(z->entries);
    *z = (zip){ 0 };
}

const zip_entry *cx__zip_find(const zip *z, const char *name, size_t name_len)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const zip_entry *e = &z->entries[mid];
        int order = compare_spans(name, name_len, e->name, e->name_len);
        if (!order) return e;
        if (order < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}
