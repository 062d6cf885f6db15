"""Pictures to look at: which pairs are shown, and the sheet of source, template and every answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swapcore.data.faces import Face
from swapcore.evaluation.methods import Answer, Truth
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.scores import Bench, ScoreRow
from swapcore.ops.image import Image, tile

KINDS = ("best", "median", "worst", "random")


@dataclass(frozen=True)
class Shown:
    """One pair, shown."""

    kind: str
    """best, median, worst by margin, or random."""
    row: ScoreRow
    pictures: dict[str, Image]
    """Column label to picture: source, template, each answer, perhaps the truth."""


def choose(rows: Sequence[ScoreRow], num_rows: int, seed: int) -> list[tuple[str, ScoreRow]]:
    """Share num_rows among the best, the middle, the worst and random pairs, none twice.

    Pictures without a face stand below all others, then the margin decides.
    """
    order = sorted(rows, key=lambda row: (-row.no_face, row.margin, row.pair), reverse=True)
    wanted = {kind: (num_rows - turn + len(KINDS) - 1) // len(KINDS) for turn, kind in enumerate(KINDS)}
    middle = sorted(range(len(order)), key=lambda place: (abs(place - (len(order) - 1) / 2), place))
    places = {
        "best": list(range(len(order))),
        "median": middle,
        "worst": list(range(len(order) - 1, -1, -1)),
        "random": np.random.default_rng(seed).permutation(len(order)).tolist(),
    }
    taken: set[int] = set()
    chosen = []
    for kind in KINDS:
        mine = [place for place in places[kind] if place not in taken][: wanted[kind]]
        taken.update(mine)
        chosen += [(kind, order[place]) for place in mine]
    return chosen


def show(
    chosen: Sequence[tuple[str, ScoreRow]], pairs: Sequence[Pair], answers: Sequence[Answer], bench: Bench
) -> list[Shown]:
    """Make the pictures of the chosen pairs; the copied template is left out, for it is the template."""
    shown = []
    for kind, row in chosen:
        source, template = bench.face(pairs[row.pair].source), bench.face(pairs[row.pair].template)
        pictures = {"source": source.image, "template": template.image}
        for answer in answers:
            pictures[answer.label] = answer.swap([source], [template])[0]
        pictures |= _true_picture(bench.truth, source, template)
        shown.append(Shown(kind, row, pictures))
    return shown


def _true_picture(truth: Truth | None, source: Face, template: Face) -> dict[str, Image]:
    true = truth(source, template) if truth else None
    return {} if true is None else {"truth": true}


def sheet(shown: Sequence[Shown], size_px: int) -> Image:
    """One picture: a row a pair, best first, columns source | template | answers | truth."""
    columns = max((list(pair.pictures) for pair in shown), key=len)
    blank = np.full((size_px, size_px, 3), 255, np.uint8)
    return tile([[pair.pictures.get(column, blank) for column in columns] for pair in shown], size_px)
