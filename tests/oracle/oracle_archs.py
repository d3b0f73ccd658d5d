"""Converts a tiny random checkpoint of every architecture that mlx-lm knows with mlx_lm.convert and
with cortex: every tensor's name, shape, dtype and bytes must be equal, and what config.json says of
the packing.

    python tests/oracle/oracle_archs.py BUILD [MODEL_TYPE...]

A checkpoint comes from transformers where that has the architecture (part "hf"), and for all from
the shapes of mlx-lm's model with its sanitize rules turned around (part "mlx"): mlx-lm loads strictly,
so a mistake there shows. MLX runs on a CPU here, so cortex is told to round by the CPU rule."""
import contextlib
import io
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from arch_configs import BASE, INSIDE, MORE, config
sys.path.pop(0)
sys.path.pop(0)  # scripts beside this one are called like packages
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"
import mlx.core as mx
from mlx_lm import convert as mlx_convert
import mlx_lm.models
from mlx.utils import tree_flatten
from mlx_lm.utils import MODEL_REMAPPING, _get_classes, load_model

mx.set_default_device(mx.cpu)

# No architectures, or none whose files these are; olmo needs a package of its own.
NOT_MODELS = {"activations", "base", "bitlinear_layers", "cache", "gated_delta", "mla", "olmo",
              "pipeline", "rope_utils", "ssm", "switch_layers"}
# Cortex refuses these, with a sentence.
REFUSED = {"baichuan_m1", "falcon_h1", "muse_spark", "prism_hadamard_qwen35"}
# mlx_lm 0.32.2 fails to pack afm7; of bailing_moe_v3 Cortex packs q_proj and g_proj in all layers,
# mlx-lm leaves them in those with latent attention (it reads both).
PLAIN = {"afm7", "bailing_moe_v3"}
# mlx_lm 0.32.2 does not read what transformers 5 writes: other names, other models of that name, or
# another model_type.
NOT_HF = {"bitnet", "gpt2", "gpt_oss", "llama4_text", "longcat_flash", "mimo_v2_flash",
          "minimax", "nanochat", *INSIDE}
# Kept in f32 by mlx-lm whatever the rest is.
WIDE = re.compile(r"e_score_correction_bias|expert_bias|router_bias|A_log|dt_bias|_hc\.|sinks")

# ---- mlx-lm's sanitize turned around: (pattern of MLX's name, names in the checkpoint, shapes) ----


def stacked(pattern, *names):
    """[experts, ...] in MLX, one tensor for each expert in the checkpoint."""
    def undo(m, shape):
        return [(m.expand(n).replace("#", str(e)), shape[1:])
                for n in names for e in range(shape[0])]
    return pattern, undo


def renamed(pattern, name):
    return pattern, lambda m, shape: [(m.expand(name), shape)]


def turned(pattern, name=r"\g<0>"):
    return pattern, lambda m, shape: [(m.expand(name), (*shape[:-2], shape[-1], shape[-2]))]


def fused(pattern, name, factor=2, axis=-2, turn=False):
    """A tensor that holds `factor` times these rows; the other halves give no name."""
    def undo(m, shape):
        shape = list(shape)
        shape[axis] *= factor
        if turn:
            shape[-1], shape[-2] = shape[-2], shape[-1]
        return [(m.expand(name), tuple(shape))]
    return pattern, undo


def nothing(pattern):
    return pattern, lambda m, shape: []


EXPERTS = [stacked(r"(.*\.mlp)\.switch_mlp\.(\w+)\.(\w+)$", r"\1.experts.#.\2.\3")]
PLAIN_EXPERTS = [stacked(r"(.*\.mlp\.experts)\.(\w+_proj)\.(\w+)$", r"\1.#.\2.\3")]
W = [stacked(rf"(.*\.block_sparse_moe)\.switch_mlp\.{a}_proj\.(\w+)$", rf"\1.experts.#.{b}.\2")
     for a, b in (("gate", "w1"), ("down", "w2"), ("up", "w3"))]
