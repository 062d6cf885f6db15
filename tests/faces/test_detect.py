"""Detection in images of any size, and selection of one face."""

import cv2
import numpy as np
import pytest
from drawn_photographs import draw_face
from faces.conftest import without_mesh

from swapcore.faces.detect import (
    Box,
    choose_face,
    detect_every_face,
    detect_faces,
    detect_missed_faces,
    detect_video_face,
)


@pytest.fixture(params=["mesh", "dlib"], autouse=True)
def detector(request, monkeypatch):
    """Every test runs with the face mesh and without."""
    if request.param == "dlib":
        without_mesh(monkeypatch)
    return request.param


def middle(box: Box) -> np.ndarray:
    return np.array([box.left + box.right, box.top + box.bottom]) / 2


def test_box_is_at_the_drawn_face():
    image, points = draw_face(1)
    (box,) = detect_faces(image, "largest")
    assert np.linalg.norm(middle(box) - points.mean(0)) < 0.3 * box.width_px
    assert box.score > 0


@pytest.mark.parametrize("factor", [0.35, 1.0, 8.0])
def test_the_box_scales_with_the_photograph(factor):
    image, points = draw_face(2)
    side = round(400 * factor)
    scaled = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    (box,) = detect_faces(scaled, "largest")
    assert np.linalg.norm(middle(box) - factor * points.mean(0)) < 0.3 * box.width_px
    assert 1.5 < box.width_px / (70 * factor) < 4


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (500, 3, 3), (300, 300, 3), (40, 2000, 3)])
def test_images_without_a_face_give_no_box(shape):
    assert detect_faces(np.full(shape, 128, np.uint8), "largest") == []


def test_two_faces_are_detected():
    canvas = np.full((400, 800, 3), 205, np.uint8)
    image, _ = draw_face(3, into=canvas, center=(0.25, 0.4), eye_distance_px=70)
    image, _ = draw_face(4, into=image, center=(0.75, 0.4), eye_distance_px=50)
    boxes = sorted(detect_faces(image, "central"))
    assert len(boxes) == 2
    assert boxes[0].width_px > boxes[1].width_px


LARGE, CENTRAL = Box(0, 0, 100, 100, 1.0), Box(280, 180, 320, 220, 2.0)


@pytest.mark.parametrize(("policy", "chosen"), [("largest", LARGE), ("central", CENTRAL), ("reject", None)])
def test_policy_selects_the_face(policy, chosen):
    assert choose_face([CENTRAL, LARGE], policy, 600, 400) == chosen


def test_a_single_face_is_never_rejected():
    assert choose_face([LARGE], "reject", 600, 400) == LARGE


def test_the_face_of_a_video_frame_is_found_and_followed():
    image, _ = draw_face(3)
    found = detect_video_face(image)
    assert found is not None
    moved = np.roll(image, 12, axis=1)
    followed = detect_video_face(moved, found)
    assert followed is not None
    assert np.linalg.norm(middle(followed) - middle(found) - [12, 0]) < 6


def test_every_face_and_nothing_more():
    image, _ = draw_face(1)
    known = detect_every_face(image)
    assert len(known) == 1
    assert detect_missed_faces(image, known) == []
