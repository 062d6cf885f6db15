"""Results of an evaluation: rows, metrics with intervals, slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swapcore.config import EvaluateParams
from swapcore.data.faces import FaceRow
from swapcore.evaluation.methods import MODEL, Method
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.realism import Realism, score_realism
from swapcore.evaluation.scores import Evaluator, Scores, SliceRow, score_methods
from swapcore.evaluation.slices import measured_expression, slices_of, tone_word
from swapcore.evaluation.summary import SliceValue, Value, flatten, slice_values, summarize
from swapcore.faces.expression import Expression
from swapcore.ops.metrics import Vectors

MIN_IMAGES = 2
"""Realism needs at least this many templates and photographs."""


@dataclass(frozen=True)
class Findings:
    """Results of an evaluation."""

    pairs: Sequence[Pair]
    scores: Scores
    values: Mapping[str, Mapping[str, Value]]
    """Method -> metric -> value."""
    realism: Realism | None
    """The model's, for its sample sizes."""
    slices: Sequence[SliceValue]
    slice_rows: Sequence[SliceRow]
    """The slices of each pair."""

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics by flat name, as in metrics.json."""
        return flatten(self.values, self.slices)


def evaluate_methods(
    methods: Sequence[Method],
    pairs: Sequence[Pair],
    rows: Sequence[FaceRow],
    evaluator: Evaluator,
    photographs: Vectors,
    params: EvaluateParams,
) -> Findings:
    """Score every method on every pair and summarize.

    Args:
        methods: the compared methods, the model first.
        pairs: from draw_pairs.
        rows: the faces artifact's rows, to which the pairs refer.
        evaluator: what the images are evaluated with.
        photographs: descriptions (M, D) of real photographs of other people, for realism.
        params: seed, number of bootstrap samples, batch size.
    """
    scores = score_methods(methods, pairs, evaluator, params.batch_size)
    realism = {method.name: _realism(scores.descriptions[method.name], photographs, params) for method in methods}
    drawing = {"num_samples": params.bootstrap_samples, "seed": params.seed}
    values = {m.name: summarize(scores.of(m.name), realism[m.name], **drawing) for m in methods}
    words = _slice_words(pairs, rows, evaluator)
    slices = slice_values(scores.of(MODEL), words, **drawing)
    slice_rows = [SliceRow(pair, name, word) for pair, each in enumerate(words) for name, word in each.items()]
    return Findings(pairs, scores, values, realism[MODEL], slices, slice_rows)


def _realism(descriptions: Sequence[Vectors], photographs: Vectors, params: EvaluateParams) -> Realism | None:
    images = np.concatenate(descriptions)
    if min(len(images), len(photographs)) < MIN_IMAGES:
        return None
    return score_realism(images, photographs, num_samples=params.bootstrap_samples, seed=params.seed)


def _slice_words(pairs: Sequence[Pair], rows: Sequence[FaceRow], evaluator: Evaluator) -> list[dict[str, str]]:
    """Return slice -> word for each pair."""
    tones = {row: tone_word(evaluator.face(row)) for row in {row for pair in pairs for row in pair}}
    expressions = _expressions({pair.template for pair in pairs}, evaluator)
    return [
        slices_of(rows[p.source], rows[p.template], tones[p.source], tones[p.template], expressions.get(p.template))
        for p in pairs
    ]


def _expressions(templates: set[int], evaluator: Evaluator) -> dict[int, str]:
    """Return each template's expression in a word, from render parameters or landmarks; none without a face."""
    words = {row: evaluator.expression(evaluator.face(row)) for row in sorted(templates)}
    known = {row: word for row, word in words.items() if word is not None}
    measures = {row: evaluator.measure_face(evaluator.face(row).image) for row in words if row not in known}
    found = {row: face.expression for row, face in measures.items() if face is not None}
    if not found:
        return known
    median = Expression(*np.median(list(found.values()), axis=0).tolist())
    return known | {row: measured_expression(expression, median) for row, expression in found.items()}
