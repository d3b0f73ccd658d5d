"""Safetensors files of other writers are read by cortex, and the other way round.

Usage: oracle_safetensors.py BUILD. Writers and readers: the safetensors package (Rust) and MLX.
libcortex.so is called through ctypes.
"""
import ctypes as c
import json
import os
import struct
import sys
import tempfile

import mlx.core as mx
import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

NAMES = ["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "BF16", "F32", "F64",
         "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0"]  # cx_dtype


class Tensor(c.Structure):
    _fields_ = [("name", c.c_char_p), ("dtype", c.c_int), ("ndim", c.c_int),
                ("shape", c.c_int64 * 8), ("data", c.c_void_p), ("bytes", c.c_size_t)]


class Metadata(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p)]


def library(build):
    lib = c.CDLL(os.path.join(build, "libcortex.so"))
    lib.cx_error.restype = c.c_char_p
    lib.cx_tensors_at.restype = c.POINTER(Tensor)
    lib.cx_tensors_at.argtypes = [c.c_void_p, c.c_size_t]
    lib.cx_tensors_count.restype = c.c_size_t
    for name in "count", "close", "check":
        getattr(lib, "cx_tensors_" + name).argtypes = [c.c_void_p]
    lib.cx_tensors_metadata.restype = c.c_char_p
    lib.cx_tensors_metadata.argtypes = [c.c_void_p, c.c_char_p]
    lib.cx_tensor_writer_open.argtypes = [c.c_char_p, c.POINTER(Tensor), c.c_size_t,
                                          c.POINTER(Metadata), c.c_size_t, c.POINTER(c.c_void_p)]
    lib.cx_tensor_writer_write.argtypes = [c.c_void_p, c.c_size_t, c.c_uint64, c.c_char_p,
                                           c.c_size_t]
    lib.cx_tensor_writer_finish.argtypes = [c.c_void_p]
    return lib


def ok(lib, status):
    if status != 0:
        raise AssertionError(lib.cx_error().decode())


def cortex_read(lib, path):
    """{name: (dtype, shape, bytes)} and the metadata's format."""
    t = c.c_void_p()
    ok(lib, lib.cx_tensors_open(path.encode(), c.byref(t)))
    out = {}
    for i in range(lib.cx_tensors_count(t)):
        x = lib.cx_tensors_at(t, i).contents
        out[x.name.decode()] = (NAMES[x.dtype], list(x.shape[:x.ndim]),
                                c.string_at(x.data, x.bytes))
    form = lib.cx_tensors_metadata(t, b"format")
    ok(lib, lib.cx_tensors_check(t))
    lib.cx_tensors_close(t)
    return out, form


def cortex_write(lib, path, tensors):
    plan = (Tensor * len(tensors))()
    for p, (name, (dtype, shape, _)) in zip(plan, tensors.items()):
        p.name, p.dtype, p.ndim = name.encode(), NAMES.index(dtype), len(shape)
        p.shape[:len(shape)] = shape
    w = c.c_void_p()
    ok(lib, lib.cx_tensor_writer_open(path.encode(), plan, len(plan), Metadata(b"format", b"mlx"), 1,
                                      c.byref(w)))
    for i, (_, _, data) in enumerate(tensors.values()):
        ok(lib, lib.cx_tensor_writer_write(w, i, 0, data, len(data)))
    ok(lib, lib.cx_tensor_writer_finish(w))


def raw(path):
    """What the header says, read without any library."""
    with open(path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        base = f.tell()
        head.pop("__metadata__", None)
        out = {}
        for name, e in head.items():
            f.seek(base + e["data_offsets"][0])
            out[name] = (e["dtype"], e["shape"], f.read(e["data_offsets"][1] - e["data_offsets"][0]))
    return out


def samples():
    rng = np.random.default_rng(3)
    out = {}
    for i, dtype in enumerate(["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]):
        for shape in (), (3,), (2, 0, 5), (1, 7, 3):
            out[f"model.{i}.é\"{len(shape)}"] = rng.integers(0, 2, shape).astype(dtype)
    return out


def by_rust(lib, folder):
    path = os.path.join(folder, "rust.safetensors")
    arrays = samples()
    save_file(arrays, path, {"format": "pt"})
    got, form = cortex_read(lib, path)
    assert form == b"pt" and got.keys() == arrays.keys()
    for name, a in arrays.items():
        assert got[name][1:] == (list(a.shape), a.tobytes()), name


def by_mlx(lib, folder):
    path = os.path.join(folder, "mlx.safetensors")
    types = [mx.bool_, mx.uint8, mx.int8, mx.uint16, mx.int16, mx.uint32, mx.int32, mx.uint64,
             mx.int64, mx.float16, mx.bfloat16, mx.float32, mx.complex64]
    arrays = {f"{'x' * i}.weight": (mx.arange(6 + i) % 5).astype(t) for i, t in enumerate(types)}
    mx.save_safetensors(path, arrays, {"format": "mlx"})
    got, form = cortex_read(lib, path)
    assert form == b"mlx" and got == raw(path) and got.keys() == arrays.keys()


def for_both(lib, folder):
    path = os.path.join(folder, "ours.safetensors")
    rng = np.random.default_rng(5)
    plan = {f"t.{i}.ü\n": (n, [2, i, 3], b"") for i, n in enumerate(NAMES)}
    size = dict(zip(NAMES, [1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8, 8, 1, 1, 1]))
    plan = {k: (n, s, rng.integers(0, 2, 6 * s[1] * size[n]).astype("u1").tobytes())
            for k, (n, s, _) in plan.items()}
    cortex_write(lib, path, plan)
    assert list(raw(path).items()) == list(plan.items())
    with safetensors.safe_open(path, "np") as f:
        assert set(f.keys()) == set(plan) and f.metadata() == {"format": "mlx"}
        for name, (dtype, shape, _) in plan.items():
            part = f.get_slice(name)
            assert (part.get_dtype(), part.get_shape()) == (dtype, shape), name
    numpy_types = {k: v for k, v in plan.items() if v[0] not in ("BF16", "C64") and "F8" not in v[0]}
    cortex_write(lib, path, numpy_types)
    for name, a in load_file(path).items():
        assert a.tobytes() == plan[name][2], name
    mlx_types = {k: v for k, v in plan.items() if v[0] not in ("F64", "F8_E5M2")}
    cortex_write(lib, path, mlx_types)
    loaded, form = mx.load(path, return_metadata=True)
    assert form == {"format": "mlx"} and loaded.keys() == mlx_types.keys()
    for name, a in loaded.items():
        view = a if a.size == 0 or a.dtype == mx.bool_ else a.view(mx.uint8)
        assert np.array(view).tobytes() == plan[name][2], name


def no_tensors(lib, folder):
    path = os.path.join(folder, "none.safetensors")
    save_file({}, path)
    assert cortex_read(lib, path) == ({}, None)
    cortex_write(lib, path, {})
    assert load_file(path) == {}


def main():
    lib = library(sys.argv[1])
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for test in by_rust, by_mlx, for_both, no_tensors:
            try:
                test(lib, folder)
                passed += 1
            except Exception as e:  # each test is reported, none hides the next
                print(f"FAIL {test.__name__}: {type(e).__name__}: {e}")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
