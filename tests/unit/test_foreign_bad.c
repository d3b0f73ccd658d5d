/* Quantized checkpoints that are not what they say: a sentence, never a crash. Each case takes a
 * golden file that is good and spoils one thing. */
#include "foreign_case.h"

/* json: merged into the description. tensor: renamed to `name`, of another dtype or shape (of the
 * same memory: sizes are lowered with it), where these are set. */
typedef struct spoil {
    const char *file, *json, *tensor, *name;
    cx_dtype dtype;
    int64_t shape[3]; /* up to the first 0 */
    cx_status status;
    const char *text;
} spoil;
#define SAME CX_DTYPES

static void set_shape(cx__stored *s, const int64_t *shape)
{
    size_t n = 1;
    for (s->t.ndim = 0; s->t.ndim < 3 && shape[s->t.ndim]; s->t.ndim++)
        n *= (size_t)(s->t.shape[s->t.ndim] = shape[s->t.ndim]);
    for (int64_t i = s->t.ndim - 1, stride = 1; i >= 0; stride *= s->t.shape[i--])
        s->stride[i] = stride;
    CHECK(n * cx_dtype_size(s->t.dtype) <= s->t.bytes);
    s->t.bytes = n * cx_dtype_size(s->t.dtype);
    s->span = n;
}

static void refuse(const spoil *x)
{
    foreign_case c;
    foreign_open(&c, x->file, NULL);
    json_t *more = x->json ? json_loads(x->json, 0, NULL) : json_object();
    CHECK(more && !json_object_update(foreign_config(&c), more));
    json_decref(more);
    if (x->tensor) {
        cx__stored *s = &foreign_find(&c, x->tensor)->s;
        CHECK(s);
        if (x->name) s->t.name = x->name;
        if (x->dtype != SAME) s->t.dtype = x->dtype;
        if (x->shape[0]) set_shape(s, x->shape);
    }
    cx_status st = foreign_merge(&c);
    if (st != x->status || !strstr(cx_error(), x->text))
        fail_msg("%s, %s: expected '%s', found %s '%s'", x->file, x->tensor ? x->tensor : x->json,
                 x->text, cx_status_name(st), st ? cx_error() : "");
    CHECK(c.method == NULL);
    foreign_close(&c);
}

