/* Reads model.safetensors.index.json, and that of PyTorch shards: {"metadata": {"total_size": n},
 * "weight_map": {tensor: shard}}. Tested by tests/unit/test_safetensors_folder.c. */
#include "format/format.h"
#include "format/strings.h"
#include <inttypes.h>
#include <string.h>

#define SHARDS_MAX 1000

typedef struct parser {
    cx__json_scan scan;
    const char *where, *suffix;
    strings strings;
    cx__shard_index out;
    size_t entry_cap, shard_cap;
} parser;

static cx_status fail_memory(const parser *p)
{
    return CX_FAIL(CX_ENOMEM, "%s: no memory for it", p->where);
}

static bool name_valid(const char *name, const char *suffix)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    size_t len = strlen(name), tail = strlen(suffix);
    return len > tail && strspn(name, allowed) == len && !strcmp(name + len - tail, suffix);
}

bool cx__shard_name_valid(const char *name)
{
    return name_valid(name, ".safetensors");
}

/* Entries of one shard usually follow each other: the search begins at the last one found. */
static cx_status shard_number(parser *p, const char *entry, const char *shard, size_t *out)
{
    cx__shard_index *x = &p->out;
    size_t last = x->count ? x->entries[x->count - 1].shard : 0;
    if (!name_valid(shard, p->suffix))
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': expected the plain name of a %s file of "
                       "letters, digits, '.', '_' and '-', found '%s'",
                       p->where, entry, p->suffix, shard);
    for (size_t i = 0; i < x->shard_count; i++) {
        size_t k = (last + i) % x->shard_count;
        if (!strcmp(x->shards[k], shard)) return *out = k, CX_OK;
    }
    if (x->shard_count == SHARDS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: expected at most %d files, found more", p->where,
                       SHARDS_MAX);
    if (!cx__grow(&x->shards, &p->shard_cap, x->shard_count, sizeof *x->shards))
        return fail_memory(p);
    x->shards[x->shard_count] = shard;
    *out = x->shard_count++;
    return CX_OK;
}

static cx_status parse_map(parser *p)
{
    cx__shard_index *x = &p->out;
    cx__shard_entry entry;
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_OBJECT)
        return CX_FAIL(CX_EFORMAT, "%s: weight_map: expected an object, found %s", p->where,
                       cx__json_event_name(e));
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) return CX_OK;
        entry.name = cx__strings_put(&p->strings, &p->scan);
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e != CX__JSON_STRING)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected a file name, found %s", p->where,
                           entry.name, cx__json_event_name(e));
        CX_TRY(shard_number(p, entry.name, cx__strings_put(&p->strings, &p->scan), &entry.shard));
        if (!cx__grow(&x->entries, &p->entry_cap, x->count, sizeof entry)) return fail_memory(p);
        x->entries[x->count++] = entry;
    }
}

/* Some writers made it a real number. */
static cx_status take_total(parser *p, cx__json_event e)
{
    double real = e == CX__JSON_REAL ? p->scan.real : -1;
    p->out.has_total = true;
    if (e == CX__JSON_INT && p->scan.integer >= 0) {
        p->out.total_size = (uint64_t)p->scan.integer;
    } else if (real >= 0 && real < 0x1p63 && real == (double)(uint64_t)real) {
        p->out.total_size = (uint64_t)real;
    } else {
        return CX_FAIL(CX_EFORMAT, "%s: total_size: expected a number of bytes, found %s", p->where,
                       e == CX__JSON_INT ? "a negative one" : cx__json_event_name(e));
    }
    return CX_OK;
}

static bool key_is(const parser *p, const char *key)
{
    return p->scan.len == strlen(key) && !memcmp(p->scan.text, key, p->scan.len);
}

/* Only total_size is of use; other members are other people's. */
static cx_status parse_metadata(parser *p)
{
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_OBJECT)
        return CX_FAIL(CX_EFORMAT, "%s: metadata: expected an object, found %s", p->where,
                       cx__json_event_name(e));
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) return CX_OK;
        bool total = key_is(p, "total_size");
        if (total && p->out.has_total)
            return CX_FAIL(CX_EFORMAT, "%s: total_size is there twice", p->where);
        CX_TRY(cx__json_next(&p->scan, &e));
        CX_TRY(total ? take_total(p, e) : cx__json_skip(&p->scan, e));
    }
}

static cx_status parse_members(parser *p)
{
    enum { MAP = 1, METADATA = 2 };
    unsigned seen = 0;
    cx__json_event e;
    CX_TRY(cx__json_next(&p->scan, &e));
    if (e != CX__JSON_OBJECT)
        return CX_FAIL(CX_EFORMAT, "%s: expected an object, found %s", p->where,
                       cx__json_event_name(e));
    for (;;) {
        CX_TRY(cx__json_next(&p->scan, &e));
        if (e == CX__JSON_OBJECT_END) break;
        unsigned what = key_is(p, "weight_map") ? MAP : key_is(p, "metadata") ? METADATA : 0;
        if (seen & what)
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", p->where,
                           what == MAP ? "weight_map" : "metadata");
        seen |= what;
        if (what) {
            CX_TRY(what == MAP ? parse_map(p) : parse_metadata(p));
        } else {
            CX_TRY(cx__json_next(&p->scan, &e));
            CX_TRY(cx__json_skip(&p->scan, e));
        }
    }
    if (!(seen & MAP)) return CX_FAIL(CX_EFORMAT, "%s: weight_map is missing", p->where);
    return cx__json_next(&p->scan, &e); /* nothing may follow */
}

static int compare_entries(const void *a, const void *b)
{
    const cx__shard_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static cx_status parse(parser *p)
{
    cx__shard_index *x = &p->out;
    CX_TRY(parse_members(p));
    cx__sort(x->entries, x->count, sizeof *x->entries, compare_entries);
    for (size_t i = 1; i < x->count; i++)
        if (!strcmp(x->entries[i - 1].name, x->entries[i].name))
            return CX_FAIL(CX_EFORMAT, "%s: '%s' is there twice", p->where, x->entries[i].name);
    if (!x->count)
        return CX_FAIL(CX_EFORMAT, "%s: weight_map: expected tensors, found none", p->where);
    return CX_OK;
}

cx_status cx__shard_index_parse_of(const char *text, size_t len, const char *where,
                                   const char *suffix, cx__shard_index *out)
{
    parser p = { .where = where, .suffix = suffix };
    cx_status st;
    if (!cx__strings_init(&p.strings, len)) return fail_memory(&p);
    p.out.strings = p.strings.base;
    cx__json_scan_init(&p.scan, text, len, where);
    st = parse(&p);
    cx__json_scan_deinit(&p.scan);
    if (st != CX_OK) return cx__shard_index_free(&p.out), st;
    *out = p.out;
    return CX_OK;
}

cx_status cx__shard_index_parse(const char *text, size_t len, const char *where,
                                cx__shard_index *out)
{
    return cx__shard_index_parse_of(text, len, where, ".safetensors", out);
}

void cx__shard_index_free(cx__shard_index *x)
{
    cx__free(x->entries);
    cx__free(x->shards);
    cx__free(x->strings);
    *x = (cx__shard_index){ 0 };
}
