"""Small configurations of every architecture that mlx-lm converts: `BASE` for all, what one needs
beside it in `MORE`. Names of the keys: transformers; sizes: ours, as small as groups of 64 allow."""

BASE = dict(
    hidden_size=128, num_hidden_layers=3, intermediate_size=192, num_attention_heads=4,
    num_key_value_heads=2, head_dim=32, vocab_size=160, max_position_embeddings=256,
    rms_norm_eps=1e-5, layer_norm_eps=1e-5, layer_norm_epsilon=1e-5, norm_eps=1e-5,
    rope_theta=10000.0, partial_rotary_factor=0.5, sliding_window=64, hidden_act="silu",
    tie_word_embeddings=False, attention_bias=False, mlp_bias=False, use_bias=False,
    use_qkv_bias=False, qkv_bias=False,
    # experts, under all the names they go by
    num_experts=4, num_local_experts=4, n_routed_experts=4, moe_num_experts=4, norm_topk_prob=True,
    num_experts_per_tok=2, num_experts_per_token=2, moe_intermediate_size=64, moe_topk=2,
    shared_expert_intermediate_size=64, n_shared_experts=1, num_shared_experts=1, n_group=1,
    topk_group=1, routed_scaling_factor=1.0, decoder_sparse_step=1, mlp_only_layers=[],
    moe_layer_start_index=0, first_k_dense_replace=1, num_dense_layers=1,
    # latent attention
    kv_lora_rank=64, q_lora_rank=64, qk_rope_head_dim=32, qk_nope_head_dim=32, v_head_dim=64,
    # GPT's names
    n_embd=128, n_head=4, n_layer=3, n_positions=128, n_ctx=128, n_inner=192, rotary_dim=16,
    # recurrent layers
    linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=32,
    linear_value_head_dim=32, linear_conv_kernel_dim=4, full_attention_interval=3,
    state_size=16, conv_kernel=4, time_step_rank=8, use_conv_bias=True,
)

SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]
LINEAR = ["linear_attention", "full_attention", "linear_attention"]
CONV = ["conv", "full_attention", "conv"]
ROPE = dict(rope_theta=10000.0, rope_type="default", type="default")
ROPES = dict(full_attention=ROPE, sliding_attention=ROPE)
YARN = dict(type="yarn", rope_type="yarn", factor=2.0, original_max_position_embeddings=128,
            mscale=1.0, mscale_all_dim=1.0, rope_theta=10000.0, beta_fast=32, beta_slow=1)
LONG = dict(type="longrope", long_factor=[1.0] * 16, short_factor=[1.0] * 16,
            original_max_position_embeddings=128)
SCALES = dict(logits_scaling=1.0, attention_multiplier=0.2, embedding_multiplier=1.0,
              residual_multiplier=1.0)
MUP = dict(dim_model_base=128, scale_depth=1.0, scale_emb=1.0)
LONGCAT = dict(attention_method="MLA", zero_expert_type="identity", ffn_hidden_size=192, moe_topk=2,
               expert_ffn_hidden_size=64, zero_expert_num=2, num_layers=2, mla_scale_q_lora=True,
               mla_scale_kv_lora=True, router_bias=False, ngram_vocab_size_ratio=2,
               emb_neighbor_num=2, emb_split_num=2)
KDA = dict(full_attn_layers=[3], kda_layers=[1, 2], num_heads=4, head_dim=32,
           short_conv_kernel_size=4)
GROUPS = dict(layer_group_size=3, group_norm_size=2)
INDEXER = dict(index_head_dim=64, index_n_heads=2, index_topk=32)
MOE_EVERY = dict(topk_method="noaux_tc", scoring_func="sigmoid", moe_layer_freq=1)

