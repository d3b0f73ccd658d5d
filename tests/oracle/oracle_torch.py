"""PyTorch checkpoints: cortex reads every element that torch.load reads.

Usage: oracle_torch.py BUILD. Random checkpoints of torch.save in both formats and all protocols,
with views, shared storages, parameters, nested dicts and other values beside the tensors; and real
shapes of file (several storages, a training run's dict). Needs a C compiler (CC) for
tests/oracle/torch_dump.c.
"""
import collections
import os
import random
import shlex
import subprocess
import sys
import tempfile
import warnings

import torch

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16",
         torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
         torch.uint8: "U8", torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64",
         torch.bool: "BOOL", torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3",
         torch.float8_e5m2: "F8_E5M2", torch.float8_e8m0fnu: "F8_E8M0"}
UNTYPED = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
           torch.float8_e8m0fnu]  # saved with untyped storages
UNSUPPORTED = [torch.complex128, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def build_tool(build, folder):
    tool = os.path.join(folder, "torch_dump")
    command = shlex.split(os.environ.get("CC", "cc")) + ["-D_GNU_SOURCE", "-Isrc", "-Iinclude"]
    command += shlex.split(os.environ.get("SANFLAGS", ""))
    command += ["tests/oracle/torch_dump.c", os.path.join(build, "libcortex.a"), "-o", tool]
    command += shlex.split(os.environ.get("LIBS", "-ljansson -lm -lpthread"))
    subprocess.run(command, check=True)
    return subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def read(tool, path):
    """[(name, dtype, shape, bytes)], or the sentence of an error."""
    tool.stdin.write(path.encode() + b"\n")
    tool.stdin.flush()
    head, _, rest = tool.stdout.readline().decode().rstrip("\n").partition(" ")
    if head != "ok":
        return rest
    out = []
    for _ in range(int(rest)):
        words = tool.stdout.readline().decode().split()
        ndim = int(words[1])
        name = tool.stdout.read(int(words[-2])).decode()
        out.append((name, words[0], [int(w) for w in words[2:2 + ndim]],
                    tool.stdout.read(int(words[-1]))))
    return out


def raw(x):
    """Elements in row-major order, without conversion."""
    if x.numel() == 0:
        return b""
    x = torch.empty(x.shape, dtype=x.dtype).copy_(x.detach())
    return x.reshape(-1).view(torch.uint8).numpy().tobytes()


def expected(state):
    return [(k, TYPES[v.dtype], list(v.shape), raw(v)) for k, v in state.items()
            if isinstance(v, torch.Tensor)]


def random_tensor(rng, pool):
    if pool and rng.random() < 0.3:
        x = rng.choice(pool)
    else:
        dtype = rng.choice(list(TYPES))
        shape = [rng.randrange(0 if rng.random() < 0.2 else 1, 6) for _ in range(rng.randrange(0, 5))]
        size = torch.empty((), dtype=dtype).element_size()
        count = 1
        for n in shape:
            count *= n
        data = torch.tensor([rng.randrange(2 if dtype == torch.bool else 256)
                             for _ in range(count * size)], dtype=torch.uint8)
        x = data.view(dtype).reshape(shape) if count else torch.zeros(shape, dtype=dtype)
        pool.append(x)
    for _ in range(rng.randrange(3)):
        x = view(rng, x)
    return x


def view(rng, x):
    kind = rng.randrange(5)
    if kind == 0 and x.dim() >= 2:
        return x.transpose(*rng.sample(range(x.dim()), 2))
    if kind == 1 and x.dim() and x.shape[0]:
        begin = rng.randrange(x.shape[0])
        return x[begin:rng.randrange(begin, x.shape[0]) + 1]
    if kind == 2 and x.dim():
        return x[..., ::2]
    if kind == 3 and x.dim() < 5:
        return x.unsqueeze(0).expand(3, *x.shape)
    if kind == 4 and x.dim() and x.shape[-1]:
        return x[..., rng.randrange(x.shape[-1])]
    return x


def other(rng):
    return rng.choice([None, True, 3, -2**31, 2**40, -2**70, 2.5, "text é", [1, [2, "x"]],
                       (1, 2, 3, 4), {"a": {"b": []}}, torch.Size([2, 3]), torch.float16,
                       torch.device("cpu"), [], "x" * 300])


def random_state(rng):
    state = rng.choice([dict, collections.OrderedDict])()
    pool = []
    for i in range(rng.randrange(1, 12)):
        x = random_tensor(rng, pool)
        if rng.random() < 0.3 and (x.is_floating_point() and x.element_size() > 1):
            x = torch.nn.Parameter(x, requires_grad=rng.random() < 0.5)
        state[rng.choice(["layers.", "é.", "long" * 80 + "."]) + str(i)] = x
        if rng.random() < 0.3:
            state["other.%d" % i] = other(rng)
    return state


def random_case(rng, tool, path):
    state = random_state(rng)
    whole = state
    if rng.random() < 0.4:
        whole = {rng.choice(["state_dict", "model"]): state, "epoch": 3, "best": torch.tensor(0.5),
                 "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]},
                 "note": other(rng)}
    zipped = rng.random() < 0.6
    protocol = rng.randrange(2, 6)
    try:
        torch.save(whole, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    except RuntimeError as e:  # views of one storage with two types, which no case makes
        raise AssertionError(str(e)) from e
    # torch.load itself fails on these types in a stream.
    skip = not zipped and any(isinstance(v, torch.Tensor) and v.dtype in UNTYPED
                              for v in state.values())
    loaded = whole if skip else torch.load(path, weights_only=False)
    if whole is not state:
        loaded = loaded["state_dict" if "state_dict" in loaded else "model"]
    got = read(tool, path)
    assert got == expected(loaded), (got if isinstance(got, str) else "differs", protocol, zipped)


def random_cases(tool, folder):
    path = os.path.join(folder, "random.pt")
    for seed in range(400):
        try:
            random_case(random.Random(seed), tool, path)
        except AssertionError as e:
            raise AssertionError(f"seed {seed}: {e}") from e


def protocol_1(tool, folder):
    path = os.path.join(folder, "one.pt")
    state = {"a": torch.arange(6.).reshape(2, 3).t(), "n": 2**40, "b": True, "i": -5}
    for zipped in True, False:
        torch.save(state, path, pickle_protocol=1, _use_new_zipfile_serialization=zipped)
        assert read(tool, path) == expected(state), read(tool, path)


def modules(tool, folder):
    """What libraries save: a state_dict with its versions, tied weights, half precision."""
    path = os.path.join(folder, "pytorch_model.bin")
    net = torch.nn.ModuleDict({"embed": torch.nn.Embedding(11, 4), "norm": torch.nn.BatchNorm1d(4),
                               "block": torch.nn.TransformerEncoderLayer(4, 2, 8),
                               "head": torch.nn.Linear(4, 11, bias=False)})
    net["head"].weight = net["embed"].weight
    for dtype in torch.float32, torch.bfloat16:
        torch.save(net.to(dtype).state_dict(), path)
        assert read(tool, folder) == expected(net.state_dict())


def check_text(text, part):
    assert isinstance(text, str) and part in text, f"{text!r} lacks {part!r}"


def unsupported(tool, folder):
    path = os.path.join(folder, "bad.pt")
    for dtype in UNSUPPORTED:
        for zipped in True, False:
            torch.save({"x": torch.zeros(2, dtype=dtype)}, path,
                       _use_new_zipfile_serialization=zipped)
            check_text(read(tool, path), "supported")
    torch.save({"x": torch.view_as_complex(torch.ones(2, 2)).conj()}, path)
    check_text(read(tool, path), "metadata")
    torch.save({"x": torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)}, path)
    check_text(read(tool, path), "_rebuild_qtensor")
    torch.save({"x": torch.ones(2, 2).to_sparse()}, path)
    check_text(read(tool, path), "_rebuild_sparse_tensor")
    torch.save(torch.nn.Linear(2, 2), path)
    check_text(read(tool, path), "torch.nn.modules.linear.Linear")
    torch.save(torch.ones(2), path)
    check_text(read(tool, path), "expected a dict of tensors, found a tensor")
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    check_text(read(tool, path), "compression method 8")


def main():
    warnings.simplefilter("ignore")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        tool = build_tool(sys.argv[1], folder)
        for test in random_cases, protocol_1, modules, unsupported:
            inner = os.path.join(folder, test.__name__)
            os.mkdir(inner)
            try:
                test(tool, inner)
                passed += 1
            except Exception as e:  # each test is reported, none hides the next
                print(f"FAIL {test.__name__}: {type(e).__name__}: {e}")
                failed += 1
        tool.stdin.close()
        tool.wait()
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
