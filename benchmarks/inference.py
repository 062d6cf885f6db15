"""Time of each part of a swap on one core: `python benchmarks/inference.py [--model FOLDER] [--photograph FILE] [--size 1024]`."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch

from swapcore.faces.detect import detect_faces
from swapcore.faces.extract import crop_face
from swapcore.inference.image_swapper import Swapper
from swapcore.inference.paste import keep_color, paste_back
from swapcore.provenance.credentials import signing_credentials
from swapcore.provenance.manifest import sign
from swapcore.provenance.marking import Ingredient, Provenance, encode, write_atomic, write_marked
from swapcore.provenance.payload import to_bits
from swapcore.provenance.watermark import embed
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render


def measure(work: Callable[[], Any], times: int) -> float:
    """Median milliseconds of processor time, after a warm-up run."""
    work()
    spent = []
    for _ in range(times):
        begun = time.process_time()
        work()
        spent.append((time.process_time() - begun) * 1000)
    return median(spent)


def photograph(path: Path | None, size_px: int) -> np.ndarray:
    """Read a photograph, or render a person, and resize it to size_px."""
    if path is not None:
        image = cv2.imread(str(path))[..., ::-1]
    else:
        image = render(draw_identity(np.random.default_rng(3)), NEUTRAL, 512).image
    factor = size_px / max(image.shape[:2])
    return np.ascontiguousarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))


def main() -> None:
    """Print a table of milliseconds of processor time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="models/swap")
    parser.add_argument("--photograph", type=Path)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--suffix", default=".png", help="of the result: .png, .jpg or .webp")
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    swapper = Swapper(options.model)
    image = photograph(options.photograph, options.size)
    box = detect_faces(image, "reject")[0]
    face = crop_face(image, box, swapper.model.size_px)
    source = face.crop[:, ::-1].copy()
    swapped = swapper.model.swap_crops(source[None], face.crop[None])[0]
    used = (Ingredient("source", "a.png", "0" * 64), Ingredient("template", "b.png", "1" * 64))
    provenance = Provenance("swapped", swapper.reference, used)

    def paste() -> np.ndarray:
        return paste_back(image, face.crop, keep_color(swapped, face.crop, face.points), face.points, face.affine)

    pasted = paste()
    with TemporaryDirectory() as folder:
        out = Path(folder) / f"out{options.suffix}"
        encoded = encode(Path("out.png"), pasted)
        parts = {
            "detect, --face one": lambda: detect_faces(image, "reject"),
            "detect, --face largest": lambda: detect_faces(image, "largest"),
            "align": lambda: crop_face(image, box, swapper.model.size_px),
            "swap": lambda: swapper.model.swap_crops(source[None], face.crop[None]),
            "paste": paste,
            "mark: watermark": lambda: embed(pasted, to_bits(provenance)),
            "mark: sign": lambda: sign(encoded, "image/png", provenance, signing_credentials(), watermarked=True),
            "encode and write": lambda: write_atomic(out, encode(out, pasted)),
            "mark, encode, write": lambda: write_marked(out, pasted, provenance, overwrite=True),
        }
        spent = {name: measure(work, options.times) for name, work in parts.items()}
    counted = [name for name in parts if name not in ("detect, --face largest", "mark, encode, write")]
    total = sum(spent[name] for name in counted)
    print(f"{image.shape[1]} x {image.shape[0]} px, model of {swapper.model.size_px} px, one core, processor time")
    for name, milliseconds in spent.items():
        share = f"{100 * milliseconds / total:5.1f} %" if name in counted else ""
        print(f"{name:26s} {milliseconds:8.1f} ms {share}")
    print(f"{'whole':26s} {total:8.1f} ms")


if __name__ == "__main__":
    main()
