"""The rehearsal of benchmarks/gpu.py: every part on a CPU, with a small groups artifact."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swapcore.config import Params
from tests.training.small_groups import write_groups

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"


def script(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, check=False, timeout=900
    )


@pytest.mark.slow
def test_the_rehearsal_runs_every_part(tmp_path: Path, pipeline_params: Params) -> None:
    groups, out = write_groups(tmp_path / "groups", pipeline_params, embedding_size=128), tmp_path / "out"
    done = script("--rehearsal", "--groups", groups, "--out", out, "--carried", tmp_path / "nothing")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    found = {path.stem: json.loads(path.read_text())["result"] for path in out.glob("*.json")}
    assert set(found) == {"precisions", "speed", "profile", "loader", "train", "networks", "exchange"}
    assert found["train"] | {"seconds": 0} == {"exit_codes": [75, 0], "resumed": True, "complete": True, "seconds": 0}
    assert found["exchange"] == {"backend": "gloo", "sum": [1.0] * 4, "host": [1.0]}
    assert all(row["images_per_s"] > 0 and row["tflop_per_s"] > 0 for row in found["speed"])
    assert found["precisions"]["largest_relative_difference_from_cpu"]["fp32"] < 1e-3


def test_without_prepared_data_the_target_is_named(tmp_path: Path) -> None:
    done = script("--rehearsal", "--carried", tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("no groups artifact; run `make gpu-data` first, or name one with --groups")
    )
