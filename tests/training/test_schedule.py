import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.training.schedule import ema_decay, judges_raw, plays_adversary, rate_share


def test_the_rate_rises_then_falls_to_the_floor(tiny) -> None:
    params = tiny(steps=100, warmup_steps=9, learning_rate_floor=0.1)
    assert rate_share(0, params) == pytest.approx(0.1)
    assert rate_share(9, params) > 0.95
    assert rate_share(50, params) == pytest.approx(0.55)
    assert rate_share(100, params) == pytest.approx(0.1)
    shares = [rate_share(step, params) for step in range(9, 101)]
    assert shares == sorted(shares, reverse=True)


@given(st.integers(0, 999))
def test_the_rate_never_leaves_its_bounds(step: int) -> None:
    from pathlib import Path

    from swapcore.config import read_params

    params = read_params(Path(__file__).parents[2] / "params.yaml").train.model_copy(update={"steps": 1000})
    assert 0 < rate_share(step, params) <= 1


def test_the_average_is_short_at_first_and_then_as_params_say(tiny) -> None:
    params = tiny(ema_decay=0.9)
    assert ema_decay(0, params) == pytest.approx(0.1)
    assert ema_decay(10_000, params) == 0.9


def test_phases_begin_at_their_share_of_the_steps(tiny) -> None:
    params = tiny(steps=10, raw_phase=0.3, adversarial_start=0.5)
    assert [judges_raw(step, params) for step in range(10)] == [True] * 3 + [False] * 7
    assert [plays_adversary(step, params) for step in range(10)] == [False] * 5 + [True] * 5


def test_without_its_weight_the_adversary_never_joins(tiny) -> None:
    params = tiny(adversarial_start=0.0)
    silent = params.model_copy(update={"weights": params.weights.model_copy(update={"adversarial": 0.0})})
    assert plays_adversary(0, params)
    assert not plays_adversary(params.steps, silent)
