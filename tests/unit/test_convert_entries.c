/* Entries and their elements: whatever the rules do to names and shapes, each element must be the
 * one that the same steps on a plain array, index by index, give. */
#include "source_case.h"

#include "models/arch.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- the reference: an array of the numbers of a tensor's elements ---- */

typedef struct ref {
    int ndim;
    int64_t shape[CX_MAX_DIMS];
    size_t count, *ids;
} ref;

static ref ref_new(int ndim, const int64_t *shape)
{
    ref r = { .ndim = ndim, .count = 1 };
    for (int i = 0; i < ndim; i++) r.count *= (size_t)(r.shape[i] = shape[i]);
    r.ids = calloc(r.count + 1, sizeof *r.ids);
    CHECK(r.ids != NULL);
    return r;
}

static ref ref_of(const cx_tensor *t)
{
    ref r = ref_new(t->ndim, t->shape);
    for (size_t i = 0; i < r.count; i++) r.ids[i] = i;
    return r;
}

/* Place of an index in row-major order; the way back. */
static size_t place(const ref *r, const int64_t *index)
{
    size_t at = 0;
    for (int i = 0; i < r->ndim; i++) at = at * (size_t)r->shape[i] + (size_t)index[i];
    return at;
}
static void index_of(const ref *r, size_t at, int64_t *index)
{
    for (int i = r->ndim - 1; i >= 0; i--) {
        index[i] = (int64_t)(at % (size_t)r->shape[i]);
        at /= (size_t)r->shape[i];
    }
}

static ref ref_turned(ref from)
{
    int64_t shape[CX_MAX_DIMS], index[CX_MAX_DIMS];
    int n = from.ndim;
    memcpy(shape, from.shape, sizeof shape);
    shape[n - 1] = from.shape[n - 2];
    shape[n - 2] = from.shape[n - 1];
    ref to = ref_new(n, shape);
    for (size_t i = 0; i < to.count; i++) {
        index_of(&to, i, index);
        int64_t x = index[n - 1];
        index[n - 1] = index[n - 2];
        index[n - 2] = x;
        to.ids[i] = from.ids[place(&from, index)];
    }
    free(from.ids);
    return to;
}

/* Elements from, from + step, ... of an axis, half of them. */
static ref ref_cut(ref from, int axis, int64_t first, int64_t step)
{
    int64_t shape[CX_MAX_DIMS], index[CX_MAX_DIMS];
    memcpy(shape, from.shape, sizeof shape);
    shape[axis] /= 2;
    ref to = ref_new(from.ndim, shape);
    for (size_t i = 0; i < to.count; i++) {
        index_of(&to, i, index);
        index[axis] = first + index[axis] * step;
        to.ids[i] = from.ids[place(&from, index)];
    }
    free(from.ids);
    return to;
}

static ref ref_apply(const cx_tensor *t, unsigned how)
{
    ref r = ref_of(t);
    if ((how & CX__TRANSPOSE) || ((how & CX__CONV) && t->shape[t->ndim - 1] != 1))
        r = ref_turned(r);
    int axis = (how & CX__LAST_AXIS) || r.ndim == 1 ? r.ndim - 1 : r.ndim - 2;
    int64_t half = axis >= 0 ? r.shape[axis] / 2 : 0;
    if (how & CX__FIRST_HALF) r = ref_cut(r, axis, 0, 1);
    if (how & CX__SECOND_HALF) r = ref_cut(r, axis, half, 1);
    if (how & CX__EVEN) r = ref_cut(r, axis, 0, 2);
    if (how & CX__ODD) r = ref_cut(r, axis, 1, 2);
    return r;
}

/* ---- comparison ---- */

static void check_piece(const cx__entry *e, const ref *r, size_t begin, size_t n,
                        const cx__gather *g)
{
    size_t size = cx_dtype_size(e->from),
           mask = size < 8 ? ((size_t)1 << (8 * size)) - 1 : SIZE_MAX;
    const uint8_t *got = cx__entry_read(e, begin, n, g);
    for (size_t i = 0; i < n; i++)
        if (source_id(got + i * size, size) != (r->ids[begin + i] & mask))
            fail_msg("%s: element %zu of %zu: found %zu, not %zu", e->name, begin + i, r->count,
                     (size_t)source_id(got + i * size, size), r->ids[begin + i]);
}

