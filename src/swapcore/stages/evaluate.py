"""Judge a model on pairs of test people, beside the trivial answers, and write the report."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError

from swapcore.config import EvaluateParams, GroupsParams, InputPath, NetworkParams, OutputPath
from swapcore.data.artifact import SPEED, Card, artifact_digest, building, file_digest, read_card, write_card
from swapcore.data.faces import Face, FaceSet, at_size
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.data.sampling import spread
from swapcore.errors import ArtifactError, InputError, ParamsError, TrackingError, first_line
from swapcore.evaluation.attributes import Pose, locate_face
from swapcore.evaluation.findings import Findings, judge
from swapcore.evaluation.folder import PAGE, SHEET, read_losses, write_json, write_report
from swapcore.evaluation.identity import SELF_JUDGED, Gallery, Judge
from swapcore.evaluation.methods import (
    CHAMPION,
    MODEL,
    TEACHER,
    TEMPLATE_COPIED,
    TRUTH,
    Answer,
    Batch,
    Swap,
    Truth,
    copy_template,
    one_by_one,
)
from swapcore.evaluation.pairs import Pair, digest_of, draw_pairs
from swapcore.evaluation.realism import Levels, describe
from swapcore.evaluation.scores import TOP, Bench
from swapcore.evaluation.slices import rendered_expression
from swapcore.evaluation.speed import measure_speed
from swapcore.evaluation.summary import worst_slice
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.models.artifact import WEIGHTS, read_configuration
from swapcore.ops.device import select_device
from swapcore.ops.image import Image, resize, to_tensor
from swapcore.ops.metrics import Vectors
from swapcore.progress import progress
from swapcore.synth.people import PARAMETERS
from swapcore.teachers.base import load_teacher, pictures_of
from swapcore.teachers.oracle import OracleTeacher
from swapcore.tracking import MODEL_TAG, track

LOSSES = "losses.csv"
MAX_PHOTOGRAPHS = 1000
"""Training photographs, evenly spread, that give another judge's mean and the KID's real side."""
FACES_KEPT = 512
"""Kept decoded; others are read anew from the shards."""
BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)


@dataclass(frozen=True)
class Inputs:
    """What an evaluation reads."""

    params: EvaluateParams
    faces: FaceSet
    model: Path
    card: Card
    network: NetworkParams
    """The training's own recognizer."""
    embedding_mean: npt.NDArray[np.float32]
    size_px: int
    """The model's crop, at which everything is judged."""
    device: torch.device
    face: Callable[[int], Face]
    """Place in the faces artifact to the face at that size."""


def run(params: EvaluateParams, *, faces: InputPath, model: InputPath, report: OutputPath) -> dict[str, float]:
    """Judge a model on people of the test split.

    Args:
        params: the section evaluate.
        faces: the faces artifact that the model was made from.
        model: the model artifact.
        report: the report artifact to write.

    Returns:
        Every figure of metrics.json, and those of speed.json.

    Raises:
        ArtifactError: faces or model are missing or damaged, or the test split has fewer than two people.
        ParamsError: a device or judge that is not there.
    """
    inputs = _read(params, faces, model)
    pairs = draw_pairs(
        inputs.faces.rows, pairs_per_template=params.pairs_per_template, max_pairs=params.max_pairs, seed=params.seed
    )
    oracle = _oracle(inputs)
    answers, notes = _answers(inputs)
    champion, missing = _champion(inputs)
    notes += missing
    if champion:
        answers.insert(1, Answer(CHAMPION, f"champion, {_version(champion)}", _model_swap(inputs, champion.folder)))
    bench = _bench(inputs, oracle)
    answers += _truth_itself(inputs, oracle, bench.truth, pairs)
    findings = judge(answers, pairs, inputs.faces.rows, bench, _photographs(inputs, bench.levels), params)
    speed = measure_speed(answers[0].swap, inputs.face(pairs[0].template), params.batch_size)
    with building(report) as folder:
        write_report(
            folder,
            findings,
            answers,
            bench,
            params,
            losses=read_losses(model / LOSSES),
            facts=_facts(inputs, bench.judge, champion),
            credit=_credit(inputs),
            stages=_stages(inputs),
            notes=notes,
        )
        write_json(folder / SPEED, speed)
        _write_card(folder, inputs, findings, bench.judge, champion)
    figures = {**findings.metrics, **speed}
    # The figures join the run that trained this model; a model from elsewhere gets a run of its own.
    with track("evaluate", {MODEL_TAG: artifact_digest(model)}, resume="any") as tracker:
        tracker.log_params("evaluate", params)
        tracker.log_dataset("faces", faces, artifact_digest(faces), "evaluation")
        tracker.log_metrics(figures, 0)
        tracker.log_file(report / PAGE)
        tracker.log_file(report / SHEET)
    return figures


