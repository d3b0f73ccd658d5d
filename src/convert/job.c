/* Read, turn, cast, pack, write: each thread takes the next piece of the plan, so that reading,
 * computing and writing overlap, in memory that depends on the number of threads only. Tested by
 * tests/unit/test_convert.c and, against mlx_lm.convert, tests/oracle/oracle_convert.py. */
#include "convert/hash.h"
#include "convert/job.h"

#include <string.h>

/* What a thread works in. Sizes: CX__PIECE elements. */
typedef struct scratch {
    uint8_t *turned; /* transposed, in the dtype of the source */
    float *wide;     /* f32 between two 16-bit dtypes */
    uint8_t *cast;   /* in the dtype of the result */
    uint8_t *q, *scales, *biases;
} scratch;

typedef struct job {
    const cx__layout *plan;
    const cx_tensors *src;
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

/* Rows [begin / cols, ...) of the transpose of t to dst; n is whole rows. In tiles, so that each
 * cache line of the source is read once per tile of rows. */
static void turn(const cx__entry *e, size_t begin, size_t n, uint8_t *dst)
{
    enum { TILE = 32 };
    const size_t size = cx_dtype_size(e->src->dtype), row0 = begin / e->cols, rows = n / e->cols;
    const uint8_t *src = e->src->data;
    for (size_t r = 0; r < rows; r += TILE) {
        size_t r_end = r + TILE < rows ? r + TILE : rows;
        for (size_t c = 0; c < e->cols; c++) {
            const uint8_t *from = src + (c * e->rows + row0 + r) * size;
            for (size_t i = r; i < r_end; i++, from += size)
                memcpy(dst + (i * e->cols + c) * size, from, size);
        }
    }
}

static void widen(const cx__kernels *k, const void *from, cx_dtype dtype, size_t n, float *to)
{
    const cx_tensor view = { .dtype = dtype, .ndim = 1, .shape = { (int64_t)n }, .data = from };
    switch (dtype) {
    case CX_F16: k->f16_to_f32(to, from, n); return;
    case CX_BF16: k->bf16_to_f32(to, from, n); return;
    case CX_F32: memcpy(to, from, n * sizeof *to); return;
    default:
        for (size_t i = 0; i < n; i++) to[i] = cx__tensor_f32(&view, i); /* F64 */
    }
}

/* n elements from dtype `from_type` to `to_type`, by way of f32, rounded once: MLX's astype. */
static const void *cast(const job *j, scratch *s, const void *from, cx_dtype from_type,
                        cx_dtype to_type, size_t n)
{
    if (from_type == to_type) return from;
    widen(j->k, from, from_type, n, s->wide);
    if (to_type == CX_F32) return s->wide;
    if (to_type == CX_F16) j->k->f32_to_f16(s->cast, s->wide, n);
    else j->k->f32_to_bf16(s->cast, s->wide, n);
    return s->cast;
}

/* Writes len bytes of an output of the entry: its piece `index`, all pieces but the last being as
 * long as that of `full` bytes. */
static cx_status put(const job *j, const cx__entry *e, size_t which, size_t index, size_t full,
                     const void *data, size_t len)
{
    size_t out = e->output + which;
    j->hashes[(e->first + index) * 3 + which] = cx__hash(data, len);
    return cx_tensor_writer_write(j->writers[j->plan->shard_of[out]], j->plan->index_of[out],
                                  (uint64_t)index * full, data, len);
}

/* Bytes of `n` elements in output `which` of the entry. */
static size_t bytes_of(const cx__entry *e, size_t which, size_t n)
{
    if (!e->bits) return n * cx_dtype_size(e->dtype);
    return which == 0 ? n / 8 * (size_t)e->bits : n / (size_t)e->group * cx_dtype_size(e->dtype);
}

/* The only place that chooses scales and biases: n elements, whole groups. */
static cx_status pack(const job *j, const cx__entry *e, const scratch *s, const void *w, size_t n)
{
    const cx_quant_spec spec = { .bits = e->bits, .group = e->group, .cpu_rule = j->cpu_rule };
    const cx_tensor view = { .name = e->name,
                             .dtype = e->dtype,
                             .ndim = 2,
                             .shape = { 1, (int64_t)n },
                             .data = w,
                             .bytes = n * cx_dtype_size(e->dtype) };
    return cx_quantize(&view, &spec, s->q, s->scales, s->biases);
}

static const cx__entry *entry_of(const cx__layout *p, size_t piece)
{
    size_t lo = 0, hi = p->entry_count; /* the last entry whose first piece is <= piece */
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->entries[mid].first <= piece) lo = mid;
        else hi = mid;
    }
    return &p->entries[lo];
}

