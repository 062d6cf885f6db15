"""Which source goes onto which template: a frozen list over people of the test split."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from swapcore.data.faces import FaceRow
from swapcore.errors import ArtifactError

MIN_PEOPLE = 2


class Pair(NamedTuple):
    """Places in the faces artifact of a source and of a template, photographs of two people."""

    source: int
    template: int


def _generator(seed: int, *names: str) -> np.random.Generator:
    """A random generator that depends on the seed and the names alone, not on what was drawn before."""
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def digest_of(lines: Sequence[str]) -> str:
    """SHA-256 (hex) over lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def draw_pairs(rows: Sequence[FaceRow], *, pairs_per_template: int, max_pairs: int, seed: int) -> list[Pair]:
    """Give each test photograph sources of other test people: a pure function of the rows and the arguments.

    Each template gets as many different people as there are, up to pairs_per_template, and of each one photograph.
    Where that is more than max_pairs, each template keeps its first source before any keeps its second.

    Raises:
        ArtifactError: fewer than two people in the test split.
    """
    photographs: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.split == "test":
            photographs.setdefault(row.identity, []).append(index)
    if len(photographs) < MIN_PEOPLE:
        raise ArtifactError(
            f"faces: {len(photographs)} people in the test split and evaluate needs at least {MIN_PEOPLE}; "
            "add people or raise crop.split.test, then run crop again"
        )
    turns: list[tuple[int, float, Pair]] = []
    for identity, templates in photographs.items():
        others = sorted(set(photographs) - {identity})
        for template in templates:
            rng = _generator(seed, rows[template].key)
            order = rng.random()
            for turn, place in enumerate(rng.permutation(len(others))[:pairs_per_template]):
                source = int(rng.choice(photographs[others[place]]))
                turns.append((turn, order, Pair(source, template)))
    chosen = [pair for _, _, pair in sorted(turns)[:max_pairs]]
    return sorted(chosen, key=lambda pair: (pair.template, pair.source))
