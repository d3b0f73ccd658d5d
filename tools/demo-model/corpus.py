#!/usr/bin/env python3
"""Write the corpus of the demo model: short children's stories and small talk, from our own grammar.

    corpus.py --out DIR [--stories 400000] [--seed 1] [--jobs 16]      # DIR/part-NNN.txt
    corpus.py --show 5                                                  # print samples

A part holds documents, each ended by a line with only "<|end|>". Same seed, same bytes, however many jobs.
"""
import argparse
import multiprocessing
import os
import random

import chat
import plots

PART = 5000         # documents in a part; a part has its own random stream
CHAT_SHARE = 0.20   # chats are shorter than stories: about a tenth of the characters


def document(rng):
    if rng.random() >= CHAT_SHARE:
        return plots.tell(rng)[0]
    return "".join(f"<|{role}|>{text}<|end|>" for role, text in chat.chat(rng))[:-len("<|end|>")]


def write_part(job):
    seed, index, count, out = job
    rng = random.Random(f"cortex-stories {seed} {index}")
    with open(os.path.join(out, f"part-{index:04d}.txt"), "w", encoding="utf-8", newline="\n") as f:
        for _ in range(count):
            f.write(document(rng) + "\n<|end|>\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out")
    ap.add_argument("--stories", type=int, default=400000, help="number of documents")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--show", type=int, default=0, help="print this many documents instead")
    args = ap.parse_args()
    if args.show:
        rng = random.Random(args.seed)
        for _ in range(args.show):
            print(document(rng), "\n-----")
        return
    os.makedirs(args.out, exist_ok=True)
    jobs = [(args.seed, i, min(PART, args.stories - i * PART), args.out) for i in range(-(-args.stories // PART))]
    with multiprocessing.Pool(args.jobs) as pool:
        for _ in pool.imap_unordered(write_part, jobs):
            pass


if __name__ == "__main__":
    main()
