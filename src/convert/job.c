/* Read, cast, pack, write: each thread takes the next piece of the plan, so that reading,
 * computing and writing overlap, in memory that depends on the number of threads only. Tested by
 * tests/unit/test_convert.c and, against mlx_lm.convert, tests/oracle/oracle_convert.py. */
#include "convert/hash.h"
#include "convert/job.h"

#include <string.h>

/* What a thread works in. Sizes: CX__PIECE elements. */
typedef struct scratch {
    cx__gather gather;
    float *wide;   /* f32 between two dtypes */
    uint8_t *cast; /* in the dtype of the result */
    uint8_t *q, *scales, *biases;
    uint8_t *raw_scales, *raw_biases; /* of codes that are kept, in the source's dtype */
} scratch;

enum { GROUP_MIN = 16 }; /* of all modes */

typedef struct job {
    const cx__layout *plan;
    const cx__kernels *k;
    bool cpu_rule;
    cx_tensor_writer **writers; /* [shards] */
    scratch *scratch;           /* [threads] */
    uint64_t *hashes;           /* of pieces: [pieces][3] */
} job;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory to convert in");
}

/* ---- one piece ---- */

static void widen(const cx__kernels *k, const void *from, cx_dtype dtype, size_t n, float *to)
{
    const cx_tensor view = { .dtype = dtype, .ndim = 1, .shape = { (int64_t)n }, .data = from };
    switch (dtype) {
    case CX_F16: k->f16_to_f32(to, from, n); return;
    case CX_BF16: k->bf16_to_f32(to, from, n); return;
    case CX_F32: memmove(to, from, n * sizeof *to); return;
    default:
        for (size_t i = 0; i < n; i++) to[i] = cx__tensor_f32(&view, i); /* F64 */
    }
}

/* f32 to a type of 16 bits, or as it is. */
static const void *narrow(const cx__kernels *k, const float *from, cx_dtype dtype, size_t n,
                          uint8_t *to)
{
    if (dtype == CX_F32) return from;
    if (dtype == CX_F16) k->f32_to_f16(to, from, n);
    else k->f32_to_bf16(to, from, n);
    return to;
}

/* n elements in the result's dtype, by way of f32, rounded once: MLX's astype. What is added is
 * rounded to the source's dtype before, as mlx-lm does it. */
static const void *cast(const job *j, scratch *s, const cx__entry *e, const void *from, size_t n)
{
    cx_dtype now = e->from;
    if (e->add != 0) {
        now = e->from == CX_F64 ? CX_F32 : e->from;
        widen(j->k, from, e->from, n, s->wide);
        for (size_t i = 0; i < n; i++) s->wide[i] += e->add;
        from = narrow(j->k, s->wide, now, n, s->cast);
    }
    if (now == e->dtype) return from;
    widen(j->k, from, now, n, s->wide);
    return narrow(j->k, s->wide, e->dtype, n, s->cast);
}

/* Writes len bytes of an output of the entry, as its piece `index`. */
static cx_status put(const job *j, const cx__entry *e, size_t which, size_t index, const void *data,
                     size_t len)
{
    size_t out = e->output + which, full = cx__layout_bytes(j->plan, e, which, e->step);
    j->hashes[(e->first + index) * 3 + which] = cx__hash(data, len);
    return cx_tensor_writer_write(j->writers[j->plan->shard_of[out]], j->plan->index_of[out],
                                  (uint64_t)index * full, data, len);
}

/* The only place that chooses scales and biases: n elements, whole groups. */
static cx_status pack(const job *j, const cx__entry *e, const cx__choice *how, const scratch *s,
                      const void *w, size_t n)
{
    const cx_quant_spec spec = {
        .mode = how->mode, .bits = how->bits, .group = how->group, .cpu_rule = j->cpu_rule
    };
    const cx_tensor view = { .name = e->name,
                             .dtype = e->dtype,
                             .ndim = 2,
                             .shape = { 1, (int64_t)n },
                             .data = w,
                             .bytes = n * cx_dtype_size(e->dtype) };
    return cx_quantize(&view, &spec, s->q, s->scales, how->mode->has_bias ? s->biases : NULL);
}

