#!/usr/bin/env bash
# Every figure that needs a GPU, one command a line; the tables go to docs/benchmarks.md by hand: `benchmarks/gpu.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
python -c 'import sys, torch; torch.cuda.is_available() or sys.exit("benchmarks/gpu.sh: torch sees no CUDA device here; run it where there is one")'

echo "## Renderer: pictures a second, in batches"
python benchmarks/renderer_speed.py --device cuda --sizes 64 128 256 512 --batch 16 --batches 8
