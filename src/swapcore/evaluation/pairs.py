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
    people = sorted(photographs)
    place = {identity: number for number, identity in enumerate(people)}
    order = _in_drawn_order(rows, photographs, seed)
    num_others = len(people) - 1
    whole_ranks, num_more = divmod(max_pairs, len(order))
    chosen: list[Pair] = []
    for position, template in enumerate(order):
        num_sources = min(pairs_per_template, num_others, whole_ranks + (position < num_more))
        if num_sources == 0:
            break  # all later templates have none either; drawing for them would make this quadratic in the people
        own = place[rows[template].identity]
        rng = _generator(seed, rows[template].key)
        rng.random()  # the number that gave the order
        for other in rng.permutation(num_others)[:num_sources].tolist():
            source = int(rng.choice(photographs[people[other + (other >= own)]]))
            chosen.append(Pair(source, template))
    return sorted(chosen, key=lambda pair: (pair.template, pair.source))


def _in_drawn_order(rows: Sequence[FaceRow], photographs: dict[str, list[int]], seed: int) -> list[int]:
    """Return the templates in the order in which they get their sources: by the first number of their generators."""
    drawn = [
        (_generator(seed, rows[template].key).random(), template)
        for templates in photographs.values()
        for template in templates
    ]
    return [template for _, template in sorted(drawn)]
