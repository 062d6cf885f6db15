"""Registration of an evaluated model: version, lineage, tags, decision, artifact."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swapcore.config import RegisterParams
from swapcore.data.artifact import (
    CARD,
    Card,
    artifact_digest,
    building,
    file_digest,
    read_card,
    read_card_file,
    write_card,
)
from swapcore.data.facts import FacesFacts, ModelFacts, ReportFacts
from swapcore.data.lineage import LINEAGE
from swapcore.errors import ArtifactError, InputError
from swapcore.evaluation.report_files import PAGE
from swapcore.models.artifact import WEIGHTS
from swapcore.registry.digests import DVC_LOCK, code_digest, dvc_hashes
from swapcore.registry.gate import Decision, Line, decide
from swapcore.registry.model_card import write_model_card
from swapcore.registry.model_package import package
from swapcore.registry.page import HEADLINE, with_decision
from swapcore.registry.reports import EvaluatedModel, read_evaluated
from swapcore.registry.trace import DVC_TAG, broken, lineage_path, report_path, trace
from swapcore.tracking.packaging import MODEL_TAG, register_version
from swapcore.tracking.runs import origin
from swapcore.tracking.versions import (
    CHALLENGER,
    CHAMPION,
    ModelVersion,
    fetch_folder,
    find_champion,
    find_model_version,
    log_folder,
    set_champion,
    tag_version,
    training_run_tags,
)

REGISTRATION = "registration.json"
DECISION = "decision.json"
OUTCOME_TAG, REASON_TAG, DECISION_TAG = "gate.outcome", "gate.reason", "gate.decision"


@dataclass(frozen=True)
class Candidate:
    """A model to be registered."""

    params: RegisterParams
    model: Path
    report: Path
    model_card: Card[ModelFacts]
    report_card: Card[ReportFacts]
    evaluated: EvaluatedModel
    digests: dict[str, str]
    """Digests of model and report."""
    origin: Mapping[str, str]
    """Tags of the checkout."""


def read_candidate(params: RegisterParams, model: Path, report: Path) -> Candidate:
    """Read model and report.

    Raises:
        ArtifactError: an input is missing or damaged, or the report is about another model.
    """
    model_card, report_card = read_card(model, "model", ModelFacts), read_card(report, "report", ReportFacts)
    digests = {"model": artifact_digest(model), "report": artifact_digest(report)}
    if report_card.inputs.get("model") != digests["model"]:
        raise ArtifactError(f"{report}: is about another model than {model}; run evaluate again")
    evaluated = read_evaluated(report)
    return Candidate(params, model, report, model_card, report_card, evaluated, digests, origin("register"))


def require_clean_checkout(candidate: Candidate) -> None:
    """Raise InputError if the code of registration or training has uncommitted changes and params do not allow that."""
    training = training_run_tags({MODEL_TAG: candidate.digests["model"]}) or {}
    for tags, what, command in (
        (candidate.origin, "the code has", "dvc repro"),
        # Committing alone does not make the train stage stale.
        (training, "the training used code with", "dvc repro --force --single-item train` and `dvc repro"),
    ):
        if tags.get("swapcore.git_dirty") == "true" and not candidate.params.allow_dirty:
            raise InputError(
                f"{what} uncommitted changes, so the model cannot be reproduced; commit them and run `{command}`, or "
                "allow it: swapcore configure register.allow_dirty=true"
            )


def register(candidate: Candidate) -> ModelVersion:
    """Create the version and log its lineage and report to its run."""
    name, metrics = candidate.params.model_name, candidate.evaluated.metrics
    card = write_model_card(name, candidate.model_card, _faces_card(candidate.model), candidate.report_card, metrics)
    with tempfile.TemporaryDirectory() as folder:
        version = register_version(
            name,
            package(candidate.model, Path(folder) / "model", card, name),
            run_tags={MODEL_TAG: candidate.digests["model"]},
            tags=version_tags(candidate.digests, candidate.model_card, candidate.report_card, metrics),
            alias=CHALLENGER,
            description=card,
        )
        entry = find_model_version(name, version)
        log_folder(entry.run_id, _copy_cards(candidate, Path(folder)), lineage_path(candidate.digests["model"]))
    log_folder(entry.run_id, candidate.report, report_path(candidate.digests["report"]))
    # Not among the tags that identify a version: a later commit does not make it another model.
    tag_version(entry, {key: value for key, value in _locations(candidate).items() if key not in entry.tags})
    return find_model_version(name, version)


def _faces_card(model: Path) -> Card[FacesFacts] | None:
    path = model / LINEAGE / "faces.json"
    return read_card_file(path, "faces", FacesFacts) if path.is_file() else None


def _copy_cards(candidate: Candidate, folder: Path) -> Path:
    """Copy the model's card, its lineage and dvc.lock."""
    cards = folder / LINEAGE
    cards.mkdir()
    if (candidate.model / LINEAGE).is_dir():
        shutil.copytree(candidate.model / LINEAGE, cards, dirs_exist_ok=True)
    shutil.copyfile(candidate.model / CARD, cards / "model.json")
    if DVC_LOCK.is_file():
        shutil.copyfile(DVC_LOCK, cards / DVC_LOCK.name)
    return cards


