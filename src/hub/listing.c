/* What a repository holds at a commit: the hub's answer, and the form in which huggingface_hub
 * keeps it (trees/COMMIT.json, its _tree_cache.py). All of it is hostile. Tested by
 * tests/unit/test_hub.c and tests/fuzz/fuzz_hub.c. */
#include "hub/hub.h"

#include <stdlib.h>
#include <string.h>

static const int64_t SIZE_LIMIT = (int64_t)1 << 50;

void cx__hub_listing_free(cx__hub_listing *l)
{
    for (size_t i = 0; i < l->count; i++) cx__free(l->files[i].name);
    cx__free(l->files);
    *l = (cx__hub_listing){ 0 };
}

/* A hash of `digits` letters at `key`; absent: "". */
static cx_status get_hash(const json_t *o, const char *where, const char *key, size_t digits,
                          char *out)
{
    const char *s = NULL;
    CX_TRY(cx__json_str(o, where, key, &s));
    if (s && !cx__hub_hex(s, digits))
        return CX_FAIL(CX_EFORMAT, "%s: %s: expected %zu hexadecimal digits, found '%.80s'", where,
                       key, digits, s);
    memcpy(out, s ? s : "", s ? digits + 1 : 1);
    return CX_OK;
}

static cx_status get_size(const json_t *o, const char *where, const char *key, cx__hub_file *f)
{
    int64_t size = -1;
    CX_TRY(cx__json_int(o, where, key, 0, SIZE_LIMIT, &size));
    if (size < 0) return CX_OK;
    if (f->sized && f->size != (uint64_t)size)
        return CX_FAIL(CX_EFORMAT, "%s: '%.200s' has two sizes, %llu and %lld", where, f->name,
                       (unsigned long long)f->size, (long long)size);
    f->size = (uint64_t)size;
    f->sized = true;
    return CX_OK;
}

/* The next file of the listing, with its name. `l` has room for it. */
static cx_status add_file(cx__hub_listing *l, const char *name, const char *where)
{
    cx__hub_file *f = &l->files[l->count];
    *f = (cx__hub_file){ .name = cx__strdup(name) };
    if (!f->name) return CX_FAIL(CX_ENOMEM, "%s: no memory for a file's name", where);
    l->count++;
    return CX_OK;
}

static cx_status reserve(cx__hub_listing *l, size_t count, const char *where)
{
    if (count > CX__HUB_FILES)
        return CX_FAIL(CX_ELIMIT, "%s: lists %zu files, more than %d", where, count,
                       (int)CX__HUB_FILES);
    l->files = cx__calloc(count, sizeof *l->files);
    return l->files ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: no memory for %zu files", where, count);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cx__hub_file *)a)->name, ((const cx__hub_file *)b)->name);
}

static cx_status sort(cx__hub_listing *l, const char *where)
{
    if (l->count) qsort(l->files, l->count, sizeof *l->files, by_name);
    for (size_t i = 1; i < l->count; i++) {
        if (!strcmp(l->files[i - 1].name, l->files[i].name))
            return CX_FAIL(CX_EFORMAT, "%s: lists '%.200s' twice", where, l->files[i].name);
    }
    return CX_OK;
}

static cx_status parse_sibling(cx__hub_listing *l, const json_t *o, const char *where)
{
    const char *name = NULL;
    const json_t *lfs = json_object_get(o, "lfs");
    if (!json_is_object(o))
        return CX_FAIL(CX_EFORMAT, "%s: entry %zu of siblings is no object", where, l->count);
    CX_TRY(cx__json_str(o, where, "rfilename", &name));
    if (!name)
        return CX_FAIL(CX_EFORMAT, "%s: entry %zu of siblings has no rfilename", where, l->count);
    CX_TRY(add_file(l, name, where));
    cx__hub_file *f = &l->files[l->count - 1];
    CX_TRY(get_size(o, where, "size", f));
    CX_TRY(get_hash(o, where, "blobId", CX__HUB_SHA1, f->blob));
    if (!lfs || json_is_null(lfs)) return CX_OK;
    if (!json_is_object(lfs))
        return CX_FAIL(CX_EFORMAT, "%s: lfs of '%.200s' is no object", where, name);
    CX_TRY(get_hash(lfs, where, "sha256", CX__HUB_SHA256, f->sha256));
    return get_size(lfs, where, "size", f);
}

