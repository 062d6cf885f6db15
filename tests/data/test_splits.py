"""People are divided by a hash of their name."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.config import SplitParams
from swapcore.data.splits import SPLITS, split_of

PARAMS = SplitParams(validation=0.1, test=0.15, seed=0)


@given(st.text(), st.integers(0, 2**31 - 1))
def test_a_pure_function_of_name_and_seed(name, seed):
    params = SplitParams(validation=0.1, test=0.15, seed=seed)
    assert split_of(name, params) == split_of(name, params)
    assert split_of(name, params) in SPLITS


def test_shares_of_many_people():
    counts = Counter(split_of(f"person {i}", PARAMS) for i in range(5000))
    assert counts["test"] / 5000 == pytest.approx(0.15, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.10, abs=0.02)


def test_another_seed_divides_otherwise():
    other = PARAMS.model_copy(update={"seed": 1})
    moved = sum(split_of(str(i), PARAMS) != split_of(str(i), other) for i in range(500))
    assert 100 < moved < 300


def test_no_share_no_people():
    none = SplitParams(validation=0, test=0, seed=0)
    assert {split_of(str(i), none) for i in range(200)} == {"train"}


def test_the_split_is_the_same_in_all_versions():
    names = ["001", "002", "Ann", "José", "😀", "p7", "p8", "p9"]
    expected = ["test", "train", "train", "test", "validation", "train", "train", "test"]
    assert [split_of(name, PARAMS) for name in names] == expected
