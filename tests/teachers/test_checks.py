"""What makes a fake fit for a group."""

import numpy as np
import pytest
from drawn_faces import face

from swapcore.config import FakeChecks
from swapcore.ops.masks import outline_radius
from swapcore.teachers.checks import REASONS, centered_cosine, changed, check_fake

LIMITS = FakeChecks(min_changed_inside=3.0, max_changed_outside=1.0, min_identity_gain=0.1)


@pytest.mark.parametrize(
    ("difference", "gain", "reason"),
    [
        ((3.0, 1.0), 0.1, ""),
        ((2.9, 0.0), 0.9, "unchanged"),
        ((9.0, 1.1), 0.9, "background-changed"),
        ((9.0, 0.0), 0.09, "wrong-identity"),
        ((9.0, 0.0), -0.5, "wrong-identity"),
        ((0.0, 9.0), -0.5, "unchanged"),
    ],
)
def test_first_failed_check_is_the_reason(difference: tuple[float, float], gain: float, reason: str) -> None:
    result = check_fake(difference, gain, LIMITS)
    assert result.reason == reason
    assert (result.changed_inside, result.changed_outside, result.identity_gain) == (*difference, gain)
    assert not reason or reason in REASONS


def test_changes_are_distinguished_by_place() -> None:
    template = face(1)
    radius = outline_radius(template.points, 96)
    inside, outside = template.image.copy(), template.image.copy()
    inside[radius <= 1] ^= 8
    outside[radius > 1.7] ^= 4
    assert changed(inside, template.image, template.points) == (8, 0)
    assert changed(outside, template.image, template.points) == (0, 4)
    assert changed(template.image, template.image, template.points) == (0, 0)


def test_a_face_that_fills_the_crop_has_no_outside() -> None:
    template = face(1)
    points = (template.points - 48) * 4 + 48
    assert changed(template.image ^ 8, template.image, points) == (8, 0)


def test_cosine_is_taken_after_centering() -> None:
    mean = np.array([10.0, 10.0], np.float32)
    one, other = mean + np.array([1, 0], np.float32), mean + np.array([0, 2], np.float32)
    assert centered_cosine(one, other, mean) == pytest.approx(0)
    assert centered_cosine(one, mean + 3 * (one - mean), mean) == pytest.approx(1)
    assert centered_cosine(one, mean - (one - mean), mean) == pytest.approx(-1)
    assert centered_cosine(mean, one, mean) == 0
