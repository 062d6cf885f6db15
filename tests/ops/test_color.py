"""CIE Lab and skin color."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from swapcore.faces.align import template_points
from swapcore.ops.color import from_lab, skin_color, to_lab


def test_known_colors() -> None:
    image = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    # White, black and the red of sRGB in CIE Lab under D65.
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    assert to_lab(image)[0] == pytest.approx(np.array(expected), abs=0.1)


@settings(deadline=None)
@given(arrays(np.uint8, (4, 4, 3)))
def test_lab_round_trip_is_lossless(image: np.ndarray) -> None:
    assert np.abs(from_lab(to_lab(image)).astype(int) - image).max() <= 1


def test_colors_outside_srgb_are_clipped() -> None:
    lab = np.array([[[150, 0, 0], [-20, 0, 0]]], np.float32)
    assert from_lab(lab)[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_skin_color_is_measured_between_eyes_and_mouth() -> None:
    lab = np.zeros((128, 128, 3), np.float32)
    points = template_points(128)
    top, bottom = int(points[0, 1]) + 6, int(points[3, 1]) - 5
    lab[top:bottom] = (60, 12, 18)
    assert skin_color(lab, points) == pytest.approx([60, 12, 18])
