"""Makes tests/golden/gguf: types.gguf, random blocks of each type, and types.safetensors, their
elements as gguf-py (gguf.quants.dequantize) decodes them. And the seeds of tests/fuzz/corpus/gguf,
small files of each architecture.

Usage: golden_gguf.py [TESTS]    with the Python of tools/oracle-venv
"""
import os
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

# Where F16 numbers lie in a block: they must be finite, or NaNs would be compared.
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82],
          T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0],
          T.IQ4_XS: [0], T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: [], T.NVFP4: []}


def main(folder):
    rng = np.random.default_rng(5)
    os.makedirs(folder, exist_ok=True)
    writer = gguf.GGUFWriter(os.path.join(folder, "types.gguf"), "llama")
    want = {}
    for t, halves in HALVES.items():
        block, size = gguf.GGML_QUANT_SIZES[t]
        count = 512 // block
        blocks = rng.integers(0, 256, (count, size), np.uint8)
        for at in halves:
            half = rng.standard_normal(count).astype(np.float16).view(np.uint8).reshape(count, 2)
            blocks[:, at:at + 2] = half
        if t == T.MXFP4:
            blocks[:, 0] = rng.integers(100, 140, count)
            blocks[:2, 0] = [0, 1]  # subnormal scales
        raw = blocks.reshape(2, -1)
        want[t.name] = gguf.quants.dequantize(raw, t)
        writer.add_tensor(t.name, raw, raw_dtype=t)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(want, os.path.join(folder, "types.safetensors"))


ARCHS = ("llama qwen2 qwen2moe qwen3 qwen3moe gemma gemma2 gemma3 phi3 starcoder2 stablelm command-r "
         "gpt2 mixtral falcon").split()
NAMES = ("token_embd output_norm output rope_freqs blk.0.attn_q blk.0.attn_k blk.0.attn_v "
         "blk.0.attn_output blk.0.attn_norm blk.0.ffn_norm blk.0.ffn_gate blk.0.ffn_gate_exps "
         "blk.0.attn_qkv blk.0.ffn_gate_inp_shexp rope_factors_long rope_factors_short").split()
KINDS = [T.F32, T.F16, T.BF16, T.F64, T.I8] + list(HALVES)


def seed(path, arch, turn, rng):
    """A file with the metadata that arch needs and a few tiny tensors of changing types."""
    writer = gguf.GGUFWriter(path, arch if arch != "mixtral" else "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(16)
    writer.add_context_length(64)
    writer.add_head_count(32)
    writer.add_head_count_kv(32)
    writer.add_layer_norm_eps(1e-5)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN if turn % 2 else
                                 gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(2)
    writer.add_rope_scaling_orig_ctx_len(32)
    writer.add_token_list(["a", "bc", "", "<s>"])
    writer.add_token_scores([0.0, -1.0, 2.0, 3.0])
    writer.add_token_types([1, 2, 3, 6])
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)
    if arch in ("mixtral", "qwen2moe", "qwen3moe"):
        writer.add_expert_count(2)
        writer.add_expert_used_count(1)
    for i, name in enumerate(NAMES):
        if i % 4 != turn % 4 and name != "token_embd":
            continue
        t = KINDS[(i + turn) % len(KINDS)] if not name.startswith("rope") else T.F32
        block, size = gguf.GGML_QUANT_SIZES[t]
        cols = 4 if name.startswith("rope") else 256
        rows = () if name.startswith("rope") else (2,)
        raw = rng.integers(0, 128, (*rows, cols // block * size), np.uint8)
        writer.add_tensor(name + ".weight", raw, raw_dtype=t)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def seeds(folder):
    rng = np.random.default_rng(6)
    os.makedirs(folder, exist_ok=True)
    for turn, arch in enumerate(ARCHS):
        seed(os.path.join(folder, arch + ".gguf"), arch, turn, rng)


if __name__ == "__main__":
    tests = sys.argv[1] if len(sys.argv) > 1 else "tests"
    main(os.path.join(tests, "golden/gguf"))
    seeds(os.path.join(tests, "fuzz/corpus/gguf"))
