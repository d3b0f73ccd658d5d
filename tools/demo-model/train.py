#!/usr/bin/env python3
"""Train the demo model (Llama architecture) with PyTorch and write it as a Hugging Face folder in bf16.

    train.py --corpus DIR --out MODEL_DIR --steps 5000 [--batch 128] [--micro 128] [--device cuda]
    train.py ... --minutes 6        # instead of --steps: as many steps as fit, measured on the way

MODEL_DIR must hold the tokenizer (tokenizer.py). From --quant-from (a share of the steps) on, every second
step sees its weights rounded to 4 bits in groups of 64, so that the 4-bit model tells stories as good as bf16's.
"""
import argparse
import glob
import json
import math
import multiprocessing
import os
import threading
import time
from queue import Queue

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from tokenizer import BOS, END, PAD, write_json

CONFIG = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=4096, hidden_size=256,
    intermediate_size=768, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2, head_dim=64,
    hidden_act="silu", max_position_embeddings=1024, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
    tie_word_embeddings=True, attention_bias=False, attention_dropout=0.0, mlp_bias=False,
    initializer_range=0.02, use_cache=True, bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD,
    torch_dtype="bfloat16")


# -- data -------------------------------------------------------------------------------------------

def encode_part(job):
    """One part of the corpus as (tokens uint16, length of every document)."""
    path, tokenizer = job
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(tokenizer)
    with open(path, encoding="utf-8") as f:
        docs = f.read().split("\n<|end|>\n")[:-1]
    ids = [e.ids + [END] for e in tok.encode_batch(docs)]      # the post-processor puts bos in front
    return np.concatenate([np.array(i, np.uint16) for i in ids]), np.array([len(i) for i in ids])


def load_corpus(corpus, tokenizer, jobs):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    paths = sorted(glob.glob(os.path.join(corpus, "part-*.txt")))
    with multiprocessing.Pool(jobs) as pool:
        parts = pool.map(encode_part, [(p, tokenizer) for p in paths], chunksize=1)
    return [t for t, _ in parts], [n for _, n in parts]


class Windows:
    """Endless batches of windows of whole documents; a window starts with a document and the last is cut."""

    def __init__(self, tokens, lengths, length, batch, seed):
        self.tokens = np.concatenate(tokens)
        self.ends = np.cumsum(np.concatenate(lengths))
        self.starts = np.concatenate([[0], self.ends[:-1]])
        self.length, self.batch = length, batch
        self.rng = np.random.default_rng(seed)

    def windows(self):
        while True:
            row, used = np.empty(self.length + 1, np.int64), 0
            for d in self.rng.permutation(len(self.starts)):
                n = min(int(self.ends[d] - self.starts[d]), self.length + 1 - used)
                row[used:used + n] = self.tokens[self.starts[d]:self.starts[d] + n]
                used += n
                if used == self.length + 1:
                    yield row
                    row, used = np.empty(self.length + 1, np.int64), 0

    def batches(self):
        rows = self.windows()
        while True:
            yield torch.from_numpy(np.stack([next(rows) for _ in range(self.batch)]))

    def prefetched(self, depth=32):
        queue = Queue(depth)

        def fill():
            for b in self.batches():
                queue.put(b)
        threading.Thread(target=fill, daemon=True).start()
        while True:
            yield queue.get()


# -- model ------------------------------------------------------------------------------------------

def rounded4(w, group=64):
    """w as 4-bit affine codes in groups along the last axis would give it; gradients pass straight through."""
    g = w.detach().float().view(-1, group)
    low, high = g.amin(1, keepdim=True), g.amax(1, keepdim=True)
    scale = ((high - low) / 15).clamp_min(1e-8)
    q = ((g - low) / scale).round().clamp(0, 15) * scale + low
    return w + (q.view_as(w) - w).detach()


class Linear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x, quant):
        return F.linear(x, rounded4(self.weight) if quant else self.weight)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.hd, self.h, self.kv = c["hidden_size"], c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"]
        self.q_proj, self.k_proj = Linear(d, self.h * self.hd), Linear(d, self.kv * self.hd)
        self.v_proj, self.o_proj = Linear(d, self.kv * self.hd), Linear(self.h * self.hd, d)

    def forward(self, x, cos, sin, quant):
        b, t, _ = x.shape
        q = self.q_proj(x, quant).view(b, t, self.h, self.hd).transpose(1, 2)
        k = self.k_proj(x, quant).view(b, t, self.kv, self.hd).transpose(1, 2)
        v = self.v_proj(x, quant).view(b, t, self.kv, self.hd).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (y.repeat_interleave(self.h // self.kv, 1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1), quant)


def rotate(x, cos, sin):
    """RoPE in the half-split order of Hugging Face checkpoints."""
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Norm(nn.Module):
    def __init__(self, d, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight.to(x.dtype)


class Mlp(nn.Module):
    def __init__(self, d, f):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = Linear(d, f), Linear(d, f), Linear(f, d)

    def forward(self, x, quant):
        return self.down_proj(F.silu(self.gate_proj(x, quant)) * self.up_proj(x, quant), quant)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, eps = c["hidden_size"], c["rms_norm_eps"]
        self.input_layernorm, self.post_attention_layernorm = Norm(d, eps), Norm(d, eps)
        self.self_attn, self.mlp = Attention(c), Mlp(d, c["intermediate_size"])

    def forward(self, x, cos, sin, quant):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, quant)
        return x + self.mlp(self.post_attention_layernorm(x), quant)


class Body(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])


class Llama(nn.Module):
    """state_dict() has the names of LlamaForCausalLM; the head is the embedding."""

    def __init__(self, c):
        super().__init__()
        self.model = Body(c)
        inv = c["rope_theta"] ** (-torch.arange(0, c["head_dim"], 2).float() / c["head_dim"])
        angle = torch.outer(torch.arange(c["max_position_embeddings"]).float(), inv)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * c["num_hidden_layers"]) if deep else 0.02)

    def forward(self, ids, targets, quant=False):
        m = self.model
        table = rounded4(m.embed_tokens.weight) if quant else m.embed_tokens.weight
        x = F.embedding(ids, table)
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        for layer in m.layers:
            x = layer(x, cos, sin, quant)
        logits = F.linear(m.norm(x), table)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