/* All pieces as the conversion reads them, then some at odd places. */
static void check_entry(const cx__entries *all, const cx__entry *e, const ref *r)
{
    cx__gather g;
    CHECK_INT(e->ndim, r->ndim);
    for (int i = 0; i < r->ndim; i++) CHECK_INT(e->shape[i], r->shape[i]);
    CHECK_INT(e->part_elements * e->part_count, r->count);
    CHECK(e->step > 0 && e->step <= CX__PIECE);
    CHECK_OK(cx__gather_new(all, &g));
    for (size_t at = 0; at < r->count; at += e->step)
        check_piece(e, r, at, r->count - at < e->step ? r->count - at : e->step, &g);
    size_t unit = e->turned ? (size_t)e->axes.size[e->axes.count - 1] : 1, units = r->count / unit;
    for (size_t i = 0; i < 40 && units; i++) {
        size_t at = i * 7919 % units, n = 1 + i * 104729 % (units - at);
        if (n * unit > CX__PIECE) n = CX__PIECE / unit;
        check_piece(e, r, at * unit, n * unit, &g);
    }
    cx__gather_free(&g);
}

static const cx__arch *arch_of(const cx__rename *rules)
{
    static cx__arch arch;
    arch = (cx__arch){ .name = "made", .renames = rules };
    return &arch;
}

enum { PLAIN, DECODED };

static void check_rule(cx_dtype dtype, int ndim, const int64_t *shape, unsigned how, int kind)
{
    const cx__rename rules[] = { { "w", "out.w", how }, { NULL, NULL, CX__KEEP } };
    cx_tensor t = { .name = "w", .dtype = dtype, .ndim = ndim };
    for (int i = 0; i < ndim; i++) t.shape[i] = shape[i];
    cx__source *s = source_of(&t, 1);
    cx__entries e = { 0 };
    ref want = ref_apply(&t, how);
    if (kind == DECODED) source_decode(s, 0);
    CHECK_OK(cx__entries_make(s, arch_of(rules), false, &e));
    CHECK_INT(e.count, 1);
    CHECK_STR(e.list[0].name, "out.w");
    CHECK_INT(e.bytes_in, t.bytes);
    check_entry(&e, &e.list[0], &want);
    cx__entries_free(&e);
    free(want.ids);
}

static const unsigned hows[] = {
    CX__KEEP,
    CX__TRANSPOSE,
    CX__CONV,
    CX__FIRST_HALF,
    CX__SECOND_HALF,
    CX__EVEN,
    CX__ODD,
    CX__LAST_AXIS | CX__FIRST_HALF,
    CX__LAST_AXIS | CX__SECOND_HALF,
    CX__LAST_AXIS | CX__EVEN,
    CX__LAST_AXIS | CX__ODD,
    CX__TRANSPOSE | CX__SECOND_HALF,
    CX__TRANSPOSE | CX__ODD,
    CX__TRANSPOSE | CX__LAST_AXIS | CX__EVEN,
};
enum { HOWS = sizeof hows / sizeof *hows };

static void check_shape(cx_dtype dtype, int ndim, const int64_t *shape)
{
    for (int i = 0; i < HOWS; i++)
        for (int kind = PLAIN; kind <= DECODED; kind++)
            check_rule(dtype, ndim, shape, hows[i], kind);
}

TEST(convert_entries, every_rule_on_a_matrix)
{
    check_shape(CX_U16, 2, (const int64_t[]){ 6, 10 });
    check_shape(CX_U32, 2, (const int64_t[]){ 70, 66 }); /* several tiles */
}

