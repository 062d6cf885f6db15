import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from swapcore.data.sampling import Batch
from swapcore.errors import TrainingError, TrainingInterruptedError
from swapcore.tracking import NoTracking
from swapcore.training.loop import SHEETS, Surroundings, train
from tests.training.test_checkpoint import equal


class Notebook(NoTracking):
    """A tracker that keeps what it is given."""

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
    """Stands for a SIGKILL at a step: nothing after it runs."""


def train_and_die(run, step: int) -> None:
    draw = run.around.batches

    def batch(wanted: int) -> Batch:
        if wanted == step:
            raise KilledError
        return draw(wanted)

    with pytest.raises(KilledError):
        train(run.learner, run.context, replace_batches(run.around, batch))


def replace_batches(around: Surroundings, batches: Callable[[int], Batch]) -> Surroundings:
    return replace(around, batches=batches)


def test_rows_and_sheets_come_when_due(tiny, start, tmp_path: Path) -> None:
    notebook = Notebook()
    run = start(tiny(), tracker=notebook)
    train(run.learner, run.context, run.around)
    assert [row["step"] for row in run.learner.history] == [3, 6, 9, 12] == list(notebook.metrics)
    assert notebook.files == ["step-00000006.png", "step-00000012.png"]
    assert sorted(path.name for path in (tmp_path / "run" / SHEETS).iterdir()) == notebook.files
    assert "validation/identity_source" in run.learner.history[1]
    assert "validation/identity_source" not in run.learner.history[0]
    assert "loss/adversarial" not in run.learner.history[0]
    assert "loss/adversarial" in run.learner.history[-1]


def test_speed_goes_to_the_tracker_and_never_into_the_history(tiny, start) -> None:
    notebook = Notebook()
    run = start(tiny(), tracker=notebook)
    train(run.learner, run.context, run.around)
    for metrics in notebook.metrics.values():
        assert metrics["speed/images_per_second"] > 0
        assert 0 <= metrics["speed/waiting"] <= 1
    assert not any(name.startswith("speed/") for row in run.learner.history for name in row)


@pytest.mark.parametrize("step", [1, 5, 6, 11])
def test_resumed_equals_uninterrupted(tiny, start, step: int) -> None:
    whole = start(tiny(), "whole")
    train(whole.learner, whole.context, whole.around)
    train_and_die(start(tiny(), "killed"), step)
    resumed = start(tiny(), "killed")
    assert resumed.learner.step == 4 * (step // 4)
    train(resumed.learner, resumed.context, resumed.around)
    left, right = whole.learner.state(), resumed.learner.state()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_sigterm_saves_and_says_resume_me(tiny, start) -> None:
    run = start(tiny(checkpoint_every=1000))
    draw = run.around.batches

    def batch(step: int) -> Batch:
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(step)

    with pytest.raises(TrainingInterruptedError, match="run the same command to go on") as caught:
        train(run.learner, run.context, replace_batches(run.around, batch))
    assert caught.value.exit_code == 75
    assert 0 < start(tiny(checkpoint_every=1000)).learner.step == run.learner.step < 12
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_nan_stops_the_run_at_its_step(tiny, start) -> None:
    run = start(tiny())
    draw = run.around.batches

    def batch(step: int) -> Batch:
        drawn = draw(step)
        if step == 4:
            drawn.label.mul_(float("inf"))
        return drawn

    with pytest.raises(TrainingError, match=r"step 5: loss/pixel is (inf|nan)"):
        train(run.learner, run.context, replace_batches(run.around, batch))


def test_a_finished_run_trains_no_further(tiny, start) -> None:
    run = start(tiny())
    train(run.learner, run.context, run.around)
    rows = len(run.learner.history)
    train(run.learner, run.context, run.around)
    assert len(run.learner.history) == rows
    assert run.learner.step == 12
