#!/usr/bin/env python3
"""Oracle for src/text: what the `tokenizers` library (0.23) makes of hostile text.

  tokenizers.py --golden [DIR]   writes small tokenizers and expected ids (tests/golden/tokenizers)
  tokenizers.py --live N [DIR..] compares N random texts a tokenizer with the library; DIR: folders
                                 with a tokenizer.json; without: the golden ones
  tokenizers.py --classes        compares classes and normal forms of all code points
  tokenizers.py --patterns N     compares regular expressions on N random texts each

The last three load the C library: --lib build/libcortex.so. Needs: pip install tokenizers==0.23.*
Every text here is written for this file or drawn at random (fixed seeds)."""
import argparse
import ctypes
import json
import os
import random
import sys
import tempfile

# This file has the library's name: keep its folder out of the search path.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers  # noqa: E402
from tokenizers import pre_tokenizers as pre, processors, trainers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden", "tokenizers")

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
UPPER_LOWER = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
               r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
               r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"
               r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

CORPUS = """the cat sat on the mat and the dog ran after the ball. one two three, 1 22 333 4444!
She said: "it's what I've seen; they'll come, won't they?" He didn't. We're here -- or there...
eins zwei drei, Straße, größer, été, naïve, señor, čaj, żółw; Привет мир, как дела; γειά σου κόσμε
def f(x):\n    return x + 1\n\n\tif x:  pass  # spaces   and tabs
日本語の文章と漢字、中文字符 한국어 문장 हिन्दी पाठ नमस्ते العربية نص שלום עולם ไทย
emoji 😀 👩‍👩‍👧 🇩🇪 ✊🏽 math ∑ ∀x ∈ ℝ ½ ² Ⅷ ① symbols © ® ™ € £"""
CORPUS = [line for line in CORPUS.split("\n") if line]

TEXTS = [
    "", " ", "  ", "a", " a", "a ", "  a  b   c ", "\n", "\r\n\r\n", " \n \t\n  x", "\t\tif x:\n\n\n    y",
    "the cat sat on the mat", "It's we've THEY'LL I'M he'd x'S 'ſ 'tis ''s", "12 345 6789 0.5 1,000 १२३ ½ ² Ⅷ ①",
    "Straße größer été", "e\u0301 e\u0323\u0301 e\u0301\u0323 \u0344 \u212b \u1e9b\u0323 \uf900 \u0958",
    "\uac00\u11a8 \u1100\u1161\u11a8 \ud55c\uad6d\uc5b4", "\ufb03 \u33a5 \ufdfa \u2460 \uff21\uff42",
    "日本語の文章と漢字、中文字符", "नमस्ते العربية שלום ไทย", "😀👩‍👩‍👧🇩🇪✊🏽 end", "\u200b\u200d\ufeff\u00ad\u2028\u2029\u0085\u00a0\u3000\u180e",
    "\x00\x01\x1f\x7f\x80\x9f", "\U0010ffff\U000e0001\ue000\ufffd\ufffe", "<s>", "</s>", "<unk>", "<s>a</s>", " <s> ",
    "a<s>b", "a <s> b", "<pad>", "x<pad>y", "x <pad> y", "  <pad>  <pad>  ", "word", "a word b", "aword wordb word", "NORM norm Norm",
    "x  <both>  y", "<both><both>", "\n<both>\n", "<0x41><0x0A><0xE2>", "▁a▁▁b", "Ġa Ċ", "##a##", "a</w>b", "İSTANBUL ΑΣ ǅ",
    "!?.,;:-_()[]{}'\"", "a.b,c;d", "...---...", "a_b c-d e'f", "\u0301", "a\u0301\u0301\u0301\u0301", "\u0f71\u0f72\u0f74 \u0345\u0301",
    "a" * 50, " " * 50, "\n" * 20, "1" * 20, "!" * 20, "\u0301" * 20, "ab" * 30, "us" * 30, "🙂" * 10, "é" * 20,
    "\U000139e7 \u2ebf0 \u1c89 \U00010d4a", "a\u0897b \u1df6\u0301 \U00011935\U00011930",
]
RANGES = [(0, 0x7f), (0x20, 0x7e), (0x20, 0x7e), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x5ff), (0x600, 0x6ff),
          (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x20a0, 0x214f),
          (0x2460, 0x24ff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfe00, 0xfeff),
          (0xff00, 0xffef), (0x1d400, 0x1d7ff), (0x1f000, 0x1faff), (0x20000, 0x2a6d0), (0xe0000, 0xe01ef), (0, 0x10ffff)]
