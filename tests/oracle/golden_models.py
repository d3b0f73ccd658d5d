"""Makes tests/golden/models/<case>/: a tiny random model as mlx-lm saves it, tokens and the logits
that mlx-lm computes in f32. Usage: python tests/oracle/golden_models.py [CASE...]"""
import importlib
import json
import os
import shutil
import sys

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map

LLAMA = dict(model_type="llama", hidden_size=64, num_hidden_layers=2, intermediate_size=96,
             num_attention_heads=4, rms_norm_eps=1e-5, vocab_size=128, num_key_value_heads=2,
             max_position_embeddings=256, rope_theta=10000.0, tie_word_embeddings=True)
QWEN2 = dict(LLAMA, model_type="qwen2", rope_theta=1000000.0, sliding_window=16,
             use_sliding_window=False)
QWEN3 = dict(LLAMA, model_type="qwen3", head_dim=24, rope_theta=1000000.0)
QWEN3_MOE = dict(QWEN3, model_type="qwen3_moe", head_dim=16, num_experts=8,
                 num_experts_per_tok=2, decoder_sparse_step=1, mlp_only_layers=[0],
                 moe_intermediate_size=32, norm_topk_prob=True)
GPT2 = dict(model_type="gpt2", n_ctx=128, n_embd=64, n_head=4, n_layer=2, n_positions=128,
            layer_norm_epsilon=1e-5, vocab_size=101)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
CASES = {
    "llama-tied": (LLAMA, None),
    "llama-untied-biases": (dict(LLAMA, tie_word_embeddings=False, attention_bias=True,
                                 mlp_bias=True, num_key_value_heads=4), None),
    "llama-rope-llama3": (dict(LLAMA, rope_scaling=LLAMA3, rope_theta=500000.0), None),
    "llama-rope-linear": (dict(LLAMA, rope_scaling=dict(type="linear", factor=4.0)), None),
    "llama-head-dim": (dict(LLAMA, head_dim=24, rope_traditional=True), None),
    "llama-one-kv-head": (dict(LLAMA, num_key_value_heads=1, vocab_size=77), None),
    "llama-q4": (dict(LLAMA, intermediate_size=128), dict(group_size=32, bits=4)),
    "llama-q8-g64": (dict(LLAMA, intermediate_size=128), dict(group_size=64, bits=8)),
    "llama-mixed": (dict(LLAMA, intermediate_size=128, hidden_size=128),
                    dict(group_size=64, bits=4, overrides=True)),
    "llama-q1": (dict(LLAMA, intermediate_size=128), dict(group_size=32, bits=1)),
    "llama-mxfp4": (dict(LLAMA, intermediate_size=128), dict(group_size=32, bits=4, mode="mxfp4")),
    "llama-mxfp8": (dict(LLAMA, intermediate_size=128), dict(group_size=32, bits=8, mode="mxfp8")),
    "llama-nvfp4": (dict(LLAMA, intermediate_size=128, tie_word_embeddings=False),
                    dict(group_size=16, bits=4, mode="nvfp4")),
    "llama-modes": (dict(LLAMA, intermediate_size=128, tie_word_embeddings=False),
                    dict(group_size=64, bits=4, overrides=True, modes=True)),
    "qwen2": (QWEN2, None),
    "qwen2-untied-q4": (dict(QWEN2, intermediate_size=128, tie_word_embeddings=False),
                        dict(group_size=32, bits=4)),
    "qwen3-tied": (QWEN3, None),
    "qwen3-untied": (dict(QWEN3, tie_word_embeddings=False, num_key_value_heads=1), None),
    "qwen3-q4": (dict(QWEN3, intermediate_size=128, head_dim=32), dict(group_size=32, bits=4)),
    "qwen3-moe": (QWEN3_MOE, None),
    "qwen3-moe-step": (dict(QWEN3_MOE, mlp_only_layers=[], decoder_sparse_step=2,
                                        norm_topk_prob=False, num_experts_per_tok=3), None),
    "qwen3-moe-q4": (dict(QWEN3_MOE, intermediate_size=64), dict(group_size=32, bits=4)),
    "qwen3-moe-nvfp4": (dict(QWEN3_MOE, intermediate_size=64),
                        dict(group_size=16, bits=4, mode="nvfp4")),
    "gpt2": (GPT2, None),
    "gpt2-q5": (GPT2, dict(group_size=64, bits=5)),
}
BITS = {"q_proj": 2, "k_proj": 3, "v_proj": 6, "o_proj": 5, "gate_proj": 8, "down_proj": False}


MODES = {"q_proj": "mxfp4", "k_proj": "nvfp4", "gate_proj": "mxfp8", "down_proj": "nvfp4"}
DEFAULTS = {"mxfp4": (32, 4), "mxfp8": (32, 8), "nvfp4": (16, 4)}


def override(path, modes):
    last = path.split(".")[-1]
    if modes:
        mode = MODES.get(last)
        return dict(zip(("group_size", "bits"), DEFAULTS[mode]), mode=mode) if mode else last != "lm_head"
    if last not in BITS:
        return True
    return {"group_size": 32 if last == "k_proj" else 64, "bits": BITS[last]} if BITS[last] else False


def build(config, quantization):
    module = importlib.import_module("mlx_lm.models." + config["model_type"])
    model = module.Model(module.ModelArgs.from_dict(config))
    mx.random.seed(len(json.dumps(config)))
    scale = lambda p: mx.random.normal(p.shape) * (0.15 if p.ndim > 1 else 0.3) + (p if p.ndim == 1 else 0)
    model.update(tree_map(scale, model.parameters()))
    config = dict(config)
    if quantization:
        q = dict(group_size=quantization["group_size"], bits=quantization["bits"],
                 mode=quantization.get("mode", "affine"))

        def predicate(path, module):
            if not hasattr(module, "to_quantized"):
                return False
            choice = override(path, quantization.get("modes")) if quantization.get("overrides") else (
                getattr(model, "quant_predicate", lambda *_: True)(path, module)
                if q["mode"] == "affine" else not path.endswith("mlp.gate"))
            if isinstance(choice, dict):
                q[path] = choice
            elif not choice and q["mode"] != "affine":
                q[path] = False
            return choice

        nn.quantize(model, q["group_size"], q["bits"], mode=q["mode"], class_predicate=predicate)
        config["quantization"] = config["quantization_config"] = q
    return model, config


def main():
    root = os.path.join(os.path.dirname(__file__), "..", "golden", "models")
    for name, (config, quantization) in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        folder = os.path.join(root, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        model, config = build(config, quantization)
        tokens = (mx.arange(70) * 37 + 11) % config["vocab_size"]
        logits = model(tokens[None])[0]
        mx.save_safetensors(os.path.join(folder, "model.safetensors"),
                            dict(tree_flatten(model.parameters())), metadata={"format": "mlx"})
        mx.save_safetensors(os.path.join(folder, "expected.safetensors"),
                            {"tokens": tokens.astype(mx.int32), "logits": logits.astype(mx.float32)})
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(config, f, indent=4, sort_keys=True)
        print(name, logits.shape, float(mx.abs(logits).max()))


main()
