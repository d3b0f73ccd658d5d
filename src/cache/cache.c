/* Block store for keys and values. See cache.h. */
#include "cache/cache.h"
#include "kernels/kernels.h"

typedef struct sequence {
    uint32_t *table; /* [slots] physical block of each slot, NONE if empty */
    size_t length;   /* committed positions */
    size_t blocks;   /* logical blocks that exist: reserved up to blocks * 64 */
} sequence;

struct cx__kv {
    cx__kv_shape shape;
    size_t elem, span_bytes; /* bytes of a value; of one head's keys or values in a block */
    size_t kept, slots;      /* table slots that never rotate; all slots */
    size_t total, used;      /* physical blocks */
    uint32_t *free_list;
    uint8_t *data; /* [layers][heads][total] pairs of keys and values */
    sequence *seqs;
};

#define NONE UINT32_MAX

static size_t blocks_of(size_t positions)
{
    return positions / CX__KV_BLOCK + (positions % CX__KV_BLOCK != 0);
}

/* Slots of a rotating table: a window may begin and end inside a block, and a pass of `rows` is
 * stored before its first query looks back over the whole window. */
static void plan_slots(cx__kv *kv)
{
    const cx__kv_shape *s = &kv->shape;
    kv->kept = blocks_of(s->window ? s->keep : s->context);
    kv->slots = kv->kept;
    if (s->window) kv->slots += blocks_of(s->window - s->keep + s->rows) + 2;
    if (s->window && s->context && kv->slots > blocks_of(s->context)) {
        kv->kept = kv->slots = blocks_of(s->context); /* never fills up, so nothing rotates */
    }
}

static bool plan_sizes(cx__kv *kv, size_t *bytes)
{
    const cx__kv_shape *s = &kv->shape;
    size_t heads, n;
    plan_slots(kv);
    return cx__mul(s->dim, CX__KV_BLOCK * kv->elem, &kv->span_bytes) &&
           cx__mul(kv->slots, s->sequences, &kv->total) && kv->total < NONE &&
           cx__mul(s->layers, s->heads, &heads) && cx__mul(heads, kv->total, &n) &&
           cx__mul(n, 2 * kv->span_bytes, bytes);
}

cx_status cx__kv_new(const cx__kv_shape *shape, cx__kv **out)
{
    size_t bytes;
    cx__kv *kv = cx__calloc(1, sizeof *kv);
    if (!kv) return CX_FAIL(CX_ENOMEM, "KV cache: out of memory");
    kv->shape = *shape;
    kv->elem = cx_dtype_size(shape->dtype);
    if ((shape->dtype != CX_F16 && shape->dtype != CX_F32) || !shape->dim ||
        (shape->window && shape->keep >= shape->window) || !plan_sizes(kv, &bytes)) {
        cx__free(kv);
        return CX_FAIL(CX_ESHAPE, "KV cache: %zu layers of %zu heads of %zu, %zu positions",
                       shape->layers, shape->heads, shape->dim, shape->context);
    }
    kv->data = cx__alloc(bytes);
    kv->free_list = cx__alloc_array(kv->total, sizeof *kv->free_list);
    kv->seqs = cx__calloc(shape->sequences, sizeof *kv->seqs);
    for (size_t i = 0; kv->seqs && i < shape->sequences; i++) {
        kv->seqs[i].table = cx__alloc_array(kv->slots, sizeof(uint32_t));
        if (!kv->seqs[i].table) break;
        memset(kv->seqs[i].table, 0xff, kv->slots * sizeof(uint32_t));
    }
    if (!kv->data || !kv->free_list || !kv->seqs ||
        (shape->sequences && !kv->seqs[shape->sequences - 1].table)) {
        cx__kv_free(kv);
        return CX_FAIL(CX_ENOMEM, "KV cache: %zu bytes for %zu positions cannot be had", bytes,
                       shape->context);
    }
    for (size_t i = 0; i < kv->total; i++) kv->free_list[i] = (uint32_t)(kv->total - 1 - i);
    *out = kv;
    return CX_OK;
}

void cx__kv_free(cx__kv *kv)
{
    if (!kv) return;
    for (size_t i = 0; kv->seqs && i < kv->shape.sequences; i++) cx__free(kv->seqs[i].table);
    cx__free(kv->seqs);
    cx__free(kv->free_list);
    cx__free(kv->data);
    cx__free(kv);
}