BITS = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\r", "\v", "\f", "\x85", "\xa0", "\u2028", "\u3000", "\u200d",
        "'s", "'S", "'ſ", "'ll", "'LL", "'Ve", "'", "▁", "▁▁", "Ġ", "<s>", "</s>", "<unk>", "<pad>", "<both>", "word", "norm",
        "<|endoftext|>", "<0x0A>", "İ", "ﬃ", "ß", "e\u0301", "\u0301\u0323", "👩‍👩‍👧", "0", "123", "12345", "½", "_", "-", "...",
        "a", "the", "Hello", " world", "\0", "\u180e"]


def random_text(rng):
    out = []
    for _ in range(rng.randint(1, rng.choice([3, 12, 40, 100]))):
        kind = rng.random()
        if kind < 0.4:
            out.append(rng.choice(BITS) * rng.choice([1, 1, 1, 2, 5, 17]))
        elif kind < 0.55:
            line = rng.choice(CORPUS)
            at = rng.randrange(len(line))
            out.append(line[at:at + rng.randint(1, 30)])
        else:
            low, high = rng.choice(RANGES)
            for _ in range(rng.randint(1, 6)):
                c = rng.randint(low, high)
                out.append(chr(0x41 if 0xd800 <= c <= 0xdfff else c))
    return "".join(out)


# ---- the small tokenizers ----

def byte_level(vocab=330):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=vocab, show_progress=False, initial_alphabet=pre.ByteLevel.alphabet()))
    t.decoder = decoders.ByteLevel()
    return t


def characters(vocab=220, alphabet=90, byte_fallback=False, **model):
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre.Metaspace()
    special = ["<unk>"] + (["<0x%02X>" % b for b in range(256)] if byte_fallback else [])
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=vocab + len(special), show_progress=False, special_tokens=special, limit_alphabet=alphabet,
        **{k: model.pop(k) for k in list(model) if k in ("continuing_subword_prefix", "end_of_word_suffix")}))
    j = json.loads(t.to_str())
    j["added_tokens"] = []
    j["model"].update(byte_fallback=byte_fallback, **model)
    return Tokenizer.from_str(json.dumps(j))


def add_tokens(t, spaces=True):
    t.add_special_tokens([AddedToken("<s>", special=True, normalized=False),
                          AddedToken("</s>", special=True, normalized=False)])
    t.add_tokens([AddedToken("   ", rstrip=True, normalized=True)] if spaces else [])
    t.add_tokens([AddedToken("<pad>", lstrip=True, normalized=False), AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
                  AddedToken("word", single_word=True, normalized=False), AddedToken("norm", normalized=True)])
    return t


def template(t):
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", t.token_to_id("<s>")), ("</s>", t.token_to_id("</s>"))])
    return t


def edit(t, **members):
    """The tokenizer with members of its JSON replaced; "model" is updated."""
    j = json.loads(t.to_str())
    j["model"].update(members.pop("model", {}))
    j.update(members)
    return Tokenizer.from_str(json.dumps(j))


