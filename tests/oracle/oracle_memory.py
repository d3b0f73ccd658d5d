"""Converts checkpoints far larger than the memory that the conversion may use.

    python tests/oracle/oracle_memory.py BUILD [--large]

Always: 6 GB, of which one tensor has 4 GB, with 512 MiB for everything but mapped files
(RLIMIT_DATA), with 2 and with 32 threads, and back from 4 bits.
--large (make nightly): 30 GB, in a memory control group of 2 GiB, page cache included. Needs root and
20 GB of disk; without these it is skipped by name. The checkpoints are sparse: zeros, and the same
64 KiB again and again."""
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLOCK = 1 << 16


def checkpoint(folder, hidden, layers, vocab, every):
    """A llama of bf16; every `every` bytes a block of values, zeros between."""
    inter = 4 * hidden
    shapes = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + f"self_attn.{x}_proj.weight": (hidden, hidden) for x in "qkvo"}
        shapes |= {p + f"mlp.{x}_proj.weight": (inter, hidden) for x in ("gate", "up")}
        shapes |= {p + "mlp.down_proj.weight": (hidden, inter)}
        shapes |= {p + f"{x}_layernorm.weight": (hidden,) for x in ("input", "post_attention")}
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    rng = random.Random(1)
    block = struct.pack(f"<{BLOCK // 2}H", *(rng.randrange(0x3C00, 0x3F00) for _ in range(BLOCK // 2)))
    folder.mkdir()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        start = f.tell()
        f.truncate(start + at)
        for offset in range(0, at - BLOCK, every):
            f.seek(start + offset)
            f.write(block)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "hidden_size": hidden, "intermediate_size": inter,
        "num_hidden_layers": layers, "num_attention_heads": 32, "rms_norm_eps": 1e-5,
        "vocab_size": vocab, "tie_word_embeddings": True, "torch_dtype": "bfloat16"}))
    return at


def limited(limit):
    def apply():
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return apply


def convert(cortex, source, target, *args, **kwargs):
    began = time.monotonic()
    r = subprocess.run([cortex, "convert", source, "-o", target, *map(str, args)],
                       capture_output=True, text=True, **kwargs)
    assert r.returncode == 0, f"exit status {r.returncode}: {r.stderr.strip()}"
    return time.monotonic() - began


def bounded(cortex, work):
    source = work / "six"
    size = checkpoint(source, 2048, 20, 1_000_000, 64 << 20)
    for threads in (2, 32):
        target = work / f"out{threads}"
        seconds = convert(cortex, source, target, "-t", threads, preexec_fn=limited(512 << 20))
        print(f"{size / 1e9:.1f} GB with 512 MiB, {threads} threads: {seconds:.1f} s")
        subprocess.run([cortex, "verify", target], check=True, stdout=subprocess.DEVNULL)
        if threads == 2:
            seconds = convert(cortex, target, work / "back", "--dequantize",
                              preexec_fn=limited(512 << 20))
            print(f"unpacked again: {seconds:.1f} s")
            shutil.rmtree(work / "back")
        shutil.rmtree(target)
    shutil.rmtree(source)
    return 3


class Group:
    """A memory control group of either version, None where none can be made."""

    def __init__(self, limit):
        for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                           ("/sys/fs/cgroup", "memory.max")):
            path = Path(root) / f"cortex-test-{os.getpid()}"
            try:
                path.mkdir()
                (path / name).write_text(str(limit))
                self.path = path
                return
            except OSError:
                if path.exists():
                    path.rmdir()
        self.path = None

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self):
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if (self.path / name).exists():
                return int((self.path / name).read_text())
        return 0


def large(cortex, work):
    group = Group(2 << 30)
    if group.path is None:
        print("SKIP memory large: no memory control group can be made here")
        return 0, 1
    if shutil.disk_usage(work).free < 20 << 30:
        print("SKIP memory large: less than 20 GB of disk")
        return 0, 1
    try:
        size = checkpoint(work / "thirty", 4096, 68, 128256, 256 << 20)
        seconds = convert(cortex, work / "thirty", work / "out", preexec_fn=group.enter)
        print(f"{size / 1e9:.1f} GB in a group of 2 GiB: {seconds:.1f} s, "
              f"peak {group.peak() / 2**30:.2f} GiB with page cache")
        subprocess.run([cortex, "verify", work / "out"], check=True, stdout=subprocess.DEVNULL)
    finally:
        group.path.rmdir()
    return 1, 0


def main():
    cortex = str(Path(sys.argv[1]).resolve() / "cortex")
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("CORTEX_BIG_TMP")) as tmp:
        try:
            passed += bounded(cortex, Path(tmp))
            if "--large" in sys.argv:
                p, s = large(cortex, Path(tmp))
                passed, skipped = passed + p, skipped + s
        except (AssertionError, subprocess.CalledProcessError) as e:
            print(f"FAIL memory: {e}")
            failed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
