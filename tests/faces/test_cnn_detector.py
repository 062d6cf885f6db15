"""The CNN detector finds faces that the frontal detector misses."""

import numpy as np
import pytest

from swapcore.faces import cnn_detector
from swapcore.faces.cnn_detector import find_missed_faces
from swapcore.faces.detect import Box, detect_every_face
from swapcore.ops.image import Image
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render

pytestmark = pytest.mark.usefixtures("dlib_only")
SIDE_PX = 208


def photograph(**attributes: float) -> Image:
    return render(draw_identity(np.random.default_rng(5)), NEUTRAL.but(**attributes), SIDE_PX).image


@pytest.mark.parametrize("attributes", [{"yaw_deg": 85.0}, {"roll_deg": 60.0}], ids=["profile", "tilted"])
def test_faces_missed_by_the_frontal_detector_are_found(attributes):
    image = photograph(**attributes)
    assert detect_every_face(image) == []
    (box,) = find_missed_faces(image, [])
    assert 60 < box.width_px < 150
    assert np.hypot(box.left + box.right - SIDE_PX, box.top + box.bottom - SIDE_PX) / 2 < 50


def test_known_faces_and_flat_images_give_nothing():
    image = photograph()
    known = detect_every_face(image)
    assert len(known) == 1
    assert find_missed_faces(image, known) == []
    assert find_missed_faces(np.full((120, 160, 3), 90, np.uint8), []) == []


def test_boxes_are_in_image_pixels(monkeypatch):
    image = photograph(yaw_deg=85.0)
    large = np.repeat(np.repeat(image, 3, axis=0), 3, axis=1)
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", SIDE_PX)
    (small,), (found,) = find_missed_faces(image, []), find_missed_faces(large, [])
    assert isinstance(found, Box)
    assert np.allclose(np.array(found[:4]) / 3, small[:4], atol=12)
