"""Small SentencePiece models and what the sentencepiece library makes of text with them.

Usage: golden_rebuild.py [DIR]   writes DIR/<name>/tokenizer.model, tokenizer_config.json and
expected.jsonl (tests/golden/rebuild). Also the models of oracle_rebuild.py. Every text is written
for golden_tokenizers.py or drawn at random there.
"""
import io
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import golden_tokenizers as texts  # noqa: E402
import sentencepiece  # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "rebuild")
TEXTS = ["aaaa aaaaaaa aaa", "====  ======== ===", "<sep>", "a<sep>b", "<sep><sep>x", "<sep> y", " <sep>",
         "the<sep>cat <sep> sat", "  the  cat  ", "\tthe\n\ncat", "catcatcat", "thethe", "the,cat", "0123 45",
         "<0x41>", "日本語", "\U0001f600", "x" * 40, "日" * 5, "the\u3000cat", "ｃａｔ", "ﬁne", "Å"]
# Small models need little: no charset of the whole corpus.
COMMON = dict(vocab_size=330, character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, num_threads=1,
              normalization_rule_name="identity", remove_extra_whitespaces=False)
MODELS = {
    "bpe-bytes": dict(model_type="bpe", byte_fallback=True, vocab_size=520),
    "bpe-plain": dict(model_type="bpe"),
    "bpe-user": dict(model_type="bpe", byte_fallback=True, vocab_size=520, user_defined_symbols=["<sep>", "cat", ".*"]),
    "bpe-no-prefix": dict(model_type="bpe", byte_fallback=True, vocab_size=520, add_dummy_prefix=False,
                          user_defined_symbols=["<sep>", "▁▁", "▁▁▁▁"]),
    "bpe-strip": dict(model_type="bpe", remove_extra_whitespaces=True, split_digits=True),
    "unigram-bytes": dict(model_type="unigram", byte_fallback=True, vocab_size=520),
    "unigram-plain": dict(model_type="unigram"),
    "unigram-strip": dict(model_type="unigram", remove_extra_whitespaces=True, split_by_whitespace=False),
}


def train(folder):
    """Pairs of name and path."""
    os.makedirs(folder, exist_ok=True)
    for name, options in MODELS.items():
        model, path = io.BytesIO(), os.path.join(folder, name + ".model")
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts.CORPUS * 4), model_writer=model,
                                                 **{**COMMON, **options})
        with open(path, "wb") as f:
            f.write(model.getvalue())
        yield name, path


def sentencepiece_ids(path):
    """ids(text) of the sentencepiece library, None for texts that it reads otherwise: control and byte
    pieces are text to it, and a U+2581 is a space."""
    spm = sentencepiece.SentencePieceProcessor(model_file=path)
    pieces = range(spm.get_piece_size())
    skip = ["\0", "\u2581", "\u2047"]
    skip += [spm.id_to_piece(i) for i in pieces if spm.is_control(i) or spm.is_byte(i) or spm.is_unknown(i)]
    return lambda text: None if any(s in text for s in skip) else spm.encode(text)


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) + "\n")


ADDED = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
# Name of a folder, what is in it, its tokenizer_config.json.
FOLDERS = {
    "gpt2": ("bytes", {"tokenizer_class": "GPT2Tokenizer"}),
    "gpt2-bos": ("bytes", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": True}),
    "qwen2": ("bytes", {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>",
                        "added_tokens_decoder": {
                            "331": dict(ADDED, content="<|im_start|>"), "332": dict(ADDED, content="<|im_end|>"),
                            "333": dict(ADDED, content="<think>", special=False),
                            "334": dict(ADDED, content="<mask>", lstrip=True)}}),
    "roberta": ("bytes", {"tokenizer_class": "RobertaTokenizer", "mask_token": dict(
        ADDED, content="<mask>", lstrip=True, __type="AddedToken")}),
    "llama": ("bpe-bytes", {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True,
                            "add_eos_token": False}),
}


def folders(out, models, only=FOLDERS):
    """Folders without a tokenizer.json, and the tokenizer that transformers makes of each."""
    from transformers import AutoTokenizer
    for name in only:
        kind, config = FOLDERS[name]
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        if kind == "bytes":
            t = texts.byte_level()
            model = json.loads(t.to_str())["model"]
            vocab = dict(sorted(model["vocab"].items(), key=lambda item: item[1]))
            for token in {"roberta": ["<s>", "<pad>", "</s>", "<unk>"]}.get(name, ["<|endoftext|>"]):
                vocab[token] = len(vocab)
            write(folder, "vocab.json", vocab)
            write(folder, "merges.txt", "#version: 0.2\n" + "".join(
                (m if isinstance(m, str) else " ".join(m)) + "\n" for m in model["merges"]))
        else:
            with open(models[kind], "rb") as old, open(os.path.join(folder, "tokenizer.model"), "wb") as new:
                new.write(old.read())
        write(folder, "tokenizer_config.json", config)
        yield name, folder, AutoTokenizer.from_pretrained(folder)


def samples(name):
    rng = random.Random(name)
    special = ["<|im_start|>", "a<|im_end|>b", "<think> x", "x  <mask> y", "<|endoftext|>", "a<s>b</s>", " <s> <s>"]
    return TEXTS + special + texts.TEXTS[:30] + [texts.random_text(rng)[:24] for _ in range(10)]


def main(out):
    import tempfile
    with tempfile.TemporaryDirectory() as scratch:
        models = dict(train(scratch))
        for name, folder, t in folders(out, models, ["gpt2-bos", "qwen2", "roberta"]):
            rows = [{"text": s, "ids": t.encode(s, add_special_tokens=False), "ids_with_special": t.encode(s)}
                    for s in samples(name)]
            write(folder, "expected.jsonl", "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in rows))
        for name, path in models.items():
            folder = os.path.join(out, "spm-" + name)
            ids = sentencepiece_ids(path)
            if name in ("bpe-plain", "unigram-plain"):
                continue  # the oracle is enough
            os.makedirs(folder, exist_ok=True)
            with open(path, "rb") as old, open(os.path.join(folder, "tokenizer.model"), "wb") as new:
                new.write(old.read())
            rows = [{"text": s, "ids": ids(s)} for s in samples(name) if ids(s) is not None]
            write(folder, "expected.jsonl", "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in rows))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else GOLDEN)
