"""Makes tests/golden/sampler/cases.json with mlx-lm: for each case the probability with which each
token must be drawn. Usage: python tests/oracle/golden_sampler.py > tests/golden/sampler/cases.json"""
import json

import mlx.core as mx
import numpy as np
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p, make_logits_processors

CASES = [
    dict(temperature=1.0),
    dict(temperature=0.5),
    dict(temperature=2.0),
    dict(temperature=1.0, top_p=0.5),
    dict(temperature=0.7, top_p=0.9),
    dict(temperature=1.0, top_p=0.01),
    dict(temperature=1.0, min_p=0.1),
    dict(temperature=1.5, min_p=0.5),
    dict(temperature=1.0, top_k=1),
    dict(temperature=1.0, top_k=5),
    dict(temperature=0.8, top_p=0.8, min_p=0.05, top_k=4),
    dict(temperature=1.0, repetition_penalty=1.5),
    dict(temperature=1.0, presence_penalty=0.8),
    dict(temperature=1.0, frequency_penalty=0.4),
    dict(temperature=0.9, top_p=0.95, repetition_penalty=1.3, presence_penalty=0.5,
         frequency_penalty=0.2),
]


def probabilities(case, logits, history):
    processors = make_logits_processors(
        repetition_penalty=case.get("repetition_penalty"),
        presence_penalty=case.get("presence_penalty"),
        frequency_penalty=case.get("frequency_penalty"),
    )
    x = mx.array(logits)[None]
    for p in processors:
        x = p(mx.array(history), x)
    x = x - mx.logsumexp(x, axis=-1, keepdims=True)
    if 0 < case.get("top_p", 0) < 1:
        x = apply_top_p(x, case["top_p"])
    if case.get("min_p"):
        x = apply_min_p(x, case["min_p"])
    if case.get("top_k"):
        x = apply_top_k(x, case["top_k"])
    return np.array(mx.softmax(x / case["temperature"], axis=-1))[0]


def main():
    rng = np.random.default_rng(7)
    out = []
    for i, case in enumerate(CASES):
        logits = (rng.standard_normal(24) * 2).astype(np.float32)
        if i % 3 == 2:
            logits[5] = logits[9]  # a tie
        history = rng.integers(0, 24, size=30)
        out.append(dict(case, logits=logits.tolist(), history=history.tolist(),
                        p=[float(f"{v:.6g}") for v in probabilities(case, logits, history)]))
    print("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]")


main()
