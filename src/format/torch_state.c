/* From the values of a checkpoint to views of its tensors: which dict, which bytes.
 * Tested by tests/unit/test_torch.c and tests/oracle/oracle_torch.py. */
#include "format/strings.h"
#include "format/torch.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TENSORS_MAX 50000 /* a file; 13 MB of views */
/* Elements of a tensor that repeats some (stride 0) may take so many bytes beyond its storage: a
 * small file must not become a disk full. */
#define REPEAT_MAX ((size_t)1 << 30)

static int shown(size_t len)
{
    return (int)(len < 100 ? len : 100);
}

/* ---- Storages -------------------------------------------------------------------------------- */

static int compare_key(const void *a, const void *b)
{
    const torch_storage *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->key_len < y->key_len ? x->key_len : y->key_len);
    return order ? order : x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

torch_storage *cx__torch_storage(const torch_storages *s, const char *key, size_t key_len)
{
    const torch_storage want = { .key = key, .key_len = key_len };
    return s->count ? bsearch(&want, s->list, s->count, sizeof want, compare_key) : NULL;
}

static cx_status add_storage(const pickle *p, uint32_t node, const char *where, torch_storage *out)
{
    pickle_storage s = cx__pickle_storage(p, node);
    size_t size = s.dtype == PICKLE_UNTYPED ? 1 : cx_dtype_size((cx_dtype)s.dtype);
    *out = (torch_storage){ s.key, s.key_len, s.dtype, s.numel, 0, NULL };
    if (s.dtype == PICKLE_UNSUPPORTED)
        return CX_FAIL(CX_ETYPE, "%s: storage '%.*s': expected a supported type, found '%s'", where,
                       shown(s.key_len), s.key, cx__pickle_type_name(p, node));
    if (!cx__mul((size_t)s.numel, size, &out->bytes))
        return CX_FAIL(CX_EFORMAT, "%s: storage '%.*s': %" PRId64 " elements exceed 64 bits", where,
                       shown(s.key_len), s.key, s.numel);
    return CX_OK;
}

/* Tensors that share a storage name it again and again, in the same way. */
static cx_status unite(const char *where, torch_storages *s)
{
    size_t n = 0;
    cx__sort(s->list, s->count, sizeof *s->list, compare_key);
    for (size_t i = 0; i < s->count; i++) {
        const torch_storage *x = &s->list[i], *last = n ? &s->list[n - 1] : NULL;
        if (!last || compare_key(last, x)) {
            s->list[n++] = *x;
        } else if (last->dtype != x->dtype || last->numel != x->numel) {
            return CX_FAIL(CX_EFORMAT,
                           "%s: storage '%.*s': expected one type and length, found two", where,
                           shown(x->key_len), x->key);
        }
    }
    s->count = n;
    return CX_OK;
}

cx_status cx__torch_storages(const pickle *p, const char *where, torch_storages *out)
{
    torch_storages s = { 0 };
    cx_status st = CX_OK;
    size_t n = 0;
    for (size_t i = 0; i < p->node_count; i++) n += p->nodes[i].kind == PICKLE_STORAGE;
    s.list = cx__alloc_array(n, sizeof *s.list);
    if (!s.list) return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu storages", where, n);
    for (uint32_t i = 0; st == CX_OK && i < p->node_count; i++)
        if (p->nodes[i].kind == PICKLE_STORAGE) st = add_storage(p, i, where, &s.list[s.count++]);
    if (st == CX_OK) st = unite(where, &s);
    if (st != CX_OK) return cx__free(s.list), st;
    *out = s;
    return CX_OK;
}

/* ---- The dict of tensors --------------------------------------------------------------------- */

typedef struct state {
    const pickle *p;
    const torch_storages *storages;
    const char *where;
    torch_file out;
    size_t names_len, names_max;
} state;

static bool is_state(const pickle *p, uint32_t node)
{
    return p->nodes[node].kind == PICKLE_DICT && p->nodes[node].holds_tensors;
}

/* The root, or what it holds as "state_dict" or "model": programs that train save a dict of these,
 * of an optimizer's state and of numbers, which may be tensors themselves. */