TEST(convert_entries, every_rule_on_stacks)
{
    check_shape(CX_U16, 3, (const int64_t[]){ 5, 8, 6 });
    check_shape(CX_U32, 4, (const int64_t[]){ 2, 3, 8, 6 });
}

TEST(convert_entries, every_rule_where_axes_are_one_long)
{
    check_shape(CX_U16, 3, (const int64_t[]){ 1, 4, 2 });
    check_shape(CX_U16, 4, (const int64_t[]){ 4, 1, 2, 2 });
    check_rule(CX_U16, 3, (const int64_t[]){ 6, 1, 4 }, CX__CONV, PLAIN);
    check_rule(CX_U16, 3, (const int64_t[]){ 6, 4, 1 }, CX__CONV, PLAIN); /* stays */
    check_rule(CX_U16, 2, (const int64_t[]){ 1, 9 }, CX__TRANSPOSE, DECODED);
    check_rule(CX_U16, 2, (const int64_t[]){ 9, 1 }, CX__TRANSPOSE, DECODED);
    check_rule(CX_U16, 2, (const int64_t[]){ 1, 1 }, CX__TRANSPOSE, PLAIN);
}

TEST(convert_entries, every_element_size)
{
    static const cx_dtype dtypes[] = { CX_BOOL, CX_U8, CX_I16, CX_F32, CX_F64, CX_I64, CX_C64 };
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (int kind = PLAIN; kind <= DECODED; kind++)
            check_rule(dtypes[i], 2, (const int64_t[]){ 14, 6 }, CX__TRANSPOSE, kind);
}

TEST(convert_entries, vectors_are_halved)
{
    for (int how = 3; how < 7; how++)
        for (int kind = PLAIN; kind <= DECODED; kind++)
            check_rule(CX_U16, 1, (const int64_t[]){ 12 }, hows[how], kind);
}

TEST(convert_entries, scalars_and_empty_tensors)
{
    check_rule(CX_U32, 0, NULL, CX__KEEP, PLAIN);
    check_rule(CX_U32, 0, NULL, CX__KEEP, DECODED);
    check_shape(CX_U16, 2, (const int64_t[]){ 0, 4 });
    check_shape(CX_U16, 2, (const int64_t[]){ 4, 0 });
    check_shape(CX_U16, 3, (const int64_t[]){ 2, 0, 4 });
}

/* The axes that are not 0 multiply to 2^63. */
TEST(convert_entries, empty_tensors_of_huge_axes)
{
    const int64_t shape[] = { 0, (int64_t)1 << 32, (int64_t)1 << 31 };
    check_rule(CX_U8, 3, shape, CX__KEEP, PLAIN);
    check_rule(CX_U8, 3, shape, CX__TRANSPOSE, PLAIN);
    check_rule(CX_U8, 3, shape, CX__LAST_AXIS | CX__ODD, PLAIN);
}

TEST(convert_entries, eight_dimensions)
{
    check_shape(CX_U16, 8, (const int64_t[]){ 2, 1, 2, 2, 3, 1, 4, 2 });
}

/* Pieces of 2^19 elements cut rows of 1000; those of a turned tensor are whole rows. */
TEST(convert_entries, pieces_cut_rows)
{
    static const unsigned some[] = { CX__KEEP,
                                     CX__TRANSPOSE,
                                     CX__SECOND_HALF,
                                     CX__ODD,
                                     CX__LAST_AXIS | CX__EVEN,
                                     CX__TRANSPOSE | CX__SECOND_HALF };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        check_rule(CX_U32, 2, (const int64_t[]){ 1106, 1000 }, some[i], (int)i % 2);
}

TEST(convert_entries, pieces_of_exactly_one_row)
{
    check_rule(CX_U32, 2, (const int64_t[]){ CX__PIECE, 2 }, CX__TRANSPOSE, PLAIN);
    check_rule(CX_U32, 2, (const int64_t[]){ CX__PIECE, 2 }, CX__TRANSPOSE, DECODED);
}

