/* What the flags of rename rules do to the shape of a tensor and the places of its elements. */
#include "unit.h"

#include "convert/view.h"

#include <string.h>

static const cx__facts facts = {
    .heads = 4,
    .kv_heads = 2,
    .head_dim = 3,
    .hidden = 12,
    .nope_dim = 2,
    .value_dim = 1,
    .experts = 2,
    .groups = 2,
    .hf = true,
};

static cx__origin origin(int ndim, int64_t a, int64_t b, int64_t c)
{
    cx__origin o = {
        .s = { .path = "f",
               .t = { .name = "t", .dtype = CX_F32, .ndim = ndim, .shape = { a, b, c } } }
    };
    int64_t stride = 1;
    o.axes.count = ndim;
    for (int i = ndim - 1; i >= 0; i--) {
        o.axes.size[i] = o.s.t.shape[i];
        o.axes.stride[i] = stride;
        stride *= o.s.t.shape[i];
    }
    return o;
}

static cx__view view(const cx__origin *o, unsigned how, size_t part)
{
    cx__view v;
    cx__renamed r = { .how = how, .part = part };
    cx__view_init(&v, o);
    CHECK_OK(cx__view_apply(&v, &r, &facts));
    return v;
}

/* Place of element `index` in the stored sequence. */
static size_t place(const cx__view *v, size_t index)
{
    size_t at = v->offset;
    for (int i = v->axes.count - 1; i >= 0; i--) {
        at += index % (size_t)v->axes.size[i] * (size_t)v->axes.stride[i];
        index /= (size_t)v->axes.size[i];
    }
    return at;
}

static void check_shape(const cx__view *v, int ndim, int64_t a, int64_t b, int64_t c)
{
    const int64_t want[] = { a, b, c };
    size_t elements = 1, counted = 1;
    CHECK_INT(v->ndim, ndim);
    for (int i = 0; i < ndim; i++) {
        CHECK_INT(v->shape[i], want[i]);
        elements *= (size_t)want[i];
    }
    for (int i = 0; i < v->axes.count; i++) counted *= (size_t)v->axes.size[i];
    CHECK_INT(counted, elements);
}

TEST(convert_view, latent_keys_are_turned_and_values_are_whole_rows)
{
    cx__origin o = origin(2, 12, 5, 0); /* 4 heads of 2 + 1 rows */
    cx__view k = view(&o, CX__LATENT_KEYS, 0), v = view(&o, CX__LATENT_VALUES, 0);
    check_shape(&k, 3, 4, 5, 2);
    CHECK(!k.whole_rows);
    CHECK_INT(place(&k, 0), 0);
    CHECK_INT(place(&k, 1), 5);       /* [0, 0, 1]: row 1 */
    CHECK_INT(place(&k, 2), 1);       /* [0, 1, 0]: column 1 */
    CHECK_INT(place(&k, 10 + 1), 20); /* [1, 0, 1]: row 3 + 1 */
    check_shape(&v, 3, 4, 1, 5);
    CHECK(v.whole_rows);
    CHECK_INT(place(&v, 0), 10);
    CHECK_INT(place(&v, 5), 25);
    CHECK_INT(v.row_offset, 2);
}

TEST(convert_view, grouped_projection_splits_into_queries_keys_and_values)
{
    cx__origin o = origin(2, 24, 2, 0), bias = origin(1, 24, 0, 0); /* 2 x (2 + 2) x 3 rows */
    cx__view q = view(&o, CX__GROUPED_QUERIES, 0), k = view(&o, CX__GROUPED_KEYS, 0);
    cx__view v = view(&o, CX__GROUPED_VALUES, 0), b = view(&bias, CX__GROUPED_KEYS, 0);
    check_shape(&q, 2, 12, 2, 0);
    check_shape(&k, 2, 6, 2, 0);
    check_shape(&v, 2, 6, 2, 0);
    check_shape(&b, 1, 6, 0, 0);
    CHECK_INT(place(&q, 12), 24); /* row 6 of the queries: group 1, row 12 */
    CHECK_INT(place(&k, 0), 12);
    CHECK_INT(place(&k, 6), 36);
    CHECK_INT(place(&v, 0), 18);
    CHECK_INT(place(&b, 3), 18);
    CHECK(q.whole_rows && k.whole_rows && !b.whole_rows);
}