ROWS = BASE["qk_nope_head_dim"] + BASE["v_head_dim"]
LATENT = [(r"(.*)\.embed_q\.weight$",
           lambda m, s: [(f"{m.group(1)}.kv_b_proj.weight", (s[0] * ROWS, s[1]))]),
          nothing(r".*\.unembed_out\.weight$")]
CONV1D = [turned(r".*conv1d\.weight$")]
FUSED = [fused(r"(.*\.mlp)\.switch_mlp\.gate_proj\.weight$", r"\1.experts.gate_up_proj"),
         nothing(r".*\.mlp\.switch_mlp\.up_proj\.weight$"),
         renamed(r"(.*\.mlp)\.switch_mlp\.down_proj\.weight$", r"\1.experts.down_proj")]
TEXT = [renamed(r"language_model\.model\.(.*)", r"model.language_model.\1"),
        renamed(r"language_model\.lm_head\.(.*)", r"lm_head.\1")]
NO_TEXT = [renamed(r"language_model\.(.*)", r"\1")]
GATE_PROJ = [renamed(r"(.*\.mlp\.gate)\.gate_proj\.(\w+)$", r"\1.\2")]
GRANITE = [fused(r"(.*\.block_sparse_moe)\.switch_mlp\.gate_proj\.weight$",
                 r"\1.input_linear.weight"),
           nothing(r".*\.block_sparse_moe\.switch_mlp\.up_proj\.weight$"),
           renamed(r"(.*\.block_sparse_moe)\.switch_mlp\.down_proj\.weight$",
                   r"\1.output_linear.weight")]
KIMI = [stacked(rf"(.*)\.mlp\.switch_mlp\.{a}_proj\.(\w+)$", rf"\1.block_sparse_moe.experts.#.{b}.\2")
        for a, b in (("gate", "w1"), ("down", "w2"), ("up", "w3"))] + [
    renamed(r"(.*)\.mlp\.e_score_correction_bias$", r"\1.block_sparse_moe.gate.e_score_correction_bias"),
    renamed(r"(.*\.[12])\.mlp\.(gate|shared_experts|routed)(\b.*|_.*)$", r"\1.block_sparse_moe.\2\3")]
LFM2 = [turned(r".*conv\.weight$")]


def heads_flat(pattern):
    return pattern, lambda m, shape: [(m.group(0), (shape[0] * shape[1],))]


def dbrx(m, shape):
    """All experts of a layer in one tensor, named at the first."""
    if m.group(2) != "0":
        return []
    rows, cols = shape if m.group(3) != "w2" else shape[::-1]
    return [(f"{m.group(1)}.mlp.{m.group(3)}", (4 * rows, cols))]


def grouped_q(m, shape):
    return [(f"{m.group(1)}.qkv_proj.{m.group(2)}", (2 * shape[0], *shape[1:]))]