def _read(params: EvaluateParams, faces: Path, model: Path) -> Inputs:
    face_set, card = FaceSet(faces), read_card(model, "model")
    size_px = read_configuration(model).composed_px
    network, mean = read_recognizer_file(model)
    if (network.kind, network.sha256) == (face_set.recognizer.kind, face_set.recognizer.sha256):
        mean = face_set.embedding_mean  # the same for every model judged here, wherever it was trained
    face = lru_cache(FACES_KEPT)(lambda place: at_size(face_set[place], size_px))
    return Inputs(params, face_set, model, card, network, mean, size_px, select_device(params.device), face)


def _answers(inputs: Inputs) -> tuple[list[Answer], list[str]]:
    """The model and the trivial answers, and what the report's reader must know of them."""
    answers = [
        Answer(MODEL, "model", _model_swap(inputs, inputs.model)),
        Answer(TEMPLATE_COPIED, "template copied", copy_template),
    ]
    groups: Mapping[str, Any] = inputs.card.facts.get("groups", {})
    notes = []
    try:
        # A card does not keep how many processes made the artifact; the teacher does not care.
        params, label = _teacher_shown(GroupsParams.model_validate({"workers": 0} | (groups.get("params") or {})))
        answers.append(Answer(TEACHER, label, one_by_one(pictures_of(load_teacher(params, inputs.faces)))))
    except (ParamsError, ValidationError) as error:
        notes.append(f"The teacher’s own swap is not shown, for it cannot be loaded: {first_line(error)}.")
    if groups.get("inputs", {}).get("faces") != artifact_digest(inputs.faces.folder):
        notes.append(
            "The model’s card does not name these faces as those it was trained from: that training never saw the test "
            "people is not proven."
        )
    return answers, notes


def _teacher_shown(params: GroupsParams) -> tuple[GroupsParams, str]:
    """Whose swap stands beside the model's: the classical teacher's where the own one is the truth itself or a model."""
    if params.teacher != "classical":
        return params.model_copy(update={"teacher": "classical"}), "classical swap"
    return params, "teacher’s swap"


def _champion(inputs: Inputs) -> tuple[LocatedModel | None, list[str]]:
    """The model that evaluate.champion names, fetched; without one evaluation goes on, and says so."""
    reference = inputs.params.champion
    if reference is None:
        return None, []
    try:
        return resolve_model(reference), []
    except (InputError, ArtifactError, TrackingError) as error:
        return None, [f"The champion is not shown: {first_line(error)}."]


def _version(model: LocatedModel) -> str:
    return f"version {model.version}" if model.version else model.name


def _model_swap(inputs: Inputs, model: Path) -> Swap:
    """A model's swap; one of another size is given, and gives, pictures brought to its own."""
    swapper = load_face_swapper(model, str(inputs.device))
    side_px = side_for(swapper, inputs.size_px)

    def crops(faces: Sequence[Face]) -> Batch:
        return np.stack([resize(face.image, side_px) for face in faces])

    def swap(sources: Sequence[Face], templates: Sequence[Face]) -> Batch:
        swapped = swapper.swap_crops(crops(sources), crops(templates))
        return np.stack([resize(image, inputs.size_px) for image in swapped])

    return swap


def _bench(inputs: Inputs, oracle: OracleTeacher | None) -> Bench:
    """What judges."""
    judge_ = _judge(inputs)
    test = inputs.faces.of_split("test")
    gallery = Gallery(
        np.array([inputs.faces.rows[place].key for place in test]),
        np.array([inputs.faces.rows[place].identity for place in test]),
        _over(inputs, test, judge_.embed, "test photographs"),
    )
    if oracle is None:
        return Bench(inputs.face, judge_, gallery, _levels(inputs), locate_face, None)
    truth, pose, word = _truth(oracle, inputs.params.batch_size), _pose(oracle), _expression(oracle)
    return Bench(inputs.face, judge_, gallery, _levels(inputs), locate_face, truth, pose, word)