static cx_status parse_answer(const json_t *o, const char *where, cx__hub_listing *l)
{
    const json_t *siblings = json_object_get(o, "siblings");
    if (!json_is_object(o)) return CX_FAIL(CX_EFORMAT, "%s: expected a JSON object", where);
    CX_TRY(get_hash(o, where, "sha", CX__HUB_SHA1, l->commit));
    if (!l->commit[0]) return CX_FAIL(CX_EFORMAT, "%s: no sha, which names the commit", where);
    if (!json_is_array(siblings))
        return CX_FAIL(CX_EFORMAT, "%s: no siblings, which lists the files", where);
    CX_TRY(reserve(l, json_array_size(siblings), where));
    for (size_t i = 0; i < json_array_size(siblings); i++)
        CX_TRY(parse_sibling(l, json_array_get(siblings, i), where));
    return sort(l, where);
}

static cx_status parse_tree(const json_t *o, const char *where, cx__hub_listing *l)
{
    const json_t *files = json_object_get(o, "files");
    int64_t version = 0;
    const char *name;
    json_t *entry;
    if (!json_is_object(o) || !json_is_object(files))
        return CX_FAIL(CX_EFORMAT, "%s: no files, which lists what the commit holds", where);
    CX_TRY(cx__json_int(o, where, "format_version", 1, 1, &version));
    CX_TRY(reserve(l, json_object_size(files), where));
    json_object_foreach((json_t *)(uintptr_t)files, name, entry)
    {
        if (!json_is_object(entry))
            return CX_FAIL(CX_EFORMAT, "%s: entry '%.200s' is no object", where, name);
        CX_TRY(add_file(l, name, where));
        cx__hub_file *f = &l->files[l->count - 1];
        CX_TRY(get_size(entry, where, "size", f));
        CX_TRY(get_hash(entry, where, "blob_id", CX__HUB_SHA1, f->blob));
        CX_TRY(get_hash(entry, where, "lfs_sha256", CX__HUB_SHA256, f->sha256));
    }
    return sort(l, where);
}

typedef cx_status parse_fn(const json_t *o, const char *where, cx__hub_listing *l);

static cx_status parse(const char *text, size_t len, const char *where, parse_fn *fn,
                       cx__hub_listing *out)
{
    cx__hub_listing l = { 0 };
    json_t *o = NULL;
    if (len > CX__HUB_JSON)
        return CX_FAIL(CX_ELIMIT, "%s: %zu bytes of JSON, more than %d", where, len,
                       (int)CX__HUB_JSON);
    CX_TRY(cx__json_parse(text, len, where, &o));
    cx_status st = fn(o, where, &l);
    json_decref(o);
    if (st != CX_OK) return cx__hub_listing_free(&l), st;
    *out = l;
    return CX_OK;
}

cx_status cx__hub_listing_parse(const char *text, size_t len, const char *where,
                                cx__hub_listing *out)
{
    return parse(text, len, where, parse_answer, out);
}

cx_status cx__hub_tree_parse(const char *text, size_t len, const char *where, cx__hub_listing *out)
{
    return parse(text, len, where, parse_tree, out);
}

/* {"format_version": 1, "files": {NAME: {"size", "blob_id", "lfs_sha256", "lfs_size"}}}. Names that
 * are no paths are left out: nobody may fetch them. */
bool cx__hub_tree_dump(cx__buf *out, const cx__hub_listing *l)
{
    bool first = true;
    cx__buf_puts(out, "{\n \"format_version\": 1,\n \"files\": {");
    for (size_t i = 0; i < l->count; i++) {
        const cx__hub_file *f = &l->files[i];
        if (!cx__hub_path_valid(f->name)) continue;
        cx__buf_puts(out, first ? "\n  " : ",\n  ");
        cx__json_put_string(out, f->name, strlen(f->name));
        cx__buf_printf(out, ": {\n   \"size\": %llu,\n   \"blob_id\": \"%s\"",
                       (unsigned long long)f->size, f->blob);
        if (f->sha256[0])
            cx__buf_printf(out, ",\n   \"lfs_sha256\": \"%s\",\n   \"lfs_size\": %llu", f->sha256,
                           (unsigned long long)f->size);
        cx__buf_puts(out, "\n  }");
        first = false;
    }
    return cx__buf_puts(out, first ? "}\n}" : "\n }\n}");
}
