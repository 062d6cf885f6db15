"""Accuracy and cost of face detection, landmarks and the dense warp.

Run: python benchmarks/faces.py PHOTOGRAPHS [PART ...]
PHOTOGRAPHS: a folder with faces.csv: file, identity, expression (neutral or smiling), and x, y of eye_l, eye_r, nose, mouth_l, mouth_r
for the neutral ones, counted from the pixels' corners. Parts: points, hard, false, rendered, warp, truth, tremble, time; all by
default. SHEET=FILE.jpg in the environment writes a sheet of the part truth.
"""

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch

from swapcore.data.images import read_photograph
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.faces.cnn_detector import find_missed_faces
from swapcore.faces.detect import detect_at
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.landmarks import locate_landmarks
from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.find import find_faces, landmarks_at
from swapcore.faces.mesh.five_points import five_points
from swapcore.faces.mesh.landmarker import square_of_points
from swapcore.faces.mesh.pose import measure_pose
from swapcore.faces.recognizer import DlibRecognizer
from swapcore.hub.loading import load_face_swapper
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image, resize
from swapcore.synth.attributes import NEUTRAL, draw_attributes
from swapcore.synth.identity import draw_identity
from swapcore.synth.layers import INNER_FACE
from swapcore.synth.people import draw_person
from swapcore.synth.render import Picture, render
from swapcore.synth.truth import true_swap
from swapcore.video.meshes import MeshSmoother
from swapcore.video.steadiness import compare
from swapcore.video.tracks import crop_at, follow_face, steady_points, to_tracks
from swapcore.warp.dense import at_flow, dense_warp
from swapcore.warp.flow import correspond
from swapcore.warp.regions import face_mask
from swapcore.warp.skin import skin_color
from swapcore.warp.view import VIEW_PX, view_face

NUM_HARD, NUM_RENDERED, NUM_TURNED, NUM_SHEET = 20, 60, 48, 12
NUM_CLIPS, NUM_FRAMES = 2, 24
CROP_PX = 256


@dataclass(frozen=True)
class Shown:
    """One photograph."""

    path: Path
    identity: str
    expression: str
    marks: np.ndarray | None
    """(5, 2) eyes, nose, mouth corners, or None."""

    @cached_property
    def image(self) -> Image:
        """uint8 (H, W, 3)."""
        return read_photograph(self.path, 100).image

    @cached_property
    def points(self) -> np.ndarray:
        """(478, 3) landmarks in the photograph."""
        return find_faces(self.image, every=False)[0].points

    @cached_property
    def crop(self) -> Image:
        """The aligned face."""
        return aligned(self.image, self.points)


