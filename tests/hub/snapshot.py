"""What mlx-lm fetches of a model, by huggingface_hub; prints the folder."""

import sys

from huggingface_hub import snapshot_download

PATTERNS = ["*.json", "model*.safetensors", "*.py", "tokenizer.model", "*.tiktoken", "tiktoken.model",
            "*.txt", "*.jsonl", "*.jinja"]
print(snapshot_download(sys.argv[1], allow_patterns=PATTERNS))