UNDO = {
    "Klear": PLAIN_EXPERTS, "afmoe": PLAIN_EXPERTS, "dots1": PLAIN_EXPERTS,
    "apertus": [(r".*alpha_[pn]$", lambda m, shape: [(m.group(0), (1,))])],
    "bailing_hybrid": EXPERTS + LATENT + GATE_PROJ,
    "bailing_moe": EXPERTS + GATE_PROJ,
    "bailing_moe_linear": EXPERTS + GATE_PROJ,
    "bailing_moe_v3": EXPERTS + LATENT + CONV1D,
    "dbrx": [(r"(.*\.experts)\.(\d+)\.(\w\d)\.weight$", dbrx)],
    "deepseek": EXPERTS, "deepseek_v2": EXPERTS, "deepseek_v3": EXPERTS + LATENT,
    "deepseek_v32": EXPERTS + LATENT,
    "deepseek_v41": [
        stacked(rf"(.*)\.mlp\.experts\.switch_mlp\.{a}_proj\.weight$", rf"\1.ffn.experts.#.{b}.weight")
        for a, b in (("gate", "w1"), ("down", "w2"), ("up", "w3"))] + [
        (r"(.*)\.o_a_proj\.weight$", lambda m, s: [(f"{m.group(1)}.wo_a.weight", (s[0] * s[1], s[2]))])
    ] + [renamed(f"(.*){re.escape(a)}(.*)", rf"\1{b}\2") for a, b in (
        (".shared_experts.gate_proj.", ".shared_experts.w1."),
        (".shared_experts.down_proj.", ".shared_experts.w2."),
        (".shared_experts.up_proj.", ".shared_experts.w3."),
        (".gate.e_score_correction_bias", ".gate.bias"), (".indexer.k_proj.", ".indexer.wk."),
        (".compressor.kv_norm.", ".compressor.norm."), (".q_a_norm.", ".q_norm."),
        (".o_b_proj.", ".wo_b."), (".gate_proj.", ".wgate."), (".kv_proj.", ".wkv."),
        (".q_b_proj.", ".wq_b."), (".q_a_proj.", ".wq_a."), (".sinks", ".attn_sink"),
        (".ffn_hc.", ".hc_ffn_"), (".attn_hc.", ".hc_attn_"),
        (".post_attention_layernorm.", ".ffn_norm."), (".input_layernorm.", ".attn_norm."),
        (".mlp.", ".ffn."), (".self_attn.", ".attn."))] + [
        renamed("lm_head.weight", "head.weight"),
        renamed(r"model\.embed_tokens\.weight", "embed.weight"), renamed(r"model\.(.*)", r"\1")],
    "ernie4_5_moe": EXPERTS,
    "exaone_moe": EXPERTS + [renamed(r"(.*\.mlp)\.gate\.(e_score_correction_bias)$", r"\1.\2")],
    "gear": [turned(r".*(key|value)_conv\.weight$")],
    "gemma4": TEXT, "gemma4_text": [
        fused(r"(.*\.experts)\.switch_glu\.gate_proj\.weight$", r"\1.gate_up_proj"),
        nothing(r".*\.switch_glu\.up_proj\.weight$"),
        renamed(r"(.*\.experts)\.switch_glu\.down_proj\.weight$", r"\1.down_proj")],
    "glm4_moe": EXPERTS, "glm4_moe_lite": EXPERTS + LATENT, "glm_moe_dsa": EXPERTS + LATENT,
    "gpt2": [turned(r"model\.(h\.\d+\.\w+\.c_\w+\.weight)$", r"\1"), renamed(r"model\.(.*)", r"\1")],
    "gpt_neox": [renamed(r"model\.h\.(.*)", r"gpt_neox.layers.\1"),
                 renamed(r"model\.(embed_in|final.*)", r"gpt_neox.\1"),
                 renamed(r"model\.(embed_out.*)", r"\1")],
    "gpt_oss": [],  # only its packed form can be read; see the unit tests
    "gptj": [renamed(r"model\.(.*)", r"transformer.\1")],
    "granitemoe": GRANITE, "granitemoehybrid": GRANITE + CONV1D,
    "hunyuan": EXPERTS,
    "hunyuan:fused": [
        (r"(.*)\.q_proj\.(\w+)$", grouped_q), nothing(r".*\.self_attn\.[kv]_proj\.\w+$"),
        fused(r"(.*\.mlp)\.up_proj\.weight$", r"\1.gate_and_up_proj.weight"),
        nothing(r".*\.mlp\.gate_proj\.weight$")],
    "jamba": CONV1D + [stacked(r"(.*\.feed_forward)\.switch_mlp\.(\w+)\.(\w+)$",
                               r"\1.experts.#.\2.\3")],
    "kimi_k25": EXPERTS + LATENT, "kimi_vl": EXPERTS,  # mlx-lm forgets the latent attention
    "kimi_linear": KIMI + LATENT + [turned(r"(.*)\.([qkv])_conv\.conv\.weight$", r"\1.\2_conv1d.weight"),
                                    (r".*dt_bias$", lambda m, s: [(m.group(0), (1, *s))])],
    "kimi_k3": KIMI + LATENT + [
        (r"(.*)\.qkv_proj\.weight$",
         lambda m, s: [(f"{m.group(1)}.{x}_proj.weight", (s[0] // 3, s[1])) for x in "qkv"]),
        (r"(.*)\.qkv_conv\.conv\.weight$",
         lambda m, s: [(f"{m.group(1)}.{x}_conv1d.weight", (s[0] // 3, s[2], s[1])) for x in "qkv"]),
        renamed(r"(.*_res)_(proj|norm)\.weight$", r"\1.\2_weight")],
    "laguna": EXPERTS + [
        renamed(r"(.*\.mlp\.gate)\.proj\.weight$", r"\1.weight"),
        renamed(r"(.*\.mlp)\.gate\.(e_score_correction_bias)$", r"\1.experts.\2")],
    "lfm2": LFM2,  # lfm2-vl: mlx-lm forgets to turn
    "lfm2_moe": LFM2 + [
        stacked(rf"(.*\.feed_forward)\.switch_mlp\.{a}_proj\.(\w+)$", rf"\1.experts.#.{b}.\2")
        for a, b in (("gate", "w1"), ("down", "w2"), ("up", "w3"))] + [
        renamed(rf"(.*\.feed_forward)\.{a}_proj\.weight$", rf"\1.{b}.weight")
        for a, b in (("gate", "w1"), ("down", "w2"), ("up", "w3"))],
    "llama4": [fused(r"(.*\.experts)\.gate_proj\.weight$", r"\1.gate_up_proj", turn=True),
               nothing(r".*\.experts\.up_proj\.weight$"),
               turned(r"(.*\.experts\.down_proj)\.weight$", r"\1")],
    "longcat_flash": EXPERTS + LATENT,
    "longcat_flash_ngram": EXPERTS + LATENT + [
        renamed(r"model\.ngram_embeddings\.word_embeddings\.weight$", "model.embed_tokens.weight")],
    "mamba": CONV1D, "mamba2": CONV1D, "mellum": EXPERTS, "mimo_v2_flash": EXPERTS,
    "minicpm": [nothing(r"lm_head\.weight$")],
    "minimax": W, "minimax_m3_vl": W,
    "mistral3": TEXT, "mistral4": FUSED + LATENT, "mixtral": W, "phimoe": W,
    "muse_glimmer": [renamed(r"model\.(.*)", r"model.language_model.\1")],
    "nemotron_h": CONV1D + [
        stacked(rf"(.*\.mixer)\.switch_mlp\.{a}\.(\w+)$", rf"\1.experts.#.{b}.\2")
        for a, b in (("fc1", "up_proj"), ("fc2", "down_proj"))],
    "olmo_hybrid": CONV1D, "olmoe": EXPERTS,
    "phixtral": [stacked(r"(.*\.moe)\.switch_mlp\.(\w+)\.(\w+)$", r"\1.mlp.#.\2.\3")],
    "plamo2": CONV1D, "qwen2_moe": EXPERTS, "qwen2_vl": NO_TEXT, "qwen3_5": CONV1D + TEXT,
    "qwen3_5_moe": FUSED + CONV1D + TEXT, "qwen3_moe": EXPERTS, "qwen3_next": EXPERTS + CONV1D,
    "qwen3_vl": TEXT,
    "qwen3_vl_moe": [
        fused(r"(.*\.mlp)\.switch_mlp\.gate_proj\.weight$", r"\1.experts.gate_up_proj", turn=True),
        nothing(r".*\.switch_mlp\.up_proj\.weight$"),
        turned(r"(.*\.mlp)\.switch_mlp\.down_proj\.weight$", r"\1.experts.down_proj")] + TEXT,
    "recurrent_gemma": [nothing("lm_head.weight"), turned(r".*conv_1d\.weight$")],
    "rwkv7": [heads_flat(r".*(k_k|k_a|g_norm\.weight|g_norm\.bias)$")],
    "solar_open": EXPERTS, "spark2_5": [renamed(r"model\.embedding\.weight", "model.embed_tokens.weight")],
    "step3p5": [renamed(r"(.*)\.mlp\.switch_mlp\.(.*)", r"\1.moe.\2"),
                renamed(r"(.*)\.mlp\.gate\.gate\.(.*)", r"\1.moe.gate.\2"),
                renamed(r"(.*)\.mlp\.gate\.router_bias", r"\1.moe.router_bias"),
                renamed(r"(.*)\.mlp\.share_expert\.(.*)", r"\1.share_expert.\2")],
}
UNDO["gemma4"] = UNDO["gemma4_text"] + TEXT
# Tensors that checkpoints have and MLX has not.
EXTRA = {
    "gemma3": {"vision_tower.x.weight": (4, 4), "multi_modal_projector.y": (4, 4)},
    "gpt2": {"h.0.attn.bias": (1, 1, 8, 8)},
    "llama": {"model.layers.0.self_attn.rotary_emb.inv_freq": (16,)},
    "qwen3_5": {"model.visual.x.weight": (4, 4), "mtp.fc.weight": (4, 4)},
    "glm4_moe": {"model.layers.3.embed_tokens.weight": (4, 4)},
    "deepseek_v32": {"model.layers.3.eh_proj.weight": (4, 4)},
    "gemma4_text": {"model.layers.2.self_attn.k_proj.weight": (4, 4)},
}


def random(name, shape, dtype):
    if dtype == mx.uint8:
        return mx.random.randint(0, 256, shape).astype(dtype)
    return (mx.random.normal(shape) * 0.1).astype(mx.float32 if WIDE.search(name) else mx.bfloat16)


def undone(pattern, undo, name, shape):
    m = re.fullmatch(pattern, name)
    return undo(m, shape) if m else [(name, shape)]


def checkpoint(name, model):
    weights = {n: random(n, s, mx.bfloat16) for n, s in EXTRA.get(name, {}).items()}
    for n, value in tree_flatten(model.parameters()):
        found = [(n, value.shape)]
        for pattern, undo in UNDO.get(MODEL_REMAPPING.get(name, name), []):
            found = [r for x, s in found for r in undone(pattern, undo, x, s)]
        weights.update({x: random(x, s, value.dtype) for x, s in found})
    return weights


def write(folder, conf, weights):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(conf))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})


def from_mlx(name, folder):
    conf = config(name, MODEL_REMAPPING)
    cls, args = _get_classes(conf)
    write(folder, conf, checkpoint(name, cls(args.from_dict(conf))))


BUILT, BUILT_LEAST = [], 60  # types that transformers wrote; how many 5.24 can


def from_transformers(name, folder):
    """False: transformers has no such architecture, or not with this configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar
    disable_progress_bar()
    conf = config(name, MODEL_REMAPPING)
    try:
        hf = AutoConfig.for_model(**conf)
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(hf, dtype=torch.bfloat16)
    except Exception:  # noqa: BLE001 whatever it lacks
        return False
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.1)
    model.save_pretrained(folder, max_shard_size="10GB")
    saved = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**saved, **conf}))
    return True


# ---- both converters ----


class NoTokenizer:
    def save_pretrained(self, path):
        pass


def load(path, **_):
    model, conf = load_model(Path(path), lazy=True)
    return model, NoTokenizer(), conf


sys.modules["mlx_lm.convert"].load = load


def tensors(folder):
    out = {}
    for f in sorted(folder.glob("*.safetensors")):
        out.update(mx.load(str(f)))
    return out


def packing(folder):
    """Packed modules: bits, group, mode."""
    conf = json.loads((folder / "config.json").read_text())
    q = conf.get("quantization") or {}
    default = (q.get("bits"), q.get("group_size"), q.get("mode", "affine"))
    out = {}
    for name in tensors(folder):
        if not name.endswith(".scales"):
            continue
        own = q.get(name.removesuffix(".scales"))
        out[name] = default if own is None else (
            own["bits"], own.get("group_size") or 64, own.get("mode", "affine"))
    return out


def compare(want, got):
    a, b = tensors(want), tensors(got)
    if a.keys() != b.keys():
        return f"only MLX: {sorted(a.keys() - b.keys())[:4]}, only cortex: {sorted(b.keys() - a.keys())[:4]}"
    for name, x in a.items():
        y = b[name]
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{name}: {x.shape} {x.dtype}, cortex {y.shape} {y.dtype}"
        if not mx.array_equal(x.view(mx.uint8) if x.ndim else x, y.view(mx.uint8) if y.ndim else y):
            return f"{name}: other values"
    if packing(want) != packing(got):
        p, q = packing(want), packing(got)
        return f"packing: {[(k, p[k], q.get(k)) for k in p if p[k] != q.get(k)][:3]}"
    return None


def cortex(build, src, out, bits):
    args = [f"{build}/cortex", "convert", str(src), "-o", str(out), "--mlx-rule", "cpu"]
    args += ["--recipe", "speed", "--group-size", "64"] if bits else ["--recipe", "none"]
    r = subprocess.run(args, capture_output=True, text=True)
    return None if r.returncode == 0 else r.stderr.strip().splitlines()[-1]


def check(build, src, quantize):
    """None if all is equal, else what differs."""
    for bits in (0, 4) if quantize else (0,):
        want, got = src.parent / f"want{bits}", src.parent / f"got{bits}"
        with contextlib.redirect_stdout(io.StringIO()):
            mlx_convert(str(src), str(want), quantize=bits > 0, q_bits=bits or None,
                        q_group_size=64 if bits else None)
        failed = cortex(build, src, got, bits) or compare(want, got)
        if failed:
            return f"{bits} bits: {failed}"
    return None


def cases(name, folder):
    from_mlx(name, folder / "mlx" / "src")
    yield "mlx", folder / "mlx" / "src"
    if MODEL_REMAPPING.get(name, name) in INSIDE or name in NOT_HF or ":" in name:
        return
    if from_transformers(name, folder / "hf" / "src"):
        BUILT.append(name)
        yield "hf", folder / "hf" / "src"


def check_all(build, types, folder):
    passed = failed = 0
    for t in types:
        try:
            for name, src in cases(t, folder / t):
                problem = check(build, src, t not in PLAIN)
                passed, failed = passed + (not problem), failed + bool(problem)
                if problem:
                    print(f"FAIL {t} ({name}): {problem}", flush=True)
        except Exception as e:  # noqa: BLE001 the others still run
            failed += 1
            print(f"FAIL {t}: {type(e).__name__}: {str(e)[:300]}", flush=True)
        shutil.rmtree(folder / t, ignore_errors=True)
    return passed, failed


def main():
    build, *only = sys.argv[1:]
    modules = {m.name for m in pkgutil.iter_modules(mlx_lm.models.__path__)}
    known = (modules | set(MODEL_REMAPPING) | set(MORE)) - NOT_MODELS - REFUSED
    mx.random.seed(1)
    with tempfile.TemporaryDirectory() as tmp:
        passed, failed = check_all(build, only or sorted(known), Path(tmp))
    if not only and len(BUILT) < BUILT_LEAST:
        print(f"FAIL archs: transformers wrote {len(BUILT)} types, expected {BUILT_LEAST} or more")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