def read_shown(folder: Path) -> list[Shown]:
    """Read faces.csv."""
    names = [f"{part}_{axis}" for part in ("eye_l", "eye_r", "nose", "mouth_l", "mouth_r") for axis in "xy"]
    with (folder / "faces.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    marks = [np.array([float(row[n]) for n in names]).reshape(5, 2) - 0.5 if row["eye_l_x"] else None for row in rows]
    return [
        Shown(folder / row["file"], row["identity"], row["expression"], mark)
        for row, mark in zip(rows, marks, strict=True)
    ]


def aligned(image: Image, points: np.ndarray) -> Image:
    """Crop a face by its landmarks."""
    return warp(image, align(five_points(points)[:NUM_ALIGNMENT_POINTS], CROP_PX), CROP_PX)


def measure_points(shown: list[Shown]) -> None:
    """Found, errors of eyes and mouth corners by cross-validation over people, recognition through the crop."""
    found = [len(find_faces(one.image)) for one in shown]
    print(f"found: {sum(count == 1 for count in found)} of {len(found)}, several: {sum(count > 1 for count in found)}")
    marked = [one for one in shown if one.marks is not None]
    marks, points = np.stack([one.marks for one in marked]), np.stack([five_points(one.points) for one in marked])
    along = points[:, 1] - points[:, 0]
    basis = np.stack([along, np.stack([along[:, 1], -along[:, 0]], 1)], 1)
    # Errors in the frame of the eyes; the mean of the other people's errors is taken out, left and right mirrored.
    local = np.einsum("nij,npj->npi", basis, points - marks) / (along**2).sum(1)[:, None, None]
    mirror = np.array([[1, 1], [-1, 1], [0, 1], [1, 1], [-1, 1]])
    folds = np.arange(len(marked)) % 10
    for name, pair in (("eye centers", [0, 1]), ("mouth corners", [3, 4])):
        errors = np.concatenate(
            [
                local[folds == k][:, pair] - (local[folds != k] * mirror)[:, pair].mean((0, 1)) * mirror[pair]
                for k in range(10)
            ]
        )
        sizes = 100 * np.linalg.norm(errors, axis=2)
        print(f"{name}: median {np.median(sizes):.2f}, worst {sizes.max():.2f} % of the pupil distance")
    recognizer = load_recognizer()
    first, second = (
        centered(recognizer, [one.crop for one in shown if one.expression == word]) for word in ("neutral", "smiling")
    )
    print(f"recognition through the crop: {(first @ second.T).argmax(1).tolist() == list(range(len(first)))} at rank 1")


def load_recognizer() -> DlibRecognizer:
    """Load the built-in recognizer."""
    return DlibRecognizer(read_dlib_weights(package_file(RECOGNIZER_FILE)))


def centered(recognizer: DlibRecognizer, crops: list[Image], mean: np.ndarray | None = None) -> np.ndarray:
    """Embed crops (B of them), centered and of unit length, (B, D)."""
    raw = recognizer.embed(np.stack(crops), 16)
    raw = raw - (raw.mean(0) if mean is None else mean)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


def rotated(degrees: float) -> Callable[[Image], Image]:
    """Rotate about the center."""

    def rotate(image: Image) -> Image:
        center = ((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2)
        affine = cv2.getRotationMatrix2D(center, degrees, 1.0)
        return np.asarray(cv2.warpAffine(image, affine, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)

    return rotate


def shrunk(width_px: int) -> Callable[[Image], Image]:
    """A face of this width in an image of the same size."""

    def shrink(image: Image) -> Image:
        factor = width_px / 190  # faces of the London set are about this wide
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        result = np.full_like(image, small[0, 0])
        top, left = (image.shape[0] - small.shape[0]) // 2, (image.shape[1] - small.shape[1]) // 2
        result[top : top + small.shape[0], left : left + small.shape[1]] = small
        return result

    return shrink


def darkened(factor: float) -> Callable[[Image], Image]:
    """Scale gray levels."""
    return lambda image: (image * factor).astype(np.uint8)


def blurred(sigma_px: float) -> Callable[[Image], Image]:
    """Blur with a Gaussian."""
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def compressed(image: Image) -> Image:
    """Encode as JPEG of quality 5."""
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 5])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8).copy()


