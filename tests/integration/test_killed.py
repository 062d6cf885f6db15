"""A stage killed at random moments and run again gives the same bytes as an uninterrupted one."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import environment, in_folder

from swapcore.data.artifact import CARD, artifact_digest

pytestmark = pytest.mark.slow

PORTS = {
    "crop": (["--photographs", "data/people"], "--faces", "data/faces"),
    "groups": (["--faces", "data/faces"], "--groups", "data/groups"),
    "train": (["--groups", "data/groups"], "--model", "models/swap"),
}


@pytest.mark.parametrize("stage", PORTS)
def test_a_stage_killed_and_run_again_gives_the_same_artifact(workspace: Path, tmp_path: Path, stage: str) -> None:
    inputs, port, out = PORTS[stage]
    whole, broken, params = tmp_path / "whole", tmp_path / "broken", tmp_path / "params.yaml"
    shutil.copy(workspace / "params.yaml", params)
    if stage != "train":  # so that worker processes are killed too
        in_folder(tmp_path)("swapcore", "configure", f"{stage}.workers=2")
    inputs = ["--params", str(params), *inputs]
    started = time.monotonic()
    in_folder(workspace)("swapcore", stage, *inputs, port, str(whole))
    took = time.monotonic() - started
    moments = random.Random(stage)
    for _ in range(3):
        words = ["swapcore", stage, *inputs, port, str(broken)]
        process = subprocess.Popen(
            words, cwd=workspace, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(timeout=moments.uniform(0.3, 0.95) * took)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert not broken.exists() or (broken / CARD).is_file()
    in_folder(workspace)("swapcore", stage, *inputs, port, str(broken))
    assert artifact_digest(broken) == artifact_digest(whole)
    assert artifact_digest(broken) == artifact_digest(workspace / out)
    assert not list(tmp_path.glob(".*.partial"))
