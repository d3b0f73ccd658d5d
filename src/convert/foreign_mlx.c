/* MLX's own packings: X.weight U32 with X.scales, X.biases (affine), X.global_scale (nvfp4). Values
 * are those of mx.dequantize: affine rounds product and sum to the type of the scales, the others
 * are exact in BF16. Source: mlx-lm 0.32.2 utils.py, mlx 0.32.4 ops.cpp. */
#include "convert/foreign.h"

#include "quant/quant.h"
#include <stdio.h>
#include <string.h>

static const char *const marks[] = { ".scales", NULL };
static const char *const parts[] = { ".scales", ".biases", ".global_scale", NULL };
static const char *const drop[] = { NULL };

static cx_status begin(cx__foreign *f)
{
    const char *mode = "affine";
    return cx__json_str(f->config, f->where, "mode", &mode);
}

/* ---- affine ---- */

typedef struct affine {
    cx__qmat m;
    cx__packed packed;
} affine;

/* Columns [first, first + n) of a row, whole groups. What could fail was checked by the merge. */
static cx_status unpack(const affine *a, size_t row, size_t first, size_t n, void *out)
{
    const cx__qmat *m = &a->m;
    size_t group = (size_t)m->group, bits = (size_t)m->bits, size = cx_dtype_size(m->scale_dtype);
    size_t word = (row * m->cols + first) * bits / 8,
           scale = (row * m->cols + first) / group * size;
    cx_quant_spec spec = { .bits = m->bits, .group = m->group };
    cx_tensor t[3] = { { .dtype = CX_U32, .data = m->q + word },
                       { .dtype = m->scale_dtype, .data = (const uint8_t *)m->scales + scale },
                       { .dtype = m->scale_dtype, .data = (const uint8_t *)m->biases + scale } };
    size_t cols[3] = { n * bits / 32, n / group, n / group };
    for (int i = 0; i < 3; i++) {
        t[i].name = "weight";
        t[i].ndim = 2;
        t[i].shape[0] = 1;
        t[i].shape[1] = (int64_t)cols[i];
        t[i].bytes = cols[i] * cx_dtype_size(t[i].dtype);
    }
    return cx_dequantize(&t[0], &t[1], &t[2], &spec, m->scale_dtype, out);
}

/* A group of which only a part is wanted goes through a buffer. */
static void decode(const cx__stored *s, size_t first, size_t n, void *out)
{
    const affine *a = s->from;
    size_t group = (size_t)a->m.group, size = cx_dtype_size(a->m.scale_dtype);
    float buf[256] = { 0 };
    for (size_t run; n; n -= run, first += run, out = (uint8_t *)out + run * size) {
        size_t row = first / a->m.cols, col = first % a->m.cols, at = col % group;
        size_t whole = a->m.cols - col < n ? a->m.cols - col : n;
        whole -= whole % group;
        run = at ? group - at : whole;
        if (!at && whole) {
            if (unpack(a, row, col, whole, out) != CX_OK) memset(out, 0, whole * size);
            continue;
        }
        run = group - at < n ? group - at : n;
        if (unpack(a, row, col - at, group, buf) != CX_OK) memset(buf, 0, sizeof buf);
        memcpy(out, (const uint8_t *)buf + at * size, run * size);
    }
}

static void affine_rows(const cx__stored *s, size_t row, size_t n, void *q, void *scales,
                        void *biases)
{
    const affine *a = s->from;
    size_t words = a->m.cols / 32 * (size_t)a->m.bits * 4;
    size_t size = a->m.cols / (size_t)a->m.group * cx_dtype_size(a->m.scale_dtype);
    memcpy(q, a->m.q + row * words, n * words);
    memcpy(scales, (const uint8_t *)a->m.scales + row * size, n * size);
    memcpy(biases, (const uint8_t *)a->m.biases + row * size, n * size);
}