def decide_promotion(candidate: Candidate, entry: ModelVersion) -> tuple[Decision, Mapping[str, float] | None]:
    """Decide whether the version becomes champion, and store the decision in its tags.

    Returns:
        The decision, which a repeated run does not change, and the champion's metrics, if there are any.
    """
    if DECISION_TAG in entry.tags:
        return _stored_decision(json.loads(entry.tags[DECISION_TAG])), None
    champion = find_champion(entry.name)
    evaluated = _champion_report(champion) if champion else None
    decision = _decision(candidate, entry, champion, evaluated)
    if decision.outcome == CHAMPION:
        set_champion(entry, "gate", decision.reason)
    tags = {OUTCOME_TAG: decision.outcome, REASON_TAG: decision.reason, DECISION_TAG: json.dumps(decision.document())}
    tag_version(entry, tags)
    return decision, evaluated.metrics if evaluated else None


def _stored_decision(document: dict[str, Any]) -> Decision:
    """Rebuild the decision from a version's tag."""
    lines = [Line(**{**each, "interval": each["interval"] and tuple(each["interval"])}) for each in document["lines"]]
    return Decision(**{**document, "lines": tuple(lines)})


def _decision(
    candidate: Candidate, entry: ModelVersion, champion: ModelVersion | None, evaluated: EvaluatedModel | None
) -> Decision:
    holes = broken(trace(entry, Path.cwd()))
    if holes:
        return Decision("challenger", f"its lineage is broken: {'; '.join(holes)}")
    if champion is None:
        return Decision("champion", "the first version, and within register.bounds")
    if champion.version == entry.version:
        return Decision("champion", "is the champion already")
    if evaluated is None:
        reason = (
            f"cannot be compared with version {champion.version}, whose report is missing in its run or was written by another "
            "version of swapcore; evaluate and register it again"
        )
        return Decision("challenger", reason, champion.version)
    return decide(candidate.evaluated, evaluated, champion.version, candidate.params.gate)


def _champion_report(champion: ModelVersion) -> EvaluatedModel | None:
    """Read the champion's report from its run."""
    with tempfile.TemporaryDirectory() as folder:
        report = fetch_folder(champion.run_id, report_path(champion.tags.get("swapcore.report", "")), Path(folder))
        try:
            return read_evaluated(report) if report else None
        except ArtifactError:  # written by another version of swapcore
            return None


def version_tags(
    digests: dict[str, str], model: Card[ModelFacts], report: Card[ReportFacts], metrics: Mapping[str, float]
) -> dict[str, str]:
    """Return the tags that identify a version: inputs, code, recognizer, teacher and main metrics.

    Args:
        digests: digests of model and report.
        model: the model's card.
        report: the report's card.
        metrics: the report's metrics.
    """
    inputs = {"groups": model.inputs.get("groups", ""), "faces": report.inputs.get("faces", "")}
    teacher = model.facts.groups.facts.teacher
    headline = {
        name + part: metrics[name + part]
        for name in HEADLINE
        for part in ("", "/low", "/high")
        if name + part in metrics
    }
    return {
        **{f"swapcore.{port}": digest for port, digest in {**digests, **inputs}.items()},
        "swapcore.version": model.swapcore_version,
        "swapcore.code": code_digest(),
        "swapcore.recognizer": report.facts.recognizer,
        "swapcore.teacher": f"{teacher.name} {teacher.version}".strip(),
        **{name: f"{value:.6g}" for name, value in headline.items()},
    }


def _locations(candidate: Candidate) -> dict[str, str]:
    """Return tags for commit, image, data and the weights' hash."""
    tags = {
        "swapcore.weights": file_digest(candidate.model / WEIGHTS),
        "swapcore.commit": candidate.origin.get("mlflow.source.git.commit", ""),
        "swapcore.git_dirty": candidate.origin.get("swapcore.git_dirty", ""),
        "swapcore.image": os.environ.get("SWAPCORE_IMAGE", ""),
        **{f"{DVC_TAG}{path}": value for path, value in dvc_hashes(candidate.model).items()},
    }
    return {name: value for name, value in tags.items() if value}


def write_registration(
    registration: Path,
    candidate: Candidate,
    entry: ModelVersion | None,
    decision: Decision,
    champion: Mapping[str, float] | None,
) -> None:
    """Write the registration artifact: registration.json, decision.json and the page with the decision.

    Args:
        registration: the artifact to write.
        candidate: the model and its report.
        entry: the version; None if the model was not registered.
        decision: the gate's decision.
        champion: the champion's metrics, if there are any.
    """
    name = candidate.params.model_name
    version, run_id = (entry.version, entry.run_id) if entry else (None, None)
    document = {"name": name, "version": version, "run": run_id, "alias": CHALLENGER if entry else None}
    page = (candidate.report / PAGE).read_text(encoding="utf-8")
    with building(registration) as folder:
        for file, content in ((REGISTRATION, document), (DECISION, decision.document())):
            (folder / file).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        text = with_decision(page, decision, version, candidate.evaluated.metrics, champion, candidate.params.bounds)
        (folder / PAGE).write_text(text, encoding="utf-8")
        counts = {"version": int(version or 0)}
        write_card(folder, "registration", candidate.params, inputs=candidate.digests, counts=counts)
