import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from swapcore.config import HealthCheckParams
from swapcore.data.groups import GroupSet
from swapcore.data.sampling import GroupBatch
from swapcore.errors import TrainingError, UnhealthyStepError
from swapcore.ops.compose import Swap
from swapcore.training.health import (
    HEALTH_CHECKS,
    check_health,
    check_step,
    find_alarms,
    recovery_lr_scale,
    stop_if_unhealthy,
    update_running_loss,
)
from swapcore.training.loop import train
from swapcore.training.validation import ValidationSet
from tests.training.conftest import CPU, recognize
from tests.training.test_checkpoint import equal
from tests.training.test_loop import Notebook, train_until_killed
from tests.training.test_validation import CopyingGenerator

RECOVERY = {"attempts": 2, "lr_factor": 0.5, "loss_spike": 10.0}


def with_bad_batches(run, step: int, times: int):
    """Return the loop context with NaN labels in a step, the given number of times."""
    draw, left = run.loop.batches, [times]

    def batch(wanted: int) -> GroupBatch:
        drawn = draw(wanted)
        if wanted == step and left[0] > 0:
            left[0] -= 1
            drawn.label.mul_(float("nan"))
        return drawn

    return replace(run.loop, batches=batch)


def learning_rates(run) -> dict[int, float]:
    return {int(row["step"]): row["learning_rate"] for row in run.state.history}


def test_a_step_that_is_not_finite_is_repeated_from_the_checkpoint_at_half_the_learning_rate(
    tiny, start, caplog
) -> None:
    notebook = Notebook()
    params = tiny(recovery=RECOVERY, loop={"log_every": 1})
    run, calm = start(params, "a", tracker=notebook), start(params, "calm")
    train(calm.state, calm.context, calm.loop)
    with caplog.at_level(logging.WARNING):
        train(run.state, run.context, with_bad_batches(run, 6, 1))
    assert run.state.step == 12
    assert run.state.rollbacks == 1
    assert "step 7: loss/pixel is nan; rolled back to step 4, learning rates now at 0.5" in caplog.text
    ratios = {step: rate / learning_rates(calm)[step] for step, rate in learning_rates(run).items()}
    assert ratios == pytest.approx({step: 1.0 if step <= 4 else 0.5 for step in range(1, 13)})


def test_training_fails_after_too_many_rollbacks(tiny, start) -> None:
    run = start(tiny(recovery=RECOVERY))
    message = r"step 7: loss/pixel is nan, after 2 rollbacks .* lower train\.schedule\.learning_rate"
    with pytest.raises(TrainingError, match=message):
        train(run.state, run.context, with_bad_batches(run, 6, 99))
    assert run.state.rollbacks == 2


def test_a_second_failure_at_the_same_step_restores_an_older_checkpoint(tiny, start, caplog) -> None:
    run = start(tiny(recovery=RECOVERY, checkpoint={"every": 2}))
    with caplog.at_level(logging.WARNING):
        train(run.state, run.context, with_bad_batches(run, 6, 2))
    assert "rolled back to step 6, learning rates now at 0.5" in caplog.text
    assert "rolled back to step 4, learning rates now at 0.25" in caplog.text
    assert run.state.step == 12


def test_a_failure_before_the_first_checkpoint_restores_the_initial_state(tiny, start) -> None:
    run = start(tiny(recovery=RECOVERY))
    train(run.state, run.context, with_bad_batches(run, 1, 1))
    assert (run.state.step, run.state.rollbacks) == (12, 1)


