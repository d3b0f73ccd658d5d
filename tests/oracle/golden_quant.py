"""Makes tests/golden/quant/{affine,fp}_<dtype>.safetensors: hostile groups packed by MLX.

    python tests/oracle/golden_quant.py          (in the top folder; needs mlx and numpy)

Tensors of an affine file: "w" and, for each bits, group and rule, "<bits>.<group>.<rule>.q", ".scales",
".biases"; of groups of 64 also ".back", what mx.dequantize makes of them (cpu) for some widths.
Rule "cpu" is MLX's own output on a CPU. Rule "gpu" was NOT made on a GPU: it is the numpy port
below, which is first shown to give MLX's CPU bytes for every case, with the two changes that the
Metal and CUDA kernels have: the largest value starts at 0, and ties round away from zero.

Of an fp file: "w", "global" (largest absolute value) and, for each mode (and "nvfp4+global") and
rule, "<mode>.<rule>.q", ".scales" and, of rule "cpu", what mx.dequantize makes of them in each type,
".back.<dtype>". Rule "gpu" again is a port, shown to give MLX's CPU bytes when it computes as the CPU
path does. The Metal kernels differ: everything in f32, values multiplied by the inverse of the scale,
codes by half-even thresholds, the sign always kept."""
import json
import os
import struct

import mlx.core as mx
import numpy as np

BITS, GROUPS, COLS = (1, 2, 3, 4, 5, 6, 8), (32, 64, 128), 128
BACK = (3, 4, 8)
TYPES = {"F32": mx.float32, "F16": mx.float16, "BF16": mx.bfloat16}
SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U32": 4, "U8": 1}


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


def pack(q, rows, bits):
    """Codes as a little-endian bit stream a row."""
    q = q.astype(np.uint64).reshape(rows, -1)
    stream = ((q[..., None] >> np.arange(bits, dtype=np.uint64)) & 1).astype(np.uint8)
    return np.packbits(stream.reshape(rows, -1), axis=-1, bitorder="little").view("<u4")


def port(w, bits, group, gpu):
    """MLX's rule: codes, scales and biases as f32."""
    f = np.float32
    rows, cols = w.shape
    g = w.reshape(rows, cols // group, group)
    top, eps = f((1 << bits) - 1), f(1e-7)
    rnd = round_away if gpu else np.rint
    hi, first = g.max(-1), g.argmin(-1)[..., None]
    lo = np.take_along_axis(g, first, -1)[..., 0]  # of equal zeros the first
    if gpu:
        hi = np.maximum(hi, f(0))
    low_edge = np.abs(lo) > np.abs(hi)
    s = np.maximum((hi - lo) / top, eps)
    if bits == 1:
        return pack(np.clip(rnd((g - lo[..., None]) / s[..., None]), 0, 1), rows, bits), s, lo
    s = np.where(low_edge, s, -s).astype(f)
    edge = np.where(low_edge, lo, hi)
    q0 = rnd(edge / s)
    some = q0 != 0
    b = np.where(some, edge, f(0))
    s = np.where(some, edge / np.where(some, q0, f(1)), s).astype(f)
    return pack(np.clip(rnd((g - b[..., None]) / s[..., None]), 0, top), rows, bits), s, b


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


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
E4M3 = np.array([(8 + c % 8) * 2.0 ** (c // 8 - 10) if c > 7 else c * 2.0**-9 for c in range(127)])


def even_code(x, table):
    """Nearest entry of the rising table, ties to the even code; the sign of x."""
    a = np.abs(x).astype(np.float64)
    middle = (table[1:] + table[:-1]) / 2
    code = np.searchsorted(middle, a)  # ties go down
    tie = np.isin(a, middle) & (code % 2 == 1)
    sign = 8 if len(table) == 8 else 128
    return (code + tie + np.where(np.signbit(x), sign, 0)).astype(np.uint32)


def port_fp(w, mode, scale, gpu, rd):
    """Codes and scales; rd rounds to the type of w."""
    f, eight, nv = np.float32, mode == "mxfp8", mode == "nvfp4"
    group = 16 if nv else 32
    g = w.reshape(w.shape[0], -1, group)
    rd = (lambda x: x) if gpu else rd
    enc = f(2688) / f(scale) if scale else f(1)
    r = rd(np.abs(g).max(-1) / f(448 if eight else 6))
    if nv:
        byte = even_code(np.minimum(r * enc, f(448)), E4M3)
        s = E4M3[byte].astype(f)
        if gpu:
            x = g * np.where(s == 0, f(0), enc / np.where(s == 0, f(1), s))[..., None]
        else:
            x = rd(g / s[..., None]) * enc
    else:
        m, e = np.frexp(r)
        e = np.where(r == 0, 0, np.where(m == 0.5, e - 1, e))
        e = np.maximum(e, -127) if gpu else e
        byte, x = (e + 127) & 255, np.ldexp(g, -e[..., None])
    if eight:
        q = even_code(np.clip(x, -448, 448), E4M3)
    elif gpu:
        q = even_code(np.clip(x, -6, 6), E2M1[:8])
    else:
        q = np.argmin(np.abs(x[..., None] - E2M1), -1)
        q = np.where(np.isfinite(x), q, 0)
    return pack(q, w.shape[0], 8 if eight else 4), byte.astype(np.uint8)


def pack_fp(name, w, out):
    wide = np.array(w.astype(mx.float32))
    rd = lambda x: np.array(mx.array(x.astype(np.float32)).astype(w.dtype).astype(mx.float32))
    top = float(np.abs(wide).max())
    out["global"] = ("F32", [1], np.float32(top).tobytes())
    for case in ("mxfp4", "mxfp8", "nvfp4", "nvfp4+global"):
        mode, scale = case.split("+")[0], top if "+" in case else 0
        args = dict(mode=mode, group_size=16 if mode == "nvfp4" else 32, bits=8 if "8" in mode else 4)
        if scale:
            args["global_scale"] = mx.array(scale, mx.float32)
        q, s = mx.quantize(w, **args)
        with np.errstate(all="ignore"):
            pq, ps = port_fp(wide, mode, scale, False, rd)
            gq, gs = port_fp(wide, mode, scale, True, rd)
        if raw(q) != pq.tobytes() or raw(s) != ps.tobytes():
            raise SystemExit(f"the port differs from MLX: {name} {case}")
        for rule, a, b in (("cpu", q, s), ("gpu", mx.array(gq), mx.array(gs))):
            out[f"{case}.{rule}.q"] = ("U32", list(a.shape), raw(a))
            out[f"{case}.{rule}.scales"] = ("U8", list(b.shape), raw(b))
        for kind, dtype in TYPES.items():
            back = mx.dequantize(q, s, **args, dtype=dtype).astype(dtype)
            out[f"{case}.cpu.back.{kind.lower()}"] = (kind, list(back.shape), raw(back))


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
        rng = np.random.default_rng(8)
        ramp = np.arange(COLS)
        ties = [np.where(ramp % 16 == 0, -6.0, (ramp % 16 - 8) / 4.0),
                np.where(ramp % 32 == 0, 448.0, np.rint(rng.standard_normal(COLS) * 40) / 2.0)]
        w = mx.array(np.concatenate([hostile(rng), np.array(ties, np.float32)])).astype(dtype)
        tensors = {"w": (name, list(w.shape), raw(w))}
        pack_fp(name, w, tensors)
        save(os.path.join(folder, f"fp_{name.lower()}.safetensors"), tensors)


if __name__ == "__main__":
    main()