/* The source's own codes; its scales in the dtype of the result. */
static void take_codes(const job *j, const cx__entry *e, const cx__choice *how, scratch *s,
                       size_t begin, size_t n)
{
    const cx__packed *p = e->parts[0]->s.packed;
    size_t groups = e->cols / (size_t)how->group, count = n / (size_t)how->group;
    bool biased = how->mode->has_bias, same = p->scale_dtype == e->dtype || !biased;
    uint8_t *scales = same ? s->scales : s->raw_scales, *biases = same ? s->biases : s->raw_biases;
    cx__entry_codes(e, begin / e->cols, n / e->cols, s->q, scales, biased ? biases : NULL,
                    e->cols / 8 * (size_t)how->bits, groups * cx_dtype_size(p->scale_dtype));
    if (same) return;
    widen(j->k, scales, p->scale_dtype, count, s->wide);
    memmove(s->scales, narrow(j->k, s->wide, e->dtype, count, s->cast),
            count * cx_dtype_size(e->dtype));
    widen(j->k, biases, p->scale_dtype, count, s->wide);
    memmove(s->biases, narrow(j->k, s->wide, e->dtype, count, s->cast),
            count * cx_dtype_size(e->dtype));
}

static const cx__entry *entry_of(const cx__layout *p, size_t piece)
{
    const cx__entry *list = p->entries.list;
    size_t lo = 0, hi = p->entries.count; /* the last entry whose first piece is <= piece */
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (list[mid].first <= piece) lo = mid;
        else hi = mid;
    }
    return &list[lo];
}

static cx_status run_piece(void *arg, size_t piece, int thread, uint64_t *done)
{
    const job *j = arg;
    const cx__entry *e = entry_of(j->plan, piece);
    const cx__module *m = cx__layout_module(j->plan, e);
    scratch *s = &j->scratch[thread];
    size_t index = piece - e->first, begin = index * e->step;
    size_t count = e->part_elements * e->part_count;
    size_t n = count - begin < e->step ? count - begin : e->step;
    cx__entry_prefetch(e, begin, n);
    *done = n * cx_dtype_size(e->from);
    if (m && m->kept) {
        take_codes(j, e, &m->how, s, begin, n);
    } else {
        const void *w = cast(j, s, e, cx__entry_read(e, begin, n, &s->gather), n);
        if (!m) return put(j, e, 0, index, w, cx__layout_bytes(j->plan, e, 0, n));
        CX_TRY(pack(j, e, &m->how, s, w, n));
    }
    const void *const parts[] = { s->q, s->scales, s->biases };
    for (size_t which = 0; which < cx__layout_outputs(j->plan, e); which++)
        CX_TRY(put(j, e, which, index, parts[which], cx__layout_bytes(j->plan, e, which, n)));
    return CX_OK;
}

/* ---- the whole ---- */

static cx_status scratch_new(const cx__layout *p, scratch *s)
{
    bool wide = false, packed = p->table.packed > 0, raw = p->table.kept > 0;
    for (size_t i = 0; i < p->entries.count; i++) {
        const cx__entry *e = &p->entries.list[i];
        wide = wide || e->from != e->dtype || e->add != 0;
    }
    wide = wide || raw;
    CX_TRY(cx__gather_new(&p->entries, &s->gather));
    if (wide) s->wide = cx__alloc_array(CX__PIECE, sizeof(float));
    if (wide) s->cast = cx__alloc_array(CX__PIECE, 2);
    if (packed) s->q = cx__alloc(CX__PIECE);
    if (packed) s->scales = cx__alloc_array(CX__PIECE / GROUP_MIN, sizeof(float));
    if (packed) s->biases = cx__alloc_array(CX__PIECE / GROUP_MIN, sizeof(float));
    if (raw) s->raw_scales = cx__alloc_array(CX__PIECE / GROUP_MIN, sizeof(float));
    if (raw) s->raw_biases = cx__alloc_array(CX__PIECE / GROUP_MIN, sizeof(float));
    bool good = (!wide || (s->wide && s->cast)) && (!packed || (s->q && s->scales && s->biases)) &&
                (!raw || (s->raw_scales && s->raw_biases));
    return good ? CX_OK : no_memory();
}

