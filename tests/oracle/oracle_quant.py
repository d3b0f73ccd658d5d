"""Packs and unpacks random matrices with libcortex and with MLX (CPU): the bytes must be equal.

    python tests/oracle/oracle_quant.py BUILD [SEED]

The GPU rule cannot be compared here; tests/oracle/golden_quant.py says what stands for it."""
import ctypes
import random
import sys

import mlx.core as mx
import numpy as np

DTYPES = {"F16": 9, "BF16": 10, "F32": 11, "U32": 5}  # cx_dtype
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

    def quantize(self, w, name, spec):
        data, size = buffer(raw(w)), Size()
        t = tensor(b"w", name, w.shape, data)
        self.call("cx_quant_bytes", ctypes.byref(t), ctypes.byref(spec), ctypes.byref(size))
        out = [ctypes.create_string_buffer(n) for n in (size.q, size.scales, size.biases)]
        self.call("cx_quantize", ctypes.byref(t), ctypes.byref(spec), *out)
        return [b.raw for b in out]

    def dequantize(self, parts, name, spec, length):
        data = [buffer(raw(p)) for p in parts]
        names = ((b"q", "U32"), (b"scales", name), (b"biases", name))
        ts = [tensor(n, d, p.shape, b) for (n, d), p, b in zip(names, parts, data)]
        out = ctypes.create_string_buffer(length)
        refs = [ctypes.byref(t) for t in ts]
        self.call("cx_dequantize", *refs, ctypes.byref(spec), DTYPES[name], out)
        return out.raw


def main():
    mx.set_default_device(mx.cpu)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    lib, rng = Library(sys.argv[1]), np.random.default_rng(seed)
    passed = failed = 0
    for name, dtype in TYPES.items():
        for bits in (2, 3, 4, 5, 6, 8):
            for group in (32, 64, 128):
                shape = (int(rng.integers(1, 40)), 128 * int(rng.integers(1, 9)))
                wide = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 3, (shape[0], 1))
                w = mx.array(wide.astype(np.float32)).astype(dtype)
                want = mx.quantize(w, group_size=group, bits=bits)
                spec = Spec(None, bits, group, True)
                got = lib.quantize(w, name, spec)
                back = raw(mx.dequantize(*want, group_size=group, bits=bits))
                same = got == [raw(p) for p in want]
                same = same and lib.dequantize(want, name, spec, len(back)) == back
                passed, failed = passed + same, failed + (not same)
                if not same:
                    print(f"FAIL {name} {bits} bits, groups of {group}, {shape}, seed {seed}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