TEST(convert_entries, rows_longer_than_a_piece)
{
    const int64_t shape[] = { 2, CX__PIECE + 6 };
    check_rule(CX_U32, 2, shape, CX__KEEP, PLAIN);
    check_rule(CX_U32, 2, shape, CX__LAST_AXIS | CX__ODD, DECODED);
}

TEST(convert_entries, columns_longer_than_a_piece_are_refused)
{
    const cx__rename rules[] = { { "w", NULL, CX__TRANSPOSE }, { NULL, NULL, CX__KEEP } };
    cx_tensor t = { .name = "w", .dtype = CX_U8, .ndim = 2, .shape = { CX__PIECE + 1, 2 } };
    cx__entries e = { 0 };
    CHECK_INT(cx__entries_make(source_of(&t, 1), arch_of(rules), false, &e), CX_ESHAPE);
    CHECK_HAS(cx_error(), "'w': expected shorter rows, found [524289, 2] U8");
    CHECK(!e.list);
}

/* A format may number elements in its own way: here rows 2i and 2i + 1 lie 2 * 3 rows apart (how
 * llama.cpp permutes query rows), then axes that repeat. */
TEST(convert_entries, origins_with_axes_of_their_own)
{
    cx_tensor t = { .name = "w", .dtype = CX_U16, .ndim = 2, .shape = { 12, 4 } };
    cx__entries e = { 0 };
    for (int kind = PLAIN; kind <= DECODED; kind++) {
        cx__source *s = source_of(&t, 1);
        cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, 0);
        o->axes = (cx__axes){ 4, { 2, 3, 2, 4 }, { 24, 4, 12, 1 } };
        if (kind == DECODED) source_decode(s, 0);
        ref want = ref_of(&t);
        for (size_t i = 0; i < 48; i++) {
            size_t row = i / 4, half = row / 6, x = row % 6;
            want.ids[i] = half * 24 + x % 2 * 12 + x / 2 * 4 + i % 4;
        }
        CHECK_OK(cx__entries_make(s, NULL, false, &e));
        check_entry(&e, &e.list[0], &want);
        cx__entries_free(&e);
        free(want.ids);
    }
}

TEST(convert_entries, axes_that_repeat)
{
    cx_tensor t = { .name = "w", .dtype = CX_U16, .ndim = 2, .shape = { 3, 4 } };
    cx__source *s = source_of(&t, 1);
    cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, 0);
    cx__entries e = { 0 };
    ref want = ref_of(&t);
    o->axes.stride[0] = 0;
    for (size_t i = 0; i < 12; i++) want.ids[i] = i % 4;
    CHECK_OK(cx__entries_make(s, NULL, false, &e));
    check_entry(&e, &e.list[0], &want);
    cx__entries_free(&e);
    free(want.ids);
}

TEST(convert_entries, rules_that_cut_need_plain_axes)
{
    const cx__rename rules[] = { { "w", NULL, CX__TRANSPOSE }, { NULL, NULL, CX__KEEP } };
    cx_tensor t = { .name = "w", .dtype = CX_U16, .ndim = 2, .shape = { 12, 4 } };
    cx__source *s = source_of(&t, 1);
    cx__entries e = { 0 };
    cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, 0);
    o->axes = (cx__axes){ 3, { 6, 2, 4 }, { 4, 24, 1 } };
    CHECK_INT(cx__entries_make(s, arch_of(rules), false, &e), CX_ESHAPE);
    CHECK_HAS(cx_error(), "expected a plain tensor");
}

