"""Fixed list of source and template pairs of the test split."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from swapcore.data.faces import FaceRow
from swapcore.errors import ArtifactError

MIN_PEOPLE = 2


class Pair(NamedTuple):
    """Rows of the faces artifact of a source and a template, which show two people."""

    source: int
    template: int


def _generator(seed: int, *names: str) -> np.random.Generator:
    """Return a random generator that depends on seed and names only, not on earlier draws."""
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def digest_of(lines: Sequence[str]) -> str:
    """Return the SHA-256 (hex) over lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def draw_pairs(rows: Sequence[FaceRow], *, pairs_per_template: int, max_pairs: int, seed: int) -> list[Pair]:
    """Draw sources of other test people for each test photograph; a pure function of the arguments.

    Each template gets one photograph of up to pairs_per_template different people. If there are more than max_pairs pairs,
    the first source of every template has priority over the second of any.

    Args:
        rows: the faces artifact's rows.
        pairs_per_template: maximum number of sources per template.
        max_pairs: maximum number of pairs.
        seed: of the drawing.

    Raises:
        ArtifactError: the test split has fewer than two people.
    """
    photographs: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.split == "test":
            photographs.setdefault(row.identity, []).append(index)
    if len(photographs) < MIN_PEOPLE:
        raise ArtifactError(
            f"faces: {len(photographs)} people in the test split, evaluate needs at least {MIN_PEOPLE}; "
            "add people or raise crop.split.test, then run crop again"
        )
    candidates: list[tuple[int, float, Pair]] = []
    for identity, templates in photographs.items():
        others = sorted(set(photographs) - {identity})
        for template in templates:
            rng = _generator(seed, rows[template].key)
            order = rng.random()
            for rank, other in enumerate(rng.permutation(len(others))[:pairs_per_template]):
                source = int(rng.choice(photographs[others[other]]))
                candidates.append((rank, order, Pair(source, template)))
    chosen = [pair for _, _, pair in sorted(candidates)[:max_pairs]]
    return sorted(chosen, key=lambda pair: (pair.template, pair.source))
