"""From answers and pairs to everything that is known about them: rows, figures with intervals, slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swapcore.config import EvaluateParams
from swapcore.data.faces import FaceRow
from swapcore.evaluation.methods import MODEL, Answer
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.realism import Realism, score_realism
from swapcore.evaluation.scores import Bench, KindRow, Scores, score_answers
from swapcore.evaluation.slices import measured_expression, slices_of, tone_word
from swapcore.evaluation.summary import SliceValue, Value, flatten, slice_values, summarize
from swapcore.faces.expression import Expression
from swapcore.ops.metrics import Vectors

MIN_PICTURES = 2
"""Fewer templates (or photographs) give no realism figure."""


@dataclass(frozen=True)
class Findings:
    """What judging found."""

    pairs: Sequence[Pair]
    scores: Scores
    figures: Mapping[str, Mapping[str, Value]]
    """Answer to figure to value."""
    realism: Realism | None
    """The model's, for its sample sizes."""
    slices: Sequence[SliceValue]
    kinds: Sequence[KindRow]
    """The kinds that each pair belongs to."""

    @property
    def metrics(self) -> dict[str, float]:
        """Flat names to numbers, as metrics.json holds them."""
        return flatten(self.figures, self.slices)


def judge(
    answers: Sequence[Answer],
    pairs: Sequence[Pair],
    rows: Sequence[FaceRow],
    bench: Bench,
    photographs: Vectors,
    params: EvaluateParams,
) -> Findings:
    """Let every answer answer every pair, and sum up.

    Args:
        answers: the model's first.
        pairs: from draw_pairs.
        rows: the faces artifact's rows, which the pairs point into.
        bench: what judges.
        photographs: descriptions (M, D) of real photographs of other people, for realism.
        params: seed, number of bootstrap samples, batch size.
    """
    scores = score_answers(answers, pairs, bench, params.batch_size)
    realism = {answer.name: _realism(scores.descriptions[answer.name], photographs, params) for answer in answers}
    drawing = {"num_samples": params.bootstrap_samples, "seed": params.seed}
    figures = {a.name: summarize(scores.of(a.name), realism[a.name], **drawing) for a in answers}
    words = _words(pairs, rows, bench)
    slices = slice_values(scores.of(MODEL), words, **drawing)
    kinds = [KindRow(pair, name, word) for pair, each in enumerate(words) for name, word in each.items()]
    return Findings(pairs, scores, figures, realism[MODEL], slices, kinds)


def _realism(descriptions: Sequence[Vectors], photographs: Vectors, params: EvaluateParams) -> Realism | None:
    pictures = np.concatenate(descriptions)
    if min(len(pictures), len(photographs)) < MIN_PICTURES:
        return None
    return score_realism(pictures, photographs, num_samples=params.bootstrap_samples, seed=params.seed)


def _words(pairs: Sequence[Pair], rows: Sequence[FaceRow], bench: Bench) -> list[dict[str, str]]:
    """The kinds that each pair belongs to."""
    tones = {place: tone_word(bench.face(place)) for place in {place for pair in pairs for place in pair}}
    expressions = _expressions({pair.template for pair in pairs}, bench)
    return [
        slices_of(rows[p.source], rows[p.template], tones[p.source], tones[p.template], expressions.get(p.template))
        for p in pairs
    ]


def _expressions(templates: set[int], bench: Bench) -> dict[int, str]:
    """Each template's expression in a word, by its parameters, else by its key points; none where no face is found."""
    words = {place: bench.expression(bench.face(place)) for place in sorted(templates)}
    known = {place: word for place, word in words.items() if word is not None}
    looks = {place: bench.locate(bench.face(place).image) for place in words if place not in known}
    seen = {place: look.expression for place, look in looks.items() if look is not None}
    if not seen:
        return known
    middle = Expression(*np.median(list(seen.values()), axis=0).tolist())
    return known | {place: measured_expression(expression, middle) for place, expression in seen.items()}
