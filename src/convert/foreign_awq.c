/* Method awq: qweight I32 [in, out/8], qzeros I32 [in/group, out/8], both with the columns of a
 * word in the order 0 2 4 6 1 3 5 7, scales [in/group, out]; value (code - zero) * scale. Source:
 * AutoAWQ, awq/utils/packing_utils.py; transformers AwqConfig. Only the layout "gemm": those of
 * "gemv" and others differ in shape and order. */
#include "convert/foreign.h"

#include <string.h>

static const char *const marks[] = { ".qweight", NULL };
static const char *const parts[] = { ".qweight", ".qzeros", ".scales", NULL };
static const char *const drop[] = { NULL };

static cx_status begin(cx__foreign *f)
{
    const char *version = "gemm", *backend = "autoawq";
    f->bits = 4;
    f->group = 128;
    CX_TRY(cx__json_int(f->config, f->where, "w_bit", 1, 64, &f->bits));
    CX_TRY(cx__json_int(f->config, f->where, "bits", 1, 64, &f->bits));
    CX_TRY(cx__json_int(f->config, f->where, "q_group_size", -1, 1 << 20, &f->group));
    CX_TRY(cx__json_int(f->config, f->where, "group_size", -1, 1 << 20, &f->group));
    CX_TRY(cx__json_str(f->config, f->where, "version", &version));
    CX_TRY(cx__json_str(f->config, f->where, "backend", &backend));
    if (strcmp(version, "gemm") && strcmp(version, "GEMM"))
        return cx__foreign_unsupported(f, "version", version);
    if (strcmp(backend, "autoawq")) return cx__foreign_unsupported(f, "backend", backend);
    if (f->bits == 4 && f->group) return CX_OK;
    return CX_FAIL(CX_EUNSUPPORTED,
                   "%s: quantization 'awq': expected 4 bits in groups, found %d bits in groups of "
                   "%d",
                   f->where, (int)f->bits, (int)f->group);
}

static cx__codes nibbles(const cx_tensor *t)
{
    return (cx__codes){ .data = t->data,
                        .bits = 4,
                        .word = 4,
                        .line = (size_t)t->shape[1] * 4,
                        .turned = true,
                        .awq = true };
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *q, *scales, *zeros;
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_need(f, ".qweight", &q));
    CX_TRY(cx__foreign_need(f, ".scales", &scales));
    CX_TRY(cx__foreign_take(f, ".qzeros", &zeros));
    CX_TRY(cx__foreign_new(f, &w));
    CX_TRY(cx__foreign_is(f, q, CX_I32, 2, (const int64_t[]){ -1, -1 }));
    CX_TRY(cx__foreign_matrix(f, q, 8, w));
    w->rows = w->cols; /* the columns of q are rows of the weight */
    w->cols = (size_t)q->shape[0];
    CX_TRY(cx__foreign_columns(f, scales, f->group < 0 ? w->cols : (size_t)f->group, w));
    if (zeros)
        CX_TRY(cx__foreign_is(f, zeros, CX_I32, 2,
                              (const int64_t[]){ scales->shape[0], q->shape[1] }));
    w->codes = nibbles(q);
    if (zeros) w->zeros = nibbles(zeros);
    else w->zero = 8;
    return cx__foreign_put(f, ".weight", q, scales->dtype, "awq", w);
}

const cx__foreign_method cx__foreign_awq = { marks, parts, drop, begin, merge };
