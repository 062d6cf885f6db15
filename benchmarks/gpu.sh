#!/usr/bin/env bash
# GPU benchmark: training speed and utilization at 256 px, a training of eight minutes evaluated against the exact truth, then photographs.
#
#   benchmarks/gpu.sh [FOLDER-OR-CSV OF PHOTOGRAPHS]
#
# DEVICE=cuda  SIZE=256  MINUTES=8  PEOPLE=400  PICTURES=6  BATCHES="16 32 64 128"  OUT=gpu-results
# Without a GPU, to check the script: DEVICE=cpu SIZE=64 MINUTES=0.2 PEOPLE=16 PICTURES=2 BATCHES="4 8" OUT=/tmp/rehearsal benchmarks/gpu.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" DVC_NO_ANALYTICS=1 MLFLOW_DISABLE_TELEMETRY=true
PHOTOGRAPHS=${1:-}
DEVICE=${DEVICE:-cuda} SIZE=${SIZE:-256} MINUTES=${MINUTES:-8} PEOPLE=${PEOPLE:-400} PICTURES=${PICTURES:-6}
BATCHES=${BATCHES:-16 32 64 128} OUT=$(mkdir -p "${OUT:-gpu-results}" && cd "${OUT:-gpu-results}" && pwd)
export MLFLOW_TRACKING_URI="${MLFLOW_TRACKING_URI:-sqlite:///$OUT/mlflow.db}"

say() { printf '\n== %s\n' "$*"; }

# --- 1. images/s, utilization and memory in bf16: default, channels last, compiled; the fastest setting is used in 2.
say "images/s at $SIZE px"
python benchmarks/gpu_step.py --device "$DEVICE" --size "$SIZE" --batches $BATCHES --out "$OUT/step.json" | tee "$OUT/step.md"
read -r BATCH STEP_S FLAGS < <(python - "$OUT/step.json" <<'PY'
import json, sys
best = max(json.load(open(sys.argv[1])), key=lambda row: row["images_per_s"])
print(best["batch"], best["batch"] / best["images_per_s"], f"train.step.compile={best['compile']} train.step.channels_last={best['channels_last']}".lower())
PY
)
STEPS=$(python -c "print(max(20, round($MINUTES * 60 / $STEP_S)))")
say "best: batch $BATCH, $FLAGS; $STEPS steps for $MINUTES minutes"

# --- 2. rendered people: trained on true swaps, evaluated against the exact truth. 3. the same on photographs.
train_and_evaluate() {  # NAME, photographs, further settings
    local name=$1 photographs=$2; shift 2
    local place="$OUT/$name" params="$OUT/$name.yaml"
    cp params.yaml "$params"
    swapcore configure --params "$params" crop.size_px="$SIZE" groups.size_px="$SIZE" train.size_px="$SIZE" \
        train.batch_size="$BATCH" train.steps="$STEPS" train.precision=bf16 train.device="$DEVICE" evaluate.device="$DEVICE" \
        train.loop.sample_every="$(( STEPS / 5 + 1 ))" train.checkpoint.every="$(( STEPS / 5 + 1 ))" train.sampling.cache_megabytes=32000 $FLAGS "$@"
    [ -e "$photographs" ] || swapcore synthesize --params "$params" --photographs "$photographs"
    swapcore crop --params "$params" --photographs "$photographs" --faces "$place/faces"
    swapcore groups --params "$params" --faces "$place/faces" --groups "$place/groups"
    watch_gpu "$place/utilization.csv"
    SECONDS=0
    swapcore train --params "$params" --groups "$place/groups" --model "$place/model" --metrics "$place/train.json"
    say "$name: trained for $SECONDS s, including set-up"
    stop_watching "$place/utilization.csv"
    swapcore evaluate --params "$params" --faces "$place/faces" --model "$place/model" --report "$place/report" --metrics "$place/evaluate.json"
    say "$name: $place/report/report.html and sheet.png"
}

WATCHER=
watch_gpu() {
    command -v nvidia-smi > /dev/null || return 0
    nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits --loop=1 > "$1" &
    WATCHER=$!
    trap '[ -z "$WATCHER" ] || kill "$WATCHER" 2> /dev/null' EXIT
}

stop_watching() {
    [ -n "$WATCHER" ] || { echo "no nvidia-smi: utilization not measured"; return 0; }
    kill "$WATCHER"; WATCHER=
    python - "$1" <<'PY'
import csv, statistics, sys
rows = [list(map(float, row)) for row in csv.reader(open(sys.argv[1])) if len(row) == 2]
busy, memory = zip(*rows)
print(f"GPU utilization, median {statistics.median(busy):.0f} %, most memory {max(memory):.0f} MiB, {len(rows)} samples")
PY
}

say "rendered people"
train_and_evaluate synthetic "$OUT/people" groups.teacher=oracle synthesize.num_people="$PEOPLE" \
    synthesize.images_per_person="$PICTURES" synthesize.size_px="$(( SIZE * 3 / 2 ))" crop.quality.min_eye_distance_px=12.0 \
    crop.quality.min_sharpness=0.0 groups.checks.max_changed_outside=255.0  # true swaps need no checks
python - "$OUT/synthetic/model/card.json" <<'PY'
import json, sys
print("selected:", json.load(open(sys.argv[1]))["facts"]["selected"])
PY
swapcore benchmark truth --model "$OUT/synthetic/model" --size "$SIZE" --output "$OUT/synthetic/truth" ${TRUTH_OPTIONS:-}

if [ -n "$PHOTOGRAPHS" ]; then
    say "photographs: $PHOTOGRAPHS"
    train_and_evaluate photographs "$PHOTOGRAPHS" groups.teacher=warp
else
    say "no photographs given, skipped"
fi
if [ "$DEVICE" != cpu ]; then
    say "renderer: images per second, in batches"
    python benchmarks/renderer_speed.py --device "$DEVICE" --sizes 64 128 256 512 --batch 16 --batches 8 | tee "$OUT/renderer.md"
fi
say "all results: $OUT"
