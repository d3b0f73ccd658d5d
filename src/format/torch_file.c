/* One file of torch.save: a zip archive (since PyTorch 1.6) or a stream of five pickles followed by
 * the storages. Source: torch/serialization.py. Nothing is executed. Tested by
 * tests/unit/test_torch.c, tests/fuzz/fuzz_torch.c and tests/oracle/oracle_torch.py. */
#include "format/torch.h"
#include "format/zip.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- What else it may be --------------------------------------------------------------------- */

static bool begins(const uint8_t *data, size_t len, const char *text)
{
    size_t n = strlen(text);
    return len >= n && !memcmp(data, text, n);
}

static cx_status check_kind(const uint8_t *data, size_t len, const char *where)
{
    cx__reader r = { data, len, 0 };
    uint64_t head;
    if (begins(data, len, "version https://git-lfs"))
        return CX_FAIL(
            CX_EFORMAT,
            "%s: expected a checkpoint, found the Git LFS pointer to one: fetch the file "
            "itself (git lfs pull)",
            where);
    if (len > 262 && !memcmp(data + 257, "ustar", 5))
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: a tar archive, as PyTorch before 0.1.10 wrote: load and save it with a "
                       "newer one",
                       where);
    if (cx__read_u64(&r, &head) && head >= 2 && head <= len - 8 && data[8] == '{')
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected a PyTorch checkpoint, found a safetensors file: rename it to "
                       ".safetensors",
                       where);
    if (begins(data, len, "GGUF"))
        return CX_FAIL(CX_EFORMAT, "%s: expected a PyTorch checkpoint, found a GGUF file", where);
    return CX_OK;
}

/* ---- Archives -------------------------------------------------------------------------------- */

typedef struct archive {
    zip z;
    const char *root; /* "name/" that all entries begin with */
    size_t root_len;
    const char *where;
} archive;

/* root + sub + name; NULL if there is none. */
static const zip_entry *find(const archive *a, const char *sub, const char *name, size_t len)
{
    char path[1024];
    size_t sub_len = strlen(sub);
    if (len > 300 || a->root_len > 600) return NULL; /* longer than names of entries may be */
    memcpy(path, a->root, a->root_len);
    memcpy(path + a->root_len, sub, sub_len);
    memcpy(path + a->root_len + sub_len, name, len);
    return cx__zip_find(&a->z, path, a->root_len + sub_len + len);
}

static const zip_entry *find_file(const archive *a, const char *name)
{
    return find(a, "", name, strlen(name));
}

/* All entries lie in one folder, named after the file that was saved first. */
static cx_status find_root(archive *a)
{
    const zip_entry *first = a->z.entries;
    const char *slash = a->z.count ? memchr(first->name, '/', first->name_len) : NULL;
    if (!slash)
        return CX_FAIL(CX_EFORMAT, "%s: expected 'NAME/data.pkl' in the archive, found none",
                       a->where);
    a->root = first->name;
    a->root_len = (size_t)(slash - first->name) + 1;
    for (size_t i = 1; i < a->z.count; i++) {
        const zip_entry *e = &a->z.entries[i];
        if (e->name_len < a->root_len || memcmp(e->name, a->root, a->root_len))
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s': expected all entries in folder '%.*s'",
                           a->where, (int)e->name_len, e->name, (int)a->root_len, a->root);
    }
    return CX_OK;
}

static cx_status check_byteorder(const archive *a)
{
    const zip_entry *e = find_file(a, "byteorder");
    if (e && (e->len != 6 || memcmp(e->data, "little", 6)))
        return CX_FAIL(CX_EUNSUPPORTED, "%s: byteorder: expected 'little', found '%.*s'", a->where,
                       (int)(e->len < 32 ? e->len : 32), (const char *)e->data);
    return CX_OK;
}