def test_killed_after_a_rollback_and_resumed_equals_uninterrupted(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    whole = start(params, "whole")
    train(whole.state, whole.context, with_bad_batches(whole, 6, 1))
    killed = start(params, "killed")
    killed = replace(killed, loop=with_bad_batches(killed, 6, 1))
    train_until_killed(killed, 7)  # after the rollback to step 4, before the next checkpoint
    resumed = start(params, "killed")
    assert (resumed.state.step, resumed.state.rollbacks) == (4, 1)
    train(resumed.state, resumed.context, resumed.loop)
    left, right = whole.state.state_dict(), resumed.state.state_dict()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_a_loss_spike_is_relative_to_the_running_mean(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    state = start(params).state
    check_step({"loss/total": 1e6}, state, params.recovery)  # no running mean yet
    for _ in range(3):
        update_running_loss(state, 2.0)
    assert state.running_loss == pytest.approx(2.0)
    check_step({"loss/total": 19.9}, state, params.recovery)
    with pytest.raises(UnhealthyStepError, match=r"step 1: loss/total is 21, more than 10 times its running mean 2"):
        check_step({"loss/total": 21.0}, state, params.recovery)


def test_the_factor_of_the_learning_rates_by_hand(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    state = start(params).state
    assert recovery_lr_scale(state, params.recovery) == 1.0
    state.rollbacks = 3
    assert recovery_lr_scale(state, params.recovery) == 0.125


BOUNDS = HealthCheckParams(
    action="fail", start=0.5, patience=2, min_change=0.25, min_distance_to_source=0.3, min_discriminator_loss=0.05,
    max_background_l1=8.0,
)  # fmt: skip


class LabelGenerator(nn.Module):
    """A generator that returns the labels, optionally with a damaged background."""

    def __init__(self, samples: ValidationSet, damage: float) -> None:
        super().__init__()
        self.labels = {
            template.numpy().tobytes(): label
            for groups in samples._by_kind.values()
            for template, label in zip(groups.template, groups.label, strict=True)
        }
        self.damage = damage

    def description(self, pooled: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return torch.cat([pooled, embedding], 1)

    def forward(self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, *_: object) -> Swap:
        image = torch.stack([self.labels[each.numpy().tobytes()] for each in template])
        image[..., :8] = (image[..., :8] + self.damage).clamp(-1, 1)
        return Swap(image, image, torch.ones_like(image[:, :1]))


@pytest.fixture
def samples(groups: GroupSet) -> ValidationSet:
    return ValidationSet(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)


def alarms_of(samples: ValidationSet, generator: nn.Module, tmp_path: Path, **more: float) -> set[str]:
    return set(find_alarms(samples.evaluate(generator, tmp_path / "sheets" / "a.png") | more, BOUNDS))


def test_a_good_swap_raises_no_alarm(samples: ValidationSet, tmp_path: Path) -> None:
    assert alarms_of(samples, LabelGenerator(samples, 0.0), tmp_path, **{"loss/discriminator": 1.2}) == set()


def test_a_copied_template_raises_an_alarm(samples: ValidationSet, tmp_path: Path) -> None:
    assert alarms_of(samples, CopyingGenerator("template"), tmp_path) == {"template_copied"}


def test_a_copied_source_raises_an_alarm(samples: ValidationSet, tmp_path: Path) -> None:
    assert "source_copied" in alarms_of(samples, CopyingGenerator("source"), tmp_path)


def test_a_damaged_background_raises_an_alarm(samples: ValidationSet, tmp_path: Path) -> None:
    assert alarms_of(samples, LabelGenerator(samples, 0.8), tmp_path) == {"background_damaged"}


def test_a_saturated_discriminator_raises_an_alarm(samples: ValidationSet, tmp_path: Path) -> None:
    found = alarms_of(samples, LabelGenerator(samples, 0.0), tmp_path, **{"loss/discriminator": 0.01})
    assert found == {"discriminator_saturated"}


def test_missing_metrics_raise_no_alarm() -> None:
    assert find_alarms({"loss/total": 1.0}, BOUNDS) == {}


COPIED = {"validation/change": 0.1}


def test_training_fails_after_patience_alarms_in_a_row(tiny, start) -> None:
    state = start(tiny()).state
    state.step = 6
    for count in (1, 2):
        stop_if_unhealthy(state, COPIED, BOUNDS)
        assert check_health(state, COPIED, BOUNDS, 12)["health/template_copied"] == count
    with pytest.raises(
        TrainingError, match=r"template_copied failed 2 times in a row: validation/change is 0\.1, bound 0\.25"
    ):
        stop_if_unhealthy(state, COPIED, BOUNDS)


def test_a_healthy_check_resets_the_count(tiny, start) -> None:
    state = start(tiny()).state
    state.step = 6
    for metrics, count in ((COPIED, 1), ({"validation/change": 0.9}, 0), (COPIED, 1)):
        logged = check_health(state, metrics, BOUNDS, 12)
        assert logged["health/template_copied"] == count
        assert set(logged) == {f"health/{name}" for name in HEALTH_CHECKS}


def test_nothing_is_counted_before_the_start(tiny, start) -> None:
    state = start(tiny()).state
    state.step = 5
    for _ in range(5):
        assert check_health(state, COPIED, BOUNDS, 12)["health/template_copied"] == 0


@pytest.mark.parametrize("action", ["warn", "off"])
def test_warn_and_off_do_not_fail(tiny, start, action: str, caplog) -> None:
    state = start(tiny()).state
    state.step = 12
    bounds = BOUNDS.model_copy(update={"action": action})
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            check_health(state, COPIED, bounds, 12)
            stop_if_unhealthy(state, COPIED, bounds)
    assert ("template_copied" in caplog.text) == (action == "warn")


def test_a_training_that_copies_fails(tiny, start) -> None:
    """A change of ten times what the label needs cannot be reached in 12 steps: with the real loop and validation."""
    bounds = BOUNDS.model_copy(update={"min_change": 10.0, "patience": 1})
    run = start(tiny(health_checks=bounds))
    with pytest.raises(TrainingError, match="health check template_copied"):
        train(run.state, run.context, run.loop)
    assert run.state.history[-1]["health/template_copied"] == 1
