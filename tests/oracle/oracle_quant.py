"""Packs and unpacks random matrices with libcortex and with MLX (CPU): the bytes must be equal.

    python tests/oracle/oracle_quant.py BUILD [SEED]

The GPU rule cannot be compared here; tests/oracle/golden_quant.py says what stands for it."""
import ctypes
import random
import sys

import mlx.core as mx
import numpy as np

DTYPES = {"U8": 1, "F16": 9, "BF16": 10, "F32": 11, "U32": 5}  # cx_dtype
TYPES = {"F32": mx.float32, "F16": mx.float16, "BF16": mx.bfloat16}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("shape", ctypes.c_int64 * 8),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
    ]


class Spec(ctypes.Structure):
    _fields_ = [
        ("mode", ctypes.c_void_p),
        ("bits", ctypes.c_int),
        ("group", ctypes.c_int),
        ("cpu_rule", ctypes.c_bool),
        ("global_scale", ctypes.c_float),
    ]


class Size(ctypes.Structure):
    _fields_ = [
        ("q", ctypes.c_size_t),
        ("scales", ctypes.c_size_t),
        ("biases", ctypes.c_size_t),
        ("scale_dtype", ctypes.c_int),
    ]


def raw(a):
    if a.dtype == mx.bfloat16:
        a = a.view(mx.uint16)
    return np.array(a).tobytes()


def tensor(name, dtype, shape, data):
    dims = (ctypes.c_int64 * 8)(*shape)
    return Tensor(name, DTYPES[dtype], len(shape), dims, ctypes.addressof(data), len(data))


def buffer(data):
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


class Library:
    def __init__(self, build):
        self.lib = ctypes.CDLL(f"{build}/libcortex.so")
        self.lib.cx_error.restype = ctypes.c_char_p
        self.lib.cx_dtype_name.restype = ctypes.c_char_p
        for name, number in DTYPES.items():
            if self.lib.cx_dtype_name(number) != name.encode():
                raise SystemExit(f"cx_dtype {number} is not {name}: update this script")

    def call(self, name, *args):
        if getattr(self.lib, name)(*args) != 0:
            raise SystemExit(f"{name}: {self.lib.cx_error().decode()}")

    def mode(self, name):
        mode = ctypes.c_void_p()
        self.call("cx_quant_mode_find", name.encode(), ctypes.byref(mode))
        return mode.value

    def quantize(self, w, name, spec):
        data, size = buffer(raw(w)), Size()
        t = tensor(b"w", name, w.shape, data)
        self.call("cx_quant_bytes", ctypes.byref(t), ctypes.byref(spec), ctypes.byref(size))
        sizes = [n for n in (size.q, size.scales, size.biases) if n]
        out = [ctypes.create_string_buffer(n) for n in sizes]
        self.call("cx_quantize", ctypes.byref(t), ctypes.byref(spec), *out, *[None] * (3 - len(out)))
        return [b.raw for b in out]

    def dequantize(self, parts, kinds, spec, dtype, length):
        data = [buffer(raw(p)) for p in parts]
        ts = [tensor(b"t", k, p.shape, b) for k, p, b in zip(kinds, parts, data)]
        out = ctypes.create_string_buffer(length)
        refs = [ctypes.byref(t) for t in ts] + [None] * (3 - len(ts))
        self.call("cx_dequantize", *refs, ctypes.byref(spec), DTYPES[dtype], out)
        return out.raw


def hostile(rng, rows, cols):
    """One kind of values a row: zeros, constants, one sign, denormals, huge, ties, outliers."""
    w = rng.standard_normal((rows, cols))
    ramp = np.arange(cols)
    kinds = [
        lambda r: r * 0,
        lambda r: np.where(ramp % 3, -0.0, 0.0),
        lambda r: r * 0 + 0.3,
        lambda r: -np.abs(r) - 1,
        lambda r: np.abs(r) + 1,
        lambda r: r * 1e-39,
        lambda r: r * 1e-44,
        lambda r: r * 1e-30,
        lambda r: r * 6e-8,
        lambda r: r * 2e-6,
        lambda r: np.clip(r, -2, 2) * 3.2e4,
        lambda r: np.clip(r, -2, 2) * 1.6e38,
        lambda r: np.where(ramp % 16 == 0, 6.0, (ramp % 16 - 8) / 4.0),
        lambda r: np.where(ramp % 32 == 0, -448.0, np.rint(r * 40) / 2.0),
        lambda r: np.where(ramp % 32 == 0, 15.0, (ramp % 32 - 15) / 2.0),
        lambda r: np.where(ramp % 32 == 7, 100.0, r * 0.01),
        lambda r: np.where(ramp % 16 == 3, 0, r * 0),
    ]
    for i in range(rows):
        w[i] = kinds[i % len(kinds)](w[i]) if i < len(kinds) else w[i] * 10.0 ** rng.uniform(-9, 4)
    return w.astype(np.float32)


