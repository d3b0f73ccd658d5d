/* Tables of the architectures: what becomes of a tensor's name. Values: tests/oracle/oracle_archs.py. */
#include "models/models.h"
#include "unit.h"

#include <string.h>

static const cx__facts facts = { .layers = 2, .shared_layers = 1, .experts = 4 };

/* Result `nth` of a name under the rules of a model_type. */
static cx__renamed apply(const char *type, const char *name, size_t nth, const cx__facts *f)
{
    cx__renamed r = { .how = CX__DROP };
    const cx__arch *arch = cx__arch_find(type);
    CHECK(arch != NULL);
    CHECK_INT(cx__rename_apply(cx__arch_renames(arch), name, nth, f, &r), CX_OK);
    return r;
}

static void check(const char *type, const char *name, const char *to, unsigned how)
{
    cx__renamed r = apply(type, name, 0, &facts);
    CHECK_STR(r.name, to);
    CHECK_INT(r.how, how);
}

TEST(renames, patterns_match_parts_numbers_and_the_rest)
{
    CHECK(cx__pattern_match("**.mlp.gate", "model.layers.0.mlp.gate"));
    CHECK(!cx__pattern_match("**.mlp.gate", "model.layers.0.mlp.gate_proj"));
    CHECK(cx__pattern_match("**mlp.gate", "mlp.gate"));
    CHECK(cx__pattern_match("a.*.b", "a.12.b"));
    CHECK(!cx__pattern_match("a.*.b", "a.1.2.b"));
    CHECK(!cx__pattern_match("a.*.b", "a..b"));
    CHECK(cx__pattern_match("e.#.w", "e.12.w"));
    CHECK(!cx__pattern_match("e.#.w", "e.x.w"));
    CHECK(!cx__pattern_match("e.#.w", "e.1234567.w"));
}

TEST(renames, experts_of_a_layer_become_one_tensor)
{
    cx__renamed r = apply("qwen3_moe", "model.layers.1.mlp.experts.3.up_proj.weight", 0, &facts);
    CHECK_STR(r.name, "model.layers.1.mlp.switch_mlp.up_proj.weight");
    CHECK_INT(r.expert, 3);
    CHECK(!r.more);
    r = apply("mixtral", "model.layers.0.block_sparse_moe.experts.0.w2.weight", 0, &facts);
    CHECK_STR(r.name, "model.layers.0.block_sparse_moe.switch_mlp.down_proj.weight");
    CHECK_INT(r.expert, 0);
    r = apply("qwen3_moe", "model.layers.1.mlp.shared_expert.up_proj.weight", 0, &facts);
    CHECK_INT(r.expert, -1);
}

TEST(renames, latent_attention_makes_two_tensors_of_one)
{
    const char *name = "language_model.model.layers.0.self_attn.kv_b_proj.weight";
    cx__renamed r = apply("kimi_k25", name, 0, &facts);
    CHECK_STR(r.name, "language_model.model.layers.0.self_attn.embed_q.weight");
    CHECK_INT(r.how, CX__LATENT_KEYS);
    CHECK(r.more);
    r = apply("kimi_k25", name, 1, &facts);
    CHECK_STR(r.name, "language_model.model.layers.0.self_attn.unembed_out.weight");
    CHECK_INT(r.how, CX__LATENT_VALUES);
    CHECK(!r.more);
}

TEST(renames, prefixes_change_before_the_other_rules)
{
    cx__renamed r = apply("qwen3_5_moe", "model.language_model.layers.0.mlp.experts.gate_up_proj",
                          1, &facts);
    CHECK_STR(r.name, "language_model.model.layers.0.mlp.switch_mlp.up_proj.weight");
    CHECK_INT(r.how, CX__SECOND_HALF);
    CHECK(!r.more);
    check("qwen3_5", "lm_head.weight", "language_model.lm_head.weight", CX__KEEP);
    check("qwen3_5", "language_model.lm_head.weight", "language_model.lm_head.weight", CX__KEEP);
    check("deepseek_v41", "layers.0.ffn.shared_experts.w1.weight",
          "model.layers.0.mlp.shared_experts.gate_proj.weight", CX__KEEP);
}