# -- training ---------------------------------------------------------------------------------------

def optimizer(model, lr, cuda):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    return torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)],
                             lr=lr, betas=(0.9, 0.95), eps=1e-8, fused=cuda)


def evaluate(step, batches, device, quant):
    with torch.no_grad():
        return float(np.mean([step(b.to(device), quant).item() for b in batches]))


def save(model, out, record):
    write_json(os.path.join(out, "config.json"), CONFIG)
    write_json(os.path.join(out, "generation_config.json"), dict(
        bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD, do_sample=True, temperature=0.8, top_p=0.95,
        max_new_tokens=400))
    state = {k: v.detach().to("cpu", torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    save_file(state, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    write_json(os.path.join(out, "training.json"), record)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--corpus", required=True)
    ap.add_argument("--out", required=True, help="folder with tokenizer.json; the model is written there")
    ap.add_argument("--steps", type=int, default=2000)
    ap.add_argument("--minutes", type=float, default=0, help="choose the steps so that training takes this long")
    ap.add_argument("--batch", type=int, default=128, help="windows in a step")
    ap.add_argument("--micro", type=int, default=0, help="windows in a forward pass (default: all)")
    ap.add_argument("--length", type=int, default=1024, help="tokens in a window")
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--warmup", type=int, default=200)
    ap.add_argument("--quant-from", type=float, default=0.6)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--no-compile", action="store_true")
    args = ap.parse_args()

    began = time.time()
    tokens, lengths = load_corpus(args.corpus, os.path.join(args.out, "tokenizer.json"), args.jobs)
    held = Windows(tokens[-1:], lengths[-1:], args.length, min(args.batch, 32), 0).batches()
    held = [next(held) for _ in range(4)]
    tokens, lengths = (tokens[:-1] or tokens), (lengths[:-1] or lengths)
    size = sum(len(t) for t in tokens)
    print(f"corpus: {size / 1e6:.1f} M tokens in {sum(map(len, lengths))} documents, {time.time() - began:.0f} s", flush=True)
    data = Windows(tokens, lengths, args.length, args.batch, args.seed).prefetched()

    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    cuda = args.device.startswith("cuda")
    model = Llama(CONFIG).to(args.device)
    params = sum(p.numel() for p in model.parameters())
    run = model if args.no_compile else torch.compile(model)
    opt = optimizer(model, args.lr, cuda)
    micro = args.micro or args.batch

    def loss_of(window, quant):
        with torch.autocast("cuda" if cuda else "cpu", torch.bfloat16):
            return run(window[:, :-1], window[:, 1:], quant)

    print(f"model: {params / 1e6:.2f} M parameters on {args.device}", flush=True)
    if args.minutes:                    # compile both forms before the clock starts
        first = next(data)[:micro].to(args.device)
        for quant in (False, True):
            loss_of(first, quant).backward()
        opt.zero_grad(set_to_none=True)
    steps, step, start, mark = args.steps, 0, time.time(), None
    if args.minutes:
        steps = 10 ** 9
    while step < steps:
        if args.minutes and step == 40:
            if cuda:
                torch.cuda.synchronize()
            mark = time.time()
        if args.minutes and step == 120:
            if cuda:
                torch.cuda.synchronize()
            # rounding to 4 bits costs a little; 3 % of the time is kept for it and for evaluation
            steps = 120 + int((args.minutes * 58 - (time.time() - start)) / ((time.time() - mark) / 80))
            print(f"steps: {steps}", flush=True)
        done = min(1.0, step / steps)
        lr = args.lr * min(1.0, (step + 1) / args.warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in opt.param_groups:
            group["lr"] = lr
        quant = done >= args.quant_from and step % 2 == 1
        batch = next(data)
        for i in range(0, args.batch, micro):
            window = batch[i:i + micro].to(args.device, non_blocking=True)
            loss = loss_of(window, quant)
            (loss * (len(window) / args.batch)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)
        step += 1
        if step % 100 == 0 or step == steps or (not cuda and step % 10 == 0):
            rate = step * args.batch * args.length / (time.time() - start)
            print(f"step {step}/{steps} loss {loss.item():.4f} lr {lr:.2e} {rate / 1e3:.0f} k tokens/s "
                  f"{time.time() - start:.0f} s", flush=True)
    seconds = time.time() - start
    plain, four = (evaluate(loss_of, held, args.device, q) for q in (False, True))
    record = dict(parameters=params, corpus_tokens=size, steps=step, batch=args.batch, length=args.length, lr=args.lr,
                  seed=args.seed, tokens_seen=step * args.batch * args.length, seconds=round(seconds),
                  device=torch.cuda.get_device_name() if cuda else "cpu", torch=torch.__version__,
                  held_out_loss=round(plain, 4), held_out_loss_4bit=round(four, 4))
    print(json.dumps(record, indent=2), flush=True)
    save(model, args.out, record)


if __name__ == "__main__":
    main()