static cx_status find_state(const state *s, uint32_t *out)
{
    const pickle *p = s->p;
    const pickle_node *root = &p->nodes[p->root];
    uint32_t found = PICKLE_NOTHING;
    if (root->kind != PICKLE_DICT)
        return CX_FAIL(CX_EFORMAT, "%s: expected a dict of tensors, found %s", s->where,
                       cx__pickle_kind(p, p->root));
    for (uint32_t i = 0, c = root->u.list.first; i < root->count; i += 2) {
        uint32_t key = p->cells[c].node, value = p->cells[p->cells[c].next].node;
        c = p->cells[p->cells[c].next].next;
        if (!is_state(p, value)) continue;
        if (!cx__pickle_is(p, key, "state_dict") && !cx__pickle_is(p, key, "model")) continue;
        if (found != PICKLE_NOTHING)
            return CX_FAIL(CX_EFORMAT,
                           "%s: expected one dict 'state_dict' or 'model' of tensors, found two",
                           s->where);
        found = value;
    }
    if (found == PICKLE_NOTHING) found = p->root;
    if (!is_state(p, found))
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected a dict of tensors, or one in 'state_dict' or 'model', found "
                       "none",
                       s->where);
    *out = found;
    return CX_OK;
}

/* Names are unique, so all of them are shorter than the pickle; a key that is used again and again
 * is found here before it fills memory. */
static cx_status add_name(state *s, uint32_t key, const char **out)
{
    const pickle_node *n = &s->p->nodes[key];
    if (n->kind != PICKLE_TEXT)
        return CX_FAIL(CX_EFORMAT, "%s: expected a text as the name of a tensor, found %s",
                       s->where, cx__pickle_kind(s->p, key));
    if (memchr(n->u.text, 0, n->count))
        return CX_FAIL(CX_EFORMAT, "%s: '%.*s': expected a name without NUL", s->where,
                       shown(n->count), n->u.text);
    if (n->count >= s->names_max - s->names_len)
        return CX_FAIL(CX_EFORMAT, "%s: '%.*s' is there twice", s->where, shown(n->count),
                       n->u.text);
    char *name = s->out.names + s->names_len;
    memcpy(name, n->u.text, n->count);
    name[n->count] = '\0';
    s->names_len += n->count + 1;
    *out = name;
    return CX_OK;
}

/* ---- One tensor ------------------------------------------------------------------------------ */

/* How many elements there are; no product of some dimensions may overflow, so zeros count as
 * one. */
static cx_status count_elements(const state *s, const cx__stored *x, const torch_storage *from,
                                size_t *out)
{
    const cx_tensor *t = &x->t;
    size_t bytes = cx_dtype_size(t->dtype), most;
    bool empty = false;
    for (int i = 0; i < t->ndim; i++) {
        empty |= !t->shape[i];
        if (t->shape[i] && !cx__mul(bytes, (size_t)t->shape[i], &bytes))
            return CX_FAIL(CX_EFORMAT, "%s: '%s': shape: the size in bytes exceeds 64 bits",
                           s->where, t->name);
    }
    most = from->bytes < REPEAT_MAX ? REPEAT_MAX : from->bytes;
    if (!empty && bytes > most)
        return CX_FAIL(CX_ELIMIT,
                       "%s: '%s': expected at most %zu bytes from a storage of %zu, found %zu",
                       s->where, t->name, most, from->bytes, bytes);
    *out = empty ? 0 : bytes / cx_dtype_size(t->dtype);
    return CX_OK;
}

/* Elements offset .. offset + span must be in the storage. An empty view may begin anywhere. */
static cx_status set_span(const state *s, cx__stored *x, const torch_storage *from, int64_t offset)
{
    size_t size = cx_dtype_size(x->t.dtype), room = from->bytes / size, count = 0, span = 1, step;
    CX_TRY(count_elements(s, x, from, &count));
    if (from->bytes % size)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': expected a storage of whole elements, found %zu bytes", s->where,
                       x->t.name, from->bytes);
    x->t.data = from->data;
    if (!count) return CX_OK;
    for (int i = 0; i < x->t.ndim; i++)
        if (!cx__mul((size_t)x->t.shape[i] - 1, (size_t)x->stride[i], &step) ||
            !cx__add(span, step, &span))
            span = SIZE_MAX;
    if ((size_t)offset > room || span > room - (size_t)offset)
        return CX_FAIL(CX_EFORMAT,
                       "%s: '%s': expected elements in a storage of %zu, found offset %" PRId64
                       " and %zu from there on",
                       s->where, x->t.name, room, offset, span);
    x->span = span;
    x->t.bytes = span * size;
    x->t.data = from->data + (size_t)offset * size;
    return CX_OK;
}

