"""Makes tests/golden/quant/affine_<dtype>.safetensors: hostile groups packed by MLX.

    python tests/oracle/golden_quant.py          (in the top folder; needs mlx and numpy)

Tensors of a file: "w" and, for each bits, group and rule, "<bits>.<group>.<rule>.q", ".scales",
".biases"; of groups of 64 also ".back", what mx.dequantize makes of them (cpu) for some widths.
Rule "cpu" is MLX's own output on a CPU. Rule "gpu" was NOT made on a GPU: it is the numpy port
below, which is first shown to give MLX's CPU bytes for every case, with the two changes that the
Metal and CUDA kernels have: the largest value starts at 0, and ties round away from zero."""
import json
import os
import struct

import mlx.core as mx
import numpy as np

BITS, GROUPS, COLS = (2, 3, 4, 5, 6, 8), (32, 64, 128), 128
BACK = (3, 4, 8)
TYPES = {"F32": mx.float32, "F16": mx.float16, "BF16": mx.bfloat16}
SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U32": 4}


def hostile(rng):
    """[rows, 128] f32: one kind of group a row."""
    n = COLS
    ramp = np.arange(n) % 32
    rows = [
        np.zeros(n),
        np.where(ramp % 3, -0.0, 0.0),
        np.full(n, 0.3),
        np.full(n, -2.5),
        -1 - rng.random(n),
        1 + rng.random(n),
        np.where(ramp == 0, 15.0, (ramp - 15) / 2.0),
        np.where(ramp == 0, -31.5, (ramp - 16) / 4.0),
        rng.standard_normal(n) * 1e-39,
        rng.standard_normal(n) * 2e-7,
        (rng.random(n) - 0.5) * 1.2e5,
        np.where(ramp == 7, 100.0, rng.standard_normal(n) * 0.01),
        rng.standard_normal(n),
    ]
    return np.array(rows, np.float32)


def round_away(x):
    t = np.trunc(x)
    return (t + np.where(np.abs(x - t) >= 0.5, np.copysign(1, x), 0)).astype(np.float32)


def port(w, bits, group, gpu):
    """MLX's rule: codes, scales and biases as f32."""
    f = np.float32
    rows, cols = w.shape
    g = w.reshape(rows, cols // group, group)
    top, eps = f((1 << bits) - 1), f(1e-7)
    rnd = round_away if gpu else np.rint
    hi, lo = g.max(-1), g.min(-1)
    if gpu:
        hi = np.maximum(hi, f(0))
    low_edge = np.abs(lo) > np.abs(hi)
    s = np.maximum((hi - lo) / top, eps)
    s = np.where(low_edge, s, -s).astype(f)
    edge = np.where(low_edge, lo, hi)
    q0 = rnd(edge / s)
    some = q0 != 0
    b = np.where(some, edge, f(0))
    s = np.where(some, edge / np.where(some, q0, f(1)), s).astype(f)
    q = np.clip(rnd((g - b[..., None]) / s[..., None]), 0, top).astype(np.uint64)
    q = q.reshape(rows, cols)
    stream = ((q[..., None] >> np.arange(bits, dtype=np.uint64)) & 1).astype(np.uint8)
    q = np.packbits(stream.reshape(rows, cols * bits), axis=-1, bitorder="little").view("<u4")
    return q, s, b


def raw(a):
    """Bytes of an MLX array."""
    if a.dtype == mx.bfloat16:
        a = a.view(mx.uint16)
    return np.array(a).tobytes()


def pack_all(name, w, out):
    """All packings of w to `out`: name -> (dtype, shape, bytes)."""
    wide = np.array(w.astype(mx.float32))
    for bits in BITS:
        for group in GROUPS:
            q, s, b = mx.quantize(w, group_size=group, bits=bits)
            pq, ps, pb = port(wide, bits, group, False)
            cast = [mx.array(v).astype(w.dtype) for v in (ps, pb)]
            same = raw(q) == pq.tobytes() and raw(s) == raw(cast[0]) and raw(b) == raw(cast[1])
            if not same:
                raise SystemExit(f"the port differs from MLX: {name} {bits} {group}")
            gq, gs, gb = port(wide, bits, group, True)
            gpu = [mx.array(gq), mx.array(gs).astype(w.dtype), mx.array(gb).astype(w.dtype)]
            for rule, parts in (("cpu", (q, s, b)), ("gpu", gpu)):
                for part, a in zip(("q", "scales", "biases"), parts):
                    kind = "U32" if part == "q" else name
                    out[f"{bits}.{group}.{rule}.{part}"] = (kind, list(a.shape), raw(a))
            if group == 64 and bits in BACK:
                a = mx.dequantize(q, s, b, group_size=group, bits=bits)
                out[f"{bits}.{group}.cpu.back"] = (name, list(a.shape), raw(a))


def save(path, tensors):
    header, at = {}, 0
    for key, (kind, shape, data) in tensors.items():
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            f.write(data)


def main():
    mx.set_default_device(mx.cpu)
    folder = os.path.join(os.path.dirname(__file__), "..", "golden", "quant")
    os.makedirs(folder, exist_ok=True)
    for name, dtype in TYPES.items():
        rng = np.random.default_rng(7)
        w = mx.array(hostile(rng)).astype(dtype)
        tensors = {"w": (name, list(w.shape), raw(w))}
        pack_all(name, w, tensors)
        save(os.path.join(folder, f"affine_{name.lower()}.safetensors"), tensors)


if __name__ == "__main__":
    main()
