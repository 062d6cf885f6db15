"""Per-pair metrics of each method, one typed row per method and pair."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from swapcore.data.faces import Face
from swapcore.evaluation.attributes import (
    AttributeScore,
    FaceMeasures,
    HeadPose,
    MeasureFace,
    PoseScore,
    score_attributes,
    score_pose,
)
from swapcore.evaluation.identity import EvaluationRecognizer, Gallery, IdentityScore, score_identity
from swapcore.evaluation.methods import Batch, Method, Truth
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.pixel_scores import TruthScore, inside_l1, outside_l1, score_truth
from swapcore.evaluation.realism import Levels, describe, level_distance
from swapcore.ops.metrics import Vectors
from swapcore.progress import progress

TOP = 5


@dataclass(frozen=True)
class ScoreRow:
    """Metrics of one method on one pair. Meaning and unit of each: summary.METRICS. None = unknown."""

    method: str
    pair: int
    source: str
    """Key of the source's photograph in the faces artifact."""
    template: str
    source_identity: str
    template_identity: str
    cosine_source: float
    cosine_template: float
    gain: float
    margin: float
    """cosine_source - cosine_template: above 0 the image is closer to the source's identity."""
    source_rank: int | None
    template_rank: int | None
    top1: float | None
    top5: float | None
    leak_top1: float | None
    outside_l1: float | None
    inside_l1: float
    no_face: float
    landmark_error: float | None
    yaw_error_deg: float | None
    roll_error_deg: float | None
    truth_psnr: float | None
    truth_ssim: float | None
    truth_l1: float | None
    truth_feature: float | None
    truth_psnr_face: float | None
    truth_ssim_face: float | None
    truth_l1_face: float | None
    pitch_error_deg: float | None = None
    mouth_open_error: float | None = None
    mouth_width_error: float | None = None
    brow_error: float | None = None
    gaze_error: float | None = None
    eye_open_error: float | None = None
    yaw_exact_deg: float | None = None
    pitch_exact_deg: float | None = None
    roll_exact_deg: float | None = None


@dataclass(frozen=True)
class SliceRow:
    """One slice that a pair belongs to."""

    pair: int
    slice: str
    word: str
    """The pair's value in the slice, e.g. frontal."""


@dataclass(frozen=True)
class Evaluator:
    """Everything that methods are evaluated with."""

    face: Callable[[int], Face]
    """Row of the faces artifact -> face at the evaluated size."""
    recognizer: EvaluationRecognizer
    gallery: Gallery
    levels: Levels
    measure_face: MeasureFace
    truth: Truth | None
    pose: Callable[[Face], HeadPose | None] = lambda _template: None
    """Exact pose of a rendered template; None for photographs."""
    expression: Callable[[Face], str | None] = lambda _template: None
    """Expression of a rendered template in a word; None for photographs."""


@dataclass
class Scores:
    """Scores of all methods."""

    rows: list[ScoreRow] = field(default_factory=list)
    descriptions: dict[str, list[Vectors]] = field(default_factory=dict)
    """Method -> features (1, D) of one image per template, for realism."""

    def of(self, method: str) -> list[ScoreRow]:
        """Return the rows of one method, in the order of the pairs."""
        return [row for row in self.rows if row.method == method]


@dataclass(frozen=True)
class _Batch:
    """Some pairs and the references of their comparison."""

    first: int
    pairs: Sequence[Pair]
    sources: list[Face]
    templates: list[Face]
    keys: list[str]
    """Seeds of the jitter: the same for every method on a pair."""
    untouched: Vectors
    measures: list[FaceMeasures | None]
    """Measured in the templates."""
    expected: list[FaceMeasures | None]
    """Measured in the true swap, or in the template if the true swap is unknown."""
    truths: list[np.ndarray | None]


class _Measured(NamedTuple):
    """Everything measured on one swapped image except identity."""

    face: FaceMeasures | None
    truth: TruthScore | None
    feature: float | None
    pose: HeadPose | None


def score_methods(methods: Sequence[Method], pairs: Sequence[Pair], evaluator: Evaluator, batch_size: int) -> Scores:
    """Run and score every method on every pair, batch by batch in bounded memory.

    Args:
        methods: the compared methods.
        pairs: rows of the faces artifact.
        evaluator: what the images are evaluated with.
        batch_size: pairs per batch.

    Raises:
        ValueError: a method returned images of another size or number than the templates.
    """
    scores = Scores(descriptions={method.name: [] for method in methods})
    measure_at = cache(lambda row: evaluator.measure_face(evaluator.face(row).image))
    seen: set[int] = set()
    starts = range(0, len(pairs), batch_size)
    for start in progress(starts, "evaluating", total=len(starts)):
        batch = _prepare(start, pairs[start : start + batch_size], evaluator, measure_at)
        fresh = _first_of_template(batch.pairs, seen)
        for method in methods:
            images = _run(method, batch)
            scores.rows += _score_batch(method.name, images, batch, evaluator)
            if fresh:
                scores.descriptions[method.name].append(describe(evaluator.levels(images[fresh])))
    return scores


