"""Every figure of every answer to every pair: one typed row each, judged batch by batch in flat memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from swapcore.data.faces import Face
from swapcore.evaluation.attributes import AttributeScore, Locate, Look, Pose, PoseScore, score_attributes, score_pose
from swapcore.evaluation.failures import find_faces
from swapcore.evaluation.identity import Gallery, IdentityScore, Judge, score_identity
from swapcore.evaluation.methods import Answer, Batch, Truth
from swapcore.evaluation.outside import inside_l1, outside_l1
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.realism import Levels, describe, level_distance
from swapcore.evaluation.truth import TruthScore, score_truth
from swapcore.ops.metrics import Vectors
from swapcore.progress import progress

TOP = 5


@dataclass(frozen=True)
class ScoreRow:
    """One answer to one pair; what each figure means and its unit: summary.FIGURES. None = it cannot be told."""

    answer: str
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
    """cosine_source - cosine_template: above 0 the picture shows the source rather than the template."""
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
    yaw_exact_deg: float | None = None
    pitch_exact_deg: float | None = None
    roll_exact_deg: float | None = None


@dataclass(frozen=True)
class KindRow:
    """One kind that a pair belongs to."""

    pair: int
    slice: str
    word: str


@dataclass(frozen=True)
class Bench:
    """What the answers are judged with."""

    face: Callable[[int], Face]
    """Place in the faces artifact to the face, at the size that is judged."""
    judge: Judge
    gallery: Gallery
    levels: Levels
    locate: Locate
    truth: Truth | None
    pose: Callable[[Face], Pose | None] = lambda _template: None
    """The exact pose of a template that was rendered; None of a photograph."""
    expression: Callable[[Face], str | None] = lambda _template: None
    """Its expression in a word, by its parameters; None of a photograph."""


@dataclass
class Scores:
    """What judging gave."""

    rows: list[ScoreRow] = field(default_factory=list)
    descriptions: dict[str, list[Vectors]] = field(default_factory=dict)
    """Answer to features (1, D) of one picture a template, for realism."""

    def of(self, answer: str) -> list[ScoreRow]:
        """The rows of one answer, in the order of the pairs."""
        return [row for row in self.rows if row.answer == answer]


@dataclass(frozen=True)
class _Batch:
    """Some pairs, and what every answer to them is compared with."""

    first: int
    pairs: Sequence[Pair]
    sources: list[Face]
    templates: list[Face]
    keys: list[str]
    """Seeds of the jitter: the same for every answer to a pair."""
    untouched: Vectors
    looks: list[Look | None]
    """What was found in the templates."""
    wanted: list[Look | None]
    """What was found in the true swap, or in the template where that is not known."""
    truths: list[np.ndarray | None]


def score_answers(answers: Sequence[Answer], pairs: Sequence[Pair], bench: Bench, batch_size: int) -> Scores:
    """Let every answer answer every pair and judge it.

    Raises:
        ValueError: an answer gave pictures of another size or number than the templates.
    """
    scores = Scores(descriptions={answer.name: [] for answer in answers})
    look_at = cache(lambda place: bench.locate(bench.face(place).image))
    seen: set[int] = set()
    starts = range(0, len(pairs), batch_size)
    for start in progress(starts, "judging", total=len(starts)):
        batch = _prepare(start, pairs[start : start + batch_size], bench, look_at)
        fresh = _first_of_template(batch.pairs, seen)
        for answer in answers:
            images = _ask(answer, batch)
            scores.rows += _judge(answer.name, images, batch, bench)
            if fresh:
                scores.descriptions[answer.name].append(describe(bench.levels(images[fresh])))
    return scores


def _first_of_template(pairs: Sequence[Pair], seen: set[int]) -> list[int]:
    """Places of the pairs whose template comes for the first time; seen is brought up to date."""
    places = []
    for place, pair in enumerate(pairs):
        if pair.template not in seen:
            seen.add(pair.template)
            places.append(place)
    return places


def _prepare(first: int, pairs: Sequence[Pair], bench: Bench, look_at: Callable[[int], Look | None]) -> _Batch:
    sources = [bench.face(pair.source) for pair in pairs]
    templates = [bench.face(pair.template) for pair in pairs]
    keys = [f"{s.key}/{t.key}" for s, t in zip(sources, templates, strict=True)]
    images = np.stack([template.image for template in templates])
    truths = [bench.truth(s, t) if bench.truth else None for s, t in zip(sources, templates, strict=True)]
    looks = [look_at(pair.template) for pair in pairs]
    wanted = [look if true is None else bench.locate(true) for look, true in zip(looks, truths, strict=True)]
    return _Batch(first, pairs, sources, templates, keys, bench.judge.look(images, keys), looks, wanted, truths)


def _ask(answer: Answer, batch: _Batch) -> Batch:
    images = answer.swap(batch.sources, batch.templates)
    expected = (len(batch.templates), *batch.templates[0].image.shape)
    if images.shape != expected or images.dtype != np.uint8:
        raise ValueError(f"{answer.label}: expected uint8 {expected}, got {images.dtype} {images.shape}")
    return images


def _judge(name: str, images: Batch, batch: _Batch, bench: Bench) -> Iterator[ScoreRow]:
    embeddings = bench.judge.look(images, batch.keys)
    source_keys, template_keys = [s.key for s in batch.sources], [t.key for t in batch.templates]
    identities = score_identity(bench.judge, bench.gallery, embeddings, batch.untouched, source_keys, template_keys)
    looks = find_faces(bench.locate, images)
    features = _truth_features(images, batch.truths, bench.levels)
    for i, identity in enumerate(identities):
        true = batch.truths[i]
        truth = None if true is None else score_truth(images[i], true, batch.templates[i])
        pose = bench.pose(batch.templates[i])
        yield _row(name, i, images, batch, identity, looks[i], truth, features[i], pose)


def _truth_features(images: Batch, truths: Sequence[np.ndarray | None], levels: Levels) -> list[float | None]:
    """Distance of each picture's feature maps to those of its truth."""
    known = [i for i, true in enumerate(truths) if true is not None]
    distances: list[float | None] = [None] * len(truths)
    if known:
        expected = np.stack([true for true in truths if true is not None])
        for i, distance in zip(known, level_distance(levels(images[known]), levels(expected)), strict=True):
            distances[i] = float(distance)
    return distances


