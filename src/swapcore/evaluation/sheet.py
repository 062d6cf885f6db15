"""Image sheet of selected pairs: source, template and every method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swapcore.data.faces import Face
from swapcore.evaluation.methods import Method, Truth
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.scores import Evaluator, ScoreRow
from swapcore.ops.image import Image, tile

KINDS = ("best", "median", "worst", "random")


@dataclass(frozen=True)
class ShownPair:
    """A pair with its images."""

    kind: str
    """best, median, worst by margin, or random."""
    row: ScoreRow
    images: dict[str, Image]
    """Column label -> image: source, template, each method, and the true swap if it is known."""


def choose_pairs(rows: Sequence[ScoreRow], num_rows: int, seed: int) -> list[tuple[str, ScoreRow]]:
    """Select the best, median, worst and random pairs without repetition.

    Pairs are sorted by margin; images without a face come last.

    Args:
        rows: the model's rows.
        num_rows: number of pairs.
        seed: of the random pairs.

    Returns:
        (kind, row) for each pair.
    """
    order = sorted(rows, key=lambda row: (-row.no_face, row.margin, row.pair), reverse=True)
    counts = {kind: (num_rows - turn + len(KINDS) - 1) // len(KINDS) for turn, kind in enumerate(KINDS)}
    from_median = sorted(range(len(order)), key=lambda index: (abs(index - (len(order) - 1) / 2), index))
    indices = {
        "best": list(range(len(order))),
        "median": from_median,
        "worst": list(range(len(order) - 1, -1, -1)),
        "random": np.random.default_rng(seed).permutation(len(order)).tolist(),
    }
    taken: set[int] = set()
    chosen = []
    for kind in KINDS:
        selected = [index for index in indices[kind] if index not in taken][: counts[kind]]
        taken.update(selected)
        chosen += [(kind, order[index]) for index in selected]
    return chosen


def render_pairs(
    chosen: Sequence[tuple[str, ScoreRow]], pairs: Sequence[Pair], methods: Sequence[Method], evaluator: Evaluator
) -> list[ShownPair]:
    """Make the images of the chosen pairs.

    Args:
        chosen: from choose_pairs.
        pairs: all pairs.
        methods: the methods to show.
        evaluator: gives the faces and the true swap.
    """
    shown = []
    for kind, row in chosen:
        source, template = evaluator.face(pairs[row.pair].source), evaluator.face(pairs[row.pair].template)
        images = {"source": source.image, "template": template.image}
        for method in methods:
            images[method.label] = method.swap([source], [template])[0]
        images |= _true_image(evaluator.truth, source, template)
        shown.append(ShownPair(kind, row, images))
    return shown


def _true_image(truth: Truth | None, source: Face, template: Face) -> dict[str, Image]:
    true = truth(source, template) if truth else None
    return {} if true is None else {"true swap": true}


def sheet(shown: Sequence[ShownPair], size_px: int) -> Image:
    """Tile the pairs, one row per pair, best first; columns source | template | methods | true swap."""
    columns = max((list(pair.images) for pair in shown), key=len)
    blank = np.full((size_px, size_px, 3), 255, np.uint8)
    return tile([[pair.images.get(column, blank) for column in columns] for pair in shown], size_px)
