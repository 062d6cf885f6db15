"""The report on an anonymized folder: report.json and report.md."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.anonymization.measure import FaceResult
from swapcore.anonymization.survey import SECOND_DETECTOR
from swapcore.files import write_atomic

JSON, PAGE = "report.json", "report.md"


def summarize(statuses: list[str], faces: list[FaceResult]) -> dict[str, Any]:
    """Compute the metrics of the report.

    Args:
        statuses: of the files, as in files.csv.
        faces: every face.
    """
    people = sorted({face.person for face in faces})
    treatments = Counter(face.treatment for face in faces)
    found = [face for face in faces if face.found]
    found_before = [face for face in faces if face.reason != SECOND_DETECTOR]
    return {
        "files": dict(sorted(Counter(statuses).items())),
        "people": len(people),
        "faces": len(faces),
        "faces_swapped": treatments["swapped"],
        "faces_blurred": treatments["blurred"],
        "faces_unchanged": sum(face.changed < 1.0 for face in faces),
        "blurred_share": _share([face.treatment == "blurred" for face in faces]),
        "blurred_reasons": dict(sorted(Counter(face.reason for face in faces if face.reason).items())),
        "reidentification_rank1": _share([face.recognized for face in faces]),
        "reidentification_rank1_swapped": _share([face.recognized for face in faces if face.treatment == "swapped"]),
        "reidentification_chance": 1 / len(people) if people else None,
        "cosine_to_original_mean": _mean([face.cosine for face in faces]),
        "detection_kept": _share([face.found for face in found_before]),
        "eyes_error_median": _median([face.eyes_error for face in found]),
        "nose_error_median": _median([face.nose_error for face in found]),
    }


def write_report(folder: Path, metrics: dict[str, Any], model: str) -> None:
    """Write report.json and report.md; model is named in the latter."""
    for name, text in ((JSON, json.dumps(metrics, indent=2) + "\n"), (PAGE, page(metrics, model))):
        write_atomic(folder / name, text)


def page(metrics: dict[str, Any], model: str) -> str:
    """Format the report as Markdown."""
    shown = {name: _format(value) for name, value in metrics.items()}
    files = "\n".join(f"| {status} | {count} |" for status, count in metrics["files"].items())
    reasons = ", ".join(f"{reason} {count}" for reason, count in metrics["blurred_reasons"].items()) or "none"
    return f"""# Anonymization report
Every detected face was replaced by a rendered person, or blurred. Model: {model}.

| files | |
|---|---|
{files}

Files without a result were not copied: no face was found in them, or they could not be read. files.csv lists them.
Faces missed by both detectors (small and turned away, or mostly covered) are left unchanged. Check the images before you
share them.

| faces | |
|---|---|
| people | {shown["people"]} |
| faces found | {shown["faces"]} |
| swapped | {shown["faces_swapped"]} |
| blurred, because no swap passed the checks | {shown["faces_blurred"]} ({reasons}) |
| left unchanged | {shown["faces_unchanged"]} |
| share blurred | {shown["blurred_share"]} |
| re-identified at rank 1 among the originals | {shown["reidentification_rank1"]} (by chance {shown["reidentification_chance"]}) |
| re-identified at rank 1, swapped faces only | {shown["reidentification_rank1_swapped"]} |
| mean centered cosine to the original | {shown["cosine_to_original_mean"]} |
| still detected, of the faces that the first detector found | {shown["detection_kept"]} |
| shift of the eyes, median, in pupil distances | {shown["eyes_error_median"]} |
| shift of the nose, median, in pupil distances | {shown["nose_error_median"]} |

The metrics were measured on the written files, with the recognizer that also chose and checked the replacements. Another
recognizer, or a person who knows the people shown, may recognize more: by clothes, hair, ears, the room, or the file name.
"""


def _format(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _share(flags: list[bool]) -> float | None:
    return float(np.mean(flags)) if flags else None


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
