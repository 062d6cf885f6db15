"""Anonymizes a photograph of each person and holds the report against the bars: `python benchmarks/anonymizing.py PHOTOGRAPHS`.

PHOTOGRAPHS: files named PERSON_anything, of which the first of each person is taken (of the London set: the 82 neutral ones), or a
folder a person. Exit code 1: a bar is missed.
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

BARS = {
    "faces_unchanged": ("no face left unchanged", 0.0, "at most"),
    "reidentification_rank1": ("re-identified at rank 1, under the model's recognizer", 0.05, "at most"),
    "detection_kept": ("still found by the detector", 0.98, "at least"),
    "eyes_error_median": ("shift of the eyes, median, in pupil distances", 0.06, "at most"),
    "nose_error_median": ("shift of the nose, median, in pupil distances", 0.06, "at most"),
}
TOLD = {
    "people": "people",
    "faces": "faces",
    "blurred_share": "share blurred instead of swapped",
    "blurred_reasons": "blurred, why (of the last attempt)",
    "reidentification_chance": "re-identified by chance",
    "reidentification_rank1_swapped": "re-identified, of swapped faces alone",
    "cosine_to_original_mean": "mean centered cosine to the original",
}


def one_each(photographs: Path, folder: Path) -> None:
    """Links to one photograph of each person, in a folder a person."""
    taken = set()
    for item in list_files(str(photographs)):
        person = item.path.parent.name if item.path.parent != photographs else item.path.name.partition("_")[0]
        if item.is_image and person not in taken:
            taken.add(person)
            (folder / person).mkdir(parents=True)
            (folder / person / item.path.name).symlink_to(item.path.absolute())


def is_reached(value: float | None, bar: float, sense: str) -> bool:
    """A figure that there is none of reaches nothing."""
    return value is not None and (value <= bar if sense == "at most" else value >= bar)


def tell(figures: dict[str, Any]) -> bool:
    """Print every figure; whether all bars are reached."""
    reached = []
    for name, (words, bar, sense) in BARS.items():
        reached.append(is_reached(figures[name], bar, sense))
        print(f"{words:56s} {figures[name]!s:.7} {sense} {bar:g}: {'reached' if reached[-1] else 'MISSED'}")
    for name, words in TOLD.items():
        value = figures[name]
        print(f"{words:56s} {f'{value:.4f}' if isinstance(value, float) else value}")
    return all(reached)


def main() -> None:
    """Anonymize, print, say by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--model", default="models/swap")
    parser.add_argument("--out", type=Path, help="keep the results here; else they go")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--second-look", type=int, default=cnn_detector.CNN_INPUT_PX, help="its size in px; less is faster (workers=1)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cnn_detector.CNN_INPUT_PX = options.second_look
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photographs"
        one_each(options.photographs, folder)
        begun = time.process_time()
        out = options.out or Path(scratch) / "out"
        figures = anonymize(folder, out, model=options.model, workers=options.workers)
        print(f"processor seconds of this process: {time.process_time() - begun:.0f}")
    sys.exit(0 if tell(figures) else 1)


if __name__ == "__main__":
    main()
