import logging
from dataclasses import replace

import pytest

from swapcore.data.sampling import Batch
from swapcore.errors import TrainingError, UnhealthyStepError
from swapcore.training.loop import train
from swapcore.training.recovery import rate_share_left, remember_loss, require_healthy
from tests.training.test_checkpoint import equal
from tests.training.test_loop import Notebook, train_and_die

RECOVERY = {"attempts": 2, "rate_factor": 0.5, "explosion": 10.0}


def with_bad_batches(run, step: int, times: int):
    """The run's surroundings, with batches of a step that are not finite as often as said."""
    draw, left = run.around.batches, [times]

    def batch(wanted: int) -> Batch:
        drawn = draw(wanted)
        if wanted == step and left[0] > 0:
            left[0] -= 1
            drawn.label.mul_(float("nan"))
        return drawn

    return replace(run.around, batches=batch)


def rates(run) -> dict[int, float]:
    return {int(row["step"]): row["learning_rate"] for row in run.learner.history}


def test_a_step_that_is_not_finite_is_repeated_from_the_checkpoint_at_half_the_rate(tiny, start, caplog) -> None:
    notebook = Notebook()
    params = tiny(recovery=RECOVERY, log_every=1)
    run, calm = start(params, "a", tracker=notebook), start(params, "calm")
    train(calm.learner, calm.context, calm.around)
    with caplog.at_level(logging.WARNING):
        train(run.learner, run.context, with_bad_batches(run, 6, 1))
    assert run.learner.step == 12
    assert run.learner.rollbacks == 1
    assert "step 7: loss/pixel is nan; back to step 4, rates now at 0.5" in caplog.text
    ratios = {step: rate / rates(calm)[step] for step, rate in rates(run).items()}
    assert ratios == pytest.approx({step: 1.0 if step <= 4 else 0.5 for step in range(1, 13)})


def test_what_stays_wrong_ends_the_run_with_a_clear_line(tiny, start) -> None:
    run = start(tiny(recovery=RECOVERY))
    message = r"step 7: loss/pixel is nan, after 2 returns .* lower train\.learning_rate"
    with pytest.raises(TrainingError, match=message):
        train(run.learner, run.context, with_bad_batches(run, 6, 99))
    assert run.learner.rollbacks == 2


def test_a_checkpoint_that_led_nowhere_gives_way_to_the_one_before(tiny, start, caplog) -> None:
    run = start(tiny(recovery=RECOVERY, checkpoint_every=2))
    with caplog.at_level(logging.WARNING):
        train(run.learner, run.context, with_bad_batches(run, 6, 2))
    assert "back to step 6, rates now at 0.5" in caplog.text
    assert "back to step 4, rates now at 0.25" in caplog.text
    assert run.learner.step == 12


def test_before_the_first_checkpoint_there_is_the_beginning(tiny, start) -> None:
    run = start(tiny(recovery=RECOVERY))
    train(run.learner, run.context, with_bad_batches(run, 1, 1))
    assert (run.learner.step, run.learner.rollbacks) == (12, 1)


def test_killed_after_a_rollback_and_resumed_equals_uninterrupted(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    whole = start(params, "whole")
    train(whole.learner, whole.context, with_bad_batches(whole, 6, 1))
    killed = start(params, "killed")
    killed = replace(killed, around=with_bad_batches(killed, 6, 1))
    train_and_die(killed, 7)  # the rollback to step 4 is done, nothing was saved after it
    resumed = start(params, "killed")
    assert (resumed.learner.step, resumed.learner.rollbacks) == (4, 1)
    train(resumed.learner, resumed.context, resumed.around)
    left, right = whole.learner.state(), resumed.learner.state()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_an_explosion_is_told_by_the_running_mean(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    learner = start(params).learner
    require_healthy({"loss/total": 1e6}, learner, params.recovery)  # nothing to compare with yet
    for _ in range(3):
        remember_loss(learner, 2.0)
    assert learner.running_loss == pytest.approx(2.0)
    require_healthy({"loss/total": 19.9}, learner, params.recovery)
    with pytest.raises(UnhealthyStepError, match=r"step 1: loss/total is 21, more than 10 times its running mean 2"):
        require_healthy({"loss/total": 21.0}, learner, params.recovery)


def test_the_share_left_by_hand(tiny, start) -> None:
    params = tiny(recovery=RECOVERY)
    learner = start(params).learner
    assert rate_share_left(learner, params.recovery) == 1.0
    learner.rollbacks = 3
    assert rate_share_left(learner, params.recovery) == 0.125
