"""The second look finds faces from every side, and none that is known already."""

import numpy as np
import pytest

from swapcore.faces import second_look
from swapcore.faces.detect import Box, detect_every_face
from swapcore.faces.second_look import overlooked_faces
from swapcore.ops.image import Image
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render

SIDE_PX = 208


def photograph(**attributes: float) -> Image:
    return render(draw_identity(np.random.default_rng(5)), NEUTRAL.but(**attributes), SIDE_PX).image


@pytest.mark.parametrize("attributes", [{"yaw_deg": 85.0}, {"roll_deg": 60.0}], ids=["profile", "tilted"])
def test_what_the_frontal_detector_overlooks_is_found(attributes):
    image = photograph(**attributes)
    assert detect_every_face(image) == []
    (box,) = overlooked_faces(image, [])
    assert 60 < box.width_px < 150
    assert np.hypot(box.left + box.right - SIDE_PX, box.top + box.bottom - SIDE_PX) / 2 < 50


def test_a_known_face_is_not_found_again_and_a_wall_shows_nobody():
    image = photograph()
    known = detect_every_face(image)
    assert len(known) == 1
    assert overlooked_faces(image, known) == []
    assert overlooked_faces(np.full((120, 160, 3), 90, np.uint8), []) == []


def test_boxes_are_pixels_of_the_photograph(monkeypatch):
    image = photograph(yaw_deg=85.0)
    large = np.repeat(np.repeat(image, 3, axis=0), 3, axis=1)
    monkeypatch.setattr(second_look, "LOOK_PX", SIDE_PX)
    (small,), (found,) = overlooked_faces(image, []), overlooked_faces(large, [])
    assert isinstance(found, Box)
    assert np.allclose(np.array(found[:4]) / 3, small[:4], atol=12)