static cx_status add_tensor(state *s, uint32_t key, uint32_t value)
{
    pickle_tensor t = cx__pickle_tensor(s->p, value);
    pickle_storage from = cx__pickle_storage(s->p, t.storage);
    const torch_storage *storage = cx__torch_storage(s->storages, from.key, from.key_len);
    cx__stored x = { .t = { .dtype = (cx_dtype)t.dtype, .ndim = t.ndim }, .path = s->where };
    CX_TRY(add_name(s, key, &x.t.name));
    if (t.dtype < 0)
        return CX_FAIL(CX_ETYPE, "%s: '%s': expected a supported dtype, found '%s'", s->where,
                       x.t.name, cx__pickle_type_name(s->p, value));
    memcpy(x.t.shape, t.shape, sizeof t.shape);
    memcpy(x.stride, t.stride, sizeof t.stride);
    CX_TRY(set_span(s, &x, storage, t.offset));
    s->out.tensors[s->out.count++] = x;
    return CX_OK;
}

/* Values that are no tensors are left out; tensors that would be lost are not. */
static cx_status add_tensors(state *s, uint32_t dict)
{
    const pickle *p = s->p;
    const pickle_node *n = &p->nodes[dict];
    for (uint32_t i = 0, c = n->u.list.first; i < n->count; i += 2) {
        uint32_t key = p->cells[c].node, value = p->cells[p->cells[c].next].node;
        c = p->cells[p->cells[c].next].next;
        if (is_state(p, value))
            return CX_FAIL(
                CX_EFORMAT, "%s: '%.*s': expected no dict of tensors beside tensors, found one",
                s->where, p->nodes[key].kind == PICKLE_TEXT ? shown(p->nodes[key].count) : 0,
                p->nodes[key].kind == PICKLE_TEXT ? p->nodes[key].u.text : "");
        if (p->nodes[value].kind == PICKLE_TENSOR) CX_TRY(add_tensor(s, key, value));
    }
    return CX_OK;
}

static cx_status make_room(state *s, uint32_t dict)
{
    const pickle *p = s->p;
    const pickle_node *n = &p->nodes[dict];
    size_t count = 0;
    for (uint32_t i = 0, c = n->u.list.first; i < n->count; i++, c = p->cells[c].next)
        count += i % 2 && p->nodes[p->cells[c].node].kind == PICKLE_TENSOR;
    if (count > TENSORS_MAX)
        return CX_FAIL(CX_ELIMIT, "%s: expected at most %d tensors, found %zu", s->where,
                       TENSORS_MAX, count);
    s->out.tensors = cx__alloc_array(count, sizeof *s->out.tensors);
    s->out.names = cx__alloc(s->names_max);
    if (!s->out.tensors || !s->out.names)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu tensors", s->where, count);
    return CX_OK;
}

cx_status cx__torch_state(const pickle *p, const torch_storages *storages, size_t pickle_len,
                          const char *where, torch_file *out)
{
    state s = { .p = p, .storages = storages, .where = where, .names_max = pickle_len };
    uint32_t dict = 0;
    cx_status st = find_state(&s, &dict);
    if (st == CX_OK) st = make_room(&s, dict);
    if (st == CX_OK) st = add_tensors(&s, dict);
    if (st != CX_OK) return cx__torch_file_free(&s.out), st;
    *out = s.out;
    return CX_OK;
}

void cx__torch_file_free(torch_file *f)
{
    cx__free(f->tensors);
    cx__free(f->names);
    *f = (torch_file){ 0 };
}
