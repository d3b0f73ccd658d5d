"""cortex writes JSON as Python's json module does: floats of all kinds, strings, nested values.

Usage: oracle_json.py BUILD. Needs a C compiler (CC) for tests/oracle/json_dump.c.
"""
import json
import os
import random
import shlex
import struct
import subprocess
import sys
import tempfile

FORMS = [  # arguments of json_dump, of json.dumps
    (("0", "0"), dict(separators=(",", ":"))),
    (("-1", "1"), dict(sort_keys=True)),
    (("4", "1"), dict(indent=4, sort_keys=True)),
    (("2", "0"), dict(indent=2)),
]


def build_tool(build, folder):
    tool = os.path.join(folder, "json_dump")
    command = shlex.split(os.environ.get("CC", "cc")) + ["-D_GNU_SOURCE", "-Isrc", "-Iinclude"]
    command += shlex.split(os.environ.get("SANFLAGS", ""))
    command += ["tests/oracle/json_dump.c", os.path.join(build, "libcortex.a"), "-o", tool]
    command += shlex.split(os.environ.get("LIBS", "-ljansson -lm -lpthread"))
    subprocess.run(command, check=True)
    return tool


def dumped(tool, form, values):
    text = "".join(json.dumps(v) + "\n" for v in values)
    out = subprocess.run([tool, *form], input=text, capture_output=True, text=True, check=True)
    return out.stdout.split("\n\x01\n")[:-1]


def compare(tool, values, forms):
    bad = 0
    for form, options in forms:
        got = dumped(tool, form, values)
        assert len(got) == len(values)
        for v, text in zip(values, got):
            if text != json.dumps(v, **options):
                bad += 1
                if bad < 5:
                    print(f"FAIL {form}: {text!r}, Python: {json.dumps(v, **options)!r}")
    return bad


def floats(rng):
    out = [0.0, -0.0, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308]
    out += [2.0**e for e in range(-1074, 1024)] + [-(10.0**e) for e in range(-300, 300)]
    for e in range(-1022, 1023):  # neighbours of powers of two, where doubles change density
        bits = struct.unpack("<q", struct.pack("<d", 2.0**e))[0]
        out += [struct.unpack("<d", struct.pack("<q", bits + d))[0] for d in (-2, -1, 1, 2)]
    while len(out) < 250000:
        v = struct.unpack("<d", rng.randbytes(8))[0]
        if v == v and abs(v) != float("inf"):
            out.append(v)
        out += [rng.random(), round(rng.uniform(-1e6, 1e6), rng.randrange(8)),
                struct.unpack("<f", struct.pack("<f", rng.gauss(0, 1)))[0]]
    return out


def text(rng):
    return "".join(chr(rng.choice([rng.randrange(1, 128), rng.randrange(128, 0xd800),
                                   rng.randrange(0xe000, 0x110000)]))
                   for _ in range(rng.randrange(12)))


def value(rng, depth):
    kind = rng.randrange(9 if depth else 6)
    if kind == 6:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind > 6:
        return {text(rng): value(rng, depth - 1) for _ in range(rng.randrange(5))}
    return [None, True, False, rng.randrange(-2**63, 2**63), rng.gauss(0, 1e9), text(rng)][kind]


def main():
    rng = random.Random(11)
    with tempfile.TemporaryDirectory() as folder:
        tool = build_tool(sys.argv[1], folder)
        bad = {"floats": compare(tool, floats(rng), FORMS[:1]),
               "values": compare(tool, [value(rng, 4) for _ in range(20000)], FORMS)}
    for name, n in bad.items():
        if n:
            print(f"FAIL {name}: {n} texts differ")
    failed = sum(n > 0 for n in bad.values())
    print(f"{len(bad) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
