"""Tiny random checkpoints of transformers, and their GGUF files by the rules of llama.cpp's
convert_hf_to_gguf.py: names from gguf-py's own table, metadata, permuted rows, shifted norms."""
import math
import os
import tempfile

import gguf
import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

EXPERTS = 4
HEADS, KV_HEADS, DIM, LAYERS = 4, 2, 64, 2
# model_type: architecture in GGUF, configuration beyond the common one, metadata beyond it
ROPE_LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
MODELS = {
    "llama": ("llama", dict(head_dim=32, rope_theta=500000.0), {}),
    "llama-3.1": ("llama", dict(head_dim=32, rope_theta=500000.0, rope_scaling=ROPE_LLAMA3), {}),
    "llama-biases": ("llama", dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True), {}),
    "mixtral": ("llama", dict(num_local_experts=EXPERTS, num_experts_per_tok=2), {}),
    "qwen2": ("qwen2", dict(rope_theta=1e6), {}),
    "qwen2_moe": ("qwen2moe", dict(num_experts=EXPERTS, num_experts_per_tok=2,
                                   moe_intermediate_size=96,
                                   shared_expert_intermediate_size=160), {}),
    "qwen3": ("qwen3", dict(head_dim=32), {}),
    "qwen3_moe": ("qwen3moe", dict(head_dim=32, num_experts=EXPERTS, num_experts_per_tok=2,
                                   moe_intermediate_size=96, norm_topk_prob=True), {}),
    "gemma": ("gemma", dict(head_dim=32, tie_word_embeddings=True), {}),
    "gemma2": ("gemma2", dict(head_dim=32, tie_word_embeddings=True, sliding_window=512,
                              attn_logit_softcapping=50.0, final_logit_softcapping=30.0,
                              query_pre_attn_scalar=32), {}),
    "gemma3_text": ("gemma3", dict(head_dim=32, tie_word_embeddings=True, sliding_window=512,
                                   query_pre_attn_scalar=32, rope_theta=1e6), {}),
    "phi3": ("phi3", dict(pad_token_id=0), {}),
    "starcoder2": ("starcoder2", dict(tie_word_embeddings=True, use_bias=True), {}),
    "stablelm": ("stablelm", dict(partial_rotary_factor=0.25, use_qkv_bias=True), {}),
    "cohere": ("command-r", dict(logit_scale=0.25, tie_word_embeddings=True, use_qk_norm=True,
                                 pad_token_id=0), {}),
    "gpt2": ("gpt2", {}, {}),
}
EPS = {"starcoder2": "norm_epsilon", "stablelm": "layer_norm_eps", "cohere": "layer_norm_eps",
       "gpt2": "layer_norm_epsilon"}


def configuration(name):
    """What config.json has to say, by the names of transformers before version 5."""
    kind = name.split("-")[0]
    if kind == "gpt2":
        c = dict(n_embd=DIM, n_layer=LAYERS, n_head=HEADS, n_positions=128)
    else:
        c = dict(hidden_size=DIM, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                 num_key_value_heads=KV_HEADS, intermediate_size=128, max_position_embeddings=256,
                 rope_theta=10000.0, tie_word_embeddings=False)
    c.update(vocab_size=100, bos_token_id=1, eos_token_id=2)
    c[EPS.get(kind, "rms_norm_eps")] = 1e-5
    c.update(MODELS[name][1])
    return kind, c


def checkpoint(kind, config):
    """The tensors that save_pretrained writes."""
    torch.manual_seed(3)
    options = dict(config)
    scaling = options.pop("rope_scaling", None) or {"rope_type": "default"}
    theta = options.pop("rope_theta", None)
    if theta and kind != "gemma3_text":
        options["rope_parameters"] = dict(scaling, rope_theta=theta)
        if "partial_rotary_factor" in options:
            factor = options.pop("partial_rotary_factor")
            options["rope_parameters"]["partial_rotary_factor"] = factor
    model = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(kind, **options))
    for p in model.parameters():  # norms too
        torch.nn.init.normal_(p)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(os.path.join(folder, "model.safetensors"))


