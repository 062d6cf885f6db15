"""The training loop: batches, steps, and what is due every so many of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.sampling import Batch, prefetch
from swapcore.errors import TrainingInterruptedError
from swapcore.models.generator import Generator
from swapcore.progress import progress
from swapcore.tracking import Tracker
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.interruption import StopRequest
from swapcore.training.learner import Learner, Metrics
from swapcore.training.step import StepContext, train_step

SHEETS = "sheets"
Judge = Callable[[Generator, Path], Metrics]
"""Gives the figures of a generator and writes its picture sheet."""


@dataclass(frozen=True)
class Surroundings:
    """What a run draws from and reports to."""

    batches: Callable[[int], Batch]
    """The batch of a step."""
    judge: Judge
    checkpoints: CheckpointStore
    tracker: Tracker
    folder: Path
    """Where the model is being built."""


class Stopwatch:
    """Passes items on and measures how long each was waited for; wall clock, so for the tracker only."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._waited = 0.0

    def pass_on(self, items: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the same items."""
        while True:
            before = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            self._waited += time.perf_counter() - before
            yield item

    def lap(self, num_images: int) -> Metrics:
        """Images per second and share of time spent waiting for data since the last lap."""
        seconds = time.perf_counter() - self._started
        figures = {"speed/images_per_second": num_images / seconds, "speed/waiting": self._waited / seconds}
        self._started, self._waited = time.perf_counter(), 0.0
        return figures


def train(learner: Learner, context: StepContext, around: Surroundings) -> None:
    """Train from the learner's step to the last, and leave its history complete.

    Raises:
        TrainingError: a loss is not finite.
        TrainingInterruptedError: SIGTERM came; the state is saved.
    """
    params = context.params
    steps = range(learner.step, params.steps)
    watch = Stopwatch()
    batches = watch.pass_on(prefetch(around.batches, steps))
    with StopRequest() as stop:
        for batch in progress(batches, "train", params.steps, initial=learner.step):
            learner.window.append(train_step(learner, batch, context))
            last = learner.step == params.steps
            sampled = _sample(learner, around) if last or learner.step % params.sample_every == 0 else {}
            if sampled or learner.step % params.log_every == 0:
                _log(learner, sampled, watch.lap(len(learner.window) * params.batch_size), around.tracker)
            if not last and (stop.received or learner.step % params.checkpoint_every == 0):
                around.checkpoints.save(learner)
            if stop.received and not last:
                raise TrainingInterruptedError(
                    f"SIGTERM: stopped and saved at step {learner.step} of {params.steps}; run the same command to go on"
                )


def _sample(learner: Learner, around: Surroundings) -> Metrics:
    sheet = around.folder / SHEETS / f"step-{learner.step:08d}.png"
    figures = around.judge(learner.ema, sheet)
    around.tracker.log_file(sheet, SHEETS)
    return figures


def _log(learner: Learner, sampled: Metrics, speed: Metrics, tracker: Tracker) -> None:
    """Add a row to the history: each metric's mean since the last row; the wall clock's figures go to the tracker only."""
    names = dict.fromkeys(name for metrics in learner.window for name in metrics)
    means = {name: _mean([metrics[name] for metrics in learner.window if name in metrics]) for name in names}
    learner.window = []
    learner.history.append({"step": learner.step, **means, **sampled})
    tracker.log_metrics({**means, **sampled, **speed}, learner.step)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
