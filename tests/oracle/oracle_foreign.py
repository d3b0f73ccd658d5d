"""Converts checkpoints that other tools quantized, and compares each value, bit for bit, with what
the tool's own definition gives; and the codes that stay packed with mlx-lm's loader.

    python tests/oracle/oracle_foreign.py BUILD [SEED]

Where a package that writes the format installs (compressed-tensors, transformers, mlx), it packs and
unpacks; else the packers here follow the definition, which each names."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import mlx.core as mx
import numpy as np
import torch
from safetensors.torch import load_file, save_file

E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
AWQ = [0, 2, 4, 6, 1, 3, 5, 7]  # column of each nibble, lowest first
BF16, F16, F32, I32, U8 = torch.bfloat16, torch.float16, torch.float32, torch.int32, torch.uint8
F8, F8_5 = torch.float8_e4m3fn, torch.float8_e5m2


class Rng:
    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def ints(self, low, high, shape, dtype=torch.int64):
        return torch.randint(low, high, shape, generator=self.g).to(dtype)

    def normal(self, shape, dtype, scale=0.02):
        return (torch.randn(shape, generator=self.g) * scale).to(dtype)

    def f8(self, shape, dtype=F8):
        bad = {F8: (127, 255), F8_5: (124, 125, 126, 127, 252, 253, 254, 255)}[dtype]
        codes = self.ints(0, 256, shape, U8)
        for code in bad:
            codes[codes == code] = 1
        return codes.view(dtype)

    def order(self, n):
        return torch.randperm(n, generator=self.g)


def words(stream):
    """Bits [..., n * 32], lowest first, as I32 [..., n]."""
    packed = np.packbits(stream.astype(np.uint8), axis=-1, bitorder="little")
    return torch.from_numpy(np.ascontiguousarray(packed).view("<i4").copy())


def pack_rows(codes, bits):
    """Codes [rows, n] as streams of bits along n, filled with zeros to whole words."""
    c = codes.numpy().astype(np.uint8)
    stream = (c[..., None] >> np.arange(bits)) & 1
    stream = stream.reshape(c.shape[0], -1)
    fill = -stream.shape[1] % 32
    return words(np.pad(stream, ((0, 0), (0, fill))))


def nibbles(codes):
    """Codes [..., n] of 4 bits, two a byte, low first."""
    return (codes[..., ::2] | codes[..., 1::2] << 4).to(U8)


def repeat(t, step, dim, n):
    return t.repeat_interleave(step, dim).narrow(dim, 0, n)


# What GPTQModel takes from each word of zeros: utils/model.py, convert_gptq_v2_to_v1_format.
V1 = {2: [0x55555555], 3: [0x24924924, 0x92492492, 0x49249249], 4: [0x11111111], 8: [0x01010101]}


# ---- GPTQ: AutoGPTQ's pack(), GPTQModel's TorchQuantLinear.dequantize_weight() ----
def gptq_value(codes, zeros, scales, groups):
    """codes [in, out]; scales * (code - zero) in the type of the scales, as GPTQModel does."""
    z = zeros[groups].to(scales.dtype)
    return (scales[groups] * (codes.to(scales.dtype) - z)).T


def gptq(r, bits, group, version="gptq", act_order=False, dtype=F16, out=64, inn=256, sym=False,
         model=False):
    step = inn if group < 0 else group
    count = -(-inn // step)
    codes = r.ints(0, 1 << bits, (inn, out))
    zeros = torch.full((count, out), 1 << bits - 1)
    if not sym:
        zeros = r.ints(0 if version == "gptq_v2" or model else 1, 1 << bits, (count, out))
    scales = r.normal((count, out), dtype).abs() + 0.001
    groups = torch.arange(inn) // step
    if act_order:
        groups = groups[r.order(inn)]
    stored = pack_rows(zeros if version == "gptq_v2" or model else zeros - 1, bits)
    if model and version == "gptq":
        stored = (stored.long() - torch.tensor(V1[bits]).repeat(stored.shape[1])[: stored.shape[1]])
        stored = (stored & 0xFFFFFFFF).numpy().astype("<u4").view("<i4")
        stored = torch.from_numpy(stored)
    tensors = {
        "l.qweight": pack_rows(codes.T, bits).T.contiguous(),
        "l.qzeros": stored,
        "l.scales": scales.to(dtype),
        "l.g_idx": groups.to(I32),
        "l.bias": r.normal((out,), dtype),
    }
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "sym": sym,
              "desc_act": act_order, "checkpoint_format": version}
    if model:
        config["meta"] = {"quantizer": ["gptqmodel:5.0.0"]}
    return tensors, config, {"l.weight": gptq_value(codes, zeros, scales.to(dtype), groups)}


# ---- AWQ: AutoAWQ's WQLinear_GEMM and dequantize_gemm ----
def awq_pack(codes):
    c = codes.reshape(codes.shape[0], -1, 8)[..., AWQ]
    return pack_rows(c.reshape(codes.shape), 4)


def awq(r, group, dtype=F16, zero_point=True, out=64, inn=256):
    count = inn // group
    codes = r.ints(0, 16, (inn, out))
    zeros = r.ints(0, 16, (count, out)) if zero_point else torch.full((count, out), 8)
    scales = (r.normal((count, out), dtype).abs() + 0.001).to(dtype)
    tensors = {"l.qweight": awq_pack(codes), "l.scales": scales}
    if zero_point:
        tensors["l.qzeros"] = awq_pack(zeros)
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm"}
    s, z = repeat(scales, group, 0, inn), repeat(zeros, group, 0, inn)
    return tensors, config, {"l.weight": ((codes - z).to(dtype) * s).T}


# ---- FP8: DeepSeek-V3's weight_dequant ----
def fp8_blocks(r, shape, block=(128, 128), dtype=F8, scale=F32, ue8m0=False):
    w = r.f8(shape, dtype)
    sizes = [-(-n // b) for n, b in zip(shape[-2:], block)]
    s = r.normal((*shape[:-2], *sizes), F32, 1).abs() + 0.01
    if ue8m0:
        s = torch.exp2(r.ints(-12, 4, s.shape).float())
    s = s.to(scale)
    wide = repeat(repeat(s.float(), block[0], -2, shape[-2]), block[1], -1, shape[-1])
    value = (w.float() * wide).to(BF16)
    name = "l.weight" if len(shape) == 2 else "l.experts.gate_up_proj"
    config = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": list(block),
              "activation_scheme": "dynamic"}
    return {name: w, name + "_scale_inv": s, "n.weight": r.normal((8, 8), BF16)}, config, {name: value}


def fp8_scales(r, method, name, scale_shape, dtype=F32, shape=(24, 72), **config):
    w, s = r.f8(shape), (r.normal(scale_shape, F32, 1).abs() + 0.01).to(dtype)
    value = (w.float() * s.float()).to(BF16)
    tensors = {"l.weight": w, "l." + name: s, "l.activation_scale": torch.ones(()),
               "l.input_scale": torch.ones(1), "l.k_scale": torch.ones(())}
    return tensors, {"quant_method": method, **config}, {"l.weight": value}


# ---- MXFP4 of gpt-oss: transformers' convert_moe_packed_tensors ----
def mxfp4(r, experts=3, out=16):
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    blocks = r.ints(0, 256, (experts, out, 2, 16), U8)
    scales = r.ints(100, 140, (experts, out, 2), U8)
    value = convert_moe_packed_tensors(blocks, scales, dtype=BF16).transpose(1, 2)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    tensors = {name + "_blocks": blocks, name + "_scales": scales, name + "_bias": r.normal((experts, out), BF16)}
    return tensors, {"quant_method": "mxfp4", "modules_to_not_convert": []}, {name + ".weight": value}


# ---- ModelOpt: NVFP4QTensor.dequantize ----
def nvfp4(r, out=32, inn=64):
    codes, s = r.ints(0, 16, (out, inn)), r.f8((out, inn // 16))
    s2 = torch.tensor(0.0003712)
    value = (E2M1[codes] * repeat(s.float() * s2, 16, 1, inn)).to(BF16)
    tensors = {"l.weight": nibbles(codes), "l.weight_scale": s, "l.weight_scale_2": s2,
               "l.input_scale": torch.tensor(0.5)}
    config = {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16}
    return tensors, config, {"l.weight": value}


# ---- compressed-tensors packs and unpacks itself ----
def compressed(r, fmt, shape=(64, 256), dtype=BF16, **weights):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    args = QuantizationArgs(**weights)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    strategy, group = args.strategy, args.group_size
    sizes = {"tensor": (1,), "channel": (shape[0], 1)}.get(str(strategy).split(".")[-1].lower())
    if sizes is None and args.block_structure:
        sizes = tuple(-(-n // b) for n, b in zip(shape, args.block_structure))
    elif sizes is None:
        sizes = (shape[0], shape[1] // group)
    state = {"weight": r.normal(shape, dtype, 1)}
    scale = r.normal(sizes, F32, 0.1).abs() + 0.05
    if fmt.startswith("mx"):
        scale = torch.exp2(torch.floor(torch.log2(scale)))
    state["weight_scale"] = scale.to(dtype)
    if fmt.startswith("nvfp4"):
        state["weight_scale"], state["weight_global_scale"] = scale * 100, torch.tensor([317.0])
    if not args.symmetric:
        half = 1 << args.num_bits - 1
        state["weight_zero_point"] = r.ints(-half, half, sizes, torch.int8)
    codec = BaseCompressor.get_value_from_registry(fmt)
    packed = codec.compress(dict(state), scheme)
    value = codec.decompress(dict(packed), scheme)["weight"]
    if "float" in str(args.type).lower():
        value = value.to(BF16)
    tensors = {"l." + k: v for k, v in packed.items()}
    tensors["l.input_global_scale"] = torch.ones(1)
    entry = {k: v for k, v in weights.items()}
    config = {"quant_method": "compressed-tensors", "format": fmt,
              "config_groups": {"group_0": {"targets": ["Linear"], "weights": entry}}}
    return tensors, config, {"l.weight": value}


# ---- MLX itself ----
def to_torch(a):
    view = {mx.bfloat16: (mx.uint16, BF16), mx.uint32: (mx.uint32, torch.uint32)}
    raw, dtype = view.get(a.dtype, (a.dtype, None))
    t = torch.from_numpy(np.array(a.view(raw)))
    return t.view(dtype) if dtype else t


def mlx(r, mode, bits, group, dtype=mx.bfloat16, shape=(16, 256), global_scale=False, config=None):
    w = mx.array(r.normal(shape, F32).numpy()).astype(dtype)
    more = {"global_scale": mx.max(mx.abs(w)).astype(mx.float32)} if global_scale else {}
    parts = mx.quantize(w, group_size=group, bits=bits, mode=mode, **more)
    value = mx.dequantize(*parts, group_size=group, bits=bits, mode=mode, **more)
    names = ("weight", "scales", "biases")
    tensors = {"l." + n: to_torch(p) for n, p in zip(names, parts)}
    if more:
        tensors["l.global_scale"] = to_torch(more["global_scale"])
    if mode != "affine":
        value = value.astype(mx.bfloat16)
    entry = config or {"group_size": group, "bits": bits, "mode": mode}
    return tensors, {"": entry}, {"l.weight": to_torch(value)}


def cases(r):
    for bits in (2, 3, 4, 8):
        for version in ("gptq", "gptq_v2"):
            yield f"gptq {bits} bits {version}", gptq(r, bits, 64, version)
        yield f"gptq {bits} bits act-order", gptq(r, bits, 32, act_order=True)
        yield f"gptq {bits} bits of GPTQModel", gptq(r, bits, 64, model=True)
        yield f"gptq {bits} bits one group", gptq(r, bits, -1, sym=True, dtype=BF16)
    yield "gptq last group short", gptq(r, 4, 96)
    for group in (32, 64, 128):
        yield f"awq {group}", awq(r, group)
    yield "awq bf16", awq(r, 64, BF16)
    yield "awq symmetric", awq(r, 64, zero_point=False)
    yield "fp8 blocks", fp8_blocks(r, (256, 384))
    yield "fp8 odd blocks", fp8_blocks(r, (130, 131))
    yield "fp8 e5m2", fp8_blocks(r, (33, 65), (16, 32), F8_5)
    yield "fp8 bf16 scales", fp8_blocks(r, (100, 200), (64, 64), F8, BF16)
    yield "fp8 ue8m0", fp8_blocks(r, (64, 128), (32, 32), F8, torch.float8_e8m0fnu, True)
    yield "fp8 powers", fp8_blocks(r, (256, 256), ue8m0=True)
    yield "fp8 experts", fp8_blocks(r, (3, 136, 264))
    yield "fp8 tensor", fp8_scales(r, "fp8", "weight_scale_inv", ())
    yield "fp8 weight_scale", fp8_scales(r, "fp8", "weight_scale", (1,))
    yield "fp8 rows", fp8_scales(r, "fbgemm_fp8", "weight_scale", (24, 1))
    yield "mxfp4 gpt-oss", mxfp4(r)
    yield "modelopt nvfp4", nvfp4(r)
    yield "modelopt fp8", fp8_scales(r, "modelopt", "weight_scale", (), quant_algo="FP8")
    pack = {"type": "int", "symmetric": True}
    for bits in (1, 2, 3, 4, 5, 6, 7, 8):
        for sym in (True, False):
            how = dict(type="int", num_bits=bits, strategy="group", group_size=32, symmetric=sym)
            name = f"pack-quantized {bits} bits {'symmetric' if sym else 'asymmetric'}"
            yield name, compressed(r, "pack-quantized", **how)
    yield "pack-quantized channel", compressed(r, "pack-quantized", (40, 72), num_bits=4,
                                               strategy="channel", **pack)
    yield "pack-quantized f16", compressed(r, "pack-quantized", dtype=F16, num_bits=4,
                                           strategy="group", group_size=128, **pack)
    for sym in (True, False):
        how = dict(type="int", num_bits=8, strategy="channel", symmetric=sym)
        yield f"int-quantized {sym}", compressed(r, "int-quantized", (24, 72), **how)
    for how in (dict(strategy="tensor"), dict(strategy="channel"),
                dict(strategy="block", block_structure=[16, 32])):
        yield f"float-quantized {how}", compressed(r, "float-quantized", type="float", num_bits=8, **how)
    yield "nvfp4-pack-quantized", compressed(r, "nvfp4-pack-quantized", type="float", num_bits=4,
                                             strategy="tensor_group", group_size=16)
    yield "mxfp4-pack-quantized", compressed(r, "mxfp4-pack-quantized", type="float", num_bits=4,
                                             strategy="group", group_size=32, scale_dtype="torch.uint8")
    yield "mxfp8-quantized", compressed(r, "mxfp8-quantized", type="float", num_bits=8,
                                        strategy="group", group_size=32, scale_dtype="torch.uint8")
    for dtype in (mx.bfloat16, mx.float16, mx.float32):
        for bits in (1, 2, 3, 4, 5, 6, 8):
            yield f"mlx affine {bits} {dtype}", mlx(r, "affine", bits, 64, dtype)
    yield "mlx inferred", mlx(r, "affine", 8, 64, config={"bits": 4, "group_size": 64})
    yield "mlx null", mlx(r, "affine", 4, 64, config={"bits": 4, "group_size": None})
    for mode, bits, group in (("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)):
        yield f"mlx {mode}", mlx(r, mode, bits, group)
    yield "mlx nvfp4 global", mlx(r, "nvfp4", 4, 16, global_scale=True)
    yield "mlx experts", mlx(r, "affine", 4, 32, shape=(3, 16, 64))


def write(folder, tensors, quantization, dtype):
    folder.mkdir()
    config = {"model_type": "none_that_is_known"}
    if "" in quantization:
        config["quantization"] = quantization[""]
    else:
        config["quantization_config"] = quantization
    config["torch_dtype"] = str(dtype).split(".")[-1]
    (folder / "config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")


def convert(build, folder, out, *options):
    command = [f"{build}/cortex", "convert", str(folder), "-o", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr.strip().splitlines()[-1])
    return load_file(out / "model.safetensors"), json.loads((out / "config.json").read_text())


def bits_of(t):
    return t.contiguous().view({1: torch.uint8, 2: torch.int16, 4: torch.int32}[t.element_size()])


def same(got, want):
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype} {tuple(got.shape)}, expected {want.dtype} {tuple(want.shape)}"
    differ = (bits_of(got) != bits_of(want)).sum().item()
    return f"{differ} of {want.numel()} values differ" if differ else ""


DTYPES = {BF16: "bf16", F16: "f16", F32: "f32"}


def from_torch(t):
    if t.dtype == BF16:
        return mx.array(t.view(torch.int16).numpy()).view(mx.bfloat16)
    return mx.array(t.numpy())


def check_packed(got, config, want):
    """What MLX makes, in f32, of the codes that stayed. Exact, but for what a bias was rounded by."""
    how = config["quantization"]
    parts = [from_torch(got["l." + n]) for n in ("weight", "scales", "biases") if "l." + n in got]
    parts = parts[:1] + [p if p.dtype == mx.uint8 else p.astype(mx.float32) for p in parts[1:]]
    value = mx.dequantize(*parts, group_size=how["group_size"], bits=how["bits"], mode=how["mode"],
                          dtype=mx.float32)
    value = torch.from_numpy(np.array(value))
    room = torch.zeros(())
    if len(parts) == 3:  # half a unit of the bias, half a unit of the value
        bias = torch.from_numpy(np.array(parts[2])).abs().repeat_interleave(how["group_size"], -1)
        room = (bias + want.float().abs()) * torch.finfo(want.dtype).eps
    worst = ((value - want.float()).abs() > room).sum().item()
    assert not worst, f"packed as {how}: {worst} values differ"


def check_awq(got, tensors, quantization):
    """mlx-lm reads AWQ rightly (GPTQ it takes for AWQ)."""
    from mlx_lm.utils import _transform_awq_weights

    want, _ = _transform_awq_weights({k: from_torch(v) for k, v in tensors.items()}, quantization)
    for name in ("l.weight", "l.scales", "l.biases"):
        error = same(got[name], to_torch(want[name]))
        # mlx-lm keeps the group of the source, larger ones than 128 MLX does not have
        assert not error, f"{name}, against mlx-lm: {error}"


# What MLX has no packing for; of the others the codes must stay.
UNPACKED = ("act-order", "odd blocks", "fp8 blocks", "e5m2", "bf16 scales", "fp8 experts", "fp8 tensor",
            "weight_scale", "fp8 rows", "modelopt", " 7 bits", "channel", "int-quantized",
            "float-quantized", "nvfp4-pack", "global", "gpt-oss", "experts")


def check(build, folder, name, case):
    """Values, exactly; then the codes that stayed packed."""
    tensors, quantization, values = case
    weight, want = next(iter(values.items()))
    write(folder / "in", tensors, quantization, want.dtype)
    got, config = convert(build, folder / "in", folder / "out", "-d")
    assert "quantization" not in config and "quantization_config" not in config
    # 0 of either sign is one value
    if error := same(got[weight] + 0.0, want + 0.0):
        raise AssertionError(f"{weight}: {error}")
    got, config = convert(build, folder / "in", folder / "kept", "-r", "none")
    packed = not any(part in name for part in UNPACKED)
    assert packed == ("l.scales" in got), "packed" if not packed else "not packed"
    if packed:
        check_packed(got, config, want)
    if quantization.get("quant_method") == "awq":
        check_awq(got, tensors, quantization)


# ---- whole models, against mlx-lm's loader ----
GPT_OSS = {"model_type": "gpt_oss", "num_hidden_layers": 2, "num_local_experts": 4, "vocab_size": 96,
           "num_experts_per_tok": 2, "rms_norm_eps": 1e-5, "hidden_size": 64, "head_dim": 16,
           "intermediate_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
           "sliding_window": 16, "rope_theta": 10000, "torch_dtype": "bfloat16",
           "quantization_config": {"quant_method": "mxfp4"}}
LLAMA = {"model_type": "llama", "num_hidden_layers": 1, "vocab_size": 96, "rms_norm_eps": 1e-5,
         "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
         "tie_word_embeddings": False, "torch_dtype": "float16",
         "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32}}


def gpt_oss(r):
    t = {"model.embed_tokens.weight": (96, 64), "model.norm.weight": (64,), "lm_head.weight": (96, 64)}
    for i in range(2):
        p = f"model.layers.{i}."
        for name, out, inn in (("q_proj", 64, 64), ("k_proj", 32, 64), ("v_proj", 32, 64), ("o_proj", 64, 64)):
            t[p + f"self_attn.{name}.weight"], t[p + f"self_attn.{name}.bias"] = (out, inn), (out,)
        t |= {p + "self_attn.sinks": (4,), p + "mlp.router.weight": (4, 64), p + "mlp.router.bias": (4,),
              p + "input_layernorm.weight": (64,), p + "post_attention_layernorm.weight": (64,),
              p + "mlp.experts.gate_up_proj_bias": (4, 64), p + "mlp.experts.down_proj_bias": (4, 64)}
    tensors = {k: r.normal(shape, BF16) for k, shape in t.items()}
    for i in range(2):
        for name, inn in (("gate_up_proj", 64), ("down_proj", 32)):
            p = f"model.layers.{i}.mlp.experts.{name}"
            tensors[p + "_blocks"] = r.ints(0, 256, (4, 64, inn // 32, 16), U8)
            tensors[p + "_scales"] = r.ints(110, 125, (4, 64, inn // 32), U8)
    return GPT_OSS, tensors


def awq_llama(r):
    t = {"model.embed_tokens.weight": (96, 64), "model.norm.weight": (64,), "lm_head.weight": (96, 64),
         "model.layers.0.input_layernorm.weight": (64,),
         "model.layers.0.post_attention_layernorm.weight": (64,)}
    tensors = {k: r.normal(shape, F16) for k, shape in t.items()}
    for name, out, inn in (("self_attn.q_proj", 64, 64), ("self_attn.k_proj", 32, 64),
                           ("self_attn.v_proj", 32, 64), ("self_attn.o_proj", 64, 64),
                           ("mlp.gate_proj", 128, 64), ("mlp.up_proj", 128, 64), ("mlp.down_proj", 64, 128)):
        one, _, _ = awq(r, 32, out=out, inn=inn)
        tensors |= {k.replace("l.", f"model.layers.0.{name}.", 1): v for k, v in one.items()}
    return LLAMA, tensors


def check_model(build, folder, config, tensors):
    """All tensors and the packing of every module as mlx-lm has them once it has loaded the source."""
    from mlx.utils import tree_flatten
    from mlx_lm.utils import load_model

    (folder / "in").mkdir()
    (folder / "in" / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "in" / "model.safetensors")
    want = {k: to_torch(v) for k, v in tree_flatten(load_model(folder / "in")[0].parameters())}
    got, _ = convert(build, folder / "in", folder / "out")
    assert set(got) == set(want), f"names differ: {sorted(set(got) ^ set(want))[:4]}"
    for name in want:
        error = same(got[name], want[name])
        assert not error, f"{name}: {error}"
    again = {k: to_torch(v) for k, v in tree_flatten(load_model(folder / "out")[0].parameters())}
    assert set(again) == set(want)


def main():
    mx.set_default_device(mx.cpu)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    passed = failed = 0
    for name, case in cases(Rng(seed)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(sys.argv[1], pathlib.Path(folder), name, case)
                passed += 1
            except AssertionError as e:
                failed += 1
                print(f"FAIL {name}, seed {seed}: {e}")
    for name, make in (("gpt-oss", gpt_oss), ("llama awq", awq_llama)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check_model(sys.argv[1], pathlib.Path(folder), *make(Rng(seed)))
                passed += 1
            except AssertionError as e:
                failed += 1
                print(f"FAIL {name}, seed {seed}: {e}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