TEST(renames, conditions_depend_on_the_config)
{
    cx__facts dense = { .layers = 2 }, tied = { .tied = true };
    const char *k1 = "model.layers.1.self_attn.k_proj.weight";
    const char *input = "model.layers.0.shared_mlp.input_linear.weight";
    CHECK_INT(apply("glm4_moe", "model.layers.2.embed_tokens.weight", 0, &facts).how, CX__DROP);
    CHECK_INT(apply("glm4_moe", "model.layers.1.mlp.gate.weight", 0, &facts).how, CX__KEEP);
    CHECK_INT(apply("gemma4_text", k1, 0, &facts).how, CX__DROP);
    CHECK_INT(apply("gemma4_text", k1, 0, &dense).how, CX__KEEP);
    CHECK_STR(apply("granitemoehybrid", input, 0, &facts).name, input);
    CHECK_STR(apply("granitemoehybrid", input, 0, &dense).name,
              "model.layers.0.mlp.gate_proj.weight");
    CHECK_INT(apply("qwen2", "lm_head.weight", 0, &tied).how, CX__DROP);
    CHECK_INT(apply("qwen2", "lm_head.weight", 0, &facts).how, CX__KEEP);
}

TEST(renames, one_tensor_becomes_one_of_each_expert)
{
    const char *name = "transformer.blocks.0.ffn.experts.mlp.w2";
    cx__renamed r = apply("dbrx", name, 3, &facts);
    CHECK_STR(r.name, "transformer.blocks.0.ffn.experts.3.w2.weight");
    CHECK_INT(r.part, 3);
    CHECK(!r.more);
    CHECK(apply("dbrx", name, 2, &facts).more);
}

TEST(renames, a_name_too_long_is_an_error)
{
    char name[300];
    cx__renamed r;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_INT(cx__rename_apply(cx__arch_renames(NULL), name, 0, &facts, &r), CX_ELIMIT);
    CHECK_HAS(cx_error(), "expected at most 255 bytes");
}

TEST(renames, facts_come_from_the_text_config_first)
{
    cx__facts f;
    json_t *config = json_pack("{s:i, s:b, s:{s:i, s:b, s:i, s:i, s:s}}", "num_hidden_layers", 5,
                               "tie_word_embeddings", 1, "text_config", "num_hidden_layers", 7,
                               "tie_word_embeddings", 0, "hidden_size", 64, "num_attention_heads",
                               4, "v_head_dim", "wide");
    CHECK(config != NULL);
    cx__facts_read(config, true, &f);
    CHECK_INT(f.layers, 7);
    CHECK(!f.tied);
    CHECK_INT(f.head_dim, 16);
    CHECK_INT(f.value_dim, 0);
    json_decref(config);
}

TEST(renames, gates_are_packed_as_mlx_lm_does)
{
    const cx__pack_rule *r = cx__arch_pack(cx__arch_find("qwen3_moe"), "model.layers.0.mlp.gate");
    CHECK(r && r->bits == 8 && r->group == 64);
    r = cx__arch_pack(cx__arch_find("deepseek_v3"), "model.layers.0.mlp.gate");
    CHECK(r && r->bits == 0);
    CHECK(!cx__arch_pack(cx__arch_find("qwen3_moe"), "model.layers.0.mlp.gate_proj"));
    CHECK(cx__arch_keeps_dtype(cx__arch_find("qwen3_5"), "model.layers.0.linear_attn.A_log"));
    CHECK(!cx__arch_keeps_dtype(cx__arch_find("qwen3_5"), "model.layers.0.linear_attn.dt_bias"));
}
