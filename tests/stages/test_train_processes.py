"""The train stage in two processes on this machine, started by torchrun."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapcore.config import TrainParams, read_params
from swapcore.data.artifact import partial_folder
from swapcore.data.groups import GroupSet
from swapcore.data.sampling import GroupSampler
from swapcore.stages import train
from swapcore.training.checkpoint import FOLDER
from swapcore.training.distributed import TIMEOUT
from tests.stages.test_train import TINY, digests, notebook  # noqa: F401  # the fixture replaces the tracker
from tests.training.conftest import merged
from tests.training.small_groups import write_groups

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PARAMS = TrainParams.model_validate(
    merged(
        read_params(ROOT / "params.yaml").train.model_dump(mode="json"),
        TINY,
        {
            "batch_size": 4,
            "sampling": {"fake_label_share": 0.5},
            "schedule": {"learning_rate": 1e-4},
            "weights": {"adversarial": 0.03},
            "loop": {"log_every": 1},
        },
    )
)
SCRIPT = """
import contextlib, hashlib, json, os, sys, time
from pathlib import Path
from swapcore.config import TrainParams
from swapcore.cli.main import main
from swapcore.data.sampling import GroupSampler
from swapcore.stages import train
from swapcore.tracking import NoTracking

groups, model, notes, pause = sys.argv[1:]
note = Path(notes) / os.environ.get("RANK", "0")
note.with_suffix(".pid").write_text(str(os.getpid()))
draw = GroupSampler.batch

def batch(self, step, share):
    time.sleep(float(pause))
    drawn = draw(self, step, share)
    rows = [hashlib.sha256(row.numpy().tobytes()).hexdigest() for row in drawn.template]
    with note.with_suffix(".rows").open("a") as file:
        file.write(json.dumps([step, rows]) + "\\n")
    return drawn

@contextlib.contextmanager
def track(*_, **__):
    note.with_suffix(".tracked").touch()
    yield NoTracking()

GroupSampler.batch, train.track = batch, track
main(["train", "--groups", groups, "--model", model, "--params", f"{notes}/params.yaml", "--metrics", f"{notes}/metrics.json"])
"""


def started(words: list[str], **variables: str) -> subprocess.Popen[str]:
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | variables
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)


def pair(words: list[str], **variables: str) -> list[subprocess.Popen[str]]:
    """Start two processes with torchrun's environment but without its agent, which would end one when the other dies."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return [
        started(words, RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), LOCAL_WORLD_SIZE="2",
                MASTER_ADDR="127.0.0.1", MASTER_PORT=port, **variables)
        for rank in (0, 1)
    ]  # fmt: skip


class Job:
    """Folder and commands of a training in two processes."""

    def __init__(self, folder: Path, groups: Path) -> None:
        folder.mkdir()
        self.folder, self.groups, self.model = folder, groups, folder / "model"
        (folder / "script.py").write_text(SCRIPT)
        document = read_params(ROOT / "params.yaml").model_dump(mode="json")
        (folder / "params.yaml").write_text(json.dumps(document | {"train": PARAMS.model_dump(mode="json")}))

    def words(self, pause: float) -> list[str]:
        return [str(self.folder / "script.py"), str(self.groups), str(self.model), str(self.folder), str(pause)]

    def torchrun(self, *options: str, pause: float = 0.0) -> subprocess.Popen[str]:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
        # Else processes of a restarted job can read the addresses of those before it.
        fresh = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
        return started([sys.executable, *launcher, *self.words(pause)], **fresh)

    def pair(self, *, pause: float) -> list[subprocess.Popen[str]]:
        return pair([sys.executable, *self.words(pause)])

    def wait_for_checkpoint(self, process: subprocess.Popen[str], step: int) -> None:
        wanted = partial_folder(self.model) / FOLDER / f"step-{step:08d}.pt"
        while process.poll() is None and not wanted.exists():
            time.sleep(0.005)

    def rows(self, rank: int) -> dict[int, list[str]]:
        return dict(json.loads(line) for line in (self.folder / f"{rank}.rows").read_text().splitlines())


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    params = read_params(ROOT / "params.yaml")
    return write_groups(tmp_path_factory.mktemp("data") / "groups", params, embedding_size=128)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, groups: Path) -> Callable[[str], Job]:
    folder = tmp_path_factory.mktemp("jobs")
    return lambda name: Job(folder / name, groups)


@pytest.fixture(scope="module")
def together(job: Callable[[str], Job]) -> Job:
    """A finished training of two processes."""
    made = job("together")
    process = made.torchrun()
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return made


