/* Lists and dictionaries. A dict keeps the order of insertion; over eight keys it has an index.
 * Tested by tests/unit/test_template.c. */
#include "jinja.h"

enum { INDEX_FROM = 8 };

jval cx__jlist(jctx *c, jtype type, size_t cap)
{
    static jlist none;
    jlist *l = cx__jalloc(c, sizeof *l);
    jval *items = l && cap ? cx__jarray(c, cap, sizeof *items) : NULL;
    if (!l || (cap && !items)) return (jval){ .type = (uint8_t)type, .l = &none };
    *l = (jlist){ .items = items, .cap = cap };
    return (jval){ .type = (uint8_t)type, .l = l };
}

bool cx__jlist_push(jctx *c, jval list, jval item)
{
    jlist *l = list.l;
    jval *items = c->status == CX_OK ? cx__jgrow(c, l->items, l->len, &l->cap, sizeof item) : NULL;
    if (!items) return false;
    l->items = items;
    l->items[l->len++] = item;
    return true;
}

jval cx__jpair(jctx *c, jval a, jval b)
{
    jval t = cx__jlist(c, J_TUPLE, 2);
    cx__jlist_push(c, t, a);
    cx__jlist_push(c, t, b);
    return t;
}

jval cx__jdict(jctx *c, size_t cap)
{
    static jdict none;
    jdict *d = cx__jalloc(c, sizeof *d);
    jentry *items = d && cap ? cx__jarray(c, cap, sizeof *items) : NULL;
    if (!d || (cap && !items)) return (jval){ .type = J_DICT, .m = &none };
    *d = (jdict){ .items = items, .cap = cap };
    return (jval){ .type = J_DICT, .m = d };
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    return h ^ (h >> 33);
}

/* Equal numbers hash alike: 1, 1.0 and True are one key. */
static uint64_t num_hash(jval v)
{
    double d = cx__jnum_of(v);
    uint64_t bits = 0;
    if (v.type != J_FLOAT) return mix((uint64_t)cx__jint_of(v) + 1);
    if (d >= -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d) return mix((uint64_t)(int64_t)d + 1);
    memcpy(&bits, &d, sizeof bits);
    return mix(bits);
}

bool cx__jhashable(jval v)
{
    return v.type != J_LIST && v.type != J_DICT;
}

bool cx__jhash(jctx *c, jval v, int depth, uint64_t *out)
{
    uint64_t h = v.type, part;
    if (!cx__jstep(c, 1) || depth > J_MAX_NEST || !cx__jhashable(v)) {
        cx__jfail(c, CX_EFORMAT, "unhashable type: '%s'", cx__jtype_name(v));
        return false;
    }
    if (cx__jis_num(v)) h = num_hash(v);
    else if (v.type == J_STR) h = mix(cx__jstr_hash(v.s));
    else if (v.type == J_TUPLE)
        for (size_t i = 0; i < v.l->len; i++) {
            if (!cx__jhash(c, v.l->items[i], depth + 1, &part)) return false;
            h = mix(h * 31 + part);
        }
    *out = h;
    return true;
}

static bool same_key(jctx *c, const jentry *e, jval key, uint64_t hash)
{
    if (e->hash != hash) return false;
    if (key.type == J_STR && e->key.type == J_STR) return cx__jstr_eq(e->key.s, key.s);
    return cx__jeq(c, e->key, key);
}

/* Item number of the key, or SIZE_MAX; *slot (if indexed) is where it is or would be. */
static size_t dict_find(jctx *c, const jdict *d, jval key, uint64_t hash, size_t *slot)
{
    if (!d->index) {
        for (size_t i = 0; i < d->len; i++)
            if (same_key(c, &d->items[i], key, hash)) return i;
        return SIZE_MAX;
    }
    for (*slot = hash & d->mask; d->index[*slot]; *slot = (*slot + 1) & d->mask) {
        size_t i = d->index[*slot] - 1;
        if (!cx__jstep(c, 1)) return SIZE_MAX;
        if (same_key(c, &d->items[i], key, hash)) return i;
    }
    return SIZE_MAX;
}

/* Makes an index of four slots an item. The bound on items keeps it below 2^32. */
static bool dict_index(jctx *c, jdict *d)
{
    size_t size = 64;
    uint32_t *index;
    while (size < 4 * (d->len + 1)) size *= 2;
    if (!(index = cx__jarray(c, size, sizeof *index))) return false;
    memset(index, 0, size * sizeof *index);
    for (size_t i = 0; i < d->len; i++) {
        size_t at = d->items[i].hash & (size - 1);
        while (index[at]) at = (at + 1) & (size - 1);
        index[at] = (uint32_t)(i + 1);
    }
    d->index = index;
    d->mask = size - 1;
    return true;
}

bool cx__jdict_set(jctx *c, jdict *d, jval key, jval value)
{
    uint64_t hash;
    size_t slot = 0, at;
    jentry *items;
    if (!cx__jhash(c, key, 0, &hash)) return false;
    at = dict_find(c, d, key, hash, &slot);
    if (c->status != CX_OK) return false;
    if (at != SIZE_MAX) return d->items[at].value = value, true;
    if (!(items = cx__jgrow(c, d->items, d->len, &d->cap, sizeof *items))) return false;
    d->items = items;
    d->items[d->len++] = (jentry){ key, value, hash };
    if (d->index && 2 * d->len <= d->mask) d->index[slot] = (uint32_t)d->len;
    else if (d->len > INDEX_FROM) return dict_index(c, d);
    return true;
}

jval *cx__jdict_get(jctx *c, jdict *d, jval key)
{
    uint64_t hash;
    size_t slot, at;
    if (!cx__jhash(c, key, 0, &hash)) return NULL;
    at = dict_find(c, d, key, hash, &slot);
    return at == SIZE_MAX ? NULL : &d->items[at].value;
}

jval *cx__jdict_get_text(jctx *c, jdict *d, const char *key)
{
    jstr s = { .p = key, .len = strlen(key) };
    return cx__jdict_get(c, d, (jval){ .type = J_STR, .s = &s });
}