static size_t slot_of(const cx__kv *kv, size_t block)
{
    if (block < kv->kept) return block;
    return kv->kept + (block - kv->kept) % (kv->slots - kv->kept);
}

size_t cx__kv_length(const cx__kv *kv, size_t seq)
{
    return kv->seqs[seq].length;
}

size_t cx__kv_bytes(const cx__kv *kv)
{
    return kv->used * kv->shape.layers * kv->shape.heads * 2 * kv->span_bytes;
}

cx_status cx__kv_reserve(cx__kv *kv, size_t seq, size_t n)
{
    sequence *s = &kv->seqs[seq];
    size_t need = blocks_of(s->length + n), limit = kv->shape.context;
    if (limit && (n > limit || s->length > limit - n))
        return CX_FAIL(CX_ELIMIT, "context full: %zu positions held, %zu more asked, %zu at most",
                       s->length, n, limit);
    for (; s->blocks < need; s->blocks++) {
        uint32_t *slot = &s->table[slot_of(kv, s->blocks)];
        if (*slot == NONE) *slot = kv->free_list[kv->total - ++kv->used];
    }
    return CX_OK;
}

void cx__kv_commit(cx__kv *kv, size_t seq, size_t n)
{
    kv->seqs[seq].length += n;
}

cx_status cx__kv_trim(cx__kv *kv, size_t seq, size_t length)
{
    sequence *s = &kv->seqs[seq];
    size_t oldest = 0, begin, end, need = blocks_of(length);
    if (length > s->length)
        return CX_FAIL(CX_EARG, "trim to %zu positions: only %zu are held", length, s->length);
    if (s->blocks > kv->slots) oldest = s->blocks - (kv->slots - kv->kept);
    if (length && need) {
        cx__kv_range(kv, length - 1, 1, &begin, &end);
        if (begin / CX__KV_BLOCK < oldest && begin / CX__KV_BLOCK >= kv->kept)
            return CX_FAIL(CX_EARG,
                           "trim to %zu positions: the rotating cache dropped position %zu", length,
                           begin);
    }
    for (size_t b = need; b < s->blocks; b++) { /* a slot belongs to its newest block */
        uint32_t *slot = &s->table[slot_of(kv, b)];
        if (*slot == NONE) continue;
        kv->free_list[kv->total - kv->used--] = *slot;
        *slot = NONE;
    }
    s->blocks = need;
    s->length = length;
    return CX_OK;
}

static uint8_t *span_at(const cx__kv *kv, size_t layer, size_t head, size_t seq, size_t block)
{
    size_t phys = kv->seqs[seq].table[slot_of(kv, block)];
    return kv->data + (((layer * kv->shape.heads + head) * kv->total) + phys) * 2 * kv->span_bytes;
}

void cx__kv_put(const cx__kv *kv, size_t layer, size_t head, size_t seq, size_t pos, const float *k,
                const float *v)
{
    const cx__kernels *kern = cx__kernels_get();
    uint8_t *p = span_at(kv, layer, head, seq, pos / CX__KV_BLOCK);
    size_t at = pos % CX__KV_BLOCK, dim = kv->shape.dim;
    uint8_t *values = p + kv->span_bytes + at * dim * kv->elem;
    if (kv->elem == 4) {
        for (size_t i = 0; i < dim; i++) ((float *)p)[i * CX__KV_BLOCK + at] = k[i];
        memcpy(values, v, dim * 4);
        return;
    }
    kern->f32_to_f16(values, v, dim);
    for (size_t i = 0; i < dim; i += 64) {
        uint16_t h[64];
        size_t n = dim - i < 64 ? dim - i : 64;
        kern->f32_to_f16(h, k + i, n);
        for (size_t j = 0; j < n; j++) ((uint16_t *)p)[(i + j) * CX__KV_BLOCK + at] = h[j];
    }
}

void cx__kv_range(const cx__kv *kv, size_t pos, int part, size_t *begin, size_t *end)
{
    size_t recent = kv->shape.window - kv->shape.keep, keep = kv->shape.keep;
    bool cut = kv->shape.window && pos + 1 > keep + recent;
    *begin = part && cut ? pos + 1 - recent : 0;
    *end = part ? pos + 1 : cut ? keep : 0;
}

void cx__kv_span_get(const cx__kv *kv, size_t layer, size_t head, size_t seq, size_t block,
                     cx__kv_span *out)
{
    uint8_t *p = span_at(kv, layer, head, seq, block);
    *out = (cx__kv_span){ p, p + kv->span_bytes, block * CX__KV_BLOCK };
}