TEST(convert_view, halves_and_pairs_of_rows_and_columns)
{
    cx__origin o = origin(3, 2, 4, 3);
    cx__view up = view(&o, CX__SECOND_HALF, 0), odd = view(&o, CX__ODD, 0);
    check_shape(&up, 3, 2, 2, 3);
    CHECK_INT(place(&up, 0), 6);
    CHECK_INT(place(&up, 6), 18);
    CHECK_INT(place(&odd, 3), 9);
    CHECK(up.whole_rows && odd.whole_rows);
    CHECK_INT(up.row_offset, 2);
    CHECK_INT(odd.row_axes.stride[1], 2);
    cx__renamed r = { .how = CX__TRANSPOSE | CX__FIRST_HALF };
    cx__view v;
    cx__view_init(&v, &o);
    CHECK_INT(cx__view_apply(&v, &r, &facts), CX_ESHAPE); /* 3 columns have no half */
    CHECK_HAS(cx_error(), "even number");
}

TEST(convert_view, one_of_the_experts_and_a_turned_convolution)
{
    cx__origin o = origin(2, 6, 4, 0), conv = origin(3, 5, 1, 4);
    cx__view e = view(&o, CX__PER_EXPERT | CX__TRANSPOSE, 1), c = view(&conv, CX__CONV, 0);
    check_shape(&e, 2, 4, 3, 0);
    CHECK_INT(place(&e, 0), 12);
    CHECK_INT(place(&e, 1), 16);
    check_shape(&c, 3, 5, 4, 1);
    CHECK_INT(place(&c, 7), 7);
    conv = origin(3, 5, 4, 1); /* MLX's layout already */
    c = view(&conv, CX__CONV, 0);
    check_shape(&c, 3, 5, 4, 1);
}

TEST(convert_view, reshapes_keep_the_order)
{
    cx__origin o = origin(3, 1, 1, 12), rows = origin(2, 6, 4, 0), norm = origin(1, 12, 0, 0);
    cx__view heads = view(&o, CX__HEADS, 0), flat = view(&o, CX__FLAT, 0);
    cx__view groups = view(&rows, CX__GROUPS, 0), scalar = view(&o, CX__SCALAR, 0);
    cx__view plus = view(&norm, CX__PLUS_ONE_HF, 0), matrix = view(&rows, CX__PLUS_ONE_HF, 0);
    check_shape(&heads, 2, 4, 3, 0);
    check_shape(&flat, 1, 12, 0, 0);
    check_shape(&scalar, 1, 12, 0, 0);
    check_shape(&groups, 3, 2, 3, 4);
    CHECK(plus.add == 1 && matrix.add == 0);
}

TEST(convert_view, tensors_that_a_rule_does_not_fit_are_errors)
{
    static const unsigned hows[] = { CX__LATENT_KEYS, CX__GROUPED_KEYS, CX__HEADS,
                                     CX__GROUPS,      CX__PER_EXPERT,   CX__FIRST_HALF };
    cx__origin o = origin(2, 7, 5, 0), vector = origin(1, 7, 0, 0);
    cx__renamed r = { .how = CX__TRANSPOSE };
    cx__view v;
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        r.how = hows[i];
        cx__view_init(&v, &o);
        CHECK_INT(cx__view_apply(&v, &r, &facts), CX_ESHAPE);
        CHECK_HAS(cx_error(), "f: 't': expected");
        cx__view_init(&v, &o);
        CHECK_INT(cx__view_apply(&v, &r, &(cx__facts){ 0 }),
                  CX_ESHAPE); /* a config without sizes */
    }
    r.how = CX__TRANSPOSE;
    cx__view_init(&v, &vector);
    CHECK_INT(cx__view_apply(&v, &r, &facts), CX_ESHAPE);
    r.how = CX__REFUSE;
    CHECK_INT(cx__view_apply(&v, &r, &facts), CX_EUNSUPPORTED);
}
