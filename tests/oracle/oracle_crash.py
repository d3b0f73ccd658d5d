"""Kills `cortex convert` at every system call that changes files, and makes each such call fail, under
strace: the target must be absent (or the old model, with --force) or a complete model that verifies;
failures must say path and cause and leave nothing; the next run must succeed over what is left.

    python tests/oracle/oracle_crash.py BUILD [RANDOM_KILLS]

Needs strace. A tiny tmpfs for the full disk needs root; without it that part is skipped by name."""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALLS = ["mkdir", "openat", "flock", "fallocate", "ftruncate", "write", "pwrite64", "pread64", "read",
         "mmap", "fsync", "renameat2", "unlinkat", "rmdir", "close"]
# What is done by then is not undone, or the failure means nothing: cleaning up, closing what was read.
NO_ERROR = {"flock", "unlinkat", "rmdir"}


def checkpoint(folder):
    """A llama that is large enough for a few pieces per tensor."""
    h, vocab = 512, 2100
    shapes = {"model.embed_tokens.weight": (vocab, h), "model.norm.weight": (h,)}
    for i in range(2):
        p = f"model.layers.{i}."
        shapes |= {p + f"self_attn.{x}_proj.weight": (h, h) for x in "qkvo"}
        shapes |= {p + f"mlp.{x}_proj.weight": (h, h) for x in ("gate", "up", "down")}
        shapes |= {p + f"{x}_layernorm.weight": (h,) for x in ("input", "post_attention")}
    header, at, data = {}, 0, b""
    rng = random.Random(1)
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        data += struct.pack("<64H", *(rng.randrange(0x3C00, 0x3F00) for _ in range(64))) * (count // 64)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + 2 * count]}
        at += 2 * count
    text = json.dumps(header).encode()
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "hidden_size": h, "intermediate_size": h, "num_hidden_layers": 2,
        "num_attention_heads": 8, "rms_norm_eps": 1e-5, "vocab_size": vocab,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16"}))
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    (folder / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}')


def signals_as_in_a_shell():
    """Background jobs inherit an ignored SIGINT, which cortex leaves ignored."""
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.SIG_DFL)