TEST(convert_entries, shapes_that_rules_do_not_fit)
{
    static const struct {
        unsigned how;
        int ndim;
        int64_t shape[2];
        const char *says;
    } bad[] = { { CX__TRANSPOSE, 1, { 4 }, "expected two dimensions, found [4] U16" },
                { CX__TRANSPOSE, 0, { 0 }, "expected two dimensions, found [] U16" },
                { CX__EVEN, 2, { 3, 4 }, "expected an even number of rows" },
                { CX__LAST_AXIS | CX__FIRST_HALF, 2, { 4, 3 }, "an even number" },
                { CX__FIRST_HALF, 0, { 0 }, "an even number" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const cx__rename rules[] = { { "w", NULL, bad[i].how }, { NULL, NULL, CX__KEEP } };
        cx_tensor t = { .name = "w", .dtype = CX_U16, .ndim = bad[i].ndim };
        cx__entries e = { 0 };
        memcpy(t.shape, bad[i].shape, sizeof bad[i].shape);
        CHECK_INT(cx__entries_make(source_of(&t, 1), arch_of(rules), false, &e), CX_ESHAPE);
        CHECK_HAS(cx_error(), bad[i].says);
    }
}

/* ---- several results, several tensors ---- */

TEST(convert_entries, one_tensor_becomes_several)
{
    const cx__rename rules[] = { { "*.gate_up", "*.gate", CX__FIRST_HALF },
                                 { "*.gate_up", "*.up", CX__SECOND_HALF },
                                 { NULL, NULL, CX__KEEP } };
    cx_tensor t = { .name = "a.gate_up", .dtype = CX_U16, .ndim = 2, .shape = { 8, 6 } };
    cx__source *s = source_of(&t, 1);
    cx__entries e = { 0 };
    CHECK_OK(cx__entries_make(s, arch_of(rules), false, &e));
    CHECK_INT(e.count, 2);
    CHECK_INT(e.bytes_in, t.bytes); /* counted once */
    CHECK_STR(e.list[0].name, "a.gate");
    CHECK_STR(e.list[1].name, "a.up");
    for (int i = 0; i < 2; i++) {
        ref want = ref_apply(&t, i ? CX__SECOND_HALF : CX__FIRST_HALF);
        check_entry(&e, &e.list[i], &want);
        free(want.ids);
    }
    cx__entries_free(&e);
}

#define EXPERT(name_, dtype_, rows, cols)                                                          \
    {                                                                                              \
        .name = name_, .dtype = dtype_, .ndim = 2, .shape = { rows, cols }                         \
    }
static const cx__rename stack_rules[] = { { "experts.#.w", "stack.w", CX__KEEP },
                                          { "turned.#.w", "turned.w", CX__TRANSPOSE },
                                          { NULL, NULL, CX__KEEP } };

/* Numbers of three equal experts one after the other. */
static void check_stack(const char *const names[3], unsigned how, int kind, int64_t rows,
                        int64_t cols)
{
    cx_tensor t[3] = { EXPERT(names[0], CX_U32, rows, cols), EXPERT(names[1], CX_U32, rows, cols),
                       EXPERT(names[2], CX_U32, rows, cols) };
    cx__source *s = source_of(t, 3);
    cx__entries e = { 0 };
    for (size_t i = 0; i < 3 && kind == DECODED; i++) source_decode(s, i);
    CHECK_OK(cx__entries_make(s, arch_of(stack_rules), false, &e));
    ref one = ref_apply(&t[0], how);
    ref want = ref_new(3, (const int64_t[]){ 3, one.shape[0], one.shape[1] });
    for (size_t i = 0; i < want.count; i++) want.ids[i] = one.ids[i % one.count];
    CHECK_INT(e.count, 1);
    CHECK_INT(e.list[0].part_count, 3);
    for (size_t i = 0; i < 3; i++) { /* in the order of their numbers, not of their names */
        const cx__origin *o = e.list[0].parts[i];
        CHECK_INT(atoi(strchr(o->s.t.name, '.') + 1), i);
    }
    check_entry(&e, &e.list[0], &want);
    cx__entries_free(&e);
    free(one.ids);
    free(want.ids);
}

TEST(convert_entries, experts_are_stacked)
{
    static const char *const straight[] = { "experts.2.w", "experts.0.w", "experts.1.w" };
    static const char *const turned[] = { "turned.0.w", "turned.2.w", "turned.1.w" };
    for (int kind = PLAIN; kind <= DECODED; kind++) {
        check_stack(straight, CX__KEEP, kind, 4, 6);
        check_stack(turned, CX__TRANSPOSE, kind, 4, 6);
    }
}

/* 3 x 300 x 701: pieces begin and end within experts. */
TEST(convert_entries, pieces_run_from_expert_to_expert)
{
    static const char *const straight[] = { "experts.2.w", "experts.0.w", "experts.1.w" };
    static const char *const turned[] = { "turned.0.w", "turned.2.w", "turned.1.w" };
    for (int kind = PLAIN; kind <= DECODED; kind++) {
        check_stack(straight, CX__KEEP, kind, 300, 701);
        check_stack(turned, CX__TRANSPOSE, kind, 300, 701);
    }
}

TEST(convert_entries, ten_experts_are_in_the_order_of_numbers)
{
    char names[12][32];
    cx_tensor t[12];
    cx__entries e = { 0 };
    for (int i = 0; i < 12; i++) {
        snprintf(names[i], sizeof names[i], "experts.%d.w", i);
        t[i] = (cx_tensor)EXPERT(names[i], CX_U8, 1, 2);
    }
    CHECK_OK(cx__entries_make(source_of(t, 12), arch_of(stack_rules), false, &e));
    for (size_t i = 0; i < 12; i++) CHECK_STR(e.list[0].parts[i]->s.t.name, names[i]);
    cx__entries_free(&e);
}

TEST(convert_entries, one_expert_is_a_stack_of_one)
{
    cx_tensor t = EXPERT("experts.0.w", CX_U16, 4, 6);
    cx__entries e = { 0 };
    CHECK_OK(cx__entries_make(source_of(&t, 1), arch_of(stack_rules), false, &e));
    CHECK_INT(e.list[0].ndim, 3);
    CHECK_INT(e.list[0].shape[0], 1);
    cx__entries_free(&e);
}

static void refuse(cx_tensor *list, size_t n, cx_status status, const char *says)
{
    cx__entries e = { 0 };
    CHECK_INT(cx__entries_make(source_of(list, n), arch_of(stack_rules), false, &e), status);
    CHECK_HAS(cx_error(), says);
    CHECK(!e.list);
}

TEST(convert_entries, stacks_that_are_not_complete)
{
    cx_tensor hole[] = { EXPERT("experts.0.w", CX_U16, 4, 6), EXPERT("experts.2.w", CX_U16, 4, 6) };
    refuse(hole, 2, CX_EFORMAT, "'experts.2.w': expected expert 1, found 2");
    cx_tensor first[] = { EXPERT("experts.1.w", CX_U16, 4, 6) };
    refuse(first, 1, CX_EFORMAT, "expected expert 0, found 1");
    cx_tensor twice[] = { EXPERT("experts.0.w", CX_U16, 4, 6),
                          EXPERT("experts.00.w", CX_U16, 4, 6) };
    refuse(twice, 2, CX_EFORMAT, "expected expert 1, found 0");
    cx_tensor shape[] = { EXPERT("experts.0.w", CX_U16, 4, 6),
                          EXPERT("experts.1.w", CX_U16, 6, 4) };
    refuse(shape, 2, CX_ESHAPE, "'experts.1.w': expected shape and dtype of 'experts.0.w'");
    cx_tensor dtype[] = { EXPERT("experts.0.w", CX_U16, 4, 6),
                          EXPERT("experts.1.w", CX_I16, 4, 6) };
    refuse(dtype, 2, CX_ESHAPE, "expected shape and dtype");
    cx_tensor name[] = { EXPERT("stack.w", CX_U16, 4, 6), EXPERT("experts.0.w", CX_U16, 4, 6) };
    refuse(name, 2, CX_EFORMAT, "both become 'stack.w'");
    cx_tensor deep[] = {
        { .name = "experts.0.w", .dtype = CX_U8, .ndim = 8, .shape = { 1, 1, 1, 1, 1, 1, 1, 1 } }
    };
    refuse(deep, 1, CX_ESHAPE, "expected fewer dimensions");
}

TEST(convert_entries, experts_stored_in_different_orders)
{
    cx_tensor t[] = { EXPERT("experts.0.w", CX_U16, 4, 4), EXPERT("experts.1.w", CX_U16, 4, 4) };
    cx__source *s = source_of(t, 2);
    cx__entries e = { 0 };
    cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, 1);
    o->axes.stride[0] = 1;
    o->axes.stride[1] = 4;
    CHECK_INT(cx__entries_make(s, arch_of(stack_rules), false, &e), CX_EUNSUPPORTED);
    CHECK_HAS(cx_error(), "is stored in another order than");
}