def _oracle(inputs: Inputs) -> OracleTeacher | None:
    """What knows how the photographs were rendered; None where none was."""
    if not (inputs.faces.folder / PARAMETERS).is_file():
        return None
    return OracleTeacher(inputs.faces.folder, inputs.faces.size_px)


def _truth(oracle: OracleTeacher, batch_size: int) -> Truth:
    """The true swap, where both photographs were synthesized and the faces artifact tells how."""
    kept: dict[tuple[str, str], Image] = {}

    def truth(source: Face, template: Face) -> Image | None:
        if not (oracle.knows(source) and oracle.knows(template)):
            return None
        key = (source.file, template.file)
        if key not in kept:
            while len(kept) >= batch_size:
                del kept[next(iter(kept))]
            kept[key] = oracle.swap(source, template).image
        return kept[key]

    return truth


def _pose(oracle: OracleTeacher) -> Callable[[Face], Pose | None]:
    def pose(template: Face) -> Pose | None:
        if not oracle.knows(template):
            return None
        attributes = oracle.attributes(template)
        return Pose(attributes.yaw_deg, attributes.pitch_deg, -attributes.roll_deg)  # ours is clockwise

    return pose


def _expression(oracle: OracleTeacher) -> Callable[[Face], str | None]:
    return lambda template: rendered_expression(oracle.attributes(template)) if oracle.knows(template) else None


def _truth_itself(
    inputs: Inputs, oracle: OracleTeacher | None, truth: Truth | None, pairs: Sequence[Pair]
) -> list[Answer]:
    """The true swap as an answer of its own, if it is known of every pair: what it scores is what the measuring errs by."""
    places = {place for pair in pairs for place in pair}
    if oracle is None or truth is None or not all(oracle.knows(inputs.face(place)) for place in places):
        return []

    def swap(source: Face, template: Face) -> Image:
        image = truth(source, template)
        assert image is not None
        return image

    return [Answer(TRUTH, "the truth itself", one_by_one(swap))]


def _judge(inputs: Inputs) -> Judge:
    """The judge that params name, else the training's own network under jitter; the same file stays the same network."""
    network = inputs.params.judge or inputs.network
    recognizer = load_evaluator_recognizer(network).to(inputs.device)

    def embed(images: Batch) -> Vectors:
        return recognizer.embed(images, inputs.params.batch_size)

    if (network.kind, network.sha256) == (inputs.network.kind, inputs.network.sha256):
        return Judge(SELF_JUDGED, embed, inputs.embedding_mean, jittered=True, seed=inputs.params.seed)
    mean = _over(inputs, _training_photographs(inputs), embed, "the judge's mean").mean(0)
    label = "judged by dlib" if network.path is None else f"judged by {network.path.name}"
    return Judge(label, embed, mean, jittered=False, seed=inputs.params.seed)


def _levels(inputs: Inputs) -> Levels:
    """The built-in network's feature maps, whatever judges."""
    network = load_evaluator_recognizer(BUILT_IN).to(inputs.device)

    @torch.no_grad()
    def levels(images: Batch) -> list[npt.NDArray[np.floating]]:
        return [level.float().cpu().numpy() for level in network.levels(to_tensor(images).to(inputs.device))]

    return levels


def _training_photographs(inputs: Inputs) -> list[int]:
    return spread(inputs.faces.of_split("train"), MAX_PHOTOGRAPHS)


def _photographs(inputs: Inputs, levels: Levels) -> Vectors:
    """Descriptions of real photographs of other people than the test's."""
    return _over(inputs, _training_photographs(inputs), lambda images: describe(levels(images)), "real photographs")


def _over(inputs: Inputs, places: Sequence[int], look: Callable[[Batch], Vectors], what: str) -> Vectors:
    """Look at faces batch by batch: (N, D).

    Raises:
        ArtifactError: there are none.
    """
    if not places:
        raise ArtifactError(f"{inputs.faces.folder}: no photographs of training people; lower crop.split.test")
    size = inputs.params.batch_size
    starts = range(0, len(places), size)
    return np.concatenate(
        [
            look(np.stack([inputs.face(place).image for place in places[start : start + size]]))
            for start in progress(starts, what, total=len(starts))
        ]
    )


