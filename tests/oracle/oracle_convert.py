"""Converts tiny random checkpoints with mlx_lm.convert and with cortex: every tensor, config.json and
the index must be equal, each must run what the other wrote, with equal logits.

    python tests/oracle/oracle_convert.py BUILD [PART]

PART: only cases whose name contains it. Dimensions are chosen so that some matrices divide into the
groups and some do not. MLX runs on a CPU here, so cortex is told to round by the CPU rule."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.pop(0)  # scripts beside this one are called like packages
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import mlx.core as mx
import numpy as np
from mlx_lm import convert as mlx_convert
from mlx_lm.utils import dequantize_model, load_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

mx.set_default_device(mx.cpu)
RECIPES = {"none": None, "speed": 4, "balanced": 5, "quality": 8}
MODES = ("mxfp4", "mxfp8", "nvfp4")
MIXED = ("mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6")
DTYPES = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}
LONG = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
TOKENS = [1, 5, 99, 7, 64, 3, 200, 11]


def write_tokenizer(folder):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(["the quick brown fox jumps over the lazy dog " * 4], trainer)
    t.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}))


def llama(tied, bias, layers=2, **more):
    h, inter, vocab, kv = 128, 320, 301, 64  # 320 is no multiple of 128
    shapes = {"model.embed_tokens.weight": (vocab, h), "model.norm.weight": (h,)}
    if not tied:
        shapes["lm_head.weight"] = (vocab, h)
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + "self_attn.q_proj.weight": (h, h), p + "self_attn.k_proj.weight": (kv, h),
                   p + "self_attn.v_proj.weight": (kv, h), p + "self_attn.o_proj.weight": (h, h),
                   p + "mlp.gate_proj.weight": (inter, h), p + "mlp.up_proj.weight": (inter, h),
                   p + "mlp.down_proj.weight": (h, inter), p + "input_layernorm.weight": (h,),
                   p + "post_attention_layernorm.weight": (h,),
                   p + "self_attn.rotary_emb.inv_freq": (16,)}
        if bias:
            shapes |= {p + f"self_attn.{x}_proj.bias": (n,) for x, n in
                       (("q", h), ("k", kv), ("v", kv), ("o", h))}
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": h,
              "intermediate_size": inter, "num_hidden_layers": layers, "num_attention_heads": 4,
              "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "vocab_size": vocab,
              "tie_word_embeddings": tied, "attention_bias": bias, "rope_theta": 10000.0,
              "max_position_embeddings": 256, "eos_token_id": 1, "_name_or_path": "x/y", **more}
    return shapes, config


def gpt2(h=128, vocab=301, layers=2):
    ctx = 96
    shapes = {"wte.weight": (vocab, h), "wpe.weight": (ctx, h), "ln_f.weight": (h,), "ln_f.bias": (h,)}
    for i in range(layers):
        p = f"h.{i}."
        shapes |= {p + "attn.bias": (1, 1, ctx, ctx), p + "attn.c_attn.weight": (h, 3 * h),
                   p + "attn.c_attn.bias": (3 * h,), p + "attn.c_proj.weight": (h, h),
                   p + "attn.c_proj.bias": (h,), p + "mlp.c_fc.weight": (h, 4 * h),
                   p + "mlp.c_fc.bias": (4 * h,), p + "mlp.c_proj.weight": (4 * h, h),
                   p + "mlp.c_proj.bias": (h,)}
        shapes |= {p + f"ln_{k}.{w}": (h,) for k in (1, 2) for w in ("weight", "bias")}
    return shapes, {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_ctx": ctx,
                    "n_embd": h, "n_head": 4, "n_layer": layers, "n_positions": ctx,
                    "layer_norm_epsilon": 1e-05, "vocab_size": vocab, "eos_token_id": 1,
                    "activation_function": "gelu_new"}


def qwen2(tied):
    shapes, config = llama(tied, True, model_type="qwen2", sliding_window=32, use_sliding_window=False)
    return {n: s for n, s in shapes.items() if not n.endswith("o_proj.bias")}, config


def qwen3(tied, experts=0, head=24):
    shapes, config = llama(tied, False, model_type="qwen3", head_dim=head)
    shapes = {n: s for n, s in shapes.items() if "inv_freq" not in n}
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        shapes |= {p + "self_attn.q_proj.weight": (4 * head, 128), p + "self_attn.o_proj.weight": (128, 4 * head),
                   p + "self_attn.q_norm.weight": (head,), p + "self_attn.k_norm.weight": (head,)}
        shapes |= {p + f"self_attn.{x}_proj.weight": (2 * head, 128) for x in "kv"}
        if experts and i:  # the MLP of the first layer is dense
            shapes = {n: s for n, s in shapes.items() if not n.startswith(p + "mlp.")}
            shapes[p + "mlp.gate.weight"] = (experts, 128)
            for e in range(experts):
                shapes |= {p + f"mlp.experts.{e}.{x}_proj.weight": s for x, s in
                           (("gate", (64, 128)), ("up", (64, 128)), ("down", (128, 64)))}
    if experts:
        config |= {"model_type": "qwen3_moe", "num_experts": experts, "num_experts_per_tok": 2,
                   "decoder_sparse_step": 1, "mlp_only_layers": [0], "moe_intermediate_size": 64,
                   "norm_topk_prob": True}
    return shapes, config


# name: shapes and config, dtype of the checkpoint, torch_dtype in the config, shards
CHECKPOINTS = {
    "llama-tied-f32": (llama(True, False), "f32", "float32", 1),
    "llama-head-bias-bf16": (llama(False, True), "bf16", "bfloat16", 3),
    "llama-f32-said-bf16": (llama(True, False, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}), "f32", "bfloat16", 1),
    "llama-f16-unsaid": (llama(True, False), "f16", None, 2),
    "llama-deep-bf16": (llama(False, False, layers=17), "bf16", "bfloat16", 1),
    "gpt2-f32": (gpt2(), "f32", None, 1),
    "gpt2-bf16": (gpt2(), "bf16", "bfloat16", 2),
    "qwen2-bf16": (qwen2(True), "bf16", "bfloat16", 1),
    "qwen3-bf16": (qwen3(False), "bf16", "bfloat16", 2),
    "qwen3-moe-bf16": (qwen3(False, experts=8, head=32), "bf16", "bfloat16", 2),
    # Matrices of several pieces, the last one shorter, transposed and not.
    "gpt2-wide-f32": (gpt2(576, 1100, 1), "f32", "bfloat16", 1),
}


def write_checkpoint(folder, spec, seed):
    (shapes, config), dtype, said, shards = spec
    rng = np.random.default_rng(seed)
    folder.mkdir()
    config = dict(config)
    if said:
        config["torch_dtype"] = said
    tensors = {}
    for name, shape in shapes.items():
        scale = 0.1 if len(shape) == 2 else 1.0
        w = rng.standard_normal(shape).astype(np.float32) * scale
        if "norm" in name or "ln_" in name:
            w = 1 + 0.1 * w
        if len(shape) == 2:  # groups that are constant, zero, all negative, all positive
            w[0, :32], w[1, :64], w[2] = 0.25, 0, -np.abs(w[2]) - 0.5
            w[3] = np.abs(w[3]) + 0.5
        tensors[name] = mx.array(w).astype(DTYPES[dtype])
    names = sorted(tensors)
    for s in range(shards):
        name = "model.safetensors" if shards == 1 else f"model-{s + 1:05}-of-{shards:05}.safetensors"
        mx.save_safetensors(str(folder / name), {n: tensors[n] for n in names[s::shards]},
                            metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text('{"eos_token_id": [1, 2], "temperature": 0.6}')
    write_tokenizer(folder)


def load(folder):
    tensors = {}
    for f in sorted(folder.glob("model*.safetensors")):
        tensors |= mx.load(str(f))
    return tensors


def raw(a):
    if a.dtype == mx.bfloat16:
        a = a.view(mx.uint16)
    return np.array(a).tobytes()


def compare_folders(ours, theirs, mixed=False):
    a, b = load(ours), load(theirs)
    assert a.keys() == b.keys(), f"names differ: {sorted(a.keys() ^ b.keys())[:6]}"
    for n in a:
        assert a[n].shape == b[n].shape and a[n].dtype == b[n].dtype, \
            f"{n}: {a[n].shape} {a[n].dtype}, MLX {b[n].shape} {b[n].dtype}"
        assert raw(a[n]) == raw(b[n]), f"{n}: data differ"
    files = ["model.safetensors.index.json", "generation_config.json"]
    if mixed:  # mlx-lm names each module, with a group of null; Cortex those that differ, with a mode
        assert packings(ours, a) == packings(theirs, b), "quantization in config.json differs"
    else:
        files.append("config.json")
    for f in files:
        assert (ours / f).read_bytes() == (theirs / f).read_bytes(), f"{f} differs"


def packings(folder, tensors):
    """module: (mode, bits, group) as a reader of config.json understands it."""
    q = json.loads((folder / "config.json").read_text())["quantization"]
    result = {}
    for name in tensors:
        if name.endswith(".scales"):
            own = q.get(name[:-7], q)
            result[name[:-7]] = own.get("mode", "affine"), own["bits"], own.get("group_size") or 64
    return result


def cortex(*args):
    r = subprocess.run([CORTEX, *map(str, args)], capture_output=True, text=True)
    assert r.returncode == 0, f"cortex {' '.join(map(str, args))}: {r.stderr.strip()}"
    return r.stdout


def logits_of_mlx(folder):
    """In f32 whatever the folder's type: the weights are what is compared, not MLX's rounding. The fp
    modes would give BF16 rows of embeddings, and GPT-2 adds two of these."""
    model, config = load_model(folder)
    model.set_dtype(mx.float32)  # before: a router is affine in any mode, its scales may be BF16
    if config.get("quantization", {}).get("mode", "affine") != "affine":
        model = dequantize_model(model)
        model.set_dtype(mx.float32)
    return np.array(model(mx.array([TOKENS]))[0].astype(mx.float32))


def logits_of_cortex(folder, work):
    out = work / "logits.safetensors"
    cortex("logits", folder, "--tokens", ",".join(map(str, TOKENS)), "-o", out, "--exact")
    got = np.array(mx.load(str(out))["logits"])
    out.unlink()
    return got


def compare_logits(folder, work):
    want, got = logits_of_mlx(folder), logits_of_cortex(folder, work)
    assert got.shape == want.shape, f"logits {got.shape}, MLX {want.shape}"
    error = np.abs(got - want).max() / np.abs(want).max()
    assert error <= 1e-4, f"logits differ by {error:.2e} relative"
    return error


def convert_both(source, work, recipe, dtype, group):
    bits, mixed, mode = RECIPES.get(recipe), recipe in MIXED, recipe in MODES
    theirs, ours = work / "theirs", work / "ours"
    for d in (theirs, ours):
        shutil.rmtree(d, ignore_errors=True)
    out = os.dup(1)
    with open(os.devnull, "w") as null:  # mlx_lm prints
        os.dup2(null.fileno(), 1)
        try:
            mlx_convert(str(source), str(theirs), quantize=mixed or mode or bits is not None, q_bits=bits,
                        q_mode=recipe if mode else "affine",
                        q_group_size=group, dtype=dtype and LONG[dtype],
                        quant_predicate=recipe if mixed else None)
        finally:
            sys.stdout.flush()
            os.dup2(out, 1)
            os.close(out)
    args = ["convert", source, "-o", ours, "--mode" if mode else "--recipe", recipe, "--mlx-rule", "cpu"]
    args += ["--dtype", dtype] if dtype else []
    args += ["--group-size", group] if group else []
    cortex(*args)
    return ours, theirs


def cases():
    for name in CHECKPOINTS:
        for recipe in RECIPES:
            yield name, recipe, None, None
    for name in ("llama-head-bias-bf16", "gpt2-f32"):
        for dtype in DTYPES:
            for recipe, group in (("speed", 32), ("balanced", 128), ("quality", 64), ("none", None)):
                yield name, recipe, dtype, group


    for mode in MODES:
        for name in CHECKPOINTS:
            yield name, mode, None, None
        for dtype in DTYPES:
            yield "llama-head-bias-bf16", mode, dtype, None
    for recipe in MIXED:
        yield "llama-deep-bf16", recipe, None, None
        yield "llama-deep-bf16", recipe, "f32", 32
        yield "llama-head-bias-bf16", recipe, "f16", 64


def run_case(work, name, recipe, dtype, group):
    ours, theirs = convert_both(work / name, work, recipe, dtype, group)
    compare_folders(ours, theirs, recipe in MIXED or recipe != "none" and "moe" in name)
    cortex("verify", ours)
    cortex("verify", theirs)
    worst = 0.0
    if dtype is None:  # each opens what the other wrote; the tensors are the same
        worst = max(compare_logits(ours, work), compare_logits(theirs, work))
    if recipe == "none" and dtype is None and "moe" not in name:  # whose experts only conversion stacks
        worst = max(worst, compare_logits(work / name, work))
    return worst


def main():
    global CORTEX
    CORTEX = str(Path(sys.argv[1]).resolve() / "cortex")
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    passed = failed = 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as tmp:
        work = Path(tmp)
        for seed, (name, spec) in enumerate(CHECKPOINTS.items()):
            write_checkpoint(work / name, spec, seed)
        for case in cases():
            label = " ".join(str(x) for x in case if x)
            if part not in label:
                continue
            try:
                worst = max(worst, run_case(work, *case))
                passed += 1
            except Exception as e:  # every case is reported
                failed += 1
                print(f"FAIL convert {label}: {e}")
    print(f"largest difference of logits: {worst:.2e} relative")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
