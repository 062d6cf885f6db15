"""Sentinels: signs that training has gone astray although its losses look healthy; each can end the run."""

import logging
from typing import NamedTuple

from swapcore.config import SentinelParams
from swapcore.errors import TrainingError
from swapcore.training.train_state import Learner, Metrics

_log = logging.getLogger(__name__)


class Sentinel(NamedTuple):
    """A figure of validation people, or of the steps before, that must stay on its side of a bound."""

    figure: str
    """The end of its name: validation figures carry the split before it."""
    bound: str
    """Field of SentinelParams."""
    is_least: bool
    """Whether the bound is the least allowed, not the most."""
    meaning: str


SENTINELS = {
    "template_copied": Sentinel(
        "/change", "min_change", True, "the output changes so little of what the label changes: it copies the template"
    ),
    "source_copied": Sentinel(
        "/distance_to_source", "min_distance_to_source", True, "the output lies so near the source: it copies it"
    ),
    "discriminator_saturated": Sentinel(
        "loss/discriminator",
        "min_discriminator_loss",
        True,
        "the discriminator tells all apart and teaches nothing more",
    ),
    "background_damaged": Sentinel(
        "/background_l1", "max_background_l1", False, "the output differs from the template where the label does not"
    ),
}


def alarms(figures: Metrics, params: SentinelParams) -> dict[str, str]:
    """What is out of bounds: name of the sentinel to one line. A figure that is not there is no alarm."""
    raised = {}
    for name, sentinel in SENTINELS.items():
        bound = getattr(params, sentinel.bound)
        for figure, value in figures.items():
            if figure.endswith(sentinel.figure) and (value < bound if sentinel.is_least else value > bound):
                raised[name] = (
                    f"{figure} is {value:.3g}, bound {bound:g} (train.sentinels.{sentinel.bound}): {sentinel.meaning}"
                )
    return raised


def stand_watch(learner: Learner, figures: Metrics, params: SentinelParams, num_steps: int) -> Metrics:
    """Count for how many samples on end each sentinel is alarmed, and say so; give the counts by name, to be logged.

    Nothing counts before the share ``start`` of the steps: every training begins as a copier.
    """
    if params.action == "off":
        return {}
    raised = alarms(figures, params) if learner.step >= params.start * num_steps else {}
    learner.alarms = {name: learner.alarms.get(name, 0) + 1 for name in raised}
    for name, line in raised.items():
        _log.warning("step %d: sentinel %s, %d on end: %s", learner.step, name, learner.alarms[name], line)
    return {f"sentinel/{name}": float(learner.alarms.get(name, 0)) for name in SENTINELS}


def require_patience(learner: Learner, figures: Metrics, params: SentinelParams) -> None:
    """End the run where params want that, once what the sentinels saw is logged.

    Raises:
        TrainingError: one was alarmed ``patience`` times on end.
    """
    lines = alarms(figures, params)
    for name, count in learner.alarms.items():
        if params.action == "fail" and count >= params.patience:
            raise TrainingError(
                f"step {learner.step}: sentinel {name}, {count} on end: {lines[name]}; change the losses or the bound, or set "
                "train.sentinels.action to warn"
            )
