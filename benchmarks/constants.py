"""Constants of detection and alignment, computed again on rendered people.

Run: python benchmarks/constants.py [NUM_PEOPLE]
Prints the constants of src/swapcore/faces: mesh/five_points.py, mesh/mean_shape.py (MEAN_SHAPE), mesh/crops.py (STANDARD_SQUARE),
landmarks.py (EYE_RISE, EYE_OUTWARD) and dlib_mean.py (DLIB_MEAN). These people do not exist, so the package holds no statistics of
anyone's photographs.
"""

import sys
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.faces.detect import detect_at
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.landmarks import locate_landmarks
from swapcore.faces.mesh.find import find_faces
from swapcore.faces.mesh.five_points import MOUTH_CORNERS_OF_CONTOURS, five_points
from swapcore.faces.mesh.landmarker import square_of_points
from swapcore.faces.mesh.mean_shape import STIFF
from swapcore.faces.mesh.pose import rigid_fit
from swapcore.faces.mesh.topology import (
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    NOSE_BASE,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
    mirrored_indices,
)
from swapcore.faces.recognizer import DlibRecognizer
from swapcore.ops.geometry import apply, warp
from swapcore.ops.image import Image
from swapcore.synth.attributes import draw_attributes
from swapcore.synth.people import draw_person
from swapcore.synth.render import POINT_NAMES, render

SEED, SIZE_PX, CROP_PX = 4711, 256, 256
RANGE = 0.35
"""Of the attributes' full range: nearly frontal, as portraits are."""


@dataclass(frozen=True)
class Shown:
    """A rendered face with the renderer's and the mesh's landmarks."""

    image: Image
    mesh: np.ndarray
    """(478, 3)."""
    exact: np.ndarray
    """(P, 2), in the order of POINT_NAMES."""


def show_people(num: int) -> list[Shown]:
    """Render people without glasses and headwear, with open eyes and closed mouths."""
    shown = []
    for person in range(num):
        rng = np.random.default_rng([SEED, person])
        attributes = draw_attributes(rng, RANGE).but(glasses=0, headwear=0, blink=0.0, mouth_open=0.0, pitch_deg=0.0)
        picture = render(draw_person(SEED, person), attributes, SIZE_PX)
        if found := find_faces(picture.image, every=False):
            shown.append(Shown(picture.image, found[0].points, picture.points))
    return shown


def mean_shape(shown: list[Shown]) -> np.ndarray:
    """Mean of the stiff landmarks (28, 3), each face brought onto the mean by a similarity, made symmetric."""
    faces = np.stack([one.mesh[list(STIFF)] for one in shown])
    mirror = [STIFF.index(index) for index in mirrored_indices()[list(STIFF)]]
    mean = _normalized(faces[0])
    for _ in range(5):
        fits = [(one, *rigid_fit(one, mean)) for one in faces]
        mean = np.mean([one @ linear.T + shift for one, linear, shift in fits], axis=0)
        mean = _normalized((mean + mean[mirror] * [-1, 1, 1]) / 2)
    return mean


def _normalized(points: np.ndarray) -> np.ndarray:
    """Origin between the outer eye corners, whose distance is the unit."""
    outer = [STIFF.index(LEFT_EYE_CORNERS[0]), STIFF.index(RIGHT_EYE_CORNERS[0])]
    return (points - points[outer].mean(0)) / np.linalg.norm(points[outer[1]] - points[outer[0]])


def five_point_constants(shown: list[Shown]) -> dict[str, float]:
    """Shares of the distance of the irises by which the mesh's points are off."""
    eyes, mouths, noses = [], [], []
    for one in shown:
        flat = one.mesh[:, :2]
        irises = flat[[LEFT_IRIS[0], RIGHT_IRIS[0]]]
        along = irises[1] - irises[0]
        basis = np.stack([along, [along[1], -along[0]]]) / (along @ along)
        exact = {name: one.exact[POINT_NAMES.index(name)] for name in POINT_NAMES}
        eyes.append(
            [basis @ (exact[f"{side}_iris"] - own) for side, own in zip(("left", "right"), irises, strict=True)]
        )
        corners = np.stack([flat[list(pair)].mean(0) for pair in MOUTH_CORNERS_OF_CONTOURS])
        wanted = [exact["mouth_left"], exact["mouth_right"]]
        mouths.append([basis @ (point - own) for point, own in zip(wanted, corners, strict=True)])
        if boxes := detect_at(one.image, SIZE_PX):
            noses.append(basis @ (locate_landmarks(one.image, boxes[0])[4] - flat[NOSE_BASE]))
    outward = np.array([[-1, 1], [1, 1]])
    eye, mouth = (np.median(np.array(each) * outward, axis=(0, 1)) for each in (eyes, mouths))
    names = ("_EYE_OUTWARD", "_EYE_UP", "_MOUTH_OUTWARD", "_MOUTH_UP", "_NOSE_UP")
    values = (*eye, *mouth, np.median(np.array(noses), axis=0)[1])
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def dlib_eye_constants(shown: list[Shown]) -> dict[str, float]:
    """Offset of the pupils from the midpoints of dlib's eye corners, as shares of the distance of these midpoints."""
    offsets = []
    for one in shown:
        for box in detect_at(one.image, SIZE_PX)[:1]:
            corners = locate_landmarks(one.image, box)
            middles = np.stack([corners[0:2].mean(0), corners[2:4].mean(0)])
            along = middles[1] - middles[0]
            basis = np.stack([along, [along[1], -along[0]]]) / (along @ along)
            irises = [one.exact[POINT_NAMES.index(f"{side}_iris")] for side in ("left", "right")]
            offsets.append([basis @ (iris - middle) for iris, middle in zip(irises, middles, strict=True)])
    outward, up = np.median(np.array(offsets) * [[-1, 1], [1, 1]], axis=(0, 1))
    return {"EYE_RISE": float(up), "EYE_OUTWARD": float(outward)}


def standard_square(shown: list[Shown]) -> np.ndarray:
    """Mean center and side (3,) of the mesh's square in an aligned crop, in its sides."""
    squares = []
    for one in shown:
        affine = align(five_points(one.mesh)[:NUM_ALIGNMENT_POINTS], CROP_PX)
        scale = float(np.sqrt(np.linalg.det(affine[:, :2])))
        x, y, side, _ = square_of_points(one.mesh)
        squares.append([*apply(affine, np.array([[x, y]]))[0], side * scale])
    return np.asarray(np.mean(squares, axis=0) / CROP_PX)


def mean_embedding(shown: list[Shown]) -> np.ndarray:
    """Mean of dlib's embeddings (128,)."""
    recognizer = DlibRecognizer(read_dlib_weights(package_file(RECOGNIZER_FILE)))
    crops = [warp(one.image, align(five_points(one.mesh)[:NUM_ALIGNMENT_POINTS], CROP_PX), CROP_PX) for one in shown]
    return np.asarray(recognizer.embed(np.stack(crops), 16).mean(0))


def main() -> None:
    """Print the constants."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    shown = show_people(int(sys.argv[1]) if len(sys.argv) > 1 else 120)
    print(f"{len(shown)} people")
    for name, value in five_point_constants(shown).items():
        print(f"{name} = {value:.4f}")
    for name, value in dlib_eye_constants(shown).items():
        print(f"{name} = {value:.4f}")
    print("STANDARD_SQUARE", np.round(standard_square(shown), 3).tolist())
    print("MEAN_SHAPE", np.round(mean_shape(shown), 3).tolist())
    print("DLIB_MEAN", np.round(mean_embedding(shown), 3).tolist())


if __name__ == "__main__":
    main()
