"""Geometry of aligned crops: template, similarity, inverse, recognizer chip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.faces.align import CHIP_PX, align, recognizer_chip, template_points
from swapcore.ops.geometry import apply, invert


def test_template_at_512_is_the_documented_one():
    points = template_points(512)
    np.testing.assert_allclose(points[0], (192.98, 239.95))
    np.testing.assert_allclose(points[4], (313.09, 371.15))
    assert points.shape == (5, 2)


def test_template_scales_with_pixel_edges():
    np.testing.assert_allclose(template_points(256), (template_points(512) + 0.5) / 2 - 0.5)


@given(
    scale=st.floats(0.1, 10), angle=st.floats(-3.1, 3.1), x=st.floats(-500, 2000), y=st.floats(-500, 2000),
    size_px=st.sampled_from([64, 128, 256, 512, 1024]),
)  # fmt: skip
def test_align_inverts_any_similarity_of_the_template(scale, angle, x, y, size_px):
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    photo = template_points(size_px)[:3] @ rotation.T + (x, y)
    affine = align(photo, size_px)
    np.testing.assert_allclose(apply(affine, photo), template_points(size_px)[:3], atol=1e-6)
    np.testing.assert_allclose(apply(invert(affine), template_points(size_px)[:3]), photo, atol=1e-5)


def test_coincident_points_raise():
    with pytest.raises(ValueError, match="coincide"):
        align(np.zeros((3, 2)), 256)


@pytest.mark.parametrize(
    ("size_px", "scale", "shift"), [(512, 0.4394, (-39.43, -61.71)), (256, 0.8788, (-39.21, -61.49))]
)
def test_chip_has_known_values(size_px, scale, shift):
    chip = recognizer_chip(size_px)
    np.testing.assert_allclose(chip[:, :2], scale * np.eye(2), atol=1e-12)
    np.testing.assert_allclose(chip[:, 2], shift, atol=0.005)


def test_chip_framing_does_not_depend_on_size():
    corners = [apply(recognizer_chip(size), template_points(size)) for size in (64, 256, 1024)]
    np.testing.assert_allclose(corners[0], corners[1], atol=1e-9)
    np.testing.assert_allclose(corners[2], corners[1], atol=1e-9)
    assert ((corners[0] > 0) & (corners[0] < CHIP_PX)).all()
