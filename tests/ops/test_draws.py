"""Random numbers from counters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.ops.draws import below, uniform


def test_a_row_depends_on_counters_and_its_number_only() -> None:
    whole = uniform((3, 0, 7), np.arange(100), 5)
    assert np.array_equal(uniform((3, 0, 7), np.arange(40, 60), 5), whole[40:60])
    assert np.array_equal(uniform((3, 0, 7), np.arange(100), 9)[:, :5], whole)
    for other in ((4, 0, 7), (3, 1, 7), (3, 0, 8), (0, 3, 7)):
        assert not np.isin(uniform(other, np.arange(100), 5), whole).any()


def test_numbers_are_uniform_and_uncorrelated() -> None:
    drawn = uniform((0, 0, 0), np.arange(20_000), 4)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean(0) == pytest.approx(0.5, abs=0.01)
    assert np.histogram(drawn, 10, (0, 1))[0] == pytest.approx(8000, rel=0.05)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.03


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 10**9))
def test_integers_stay_below_the_limit(value: float, limit: int) -> None:
    assert 0 <= below(np.array([value]), limit)[0] < limit