static cx_status merge_affine(cx__foreign *f, const cx_tensor *q, const cx_tensor *scales)
{
    const cx_tensor *biases;
    affine *a = cx__origins_alloc(f->o, sizeof *a);
    if (!a) return cx__foreign_no_memory(f);
    CX_TRY(cx__foreign_take(f, ".biases", &biases));
    const cx__quant_parts mlx = { q, scales, biases, NULL };
    CX_TRY(cx__quant_matrix(&mlx, f->config, f->path, q->name, 0, &a->m));
    a->packed = (cx__packed){ .mode = "affine",
                              .bits = a->m.bits,
                              .group = a->m.group,
                              .scale_dtype = a->m.scale_dtype,
                              .rows = affine_rows };
    cx__stored s = {
        .t = *q, .decode = decode, .from = a, .packed = &a->packed, .packing = "affine"
    };
    s.t.data = NULL;
    s.t.dtype = a->m.scale_dtype;
    s.t.shape[s.t.ndim - 1] = (int64_t)a->m.cols;
    return cx__foreign_put_stored(f, ".weight", &s);
}

/* ---- the others: the bits of a group tell which it is ---- */

static const struct {
    const char *name;
    int64_t bits, group;
    cx_dtype scale;
    const float *table;
} modes[] = { { "nvfp4", 4, 16, CX_F8_E4M3, cx__e2m1 },
              { "mxfp4", 4, 32, CX_F8_E8M0, cx__e2m1 },
              { "mxfp8", 8, 32, CX_F8_E8M0, cx__e4m3 } };

static cx_status find_mode(const cx__foreign *f, const cx_tensor *q, const cx_tensor *scales,
                           size_t *mode)
{
    const json_t *own = json_object_get(f->config, f->base);
    int64_t words = q->ndim ? q->shape[q->ndim - 1] : 0;
    int64_t groups = scales->ndim ? scales->shape[scales->ndim - 1] : 0;
    size_t m = 0;
    while (m < 3 &&
           (groups < 1 || words % groups || words / groups * 32 != modes[m].bits * modes[m].group))
        m++;
    if (m == 3)
        return cx__foreign_expected(f, CX_ESHAPE, scales, "scales of groups of 16 or 32 codes");
    const char *said = modes[m].name;
    if (json_is_false(own))
        return CX_FAIL(CX_EFORMAT, "%s: quantization says false for '%s', which has scales",
                       f->where, f->base);
    CX_TRY(cx__json_str(own, f->where, "mode", &said));
    if (json_is_object(own) && strcmp(said, modes[m].name))
        return CX_FAIL(CX_EFORMAT, "%s: '%s': config.json says mode '%s', but its shape is of '%s'",
                       f->path, q->name, said, modes[m].name);
    *mode = m;
    return CX_OK;
}

static cx_status merge_float(cx__foreign *f, const cx_tensor *q, const cx_tensor *scales)
{
    const cx_tensor *global;
    cx__foreign_weight *w;
    size_t m = 0;
    CX_TRY(cx__foreign_new(f, &w));
    CX_TRY(find_mode(f, q, scales, &m));
    if (q->dtype != CX_U32) return cx__foreign_expected(f, CX_ETYPE, q, "U32");
    CX_TRY(cx__foreign_matrix(f, q, 32 / (size_t)modes[m].bits, w));
    cx_tensor like = *scales;
    like.ndim = q->ndim;
    memcpy(like.shape, q->shape, sizeof like.shape);
    like.shape[q->ndim - 1] = (int64_t)w->cols / modes[m].group;
    CX_TRY(cx__foreign_is(f, scales, CX_U8, like.ndim, like.shape));
    f->blocks[0][0] = 1;
    f->blocks[0][1] = modes[m].group;
    f->block_count = 1;
    like.dtype = modes[m].scale;
    CX_TRY(cx__foreign_scales(f, &like, w));
    CX_TRY(cx__foreign_take(f, ".global_scale", &global));
    w->global_unit = 448 * 6;
    if (global) CX_TRY(cx__foreign_global(f, global, CX__GLOBAL_TIMES, w));
    w->table = modes[m].table;
    w->codes = (cx__codes){ .data = q->data,
                            .bits = (int)modes[m].bits,
                            .word = 4,
                            .line = (size_t)q->shape[q->ndim - 1] * 4 };
    return cx__foreign_put(f, ".weight", q, CX_BF16, modes[m].name, w);
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *q, *scales;
    CX_TRY(cx__foreign_need(f, ".weight", &q));
    CX_TRY(cx__foreign_need(f, ".scales", &scales));
    return scales->dtype == CX_U8 ? merge_float(f, q, scales) : merge_affine(f, q, scales);
}

const cx__foreign_method cx__foreign_mlx = { marks, parts, drop, begin, merge };
