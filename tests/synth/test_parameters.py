import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.errors import ParamsError
from swapcore.synth.attributes import NEUTRAL, Attributes, draw_attributes
from swapcore.synth.identity import FACE_PARAMETERS, SHAPE_PARAMETERS, Identity, draw_identity

EVERY = [(Identity, name) for name in Identity.bounds()] + [(Attributes, name) for name in Attributes.bounds()]


def complete(kind: type[Identity] | type[Attributes]) -> Identity | Attributes:
    return NEUTRAL if kind is Attributes else draw_identity(np.random.default_rng(0))


@pytest.mark.parametrize(("kind", "name"), EVERY, ids=[f"{kind.__name__}.{name}" for kind, name in EVERY])
def test_every_parameter_outside_its_bounds_is_refused_by_name(kind: type, name: str) -> None:
    bounds = kind.bounds()[name]
    for value in (bounds.low - 1, bounds.high + 1, float("nan")):
        with pytest.raises(ParamsError, match=f"{kind.__name__.lower()}.{name}: "):
            complete(kind).but(**{name: value})
    complete(kind).but(**{name: bounds.low})
    complete(kind).but(**{name: bounds.high})


def test_an_unknown_parameter_is_refused_by_name(person: Identity) -> None:
    with pytest.raises(ParamsError, match=r"identity\.nose_lenght: no such parameter"):
        person.but(nose_lenght=0.0)


def test_a_shape_is_refused_by_name(person: Identity) -> None:
    with pytest.raises(ParamsError, match=r"identity\.nose_hump: 1\.5 is outside"):
        person.but(nose_hump=1.5)
    with pytest.raises(ParamsError, match=r"identity\.shape: has 2 values"):
        person.but(shape=(0.0, 0.0))
    assert person.but(nose_hump=-1.0).shape[SHAPE_PARAMETERS.index("nose_hump")] == -1.0


def test_parameters_cannot_be_changed(person: Identity) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        person.age = 0.5  # type: ignore[misc]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1.0))
@settings(max_examples=50, deadline=None)
def test_draws_lie_within_bounds_and_repeat(seed: int, reach: float) -> None:
    assert draw_identity(np.random.default_rng(seed)) == draw_identity(np.random.default_rng(seed))
    assert draw_attributes(np.random.default_rng(seed), reach) == draw_attributes(np.random.default_rng(seed), reach)


def test_a_smaller_range_stays_nearer_the_neutral_view() -> None:
    full, half = (draw_attributes(np.random.default_rng(3), reach) for reach in (1.0, 0.5))
    assert half.yaw_deg == pytest.approx(full.yaw_deg / 2)
    assert half.span_cm - NEUTRAL.span_cm == pytest.approx((full.span_cm - NEUTRAL.span_cm) / 2)


def test_heads_that_turn_all_the_way_neither_nod_nor_tilt_far_and_every_end_is_reached() -> None:
    drawn = [draw_attributes(np.random.default_rng([5, n]), 1.0) for n in range(1500)]
    shares = np.array([[a.yaw_deg / 32, a.pitch_deg / 14, a.roll_deg / 12] for a in drawn])
    assert np.linalg.norm(shares, axis=1).max() <= 1 + 1e-9
    assert np.abs(shares).max(0).min() > 0.9


def test_people_are_spread_evenly_over_tone_age_sex_and_shape() -> None:
    people = [draw_identity(np.random.default_rng([4, n])) for n in range(1200)]
    for name, fewest in (("skin_tone", 240), ("age", 180)):
        counts, _ = np.histogram([getattr(p, name) for p in people], bins=4, range=(0, 1))
        assert counts.min() > fewest, name
    assert 0.36 < np.mean([p.age for p in people]) < 0.44  # the mean of a uniform number to the power of 1.5 is 0.4
    assert 0.45 < np.mean([p.masculinity > 0.5 for p in people]) < 0.55
    for name in SHAPE_PARAMETERS:
        values = np.array([p.shape[SHAPE_PARAMETERS.index(name)] for p in people])
        assert abs(values.mean()) < 0.06, name
        assert 0.35 < values.std() < 0.5, name


def test_the_face_and_the_rest_are_distinguished() -> None:
    for name in ("iris_tone", "lip_redness", "brow_arch", "beard", "face_hair_redness", "age"):
        assert name in FACE_PARAMETERS
    for name in ("skin_tone", "hair_style", "hair_darkness", "hair_redness", "hairline", "weight"):
        assert name not in FACE_PARAMETERS
