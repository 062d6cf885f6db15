"""Metrics of swaps between photographs of people who were not trained on: identity, detail, expression, realism.

python benchmarks/photographs.py FACES MODEL... [--pairs 40] [--size 256] [--sheet sheet.jpg]

FACES is a faces artifact with a test split; MODEL a model reference, such as a folder or builtin:warp. One row per model:

- first: share of swaps nearest to the source's person among all people of the artifact, by the mean embedding of each.
- cos S, cos T: median centered cosine of the output to the source and the template, by the recognizer of the training.
- detail: median gradient magnitude inside the face, output over template.
- mouth width, mouth opening, eye opening: mean difference of the output from the template, of the distance of the outer eye
  corners, by the face mesh.
- KID: of the outputs to the photographs of all people, by the recognizer's levels.
- background: mean |output - template| outside the face, gray levels.

Identity and KID are measured by a network that the training used; expression by the mesh that guides the model.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from swapcore.data.faces import Face, FaceSet
from swapcore.evaluation.realism import describe, score_realism
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.topology import FACE_OVAL
from swapcore.faces.networks import load_recognizer
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.ops.image import Image, resize, tile, to_tensor

Swap = Callable[[Face, Face], Image]
Floats = npt.NDArray[np.floating]
_MARGIN = 9
"""Of 256 px: pixels between the face's outline and what counts as its inside, or as background."""


class Pair(NamedTuple):
    """A swap to make: positions in the artifact."""

    source: int
    template: int


def draw_pairs(faces: FaceSet, num: int, seed: int = 0) -> list[Pair]:
    """Pairs of different test people, templates in turn."""
    test, rng = np.asarray(faces.of_split("test")), np.random.default_rng(seed)
    pairs: dict[Pair, None] = {}  # in order, and searched in constant time
    while len(pairs) < num:
        template = int(test[len(pairs) % len(test)])
        source = int(rng.choice(test))
        if faces.rows[source].identity != faces.rows[template].identity and Pair(source, template) not in pairs:
            pairs[Pair(source, template)] = None
    return list(pairs)


def load_swap(reference: str) -> Swap:
    """The swap of a model reference."""
    swapper = load_face_swapper(reference, "cpu")

    def swap(source: Face, template: Face) -> Image:
        side_px = side_for(swapper, template.image.shape[0])
        images = [resize(face.image, side_px)[None] for face in (source, template)]
        return resize(swapper.swap_crops(*images)[0], template.image.shape[0])

    return swap


def face_mask(points: Floats, size_px: int, margin: int) -> Floats:
    """1 inside the face's outline, moved outward by margin of 256 px (inward where negative): (S, S)."""
    outline = np.round(points[list(FACE_OVAL), :2]).astype(np.int32)
    mask = cv2.fillPoly(np.zeros((size_px, size_px), np.uint8), [outline], 1)
    reach = max(1, round(abs(margin) * size_px / 256))
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(mask, kernel) if margin > 0 else cv2.erode(mask, kernel), dtype=np.float32)