def _first_of_template(pairs: Sequence[Pair], seen: set[int]) -> list[int]:
    """Return the indices of pairs whose template is new; add their templates to seen."""
    indices = []
    for index, pair in enumerate(pairs):
        if pair.template not in seen:
            seen.add(pair.template)
            indices.append(index)
    return indices


def _prepare(
    first: int, pairs: Sequence[Pair], evaluator: Evaluator, measure_at: Callable[[int], FaceMeasures | None]
) -> _Batch:
    sources = [evaluator.face(pair.source) for pair in pairs]
    templates = [evaluator.face(pair.template) for pair in pairs]
    keys = [f"{s.key}/{t.key}" for s, t in zip(sources, templates, strict=True)]
    images = np.stack([template.image for template in templates])
    truths = [evaluator.truth(s, t) if evaluator.truth else None for s, t in zip(sources, templates, strict=True)]
    measures = [measure_at(pair.template) for pair in pairs]
    expected = [
        own if true is None else evaluator.measure_face(true) for own, true in zip(measures, truths, strict=True)
    ]
    untouched = evaluator.recognizer.features(images, keys)
    return _Batch(first, pairs, sources, templates, keys, untouched, measures, expected, truths)


def _run(method: Method, batch: _Batch) -> Batch:
    images = method.swap(batch.sources, batch.templates)
    expected = (len(batch.templates), *batch.templates[0].image.shape)
    if images.shape != expected or images.dtype != np.uint8:
        raise ValueError(f"{method.label}: expected uint8 {expected}, got {images.dtype} {images.shape}")
    return images


def _score_batch(name: str, images: Batch, batch: _Batch, evaluator: Evaluator) -> Iterator[ScoreRow]:
    embeddings = evaluator.recognizer.features(images, batch.keys)
    identities = score_identity(
        evaluator.recognizer,
        evaluator.gallery,
        embeddings,
        batch.untouched,
        [source.key for source in batch.sources],
        [template.key for template in batch.templates],
    )
    features = _truth_features(images, batch.truths, evaluator.levels)
    for i, identity in enumerate(identities):
        true, template = batch.truths[i], batch.templates[i]
        truth = None if true is None else score_truth(images[i], true, template)
        measured = _Measured(evaluator.measure_face(images[i]), truth, features[i], evaluator.pose(template))
        yield _row(name, i, images, batch, identity, measured)


def _truth_features(images: Batch, truths: Sequence[np.ndarray | None], levels: Levels) -> list[float | None]:
    """Return the feature distance of each image to its true swap."""
    known = [i for i, true in enumerate(truths) if true is not None]
    distances: list[float | None] = [None] * len(truths)
    if known:
        expected = np.stack([true for true in truths if true is not None])
        for i, distance in zip(known, level_distance(levels(images[known]), levels(expected)), strict=True):
            distances[i] = float(distance)
    return distances


def _row(name: str, i: int, images: Batch, batch: _Batch, identity: IdentityScore, measured: _Measured) -> ScoreRow:
    source, template, before, expected = batch.sources[i], batch.templates[i], batch.measures[i], batch.expected[i]
    face, pose = measured.face, measured.pose
    rank, leak_rank = identity.source_rank, identity.template_rank
    return ScoreRow(
        method=name,
        pair=batch.first + i,
        source=source.key,
        template=template.key,
        source_identity=source.identity,
        template_identity=template.identity,
        **identity._asdict(),
        margin=identity.cosine_source - identity.cosine_template,
        top1=None if rank is None else float(rank == 1),
        top5=None if rank is None else float(rank <= TOP),
        leak_top1=None if leak_rank is None else float(leak_rank == 1),
        outside_l1=outside_l1(images[i], template),
        inside_l1=inside_l1(images[i], template),
        no_face=float(face is None),
        **_fields(AttributeScore, score_attributes(face, before, expected) if face and before and expected else None),
        **_fields(PoseScore, score_pose(face, pose) if face and pose else None),
        **_fields(TruthScore, measured.truth),
        truth_feature=measured.feature,
    )


def _fields(kind: Any, score: Any) -> dict[str, Any]:
    """Return a score's fields by name; None for each without a score."""
    return dict.fromkeys(kind._fields) if score is None else score._asdict()
