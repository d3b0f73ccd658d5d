#!/usr/bin/env python3
"""Check a trained demo model with transformers on the CPU: stories, chats, and the same after 4-bit rounding.

    verify.py --model MODEL_DIR [--tokens 220]

Prints samples to read, and figures: share of repeated 8-grams (a loop would be near 1), end reached, held name.
"""
import argparse

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

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


def write(model, tok, ids, tokens, temp):
    sampling = dict(do_sample=True, temperature=temp, top_p=0.95) if temp else dict(do_sample=False)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, pad_token_id=0, **sampling)
    new = out[0, ids.shape[1]:].tolist()
    return tok.decode(new, skip_special_tokens=True), new


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
        worst, ended, count = 0.0, 0, 0
        for temp in (0, 0.8):
            print(f"\n######## {label}, temperature {temp}")
            for prompt in PROMPTS:
                text, new = write(model, tok, tok(prompt, return_tensors="pt").input_ids, args.tokens, temp)
                worst, ended, count = max(worst, repeated(new)), ended + (new[-1] == 2), count + 1
                print(f"\n>>> {prompt}|{text}")
            for message in CHATS:
                ids = tok.apply_chat_template([dict(role="user", content=message)], add_generation_prompt=True,
                                              return_tensors="pt", return_dict=True)["input_ids"]
                text, new = write(model, tok, ids, args.tokens, temp)
                worst, ended, count = max(worst, repeated(new)), ended + (new[-1] == 2), count + 1
                print(f"\n>>> user: {message}\n{text}")
        print(f"\n{label}: {count} texts, {ended} ended by themselves, most repeated 8-grams in one text {worst:.3f}")


if __name__ == "__main__":
    main()
