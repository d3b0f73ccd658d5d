"""Time and memory of converting a 1.24 G parameter checkpoint (the shape of Llama-3.2-1B, random
bf16 weights) to 4 bits, beside mlx_lm.convert on the same machine, page cache warm.

    $(tools/oracle-venv)/bin/python bench/convert.py [BUILD] [RUNS]

Runs alternate; medians are printed. Memory besides mapped files: the peak of RssAnon, sampled."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 2048,
          "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
          "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "rms_norm_eps": 1e-5,
          "rope_theta": 500000.0, "max_position_embeddings": 131072, "tie_word_embeddings": True}
TOKENIZER = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
             "post_processor": None, "decoder": None,
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}


def peak_anon(pid, stop, out):
    """Bytes of memory that no file backs, at most."""
    while not stop.is_set():
        try:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    out[0] = max(out[0], int(line.split()[1]) * 1024)
        except OSError:
            return
        time.sleep(0.005)


def run(command):
    began = time.monotonic()
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop, peak = threading.Event(), [0]
    watcher = threading.Thread(target=peak_anon, args=(p.pid, stop, peak))
    watcher.start()
    status = p.wait()
    seconds = time.monotonic() - began
    stop.set()
    watcher.join()
    assert status == 0, f"{command}: exit status {status}"
    return seconds, peak[0]


def main():
    top = Path(__file__).resolve().parent.parent
    build = Path(sys.argv[1] if len(sys.argv) > 1 else top / "build").resolve()
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(dir=os.environ.get("CORTEX_BIG_TMP")) as tmp:
        work = Path(tmp)
        (work / "config.json").write_text(json.dumps(CONFIG))
        source = work / "checkpoint"
        subprocess.run([top / "tools/random-checkpoint", work / "config.json", source], check=True,
                       stdout=subprocess.DEVNULL)
        (source / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        (source / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
        ours = [build / "cortex", "convert", source, "-o", work / "ours", "-q"]
        theirs = [sys.executable, "-m", "mlx_lm", "convert", "--model", source, "--mlx-path",
                  work / "theirs", "-q"]
        times, peaks = {"cortex": [], "mlx_lm": []}, {"cortex": 0, "mlx_lm": 0}
        for _ in range(runs):
            for name, command, out in (("cortex", ours, "ours"), ("mlx_lm", theirs, "theirs")):
                shutil.rmtree(work / out, ignore_errors=True)
                seconds, peak = run(command)
                times[name].append(seconds)
                peaks[name] = max(peaks[name], peak)
        for name, t in times.items():
            print(f"{name:7} median {statistics.median(t):6.2f} s, {min(t):.2f} to {max(t):.2f}; "
                  f"peak {peaks[name] / 2**20:.0f} MiB besides mapped files")
        print(f"ratio {statistics.median(times['cortex']) / statistics.median(times['mlx_lm']):.3f}")


if __name__ == "__main__":
    main()
