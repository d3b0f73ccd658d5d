"""Cortex reads GGUF files as gguf-py, MLX and transformers do.

Elements of every type against gguf.quants.dequantize, packed weights against mx.load, names and
values of whole checkpoints against what transformers loads from the same file.

Usage: oracle_gguf.py BUILD. Needs a C compiler (CC) for tests/oracle/gguf_dump.c.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile

import gguf
import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType as T

import gguf_models

DTYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I8": np.int8,
          "I16": np.int16, "I32": np.int32, "I64": np.int64, "BF16": np.uint16}
PLAIN = [T.F32, T.F16, T.F64, T.I8, T.I16, T.I32, T.I64, T.BF16]
BLOCKS = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K,
          T.IQ4_NL, T.IQ4_XS, T.TQ1_0, T.TQ2_0, T.MXFP4, T.NVFP4]
BITS = {T.Q4_0: 4, T.Q4_1: 4, T.Q5_0: 5, T.Q5_1: 5, T.Q8_0: 8, T.MXFP4: 4}
passed = failed = 0


def check(good, what):
    global passed, failed
    passed += good
    failed += not good
    if not good:
        print("FAIL", what)


def build_tool(build, folder):
    tool = os.path.join(folder, "gguf_dump")
    command = shlex.split(os.environ.get("CC", "cc")) + ["-D_GNU_SOURCE", "-Isrc", "-Iinclude"]
    command += shlex.split(os.environ.get("SANFLAGS", ""))
    command += ["tests/oracle/gguf_dump.c", os.path.join(build, "libcortex.a"), "-o", tool]
    command += shlex.split(os.environ.get("LIBS", "-ljansson -lm -lpthread"))
    subprocess.run(command, check=True)
    return tool


class Dump:
    """Tensors in order: name, fields, elements; packed arrays by name."""

    def __init__(self, tool, path, names=False):
        out = path + ".bin"
        command = [tool, path, out] + ["names"] * names
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        lines = run.stdout.splitlines()
        self.config = json.loads(lines.pop()) if names else None
        with open(out, "rb") as f:
            self.tensors = {line.split("\t")[0]: self.read(line.split("\t"), f) for line in lines}
            assert not f.read(1)

    def read(self, fields, f):
        shape = [int(n) for n in fields[2].split()]
        dtype = np.dtype(DTYPES[fields[1]])
        size = int(np.prod(shape))
        t = {"fields": fields, "packed": None}
        t["data"] = np.frombuffer(f.read(size * dtype.itemsize), dtype).reshape(shape)
        if fields[4] != "-":
            bits = BITS[T[fields[3]]]
            t["packed"] = [f.read(size * bits // 8)]
            if fields[4] == "affine":
                t["packed"] += [f.read(size // 32 * 2), f.read(size // 32 * 2)]
            else:
                t["packed"] += [f.read(size // 32)]
        return t


def same(a, b):
    """Bit for bit, except for the bits of NaN."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    return bool(np.all((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))))


