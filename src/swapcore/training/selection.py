"""Which snapshot of the moving average becomes the model: the one with the best validation score, which no copier can have."""

import math
from dataclasses import asdict, dataclass

from swapcore.training.train_state import Learner, Metrics, Snapshot

SCORE = "validation/score"
_LEAST_GAIN = 0.05
"""Of a teacher whose own fakes hardly gain identity: keeps the quotient finite."""


def score(figures: Metrics) -> float | None:
    """sqrt(label * identity) of the figures of ``Samples``, split left out, in [0, 1]; one of the two where the other is not known.

    - label = 1 - |Y1 - L| / |T~ - L|: what share of the way from the template to the real label is done. Copying the template
      gives 0, copying the source less than 0, and less than 0 counts as 0: no copier scores.
    - identity = mean of two shares: of the way that the label of the group (the teacher's fake, or the truth) goes toward the
      source's identity, and of the way it goes away from the template's. More than all of the way counts as all of it: pleasing
      the recognizer better than the label itself, which is how it is fooled, wins nothing.
    """
    parts = [part for part in (_label(figures), _identity(figures)) if part is not None]
    return math.prod(parts) ** (1.0 / len(parts)) if parts else None


def _label(figures: Metrics) -> float | None:
    copied = figures.get("label_l1_of_copied")
    return None if copied is None else _clipped(1.0 - copied)


def _identity(figures: Metrics) -> float | None:
    if "identity_source" not in figures:
        return None
    before = figures["copied_identity_source"]
    wanted = max(figures["teacher_identity_source"] - before, _LEAST_GAIN)
    gained = _clipped((figures["identity_source"] - before) / wanted)
    left = _clipped((1.0 - figures["identity_template"]) / max(1.0 - figures["teacher_identity_template"], _LEAST_GAIN))
    return (gained + left) / 2


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def keep_if_best(learner: Learner, figures: Metrics) -> None:
    """Keep a copy of the moving average if no earlier one scored better on validation people."""
    value = figures.get(SCORE)
    if value is not None and (learner.best is None or value >= learner.best.score):
        weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in learner.ema.state_dict().items()}
        learner.best = Snapshot(learner.step, value, weights)


@dataclass(frozen=True)
class Selected:
    """What the model's card says of the choice."""

    step: int
    score: float | None
    by: str


def select(learner: Learner) -> dict[str, int | float | str | None]:
    """Give the moving average the best snapshot's weights and tell which it is; without validation people the last stays."""
    if learner.best is None:
        return asdict(Selected(learner.step, None, "the last step: there are no validation people"))
    learner.ema.load_state_dict(learner.best.weights)
    return asdict(Selected(learner.best.step, learner.best.score, SCORE))
