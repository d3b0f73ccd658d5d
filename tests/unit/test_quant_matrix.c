/* What packed tensors of a model file must be. Rules: mlx-lm 0.32.2 utils.py load_model. */
#include "unit.h"

#include "quant/quant.h"

/* [4, 256] of 4 bits in groups of 64, unless a test changes it. */
typedef struct triplet {
    cx_tensor weight, scales, biases;
} triplet;

static cx_tensor tensor(const char *name, cx_dtype dtype, int64_t rows, int64_t cols)
{
    return (cx_tensor){ .name = name,
                        .dtype = dtype,
                        .ndim = 2,
                        .shape = { rows, cols },
                        .bytes = (size_t)rows * (size_t)cols * cx_dtype_size(dtype) };
}

static triplet make(int64_t words, int64_t groups)
{
    return (triplet){ tensor("l.q.weight", CX_U32, 4, words),
                      tensor("l.q.scales", CX_BF16, 4, groups),
                      tensor("l.q.biases", CX_BF16, 4, groups) };
}

static cx_status matrix(const triplet *t, const char *config, cx__qmat *out)
{
    json_t *json = config ? json_loads(config, 0, NULL) : NULL;
    CHECK(!config || json);
    cx_status st = cx__quant_matrix(&t->weight, &t->scales, &t->biases, json, "m", "l.q.weight",
                                    out);
    json_decref(json);
    return st;
}

static void expect(const triplet *t, const char *config, int bits, int group)
{
    cx__qmat m = { 0 };
    CHECK_OK(matrix(t, config, &m));
    CHECK_INT(m.bits, bits);
    CHECK_INT(m.group, group);
    CHECK_INT(m.rows, 4);
    CHECK_INT(m.cols, (int)t->scales.shape[1] * group);
    CHECK_INT(m.scale_dtype, CX_BF16);
}

static void refuse(const triplet *t, const char *config, cx_status want, const char *text)
{
    cx__qmat m = { .bits = 99 };
    CHECK_INT(matrix(t, config, &m), want);
    CHECK_HAS(cx_error(), "m: ");
    CHECK_HAS(cx_error(), text);
    CHECK_INT(m.bits, 99);
}

TEST(quant_matrix, takes_bits_and_group_from_the_config)
{
    triplet t = make(32, 4);
    expect(&t, "{\"bits\": 4, \"group_size\": 64}", 4, 64);
    expect(&t, "{\"bits\": 4, \"group_size\": 64, \"mode\": \"affine\"}", 4, 64);
    expect(&t, "{\"bits\": 8, \"group_size\": 32}", 8, 32);
    expect(&t, "{\"bits\": 2, \"group_size\": 128}", 2, 128);
}

TEST(quant_matrix, null_group_size_is_the_default)
{
    triplet t = make(48, 4);
    expect(&t, "{\"bits\": 4, \"group_size\": 64, \"l.q\": {\"bits\": 6, \"group_size\": null}}", 6,
           64);
}

TEST(quant_matrix, own_entry_goes_before_the_default)
{
    triplet t = make(64, 8);
    expect(&t, "{\"bits\": 4, \"group_size\": 64, \"l.q\": {\"bits\": 8, \"group_size\": 32}}", 8,
           32);
    refuse(&t, "{\"bits\": 8, \"group_size\": 32, \"l.q\": {\"bits\": 4, \"group_size\": 32}}",
           CX_EFORMAT,
           "'l.q.weight': config.json says 4 bits in groups of 32, but a group has 256");
}

TEST(quant_matrix, shapes_decide_where_the_default_does_not_fit)
{
    triplet t = make(48, 4); /* 384 bits a group: 6 of 64, 3 of 128 */
    expect(&t, "{\"bits\": 4, \"group_size\": 64}", 6, 64);
    expect(&t, "{\"bits\": 4, \"group_size\": 128}", 3, 128);
    refuse(&t, "{\"bits\": 4, \"group_size\": 32}", CX_EFORMAT, "384 bits in a group");
    refuse(&t, NULL, CX_EFORMAT, "384 bits in a group");
    t = make(40, 8); /* 160 bits: only 5 of 32 */
    expect(&t, NULL, 5, 32);
    t = make(7, 1);
    refuse(&t, "{\"bits\": 4, \"group_size\": 64}", CX_EFORMAT, "224 bits in a group");
}

