"""The report on an anonymized folder: report.json and report.md, made from the rows alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.anonymization.measure import FaceRow
from swapcore.anonymization.survey import SECOND_LOOK
from swapcore.files import put_in_place

JSON, PAGE = "report.json", "report.md"


def summarize(statuses: list[str], faces: list[FaceRow]) -> dict[str, Any]:
    """Every figure of the report.

    Args:
        statuses: of the files, as in files.csv.
        faces: every face.
    """
    people = sorted({face.person for face in faces})
    treatments = Counter(face.treatment for face in faces)
    found = [face for face in faces if face.found]
    found_before = [face for face in faces if face.reason != SECOND_LOOK]
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


def write_report(folder: Path, figures: dict[str, Any], model: str) -> None:
    """Write both files."""
    for name, text in ((JSON, json.dumps(figures, indent=2) + "\n"), (PAGE, page(figures, model))):
        put_in_place(folder / name, text)


def page(figures: dict[str, Any], model: str) -> str:
    """The report as Markdown."""
    shown = {name: _shown(value) for name, value in figures.items()}
    files = "\n".join(f"| {status} | {count} |" for status, count in figures["files"].items())
    reasons = ", ".join(f"{reason} {count}" for reason, count in figures["blurred_reasons"].items()) or "none"
    return f"""# What was anonymized
Every face is that of a person who does not exist, or is blurred. Model: {model}.

| files | |
|---|---|
{files}

A file without a result holds no face that was found, or could not be read: files.csv says which. It was not copied.
Two detectors looked, a frontal one and one for faces from every side; what both overlook (small and turned away, mostly covered)
is not replaced: look through the pictures before you share them.

| faces | |
|---|---|
| people told apart | {shown["people"]} |
| faces found | {shown["faces"]} |
| swapped | {shown["faces_swapped"]} |
| blurred, since no swap passed the checks | {shown["faces_blurred"]} ({reasons}) |
| left unchanged | {shown["faces_unchanged"]} |
| share blurred | {shown["blurred_share"]} |
| re-identified at rank 1 among the originals | {shown["reidentification_rank1"]} (by chance {shown["reidentification_chance"]}) |
| the same of swapped faces alone | {shown["reidentification_rank1_swapped"]} |
| mean centered cosine to the original | {shown["cosine_to_original_mean"]} |
| still found by the detector, of those that it found before | {shown["detection_kept"]} |
| shift of the eyes, median, in pupil distances | {shown["eyes_error_median"]} |
| shift of the nose, median, in pupil distances | {shown["nose_error_median"]} |

The figures were taken from the written files. The recognizer that judges here is the one by which replacements were chosen and
checked; another one, or a person who knows the pictured, may recognize more: by clothes, hair, ears, a room, a file's name.
"""


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _share(flags: list[bool]) -> float | None:
    return float(np.mean(flags)) if flags else None


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
