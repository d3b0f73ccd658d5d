"""Writes tests/golden/foreign/<case>.safetensors: small weights as other tools quantize them, and
their values ("want") as torch computes them by the tool's own definition.

    python tests/oracle/golden_foreign.py

Metadata: "config" (the quantization's), "weight" (name of the result), "packed" (mode, or none)."""
import json
import pathlib

import mlx.core as mx
from safetensors.torch import save_file

from oracle_foreign import (BF16, F8_5, Rng, awq, compressed, fp8_blocks, fp8_scales, gptq, mlx,
                            mxfp4, nvfp4)

OUT = pathlib.Path(__file__).parent.parent / "golden" / "foreign"


def cases(r):
    small = {"out": 8, "inn": 64}
    for bits in (2, 3, 4, 8):
        yield f"gptq_{bits}", "affine", gptq(r, bits, 32, out={2: 16, 3: 32}.get(bits, 8), inn=64)
    yield "gptq_v2", "affine", gptq(r, 4, 32, "gptq_v2", **small)
    yield "gptq_act_order", "none", gptq(r, 4, 32, act_order=True, **small)
    yield "gptqmodel_3", "affine", gptq(r, 3, 32, model=True, out=32, inn=32)
    yield "gptq_one_group", "affine", gptq(r, 4, -1, sym=True, dtype=BF16, **small)
    yield "awq", "affine", awq(r, 32, **small)
    yield "awq_symmetric", "affine", awq(r, 64, zero_point=False, **small)
    yield "fp8_odd", "none", fp8_blocks(r, (19, 37), (16, 16))
    yield "fp8_e5m2", "none", fp8_blocks(r, (16, 40), (16, 32), F8_5)
    yield "fp8_ue8m0", "mxfp8", fp8_blocks(r, (32, 64), (32, 32), ue8m0=True)
    yield "fp8_experts", "none", fp8_blocks(r, (3, 20, 24), (16, 16))
    yield "fp8_tensor", "none", fp8_scales(r, "fp8", "weight_scale_inv", (), shape=(8, 24))
    yield "fp8_rows", "none", fp8_scales(r, "fbgemm_fp8", "weight_scale", (8, 1), shape=(8, 24))
    yield "mxfp4", "mxfp4", mxfp4(r, 2, 4)
    yield "modelopt_nvfp4", "none", nvfp4(r, 8, 64)
    yield "modelopt_fp8", "none", fp8_scales(r, "modelopt", "weight_scale", (), shape=(8, 24), quant_algo="FP8")
    for bits in (3, 4, 8):
        for name, sym in (("sym", True), ("asym", False)):
            how = dict(type="int", num_bits=bits, strategy="group", group_size=32, symmetric=sym)
            yield f"pack_{bits}_{name}", "affine", compressed(r, "pack-quantized", (12, 64), **how)
    how = dict(type="int", num_bits=8, strategy="channel", symmetric=False)
    yield "int_quantized", "affine", compressed(r, "int-quantized", (8, 32), **how)
    yield "nvfp4_pack", "none", compressed(r, "nvfp4-pack-quantized", (8, 64), type="float", num_bits=4,
                                           strategy="tensor_group", group_size=16)
    yield "mxfp4_pack", "mxfp4", compressed(r, "mxfp4-pack-quantized", (8, 64), type="float", num_bits=4,
                                            strategy="group", group_size=32, scale_dtype="torch.uint8")
    yield "mlx_affine_3", "affine", mlx(r, "affine", 3, 32, shape=(4, 64))
    yield "mlx_affine_f16", "affine", mlx(r, "affine", 5, 64, mx.float16, shape=(2, 3, 128))
    for mode, bits, group in (("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)):
        yield f"mlx_{mode}", mode, mlx(r, mode, bits, group, shape=(4, 64))
    yield "mlx_nvfp4_global", "none", mlx(r, "nvfp4", 4, 16, shape=(4, 64), global_scale=True)


def main():
    mx.set_default_device(mx.cpu)
    OUT.mkdir(parents=True, exist_ok=True)
    for name, packed, (tensors, config, values) in cases(Rng(2)):
        weight, want = next(iter(values.items()))
        key = "quantization" if "" in config else "quantization_config"
        metadata = {"config": json.dumps({key: config.get("", config)}), "weight": weight, "packed": packed}
        tensors = {k: v.contiguous() for k, v in tensors.items()} | {"want": want.contiguous()}
        save_file(tensors, OUT / f"{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