def gradient(image: Image) -> Floats:
    """Gradient magnitude of the brightness, (S, S)."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(np.gradient(gray, axis=0), np.gradient(gray, axis=1))


def expression(points: Floats) -> Floats:
    """Mouth width, mouth opening, mean eye opening (3,), of the distance of the outer eye corners."""

    def apart(first: int, second: int) -> float:
        return float(np.linalg.norm(points[first, :2] - points[second, :2]))

    eyes = (apart(159, 145) + apart(386, 374)) / 2
    return np.array([apart(61, 291), apart(13, 14), eyes]) / apart(33, 263)


class Bench:
    """The photographs and what measures swaps of them."""

    def __init__(self, folder: Path, num_pairs: int, size_px: int) -> None:
        self.faces = FaceSet(folder)
        self.recognizer = load_recognizer(self.faces.recognizer)
        self.pairs = draw_pairs(self.faces, num_pairs)
        self.size_px = size_px
        people: dict[str, list[Floats]] = {}
        for row in self.faces.rows:
            people.setdefault(row.identity, []).append(self._unit(np.array(row.embedding)))
        self.names = list(people)
        self.gallery = np.stack([self._unit_of_sum(own) for own in people.values()])
        every = [resize(self.faces[i].image, size_px) for i in range(len(self.faces))]
        self.photographs = self._describe(every)
        self.used = {i: resize(self.faces[i].image, size_px) for pair in self.pairs for i in pair}
        found = crop_landmarks(np.stack(list(self.used.values())))
        self.points = dict(zip(self.used, found, strict=True))

    def _unit(self, raw: Floats) -> Floats:
        centered = raw - self.faces.embedding_mean
        return centered / np.linalg.norm(centered)

    def _unit_of_sum(self, own: list[Floats]) -> Floats:
        total = np.sum(own, axis=0)
        return total / np.linalg.norm(total)

    @torch.no_grad()
    def _describe(self, images: list[Image]) -> Floats:
        rows = []
        for image in images:
            levels = self.recognizer.features(to_tensor(image[None])).levels
            rows.append(describe([level.numpy() for level in levels]))
        return np.concatenate(rows)

    def measure(self, swap: Swap) -> tuple[dict[str, float], list[list[Image]]]:
        """Metrics of a swap, and for each pair source, template and output."""
        shown = [self._swapped(swap, pair) for pair in self.pairs]
        outputs = [row[2] for row in shown]
        raw = self.recognizer.embed(np.stack(outputs), 16)
        rows = [
            self._row(*each) for each in zip(self.pairs, outputs, raw, crop_landmarks(np.stack(outputs)), strict=True)
        ]
        medians = {name: float(np.median([row[name] for row in rows])) for name in ("cos S", "cos T", "detail")}
        names = ("first", "mouth width", "mouth opening", "eye opening", "background")
        means = {name: float(np.nanmean([row[name] for row in rows])) for name in names}
        first = list({pair.template: place for place, pair in reversed(list(enumerate(self.pairs)))}.values())
        realism = score_realism(self._describe([outputs[i] for i in first]), self.photographs, num_samples=100, seed=0)
        return {"first": means.pop("first"), **medians, **means, "KID": realism.kid}, shown

    def _swapped(self, swap: Swap, pair: Pair) -> list[Image]:
        source, template = (self.faces[i] for i in pair)
        sized = [
            face if face.image.shape[0] == self.size_px else _at(face, self.size_px) for face in (source, template)
        ]
        return [*(face.image for face in sized), swap(*sized)]

    def _row(self, pair: Pair, output: Image, raw: Floats, points: Floats | None) -> dict[str, float]:
        embedding, template = self._unit(raw), self.used[pair.template]
        source_row, template_row = (self.faces.rows[i] for i in pair)
        own = self.points[pair.template]
        assert own is not None
        inside = face_mask(own, self.size_px, -_MARGIN)
        outside = 1 - face_mask(own, self.size_px, 2 * _MARGIN)
        off = np.full(3, np.nan) if points is None else np.abs(expression(points) - expression(own))
        change = np.abs(output.astype(np.float32) - template).mean(2)
        return {
            "first": float(self.names[int(np.argmax(self.gallery @ embedding))] == source_row.identity),
            "cos S": float(embedding @ self._unit(np.array(source_row.embedding))),
            "cos T": float(embedding @ self._unit(np.array(template_row.embedding))),
            "detail": float((gradient(output) * inside).sum() / (gradient(template) * inside).sum()),
            "mouth width": float(off[0]),
            "mouth opening": float(off[1]),
            "eye opening": float(off[2]),
            "background": float((change * outside).sum() / outside.sum()),
        }


def _at(face: Face, size_px: int) -> Face:
    from swapcore.data.faces import at_size

    return at_size(face, size_px)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--sheet", type=Path, help="source, template, then the output of each model; a JPEG or PNG")
    arguments = parser.parse_args()
    bench = Bench(arguments.faces, arguments.pairs, arguments.size)
    columns: list[list[Image]] = []
    for place, name in enumerate(arguments.models):
        metrics, shown = bench.measure(load_swap(name))
        if place == 0:
            print("| model | " + " | ".join(metrics) + " |")
            print("|---" * (len(metrics) + 1) + "|")
            columns = [list(column) for column in zip(*shown, strict=True)]
        else:
            columns.append([row[2] for row in shown])
        values = " | ".join(f"{value:.3f}" for value in metrics.values())
        print(f"| {Path(name).name} | {values} |", flush=True)
    if arguments.sheet:
        sheet = tile([list(row) for row in zip(*columns, strict=True)], arguments.size)
        cv2.imwrite(str(arguments.sheet), sheet[..., ::-1])


if __name__ == "__main__":
    main()