def test_two_processes_give_the_loss_curve_of_one(job: Callable[[str], Job], together: Job) -> None:
    """Only the order of float32 sums differs: by 1e-4 in the first step; later, since Adam divides small gradients by their own
    size, by at most 5e-3 (rows or gradients of the wrong process make a difference of 0.1 and more)."""
    alone = job("alone")
    train.run(PARAMS, groups=alone.groups, model=alone.model)
    one, two = (pd.read_csv(made.model / "losses.csv") for made in (alone, together))
    assert list(one.columns) == list(two.columns)
    assert {"loss/adversarial", "loss/discriminator", "loss/feature"} <= set(one.columns)
    np.testing.assert_allclose(two.iloc[0], one.iloc[0], rtol=1e-4)
    losses = [name for name in one.columns if name.startswith("loss/")]
    np.testing.assert_allclose(two[losses], one[losses], rtol=5e-3, atol=1e-5)


def test_processes_read_disjoint_rows_of_the_same_batch(together: Job, groups: Path) -> None:
    first, second = together.rows(0), together.rows(1)
    assert sorted(first) == sorted(second) == list(range(PARAMS.steps))
    sampler = GroupSampler(
        GroupSet(groups), PARAMS.sampling, size_px=PARAMS.size_px, batch_size=4, seed=PARAMS.seed,
    )  # fmt: skip
    for step in first:
        whole = [hashlib.sha256(row.numpy().tobytes()).hexdigest() for row in sampler.batch(step).template]
        assert first[step] == whole[:2]
        assert second[step] == whole[2:]


def test_only_the_first_process_writes(together: Job) -> None:
    assert [path.name for path in together.folder.glob("*.tracked")] == ["0.tracked"]
    assert (together.folder / "metrics.json").is_file()
    assert {"card.json", "losses.csv", "weights.safetensors"} <= set(digests(together.model))
    assert not partial_folder(together.model).exists()


def test_a_killed_process_ends_the_job_which_can_be_resumed(job: Callable[[str], Job], together: Job) -> None:
    broken = job("broken")
    process = broken.torchrun(pause=0.2)
    broken.wait_for_checkpoint(process, 2)
    os.kill(int((broken.folder / "1.pid").read_text()), signal.SIGKILL)
    killed = time.monotonic()
    assert process.wait() != 0
    assert time.monotonic() - killed < 60
    assert not broken.model.exists()

    # SIGTERM on one spot node: all processes stop at the same step, save, and ask to resume.
    pair = broken.pair(pause=0.2)
    broken.wait_for_checkpoint(pair[0], 4)
    pair[1].send_signal(signal.SIGTERM)
    stderr = [each.communicate()[1] for each in pair]
    assert [each.returncode for each in pair] == [75, 75]
    assert "training resumes at step" in stderr[0]

    train.run(PARAMS, groups=broken.groups, model=broken.model)  # resumed in a single process
    ended, expected = (pd.read_csv(made.model / "losses.csv") for made in (broken, together))
    losses = [name for name in expected.columns if name.startswith("loss/")]
    np.testing.assert_allclose(ended[losses], expected[losses], rtol=1e-3, atol=1e-5)


def test_torchrun_restarts_a_job_that_lost_a_process_and_it_resumes(job: Callable[[str], Job], together: Job) -> None:
    restarted = job("restarted")
    process = restarted.torchrun("--max-restarts", "1", "--monitor-interval", "0.2", pause=0.2)
    restarted.wait_for_checkpoint(process, 2)
    os.kill(int((restarted.folder / "1.pid").read_text()), signal.SIGKILL)
    stderr = process.communicate()[1]
    assert process.returncode == 0, stderr[-3000:]
    assert "training resumes at step" in stderr
    ended, expected = (pd.read_csv(made.model / "losses.csv") for made in (restarted, together))
    losses = [name for name in expected.columns if name.startswith("loss/")]
    np.testing.assert_allclose(ended[losses], expected[losses], rtol=1e-3, atol=1e-5)


def test_a_process_that_does_not_answer_is_an_error() -> None:
    script = """
import time, torch
from swapcore import launched
from swapcore.errors import TrainingError
from swapcore.training.distributed import join_processes

with join_processes(torch.device("cpu")) as processes:
    processes.barrier()
    time.sleep(600 * launched.rank())
    started = time.monotonic()
    try:
        processes.any(False)
    except TrainingError as error:
        assert 2 < time.monotonic() - started < 30
        raise SystemExit(str(error))
"""
    first, stuck = pair([sys.executable, "-c", script], **{TIMEOUT: "3"})
    _, stderr = first.communicate()
    stuck.kill()
    stuck.communicate()
    assert first.returncode == 1
    assert "another process of this training died or did not answer" in stderr