TEST(convert_entries, nothing_left_is_an_error)
{
    const cx__rename rules[] = { { "**", NULL, CX__DROP }, { NULL, NULL, CX__KEEP } };
    cx_tensor t = EXPERT("w", CX_U16, 4, 6);
    cx__entries e = { 0 };
    CHECK_INT(cx__entries_make(source_of(&t, 1), arch_of(rules), false, &e), CX_EFORMAT);
    CHECK_HAS(cx_error(), "holds no weights");
}

/* ---- what is added, and types ---- */

TEST(convert_entries, norms_of_checkpoints_with_turned_convs_get_one_more)
{
    const cx__rename rules[] = { { "conv", NULL, CX__CONV },
                                 { "norm", NULL, CX__PLUS_ONE_HF },
                                 { NULL, NULL, CX__KEEP } };
    for (int turned = 0; turned < 2; turned++) {
        cx_tensor t[] = {
            { .name = "conv", .dtype = CX_F32, .ndim = 3, .shape = { 4, 1, turned ? 2 : 1 } },
            { .name = "norm", .dtype = CX_F32, .ndim = 1, .shape = { 4 } },
        };
        cx__entries e = { 0 };
        CHECK_OK(cx__entries_make(source_of(t, 2), arch_of(rules), false, &e));
        CHECK(e.list[0].add == 0);
        CHECK(e.list[1].add == (turned ? 1 : 0));
        cx__entries_free(&e);
    }
}

