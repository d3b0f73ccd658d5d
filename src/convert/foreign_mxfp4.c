/* Method mxfp4 of gpt-oss: X_blocks U8 [..., out, in/32, 16] of E2M1, low nibble first, X_scales U8
 * [..., out, in/32] of E8M0. The weight is X.weight, [..., out, in]; transformers calls X, without
 * ".weight", its transpose, and models/experts.c has rules for both.
 * Source: transformers integrations/mxfp4.py, mlx-lm 0.32.2 models/gpt_oss.py. */
#include "convert/foreign.h"

static const char *const marks[] = { "_blocks", NULL };
static const char *const parts[] = { "_blocks", "_scales", NULL };
static const char *const drop[] = { NULL };

static cx_status begin(cx__foreign *f)
{
    f->blocks[0][0] = 1;
    f->blocks[0][1] = 32;
    f->block_count = 1;
    return CX_OK;
}

static cx_status merge(cx__foreign *f)
{
    const cx_tensor *blocks, *scales;
    cx__foreign_weight *w;
    CX_TRY(cx__foreign_need(f, "_blocks", &blocks));
    CX_TRY(cx__foreign_need(f, "_scales", &scales));
    CX_TRY(cx__foreign_new(f, &w));
    cx_tensor flat = *blocks;
    flat.ndim = blocks->ndim - 1;
    if (flat.ndim < 2 || blocks->dtype != CX_U8 || blocks->shape[flat.ndim] != 16)
        return cx__foreign_expected(f, CX_ESHAPE, blocks, "[..., rows, n, 16] U8");
    CX_TRY(cx__foreign_matrix(f, &flat, 32, w));
    if (scales->dtype != CX_U8 && scales->dtype != CX_F8_E8M0)
        return cx__foreign_expected(f, CX_ETYPE, scales, "U8");
    CX_TRY(cx__foreign_is(f, scales, scales->dtype, flat.ndim, flat.shape));
    CX_TRY(cx__foreign_scales(f, scales, w));
    w->table = cx__e2m1;
    w->codes = (cx__codes){ .data = blocks->data, .bits = 4, .word = 4, .line = w->cols / 2 };
    return cx__foreign_put(f, ".weight", &flat, CX_BF16, "mxfp4", w);
}

const cx__foreign_method cx__foreign_mxfp4 = { marks, parts, drop, begin, merge };
