import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from swapcore.data.sampling import GroupBatch
from swapcore.errors import TrainingError, TrainingInterruptedError
from swapcore.tracking import NoTracking
from swapcore.training.loop import SHEETS, LoopContext, train
from tests.training.test_checkpoint import equal


class Notebook(NoTracking):
    """A tracker that keeps what is logged."""

    def __init__(self) -> None:
        self.metrics: dict[int, dict[str, float]] = {}
        self.files: list[str] = []

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        self.metrics[step] = dict(metrics)

    def log_file(self, path: Path, folder: str = "") -> None:
        assert path.is_file()
        assert folder == SHEETS
        self.files.append(path.name)


class KilledError(Exception):
    """Simulates a SIGKILL at a step."""


def train_until_killed(run, step: int) -> None:
    draw = run.loop.batches

    def batch(wanted: int) -> GroupBatch:
        if wanted == step:
            raise KilledError
        return draw(wanted)

    with pytest.raises(KilledError):
        train(run.state, run.context, replace_batches(run.loop, batch))


def replace_batches(loop: LoopContext, batches: Callable[[int], GroupBatch]) -> LoopContext:
    return replace(loop, batches=batches)


def test_rows_and_sheets_at_their_intervals(tiny, start, tmp_path: Path) -> None:
    notebook = Notebook()
    run = start(tiny(), tracker=notebook)
    train(run.state, run.context, run.loop)
    assert [row["step"] for row in run.state.history] == [3, 6, 9, 12] == list(notebook.metrics)
    assert notebook.files == ["step-00000006.png", "step-00000012.png"]
    assert sorted(path.name for path in (tmp_path / "run" / SHEETS).iterdir()) == notebook.files
    assert "validation/identity_source" in run.state.history[1]
    assert "validation/identity_source" not in run.state.history[0]
    assert "loss/adversarial" not in run.state.history[0]
    assert "loss/adversarial" in run.state.history[-1]


def test_speed_is_logged_but_not_part_of_the_history(tiny, start) -> None:
    notebook = Notebook()
    run = start(tiny(), tracker=notebook)
    train(run.state, run.context, run.loop)
    for metrics in notebook.metrics.values():
        assert metrics["speed/images_per_second"] > 0
        assert 0 <= metrics["speed/waiting"] <= 1
    assert not any(name.startswith("speed/") for row in run.state.history for name in row)


@pytest.mark.parametrize("step", [1, 5, 6, 11])
def test_resumed_equals_uninterrupted(tiny, start, step: int) -> None:
    whole = start(tiny(), "whole")
    train(whole.state, whole.context, whole.loop)
    train_until_killed(start(tiny(), "killed"), step)
    resumed = start(tiny(), "killed")
    assert resumed.state.step == 4 * (step // 4)
    train(resumed.state, resumed.context, resumed.loop)
    left, right = whole.state.state_dict(), resumed.state.state_dict()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_sigterm_saves_and_asks_to_resume(tiny, start) -> None:
    run = start(tiny(checkpoint={"every": 1000}))
    draw = run.loop.batches

    def batch(step: int) -> GroupBatch:
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(step)

    with pytest.raises(TrainingInterruptedError, match="run the same command to resume") as caught:
        train(run.state, run.context, replace_batches(run.loop, batch))
    assert caught.value.exit_code == 75
    assert 0 < start(tiny(checkpoint={"every": 1000})).state.step == run.state.step < 12
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_nan_fails_at_its_step(tiny, start) -> None:
    run = start(tiny())
    draw = run.loop.batches

    def batch(step: int) -> GroupBatch:
        drawn = draw(step)
        if step == 4:
            drawn.label.mul_(float("inf"))
        return drawn

    with pytest.raises(TrainingError, match=r"step 5: loss/pixel is (inf|nan)"):
        train(run.state, run.context, replace_batches(run.loop, batch))


def test_a_finished_training_does_nothing(tiny, start) -> None:
    run = start(tiny())
    train(run.state, run.context, run.loop)
    rows = len(run.state.history)
    train(run.state, run.context, run.loop)
    assert len(run.state.history) == rows
    assert run.state.step == 12
