"""Watermark after common edits, false alarms, PSNR and time.

Run: python benchmarks/marks.py PHOTOGRAPHS [EVERY]   (a folder; every EVERY-th photograph is marked, all are read unmarked)
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from swapcore.data.images import read_photograph
from swapcore.ops.image import Image
from swapcore.ops.metrics import psnr
from swapcore.provenance.watermark import embed, read

Edit = Callable[[Image], Image]
PAYLOAD = 0x15A7B9C


def jpeg(quality: int) -> Edit:
    """Encode as JPEG."""
    return lambda image: cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
    )


def scaled(factor: float, how: int = cv2.INTER_AREA) -> Edit:
    """Resize."""
    return lambda image: cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)


def cropped(share: float) -> Edit:
    """Crop away this share of width and height, off-center."""

    def cut(image: Image) -> Image:
        height, width = image.shape[:2]
        top, left = int(0.3 * share * height), int(0.8 * share * width)
        return image[top : top + round((1 - share) * height), left : left + round((1 - share) * width)]

    return cut


def rotated(degrees: float) -> Edit:
    """Rotate about the center, in the same frame."""

    def turn(image: Image) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(np.ascontiguousarray(image), matrix, (width, height), borderMode=cv2.BORDER_REFLECT)

    return turn


def then(*edits: Edit) -> Edit:
    """Apply edits one after another."""

    def all_of(image: Image) -> Image:
        for edit in edits:
            image = edit(image)
        return image

    return all_of


def screenshot(image: Image) -> Image:
    """Scale to 87 %, shift by a fraction of a pixel, add a border."""
    height, width = image.shape[:2]
    placed = np.float32([[0.87, 0, 40.37], [0, 0.87, 60.61]])
    size = (round(0.87 * width) + 80, round(0.87 * height) + 100)
    return cv2.warpAffine(image, placed, size, flags=cv2.INTER_LINEAR, borderValue=(240, 240, 240))


EDITS: dict[str, Edit] = {
    "nothing": lambda image: image,
    "JPEG 90": jpeg(90),
    "JPEG 75": jpeg(75),
    "JPEG 50": jpeg(50),
    "JPEG 30": jpeg(30),
    "half size": scaled(0.5),
    "quarter size": scaled(0.25),
    "half size, JPEG 75": then(scaled(0.5), jpeg(75)),
    "10 % crop": cropped(0.1),
    "10 % crop, JPEG 50": then(cropped(0.1), jpeg(50)),
    "30 % crop": cropped(0.3),
    "screenshot": screenshot,
    "mirrored": lambda image: image[:, ::-1],
    "rotated by 1 degree": rotated(1),
    "rotated by -2.6 degrees, JPEG 75": then(rotated(-2.6), jpeg(75)),
    "mirrored, rotated by 2 degrees, 10 % crop": then(lambda image: image[:, ::-1], rotated(2), cropped(0.1)),
    "rotated by 5 degrees": rotated(5),
}


def main(folder: Path, every: int) -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    photographs = [read_photograph(path).image for path in paths]
    chosen = photographs[::every]
    start = time.process_time()
    marked = [embed(image, PAYLOAD) for image in chosen]
    writing = time.process_time() - start
    start = time.process_time()
    alarms = sum(read(image) is not None for image in photographs)
    reading_s = time.process_time() - start
    print(f"unmarked             false alarms {alarms} of {len(photographs)}")
    levels = [psnr(after, before) for after, before in zip(marked, chosen, strict=True)]
    print(f"PSNR of marked against unmarked: mean {np.mean(levels):.1f}, minimum {min(levels):.1f} dB")
    print(
        f"write {writing / len(chosen) * 1e3:.0f} ms, read {reading_s / len(photographs) * 1e3:.0f} ms of processor time each"
    )

    for name, edit in EDITS.items():
        readings = [read(np.ascontiguousarray(edit(image))) for image in marked]
        right = sum(reading is not None and reading.payload == PAYLOAD for reading in readings)
        wrong = sum(reading is not None and reading.payload != PAYLOAD for reading in readings)
        print(f"{name:42s} read {right} of {len(readings)}, wrong payload {wrong}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
