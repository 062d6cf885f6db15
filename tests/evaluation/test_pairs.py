"""The frozen pair list: test people only, never oneself, the same for the same seed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swapcore.errors import ArtifactError
from swapcore.evaluation import pairs
from swapcore.evaluation.pairs import draw_pairs


def drawn(rows, per_template=4, limit=10_000, seed=0):
    return draw_pairs(rows, pairs_per_template=per_template, max_pairs=limit, seed=seed)


def test_pairs_join_two_test_people(world):
    for source, template in drawn(world.rows):
        assert world.rows[source].split == world.rows[template].split == "test"
        assert world.rows[source].identity != world.rows[template].identity


def test_each_template_gets_different_people(world):
    found = drawn(world.rows)
    assert Counter(Counter(pair.template for pair in found).values()) == {4: 24}
    assert len({(world.rows[s].identity, t) for s, t in found}) == len(found)


def test_more_sources_than_people_gives_each_other_person_once(world):
    assert len(drawn(world.rows, per_template=1000)) == 24 * 11


def test_pairs_are_a_function_of_the_seed(world):
    assert drawn(world.rows) == drawn(world.rows)
    assert drawn(world.rows) != drawn(world.rows, seed=1)


def test_training_people_change_nothing(world):
    fewer = [row for row in world.rows if row.split == "test"]
    assert drawn(fewer) == drawn(world.rows)  # the toy's training people come last, so places stay


def test_a_limit_takes_second_sources_before_templates(world):
    assert Counter(pair.template for pair in drawn(world.rows, limit=24)) == dict.fromkeys(range(24), 1)
    assert len({pair.template for pair in drawn(world.rows, limit=10)}) == 10


@given(st.integers(0, 2**31 - 1), st.integers(1, 20), st.integers(1, 300))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pairs_are_sorted_unique_and_limited(world, seed, per_template, limit):
    found = drawn(world.rows, per_template, limit, seed)
    assert found == sorted(set(found), key=lambda pair: (pair.template, pair.source))
    assert len(found) == min(limit, 24 * min(per_template, 11))


def test_sources_are_drawn_for_templates_in_the_list_only(world, monkeypatch):
    """Otherwise the time would grow with the product of templates and people."""
    permuted = []

    class Counting(np.random.Generator):
        def permutation(self, *args):
            permuted.append(args)
            return super().permutation(*args)

    made = pairs._generator
    monkeypatch.setattr(pairs, "_generator", lambda *names: Counting(made(*names).bit_generator))
    limited = drawn(world.rows, limit=5)
    assert len(permuted) == 5
    assert set(limited) <= set(drawn(world.rows))


@pytest.mark.parametrize("num_people", [0, 1])
def test_too_few_test_people_names_the_fix(world, num_people):
    rows = [replace(row, split="test" if row.identity == "person 0" and num_people else "train") for row in world.rows]
    with pytest.raises(ArtifactError, match=rf"{num_people} people.*crop\.split\.test"):
        drawn(rows)
