"""Tokenizers that cortex rebuilds give the ids that the originals give.

Usage: oracle_rebuild.py BUILD. Needs a C compiler (CC) for tests/oracle/rebuild.c.
For every source: (1) cortex with the rebuilt tokenizer.json, (2) the tokenizers library with the same
file, (3) the original: the model's own tokenizer.json, or the sentencepiece library on its model.
Sources: the folders of ../shared/data/tokenizers (skipped by name where missing) as files and as a
GGUF file would hold them, and models that golden_rebuild.py trains.
"""
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import golden_rebuild  # noqa: E402
import golden_tokenizers as texts  # noqa: E402
import sentencepiece  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

DATA = os.environ.get("CORTEX_DATA") or os.path.join("..", "shared", "data")
RANDOM_TEXTS = 400
# Folder, files to copy, members of tokenizer_config.json to set.
FOLDERS = [
    ("gpt2", ["vocab.json", "merges.txt"], {"tokenizer_class": "GPT2Tokenizer"}),
    ("llama2-tinyllama", ["tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"],
     {"legacy": True}),
    ("llama3", ["tokenizer.model", "tokenizer_config.json"], {}),
    ("qwen3", ["tokenizer_config.json"], {}),
    ("pythia", ["tokenizer_config.json"], {"tokenizer_class": "GPTNeoXTokenizer"}),
]
# Folder, GGUF's tokenizer.ggml.model and .pre.
GGUFS = [("gpt2", "gpt2", "gpt-2"), ("llama3", "gpt2", "llama-bpe"), ("qwen3", "gpt2", "qwen2"),
         ("falcon", "gpt2", "falcon"), ("pythia", "gpt2", "olmo"),
         ("smollm2-135m-instruct", "gpt2", "smollm"), ("llama2-tinyllama", "llama", "default"),
         ("phi-3", "llama", "default")]


def build_tool(build, folder):
    tool = os.path.join(folder, "rebuild")
    command = shlex.split(os.environ.get("CC", "cc")) + ["-D_GNU_SOURCE", "-Isrc", "-Iinclude"]
    command += shlex.split(os.environ.get("SANFLAGS", ""))
    command += ["tests/oracle/rebuild.c", os.path.join(build, "libcortex.a"), "-o", tool]
    command += shlex.split(os.environ.get(
        "LIBS", "-ljansson -lpcre2-8 -lutf8proc -lxxhash -lm -lpthread"))
    subprocess.run(command, check=True)
    return tool


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))


def files_of(name, files, members, folder):
    """The folder as it would be without its tokenizer.json."""
    source = os.path.join(DATA, "tokenizers", name)
    config = {}
    for f in files:
        with open(os.path.join(source, f), "rb") as old:
            data = old.read()
        if f == "tokenizer_config.json":
            config = json.loads(data)
            continue
        with open(os.path.join(folder, f), "wb") as new:
            new.write(data)
    if len(files) == 1:  # vocab.json and merges.txt out of tokenizer.json
        model = json.load(open(os.path.join(source, "tokenizer.json"), encoding="utf-8"))["model"]
        write(folder, "vocab.json", model["vocab"])
        write(folder, "merges.txt", "#version: 0.2\n" + "".join(
            (m if isinstance(m, str) else " ".join(m)) + "\n" for m in model["merges"]))
    config.update(members)
    write(folder, "tokenizer_config.json", config)


def source_of(name, model, pre):
    """What a GGUF file would say of the tokenizer."""
    folder = os.path.join(DATA, "tokenizers", name)
    t = json.load(open(os.path.join(folder, "tokenizer.json"), encoding="utf-8"))
    tokens, types = {}, {}
    for text, i in t["model"]["vocab"].items():
        tokens[i], types[i] = text, 1
        if model == "llama" and len(text) == 6 and text.startswith("<0x"):
            types[i] = 6
    for a in t["added_tokens"]:
        tokens[a["id"]], types[a["id"]] = a["content"], 3 if a["special"] else 4
    if model == "llama":
        types[0] = 2
    count = max(tokens) + 1
    source = {"model": model, "pre": pre, "tokens": [tokens.get(i, "[PAD%d]" % i) for i in range(count)],
              "types": [types.get(i, 5) for i in range(count)]}
    if model == "llama":
        # Phi-3 has the pieces of Llama 2 and more tokens; their score, as in GGUF files: -1000.
        path = os.path.join(DATA, "tokenizers", "llama2-tinyllama", "tokenizer.model")
        spm = sentencepiece.SentencePieceProcessor(model_file=path)
        pieces = spm.get_piece_size()
        source["scores"] = [spm.get_score(i) if i < pieces else -1000.0 for i in range(count)]
        source.update(bos=1, eos=2, unk=0)
    else:
        source["merges"] = [m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]]
    for name, key in (("bos_token", "bos"), ("eos_token", "eos")):
        path = os.path.join(folder, "tokenizer_config.json")
        config = json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}
        value = config.get(name)
        value = value["content"] if isinstance(value, dict) else value
        if value in tokens.values():
            source[key] = next(i for i, text in tokens.items() if text == value)
    post = json.dumps(t["post_processor"])
    source["add_bos"] = int("TemplateProcessing" in post and "SpecialToken" in post)
    return source


