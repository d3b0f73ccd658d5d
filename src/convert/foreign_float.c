/* Weights of 8 and 4 bit floats, which several methods have. */
#include "convert/foreign.h"

cx_status cx__foreign_float8(cx__foreign *f, const char *tail, const cx_tensor *q,
                             const cx_tensor *scale)
{
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_new(f, &w));
    if (q->dtype != CX_F8_E4M3 && q->dtype != CX_F8_E5M2)
        return cx__foreign_expected(f, CX_ETYPE, q, "F8_E4M3 or F8_E5M2");
    CX_TRY(cx__foreign_matrix(f, q, 1, w));
    CX_TRY(cx__foreign_scales(f, scale, w));
    w->table = q->dtype == CX_F8_E4M3 ? cx__e4m3 : cx__e5m2;
    w->codes = (cx__codes){ .data = q->data, .bits = 8, .word = 4, .line = w->cols };
    return cx__foreign_put(f, tail, q, CX_BF16, f->method_name, w);
}

cx_status cx__foreign_float4(cx__foreign *f, const char *tail, const cx_tensor *q,
                             const cx_tensor *scale, const cx_tensor *global, cx__global rule)
{
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_new(f, &w));
    if (q->dtype != CX_U8) return cx__foreign_expected(f, CX_ETYPE, q, "U8");
    if (scale->dtype != CX_F8_E4M3 && scale->dtype != CX_U8 && scale->dtype != CX_F8_E8M0)
        return cx__foreign_expected(f, CX_ETYPE, scale, "F8_E4M3 or U8");
    CX_TRY(cx__foreign_matrix(f, q, 2, w));
    f->blocks[0][0] = 1;
    f->blocks[0][1] = scale->dtype == CX_F8_E4M3 ? 16 : 32;
    f->block_count = 1;
    CX_TRY(cx__foreign_scales(f, scale, w));
    if (global) CX_TRY(cx__foreign_global(f, global, rule, w));
    w->table = cx__e2m1;
    w->codes = (cx__codes){ .data = q->data, .bits = 4, .word = 4, .line = w->cols / 2 };
    return cx__foreign_put(f, tail, q, CX_BF16, f->method_name, w);
}