def patterns(rng, dtype):
    """Random bits: every exponent, all finite."""
    if dtype == mx.float32:
        return mx.array((rng.integers(0, 0x7F800000, (24, 512), np.uint32)).view(np.float32))
    top = 0x7F80 if dtype == mx.bfloat16 else 0x7C00
    bits = rng.integers(0, top, (24, 512), np.uint16) | (rng.integers(0, 2, (24, 512), np.uint16) << 15)
    return mx.array(bits.astype(np.uint16)).view(dtype)


def same_values(a, b, kind):
    """Equal bits; a NaN equals any NaN."""
    a, b = (np.frombuffer(p, np.uint32 if kind == "F32" else np.uint16) for p in (a, b))
    nan = [np.isnan(np.array(mx.array(p).view(TYPES[kind]).astype(mx.float32))) for p in (a, b)]
    return bool((nan[0] == nan[1]).all() and (a == b)[~nan[0]].all())


class Run:
    def __init__(self, lib, seed):
        self.lib, self.seed, self.passed, self.failed = lib, seed, 0, 0

    def note(self, same, what):
        self.passed, self.failed = self.passed + same, self.failed + (not same)
        if not same:
            print(f"FAIL {what}, seed {self.seed}")

    def affine(self, w, name, bits, group, what):
        want = mx.quantize(w, group_size=group, bits=bits)
        spec = Spec(None, bits, group, True)
        what = f"affine {name} {bits} bits, groups of {group}, {what} {w.shape}"
        self.note(self.lib.quantize(w, name, spec) == [raw(p) for p in want], what)
        back = raw(mx.dequantize(*want, group_size=group, bits=bits))
        got = self.lib.dequantize(want, ("U32", name, name), spec, name, len(back))
        self.note(same_values(got, back, name), what + " back")

    def fp(self, w, name, mode, bits, group, scale, what):
        args = dict(mode=mode, group_size=group, bits=bits)
        if scale:
            args["global_scale"] = mx.array(scale, mx.float32)
        want = mx.quantize(w, **args)
        spec = Spec(self.lib.mode(mode), bits, group, True, scale)
        what = f"{mode} {name}, global scale {scale}, {what} {w.shape}"
        self.note(self.lib.quantize(w, name, spec) == [raw(p) for p in want], what)
        for kind, dtype in TYPES.items():
            back = mx.dequantize(*want, **args, dtype=dtype).astype(dtype)
            got = self.lib.dequantize(want, ("U32", "U8"), spec, kind, back.nbytes)
            self.note(same_values(got, raw(back), kind), f"{what} back to {kind}")


def main():
    mx.set_default_device(mx.cpu)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    run, rng = Run(Library(sys.argv[1]), seed), np.random.default_rng(seed)
    for name, dtype in TYPES.items():
        shape = (int(rng.integers(20, 60)), 128 * int(rng.integers(1, 9)))
        wide = mx.array(hostile(rng, *shape)).astype(dtype)
        wide = mx.where(mx.isfinite(wide), wide, mx.zeros_like(wide))
        for w, what in ((wide, "hostile"), (patterns(rng, dtype), "random bits")):
            for bits in (1, 2, 3, 4, 5, 6, 8):
                for group in (32, 64, 128):
                    if what == "hostile":
                        run.affine(w, name, bits, group, what)
            run.fp(w, name, "mxfp4", 4, 32, 0, what)
            run.fp(w, name, "mxfp8", 8, 32, 0, what)
            for scale in (0, float(mx.abs(w).max().astype(mx.float32)), 2.75, 1e-6):
                run.fp(w, name, "nvfp4", 4, 16, scale, what)
    print(f"{run.passed} passed, {run.failed} failed")
    sys.exit(run.failed != 0)


if __name__ == "__main__":
    main()