MORE = {
    "afm7": dict(hidden_dim=128, num_layers=3, num_kv_reuse_layers=1, num_heads=4, num_kv_heads=2),
    "afmoe": dict(layer_types=SLIDING),
    "apertus": dict(post_norm=True, qk_norm=True, hidden_act="xielu"),
    "baichuan_m1": dict(sliding_window_layers=[0, 2], conv_window=2),
    "bailing_hybrid": GROUPS,
    "bailing_moe_linear": GROUPS,
    "cohere": dict(use_qk_norm=True, tie_word_embeddings=True),
    "cohere2": dict(tie_word_embeddings=True),
    "dbrx": dict(d_model=128, n_layers=3, n_heads=4,
                 ffn_config=dict(ffn_hidden_size=64, moe_num_experts=4, moe_top_k=2),
                 attn_config=dict(kv_n_heads=2, clip_qkv=8, rope_theta=10000.0)),
    "deepseek_v2": dict(rope_scaling=YARN),
    "deepseek_v32": INDEXER,
    "deepseek_v41": dict(o_groups=8),
    "exaone": dict(num_layers=3),
    "exaone4": dict(rope_scaling=None, sliding_window_pattern="LLG"),
    "exaone_moe": dict(layer_types=SLIDING, is_moe_layer=[False, True, True]),
    "gear": dict(layer_types=["conv_kv_gated", "full_attention", "conv_kv_gated"]),
    "gemma": dict(tie_word_embeddings=True),
    "gemma2": dict(tie_word_embeddings=True),
    "gemma3_text": dict(sliding_window_pattern=3),
    "gemma3n": dict(num_kv_shared_layers=1, vocab_size_per_layer_input=160,
                    rope_local_base_freq=10000.0, final_logit_softcapping=30.0, layer_types=SLIDING,
                    activation_sparsity_pattern=[0.5] * 3, hidden_size_per_layer_input=64,
                    altup_num_inputs=2, altup_coef_clip=1.0, altup_correct_scale=True,
                    altup_active_idx=0, laurel_rank=8, tie_word_embeddings=True),
    "gemma4_text": dict(num_kv_shared_layers=1, vocab_size_per_layer_input=160, layer_types=[
        "sliding_attention", "full_attention", "full_attention"], global_head_dim=64,
        hidden_size_per_layer_input=64, enable_moe_block=True, top_k_experts=2, rope_parameters=dict(
            full_attention=dict(ROPE, partial_rotary_factor=0.25, rope_type="proportional"),
            sliding_attention=ROPE), tie_word_embeddings=True),
    "glm4_moe": dict(rope_scaling=None, use_qk_norm=True),
    "glm_moe_dsa": dict(INDEXER, **MOE_EVERY, rope_parameters=ROPE),
    "gpt_bigcode": dict(n_positions=256, attention_bias=True, mlp_bias=True),
    "gptj": dict(n_inner=None),
    "gpt_neox": dict(attention_bias=True, intermediate_size=512, rotary_emb_base=10000, rotary_pct=0.25),
    "gpt_oss": dict(layer_types=SLIDING),
    "granite": SCALES,
    "granitemoe": SCALES,
    "granitemoehybrid": dict(
        SCALES, layer_types=["mamba", "attention", "mamba"], shared_intermediate_size=64,
        mamba_n_heads=4, mamba_d_head=64, mamba_d_state=32, mamba_d_conv=4, mamba_n_groups=1,
        mamba_expand=2, mamba_proj_bias=False, mamba_conv_bias=True, position_embedding_type="nope"),
    "hunyuan": dict(num_shared_expert=1, use_mixed_mlp_moe=True, use_qk_norm=True, use_cla=True,
                    cla_share_factor=2, rope_scaling=dict(factor=1.0, type="dynamic", alpha=2.0)),
    "hunyuan:fused": dict(num_experts=1, num_shared_expert=1, use_mixed_mlp_moe=False, use_qk_norm=True,
                          use_cla=False, cla_share_factor=2, moe_topk=1, moe_intermediate_size=None,
                          rope_scaling=dict(factor=1.0, type="dynamic", alpha=2.0)),
    "jamba": dict(attn_layer_offset=1, attn_layer_period=2, expert_layer_offset=1,
                  expert_layer_period=2, mamba_d_conv=4, mamba_d_state=16, mamba_expand=2),
    "kimi_k3": dict(hidden_act="situ", linear_attn_config=dict(KDA, gate_lower_bound=-5.0),
                    attn_res_block_size=2, routed_expert_hidden_size=64, latent_moe_use_norm=True,
                    mla_use_output_gate=True),
    "kimi_linear": dict(linear_attn_config=KDA, model_max_length=256),
    "lfm2": dict(conv_bias=False, conv_L_cache=3, block_dim=128, block_multiple_of=64,
                 block_ffn_dim_multiplier=1.0, block_auto_adjust_ff_dim=True, full_attn_idxs=[1],
                 layer_types=CONV, tie_word_embeddings=True),
    "lfm2_moe": dict(use_expert_bias=True, conv_bias=False, conv_L_cache=3, full_attn_idxs=[1],
                     layer_types=CONV, tie_word_embeddings=True),
    "lille-130m": dict(block_size=128, n_kv_heads=2),
    "llama4": dict(attention_chunk_size=64, num_experts_per_tok=1, interleave_moe_layer_step=2, intermediate_size_mlp=192,
                   rope_scaling=None, use_qk_norm=True),
    "llama4_text": dict(intermediate_size_mlp=192, no_rope_layers=[1, 1, 0], use_qk_norm=True),
    "longcat_flash": LONGCAT,
    "longcat_flash_ngram": LONGCAT,
    "mamba2": dict(num_heads=4, n_groups=1, time_step_limit=[0.0, 100.0], head_dim=64, expand=2),
    "mellum": dict(layer_types=SLIDING, rope_parameters=ROPES),
    "mimo_v2_flash": dict(
        MOE_EVERY, n_shared_experts=None, hybrid_layer_pattern=[0, 1, 1], moe_layer_freq=[0, 1, 1],
        add_swa_attention_sink_bias=True, add_full_attention_sink_bias=False, sliding_window_size=64,
        layernorm_epsilon=1e-5, swa_rope_theta=10000.0, swa_num_attention_heads=4,
        swa_num_key_value_heads=2, swa_head_dim=32, swa_v_head_dim=64),
    "minicpm": MUP,
    "minicpm3": dict(MUP, rope_scaling=LONG),
    "minimax": dict(shared_intermediate_size=0),
    "minimax_m3_vl": dict(dense_intermediate_size=192, shared_intermediate_size=64,
                          moe_layer_freq=[0, 1, 1], **INDEXER),
    "ministral3": dict(rope_parameters=dict(
        ROPE, llama_4_scaling_beta=0.1, original_max_position_embeddings=128)),
    "mistral4": dict(rope_parameters=dict(YARN, llama_4_scaling_beta=0.1), rope_scaling=YARN),
    "nemotron": dict(hidden_act="relu2", norm_eps=1e-5),
    "nemotron-nas": dict(block_configs=[dict(
        attention=dict(n_heads_in_group=2, no_op=False, replace_with_linear=False),
        ffn=dict(ffn_mult=2.0, no_op=False, replace_with_linear=False))] * 3),
    "nemotron_h": dict(mamba_num_heads=4, mamba_head_dim=64, mamba_proj_bias=False,
                       ssm_state_size=32, n_groups=1, hybrid_override_pattern="M*E",
                       moe_shared_expert_intermediate_size=64),
    "olmo3": dict(layer_types=SLIDING),
    "olmo_hybrid": dict(linear_allow_neg_eigval=True, layer_types=LINEAR),
    "openelm": dict(num_transformer_layers=2, model_dim=128, ffn_dim_divisor=64,
                    num_query_heads=[4, 4], num_kv_heads=[2, 2], ffn_multipliers=[1.0, 1.5]),
    "phi3small": dict(dense_attention_every_n_layers=2, ff_intermediate_size=192, gegelu_limit=20.0),
    "phimoe": dict(attention_bias=True, lm_head_bias=True),
    "qwen2_moe": dict(qkv_bias=True),
    "starcoder2": dict(use_bias=True),
    "phixtral": dict(model_dim=128, num_layers=2, num_vocab=160),
    "recurrent_gemma": dict(num_key_value_heads=1, tie_word_embeddings=True, conv1d_width=4, logits_soft_cap=30.0, attention_window_size=64,
                            block_types=["recurrent", "attention", "recurrent"]),
    "rwkv7": dict(a_low_rank_dim=64, v_low_rank_dim=64, gate_low_rank_dim=64, decay_low_rank_dim=64),
    "solar_open": dict(first_k_dense_replace=0),
    "spark2_5": dict(hidden_act="gelu", rope_parameters=ROPES, layer_types=SLIDING),
    "step3p5": dict(num_attention_groups=2, moe_layers_enum="1,2", layer_types=SLIDING,
                    moe_top_k=2, share_expert_dim=64),
    "youtu_llm": dict(rope_interleave=True),
}

