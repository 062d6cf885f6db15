"""Anonymize one photograph per person and compare the report with targets: `python benchmarks/anonymizing.py PHOTOGRAPHS`.

PHOTOGRAPHS: files named PERSON_anything (the first of each person is used), or a sub-folder per person. Exit code 1 if a target
is missed.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import torch

from swapcore.anonymization.folder import anonymize
from swapcore.faces import cnn_detector
from swapcore.inference.listing import list_files

TARGETS = {
    "faces_unchanged": ("no face left unchanged", 0.0, "at most"),
    "reidentification_rank1": ("re-identified at rank 1, under the model's recognizer", 0.05, "at most"),
    "detection_kept": ("still found by the detector", 0.98, "at least"),
    "eyes_error_median": ("shift of the eyes, median, in pupil distances", 0.06, "at most"),
    "nose_error_median": ("shift of the nose, median, in pupil distances", 0.06, "at most"),
}
OTHER_METRICS = {
    "people": "people",
    "faces": "faces",
    "blurred_share": "share blurred instead of swapped",
    "blurred_reasons": "reasons for blurring (last attempt)",
    "reidentification_chance": "re-identified by chance",
    "reidentification_rank1_swapped": "re-identified, swapped faces only",
    "cosine_to_original_mean": "mean centered cosine to the original",
}


def one_each(photographs: Path, folder: Path) -> None:
    """Link one photograph of each person into a sub-folder per person."""
    taken = set()
    for item in list_files(str(photographs)):
        person = item.path.parent.name if item.path.parent != photographs else item.path.name.partition("_")[0]
        if not item.reason and item.path.suffix != ".csv" and person not in taken:
            taken.add(person)
            (folder / person).mkdir(parents=True)
            (folder / person / item.path.name).symlink_to(item.path.absolute())


def is_reached(value: float | None, target: float, sense: str) -> bool:
    """Compare a metric with its target; a missing metric misses it."""
    return value is not None and (value <= target if sense == "at most" else value >= target)


def print_metrics(metrics: dict[str, Any]) -> bool:
    """Print the metrics; return whether all targets are reached."""
    reached = []
    for name, (label, target, sense) in TARGETS.items():
        reached.append(is_reached(metrics[name], target, sense))
        print(f"{label:56s} {metrics[name]!s:.7} {sense} {target:g}: {'reached' if reached[-1] else 'MISSED'}")
    for name, label in OTHER_METRICS.items():
        value = metrics[name]
        print(f"{label:56s} {f'{value:.4f}' if isinstance(value, float) else value}")
    return all(reached)


def main() -> None:
    """Anonymize, print the metrics, and exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--model", default="models/swap")
    parser.add_argument("--out", type=Path, help="folder in which the results are kept; default: a temporary one")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--second-detector-px",
        type=int,
        default=cnn_detector.CNN_INPUT_PX,
        help="input size of the second detector; smaller is faster; needs --workers 1",
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cnn_detector.CNN_INPUT_PX = options.second_detector_px
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photographs"
        one_each(options.photographs, folder)
        begun = time.process_time()
        out = options.out or Path(scratch) / "out"
        metrics = anonymize(folder, out, model=options.model, workers=options.workers)
        print(f"processor seconds: {time.process_time() - begun:.0f}")
    sys.exit(0 if print_metrics(metrics) else 1)


if __name__ == "__main__":
    main()
