/* Sizes of a quantized weight and of its scales, from their shapes. */
#include "convert/foreign.h"

#include <string.h>

static size_t ceil_div(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

cx_status cx__foreign_matrix(const cx__foreign *f, const cx_tensor *t, size_t per,
                             cx__foreign_weight *w)
{
    size_t elements;
    if (t->ndim < 2 || !cx__tensor_count(t, &elements) || !elements)
        return cx__foreign_expected(f, CX_ESHAPE, t, "a matrix");
    w->rows = (size_t)t->shape[t->ndim - 2];
    w->experts = elements / w->rows / (size_t)t->shape[t->ndim - 1];
    if (!cx__mul((size_t)t->shape[t->ndim - 1], per, &w->cols) ||
        !cx__mul(elements, per * sizeof(float), &elements) || elements > INT64_MAX)
        return cx__foreign_expected(f, CX_ESHAPE, t, "fewer elements");
    return CX_OK;
}

/* a x b scales for each expert. */
static void set(cx__foreign_weight *w, size_t a, size_t b, size_t step_rows, size_t step_cols)
{
    w->expert = a * b;
    w->row = b;
    w->column = 1;
    w->groups = b;
    w->step_rows = step_rows;
    w->step_cols = step_cols;
}

/* Scales [..., a, b], one for each block of one of the sizes that the config names. */
static bool set_blocks(const cx__foreign *f, size_t a, size_t b, cx__foreign_weight *w)
{
    for (int i = 0; i < f->block_count; i++) {
        size_t rows = (size_t)f->blocks[i][0], cols = (size_t)f->blocks[i][1];
        if (ceil_div(w->rows, rows) != a || ceil_div(w->cols, cols) != b) continue;
        set(w, a, b, rows, cols);
        return true;
    }
    return false;
}

/* Scales of the whole, of each expert ([E], [E, 1, 1]), of each row ([rows], [.., rows, 1]). */
static bool set_steps(const cx_tensor *t, size_t n, cx__foreign_weight *w)
{
    bool column = t->ndim >= 2 && t->shape[t->ndim - 1] == 1;
    if (n == 1) {
        set(w, 0, 0, w->rows, w->cols);
        w->groups = 1;
    } else if (n == w->experts) {
        set(w, 1, 1, w->rows, w->cols);
    } else if (n == w->experts * w->rows && (column || (t->ndim == 1 && w->experts == 1))) {
        set(w, w->rows, 1, 1, w->cols);
    } else {
        return false;
    }
    return true;
}

static bool set_any(const cx__foreign *f, const cx_tensor *t, cx__foreign_weight *w)
{
    size_t n;
    if (!cx__tensor_count(t, &n) || !n) return false;
    if (set_steps(t, n, w)) return true;
    if (t->ndim < 2) return false;
    size_t a = (size_t)t->shape[t->ndim - 2], b = (size_t)t->shape[t->ndim - 1];
    return n / a / b == w->experts && set_blocks(f, a, b, w);
}

cx_status cx__foreign_scales(const cx__foreign *f, const cx_tensor *t, cx__foreign_weight *w)
{
    cx_dtype dtype = t->dtype == CX_U8 ? CX_F8_E8M0 : t->dtype;
    if (dtype != CX_F8_E8M0 && dtype != CX_F8_E4M3) CX_TRY(cx__foreign_wide(f, t));
    if (!set_any(f, t, w))
        return cx__foreign_expected(f, CX_ESHAPE, t,
                                    "scales of the whole, the rows or the blocks of %zu x %zu x "
                                    "%zu weights",
                                    w->experts, w->rows, w->cols);
    w->scales = t->data;
    w->scale_dtype = dtype;
    return CX_OK;
}

cx_status cx__foreign_columns(const cx__foreign *f, const cx_tensor *t, size_t group,
                              cx__foreign_weight *w)
{
    int64_t shape[] = { (int64_t)ceil_div(w->cols, group), (int64_t)w->rows };
    CX_TRY(cx__foreign_wide(f, t));
    CX_TRY(cx__foreign_is(f, t, t->dtype, 2, shape));
    w->scales = t->data;
    w->scale_dtype = t->dtype;
    w->row = w->step_rows = 1;
    w->column = w->rows;
    w->step_cols = group;
    w->groups = (size_t)shape[0];
    return CX_OK;
}

cx_status cx__foreign_order(const cx__foreign *f, const cx_tensor *t, cx__foreign_weight *w)
{
    const uint8_t *p = t->data;
    bool neighbours = true, zeros = true;
    CX_TRY(cx__foreign_is(f, t, CX_I32, 1, (const int64_t[]){ (int64_t)w->cols }));
    for (size_t i = 0; i < w->cols; i++, p += 4) {
        uint32_t g;
        memcpy(&g, p, sizeof g);
        if (g >= w->groups)
            return CX_FAIL(CX_EFORMAT, "%s: '%s': expected groups below %zu, found %d at %zu",
                           f->path, t->name, w->groups, (int)g, i);
        neighbours = neighbours && g == i / w->step_cols;
        zeros = zeros && g == 0;
    }
    if (!neighbours && !zeros) w->g_idx = t->data;
    return CX_OK;
}

cx_status cx__foreign_global(const cx__foreign *f, const cx_tensor *t, cx__global rule,
                             cx__foreign_weight *w)
{
    size_t n, rows = w->experts * w->rows;
    if (t->dtype != CX_F32) return cx__foreign_expected(f, CX_ETYPE, t, "F32");
    if (!cx__tensor_count(t, &n) || !n || rows % n || (n > 1 && n % w->experts))
        return cx__foreign_expected(f, CX_ESHAPE, t, "one value, or one for each of %zu experts",
                                    w->experts);
    w->global = t->data;
    w->global_rows = rows / n;
    w->global_rule = rule;
    if (n == 1 && w->global_unit == 1 && cx__tensor_f32(t, 0) == 1)
        w->global_rule = CX__GLOBAL_NONE;
    return CX_OK;
}