def permute(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def convert(arch, name, w):
    """What modify_tensors of the converter does to one tensor."""
    if arch == "llama" and ".q_proj." in name:
        return permute(w, HEADS)
    if arch == "llama" and ".k_proj." in name:
        return permute(w, KV_HEADS)
    if arch.startswith("gemma") and name.endswith("norm.weight"):
        return w + 1
    conv = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")
    if arch == "gpt2" and name.endswith(conv):
        return w.T
    return np.squeeze(w) if "shared_expert_gate" in name else w


def stack_experts(tensors):
    """Experts of a layer become one tensor, under the name that gguf-py's table has for it."""
    out, groups = {}, {}
    for name, w in tensors.items():
        parts = name.split(".experts.")
        if len(parts) == 1:
            out[name] = w
            continue
        number, rest = parts[1].split(".", 1)
        rest = rest.removesuffix(".weight")
        groups.setdefault((parts[0], rest), {})[int(number)] = w
    for (stem, rest), each in groups.items():
        out[f"{stem.replace('block_sparse_moe', 'mlp')}.experts.{rest}.weight"] = np.stack(
            [each[e] for e in range(EXPERTS)])
    old = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
    for name in [n for n in out if ".experts.w" in n]:
        stem, last = name.removesuffix(".weight").rsplit(".", 1)
        out[f"{stem}.{old[last]}.weight"] = out.pop(name)
    return out


def llama3_factors(config):
    s = config["rope_scaling"]
    dims = config["head_dim"]
    freqs = 1.0 / (config["rope_theta"] ** (torch.arange(0, dims, 2, dtype=torch.float32) / dims))
    out = []
    for freq in freqs:
        wave = 2 * math.pi / freq
        if wave < 8192 / s["high_freq_factor"]:
            out.append(1)
        elif wave > 8192 / s["low_freq_factor"]:
            out.append(s["factor"])
        else:
            smooth = (8192 / wave - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])
            out.append(1 / ((1 - smooth) / s["factor"] + smooth))
    return np.array(out, np.float32)


def metadata(writer, kind, c):
    writer.add_context_length(c.get("max_position_embeddings", 128))
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(c.get("intermediate_size", 4 * DIM))
    writer.add_head_count(HEADS)
    if kind != "gpt2":
        writer.add_head_count_kv(KV_HEADS)
        writer.add_rope_freq_base(c["rope_theta"])
    if kind in EPS:
        writer.add_layer_norm_eps(1e-5)
    else:
        writer.add_layer_norm_rms_eps(1e-5)
    if "head_dim" in c:
        writer.add_key_length(c["head_dim"])
        writer.add_value_length(c["head_dim"])
    if kind in ("llama", "mixtral"):
        writer.add_rope_dimension_count(c.get("head_dim", DIM // HEADS))
    for key, add in (("num_local_experts", writer.add_expert_count),
                     ("num_experts", writer.add_expert_count),
                     ("num_experts_per_tok", writer.add_expert_used_count),
                     ("moe_intermediate_size", writer.add_expert_feed_forward_length),
                     ("shared_expert_intermediate_size",
                      writer.add_expert_shared_feed_forward_length),
                     ("sliding_window", writer.add_sliding_window),
                     ("attn_logit_softcapping", writer.add_attn_logit_softcapping),
                     ("final_logit_softcapping", writer.add_final_logit_softcapping),
                     ("logit_scale", writer.add_logit_scale)):
        if key in c:
            add(c[key])
    if "partial_rotary_factor" in c:
        writer.add_rope_dimension_count(int(c["partial_rotary_factor"] * DIM // HEADS))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def write(name, path):
    """Writes the GGUF file. Returns what its config has to say and the checkpoint's tensors."""
    kind, config = configuration(name)
    arch = MODELS[name][0]
    tensors = checkpoint(kind, config)
    number = {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[arch]
    table = gguf.get_tensor_name_map(number, LAYERS)
    writer = gguf.GGUFWriter(path, arch)
    metadata(writer, kind, config)
    converted = {n: convert(arch, n, w) for n, w in tensors.items()}
    for hf, w in stack_experts(converted).items():
        to = table.get_name(hf, try_suffixes=(".weight", ".bias"))
        assert to, f"{name}: {hf}"
        writer.add_tensor(to, np.ascontiguousarray(w, np.float32))
    if "rope_scaling" in config:
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    config.pop("pad_token_id", None)
    return dict(config, model_type=kind, torch_dtype="float32"), tensors
