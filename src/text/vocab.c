/* Strings with ids: one pool, arrays by id, one table by hash, all sized up front.
 * The hash has a seed of the process, so that a file cannot aim at collisions. */
#include "text/parts.h"
#include <xxhash.h>

/* Ids beyond this many times the count (and this many more) are a broken file: memory by id stays
 * in proportion to the file. */
enum { ID_SPREAD = 8, ID_SLACK = 65536 };
enum { BATCH = 32 }; /* strings whose slots are fetched together */

uint32_t cx__vocab_hash(const cx__vocab *v, const char *s, size_t len)
{
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(s, len, v->seed);
    __builtin_prefetch(&v->slots[hash & v->mask]);
    return hash;
}

void cx__vocab_fetch(const cx__vocab *v, uint32_t hash)
{
    __builtin_prefetch(v->pool + v->slots[hash & v->mask].start);
}

static cx_status allocate(cx__vocab *v, size_t ids, size_t count, const char *where)
{
    size_t slots = 16;
    while (slots < count + count / 2) slots *= 2;
    v->seed = (uint64_t)(uintptr_t)v->pool * 0x9E3779B97F4A7C15u ^ (uint64_t)(cx__now() * 1e9);
    v->slots = cx__calloc(slots, sizeof *v->slots);
    v->start = cx__alloc_array(ids, sizeof *v->start);
    v->size = cx__alloc_array(ids, sizeof *v->size);
    if (!v->slots || !v->start || !v->size)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu tokens", where, count);
    v->mask = (uint32_t)(slots - 1);
    v->ids = (int32_t)ids;
    v->count = count;
    memset(v->size, 0xFF, ids * sizeof *v->size);
    return CX_OK;
}

static bool same(const cx__vocab *v, const cx__vocab_slot *slot, const char *s, size_t len)
{
    return slot->size == len && memcmp(v->pool + slot->start, s, len) == 0;
}

static cx_status insert(cx__vocab *v, const cx__vocab_entry *e, uint32_t hash, const char *where)
{
    const char *text = v->pool + e->start;
    uint32_t slot = hash & v->mask;
    if (v->size[e->id] != UINT32_MAX)
        return CX_FAIL(CX_EFORMAT, "%s: tokens '%.60s' and '%.60s' have the same id %u", where,
                       v->pool + v->start[e->id], text, e->id);
    for (; v->slots[slot].id; slot = (slot + 1) & v->mask)
        if (v->slots[slot].hash == hash && same(v, &v->slots[slot], text, e->size))
            return CX_FAIL(CX_EFORMAT, "%s: token '%.60s' is there twice, ids %u and %u", where,
                           text, v->slots[slot].id - 1, e->id);
    v->slots[slot] = (cx__vocab_slot){ hash, e->id + 1, e->start, e->size };
    v->start[e->id] = e->start;
    v->size[e->id] = e->size;
    return CX_OK;
}

cx_status cx__vocab_init(cx__vocab *v, char *pool, const cx__vocab_entry *entries, size_t count,
                         const char *where)
{
    size_t ids = 0;
    *v = (cx__vocab){ .pool = pool };
    if (count == 0) return CX_FAIL(CX_EFORMAT, "%s: no tokens", where);
    for (size_t i = 0; i < count; i++)
        if (entries[i].id >= ids) ids = (size_t)entries[i].id + 1;
    if (ids > INT32_MAX || ids > count * ID_SPREAD + ID_SLACK)
        return CX_FAIL(CX_EFORMAT, "%s: id %zu is too large for %zu tokens", where, ids - 1, count);
    CX_TRY(allocate(v, ids, count, where));
    for (size_t i = 0; i < count; i += BATCH) {
        uint32_t hash[BATCH];
        size_t n = count - i < BATCH ? count - i : BATCH;
        for (size_t k = 0; k < n; k++)
            hash[k] = cx__vocab_hash(v, pool + entries[i + k].start, entries[i + k].size);
        for (size_t k = 0; k < n; k++) CX_TRY(insert(v, &entries[i + k], hash[k], where));
    }
    return CX_OK;
}

void cx__vocab_deinit(cx__vocab *v)
{
    cx__free(v->pool);
    cx__free(v->start);
    cx__free(v->size);
    cx__free(v->slots);
    *v = (cx__vocab){ 0 };
}

int32_t cx__vocab_find_hash(const cx__vocab *v, uint32_t hash, const char *s, size_t len)
{
    for (uint32_t slot = hash & v->mask; v->slots[slot].id; slot = (slot + 1) & v->mask)
        if (v->slots[slot].hash == hash && same(v, &v->slots[slot], s, len))
            return (int32_t)(v->slots[slot].id - 1);
    return -1;
}

int32_t cx__vocab_find(const cx__vocab *v, const char *s, size_t len)
{
    return v->slots ? cx__vocab_find_hash(v, cx__vocab_hash(v, s, len), s, len) : -1;
}

const char *cx__vocab_text(const cx__vocab *v, int32_t id, size_t *len)
{
    if (id < 0 || id >= v->ids || v->size[id] == UINT32_MAX) return NULL;
    if (len) *len = v->size[id];
    return v->pool + v->start[id];
}