static cx_status find_data(const archive *a, const torch_storages *s)
{
    for (size_t i = 0; i < s->count; i++) {
        torch_storage *x = &s->list[i];
        const zip_entry *e = find(a, "data/", x->key, x->key_len);
        int shown = (int)(x->key_len < 100 ? x->key_len : 100);
        if (!e)
            return CX_FAIL(CX_EFORMAT, "%s: '%.*sdata/%.*s' is missing", a->where, (int)a->root_len,
                           a->root, shown, x->key);
        if (e->len != x->bytes)
            return CX_FAIL(CX_EFORMAT, "%s: '%.*s': expected %zu bytes, found %zu", a->where,
                           (int)e->name_len, e->name, x->bytes, e->len);
        x->data = e->data;
    }
    return CX_OK;
}

static cx_status read_object(const archive *a, const zip_entry *e, torch_file *out)
{
    char where[600];
    pickle p = { 0 };
    torch_storages s = { 0 };
    snprintf(where, sizeof where, "%.500s: data.pkl", a->where);
    CX_TRY(cx__pickle_read(e->data, e->len, where, &p));
    cx_status st = cx__torch_storages(&p, a->where, &s);
    if (st == CX_OK && p.len != e->len)
        st = CX_FAIL(CX_EFORMAT, "%s: expected a pickle of %zu bytes, found %zu", where, e->len,
                     p.len);
    if (st == CX_OK) st = find_data(a, &s);
    if (st == CX_OK) st = cx__torch_state(&p, &s, e->len, a->where, out);
    cx__free(s.list);
    cx__pickle_free(&p);
    return st;
}

static cx_status read_archive(archive *a, torch_file *out)
{
    const zip_entry *e;
    CX_TRY(find_root(a));
    if (!(e = find_file(a, "data.pkl")))
        return CX_FAIL(CX_EFORMAT, "%s: '%.*sdata.pkl' is missing", a->where, (int)a->root_len,
                       a->root);
    CX_TRY(check_byteorder(a));
    return read_object(a, e, out);
}

/* ---- Streams --------------------------------------------------------------------------------- */

typedef struct stream {
    const uint8_t *data;
    size_t len, at;
    const char *where;
    pickle object, keys;
    torch_storages storages;
} stream;

/* The pickle of 0x1950a86a20f9469cfc6c: its protocol, in 4 and 5 perhaps a frame, the number's ten
 * bytes. In protocol 1 it is decimal. */
static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
static const char magic_1[] = "L119547037146038801333356L\n.";

/* Its length, 0 if there is none. */
static size_t magic_len(const uint8_t *data, size_t len)
{
    size_t n = sizeof magic - 1, at = len > 2 && data[0] == 0x80 ? 2 : 0;
    if (begins(data, len, magic_1)) return sizeof magic_1 - 1;
    if (at && data[at] == 0x95) at += 9;
    return at && len >= at && len - at >= n && !memcmp(data + at, magic, n) ? at + n : 0;
}

static cx_status read_pickle(stream *s, const char *what, pickle *out)
{
    char where[600];
    snprintf(where, sizeof where, "%.500s: %s at byte %zu", s->where, what, s->at);
    CX_TRY(cx__pickle_read(s->data + s->at, s->len - s->at, where, out));
    s->at += out->len;
    return CX_OK;
}

static cx_status read_protocol(stream *s)
{
    pickle p = { 0 };
    cx_status st;
    CX_TRY(read_pickle(s, "protocol", &p));
    const pickle_node *n = &p.nodes[p.root];
    st = n->kind == PICKLE_INT && n->u.integer == 1001
             ? CX_OK
             : CX_FAIL(CX_EUNSUPPORTED, "%s: protocol: expected 1001, found another", s->where);
    cx__pickle_free(&p);
    return st;
}