def _row(
    name: str,
    i: int,
    images: Batch,
    batch: _Batch,
    identity: IdentityScore,
    look: Look | None,
    truth: TruthScore | None,
    feature: float | None,
    pose: Pose | None,
) -> ScoreRow:
    source, template, before, wanted = batch.sources[i], batch.templates[i], batch.looks[i], batch.wanted[i]
    attributes = score_attributes(look, before, wanted) if look and before and wanted else None
    exact = score_pose(look, pose) if look and pose else None
    found = identity.source_rank
    return ScoreRow(
        answer=name,
        pair=batch.first + i,
        source=source.key,
        template=template.key,
        source_identity=source.identity,
        template_identity=template.identity,
        cosine_source=identity.cosine_source,
        cosine_template=identity.cosine_template,
        gain=identity.gain,
        margin=identity.cosine_source - identity.cosine_template,
        source_rank=found,
        template_rank=identity.template_rank,
        top1=None if found is None else float(found == 1),
        top5=None if found is None else float(found <= TOP),
        leak_top1=None if identity.template_rank is None else float(identity.template_rank == 1),
        outside_l1=outside_l1(images[i], template),
        inside_l1=inside_l1(images[i], template),
        no_face=float(look is None),
        **_fields(AttributeScore, attributes),
        **_fields(PoseScore, exact),
        truth_psnr=truth.psnr if truth else None,
        truth_ssim=truth.ssim if truth else None,
        truth_l1=truth.l1 if truth else None,
        truth_feature=feature,
        truth_psnr_face=truth.psnr_face if truth else None,
        truth_ssim_face=truth.ssim_face if truth else None,
        truth_l1_face=truth.l1_face if truth else None,
    )


def _fields(
    kind: type[AttributeScore] | type[PoseScore], score: AttributeScore | PoseScore | None
) -> dict[str, float | None]:
    """A score's fields by name; None for each where there is no score."""
    return dict.fromkeys(kind._fields) if score is None else score._asdict()