static cx_status run_piece(void *arg, size_t piece, int thread, uint64_t *done)
{
    const job *j = arg;
    const cx__entry *e = entry_of(j->plan, piece);
    scratch *s = &j->scratch[thread];
    size_t index = piece - e->first, begin = index * e->step, count = e->rows * e->cols;
    size_t n = count - begin < e->step ? count - begin : e->step;
    const uint8_t *from = (const uint8_t *)e->src->data + begin * cx_dtype_size(e->src->dtype);
    if (index == 0) cx_tensors_prefetch(j->src, e->src);
    if (e->transpose) {
        turn(e, begin, n, s->turned);
        from = s->turned;
    }
    const void *w = cast(j, s, from, e->src->dtype, e->dtype, n);
    *done = n * cx_dtype_size(e->src->dtype);
    if (!e->bits) return put(j, e, 0, index, bytes_of(e, 0, e->step), w, bytes_of(e, 0, n));
    CX_TRY(pack(j, e, s, w, n));
    CX_TRY(put(j, e, 0, index, bytes_of(e, 0, e->step), s->q, bytes_of(e, 0, n)));
    CX_TRY(put(j, e, 1, index, bytes_of(e, 1, e->step), s->scales, bytes_of(e, 1, n)));
    return put(j, e, 2, index, bytes_of(e, 2, e->step), s->biases, bytes_of(e, 2, n));
}

/* ---- the whole ---- */

static bool scratch_new(const cx__layout *p, scratch *s)
{
    size_t turned = 0, cast_size = 0, wide = 0, q = 0, groups = 0;
    for (size_t i = 0; i < p->entry_count; i++) {
        const cx__entry *e = &p->entries[i];
        size_t from = cx_dtype_size(e->src->dtype);
        if (e->transpose && turned < from) turned = from;
        if (e->src->dtype != e->dtype) wide = sizeof(float);
        if (e->src->dtype != e->dtype && e->dtype != CX_F32) cast_size = 2;
        if (e->bits) q = 1;
        if (e->bits) groups = sizeof(float);
    }
    if (turned && !(s->turned = cx__alloc_array(CX__PIECE, turned))) return false;
    if (wide && !(s->wide = cx__alloc_array(CX__PIECE, wide))) return false;
    if (cast_size && !(s->cast = cx__alloc_array(CX__PIECE, cast_size))) return false;
    if (q && !(s->q = cx__alloc(CX__PIECE))) return false;
    if (groups && !(s->scales = cx__alloc_array(CX__PIECE / 32, groups))) return false;
    return !groups || (s->biases = cx__alloc_array(CX__PIECE / 32, groups));
}

static void scratch_free(scratch *s)
{
    cx__free(s->turned);
    cx__free(s->wide);
    cx__free(s->cast);
    cx__free(s->q);
    cx__free(s->scales);
    cx__free(s->biases);
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
    for (size_t i = 0; i < p->entry_count; i++) {
        const cx__entry *e = &p->entries[i];
        size_t pieces = (i + 1 < p->entry_count ? e[1].first : p->pieces) - e->first;
        for (size_t which = 0; which < (e->bits ? 3 : 1); which++)
            hashes[e->output + which] = (cx__tensor_hash){
                cx__hash_of_pieces(j->hashes + e->first * 3 + which, pieces, 3),
                bytes_of(e, which, e->step)
            };
    }
}

static cx_status prepare(job *j, const char *dir, int threads)
{
    j->writers = cx__calloc(j->plan->shards, sizeof(cx_tensor_writer *));
    j->scratch = cx__calloc((size_t)threads, sizeof *j->scratch);
    j->hashes = cx__calloc(j->plan->pieces ? j->plan->pieces : 1, 3 * sizeof *j->hashes);
    if (!j->writers || !j->scratch || !j->hashes) return no_memory();
    for (int t = 0; t < threads; t++)
        if (!scratch_new(j->plan, &j->scratch[t])) return no_memory();
    return open_writers(j, dir);
}

cx_status cx__job_run(const cx__layout *plan, const cx_tensors *src, const char *dir,
                      const cx__job_options *o, cx__tensor_hash *hashes)
{
    job j = { .plan = plan, .src = src, .k = cx__kernels_get(), .cpu_rule = o->cpu_rule };
    int threads = cx__pool_threads(o->pool);
    cx_status st = prepare(&j, dir, threads);
    if (st == CX_OK)
        st = cx__pieces_run(o->pool, plan->pieces, run_piece, &j, o->progress, o->user, "convert",
                            plan->bytes_in);
    if (st == CX_OK) st = cx_tensors_check(src);
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