/* {"little_endian": True, ...} */
static cx_status read_system(stream *s)
{
    pickle p = { 0 };
    bool little = false;
    CX_TRY(read_pickle(s, "system", &p));
    const pickle_node *n = &p.nodes[p.root];
    for (uint32_t i = 0, c = n->u.list.first; n->kind == PICKLE_DICT && i < n->count; i += 2) {
        const pickle_cell *key = &p.cells[c], *value = &p.cells[key->next];
        const pickle_node *v = &p.nodes[value->node];
        c = value->next;
        if (cx__pickle_is(&p, key->node, "little_endian"))
            little = v->kind == PICKLE_BOOL && v->u.integer;
    }
    cx__pickle_free(&p);
    if (!little)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: system: expected little_endian True, found another",
                       s->where);
    return CX_OK;
}

static cx_status take_storage(stream *s, torch_storage *x)
{
    cx__reader r = { s->data, s->len, s->at };
    int shown = (int)(x->key_len < 100 ? x->key_len : 100);
    uint64_t numel = 0;
    if (x->data)
        return CX_FAIL(CX_EFORMAT, "%s: storage '%.*s' is there twice", s->where, shown, x->key);
    if (!cx__read_u64(&r, &numel) || numel != (uint64_t)x->numel ||
        !cx__read_bytes(&r, x->bytes, &x->data))
        return CX_FAIL(CX_EFORMAT,
                       "%s: storage '%.*s' at byte %zu: expected %" PRId64
                       " elements, found %" PRIu64 " and %zu bytes",
                       s->where, shown, x->key, s->at, x->numel, numel, s->len - s->at);
    s->at = r.at;
    return CX_OK;
}

static cx_status take_storages(stream *s)
{
    const pickle *p = &s->keys;
    const pickle_node *n = &p->nodes[p->root];
    if (n->kind != PICKLE_LIST || n->count != s->storages.count)
        return CX_FAIL(CX_EFORMAT, "%s: keys: expected a list of %zu storages, found another",
                       s->where, s->storages.count);
    for (uint32_t i = 0, c = n->u.list.first; i < n->count; i++, c = p->cells[c].next) {
        const pickle_node *key = &p->nodes[p->cells[c].node];
        torch_storage *x = key->kind == PICKLE_TEXT
                               ? cx__torch_storage(&s->storages, key->u.text, key->count)
                               : NULL;
        if (!x)
            return CX_FAIL(CX_EFORMAT, "%s: keys: item %u is no storage of the object", s->where,
                           i);
        CX_TRY(take_storage(s, x));
    }
    if (s->at != s->len)
        return CX_FAIL(CX_EFORMAT, "%s: expected the end at byte %zu, found %zu bytes more",
                       s->where, s->at, s->len - s->at);
    return CX_OK;
}

static cx_status read_stream(stream *s, torch_file *out)
{
    CX_TRY(read_protocol(s));
    CX_TRY(read_system(s));
    CX_TRY(read_pickle(s, "object", &s->object));
    CX_TRY(read_pickle(s, "keys", &s->keys));
    CX_TRY(cx__torch_storages(&s->object, s->where, &s->storages));
    CX_TRY(take_storages(s));
    return cx__torch_state(&s->object, &s->storages, s->object.len, s->where, out);
}

/* ---- Both ------------------------------------------------------------------------------------ */

cx_status cx__torch_parse(const uint8_t *data, size_t len, const char *where, torch_file *out)
{
    cx_status st;
    size_t at;
    if (begins(data, len, "PK\x03\x04")) {
        archive a = { .where = where };
        CX_TRY(cx__zip_read(data, len, where, &a.z));
        st = read_archive(&a, out);
        cx__zip_free(&a.z);
        return st;
    }
    if ((at = magic_len(data, len))) {
        stream s = { .data = data, .len = len, .at = at, .where = where };
        st = read_stream(&s, out);
        cx__free(s.storages.list);
        cx__pickle_free(&s.object);
        cx__pickle_free(&s.keys);
        return st;
    }
    CX_TRY(check_kind(data, len, where));
    return CX_FAIL(CX_EFORMAT,
                   "%s: expected a checkpoint of torch.save (a zip archive or a stream that begins "
                   "with its magic number), found %s",
                   where, len ? "other bytes" : "an empty file");
}