def test_types(tool, folder):
    rng = np.random.default_rng(1)
    path = os.path.join(folder, "types.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    raw = {}
    for t in PLAIN + BLOCKS:
        block, size = gguf.GGML_QUANT_SIZES[t]
        raw[t] = rng.integers(0, 256, (7, 512 // block * size), np.uint8)
        writer.add_tensor(t.name, raw[t], raw_dtype=t)
    q8k = rng.integers(0, 256, (3, 2, 292), np.uint8)
    writer.add_tensor("Q8_K", q8k.reshape(3, -1), raw_dtype=T.Q8_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    dump = Dump(tool, path)
    with np.errstate(all="ignore"):
        for t in BLOCKS:
            want = gguf.quants.dequantize(raw[t], t)
            check(same(dump.tensors[t.name]["data"], want), f"{t.name}: elements")
        d = np.ascontiguousarray(q8k[..., :4]).view(np.float32)
        q = q8k[..., 4:260].view(np.int8).astype(np.float32)
        check(same(dump.tensors["Q8_K"]["data"].reshape(q.shape), d * q), "Q8_K: elements")
    for t in PLAIN:
        check(dump.tensors[t.name]["data"].tobytes() == raw[t].tobytes(), f"{t.name}: bytes")


def write(path, arrays):
    """Quantized as llama.cpp would, where gguf-py can."""
    writer = gguf.GGUFWriter(path, "llama")
    for name, (data, t) in arrays.items():
        writer.add_tensor(name, gguf.quants.quantize(data, t), raw_dtype=t)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def unpack(packed, bits, shape):
    stream = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    codes = (stream.reshape(-1, bits) << np.arange(bits, dtype=np.uint8)).sum(1, dtype=np.uint32)
    return codes.reshape(shape)


def test_packed(tool, folder):
    rng = np.random.default_rng(2)
    path = os.path.join(folder, "packed.gguf")
    data = rng.standard_normal((5, 96)).astype(np.float32)
    write(path, {t.name + ".weight": (data, t) for t in BITS if t != T.MXFP4})
    ours = Dump(tool, path).tensors
    for t in BITS:
        if t == T.MXFP4:
            continue
        q, scales, biases = ours[t.name + ".weight"]["packed"]
        codes = unpack(q, BITS[t], (5, 3, 32)).astype(np.float32)
        s, b = (np.frombuffer(x, np.float16).reshape(5, 3, 1).astype(np.float32)
                for x in (scales, biases))
        want = ours[t.name + ".weight"]["data"].reshape(5, 3, 32)
        check(np.allclose(codes * s + b, want, rtol=0, atol=1e-6 * np.abs(data).max()),
              f"{t.name}: q * scale + bias")
    write(path, {t.name + ".weight": (data, t) for t in (T.Q4_0, T.Q4_1, T.Q8_0)})
    ours, theirs = Dump(tool, path).tensors, mx.load(path)
    for t in (T.Q4_0, T.Q4_1, T.Q8_0):
        for part, got in zip(("weight", "scales", "biases"), ours[t.name + ".weight"]["packed"]):
            check(np.array(theirs[f"{t.name}.{part}"]).tobytes() == got, f"{t.name}: {part} of MLX")
    # mxfp4: gguf-py's and MLX's element are the same numbers
    write(path, {"w.weight": (data, T.MXFP4)})
    ours = Dump(tool, path).tensors["w.weight"]
    q, scales = ours["packed"]
    w = mx.dequantize(mx.array(np.frombuffer(q, np.uint32).reshape(5, -1)),
                      mx.array(np.frombuffer(scales, np.uint8).reshape(5, 3)),
                      group_size=32, bits=4, mode="mxfp4", dtype=mx.float32)
    check(np.array_equal(np.array(w), ours["data"]), "MXFP4: MLX's dequantize")


def undo(t, fields):
    """What src/convert/gguf.h says of `how`."""
    how, heads = int(fields[6]), int(fields[7])
    if how == 2:
        view = t.reshape(heads, t.shape[0] // heads // 2, 2, -1)
        return view.swapaxes(1, 2).reshape(t.shape)
    return [t, None, None, t - 1, t.T, t[None]][how]


def stacked(name, tensors):
    """A name of MLX's stacked experts in the single experts of transformers' checkpoints."""
    for proj, old in (("gate_proj", "w1"), ("up_proj", "w3"), ("down_proj", "w2")):
        if name.endswith(f"switch_mlp.{proj}.weight"):
            stem = name[:name.index("switch_mlp")]
            last = old if "block_sparse_moe" in stem else proj
            return np.stack([tensors.pop(f"{stem}experts.{e}.{last}.weight")
                             for e in range(gguf_models.EXPERTS)])
    return tensors.pop(name, None)


def test_models(tool, folder):
    for arch in gguf_models.MODELS:
        path = os.path.join(folder, arch + ".gguf")
        config, tensors = gguf_models.write(arch, path)
        dump = Dump(tool, path, names=True)
        wrong = []
        for name, t in dump.tensors.items():
            fields = t["fields"]
            if int(fields[6]) == 1:
                continue
            want = stacked(fields[5], tensors)
            if want is None:
                wrong.append(f"{name} -> {fields[5]}")
                continue
            got = undo(t["data"], fields)
            if got.shape != want.shape or not np.allclose(got, want, rtol=0, atol=1e-6):
                wrong.append(f"{name} -> {fields[5]}: values")
        check(not wrong and not tensors, f"{arch}: {wrong}, left: {sorted(tensors)}")
        for key, value in config.items():
            check(dump.config.get(key) == value, f"{arch}: {key}: {dump.config.get(key)}, not {value}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as tmp:
        dump_tool = build_tool(sys.argv[1], tmp)
        test_types(dump_tool, tmp)
        test_packed(dump_tool, tmp)
        test_models(dump_tool, tmp)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)