def _credit(inputs: Inputs) -> str:
    """Consent basis and licence of the test photographs, each with the number of photographs."""
    rows = [inputs.faces.rows[place] for place in inputs.faces.of_split("test")]
    rights = Counter((row.consent_basis, row.consent_licence) for row in rows)
    return "; ".join(
        f"{basis}, {licence} ({number} photographs)" for (basis, licence), number in sorted(rights.items())
    )


def _facts(inputs: Inputs, judge_: Judge, champion: LocatedModel | None) -> list[tuple[str, str]]:
    """What the figures rest on, for the report."""
    rows = [inputs.faces.rows[place] for place in inputs.faces.of_split("test")]
    groups: Mapping[str, Any] = inputs.card.facts.get("groups", {})
    teacher = groups.get("facts", {}).get("teacher", {})
    people = len({row.identity for row in rows})
    return [
        ("Judge of identity", judge_.label),
        ("Found by chance", f"first {100 / people:.1f} %, among the first five {100 * min(1.0, TOP / people):.1f} %"),
        ("Judged at", f"{inputs.size_px} x {inputs.size_px} px, the model’s crop"),
        ("Test people", f"{people} with {len(rows)} photographs"),
        ("Consent basis and licence", _credit(inputs)),
        ("Teacher", f"{teacher.get('name', 'unknown')} {teacher.get('version', '')}".strip()),
        ("Model", f"card sha256 {artifact_digest(inputs.model)}"),
        *([("Champion", f"{champion.name}, {_version(champion)}, {champion.digest}")] if champion else []),
        ("Weights", f"sha256 {file_digest(inputs.model / WEIGHTS)}"),
        ("Faces", f"card sha256 {artifact_digest(inputs.faces.folder)}"),
        ("swapcore", f"model trained by {inputs.card.swapcore_version}"),
    ]


def _stages(inputs: Inputs) -> dict[str, Mapping[str, Any]]:
    """Stage to params, from the cards."""
    groups = inputs.card.facts.get("groups", {}).get("params")
    known = {"crop": inputs.faces.card.params, "groups": groups, "train": inputs.card.params}
    return {
        **{stage: params for stage, params in known.items() if params},
        "evaluate": inputs.params.model_dump(mode="json"),
    }


def _write_card(folder: Path, inputs: Inputs, findings: Findings, judge_: Judge, champion: LocatedModel | None) -> None:
    rows = findings.scores.of(MODEL)
    worst = worst_slice(findings.slices)
    write_card(
        folder,
        "report",
        inputs.params,
        inputs={"faces": artifact_digest(inputs.faces.folder), "model": artifact_digest(inputs.model)},
        counts={"pairs": len(rows), "people": len({row.template_identity for row in rows})},
        facts={
            "judge": judge_.label,
            "self_judged": judge_.jittered,
            "size_px": inputs.size_px,
            "worst_slice": f"{worst.slice}/{worst.word}" if worst else None,
            # An alias moves: here stands whom it meant.
            "champion": {"name": champion.name, "version": champion.version, "digest": champion.digest}
            if champion
            else None,
            "protocol": _protocol(inputs, findings, judge_),
        },
    )


def _protocol(inputs: Inputs, findings: Findings, judge_: Judge) -> dict[str, str]:
    """On what, and by whom, it was judged: figures of two models mean the same only where all of this is the same."""
    rows = inputs.faces.rows

    def crop(place: int) -> str:
        row = rows[place]
        return f"{row.photo_sha256} {row.affine} {row.identity}"

    return {
        "pairs": digest_of([f"{crop(pair.source)} {crop(pair.template)}" for pair in findings.pairs]),
        "people": digest_of([crop(place) for place in inputs.faces.of_split("test")]),
        "judge": (inputs.params.judge or inputs.network).sha256 or "dlib",
        "judge's mean": hashlib.sha256(np.asarray(judge_.mean, dtype=np.float32).tobytes()).hexdigest(),
        "jitter": str(inputs.params.seed) if judge_.jittered else "none",
        "size_px": str(inputs.size_px),
    }
