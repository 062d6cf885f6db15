"""Health of a training: NaN and loss spikes, rollback, health_checks."""

import logging
import math
from typing import NamedTuple

from swapcore.config import HealthCheckParams, RecoveryParams
from swapcore.errors import TrainingError, UnhealthyStepError
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.train_state import Metrics, TrainState

_LOSS_DECAY = 0.95
"""Decay of the running mean of the total loss: about the last twenty steps."""
_log = logging.getLogger(__name__)


def check_step(metrics: Metrics, state: TrainState, params: RecoveryParams) -> None:
    """Check a step's metrics before the optimizer changes the weights.

    Raises:
        UnhealthyStepError: a metric is not finite, or the total loss is above the loss-spike threshold.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UnhealthyStepError(f"step {state.step + 1}: {name} is {value}")
    total = metrics.get("loss/total")
    if total is not None and state.running_loss is not None and total > params.loss_spike * state.running_loss > 0:
        raise UnhealthyStepError(
            f"step {state.step + 1}: loss/total is {total:.4g}, more than {params.loss_spike:g} times its running mean "
            f"{state.running_loss:.4g}"
        )


def update_running_loss(state: TrainState, total: float) -> None:
    """Update the running mean with the total loss of a healthy step."""
    previous = state.running_loss
    state.running_loss = total if previous is None else _LOSS_DECAY * previous + (1.0 - _LOSS_DECAY) * total


def recovery_lr_scale(state: TrainState, params: RecoveryParams) -> float:
    """Return the factor of the learning rates after the rollbacks so far."""
    scale: float = params.lr_factor**state.rollbacks
    return scale


def roll_back(
    state: TrainState, error: UnhealthyStepError, params: RecoveryParams, checkpoints: CheckpointStore
) -> None:
    """Restore the last healthy checkpoint and lower the learning rates.

    The number of rollbacks is written to that checkpoint at once, so that a killed training resumes identically. If training
    failed no later than the last time, the newest checkpoint counts as unhealthy and the one before it is restored.

    Args:
        state: changed in place.
        error: the reason.
        params: the limit of rollbacks and the factor of the learning rates.
        checkpoints: of this run.

    Raises:
        TrainingError: the limit is reached.
    """
    rollbacks, failed = state.rollbacks + 1, state.step
    if rollbacks > params.attempts:
        raise TrainingError(
            f"{error}, after {params.attempts} rollbacks with lower and lower learning rates; lower "
            "train.schedule.learning_rate, set train.precision to fp32, or check the groups"
        ) from None
    checkpoints.restore(state, skip_newest=failed <= state.failed_step)
    state.rollbacks, state.failed_step = rollbacks, failed
    checkpoints.save(state)
    _log.warning(
        "%s; rolled back to step %d, learning rates now at %.3g of their schedule (%d of %d)",
        error, state.step, recovery_lr_scale(state, params), rollbacks, params.attempts,
    )  # fmt: skip


class HealthCheck(NamedTuple):
    """A metric with a bound that reveals a failing training whose losses look healthy."""

    metric: str
    """End of its name: the names of validation metrics begin with the split."""
    bound: str
    """Field of HealthCheckParams."""
    is_minimum: bool
    meaning: str


HEALTH_CHECKS = {
    "template_copied": HealthCheck(
        "/change", "min_change", True, "the output changes little of what the label changes: it copies the template"
    ),
    "source_copied": HealthCheck(
        "/distance_to_source", "min_distance_to_source", True, "the output is close to the source: it copies it"
    ),
    "discriminator_saturated": HealthCheck(
        "loss/discriminator",
        "min_discriminator_loss",
        True,
        "the discriminator separates perfectly and gives no gradient",
    ),
    "background_damaged": HealthCheck(
        "/background_l1", "max_background_l1", False, "the output differs from the template where the label does not"
    ),
}


def find_alarms(metrics: Metrics, params: HealthCheckParams) -> dict[str, str]:
    """Return check -> one line for each metric that is out of bounds; missing metrics raise no alarm."""
    alarms = {}
    for name, check in HEALTH_CHECKS.items():
        bound = getattr(params, check.bound)
        for metric, value in metrics.items():
            if metric.endswith(check.metric) and (value < bound if check.is_minimum else value > bound):
                alarms[name] = (
                    f"{metric} is {value:.3g}, bound {bound:g} (train.health_checks.{check.bound}): {check.meaning}"
                )
    return alarms


def check_health(state: TrainState, metrics: Metrics, params: HealthCheckParams, num_steps: int) -> Metrics:
    """Count consecutive alarms of each check and log a warning for each.

    Args:
        state: holds the counts; changed in place.
        metrics: of this step, validation metrics included.
        params: bounds and the share of the steps before the first check.
        num_steps: of the whole training.

    Returns:
        The counts as metrics; nothing if the checks are off.
    """
    if params.action == "off":
        return {}
    alarms = find_alarms(metrics, params) if state.step >= params.start * num_steps else {}
    state.alarms = {name: state.alarms.get(name, 0) + 1 for name in alarms}
    for name, line in alarms.items():
        _log.warning(
            "step %d: health check %s, failed %d times in a row: %s", state.step, name, state.alarms[name], line
        )
    return {f"health/{name}": float(state.alarms.get(name, 0)) for name in HEALTH_CHECKS}


def stop_if_unhealthy(state: TrainState, metrics: Metrics, params: HealthCheckParams) -> None:
    """End the training if a check's patience is exhausted; called after the metrics are logged.

    Raises:
        TrainingError: a check had `patience` consecutive alarms and the action is fail.
    """
    alarms = find_alarms(metrics, params)
    for name, count in state.alarms.items():
        if params.action == "fail" and count >= params.patience:
            raise TrainingError(
                f"step {state.step}: health check {name} failed {count} times in a row: {alarms[name]}; change the losses "
                "or the bound, or set train.health_checks.action to warn"
            )
