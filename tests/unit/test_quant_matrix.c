/* What packed tensors of a model file must be. Rules: mlx-lm 0.32.2 utils.py load_model. */
#include "unit.h"

#include "quant/quant.h"

/* [4, 256] of 4 bits in groups of 64, unless a test changes it. */
typedef struct triplet {
    cx_tensor weight, scales, biases, global_scale;
    bool no_biases, global;
    size_t cols; /* that the model expects */
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
    return (triplet){ .weight = tensor("l.q.weight", CX_U32, 4, words),
                      .scales = tensor("l.q.scales", CX_BF16, 4, groups),
                      .biases = tensor("l.q.biases", CX_BF16, 4, groups) };
}

static cx_status matrix(const triplet *t, const char *config, cx__qmat *out)
{
    json_t *json = config ? json_loads(config, 0, NULL) : NULL;
    CHECK(!config || json);
    cx__quant_parts parts = { &t->weight, &t->scales, t->no_biases ? NULL : &t->biases,
                              t->global ? &t->global_scale : NULL };
    cx_status st = cx__quant_matrix(&parts, json, "m", "l.q.weight", t->cols, out);
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
           "'l.q.weight': config.json says affine, 4 bits in groups of 32, but a group has 256");
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
    refuse(&t, "{\"mode\": \"nvfp5\", \"bits\": 4, \"group_size\": 16}", CX_EUNSUPPORTED,
           "'l.q.weight': quantization mode 'nvfp5' is not supported");
    refuse(&t, "{\"mode\": \"nvfp4\", \"bits\": 4, \"group_size\": 32}", CX_EUNSUPPORTED,
           "'nvfp4' of 4 bits in groups of 32");
    refuse(&t, "{\"bits\": 7, \"group_size\": 64}", CX_EUNSUPPORTED, "7 bits in groups of 64");
    refuse(&t, "{\"bits\": \"four\"}", CX_EFORMAT, "bits");
    refuse(&t, "{\"bits\": 4, \"l.q\": false}", CX_EFORMAT, "false for 'l.q'");
    t.scales.dtype = CX_I8;
    refuse(&t, NULL, CX_ETYPE, "expected F32, F16, BF16 or U8, found I8");
}

