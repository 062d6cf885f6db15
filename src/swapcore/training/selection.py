"""Choice of the final model: best EMA snapshot by validation score."""

import math

from swapcore.data.facts import SelectionFacts
from swapcore.training.train_state import Metrics, Snapshot, TrainState

SCORE = "validation/score"
_MIN_GAIN = 0.05
"""Keeps the quotient finite for a teacher whose own fakes hardly gain identity."""


def score(metrics: Metrics) -> float | None:
    """Return sqrt(label * identity) in [0, 1], or one of the two factors if the other is unknown.

    - label = 1 - |Y1 - L| / |T~ - L|: share of the way from the template to the real label. Copying the template gives 0, copying
      the source a negative value, which counts as 0.
    - identity = mean of two shares: the gain of similarity to the source, and the loss of similarity to the template, each relative
      to the label of the group (the teacher's fake, or the true swap) and at most 1. More similarity than the label has, which is
      how a recognizer is fooled, is not rewarded.

    Args:
        metrics: of ``ValidationSet.evaluate``, names without the split.

    Returns:
        The score; None if neither factor is known.
    """
    parts = [part for part in (_label(metrics), _identity(metrics)) if part is not None]
    return math.prod(parts) ** (1.0 / len(parts)) if parts else None


def _label(metrics: Metrics) -> float | None:
    copied = metrics.get("label_l1_of_copied")
    return None if copied is None else _clipped(1.0 - copied)


def _identity(metrics: Metrics) -> float | None:
    if "identity_source" not in metrics:
        return None
    before = metrics["copied_identity_source"]
    wanted = max(metrics["teacher_identity_source"] - before, _MIN_GAIN)
    gained = _clipped((metrics["identity_source"] - before) / wanted)
    left = _clipped((1.0 - metrics["identity_template"]) / max(1.0 - metrics["teacher_identity_template"], _MIN_GAIN))
    return (gained + left) / 2


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def keep_if_best(state: TrainState, metrics: Metrics) -> None:
    """Copy the moving average to state.best unless an earlier snapshot has a higher validation score."""
    value = metrics.get(SCORE)
    if value is not None and (state.best is None or value >= state.best.score):
        weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.ema.state_dict().items()}
        state.best = Snapshot(state.step, value, weights)


def select(state: TrainState) -> SelectionFacts:
    """Load the best snapshot into the moving average; without validation people it keeps the last step's weights."""
    if state.best is None:
        return SelectionFacts(step=state.step, score=None, by="the last step: there are no validation people")
    state.ema.load_state_dict(state.best.weights)
    return SelectionFacts(step=state.best.step, score=state.best.score, by=SCORE)
