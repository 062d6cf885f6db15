"""Overhead of cropping: time of the whole crop stage over decoding, detection and landmarks alone.

Run: python benchmarks/crop.py PHOTOGRAPHS [COUNT]   (a folder or CSV as the crop stage takes it; params.yaml in this folder)
Both are measured in one process on one thread, alternating by batches of photographs, in CPU seconds.
"""

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import dlib
import numpy as np
import torch

from swapcore.config import CropParams, read_params
from swapcore.cropping.extract import ExtractionTask, extract_photograph
from swapcore.data.consent import ConsentLine
from swapcore.data.images import read_photograph
from swapcore.data.manifests import PhotographEntry, read_manifest
from swapcore.faces.dlib_weights import LANDMARK_FILE, package_file
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer

BATCH_SIZE = 32
DETECTOR = dlib.get_frontal_face_detector()
PREDICTOR = dlib.shape_predictor(str(package_file(LANDMARK_FILE)))


def find_only(entries: list[PhotographEntry], params: CropParams) -> None:
    """Decode, detect and locate landmarks with plain dlib: detector on the whole photograph, five points in the first box."""
    for entry in entries:
        image = read_photograph(entry.path, params.max_megapixels).image
        for box in DETECTOR(image)[:1]:
            PREDICTOR(image, box)


def crop_all(entries: list[PhotographEntry], params: CropParams, recognizer: Recognizer) -> None:
    """Detection and everything else: landmarks, warp, quality, hash, PNG, face features."""
    line = ConsentLine("*", "benchmark", "", None)
    cuts = [extract_photograph(ExtractionTask(entry, line, params)).result for entry in entries]
    crops = [cut[1] for cut in cuts if isinstance(cut, tuple)]
    recognizer.embed(np.stack(crops), BATCH_SIZE)


def seconds(work: Callable[[], None]) -> float:
    """Return the CPU time of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(source: Path, count: int) -> None:
    """Print the ratio and both times for each photograph."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    params = read_params(Path(__file__).parents[1] / "params.yaml").crop
    recognizer = load_recognizer(params.recognizer)
    entries = list(itertools.islice(itertools.cycle(read_manifest(source).entries), count))
    batches = [entries[i : i + BATCH_SIZE] for i in range(0, count, BATCH_SIZE)]
    crop_all(batches[0], params, recognizer)  # load models, warm caches
    pairs = [
        (seconds(lambda b=batch: find_only(b, params)), seconds(lambda b=batch: crop_all(b, params, recognizer)))
        for batch in batches
    ]
    find, crop = np.sum(pairs, axis=0) / count * 1e3
    ratios = [whole / part for part, whole in pairs]
    print(
        f"find only {find:.1f} ms, crop {crop:.1f} ms a photograph: ratio {crop / find:.2f} (median {np.median(ratios):.2f})"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 160)
