#!/usr/bin/env python3
"""Train the tokenizer of the demo model: byte-level BPE, written as the usual Hugging Face files.

    tokenizer.py --corpus DIR --out MODEL_DIR [--vocab 4096] [--docs 40000]
"""
import argparse
import glob
import json
import os
import re

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
PAD, BOS, END = 0, 1, 2
CHAT_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}")


def documents(corpus):
    for path in sorted(glob.glob(os.path.join(corpus, "part-*.txt"))):
        with open(path, encoding="utf-8") as f:
            yield from f.read().split("\n<|end|>\n")[:-1]


def train(corpus, vocab, docs):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    marks = re.compile(r"<\|[a-z]+\|>")

    def pieces():
        for i, doc in enumerate(documents(corpus)):
            if i == docs:
                return
            yield from (p for p in marks.split(doc) if p)

    tok.train_from_iterator(pieces(), trainer)
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|bos|> $A", pair="<|bos|> $A <|bos|> $B",
                                      special_tokens=[("<|bos|>", BOS)])])
    return tok


def write_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        json.dump(value, f, indent=2, ensure_ascii=False)
        f.write("\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--corpus", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--vocab", type=int, default=4096)
    ap.add_argument("--docs", type=int, default=40000)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    tok = train(args.corpus, args.vocab, args.docs)
    assert tok.get_vocab_size() == args.vocab, tok.get_vocab_size()
    tok.save(os.path.join(args.out, "tokenizer.json"))
    added = {str(i): dict(content=t, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
             for i, t in enumerate(SPECIAL)}
    write_json(os.path.join(args.out, "tokenizer_config.json"), {
        "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": added,
        "bos_token": "<|bos|>", "eos_token": "<|end|>", "pad_token": "<|pad|>", "unk_token": None,
        "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "model_max_length": 1024,
        "tokenizer_class": "PreTrainedTokenizerFast"})
    write_json(os.path.join(args.out, "special_tokens_map.json"),
               {"bos_token": "<|bos|>", "eos_token": "<|end|>", "pad_token": "<|pad|>"})


if __name__ == "__main__":
    main()
