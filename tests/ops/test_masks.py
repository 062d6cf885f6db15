"""Masks and outlines of the face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.faces.align import template_points
from swapcore.ops.geometry import Points, apply
from swapcore.ops.masks import face_coordinates, face_frame, face_mask, nose_offset, outline_points, outline_radius


def turned(points: Points, share: float) -> Points:
    """Landmarks of a head turned to the image's right; the nose moves by a share of the eye distance."""
    moved = points.copy()
    moved[2, 0] += share * (points[1, 0] - points[0, 0])
    return moved


def test_mask_is_soft_and_covers_the_face() -> None:
    points = template_points(128)
    mask = face_mask(points, 128, softness=0.25)
    assert mask.shape == (128, 128)
    assert mask.dtype == np.float32
    assert (mask.min(), mask.max()) == (0, 1)
    assert all(mask[round(y), round(x)] > 0.9 for x, y in points[:3])
    assert mask[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert 0.15 < (mask > 0.5).mean() < 0.35


def test_hard_mask_is_the_support_of_every_soft_one() -> None:
    points = template_points(96)
    hard = face_mask(points, 96, softness=0)
    assert set(np.unique(hard)) == {0.0, 1.0}
    assert np.array_equal(face_mask(points, 96, softness=0.3) > 0, hard > 0)
    assert (face_mask(points, 96, softness=0.6) <= face_mask(points, 96, softness=0.3)).all()


def test_growing_the_outline_scales_its_radius() -> None:
    points = template_points(96)
    radius = outline_radius(points, 96)
    assert np.array_equal(face_mask(points, 96, softness=0, grow=1.35) > 0, radius / 1.35 < 1)
    assert face_mask(points, 96, softness=0, grow=1.35).sum() > 1.5 * face_mask(points, 96, softness=0).sum()


def test_outline_points_have_radius_one() -> None:
    points = turned(template_points(256), 0.1)
    radius = outline_radius(points, 256)
    for x, y in outline_points(points, 12, 1.0):
        assert radius[round(y), round(x)] == pytest.approx(1, abs=0.02)


def test_outline_starts_at_the_right_cheek_and_goes_down() -> None:
    right, below, left, above = outline_points(template_points(512), 4, 1.0)
    middle = template_points(512)[:2].mean(0)
    assert right[0] > middle[0] > left[0]
    assert above[1] < middle[1] < below[1]
    # By hand: eyes 125.9 px apart, half width 0.98 of it at the widest place.
    assert (right[0] - left[0]) / 2 == pytest.approx(0.98 * 125.92, rel=0.01)


def test_far_cheek_is_narrower_when_the_head_turns() -> None:
    points = turned(template_points(128), 0.2)
    assert nose_offset(points) == pytest.approx(0.2, abs=0.01)
    middle = points[:2].mean(0)[0]
    right, _, left, _ = outline_points(points, 4, 1.0)
    assert right[0] - middle < 0.85 * (middle - left[0])


def test_the_eyes_are_half_a_unit_from_the_origin_of_face_coordinates() -> None:
    points = template_points(512)
    frame = face_frame(points)
    assert apply(frame, np.array([[-0.5, 0.0], [0.5, 0.0]])) == pytest.approx(points[:2], abs=0.5)
    coordinates = face_coordinates(points, 512)
    assert coordinates[240, 193] == pytest.approx([-0.5, 0], abs=0.01)


@settings(deadline=None)
@given(
    st.floats(-8, 8),
    st.floats(-8, 8),
    st.floats(0.8, 1.1),
    st.floats(-0.4, 0.4),
)
def test_mask_is_equivariant_to_similarity_transforms(dx: float, dy: float, scale: float, angle: float) -> None:
    points = template_points(128)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    center = np.array([63.5, 63.5])
    linear = np.array([[cosine, -sine], [sine, cosine]])
    motion = np.hstack([linear, (center - linear @ center + (dx, dy))[:, None]])
    moved = apply(motion, points)
    assert nose_offset(moved) == pytest.approx(nose_offset(points), abs=1e-9)
    there = apply(motion, outline_points(points, 8, 1.0))
    assert outline_points(moved, 8, 1.0) == pytest.approx(there, abs=1e-6)
