"""Card, provenance table and protocol of an evaluation report."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.data.artifact import artifact_digest, file_digest, write_card
from swapcore.data.facts import ChampionFacts, ReportFacts, WorstSliceFacts
from swapcore.evaluation.baselines import describe_version
from swapcore.evaluation.findings import Findings
from swapcore.evaluation.identity import EvaluationRecognizer
from swapcore.evaluation.inputs import EvaluationInputs
from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.pairs import digest_of
from swapcore.evaluation.scores import TOP
from swapcore.evaluation.summary import worst_slice
from swapcore.hub.references import LocatedModel
from swapcore.models.artifact import WEIGHTS


def credit(inputs: EvaluationInputs) -> str:
    """Return consent basis and licence of the test photographs with their numbers."""
    rows = [inputs.faces.rows[row] for row in inputs.test_rows]
    rights = Counter((row.consent_basis, row.consent_licence) for row in rows)
    return "; ".join(
        f"{basis}, {licence} ({number} photographs)" for (basis, licence), number in sorted(rights.items())
    )


def provenance_table(
    inputs: EvaluationInputs, recognizer: EvaluationRecognizer, champion: LocatedModel | None
) -> list[tuple[str, str]]:
    """Return name and text of everything that the report's metrics depend on."""
    rows = [inputs.faces.rows[row] for row in inputs.test_rows]
    teacher = inputs.card.facts.groups.facts.teacher
    people = len({row.identity for row in rows})
    return [
        ("Recognizer", recognizer.label),
        ("Chance level of retrieval", f"first {100 / people:.1f} %, top {TOP} {100 * min(1.0, TOP / people):.1f} %"),
        ("Evaluated at", f"{inputs.size_px} x {inputs.size_px} px, the model’s crop"),
        ("Test people", f"{people} with {len(rows)} photographs"),
        ("Consent basis and licence", credit(inputs)),
        ("Teacher", f"{teacher.name} {teacher.version}".strip()),
        ("Model", f"card sha256 {artifact_digest(inputs.model)}"),
        *([("Champion", f"{champion.name}, {describe_version(champion)}, {champion.digest}")] if champion else []),
        ("Weights", f"sha256 {file_digest(inputs.model / WEIGHTS)}"),
        ("Faces", f"card sha256 {artifact_digest(inputs.faces.folder)}"),
        ("swapcore", f"model trained by {inputs.card.swapcore_version}"),
    ]


def stage_params(inputs: EvaluationInputs) -> dict[str, Mapping[str, Any]]:
    """Return the params of each stage, from the cards."""
    known = {
        "crop": inputs.faces.card.params,
        "groups": inputs.card.facts.groups.params,
        "train": inputs.card.params,
    }
    return {
        **{stage: params for stage, params in known.items() if params},
        "evaluate": inputs.params.model_dump(mode="json"),
    }


def write_report_card(
    folder: Path,
    inputs: EvaluationInputs,
    findings: Findings,
    recognizer: EvaluationRecognizer,
    champion: LocatedModel | None,
) -> None:
    """Write the report's card.

    Args:
        folder: the report, with all its other files.
        inputs: the model and the faces.
        findings: results of the evaluation.
        recognizer: the evaluation's recognizer.
        champion: the registered model that was compared, or None.
    """
    rows = findings.scores.of(MODEL)
    worst = worst_slice(findings.slices)
    facts = ReportFacts(
        recognizer=recognizer.label,
        self_evaluated=recognizer.jittered,
        size_px=inputs.size_px,
        worst_slice=WorstSliceFacts(slice=worst.slice, value=worst.word, margin=worst.value.value) if worst else None,
        # An alias can move; the card stores the version.
        champion=ChampionFacts(name=champion.name, version=champion.version, digest=champion.digest)
        if champion
        else None,
        protocol=_protocol(inputs, findings, recognizer),
    )
    write_card(
        folder,
        "report",
        inputs.params,
        inputs={"faces": artifact_digest(inputs.faces.folder), "model": artifact_digest(inputs.model)},
        counts={"pairs": len(rows), "people": len({row.template_identity for row in rows})},
        facts=facts,
    )


def _protocol(inputs: EvaluationInputs, findings: Findings, recognizer: EvaluationRecognizer) -> dict[str, str]:
    """Return the fingerprint of the evaluation: metrics of two models are comparable only if all of it is equal."""
    rows = inputs.faces.rows

    def crop(index: int) -> str:
        row = rows[index]
        return f"{row.photo_sha256} {row.affine} {row.identity}"

    return {
        "pairs": digest_of([f"{crop(pair.source)} {crop(pair.template)}" for pair in findings.pairs]),
        "people": digest_of([crop(row) for row in inputs.test_rows]),
        "recognizer": (inputs.params.recognizer or inputs.network).sha256 or "dlib",
        "recognizer_mean": hashlib.sha256(np.asarray(recognizer.mean, dtype=np.float32).tobytes()).hexdigest(),
        "jitter": str(inputs.params.seed) if recognizer.jittered else "none",
        "size_px": str(inputs.size_px),
    }
