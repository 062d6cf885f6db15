"""When a step goes wrong: back to the last healthy checkpoint, on at lower rates, and after a few times no more."""

import logging
import math

from swapcore.config import RecoveryParams
from swapcore.errors import TrainingError, UnhealthyStepError
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.train_state import Learner, Metrics

_MEMORY = 0.95
"""Of the running mean of the total loss: about the last twenty steps."""
_log = logging.getLogger(__name__)


def require_healthy(metrics: Metrics, learner: Learner, params: RecoveryParams) -> None:
    """Look at a step's figures before it changes the models.

    Raises:
        UnhealthyStepError: one is not finite, or the total loss has exploded; names step, figure and value.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UnhealthyStepError(f"step {learner.step + 1}: {name} is {value}")
    total = metrics.get("loss/total")
    if total is not None and learner.running_loss is not None and total > params.explosion * learner.running_loss > 0:
        raise UnhealthyStepError(
            f"step {learner.step + 1}: loss/total is {total:.4g}, more than {params.explosion:g} times its running mean "
            f"{learner.running_loss:.4g}"
        )


def remember_loss(learner: Learner, total: float) -> None:
    """Follow the total loss of healthy steps."""
    before = learner.running_loss
    learner.running_loss = total if before is None else _MEMORY * before + (1.0 - _MEMORY) * total


def rate_share_left(learner: Learner, params: RecoveryParams) -> float:
    """What is left of the learning rates after the rollbacks so far."""
    share: float = params.rate_factor**learner.rollbacks
    return share


def roll_back(
    learner: Learner, error: UnhealthyStepError, params: RecoveryParams, checkpoints: CheckpointStore
) -> None:
    """Bring the learner to the last healthy checkpoint and lower its rates, which that checkpoint is told at once.

    So a kill at any moment changes nothing in what follows. A checkpoint from which training came no farther than the time
    before was not healthy: then the one before it is taken, where there is one.

    Raises:
        TrainingError: it went wrong too often.
    """
    rollbacks, failed = learner.rollbacks + 1, learner.step
    if rollbacks > params.attempts:
        raise TrainingError(
            f"{error}, after {params.attempts} returns to a checkpoint with ever lower rates; lower train.learning_rate, set "
            "train.precision to fp32, or look at the groups"
        ) from None
    checkpoints.go_back(learner, suspect=failed <= learner.failed_step)
    learner.rollbacks, learner.failed_step = rollbacks, failed
    checkpoints.save(learner)
    _log.warning(
        "%s; back to step %d, rates now at %.3g of their schedule (%d of %d)",
        error, learner.step, rate_share_left(learner, params), rollbacks, params.attempts,
    )  # fmt: skip
