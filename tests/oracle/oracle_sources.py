"""One model as safetensors, PyTorch files and GGUF: converted, all are the same.

    python tests/oracle/oracle_sources.py BUILD

torch writes the PyTorch files, gguf-py the GGUF files, by the rules of llama.cpp's converter (rows of
q and k reordered, names of its tensor map). Of block types the reference is a checkpoint of the values
that gguf-py dequantizes, whose arithmetic is that of llama.cpp's C code."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.pop(0)  # scripts beside this one are called like packages
import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from gguf import quants
from safetensors import safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

H, INTER, LAYERS, HEADS, KV, VOCAB = 256, 512, 2, 4, 2, 320
TOKENS = "1,5,99,7,64,3,200,11"
# What this gguf-py can write, and block types that it only reads, from random bytes.
WRITTEN = [Q.F32, Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0]
READ = [Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.IQ4_NL, Q.IQ4_XS]


def tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(["the quick brown fox jumps over the lazy dog, again and again, "
                           "while seventy six trombones led the big parade "] * 4, trainer)
    return t


def weights():
    rng = np.random.default_rng(3)
    d = H // HEADS
    shapes = {"model.embed_tokens.weight": (VOCAB, H), "model.norm.weight": (H,),
              "lm_head.weight": (VOCAB, H)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        shapes |= {p + "self_attn.q_proj.weight": (H, H), p + "self_attn.k_proj.weight": (KV * d, H),
                   p + "self_attn.v_proj.weight": (KV * d, H), p + "self_attn.o_proj.weight": (H, H),
                   p + "mlp.gate_proj.weight": (INTER, H), p + "mlp.up_proj.weight": (INTER, H),
                   p + "mlp.down_proj.weight": (H, INTER), p + "input_layernorm.weight": (H,),
                   p + "post_attention_layernorm.weight": (H,)}
    return {n: (rng.standard_normal(s) * (0.08 if len(s) > 1 else 0.1) + (len(s) == 1)).astype(np.float32)
            for n, s in shapes.items()}


CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": H,
          "intermediate_size": INTER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
          "num_key_value_heads": KV, "rms_norm_eps": 1e-05, "vocab_size": VOCAB,
          "tie_word_embeddings": False, "rope_theta": 500000.0, "max_position_embeddings": 256,
          "bos_token_id": 0, "eos_token_id": 1}


def folder(path):
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    tokenizer().save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}))
    return path


def write_safetensors(path, w):
    save_file(w, str(folder(path) / "model.safetensors"))
    return path


def write_torch(path, w, **kwargs):
    torch.save({n: torch.from_numpy(a.copy()) for n, a in w.items()},
               folder(path) / "pytorch_model.bin", **kwargs)
    return path


def write_torch_shards(path, w):
    """Two files and an index; matrices as transposed views of what is stored."""
    folder(path)
    names, files = sorted(w), ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    for i, file in enumerate(files):
        torch.save({n: torch.from_numpy(np.ascontiguousarray(w[n].T)).t() for n in names[i::2]}, path / file)
    (path / "pytorch_model.bin.index.json").write_text(json.dumps({
        "metadata": {"total_size": sum(a.nbytes for a in w.values())},
        "weight_map": {n: files[i % 2] for i, n in enumerate(names)}}))
    return path


def permuted(a, heads):
    """convert_hf_to_gguf.py: LlamaModel.permute."""
    return a.reshape(heads, 2, a.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(a.shape)


def gguf_name(name):
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    return table.get_name(name, try_suffixes=(".weight", ".bias"))


def write_gguf(path, w, kind, rng):
    """Returns the weights that the file means, under Hugging Face's names."""
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_context_length(256)
    out.add_embedding_length(H)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INTER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(500000.0)
    out.add_vocab_size(VOCAB)
    t = json.loads(tokenizer().to_str())["model"]
    tokens = sorted(t["vocab"], key=t["vocab"].get)
    tokens += [f"<unused{i}>" for i in range(VOCAB - len(tokens))]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types([3 if i < 2 else 1 for i in range(VOCAB)])
    out.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in t["merges"]])
    out.add_bos_token_id(0)
    out.add_eos_token_id(1)
    meant = {}
    for name, a in w.items():
        heads = HEADS if "q_proj" in name else KV if "k_proj" in name else 0
        stored = permuted(a, heads) if heads else a
        used = kind if a.ndim > 1 else Q.F32
        if used in READ:
            block, size = gguf.GGML_QUANT_SIZES[used]
            data = random_blocks(used, stored.size // block, size, rng).reshape(a.shape[0], -1)
        else:
            data = quants.quantize(stored, used)
        value = quants.dequantize(data, used).reshape(a.shape).astype(np.float32)
        out.add_tensor(gguf_name(name), data, raw_dtype=used)
        meant[name] = unpermuted(value, heads) if heads else value
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return meant


def unpermuted(a, heads):
    return a.reshape(heads, a.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(a.shape)


def random_blocks(kind, n, size, rng):
    """Any bytes but for the f16 scales, which must be sane."""
    data = rng.integers(0, 256, (n, size), dtype=np.uint8)
    scale = rng.uniform(1e-3, 4e-3, (n, 2)).astype(np.float16).view(np.uint8).reshape(n, 4)
    place = {Q.Q2_K: (80, 84), Q.Q3_K: (108, 110), Q.Q4_K: (0, 4), Q.Q5_K: (0, 4), Q.Q6_K: (208, 210),
             Q.IQ4_NL: (0, 2), Q.IQ4_XS: (0, 2)}[kind]
    data[:, place[0]:place[1]] = scale[:, :place[1] - place[0]]
    return data


def cortex(*args):
    r = subprocess.run([CORTEX, *map(str, args)], capture_output=True, text=True)
    assert r.returncode == 0, f"cortex {' '.join(map(str, args))}: {r.stderr.strip()}"
    return r.stdout


def converted(source, out, *args):
    shutil.rmtree(out, ignore_errors=True)
    cortex("convert", source, "-o", out, *args)
    cortex("verify", out)
    with safe_open(str(out / "model.safetensors"), "pt") as f:
        return {n: f.get_tensor(n) for n in f.keys()}


def same(a, b):
    assert a.keys() == b.keys(), f"names differ: {sorted(a.keys() ^ b.keys())[:6]}"
    for n in a:
        assert a[n].dtype == b[n].dtype and a[n].shape == b[n].shape, f"{n}: {a[n].shape}, {b[n].shape}"
        assert torch.equal(a[n].view(torch.uint8), b[n].view(torch.uint8)), f"{n}: data differ"


def logits(folder, work):
    out = work / "logits.safetensors"
    cortex("logits", folder, "--tokens", TOKENS, "-o", out, "--exact")
    with safe_open(str(out), "np") as f:
        return f.get_tensor("logits")


def same_logits(a, b, work):
    x, y = logits(a, work), logits(b, work)
    assert x.tobytes() == y.tobytes(), f"logits differ by {np.abs(x - y).max()}"


def tokenize(folder, text="the quick trombones jumped, again: été 日本"):
    r = subprocess.run([CORTEX, "tokenize", str(folder), "--json"], input=text, capture_output=True,
                       text=True)
    assert r.returncode == 0, r.stderr
    return r.stdout


def cases(work):
    w = weights()
    reference = write_safetensors(work / "st", w)
    none = ("--dequantize", "--dtype", "f32")
    eight = ("--recipe", "quality", "--group-size", "64", "--dtype", "bf16")
    torches = {"zip": lambda p: write_torch(p, w),
               "stream": lambda p: write_torch(p, w, _use_new_zipfile_serialization=False),
               "protocol 4": lambda p: write_torch(p, w, pickle_protocol=4),
               "shards": lambda p: write_torch_shards(p, w)}
    for name, write in torches.items():
        def compare():
            source = write(work / f"torch {name}")
            for args in (none, eight):
                same(converted(source, work / "a", *args), converted(reference, work / "b", *args))
                same_logits(work / "a", work / "b", work)
        yield f"PyTorch {name}", compare
    rng = np.random.default_rng(5)
    for kind in WRITTEN + READ:
        def compare():
            file = work / f"{kind.name}.gguf"
            meant = write_safetensors(work / f"meant {kind.name}", write_gguf(file, w, kind, rng))
            for args in (none, eight):
                same(converted(file, work / "a", *args), converted(meant, work / "b", *args))
                same_logits(work / "a", work / "b", work)
            assert tokenize(work / "a") == tokenize(work / "b"), "the rebuilt tokenizer differs"
        yield f"GGUF {kind.name}", compare

    def kept(kind, bits):
        def compare():
            file = work / f"{kind.name}.gguf"
            meant = work / f"meant {kind.name}"
            shutil.rmtree(work / "a", ignore_errors=True)
            cortex("convert", file, "-o", work / "a", "--dtype", "f32")
            q = json.loads((work / "a" / "config.json").read_text())["quantization"]
            assert (q["bits"], q["group_size"], q["mode"]) == (bits, 32, "affine"), q
            converted(meant, work / "b", *none)
            same_values(work / "a", work / "b", work)
        return compare

    for kind, bits in ((Q.Q4_0, 4), (Q.Q4_1, 4), (Q.Q8_0, 8)):
        yield f"GGUF {kind.name}, codes kept", kept(kind, bits)


def same_values(packed, plain, work):
    """What is kept means the same values. 0 times a negative scale is -0 in GGUF and +0 in MLX."""
    a = converted(packed, work / "c", "--dequantize", "--dtype", "f32")
    b = converted(plain, work / "d", "--dequantize", "--dtype", "f32")
    assert a.keys() == b.keys()
    for n in a:
        assert torch.equal(a[n], b[n]), f"{n}: values differ"


def main():
    global CORTEX
    CORTEX = str(Path(sys.argv[1]).resolve() / "cortex")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, compare in cases(Path(tmp)):
            try:
                compare()
                passed += 1
            except Exception as e:  # every case is reported
                failed += 1
                print(f"FAIL sources {name}: {e}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
