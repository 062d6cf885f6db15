"""The people and pairs never change, and no params.yaml can draw them."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.cli.benchmark import benchmark
from swapcore.config import read_params
from swapcore.errors import ParamsError
from swapcore.evaluation.truth_benchmark.frozen import VERSION, draw_pairs, draw_shots, entropy, standard
from swapcore.synth.people import draw_person

SHOTS = draw_shots(standard(128))
PAIRS = draw_pairs(standard(128))
PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_seed_is_outside_the_range_of_params(tmp_path: Path) -> None:
    text = PARAMS.read_text()
    outside = tmp_path / "params.yaml"
    outside.write_text(text.replace("  seed: 1\n", f"  seed: {2**31}\n", 1))
    with pytest.raises(ParamsError, match=r"synthesize\.seed"):
        read_params(outside)
    # The stage's first word is its seed, so below 2**31; SeedSequence takes each of these words as it is.
    assert all(entropy(kind, person)[0] >= 2**31 for kind in (1, 2) for person in range(12))
    assert all(0 <= word < 2**32 for word in entropy(1, 2))


@given(seed=st.integers(0, 2**31 - 1), person=st.integers(0, 999_999))
def test_synthesized_people_are_not_in_the_benchmark(seed: int, person: int) -> None:
    drawn = draw_person(seed, person)
    assert drawn not in [shot.identity for shot in SHOTS]
    assert drawn.marks_seed not in [shot.identity.marks_seed for shot in SHOTS]


def test_standard_size() -> None:
    assert Counter(shot.person for shot in SHOTS) == {f"person-{n:02d}": 4 for n in range(12)}
    assert len({shot.identity for shot in SHOTS}) == 12
    assert len({shot.attributes for shot in SHOTS}) == len({shot.file for shot in SHOTS}) == 48
    assert len(PAIRS) == len(set(PAIRS)) == 96


def test_pairs_are_balanced_and_unique() -> None:
    people = [(SHOTS[pair.source].person, SHOTS[pair.template].person) for pair in PAIRS]
    assert all(source != template for source, template in people)
    assert set(Counter(people).values()) == {1}
    assert set(Counter(source for source, _ in people).values()) == {8}
    assert set(Counter(pair.template for pair in PAIRS).values()) == {2}
    assert [pair.template for pair in PAIRS] == sorted(pair.template for pair in PAIRS)


def test_people_and_pairs_are_those_of_the_version() -> None:
    def plain(values: dict[str, Any]) -> dict[str, Any]:
        return {name: np.round(value, 6).tolist() for name, value in values.items()}

    drawn = [[plain(shot.identity.values()), plain(shot.attributes.values())] for shot in SHOTS]
    digest = hashlib.sha256(json.dumps([drawn, PAIRS], sort_keys=True).encode()).hexdigest()
    assert (VERSION, digest[:16]) == (4, "2561d4c3e9677bd3"), (
        "other people or pairs are another benchmark: raise frozen.VERSION"
    )


def test_command_has_the_standard_size() -> None:
    size = next(option for option in benchmark.commands["truth"].params if option.name == "size_px")
    assert size.default == 128
