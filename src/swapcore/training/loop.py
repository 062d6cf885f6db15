"""Training loop: periodic logging, validation, checkpointing."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import torch

from swapcore.config import HealthCheckParams, LoopParams
from swapcore.data.feeding import prefetch, send_ahead
from swapcore.data.preparing import GroupBatch, RawBatch
from swapcore.errors import TrainingInterruptedError, UnhealthyStepError
from swapcore.models.artifact import AnyGenerator
from swapcore.progress import progress
from swapcore.tracking import Tracker
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.health import check_health, roll_back, stop_if_unhealthy
from swapcore.training.memory import explained_shortage
from swapcore.training.selection import keep_if_best
from swapcore.training.step import StepContext, train_step
from swapcore.training.train_state import Metrics, TrainState

SHEETS = "sheets"
Validate = Callable[[AnyGenerator, Path], Metrics]
"""Returns the validation metrics of a generator and writes an image sheet."""


@dataclass(frozen=True)
class LoopContext:
    """Inputs and outputs of the loop."""

    params: LoopParams
    health_checks: HealthCheckParams
    checkpoint_every: int
    """In steps."""
    batch_size: int
    """Of a step, over all processes."""
    batches: Callable[[int], GroupBatch] | Callable[[int], RawBatch]
    """Returns the batch of a step, on a GPU in pinned memory and not yet augmented; called in other threads."""
    validate: Validate
    checkpoints: CheckpointStore
    tracker: Tracker
    folder: Path
    """The folder in which the model is being built."""
    prepare: Callable[[RawBatch], GroupBatch] | None = None
    """Sends a batch to a GPU and augments it there; None where batches are made on the CPU."""
    workers: int = 1
    """Threads that make batches."""
    prefetch: int = 3
    """Batches that each of them makes ahead."""


class StopRequest:
    """Defers SIGTERM to the end of the step; active in the main thread only, where Python can handle signals."""

    def __init__(self) -> None:
        self.received = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._remember)
        return self

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)


class Stopwatch:
    """Measures throughput and the share of time spent waiting for data; wall clock, so for the tracker only."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._waited = 0.0

    def measure(self, items: Iterator[GroupBatch]) -> Iterator[GroupBatch]:
        """Yield the items and add up the time that each takes to arrive."""
        while True:
            before = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            self._waited += time.perf_counter() - before
            yield item

    def lap(self, num_images: int) -> Metrics:
        """Return images per second and the share of waiting since the last lap."""
        seconds = time.perf_counter() - self._started
        metrics = {"speed/images_per_second": num_images / seconds, "speed/waiting": self._waited / seconds}
        self._started, self._waited = time.perf_counter(), 0.0
        return metrics


def train(state: TrainState, context: StepContext, loop: LoopContext) -> None:
    """Train from the state's step to the last step.

    Args:
        state: changed in place; its history is complete afterwards.
        context: constants of the steps.
        loop: inputs and outputs.

    Raises:
        TrainingError: too many rollbacks, or a health check whose action is fail.
        TrainingInterruptedError: SIGTERM; the state is saved.
    """
    with StopRequest() as stop:
        while state.step < context.num_steps:
            try:
                _train_until_unhealthy(state, context, loop, stop)
            except UnhealthyStepError as error:
                roll_back(state, error, context.recovery, loop.checkpoints)
                loop.tracker.log_metrics({"recovery/rollbacks": state.rollbacks}, state.step)


def _train_until_unhealthy(state: TrainState, context: StepContext, loop: LoopContext, stop: StopRequest) -> None:
    num_steps = context.num_steps
    watch = Stopwatch()
    batches = _feed(loop, range(state.step, num_steps), context.device)
    for batch in progress(watch.measure(batches), "train", num_steps, initial=state.step):
        with explained_shortage(state, batch, context):
            state.window.append(train_step(state, batch, context))
        stopped = context.processes.any(stop.received)
        _report(state, context, loop, watch)
        last = state.step == num_steps
        if not last and (stopped or state.step % loop.checkpoint_every == 0):
            loop.checkpoints.save(state)
        if stopped and not last:
            context.processes.barrier()  # torchrun may kill the process that still writes once another one has ended
            raise TrainingInterruptedError(
                f"SIGTERM: stopped and saved at step {state.step} of {num_steps}; run the same command to resume"
            )


def _feed(loop: LoopContext, steps: range, device: torch.device) -> Iterator[GroupBatch]:
    """Return the batches of steps on the device; the next one is made and sent while a step is computed."""
    made: Iterator[Any] = prefetch(loop.batches, steps, ahead=loop.workers * loop.prefetch, threads=loop.workers)
    return made if loop.prepare is None else send_ahead(made, loop.prepare, device)


def _report(state: TrainState, context: StepContext, loop: LoopContext, watch: Stopwatch) -> None:
    """Validate, log, keep the best snapshot and check the health_checks, each at its interval."""
    due = state.step == context.num_steps or state.step % loop.params.sample_every == 0
    if not due and state.step % loop.params.log_every:
        return
    # A copy that was changed by a fault of memory or software would train on, and only its gradients would show it.
    context.processes.require_equal_weights([state.generator, state.discriminator])
    metrics = _means(state.window) | (_validation_metrics(state, context, loop) if due else {})
    speed = watch.lap(len(state.window) * loop.batch_size)
    if due:
        keep_if_best(state, metrics)
        metrics |= check_health(state, metrics, loop.health_checks, context.num_steps)
    state.window = []
    state.history.append({"step": state.step, **metrics})
    loop.tracker.log_metrics({**metrics, **speed}, state.step)
    if due:
        stop_if_unhealthy(state, metrics, loop.health_checks)


def _validation_metrics(state: TrainState, context: StepContext, loop: LoopContext) -> Metrics:
    """Validate in the first process and broadcast the metrics, since all histories must be equal."""
    return context.processes.broadcast(_validate(state, loop) if context.processes.is_first else {})


def _validate(state: TrainState, loop: LoopContext) -> Metrics:
    sheet = loop.folder / SHEETS / f"step-{state.step:08d}.png"
    metrics = loop.validate(state.ema, sheet)
    loop.tracker.log_file(sheet, SHEETS)
    return metrics


def _means(window: list[Metrics]) -> Metrics:
    """Average each metric over the steps that have it."""
    names = dict.fromkeys(name for metrics in window for name in metrics)
    return {name: _mean([metrics[name] for metrics in window if name in metrics]) for name in names}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