def noisy(image: Image) -> Image:
    """Add noise with a deviation of 40 gray levels."""
    noise = np.random.default_rng(0).normal(0, 40, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def covered(part: str, points: np.ndarray) -> Callable[[Image], Image]:
    """Cover a part of the face by a gray rectangle."""

    def cover(image: Image) -> Image:
        low, high = points[:468, :2].min(0).astype(int), points[:468, :2].max(0).astype(int)
        middle = points[1, :2].astype(int)
        left, top, right, bottom = {
            "lower half": (low[0], middle[1], high[0], high[1]),
            "left half": (low[0], low[1], middle[0], high[1]),
            "one eye": (*(points[468, :2] - 20).astype(int), *(points[468, :2] + 20).astype(int)),
            "both eyes": (low[0], int(points[468, 1]) - 20, high[0], int(points[468, 1]) + 20),
        }[part]
        result = image.copy()
        result[top:bottom, left:right] = 90
        return result

    return cover


def hard_versions(one: Shown) -> Iterator[tuple[str, Image]]:
    """Name and make every harder version of a photograph."""
    changes: list[tuple[str, Callable[[Image], Image]]] = [
        *((f"rotated {angle}", rotated(angle)) for angle in (45, 60, 90, 180)),
        *((f"{width} px wide", shrunk(width)) for width in (60, 40, 24, 16)),
        *((f"light x {factor}", darkened(factor)) for factor in (0.25, 0.1, 0.05)),
        *((f"blur {sigma} px", blurred(sigma)) for sigma in (6, 10)),
        ("JPEG 5", compressed),
        ("noise 40", noisy),
        *(
            (f"{part} covered", covered(part, one.points))
            for part in ("lower half", "left half", "one eye", "both eyes")
        ),
    ]
    for name, change in changes:
        yield name, change(one.image)


def measure_hard(shown: list[Shown]) -> None:
    """How many faces are found where the photograph is made harder."""
    counts: dict[str, list[bool]] = {}
    for one in shown[:: max(1, len(shown) // NUM_HARD)][:NUM_HARD]:
        for name, image in hard_versions(one):
            counts.setdefault(name, []).append(len(find_faces(image)) >= 1)
    for name, found in counts.items():
        print(f"{name}: {sum(found)} of {len(found)}")


def measure_false() -> None:
    """False detections on images without faces that other packages bring."""
    images = list(faceless_images())
    found = [len(find_faces(image)) for image in images]
    print(
        f"false detections: {sum(found)} in {len(images)} images ({100 * sum(found) / max(len(images), 1):.1f} per 100)"
    )


def faceless_images() -> Iterator[Image]:
    """Images of matplotlib, scikit-image, scipy and sklearn where they are installed, whole and in quarters."""
    with_faces = {"astronaut", "grace_hopper", "lfw_subset", "face", "retina"}
    for package in ("skimage", "sklearn", "scipy", "matplotlib"):
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or []:
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix in (".png", ".jpg", ".jpeg") and path.stem not in with_faces:
                    image = read_photograph(path, 100).image
                    height, width = image.shape[:2]
                    if min(height, width) >= 64:
                        yield image
                        yield from (
                            image[y : y + height // 2, x : x + width // 2]
                            for y in (0, height // 2)
                            for x in (0, width // 2)
                        )


def measure_rendered() -> None:
    """Pose and expression against the renderer's parameters."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(NUM_RENDERED):
        word = ("rest", "open", "blink", "yaw", "gaze")[number % 5]
        yaw = float(generator.uniform(-45, 45)) if word == "yaw" else float(generator.uniform(-10, 10))
        gaze = float(generator.uniform(-20, 20)) if word == "gaze" else 0.0
        attributes = NEUTRAL.but(
            yaw_deg=yaw, gaze_x_deg=gaze, mouth_open=0.5 * (word == "open"), blink=0.9 * (word == "blink")
        )
        found = find_faces(render(draw_identity(np.random.default_rng(number)), attributes, 256).image)
        if found:
            expression = measure_mesh_expression(torch.from_numpy(found[0].points)[None])
            rows.append((word, yaw, measure_pose(found[0].points).yaw_deg, gaze, *(float(v) for v in expression)))
    words = np.array([row[0] for row in rows])
    values = np.array([row[1:] for row in rows])
    print(f"rendered: found {len(rows)} of {NUM_RENDERED}")
    print(f"mouth opening AUC {auc(values[words == 'open', 3], values[words == 'rest', 3]):.3f}")
    print(f"blink AUC {auc(-values[words == 'blink', 5], -values[words == 'rest', 5]):.3f}")
    slope, shift = np.polyfit(values[:, 0], values[:, 1], 1)
    residual = np.abs(values[:, 1] - slope * values[:, 0] - shift)
    print(f"yaw: slope {slope:.2f}, shift {shift:.1f}, median residual {np.median(residual):.1f} degrees")
    print(f"gaze: correlation {np.corrcoef(values[words == 'gaze', 2], values[words == 'gaze', 7])[0, 1]:.2f}")


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Compute the share of pairs in the right order."""
    return float((positive[:, None] > negative[None]).mean())


def measure_warp(shown: list[Shown]) -> None:
    """Identity, expression, skin and time of the dense warp over pairs of neutral and smiling photographs."""
    by_word = {word: [one for one in shown if one.expression == word] for word in ("neutral", "smiling")}
    recognizer = load_recognizer()
    mean = recognizer.embed(np.stack([one.crop for one in shown]), 16).mean(0)
    gallery = {word: centered(recognizer, [one.crop for one in each], mean) for word, each in by_word.items()}
    num, rows = len(by_word["neutral"]), []
    for shift, (first, second) in ((18, ("neutral", "smiling")), (35, ("smiling", "neutral"))):
        for number in range(num):
            other = (number + shift) % num
            source, template = by_word[first][number], by_word[second][other]
            start = time.process_time()
            image = dense_warp(source.image, source.points, template.image, template.points).image
            seconds = time.process_time() - start
            found = landmarks_at(image, square_of_points(template.points)[None])[0][0]
            embedding = centered(recognizer, [aligned(image, found)], mean)[0]
            same = gallery[first] @ embedding
            lengths = np.abs(lengths_of(found) - lengths_of(template.points))
            skins = [skin_color(view_face(each, template.points)) for each in (image, template.image)]
            rows.append(
                [
                    *(same.argmax() == number, same[number], gallery[second][other] @ embedding),
                    *(*lengths, np.linalg.norm(skins[0] - skins[1]), seconds),
                ]
            )
    values = np.array(rows, dtype=np.float64)
    print(f"warp, {len(values)} pairs: source first {100 * values[:, 0].mean():.1f} %")
    print(f"cosine to source / template: mean {values[:, 1].mean():.2f} / {values[:, 2].mean():.2f}")
    print("mouth width, mouth opening, eye opening off: mean", values[:, 3:6].mean(0).round(4), end=", ")
    print("median", np.median(values[:, 3:6], 0).round(4))
    print(f"skin Delta E to the template: median {np.median(values[:, 6]):.1f}, worst {values[:, 6].max():.1f}")
    print(f"processor seconds per pair: {values[:, 7].mean():.2f}")


def measure_truth() -> None:
    """Distance to the true swap on rendered people with heads turned up to 40 degrees, dense warp and simpler methods."""
    rows, sheet = [], []
    for number in range(NUM_TURNED):
        source, template, truth = turned_pair(number)
        found = [find_faces(each.image, every=False) for each in (source, template)]
        if not all(found):
            print(f"pair {number}: no face found")
            continue
        own, wanted = (faces[0].points for faces in found)
        face = np.isin(template.parts, INNER_FACE) | np.isin(truth.parts, INNER_FACE)
        results = [
            template.image,
            plain_warp(source.image, own, template.image, wanted),
            dense_warp(source.image, own, template.image, wanted).image,
        ]
        rows.append([np.abs(each.astype(float) - truth.image).mean(-1)[face].mean() for each in results])
        if len(sheet) < NUM_SHEET:
            sheet.append(np.hstack([source.image, *results, truth.image]))
    unchanged, plain, dense = np.array(rows).T
    print(f"truth, {len(rows)} pairs: L1 of template / plain triangle warp / dense warp", end=" ")
    print(*(f"{np.mean(each):.2f}" for each in (unchanged, plain, dense)), "gray levels")
    print(f"dense warp nearer than the template: {100 * np.mean(dense < unchanged):.0f} %", end=", ")
    print(f"than the plain warp: {100 * np.mean(dense < plain):.0f} %", end=", ")
    print(f"plain warp nearer than the template: {100 * np.mean(plain < unchanged):.0f} %")
    if path := os.environ.get("SHEET"):
        cv2.imwrite(path, np.vstack(sheet)[..., ::-1])


def turned_pair(number: int) -> tuple[Picture, Picture, Picture]:
    """Source, template with a turned head, and their true swap."""
    rng = np.random.default_rng([771, number])
    source, template = draw_person(20261, 2 * number), draw_person(20261, 2 * number + 1)
    first = draw_attributes(rng, 0.5).but(yaw_deg=float(rng.uniform(-15, 15)), headwear=0)
    second = draw_attributes(rng, 0.8).but(yaw_deg=float(rng.uniform(-40, 40)), headwear=0)
    return (
        render(source, first, CROP_PX),
        render(template, second, CROP_PX),
        render(true_swap(source, template), second, CROP_PX),
    )


def plain_warp(source: Image, own: np.ndarray, template: Image, wanted: np.ndarray) -> Image:
    """Warp by triangles onto the template's own landmarks, with the mean color of its face and a soft edge."""
    view, shown = view_face(template, wanted), view_face(source, own)
    warped = at_flow(shown.image.astype(np.float32), correspond(view.points, shown.points, VIEW_PX).flow)
    mask = face_mask(view)
    means = [np.average(each.reshape(-1, 3), axis=0, weights=mask.ravel()) for each in (warped, view.image)]
    mixed = view.image + mask[..., None] * (warped - means[0] + means[1] - view.image)
    change = cv2.warpAffine(
        np.asarray(mixed - view.image, np.float32), view.affine, template.shape[1::-1], flags=cv2.WARP_INVERSE_MAP
    )
    return np.clip(template + change + 0.5, 0, 255).astype(np.uint8)


def measure_tremble(shown: list[Shown]) -> None:
    """Jitter of eyes and nose in swapped clips, relative to the template's: photographs that move, turn and have noise."""
    swapper = Swapper("builtin:warp", device="cpu")
    ratios = []
    for number in range(NUM_CLIPS):
        source, template = shown[40 * number], shown[40 * number + 7]
        frames = list(moving_crops(template.image, number))
        found = follow_face(enumerate(frames))
        points, seen = steady_points(to_tracks(found)[0]), {one.frame: one for one in found}
        face = swapper.source_face(source.image, source.path)
        swapped, smoother = [], MeshSmoother()
        for place, image in enumerate(frames):
            if place in points:
                cut = crop_at(image, points[place], swapper.model.size_px, seen.get(place))
                swapped.append((place, swapper.replace(image, smoother.smooth(place, cut), face)))
        steadiness = compare(
            {one.frame: one.points for one in follow_face(swapped)}, {one.frame: one.points for one in found}
        )
        if steadiness is not None:
            ratios.append(steadiness.ratio)
    print(f"tremble of {len(ratios)} clips, times the template's own: {np.round(ratios, 2).tolist()}")


def moving_crops(image: Image, seed: int) -> Iterator[Image]:
    """Frames of 384 px of a photograph that drifts, rolls and grows slowly, with fresh noise in each."""
    rng = np.random.default_rng(seed)
    center = np.array(image.shape[1::-1]) / 2
    for frame in range(NUM_FRAMES):
        angle, scale = 4 * np.sin(frame / 9), 0.75 + 0.003 * frame
        drift = np.array([6 * np.sin(frame / 5), 4 * np.cos(frame / 7)])
        affine = cv2.getRotationMatrix2D(tuple(center + drift), angle, scale)
        affine[:, 2] += 192 - center
        moved = cv2.warpAffine(image, affine, (384, 384), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        yield np.clip(moved + rng.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)


def lengths_of(points: np.ndarray) -> np.ndarray:
    """Mouth width, mouth opening and eye opening as shares of the distance of the outer eye corners."""
    found = measure_mesh_expression(torch.from_numpy(points)[None])
    return np.array([float(found.mouth_width), float(found.mouth_open), float(found.eye_open)]) / 100


def measure_time(shown: list[Shown]) -> None:
    """Processor milliseconds on one thread, least of five, parts measured alternately."""
    one, other = shown[0], shown[3]
    box = detect_at(one.image, 320)[0]
    large = resize(one.image, 1024)
    swapper = Swapper("builtin:warp", device="cpu")
    load_face_swapper("builtin:warp", "cpu")
    square = square_of_points(one.points)[None]
    parts: dict[str, Callable[[], object]] = {
        "dlib, 320 px": lambda: detect_at(one.image, 320),
        "dlib, whole image": lambda: detect_at(one.image, max(one.image.shape)),
        "dlib's five points": lambda: locate_landmarks(one.image, box),
        "dlib's CNN": lambda: find_missed_faces(one.image, []),
        "find_faces, 512 px": lambda: find_faces(one.image, every=False),
        "find_faces, 1024 px, every": lambda: find_faces(large),
        "landmarks": lambda: landmarks_at(one.image, square),
        "dense warp": lambda: dense_warp(one.image, one.points, other.image, other.points),
        "swap, 1024 px": lambda: swapper.swap(one.image, large),
    }
    least = dict.fromkeys(parts, np.inf)
    for _ in range(5):
        for name, part in parts.items():
            start = time.process_time()
            part()
            least[name] = min(least[name], 1000 * (time.process_time() - start))
    for name, value in least.items():
        print(f"{name}: {value:.0f} ms")


def main() -> None:
    """Run the parts that are named."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    shown = read_shown(Path(sys.argv[1]))
    parts: dict[str, Callable[[], None]] = {
        "points": lambda: measure_points(shown),
        "hard": lambda: measure_hard(shown),
        "false": measure_false,
        "rendered": measure_rendered,
        "warp": lambda: measure_warp(shown),
        "truth": measure_truth,
        "tremble": lambda: measure_tremble(shown),
        "time": lambda: measure_time(shown),
    }
    for name in sys.argv[2:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
