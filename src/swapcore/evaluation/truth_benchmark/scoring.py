"""Metrics of methods, baselines and the true swap on the benchmark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import NetworkParams
from swapcore.data.faces import Face
from swapcore.evaluation.attributes import measure_face
from swapcore.evaluation.identity import EvaluationRecognizer, Gallery
from swapcore.evaluation.methods import TEMPLATE_COPIED, Batch, Method, Swap, copy_template, one_by_one
from swapcore.evaluation.realism import Levels
from swapcore.evaluation.scores import Evaluator, ScoreRow, score_methods
from swapcore.evaluation.summary import METRICS, Metric, Value, mean_of, rule_of_three
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.hub.references import WARP as BUILTIN_WARP
from swapcore.ops.image import Image, to_tensor
from swapcore.ops.metrics import crossed_bootstrap_interval
from swapcore.teachers.base import as_image_swap
from swapcore.teachers.warp import WarpTeacher

SWAP, WARP, TRUTH = "swap", "warp", "truth"
RECOGNIZER_LABEL = "dlib, mean of three jittered copies per image"
NUM_SAMPLES = 1000
SEED = 0
"""Seed of bootstrap and jitter; part of the benchmark's version."""
_BATCH_SIZE = 16
_NETWORK = NetworkParams(kind="dlib", path=None, sha256=None)

NEARER = Metric(
    "truth/nearer_than_template", "", "Closer to the true swap than the template", "%", "higher",
    "share of pairs whose L1 to the true swap inside the face is smaller than the untouched template's",
)  # fmt: skip
_NAMES = (
    "truth/psnr_face", "truth/ssim_face", "truth/l1_face", "truth/psnr", "truth/ssim", "truth/l1", "truth/feature",
    "identity/cosine_source", "identity/cosine_template", "identity/gain", "identity/top1", "identity/leak_top1",
    "outside/l1", "attributes/landmark_error", "failures/no_face",
)  # fmt: skip
BENCHMARK_METRICS: tuple[Metric, ...] = (
    NEARER,
    *sorted(
        (metric for metric in METRICS if metric.name in _NAMES),
        key=lambda f: _NAMES.index(f.name),
    ),
)
"""Metrics of the benchmark, in the order of the table."""


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores and metrics of all methods."""

    truth_set: TruthSet
    labels: dict[str, str]
    """Method -> label, the evaluated method first."""
    rows: dict[str, list[ScoreRow]]
    """Method -> one row per pair, in the order of the pairs."""
    values: dict[str, dict[str, Value]]
    """Method -> metric -> value with its 95 % interval."""


def score(swap: Swap, label: str, truth_set: TruthSet) -> BenchmarkResult:
    """Score one swap together with the baselines and the true swap."""
    return score_all([Method(SWAP, label, swap)], truth_set)


def score_all(methods: Sequence[Method], truth_set: TruthSet) -> BenchmarkResult:
    """Score several methods, with unique names, together with the baselines and the true swap."""
    warp = Method(WARP, "dense warp", one_by_one(as_image_swap(WarpTeacher())))
    methods = [
        *methods,
        Method(TEMPLATE_COPIED, "template copied", copy_template),
        *([] if any(method.label == BUILTIN_WARP for method in methods) else [warp]),
        Method(TRUTH, "true swap", one_by_one(_truth(truth_set))),
    ]
    scores = score_methods(methods, truth_set.pairs, _evaluator(truth_set), _BATCH_SIZE)
    rows = {method.name: scores.of(method.name) for method in methods}
    values = {name: summarize(own, rows[TEMPLATE_COPIED]) for name, own in rows.items()}
    return BenchmarkResult(truth_set, {method.name: method.label for method in methods}, rows, values)


def _truth(truth_set: TruthSet) -> Callable[[Face, Face], Image]:
    return lambda source, template: truth_set.truths[truth_set.number(source, template)]


def _evaluator(truth_set: TruthSet) -> Evaluator:
    """Build the evaluator: dlib's recognizer, centered by the benchmark's people, which are in no training set."""
    recognizer = load_evaluator_recognizer(_NETWORK)
    faces = truth_set.faces
    embeddings = recognizer.embed(np.stack([face.image for face in faces]), _BATCH_SIZE)
    gallery = Gallery(np.array([face.key for face in faces]), np.array([face.identity for face in faces]), embeddings)
    identity = EvaluationRecognizer(
        RECOGNIZER_LABEL,
        lambda images: recognizer.embed(images, _BATCH_SIZE),
        embeddings.mean(0),
        jittered=True,
        seed=SEED,
    )
    return Evaluator(faces.__getitem__, identity, gallery, _levels(recognizer), measure_face, _truth(truth_set))


def _levels(recognizer: Recognizer) -> Levels:
    @torch.no_grad()
    def levels(images: Batch) -> list[npt.NDArray[np.floating]]:
        return [level.numpy() for level in recognizer.levels(to_tensor(images))]

    return levels


def summarize(rows: Sequence[ScoreRow], copied: Sequence[ScoreRow]) -> dict[str, Value]:
    """Return all known metrics of one method.

    Args:
        rows: the method's rows.
        copied: the rows of the copied template, for the same pairs.
    """
    values = {NEARER.name: nearer_than_template(rows, copied)}
    for metric in BENCHMARK_METRICS[1:]:
        value = mean_of(rows, metric.column, num_samples=NUM_SAMPLES, seed=SEED)
        if value is not None:
            values[metric.name] = value
    return values


def nearer_than_template(rows: Sequence[ScoreRow], copied: Sequence[ScoreRow]) -> Value:
    """Return the share of pairs, in percent, whose L1 to the true swap in the face is smaller than the template's."""
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