TEST(quant_matrix, refuses_incomplete_triplets_by_name)
{
    triplet t = make(32, 4);
    cx__qmat m;
    cx__quant_parts parts = { &t.weight, NULL, &t.biases, NULL };
    CHECK_INT(cx__quant_matrix(&parts, NULL, "m", "l.q.weight", 0, &m), CX_EFORMAT);
    CHECK_HAS(cx_error(), "m: tensor 'l.q.weight' has no scales");
    parts = (cx__quant_parts){ NULL, &t.scales, &t.biases, NULL };
    CHECK_INT(cx__quant_matrix(&parts, NULL, "m", "l.q.weight", 0, &m), CX_EFORMAT);
    t = make(40, 8);
    parts = (cx__quant_parts){ &t.weight, &t.scales, NULL, NULL };
    CHECK_INT(cx__quant_matrix(&parts, NULL, "m", "l.q.weight", 0, &m), CX_EFORMAT);
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

TEST(quant_matrix, columns_decide_as_in_mlx_lm)
{
    triplet t = make(32, 4); /* 256 bits a group: 4 of 64, 2 of 128, 8 of 32 */
    const char *config = "{\"bits\": 4, \"group_size\": 64}";
    t.cols = 256;
    expect(&t, config, 4, 64);
    t.cols = 512;
    expect(&t, config, 2, 128);
    t.cols = 128;
    expect(&t, config, 8, 32);
    t.cols = 64;
    refuse(&t, config, CX_EFORMAT, "no packing of 64 columns has 256 bits in a group and BF16");
    t = make(8, 8); /* one bit is the only one with 32 */
    t.cols = 256;
    expect(&t, config, 1, 32);
}

/* [4, 128] of a mode with U8 scales. */
static triplet make_fp(int64_t words, int64_t groups)
{
    triplet t = make(words, groups);
    t.scales = tensor("l.q.scales", CX_U8, 4, groups);
    t.no_biases = true;
    return t;
}

static void expect_mode(const triplet *t, const char *config, cx__qmode mode, int bits, int group)
{
    cx__qmat m = { 0 };
    CHECK_OK(matrix(t, config, &m));
    CHECK_INT(m.mode, mode);
    CHECK_INT(m.bits, bits);
    CHECK_INT(m.group, group);
    CHECK_INT(m.cols, 128);
    CHECK_INT(m.scale_dtype, CX_U8);
    CHECK(m.biases == NULL && m.globals == NULL);
}

TEST(quant_matrix, scales_of_8_bits_tell_the_mode)
{
    const char *configs[] = { NULL, "{\"bits\": 4, \"group_size\": 64}",
                              "{\"bits\": 4, \"group_size\": null, \"mode\": \"mxfp4\"}",
                              "{\"bits\": 4, \"group_size\": 16, \"mode\": \"nvfp4\"}",
                              "{\"mode\": \"mxfp8\", \"l.q\": true}" };
    triplet nv = make_fp(16, 8), mx4 = make_fp(16, 4), mx8 = make_fp(32, 4);
    for (size_t i = 0; i < 8; i++) {
        nv.cols = mx4.cols = mx8.cols = i < 4 ? 0 : 128;
        expect_mode(&nv, configs[i % 4], CX__NVFP4, 4, 16);
        expect_mode(&mx4, configs[i % 4], CX__MXFP4, 4, 32);
        expect_mode(&mx8, configs[i % 4], CX__MXFP8, 8, 32);
    }
    expect_mode(&mx8, configs[4], CX__MXFP8, 8, 32);
    refuse(&nv, configs[4], CX_EFORMAT, "config.json says mxfp8, 8 bits in groups of 32");
    refuse(&nv, "{\"bits\": 4, \"l.q\": {\"bits\": 4, \"group_size\": 32}}", CX_EFORMAT,
           "but a group has 64 bits and U8 scales");
    triplet affine = make(32, 4);
    refuse(&affine, "{\"mode\": \"mxfp8\", \"l.q\": {\"mode\": \"mxfp8\"}}", CX_EFORMAT,
           "but a group has 256 bits and BF16 scales");
    expect(&affine, "{\"mode\": \"mxfp8\", \"bits\": 8, \"group_size\": 32}", 8, 32);
    nv.no_biases = false;
    refuse(&nv, NULL, CX_EFORMAT, "has biases, which mode 'nvfp4' has not");
    nv = make_fp(17, 8);
    refuse(&nv, NULL, CX_EFORMAT, "68 bits in a group");
}

TEST(quant_matrix, experts_have_a_global_scale_each)
{
    static const float values[3] = { 1, 2, 3 };
    triplet t = make_fp(16, 8);
    cx_tensor *parts[] = { &t.weight, &t.scales };
    for (int i = 0; i < 2; i++) {
        parts[i]->ndim = 3;
        parts[i]->shape[2] = parts[i]->shape[1];
        parts[i]->shape[1] = 4;
        parts[i]->shape[0] = 3;
        parts[i]->bytes *= 3;
    }
    cx__qmat m;
    t.global = true;
    t.global_scale = (cx_tensor){
        .name = "l.q.global_scale", .dtype = CX_F32, .ndim = 1, .shape = { 3 }, .bytes = 12
    };
    t.global_scale.data = values;
    CHECK_OK(matrix(&t, "{\"l.q\": {\"mode\": \"nvfp4\", \"global_scale\": true}}", &m));
    CHECK_INT(m.rows, 12);
    CHECK_INT(m.global_rows, 4);
    CHECK(m.globals == values);
    t.global_scale.shape[0] = 2;
    refuse(&t, NULL, CX_ESHAPE, "one value for each of its experts, found [2] F32");
    t.global_scale.shape[0] = 3;
    t.global_scale.bytes = 8;
    refuse(&t, NULL, CX_ESHAPE, "one value for each of its experts");
    t = make_fp(16, 8);
    t.global = true;
    refuse(&t, NULL, CX_ESHAPE, "one value for each of its experts");
    t = make_fp(16, 4);
    t.global = true;
    refuse(&t, NULL, CX_EFORMAT, "a global scale, which mode 'mxfp4' has not");
}

TEST(quant_matrix, packing_of_weight_and_scales_alone)
{
    triplet t = make(32, 4);
    cx__packing p;
    const cx__quant_parts parts = { .weight = &t.weight, .scales = &t.scales };
    json_t *config = json_loads("{\"bits\": 4, \"group_size\": 64}", 0, NULL);
    CHECK_OK(cx__quant_packing(&parts, config, "m", "l.q.weight", 0, &p));
    CHECK_INT(p.bits, 4);
    CHECK_INT(p.group, 64);
    CHECK(p.mode == cx_quant_mode_at(0));
    t.weight.dtype = CX_F32;
    CHECK_INT(cx__quant_packing(&parts, config, "m", "l.q.weight", 0, &p), CX_ETYPE);
    json_decref(config);
}
