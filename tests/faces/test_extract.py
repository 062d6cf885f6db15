"""Extraction of aligned faces, and the inverse mapping."""

from pathlib import Path

import numpy as np
import pytest
from drawn_photographs import draw_face

from swapcore.errors import FaceError
from swapcore.faces.align import template_points
from swapcore.faces.extract import extract_face
from swapcore.ops.geometry import apply, invert, warp

PATH = Path("somewhere/photo.jpg")


@pytest.mark.parametrize("size_px", [64, 256, 512])
def test_points_are_near_the_template_at_any_size(size_px):
    image, _ = draw_face(0)
    face = extract_face(image, size_px, "largest", PATH)
    assert face.crop.shape == (size_px, size_px, 3)
    assert face.points.shape == (5, 2)
    assert np.abs(face.points[:3] - template_points(size_px)[:3]).max() < 0.03 * size_px


def test_affine_round_trip():
    image, _ = draw_face(1, roll_deg=12)
    face = extract_face(image, 256, "largest", PATH)
    back = apply(invert(face.affine), apply(face.affine, face.landmarks))
    np.testing.assert_allclose(back, face.landmarks, atol=1e-9)
    again = warp(face.crop, invert(face.affine), 400)[150:250, 150:250].astype(float)
    assert np.abs(again - image[150:250, 150:250]).mean() < 8


def test_tilted_face_is_made_upright():
    image, _ = draw_face(2, roll_deg=15)
    face = extract_face(image, 256, "largest", PATH)
    assert abs(face.points[1, 1] - face.points[0, 1]) < 5


def test_upscaled_image_gives_the_same_crop():
    small, _ = draw_face(3)
    large = np.repeat(np.repeat(small, 4, 0), 4, 1)
    crops = [extract_face(image, 128, "largest", PATH).crop.astype(float) for image in (small, large)]
    assert np.abs(crops[0] - crops[1]).mean() < 6


def test_no_face_and_several_faces_raise():
    with pytest.raises(FaceError, match="no face") as error:
        extract_face(np.full((300, 300, 3), 90, np.uint8), 256, "largest", PATH)
    assert error.value.reason == "no-face"
    image, _ = draw_face(3, into=np.full((400, 800, 3), 205, np.uint8), center=(0.25, 0.4))
    image, _ = draw_face(4, into=image, center=(0.75, 0.4))
    with pytest.raises(FaceError, match="2 faces") as error:
        extract_face(image, 256, "reject", PATH)
    assert error.value.reason == "several-faces"