# Text models inside of others: the text model's type.
INSIDE = {
    "gemma3": "gemma3_text", "gemma3n": "gemma3n", "gemma4": "gemma4_text", "kimi_k25": "deepseek_v3",
    "kimi_k3": "kimi_k3", "kimi_vl": "deepseek_v3", "lfm2-vl": "lfm2", "llama4": "llama4",
    "minimax_m3_vl": "minimax_m3_vl", "mistral3": "ministral3", "pixtral": "llama",
    "qwen2_vl": "qwen2", "qwen3_5": "qwen3_5", "qwen3_5_moe": "qwen3_5_moe", "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
}


def text_config(name, model_type):
    return dict(BASE, **{"model_type": model_type, "torch_dtype": "bfloat16", **MORE.get(name, {})})


def config(name, remapped={}):
    """config.json of a tiny model. name: its model_type, with ":variant" behind it where a type has
    several configurations; remapped: model_types that share the configuration of another."""
    model_type = name.split(":")[0]
    name = remapped.get(name, name)
    if name not in INSIDE:
        return text_config(name, model_type)
    text = text_config(INSIDE[name], INSIDE[name])
    if name == "qwen3_5":
        text["num_experts"] = 0
    top = {k: text[k] for k in ("vocab_size", "tie_word_embeddings", "hidden_size", "torch_dtype")}
    return dict(top, model_type=model_type, text_config=text)