class Box:
    """A folder with a checkpoint, and how its conversion is run and judged."""

    def __init__(self, cortex, work):
        self.cortex, self.work = cortex, work
        self.src, self.out = work / "src", work / "place" / "out"
        checkpoint(self.src)
        self.out.parent.mkdir()

    def command(self, *more):
        return [self.cortex, "convert", str(self.src), "-o", str(self.out), *more]

    def trace(self, call, n, what, *more):  # strace counts the calls of each thread on its own
        return subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:{what}:when={n}", *self.command("--threads=1", *more)],
                              capture_output=True, text=True, preexec_fn=signals_as_in_a_shell)

    def count(self, call, *more):
        log = self.work / "log"
        subprocess.run(["strace", "-f", "-o", str(log), "-e", f"trace={call}",
                        *self.command("--threads=1", *more)],
                       capture_output=True, check=True)
        shutil.rmtree(self.out)
        return sum(f"{call}(" in line for line in log.read_text().splitlines())

    def verify(self):
        r = subprocess.run([self.cortex, "verify", str(self.out)], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr

    def names(self):
        return sorted(os.listdir(self.out.parent))

    def judge(self, old):
        """What a killed run may leave, and that the next succeeds."""
        visible = [n for n in self.names() if not n.startswith(".out.tmp-")]
        assert visible in ([], ["out"]) and (visible or not old), f"left: {self.names()}"
        if visible:
            self.verify()
        r = subprocess.run(self.command("--force"), capture_output=True, text=True)
        assert r.returncode == 0, f"the next run fails: {r.stderr}"
        self.verify()
        assert self.names() == ["out"], f"not cleaned: {self.names()}"

    def fresh(self, old):
        for n in self.names():
            shutil.rmtree(self.out.parent / n)
        if old:
            subprocess.run(self.command("--recipe", "none"), check=True, capture_output=True)


WRITES = {"write", "pwrite64", "fsync", "renameat2", "mkdir", "ftruncate", "fallocate"}


def steps(call, total):
    """All calls that write; of others all of few, a spread of many."""
    if call in WRITES or total <= 14:
        return range(1, total + 1)
    return sorted({1 + i * (total - 1) // 13 for i in range(14)})


def kills(box):
    for old in (False, True):
        for call in CALLS:
            box.fresh(False)
            for n in steps(call, box.count(call)):
                box.fresh(old)
                r = box.trace(call, n, "signal=SIGKILL", *(["--force"] if old else []))
                assert r.returncode != 0 or call in ("close", "flock", "unlinkat"), f"{call} {n}: not killed"
                yield f"kill at {call} {n}{' over an old model' if old else ''}", lambda: box.judge(old)


def errors(box):
    for call in CALLS:
        box.fresh(False)
        total = 0 if call in NO_ERROR else box.count(call)
        for n in steps(call, total):
            for error in ("ENOSPC", "EIO"):
                box.fresh(False)
                r = box.trace(call, n, f"error={error}")

                def judge():
                    if r.returncode in (127, -11) and call in ("openat", "read", "pread64", "mmap", "close"):
                        return  # the dynamic loader's
                    if r.returncode == 0 or "standard output" in r.stderr:  # harmless, or too late
                        box.verify()
                        return
                    assert r.returncode == 1, f"status {r.returncode}: {r.stderr}"
                    assert box.names() == [], f"left: {box.names()} after: {r.stderr}"
                    assert len(r.stderr.strip().splitlines()) == 1, f"said: {r.stderr}"

                yield f"{error} at {call} {n}", judge


def random_kills(box, times):
    rng = random.Random(7)
    for i in range(times):
        old = i % 2 == 1
        box.fresh(old)
        p = subprocess.Popen(box.command(*(["--force"] if old else [])), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.12)
        p.send_signal(signal.SIGKILL)
        p.wait()
        yield f"random kill {i}", lambda: box.judge(old)


def signals(box):
    for sig, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        box.fresh(False)
        r = box.trace("pwrite64", 5, f"signal={sig.name}")

        def judge():
            assert r.returncode in (status, -sig), f"status {r.returncode}"
            assert box.names() == [], f"left: {box.names()}"

        yield f"{sig.name} in the middle", judge


def chip_kills(box):
    """`cortex convert` asked again with a chip rewrites a folder that is there."""
    chip = ["--chip", "m3_pro"]
    for call in ("mkdir", "linkat", "link", "write", "fsync", "renameat2", "unlink", "rmdir"):
        box.fresh(False)
        subprocess.run(box.command(), check=True, capture_output=True)
        for n in steps(call, box.count(call, *chip)):
            box.fresh(False)
            subprocess.run(box.command(), check=True, capture_output=True)
            box.trace(call, n, "signal=SIGKILL", *chip)
            yield f"chip: kill at {call} {n}", lambda: box.judge(True)


def changes(box):
    """A source that is written to, or cut, while it is read: nothing appears."""
    file = box.src / "model.safetensors"
    for label, change in (("touched", lambda: os.utime(file)),
                          ("cut", lambda: os.truncate(file, file.stat().st_size // 2))):
        box.fresh(False)
        saved = file.read_bytes()
        p = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                              "inject=pwrite64:delay_enter=100000:when=3",
                              *box.command("--threads=1")], stderr=subprocess.PIPE, text=True,
                             stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not any(n.startswith(".out.tmp-") for n in box.names()) and time.monotonic() < deadline:
            time.sleep(0.001)
        change()
        said = p.communicate()[1]
        file.write_bytes(saved)

        def judge():
            assert p.returncode == 1 and str(box.src) in said, f"status {p.returncode}: {said}"
            assert box.names() == [], f"left: {box.names()}"

        yield f"source {label} while it is read", judge


def full_disk(box):
    place = box.out.parent
    for kb in (16, 512, 2000):  # the result has 3.3 MB
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kb}k", "none", str(place)],
                          capture_output=True).returncode:
            print("SKIP full disk: mounting a tmpfs needs root")
            return
        r = subprocess.run(box.command(), capture_output=True, text=True)
        left = box.names()
        subprocess.run(["umount", str(place)], check=True)

        def judge():
            assert r.returncode == 1 and "No space left" in r.stderr and str(place) in r.stderr, r.stderr
            assert left == [], f"left: {left}"

        yield f"full disk of {kb} kB", judge


def main():
    cortex = str(Path(sys.argv[1]).resolve() / "cortex")
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    if not shutil.which("strace"):
        print("SKIP crash: strace is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        box = Box(cortex, Path(tmp))
        box.fresh(False)
        for part in (kills(box), errors(box), random_kills(box, times), chip_kills(box), signals(box),
                     changes(box), full_disk(box)):
            for label, judge in part:
                try:
                    judge()
                    passed += 1
                except AssertionError as e:
                    failed += 1
                    print(f"FAIL crash {label}: {e}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
