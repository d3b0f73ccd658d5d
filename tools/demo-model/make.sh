#!/bin/sh
# Make the demo model from nothing: corpus, tokenizer, training, check. See README.md for the time it takes.
#   make.sh OUT_DIR [gpu|cpu]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: make.sh OUT_DIR [gpu|cpu]}
kind=${2:-gpu}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}

case $kind in
gpu) documents=1000000 recipe="--steps 7569 --batch 128" ;;
cpu) documents=55000 recipe="--steps 4000 --batch 16 --warmup 100 --device cpu" ;;
*) echo "make.sh: gpu or cpu, not '$kind'" >&2; exit 2 ;;
esac

"$python" "$here/corpus.py" --out "$work" --stories "$documents"
"$python" "$here/tokenizer.py" --corpus "$work" --out "$out"
# shellcheck disable=SC2086   # the recipe is a list of words
"$python" "$here/train.py" --corpus "$work" --out "$out" $recipe
"$python" "$here/verify.py" --model "$out"