static void scratch_free(scratch *s)
{
    cx__gather_free(&s->gather);
    cx__free(s->wide);
    cx__free(s->cast);
    cx__free(s->q);
    cx__free(s->scales);
    cx__free(s->biases);
    cx__free(s->raw_scales);
    cx__free(s->raw_biases);
}

/* The outputs of a shard are consecutive. */
static cx_status open_writers(job *j, const char *dir)
{
    static const cx_metadata metadata = { "format", "mlx" };
    const cx__layout *p = j->plan;
    size_t begin = 0;
    for (size_t shard = 0; shard < p->shards; shard++) {
        char name[64];
        size_t end = begin;
        while (end < p->output_count && p->shard_of[end] == shard) end++;
        cx__shard_file(name, shard, p->shards);
        char *path = cx__path_join(dir, name);
        if (!path) return no_memory();
        cx_status st = cx_tensor_writer_open(path, p->outputs + begin, end - begin, &metadata, 1,
                                             &j->writers[shard]);
        cx__free(path);
        CX_TRY(st);
        begin = end;
    }
    return CX_OK;
}

static cx_status finish_writers(job *j, const cx__job_options *o)
{
    const cx__layout *p = j->plan;
    for (size_t shard = 0; shard < p->shards; shard++) {
        cx_tensor_writer *w = j->writers[shard];
        if (o->progress && o->progress(o->user, "sync", shard, p->shards, "files"))
            return CX_FAIL(CX_ECANCELED, "stopped");
        j->writers[shard] = NULL;
        CX_TRY(cx_tensor_writer_finish(w));
    }
    return CX_OK;
}

static void fill_hashes(const job *j, cx__tensor_hash *hashes)
{
    const cx__layout *p = j->plan;
    for (size_t i = 0; i < p->entries.count; i++) {
        const cx__entry *e = &p->entries.list[i];
        size_t pieces = (i + 1 < p->entries.count ? e[1].first : p->pieces) - e->first;
        for (size_t which = 0; which < cx__layout_outputs(p, e); which++)
            hashes[e->output + which] = (cx__tensor_hash){
                cx__hash_of_pieces(j->hashes + e->first * 3 + which, pieces, 3),
                cx__layout_bytes(p, e, which, e->step)
            };
    }
}

static cx_status prepare(job *j, const char *dir, int threads)
{
    j->writers = cx__calloc(j->plan->shards, sizeof(cx_tensor_writer *));
    j->scratch = cx__calloc((size_t)threads, sizeof *j->scratch);
    j->hashes = cx__calloc(j->plan->pieces ? j->plan->pieces : 1, 3 * sizeof *j->hashes);
    if (!j->writers || !j->scratch || !j->hashes) return no_memory();
    for (int t = 0; t < threads; t++) CX_TRY(scratch_new(j->plan, &j->scratch[t]));
    return open_writers(j, dir);
}

cx_status cx__job_run(const cx__layout *plan, const cx__source *src, const char *dir,
                      const cx__job_options *o, cx__tensor_hash *hashes)
{
    job j = { .plan = plan, .k = cx__kernels_get(), .cpu_rule = o->cpu_rule };
    int threads = cx__pool_threads(o->pool);
    cx_status st = prepare(&j, dir, threads);
    if (st == CX_OK)
        st = cx__pieces_run(o->pool, plan->pieces, run_piece, &j, o->progress, o->user, "convert",
                            plan->bytes_read);
    if (st == CX_OK) st = cx__source_check(src);
    if (st == CX_OK) st = finish_writers(&j, o);
    if (st == CX_OK) fill_hashes(&j, hashes);
    for (size_t shard = 0; j.writers && shard < plan->shards; shard++)
        cx_tensor_writer_abort(j.writers[shard]);
    for (int t = 0; j.scratch && t < threads; t++) scratch_free(&j.scratch[t]);
    cx__free(j.writers);
    cx__free(j.scratch);
    cx__free(j.hashes);
    return st;
}
