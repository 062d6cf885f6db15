"""Figures of a swap on the frozen set, beside those of the trivial answers and of the truth itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import NetworkParams
from swapcore.data.faces import Face
from swapcore.evaluation.attributes import locate_face
from swapcore.evaluation.identity import Gallery, Judge
from swapcore.evaluation.methods import TEMPLATE_COPIED, Answer, Batch, Swap, copy_template, one_by_one
from swapcore.evaluation.realism import Levels
from swapcore.evaluation.scores import Bench, ScoreRow, score_answers
from swapcore.evaluation.summary import FIGURES, Figure, Value, mean_of, rule_of_three
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.ops.image import Image, to_tensor
from swapcore.ops.metrics import crossed_bootstrap_interval
from swapcore.teachers.base import pictures_of
from swapcore.teachers.classical import ClassicalTeacher

SWAP, CLASSICAL, TRUTH = "swap", "classical", "truth"
JUDGE = "dlib, each picture looked at three times under jitter"
NUM_SAMPLES = 1000
SEED = 0
"""Of the bootstrap and the jitter: part of the benchmark's version."""
_BATCH_SIZE = 16
_NETWORK = NetworkParams(kind="dlib", path=None, sha256=None)

NEARER = Figure(
    "truth/nearer_than_template", "", "Nearer the truth than the template is", "%", "higher",
    "share of pairs whose L1 to the truth inside the face is smaller than the untouched template's",
)  # fmt: skip
_MEASURED = (
    "truth/psnr_face", "truth/ssim_face", "truth/l1_face", "truth/psnr", "truth/ssim", "truth/l1", "truth/feature",
    "identity/cosine_source", "identity/cosine_template", "identity/gain", "identity/top1", "identity/leak_top1",
    "outside/l1", "attributes/landmark_error", "failures/no_face",
)  # fmt: skip
MEASURED: tuple[Figure, ...] = (
    NEARER,
    *sorted((figure for figure in FIGURES if figure.name in _MEASURED), key=lambda f: _MEASURED.index(f.name)),
)
"""What is measured, in the order of the table."""


@dataclass(frozen=True)
class Measured:
    """What measuring gave."""

    truth_set: TruthSet
    labels: dict[str, str]
    """Answer to its name, the swap that is measured first."""
    rows: dict[str, list[ScoreRow]]
    """Answer to a row a pair, in the order of the pairs."""
    figures: dict[str, dict[str, Value]]
    """Answer to figure to value with its 95 % interval."""


def score(swap: Swap, label: str, truth_set: TruthSet) -> Measured:
    """Let the swap and the trivial answers answer every pair, and judge all alike."""
    return score_all([Answer(SWAP, label, swap)], truth_set)


def score_all(contestants: Sequence[Answer], truth_set: TruthSet) -> Measured:
    """The same for several swaps at once, which need names of their own."""
    answers = [
        *contestants,
        Answer(TEMPLATE_COPIED, "template copied", copy_template),
        Answer(CLASSICAL, "classical swap", one_by_one(pictures_of(ClassicalTeacher("feather")))),
        Answer(TRUTH, "truth itself", one_by_one(_truth(truth_set))),
    ]
    scores = score_answers(answers, truth_set.pairs, _bench(truth_set), _BATCH_SIZE)
    rows = {answer.name: scores.of(answer.name) for answer in answers}
    figures = {name: summarize(mine, rows[TEMPLATE_COPIED]) for name, mine in rows.items()}
    return Measured(truth_set, {answer.name: answer.label for answer in answers}, rows, figures)


def _truth(truth_set: TruthSet) -> Callable[[Face, Face], Image]:
    return lambda source, template: truth_set.truths[truth_set.number(source, template)]


def _bench(truth_set: TruthSet) -> Bench:
    """The same judge for everybody, centered by the benchmark's own people, of whom no training knows."""
    recognizer = load_evaluator_recognizer(_NETWORK)
    faces = truth_set.faces
    embeddings = recognizer.embed(np.stack([face.image for face in faces]), _BATCH_SIZE)
    gallery = Gallery(np.array([face.key for face in faces]), np.array([face.identity for face in faces]), embeddings)
    judge = Judge(
        JUDGE, lambda images: recognizer.embed(images, _BATCH_SIZE), embeddings.mean(0), jittered=True, seed=SEED
    )
    return Bench(faces.__getitem__, judge, gallery, _levels(recognizer), locate_face, _truth(truth_set))


def _levels(recognizer: Recognizer) -> Levels:
    @torch.no_grad()
    def levels(images: Batch) -> list[npt.NDArray[np.floating]]:
        return [level.numpy() for level in recognizer.levels(to_tensor(images))]

    return levels


def summarize(rows: Sequence[ScoreRow], copied: Sequence[ScoreRow]) -> dict[str, Value]:
    """Every figure of one answer that can be told; copied: the untouched templates' rows of the same pairs."""
    values = {NEARER.name: nearer_than_template(rows, copied)}
    for figure in MEASURED[1:]:
        value = mean_of(rows, figure.column, num_samples=NUM_SAMPLES, seed=SEED)
        if value is not None:
            values[figure.name] = value
    return values


def nearer_than_template(rows: Sequence[ScoreRow], copied: Sequence[ScoreRow]) -> Value:
    """Share of pairs, percent, in which an answer lies nearer the truth than doing nothing; as near does not count."""
    nearer = [_l1_face(row) < _l1_face(before) for row, before in zip(rows, copied, strict=True)]
    percent = 100 * np.array(nearer, dtype=np.float64)
    sources = np.array([row.source_identity for row in rows])
    templates = np.array([row.template_identity for row in rows])
    if percent.min() == percent.max():
        interval = rule_of_three(float(percent[0]), len(set(sources.tolist())))
    else:
        interval = crossed_bootstrap_interval(percent, sources, templates, num_samples=NUM_SAMPLES, seed=SEED)
    return Value(float(percent.mean()), interval, len(rows))


def _l1_face(row: ScoreRow) -> float:
    assert row.truth_l1_face is not None
    return row.truth_l1_face