def texts_of(name, specials):
    rng = random.Random(name)
    out = list(texts.TEXTS) + [texts.random_text(rng) for _ in range(RANDOM_TEXTS)]
    path = os.path.join(DATA, "tokenizers", name, "expected.jsonl")
    if os.path.exists(path):
        out += [json.loads(line)["text"] for line in open(path, encoding="utf-8")]
    for s in specials[:40]:
        out += [s, "a" + s + "b", s + s, " " + s + " x", "x " + s + "y" + s]
    return out


class Result:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.tie = None

    def check(self, name, ours, theirs, original, samples):
        """original(text, special) -> ids or None; compares ids, and decoding of the ids."""
        bad = 0
        for text in samples:
            for special in (False, True):
                want = original(text, special)
                library = theirs.encode(text, add_special_tokens=special).ids
                ids = ours.encode(text, special)
                bad += self.differs(name, "original", text, library, want)
                bad += self.differs(name, "cortex", text, ids, library)
                if special:
                    continue
                for keep in (False, True):
                    text2 = theirs.decode(ids, skip_special_tokens=not keep)
                    bad += self.differs(name, "decoded", text, ours.decode(ids, keep), text2)
            if bad > 5:
                break
        self.passed += bad == 0
        self.failed += bad != 0

    def differs(self, name, what, text, got, want):
        if want is None or got == want or (what == "original" and self.tie and self.tie(got, want)):
            return 0
        print("%s: %s: %r: %r, expected %r" % (name, what, text[:80], got[:20], want[:20]))
        return 1


def specials(slow):
    return [t.content for t in slow.added_tokens_decoder.values()]


def specials_of(path):
    return [a["content"] for a in json.load(open(path, encoding="utf-8"))["added_tokens"]]


def compare(result, lib, tool, name, arguments, out, original, samples):
    os.makedirs(out, exist_ok=True)
    subprocess.run([tool, *arguments, out], check=True)
    path = os.path.join(out, "tokenizer.json")
    ours, theirs = texts.Cortex(lib, path), Tokenizer.from_file(path)
    result.check(name, ours, theirs, original, samples)
    ours.close()


def real(result, lib, tool, folder):
    cases = [("files " + f[0], f[0], f) for f in FOLDERS] + [("gguf " + g[0], g[0], g) for g in GGUFS]
    for label, name, case in cases:
        old = os.path.join(DATA, "tokenizers", name, "tokenizer.json")
        if not os.path.exists(old):
            print("SKIP %s: %s is missing" % (label, old))
            result.skipped += 1
            continue
        made = os.path.join(folder, label.replace(" ", "-"))
        os.makedirs(made)
        if label.startswith("files"):
            files_of(*case, made)
            arguments = [made]
        else:
            write(made, "source.json", source_of(*case))
            arguments = ["--source", os.path.join(made, "source.json")]
        original = Tokenizer.from_file(old)
        compare(result, lib, tool, label, arguments, os.path.join(made, "out"),
                lambda text, special: original.encode(text, add_special_tokens=special).ids,
                texts_of(name, specials_of(old)))


def pieces(result, lib, tool, folder, name, path, config):
    """A SentencePiece model against the sentencepiece library."""
    made = os.path.join(folder, name)
    os.makedirs(made)
    with open(path, "rb") as old, open(os.path.join(made, "tokenizer.model"), "wb") as new:
        new.write(old.read())
    write(made, "tokenizer_config.json", config)
    spm = sentencepiece.SentencePieceProcessor(model_file=path)
    ids = golden_rebuild.sentencepiece_ids(path)

    def tie(got, want):
        """sentencepiece adds scores as f32, so of two Unigram paths of one score it may take the
        other: the same number of unknown characters and the same sum, to the rounding of f32."""
        sums = [sum(spm.get_score(i) for i in ids) for ids in (got, want)]
        same = spm.decode(got) == spm.decode(want) and got.count(spm.unk_id()) == want.count(spm.unk_id())
        return "unigram" in name and same and abs(sums[0] - sums[1]) <= 1e-6 * abs(sums[1]) * len(want)
    result.tie = tie
    compare(result, lib, tool, name, [made], os.path.join(made, "out"),
            lambda text, special: None if special else ids(text), texts_of(name, []) + golden_rebuild.TEXTS)
    result.tie = None


def main():
    lib, result = texts.load_library(os.path.join(sys.argv[1], "libcortex.so")), Result()
    with tempfile.TemporaryDirectory() as folder:
        tool = build_tool(sys.argv[1], folder)
        models = dict(golden_rebuild.train(os.path.join(folder, "trained")))
        for name, made, slow in golden_rebuild.folders(os.path.join(folder, "slow"), models):
            compare(result, lib, tool, "transformers " + name, [made], os.path.join(made, "out"),
                    lambda text, special: slow.encode(text, add_special_tokens=special),
                    texts_of(name, specials(slow)))
        for name, path in models.items():
            pieces(result, lib, tool, folder, "spm-" + name, path, {})
        real(result, lib, tool, folder)
        mistral = os.path.join(DATA, "tokenizers", "mistral-v3", "tokenizer.model.v3")
        if os.path.exists(mistral):
            pieces(result, lib, tool, folder, "mistral-v3", mistral, {"tokenizer_class": "LlamaTokenizer"})
        else:
            print("SKIP mistral-v3: %s is missing" % mistral)
            result.skipped += 1
    print("%d passed, %d failed, %d skipped" % (result.passed, result.failed, result.skipped))
    return result.failed != 0


if __name__ == "__main__":
    sys.exit(main())