TEST(convert_entries, floats_are_cast_others_are_not)
{
    static const char *const keeps[] = { "*.A_log", NULL };
    const cx__arch arch = { .name = "made", .keeps = keeps };
    cx_tensor t[] = { EXPERT("a", CX_F64, 1, 2), EXPERT("b", CX_F32, 1, 2),
                      EXPERT("c", CX_I64, 1, 2), EXPERT("d", CX_BOOL, 1, 2),
                      EXPERT("e.A_log", CX_F32, 1, 2) };
    static const cx_dtype as_is[] = { CX_F32, CX_F32, CX_I64, CX_BOOL, CX_F32 },
                          cast[] = { CX_BF16, CX_BF16, CX_I64, CX_BOOL, CX_F32 };
    cx__entries e = { 0 };
    CHECK_OK(cx__entries_make(source_of(t, 5), &arch, false, &e));
    CHECK_OK(cx__entries_cast(&e, &arch, false, CX_BF16));
    for (size_t i = 0; i < 5; i++) CHECK_INT(e.list[i].dtype, as_is[i]);
    CHECK_OK(cx__entries_cast(&e, &arch, true, CX_BF16));
    for (size_t i = 0; i < 5; i++) CHECK_INT(e.list[i].dtype, cast[i]);
    cx__entries_free(&e);
}

TEST(convert_entries, types_without_a_meaning)
{
    const cx__rename rules[] = { { "i", NULL, CX__PLUS_ONE_HF | CX__HF },
                                 { NULL, NULL, CX__KEEP } };
    cx_tensor whole = { .name = "i", .dtype = CX_I32, .ndim = 1, .shape = { 2 } };
    cx__entries e = { 0 };
    CHECK_OK(cx__entries_make(source_of(&whole, 1), arch_of(rules), false, &e));
    CHECK_INT(cx__entries_cast(&e, NULL, false, CX_F32), CX_ETYPE);
    CHECK_HAS(cx_error(), "'i': expected floats, found I32");
    cx__entries_free(&e);
}
