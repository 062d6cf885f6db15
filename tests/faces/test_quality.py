"""Quality measures and limits, on good and degraded images."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_photographs import draw_face

from swapcore.config import read_params
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.faces.quality import Quality, find_defect, measure_quality
from swapcore.ops.geometry import similarity_transform

ROOT = Path(__file__).parents[2]
LIMITS = read_params(ROOT / "params.yaml").crop.quality
GOOD = Quality(80, 0.5, 0.5, 0.0, 0.0, 0.0)


def face_of(image):
    return extract_face(image, 256, "largest", Path("p"))


def reason(image):
    defect = find_defect(measure_quality(face_of(image)), LIMITS)
    return defect[0] if defect else None


def test_drawn_faces_pass():
    for person in range(5):
        assert reason(draw_face(person)[0]) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"eye_distance_px": 5}, "too-small"),
        ({"brightness": 0.01}, "too-dark"),
        ({"brightness": 0.99}, "too-bright"),
        ({"clipped": 0.9}, "clipped"),
        ({"sharpness": 0.001}, "blurred"),
        ({"yaw_deg": -80}, "turned"),
        ({"roll_deg": 170}, "tilted"),
        ({}, None),
    ],
)
def test_each_limit_has_a_reason(change, expected):
    defect = find_defect(replace(GOOD, **change), LIMITS)
    assert (defect[0] if defect else None) == expected
    if defect:
        assert f"{next(iter(change))}" in defect[1]


def test_size_and_roll_have_known_values():
    image, _ = draw_face(1, eye_distance_px=80, roll_deg=15)
    quality = measure_quality(face_of(image))
    assert quality.eye_distance_px == pytest.approx(80, rel=0.08)
    assert quality.roll_deg == pytest.approx(15, abs=3)


@pytest.mark.parametrize("yaw_deg", [-40, -10, 0, 25])
def test_yaw_of_a_turned_head(yaw_deg):
    """Three 3D points, eyes 1 apart and the nose base 0.4 before them, rotated and projected orthographically."""
    yaw = np.deg2rad(yaw_deg)
    across = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.7, 0.4]])
    seen = np.stack([across[:, 0] * np.cos(yaw) + across[:, 2] * np.sin(yaw), across[:, 1]], 1) * 80 + 200
    affine = similarity_transform(seen[:2], np.array([[96.0, 120], [159, 120]]))
    crop_points = np.vstack([seen @ affine[:, :2].T + affine[:, 2], [[0, 0], [0, 0]]])
    face = AlignedFace(np.full((256, 256, 3), 90, np.uint8), affine, None, np.zeros((5, 2)), crop_points)  # type: ignore[arg-type]
    assert measure_quality(face).yaw_deg == pytest.approx(yaw_deg, abs=1e-6)


def test_exposure_has_known_values():
    image, _ = draw_face(0)
    face = face_of(image)
    for level, brightness, clipped in ((0, 0.0, 1.0), (51, 0.2, 0.0), (255, 1.0, 1.0)):
        flat = measure_quality(replace(face, crop=np.full_like(face.crop, level)))
        assert flat.brightness == pytest.approx(brightness)
        assert flat.clipped == clipped
        assert flat.sharpness == 0


def test_sharpness_depends_on_blur_and_not_on_size_or_contrast():
    image, _ = draw_face(2)
    sharp = measure_quality(face_of(image)).sharpness
    values = [measure_quality(face_of(cv2.GaussianBlur(image, (0, 0), sigma))).sharpness for sigma in (1.5, 3, 5)]
    assert sharp > values[0] > values[1] > values[2]
    paler = (image * 0.6 + 60).astype(np.uint8)
    assert measure_quality(face_of(paler)).sharpness == pytest.approx(sharp, rel=0.2)
    large = extract_face(image, 512, "largest", Path("p"))
    assert measure_quality(large).sharpness == pytest.approx(sharp, rel=0.25)


@pytest.mark.faces
def test_every_london_photograph_passes(london):
    defects = {one.file: find_defect(measure_quality(one.face), LIMITS) for one in london}
    assert len(defects) == 164
    assert {file: defect for file, defect in defects.items() if defect} == {}


def squeeze(image):
    return cv2.resize(image, (100, 100), interpolation=cv2.INTER_AREA)


@pytest.mark.faces
@pytest.mark.parametrize(
    ("degrade", "reasons"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 5), {"blurred"}),
        (lambda image: (image * 0.1).astype(np.uint8), {"too-dark"}),
        (lambda image: np.clip(image * 3.0 + 120, 0, 255).astype(np.uint8), {"too-bright", "clipped"}),
        (squeeze, {"too-small"}),
    ],
    ids=["blurred", "dark", "bright", "tiny"],
)
def test_degraded_london_photographs_are_rejected(london, degrade, reasons):
    """Some degraded faces are not even detected."""
    from swapcore.errors import FaceError

    seen = []
    for one in london[::9]:
        try:
            seen.append(reason(degrade(one.image)))
        except FaceError as error:
            seen.append(error.reason)
    assert set(seen) <= reasons | {"no-face"}
    assert set(seen) & reasons