TEST(foreign_bad, configs)
{
    static const spoil cases[] = {
        { "gptq_4.safetensors", "{\"bits\": 7}", .dtype = SAME, .status = CX_EUNSUPPORTED,
          .text = "model/config.json: quantization 'gptq': expected 2, 3, 4 or 8 bits in groups, "
                  "found 7" },
        { "gptq_4.safetensors", "{\"bits\": 33}", .status = CX_EUNSUPPORTED, .text = "found 33" },
        { "gptq_4.safetensors", "{\"bits\": 65}", .status = CX_EFORMAT, .text = "bits" },
        { "gptq_4.safetensors", "{\"bits\": \"4\"}", .status = CX_EFORMAT, .text = "bits" },
        { "gptq_4.safetensors", "{\"group_size\": 0}", .status = CX_EUNSUPPORTED,
          .text = "groups of 0" },
        { "gptq_4.safetensors", "{\"group_size\": -2}", .status = CX_EFORMAT,
          .text = "group_size" },
        { "gptq_4.safetensors", "{\"checkpoint_format\": \"marlin\"}", .status = CX_EUNSUPPORTED,
          .text = "checkpoint_format 'marlin' is not supported" },
        { "gptq_4.safetensors", "{\"quant_method\": \"bitnet\"}", .status = CX_EUNSUPPORTED,
          .text = "quantization 'bitnet' is not supported; known are awq, compressed-tensors" },
        { "gptq_4.safetensors", "{\"quant_method\": 4}", .status = CX_EFORMAT,
          .text = "quant_method" },
        { "awq.safetensors", "{\"version\": \"gemv\"}", .status = CX_EUNSUPPORTED,
          .text = "version 'gemv' is not supported" },
        { "awq.safetensors", "{\"bits\": 8}", .status = CX_EUNSUPPORTED, .text = "found 8 bits" },
        { "awq.safetensors", "{\"group_size\": 0}", .status = CX_EUNSUPPORTED,
          .text = "groups of 0" },
        { "fp8_odd.safetensors", "{\"weight_block_size\": [0, 16]}", .status = CX_EFORMAT,
          .text = "'weight_block_size': expected two integers" },
        { "fp8_odd.safetensors", "{\"weight_block_size\": [16]}", .status = CX_EFORMAT,
          .text = "'weight_block_size': expected two integers" },
        { "fp8_odd.safetensors", "{\"weight_block_size\": [8, 8]}", .status = CX_ESHAPE,
          .text = "'l.weight_scale_inv': expected scales of the whole, the rows or the blocks of "
                  "1 x 19 x 37 weights" },
        { "modelopt_nvfp4.safetensors", "{\"quant_algo\": \"W4A8_AWQ\"}", .status = CX_EUNSUPPORTED,
          .text = "quant_algo 'W4A8_AWQ' is not supported" },
        { "modelopt_nvfp4.safetensors", "{\"quant_algo\": null}", .status = CX_EFORMAT,
          .text = "'quant_algo' is missing" },
        { "pack_4_sym.safetensors", "{\"format\": \"marlin-24\"}", .status = CX_EUNSUPPORTED,
          .text = "format 'marlin-24' is not supported" },
        { "pack_4_sym.safetensors", "{\"sparsity_config\": {\"format\": \"sparse-bitmask\"}}",
          .status = CX_EUNSUPPORTED, .text = "sparsity_config 'sparse-bitmask'" },
        { "pack_4_sym.safetensors", "{\"transform_config\": {\"config_groups\": {\"u\": {}}}}",
          .status = CX_EUNSUPPORTED, .text = "transform_config" },
        { "pack_4_sym.safetensors",
          "{\"config_groups\": {\"g\": {\"weights\": {\"num_bits\": 8, "
          "\"group_size\": 32}}}}",
          .status = CX_ESHAPE, .text = "'l.weight_packed': expected words for 64 codes" },
        { "mlx_affine_3.safetensors", "{\"l\": false}", .status = CX_EFORMAT,
          .text = "false for 'l'" },
        { "mlx_mxfp4.safetensors", "{\"l\": false}", .status = CX_EFORMAT,
          .text = "false for 'l'" },
        { "mlx_mxfp4.safetensors", "{\"l\": {\"mode\": \"nvfp4\"}}", .status = CX_EFORMAT,
          .text = "says mode 'nvfp4', but its shape is of 'mxfp4'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refuse(&cases[i]);
}

static const spoil bad_parts[] = {
    { "gptq_4.safetensors",
      NULL,
      "l.scales",
      "x.scales",
      SAME,
      { 0 },
      CX_EFORMAT,
      "golden: quantization 'gptq': tensor 'l.scales' is missing" },
    { "gptq_4.safetensors",
      NULL,
      "l.qweight",
      "x.weight",
      SAME,
      { 0 },
      CX_EFORMAT,
      "is left over" },
    { "gptq_4.safetensors",
      NULL,
      "l.bias",
      "l.weight",
      SAME,
      { 0 },
      CX_EFORMAT,
      "'l.weight' is there twice" },
    { "gptq_4.safetensors",
      NULL,
      "l.qweight",
      NULL,
      CX_U32,
      { 0 },
      CX_ETYPE,
      "golden: 'l.qweight': expected [n, n] I32, found [8, 8] U32" },
    { "gptq_4.safetensors",
      NULL,
      "l.qweight",
      NULL,
      SAME,
      { 7, 8 },
      CX_ESHAPE,
      "'l.g_idx': expected [56] I32" },
    { "gptq_4.safetensors",
      NULL,
      "l.qweight",
      NULL,
      SAME,
      { 8, 4 },
      CX_ESHAPE,
      "'l.scales': expected [n, 4] F16, found [2, 8] F16" },
    { "gptq_4.safetensors", NULL, "l.qweight", NULL, SAME, { 64 }, CX_ESHAPE, "'l.qweight'" },
    { "gptq_4.safetensors",
      NULL,
      "l.scales",
      NULL,
      CX_I16,
      { 0 },
      CX_ETYPE,
      "'l.scales': expected F16, BF16 or F32" },
    { "gptq_4.safetensors", NULL, "l.scales", NULL, SAME, { 1, 8 }, CX_ESHAPE, "'l.qzeros'" },
    { "gptq_4.safetensors", NULL, "l.qzeros", NULL, CX_F32, { 0 }, CX_ETYPE, "'l.qzeros'" },
    { "gptq_3.safetensors", NULL, "l.qzeros", NULL, SAME, { 2, 2 }, CX_ESHAPE, "'l.qzeros'" },
    { "gptq_act_order.safetensors",
      NULL,
      "l.g_idx",
      NULL,
      SAME,
      { 63 },
      CX_ESHAPE,
      "'l.g_idx': expected [64] I32" },
    { "gptq_act_order.safetensors", NULL, "l.g_idx", NULL, CX_F32, { 0 }, CX_ETYPE, "l.g_idx" },
    { "awq.safetensors",
      NULL,
      "l.qzeros",
      NULL,
      SAME,
      { 1, 1 },
      CX_ESHAPE,
      "'l.qzeros': expected [2, 1] I32" },
    { "awq.safetensors", NULL, "l.scales", NULL, SAME, { 2, 4 }, CX_ESHAPE, "'l.scales'" },
    { "fp8_odd.safetensors",
      NULL,
      "l.weight",
      "x.weight",
      SAME,
      { 0 },
      CX_EFORMAT,
      "tensor 'l.weight' is missing" },
    { "fp8_odd.safetensors",
      NULL,
      "l.weight_scale_inv",
      "l.other",
      SAME,
      { 0 },
      CX_EFORMAT,
      "'l.weight' is F8_E4M3 and has no scale" },
    { "fp8_odd.safetensors",
      NULL,
      "l.weight",
      NULL,
      CX_U8,
      { 0 },
      CX_ETYPE,
      "'l.weight': expected F8_E4M3 or F8_E5M2" },
    { "fp8_odd.safetensors", NULL, "l.weight", NULL, SAME, { 703 }, CX_ESHAPE, "a matrix" },
    { "fp8_odd.safetensors",
      NULL,
      "l.weight_scale_inv",
      NULL,
      CX_I32,
      { 0 },
      CX_ETYPE,
      "expected F16, BF16 or F32" },
    { "mxfp4.safetensors",
      NULL,
      "model.layers.0.mlp.experts.gate_up_proj_blocks",
      NULL,
      SAME,
      { 2, 4, 32 },
      CX_ESHAPE,
      "expected [..., rows, n, 16] U8" },
    { "mxfp4.safetensors",
      NULL,
      "model.layers.0.mlp.experts.gate_up_proj_scales",
      NULL,
      SAME,
      { 2, 4, 1 },
      CX_ESHAPE,
      "expected [2, 4, 2] U8" },
    { "modelopt_nvfp4.safetensors",
      NULL,
      "l.weight_scale",
      NULL,
      SAME,
      { 8, 2 },
      CX_ESHAPE,
      "'l.weight_scale': expected scales" },
    { "modelopt_nvfp4.safetensors",
      NULL,
      "l.weight_scale_2",
      NULL,
      CX_I32,
      { 0 },
      CX_ETYPE,
      "'l.weight_scale_2': expected F32" },
    { "modelopt_nvfp4.safetensors",
      NULL,
      "l.input_scale",
      "l.pre_quant_scale",
      SAME,
      { 0 },
      CX_EFORMAT,
      "'l.pre_quant_scale' is left over" },
    { "pack_4_asym.safetensors",
      NULL,
      "l.weight_zero_point",
      "l.x",
      SAME,
      { 0 },
      CX_EFORMAT,
      "tensor 'l.weight_zero_point' is missing" },
    { "pack_4_sym.safetensors",
      NULL,
      "l.weight_shape",
      "l.x",
      SAME,
      { 0 },
      CX_EFORMAT,
      "tensor 'l.weight_shape' is missing" },
    { "pack_4_sym.safetensors",
      NULL,
      "l.weight_packed",
      NULL,
      SAME,
      { 11, 8 },
      CX_ESHAPE,
      "'l.weight_shape': expected 11 rows of 8 words, found 12 x 64" },
    { "pack_4_sym.safetensors",
      NULL,
      "l.weight_scale",
      NULL,
      SAME,
      { 3, 8 },
      CX_ESHAPE,
      "'l.weight_scale': expected scales" },
    { "int_quantized.safetensors",
      NULL,
      "l.weight_zero_point",
      NULL,
      SAME,
      { 4 },
      CX_ESHAPE,
      "'l.weight_zero_point': expected [8, 1] I8" },
    { "mlx_affine_3.safetensors",
      NULL,
      "l.biases",
      "l.x",
      SAME,
      { 0 },
      CX_EFORMAT,
      "has scales but no biases" },
    { "mlx_affine_3.safetensors",
      NULL,
      "l.scales",
      "l.x",
      SAME,
      { 0 },
      CX_EFORMAT,
      "'l.biases' is left over" },
    { "mlx_mxfp8.safetensors",
      NULL,
      "l.scales",
      NULL,
      SAME,
      { 4, 1 },
      CX_ESHAPE,
      "scales of groups of 16 or 32" },
    { "mlx_mxfp8.safetensors", NULL, "l.scales", NULL, SAME, { 2, 2 }, CX_ESHAPE, "'l.scales'" },
    { "mlx_nvfp4.safetensors",
      NULL,
      "l.weight",
      NULL,
      CX_I32,
      { 0 },
      CX_ETYPE,
      "'l.weight': expected U32" },
};

TEST(foreign_bad, parts)
{
    for (size_t i = 0; i < sizeof bad_parts / sizeof *bad_parts; i++) refuse(&bad_parts[i]);
}

TEST(foreign_bad, a_group_that_is_none)
{
    foreign_case c;
    int32_t order[64] = { 0 };
    foreign_open(&c, "gptq_act_order.safetensors", NULL);
    order[5] = -1;
    foreign_find(&c, "l.g_idx")->s.t.data = order;
    CHECK_INT(foreign_merge(&c), CX_EFORMAT);
    CHECK_HAS(cx_error(), "golden: 'l.g_idx': expected groups below 2, found -1 at 5");
    foreign_close(&c);
}

/* A file may change under a mapping: what was checked must not be trusted when it is read. */
TEST(foreign_bad, a_group_that_changes_later)
{
    foreign_case c;
    int32_t order[64];
    uint16_t out[8 * 64];
    for (int i = 0; i < 64; i++) order[i] = i % 2;
    foreign_open(&c, "gptq_act_order.safetensors", NULL);
    foreign_find(&c, "l.g_idx")->s.t.data = order;
    CHECK_OK(foreign_merge(&c));
    const cx__origin *o = foreign_find(&c, "l.weight");
    for (int i = 0; i < 64; i++) order[i] = 0x7fffffff;
    o->s.decode(&o->s, 0, sizeof out / sizeof *out, out); /* under ASan */
    foreign_close(&c);
}

TEST(foreign_bad, elements_that_do_not_lie_in_order)
{
    foreign_case c;
    foreign_open(&c, "awq.safetensors", NULL);
    cx__stored *s = &foreign_find(&c, "l.scales")->s;
    s->stride[0] = 1;
    s->stride[1] = 2;
    CHECK_INT(foreign_merge(&c), CX_EUNSUPPORTED);
    CHECK_HAS(cx_error(), "'l.scales': expected elements in row-major order");
    foreign_close(&c);
}

TEST(foreign_bad, quantized_tensors_that_nothing_describes)
{
    foreign_case c;
    foreign_open(&c, "gptq_4.safetensors", NULL);
    json_object_clear(c.config);
    CHECK_INT(foreign_merge(&c), CX_EFORMAT);
    CHECK_HAS(cx_error(), "golden: 'l.qweight' is quantized, but 'model/config.json' has no");
    foreign_close(&c);
    foreign_open(&c, "gptq_4.safetensors", NULL);
    json_object_set_new(c.config, "quantization_config", json_true());
    CHECK_INT(foreign_merge(&c), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'quantization_config': expected an object");
    foreign_close(&c);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, foreign_fails_cleanly)
{
    static const char *const files[] = { "gptq_4.safetensors", "mlx_affine_3.safetensors",
                                         "pack_4_asym.safetensors", "modelopt_nvfp4.safetensors" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        cx_status st = CX_ENOMEM;
        for (int n = 0; st != CX_OK; n++) {
            foreign_case c;
            CHECK(n < 50);
            foreign_open(&c, files[i], NULL);
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = foreign_merge(&c);
            cx__alloc_fault_set(NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
            foreign_close(&c);
        }
    }
}
