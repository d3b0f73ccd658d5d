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
COMMON = dict(vocab_size=400, character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, num_threads=1,
              normalization_rule_name="identity", remove_extra_whitespaces=False)
MODELS = {
    "bpe-bytes": dict(model_type="bpe", byte_fallback=True, vocab_size=560),
    "bpe-plain": dict(model_type="bpe"),
    "bpe-user": dict(model_type="bpe", byte_fallback=True, vocab_size=560, user_defined_symbols=["<sep>", "cat", ".*"]),
    "bpe-no-prefix": dict(model_type="bpe", byte_fallback=True, vocab_size=560, add_dummy_prefix=False,
                          user_defined_symbols=["<sep>", "▁▁", "▁▁▁▁"]),
    "bpe-strip": dict(model_type="bpe", remove_extra_whitespaces=True, split_digits=True),
    "unigram-bytes": dict(model_type="unigram", byte_fallback=True, vocab_size=560),
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


if __name__ == "__main__":
    golden = sys.argv[1] if len(sys.argv) > 1 else GOLDEN
