#!/usr/bin/env python3
"""Check a trained demo model with transformers on the CPU: stories, chats, and the same after 4-bit rounding.

    verify.py --model MODEL_DIR [--tokens 220]

Prints samples to read, and figures: share of repeated 8-grams (a loop would be near 1) and
how many texts came to their own end within --tokens.
"""
import argparse

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tokenizer import END, PAD

PROMPTS = ["Once upon a time", "One day", "There was a little", "Once upon a time, there was a little dragon named Ember",
           "Lily and Tom were", "It was a cold winter morning", "The little train", "Xander was a boy who loved",
           "In a castle by the sea"]
CHATS = ["Hello!", "Hi, who are you?", "Tell me a story about a rabbit", "how are you?", "What can you do?",
         "Tell me a story about a boy named Felix who lost his drum.", "My name is Ann.", "what is the capital of Norway?",
         "Please write a short story about a mouse and a lion", "I am sad.", "what is 2 + 3?", "Thank you!"]


def round4(model, group=64):
    """Every matrix rounded to 4-bit affine codes in groups, as a 4-bit conversion would."""
    for p in model.parameters():
        if p.dim() == 2:
            g = p.data.float().view(-1, group)
            low, high = g.amin(1, keepdim=True), g.amax(1, keepdim=True)
            scale = ((high - low) / 15).clamp_min(1e-8)
            p.data = (((g - low) / scale).round().clamp(0, 15) * scale + low).view_as(p).to(p.dtype)


def repeated(ids, n=8):
    grams = [tuple(ids[i:i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / max(1, len(grams))


def write(model, tok, prompts, tokens, temp):
    """Continue all prompts (lists of ids) in one batch, padded on the left."""
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    sampling = dict(do_sample=True, temperature=temp, top_p=0.95) if temp else dict(do_sample=False)
    out = model.generate(ids, attention_mask=mask, max_new_tokens=tokens, pad_token_id=PAD, **sampling)
    for row in out[:, width:].tolist():
        ended = END in row
        row = row[:row.index(END)] if ended else row
        yield tok.decode(row, skip_special_tokens=True), row, ended


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", required=True)
    ap.add_argument("--tokens", type=int, default=220)
    args = ap.parse_args()
    torch.manual_seed(1)
    tok = AutoTokenizer.from_pretrained(args.model)
    for label in ("bf16", "4-bit"):
        # computed in float32: bf16 sums on a CPU would blur the comparison
        model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
        if label == "4-bit":
            round4(model)
        worst, stopped, count = 0.0, 0, 0
        ids = [tok(p).input_ids for p in PROMPTS]
        ids += [tok(tok.apply_chat_template([dict(role="user", content=m)], add_generation_prompt=True, tokenize=False),
                    add_special_tokens=False).input_ids for m in CHATS]
        names = [p + "|" for p in PROMPTS] + [f"user: {m}\n" for m in CHATS]
        for temp in (0, 0.8):
            print(f"\n######## {label}, temperature {temp}")
            for name, (text, new, ended) in zip(names, write(model, tok, ids, args.tokens, temp)):
                worst, stopped, count = max(worst, repeated(new)), stopped + ended, count + 1
                print(f"\n>>> {name}{text}")
        print(f"\n{label}: {count} texts, {stopped} ended by themselves, most repeated 8-grams in one text {worst:.3f}")


if __name__ == "__main__":
    main()