TEST(quant_matrix, refuses_foreign_modes_by_name)
{
    triplet t = make(32, 4);
    refuse(&t, "{\"mode\": \"nvfp4\", \"bits\": 4, \"group_size\": 16}", CX_EUNSUPPORTED,
           "'l.q.weight': quantization mode 'nvfp4' is not supported");
    refuse(&t, "{\"bits\": 7, \"group_size\": 64}", CX_EUNSUPPORTED, "7 bits in groups of 64");
    refuse(&t, "{\"bits\": \"four\"}", CX_EFORMAT, "bits");
    refuse(&t, "{\"bits\": 4, \"l.q\": false}", CX_EFORMAT, "false for 'l.q'");
    t.scales.dtype = t.biases.dtype = CX_U8;
    t.scales.bytes = t.biases.bytes = 16;
    refuse(&t, NULL, CX_EUNSUPPORTED, "U8 scales");
}

TEST(quant_matrix, refuses_incomplete_triplets_by_name)
{
    triplet t = make(32, 4);
    cx__qmat m;
    CHECK_INT(cx__quant_matrix(&t.weight, NULL, &t.biases, NULL, "m", "l.q.weight", &m),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "m: tensor 'l.q.weight' has no scales");
    CHECK_INT(cx__quant_matrix(NULL, &t.scales, &t.biases, NULL, "m", "l.q.weight", &m),
              CX_EFORMAT);
    t = make(40, 8);
    CHECK_INT(cx__quant_matrix(&t.weight, &t.scales, NULL, NULL, "m", "l.q.weight", &m),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "m: tensor 'l.q.weight' has scales but no biases");
}

TEST(quant_matrix, refuses_tensors_that_do_not_fit_each_other)
{
    const char *config = "{\"bits\": 4, \"group_size\": 64}";
    triplet t = make(32, 4);
    t.weight.dtype = CX_I32;
    refuse(&t, config, CX_ETYPE, "'l.q.weight' has scales, so expected U32, found I32");
    t = make(32, 4);
    t.scales = tensor("l.q.scales", CX_BF16, 3, 4);
    refuse(&t, config, CX_ESHAPE, "which does not fit its scales [3, 4] BF16");
    t = make(32, 4);
    t.biases = tensor("l.q.biases", CX_BF16, 4, 3);
    refuse(&t, config, CX_ESHAPE, "which does not fit its biases [4, 3] BF16");
    t = make(32, 4);
    t.biases = tensor("l.q.biases", CX_F16, 4, 4);
    refuse(&t, config, CX_ETYPE, "biases of tensor 'l.q.weight': expected BF16");
    t = make(32, 4);
    t.scales.bytes--;
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
    t = make(32, 0);
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
    t = make(32, 5);
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
    t = make(32, 4);
    t.weight.shape[0] = t.scales.shape[0] = INT64_MAX;
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
    t = make(32, 4);
    t.weight.shape[1] = INT64_MAX;
    t.weight.shape[0] = 0;
    t.weight.bytes = 0;
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
    t = make(32, 4);
    t.weight.ndim = t.scales.ndim = 1;
    refuse(&t, config, CX_ESHAPE, "does not fit its scales");
}

TEST(quant_matrix, bits_are_zero_for_what_is_no_packed_matrix)
{
    triplet t = make(32, 4);
    json_t *config = json_loads("{\"bits\": 4, \"group_size\": 64}", 0, NULL);
    CHECK_INT(cx__quant_bits(&t.weight, &t.scales, config, "m", "l.q.weight"), 4);
    t.weight.dtype = CX_F32;
    CHECK_INT(cx__quant_bits(&t.weight, &t.scales, config, "m", "l.q.weight"), 0);
    json_decref(config);
}