def small_tokenizers():
    t = add_tokens(byte_level())
    t.pre_tokenizer = pre.ByteLevel(add_prefix_space=True)
    t.post_processor = processors.ByteLevel()
    yield "bytes_gpt2", t
    t = template(add_tokens(byte_level()))
    t.pre_tokenizer = pre.Sequence([pre.Split(Regex(LLAMA3), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    yield "bytes_llama3", edit(t, model={"ignore_merges": True})
    t = add_tokens(byte_level())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre.Sequence([pre.Split(Regex(QWEN2), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    yield "bytes_qwen2", t
    t = add_tokens(byte_level())
    t.pre_tokenizer = pre.Sequence([pre.Split(Regex(UPPER_LOWER), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    yield "bytes_upper_lower", t
    t = byte_level()
    t.pre_tokenizer = pre.Sequence([
        pre.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
        pre.Split(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
                        r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
        pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    yield "bytes_sequence", t
    t = byte_level()
    t.pre_tokenizer = pre.Sequence([
        pre.Split(" ", "merged_with_next"), pre.Punctuation("contiguous"), pre.Digits(True),
        pre.Split(Regex("[aeiou]+"), "merged_with_previous"), pre.Split(Regex(r"\w+"), "removed", invert=True),
        pre.Split(Regex("t."), "contiguous"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    yield "bytes_behaviors", t
    t = template(add_tokens(characters(byte_fallback=True, fuse_unk=True)))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.pre_tokenizer = None
    yield "chars_llama2", t
    t = add_tokens(characters(fuse_unk=False))
    t.pre_tokenizer = pre.Metaspace("▁", "first", True)
    t.decoder = decoders.Metaspace("▁", "first", True)
    yield "chars_metaspace_first", t
    t = add_tokens(characters(fuse_unk=True), spaces=False)  # Strip would leave an empty token, on which the library panics
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(),
                                         normalizers.Replace(Regex(r"[\s]{2,}|\d"), "#")])
    t.pre_tokenizer = pre.Metaspace("▁", "always", False)
    t.decoder = decoders.Sequence([decoders.Strip("e", 0, 1), decoders.Metaspace("▁", "never"), decoders.Fuse(), decoders.Strip(" ", 2, 0)])
    yield "chars_nfkc", t
    t = characters(end_of_word_suffix="</w>")
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Nmt()])
    t.pre_tokenizer = pre.BertPreTokenizer()
    t.decoder = decoders.BPEDecoder("</w>")
    yield "chars_suffix", t
    t = add_tokens(characters(continuing_subword_prefix="##"))
    t.normalizer = normalizers.NFKD()
    t.pre_tokenizer = pre.Whitespace()
    t.decoder = None
    t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
    yield "chars_prefix", t
    t = characters(byte_fallback=True, fuse_unk=False)
    t.pre_tokenizer = pre.Sequence([pre.CharDelimiterSplit("."), pre.WhitespaceSplit(), pre.Metaspace("▁", "first", False)])
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Replace(Regex("[ae]"), "<>"), decoders.Fuse()])
    yield "chars_delimiter", t


def write_golden(folder):
    os.makedirs(folder, exist_ok=True)
    for index, (name, t) in enumerate(small_tokenizers()):
        rng = random.Random(index)
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(json.loads(t.to_str()), f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")
        t = Tokenizer.from_file(os.path.join(folder, name + ".json"))
        with open(os.path.join(folder, name + ".jsonl"), "w", encoding="utf-8") as f:
            for text in TEXTS + [random_text(rng)[:80] for _ in range(15)]:
                ids = t.encode(text, add_special_tokens=False).ids
                try:
                    row = {"text": text, "ids": ids, "ids_with_special": t.encode(text).ids,
                           "decoded": t.decode(ids, skip_special_tokens=False) if ids else "",
                           "decoded_plain": t.decode(ids) if ids else ""}
                except BaseException as e:  # the library panics on some ids
                    print(name, ascii(text[:40]), "left out:", str(e)[:80])
                    continue
                f.write(json.dumps(row, separators=(",", ":")) + "\n")
        print(name, t.get_vocab_size())


# ---- the C library ----

class Cortex:
    def __init__(self, lib, path):
        self.lib, pointer = lib, ctypes.c_void_p
        self.handle = pointer()
        self.check(lib.cx_tokenizer_open(path.encode(), ctypes.byref(self.handle)))

    def check(self, status):
        if status:
            raise RuntimeError("%d: %s" % (status, self.lib.cx_error().decode()))

    def encode(self, text, special=False):
        raw, ids, n = text.encode(), ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        self.check(self.lib.cx_tokenizer_encode(self.handle, raw, ctypes.c_size_t(len(raw)), ctypes.c_bool(special),
                                                ctypes.byref(ids), ctypes.byref(n)))
        out = ids[:n.value]
        self.lib.cx_free(ids)
        return out

    def decode(self, ids, keep=False):
        array, text, n = (ctypes.c_int32 * max(1, len(ids)))(*ids), ctypes.c_void_p(), ctypes.c_size_t()
        self.check(self.lib.cx_tokenizer_decode(self.handle, array, ctypes.c_size_t(len(ids)), ctypes.c_bool(keep),
                                                ctypes.byref(text), ctypes.byref(n)))
        out = ctypes.string_at(text, n.value).decode()
        self.lib.cx_free(text)
        return out

    def stream(self, ids, keep=False):
        d, text, n, out = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t(), []
        self.check(self.lib.cx_detokenizer_new(self.handle, ctypes.c_bool(keep), ctypes.byref(d)))
        for i in ids:
            self.check(self.lib.cx_detokenizer_push(d, ctypes.c_int32(i), ctypes.byref(text), ctypes.byref(n)))
            out.append(ctypes.string_at(text, n.value).decode())  # raises on half a character
        self.check(self.lib.cx_detokenizer_finish(d, ctypes.byref(text), ctypes.byref(n)))
        out.append(ctypes.string_at(text, n.value).decode())
        self.lib.cx_detokenizer_free(d)
        return "".join(out)

    def close(self):
        self.lib.cx_tokenizer_close(self.handle)


def load_library(path):
    lib = ctypes.CDLL(os.path.abspath(path))
    pointer = ctypes.c_void_p
    lib.cx_error.restype = ctypes.c_char_p
    lib.cx_tokenizer_open.argtypes = [ctypes.c_char_p, ctypes.POINTER(pointer)]
    lib.cx_tokenizer_close.argtypes = lib.cx_free.argtypes = lib.cx_detokenizer_free.argtypes = [pointer]
    for name in ("encode", "decode"):
        getattr(lib, "cx_tokenizer_" + name).argtypes = None
    return lib


class Pair:
    """A tokenizer of the library and ours from the same file."""

    def __init__(self, lib, source):
        if isinstance(source, str):
            path = source
        else:
            handle, path = tempfile.mkstemp(suffix=".json")
            os.close(handle)
            source.save(path)
        self.theirs, self.ours = Tokenizer.from_file(path), Cortex(lib, path)
        if path is not source:
            os.unlink(path)


def live(lib, count, seed, files):
    failures = total = 0
    for path in files:
        rng = random.Random(seed)
        p = Pair(lib, path)
        size = p.theirs.get_vocab_size()
        added = [t.content for t in p.theirs.get_added_tokens_decoder().values()]
        bad = 0
        for i in range(count):
            text = random_text(rng)
            if added and rng.random() < 0.3:
                at = rng.randrange(len(text) + 1)
                text = text[:at] + rng.choice(added) + text[at:]
            ids = p.theirs.encode(text, add_special_tokens=bool(i & 1)).ids
            if ids != p.ours.encode(text, bool(i & 1)):
                bad += 1
                print(path, "encode", ascii(text[:300]), ids[:40], p.ours.encode(text, bool(i & 1))[:40])
            if rng.random() < 0.5 or not ids:
                ids = [rng.randrange(size) for _ in range(rng.randint(1, 20))]
            try:
                want = p.theirs.decode(ids, skip_special_tokens=not i & 2)
            except BaseException:  # the library panics on some; then there is nothing to compare
                continue
            if want != p.ours.decode(ids, bool(i & 2)) or want != p.ours.stream(ids, bool(i & 2)):
                bad += 1
                print(path, "decode", ids[:40], ascii(want[:200]), ascii(p.ours.decode(ids, bool(i & 2))[:200]))
        print("%s: %d of %d differ" % (path, bad, count), flush=True)
        failures += bad
        total += count
    print("%d texts, %d differences" % (total, failures))
    return failures


def all_chars():
    return [chr(c) for c in range(0x110000) if not 0xd800 <= c <= 0xdfff]


def byte_tokenizer(normalizer=None, splitter=None):
    """Ids are bytes, so that text differs where ids do; words are told apart by a prefix."""
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre.ByteLevel.alphabet()))}, []))
    t.normalizer = normalizer
    steps = ([splitter] if splitter else []) + [pre.ByteLevel(add_prefix_space=True, use_regex=False)]
    t.pre_tokenizer = pre.Sequence(steps)
    return t


def classes(lib):
    failures = 0
    chars = all_chars()
    for name, splitter in [("\\p{L} \\p{N} \\s", pre.Split(Regex(QWEN2), "isolated")), ("gpt2", pre.ByteLevel(add_prefix_space=False)),
                           ("Digits", pre.Digits(True)), ("Punctuation", pre.Punctuation()), ("Whitespace", pre.Whitespace()),
                           ("WhitespaceSplit", pre.WhitespaceSplit())]:
        p = Pair(lib, byte_tokenizer(splitter=splitter))
        bad = [c for c in chars if p.theirs.encode("a" + c + "a").ids != p.ours.encode("a" + c + "a")]
        print(name, len(bad), [hex(ord(c)) for c in bad[:50]], flush=True)
        failures += len(bad)
    rng = random.Random(3)
    import unicodedata
    marks = [c for c in chars if unicodedata.combining(c)]
    bases = [c for c in chars if unicodedata.decomposition(c)] + [chr(c) for c in range(0x41, 0x7b)]
    for name in ("NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Nmt", "Lowercase"):
        p = Pair(lib, byte_tokenizer(getattr(normalizers, name)()))
        texts = chars + ["".join(rng.choice(bases if rng.random() < 0.4 else marks) for _ in range(rng.randint(1, 6)))
                         for _ in range(50000)]
        bad = [t for t in texts if p.theirs.encode(t).ids != p.ours.encode(t)]
        print(name, len(bad), [ascii(t) for t in bad[:50]], flush=True)
        failures += len(bad)
    return failures


PATTERNS = [
    LLAMA3 + "|(?!)", QWEN2 + "|(?!)", UPPER_LOWER, r"\w+|[^\w\s]+", r"\W+", r"\S+|\s+", r"\d+", r"\D+", r"\h+", r"[\d\s]+", r"[^\S\n]+",
    r"[^\d\w]+", r"a{2,3}+", r"a{,2}", r"(?:ab)+?", r"a++b", r"\bthe\b", r"\Be", r"^.+$", r"(?m:.+)", r"(?i)straße|THE",
    r"a(?i)b|c", r"[a-c&&[^b]]+", r"[a-z&&[aeiou]]+", r"[^a-z&&[^aeiou]]+", r"[[a-c]x]+", r"[[:alpha:]]+", r"[[:punct:]]+", r"\p{Han}+",
    r"\p{^L}+", r"\P{L}+", r"\p{Lu}\p{Ll}*", r"(?<=a)b|(?<!a)c", r"(?>a+)b", r"(a)\1", r"[-a]+|[a\-z]+|[]x]+", r"\x41|\x{1F600}|\u00e9",
    r"", r"x*", r"a*?", r"\R", r"{|}|a{|a{x}", r"[\[\]]+", r"\A.|.\z", r"(?=the)t", r"a**", r"a+*", r"a{2}{3}", r"[\s\S]{3}", r"\v|\e|\a",
]


def patterns(lib, count):
    failures = 0
    for pattern in PATTERNS:
        rng = random.Random(11)
        p = Pair(lib, byte_tokenizer(splitter=pre.Split(Regex(pattern), "isolated")))
        bad = []
        for _ in range(count):
            text = "".join(rng.choice(["a", "b", "c", "aa", "ab", "the ", "THE", "e", "x", " ", "\n", "1", "२", "é", "ß", "日", "😀", "-", "]", "[",
                                       "{", "}", "^", "\r\n", "_", "\u0301", "Straße", "\x0b", "\u2028", "\u180e", "\u00b2", "\u200d"])
                           for _ in range(rng.randint(1, 25)))
            if p.theirs.encode(text).ids != p.ours.encode(text):
                bad.append(text)
        print(ascii(pattern[:60]), len(bad), [ascii(t) for t in bad[:2]], flush=True)
        failures += len(bad)
    return failures


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--golden", nargs="?", const=GOLDEN)
    a.add_argument("--live", type=int)
    a.add_argument("--classes", action="store_true")
    a.add_argument("--patterns", type=int)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--lib", default=os.path.join(HERE, "..", "..", "build", "libcortex.so"))
    a.add_argument("folders", nargs="*")
    a = a.parse_args()
    if a.golden:
        write_golden(a.golden)
        return 0
    lib, failures = load_library(a.lib), 0
    if a.live:
        files = [os.path.join(f, "tokenizer.json") for f in a.folders]
        files = files or sorted(os.path.join(GOLDEN, f) for f in os.listdir(GOLDEN) if f.endswith(".json"))
        failures += live(lib, a.live, a.seed, files)
    if a.classes:
        failures += classes(lib)
    if a.patterns:
        failures += patterns(lib, a.patterns)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
