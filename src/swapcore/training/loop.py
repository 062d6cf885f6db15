"""The training loop: batches, steps, and what is due every so many of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.sampling import Batch, prefetch
from swapcore.errors import TrainingInterruptedError, UnhealthyStepError
from swapcore.models.artifact import AnyGenerator
from swapcore.progress import progress
from swapcore.tracking import Tracker
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.distributed import Processes
from swapcore.training.interruption import StopRequest
from swapcore.training.recovery import roll_back
from swapcore.training.selection import keep_if_best
from swapcore.training.sentinels import require_patience, stand_watch
from swapcore.training.step import StepContext, train_step
from swapcore.training.train_state import Learner, Metrics

SHEETS = "sheets"
_GPU_LOADER_THREADS = 4
"""A GPU takes batches faster than one thread makes them; a CPU needs its cores for the step."""
Judge = Callable[[AnyGenerator, Path], Metrics]
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
        TrainingError: a loss that is not finite or explodes, again and again; a sentinel that may fail the stage.
        TrainingInterruptedError: SIGTERM came; the state is saved.
    """
    with StopRequest() as stop:
        while learner.step < context.params.steps:
            try:
                _train_on(learner, context, around, stop)
            except UnhealthyStepError as error:
                roll_back(learner, error, context.params.recovery, around.checkpoints)
                around.tracker.log_metrics({"recovery/rollbacks": learner.rollbacks}, learner.step)


def _train_on(learner: Learner, context: StepContext, around: Surroundings, stop: StopRequest) -> None:
    """Train to the last step, or until something happens."""
    params = context.params
    watch = Stopwatch()
    steps = range(learner.step, params.steps)
    threads = _GPU_LOADER_THREADS if context.device.type == "cuda" else 1
    batches = watch.pass_on(prefetch(around.batches, steps, ahead=3 * threads, threads=threads))
    for batch in progress(batches, "train", params.steps, initial=learner.step):
        learner.window.append(train_step(learner, batch, context))
        stopped = context.processes.any(stop.received)
        _report(learner, context, around, watch)
        last = learner.step == params.steps
        if not last and (stopped or learner.step % params.checkpoint_every == 0):
            around.checkpoints.save(learner)
        if stopped and not last:
            context.processes.wait()  # or who ends first might make torchrun end the one that still writes
            raise TrainingInterruptedError(
                f"SIGTERM: stopped and saved at step {learner.step} of {params.steps}; run the same command to go on"
            )


def _report(learner: Learner, context: StepContext, around: Surroundings, watch: Stopwatch) -> None:
    """Judge and log where that is due, keep the best, and let the sentinels look."""
    params = context.params
    due = learner.step == params.steps or learner.step % params.sample_every == 0
    if not due and learner.step % params.log_every:
        return
    figures = _means(learner.window) | (_sample(learner, around, context.processes) if due else {})
    speed = watch.lap(len(learner.window) * params.batch_size)
    if due:
        keep_if_best(learner, figures)
        figures |= stand_watch(learner, figures, params.sentinels, params.steps)
    learner.window = []
    learner.history.append({"step": learner.step, **figures})
    around.tracker.log_metrics({**figures, **speed}, learner.step)
    if due:
        require_patience(learner, figures, params.sentinels)


def _sample(learner: Learner, around: Surroundings, processes: Processes) -> Metrics:
    """Let the first process judge and tell the others, whose histories must not differ."""
    return processes.hear(_judge(learner, around) if processes.is_first else {})


def _judge(learner: Learner, around: Surroundings) -> Metrics:
    sheet = around.folder / SHEETS / f"step-{learner.step:08d}.png"
    figures = around.judge(learner.ema, sheet)
    around.tracker.log_file(sheet, SHEETS)
    return figures


def _means(window: list[Metrics]) -> Metrics:
    """Each metric's mean over the steps that have it."""
    names = dict.fromkeys(name for metrics in window for name in metrics)
    return {name: _mean([metrics[name] for metrics in window if name in metrics]) for name in names}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
