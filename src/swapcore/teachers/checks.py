"""Checks of a fake: changed inside the face, unchanged outside, identity gained."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from swapcore.config import FakeChecks
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.ops.masks import outline_radius

Reason = Literal["", "unchanged", "background-changed", "wrong-identity"]
REASONS: tuple[Reason, ...] = ("unchanged", "background-changed", "wrong-identity")
Embedding = npt.NDArray[np.float32]
"""(D,)."""

_OUTSIDE_RADIUS = 1.7
"""Radius, in units of the inner face's, of the background. Between 1 and this a teacher may change chin, jaw and beard."""


@dataclass(frozen=True)
class CheckResult:
    """Measurements of a fake, and the reason of its rejection."""

    changed_inside: float
    """Mean |fake - template| inside the face, gray levels."""
    changed_outside: float
    """The same in the background."""
    identity_gain: float
    """cos(fake, reference) - cos(template, reference), centered."""
    reason: Reason
    """Empty for an accepted fake, else the first check that failed."""


def changed(fake: Image, template: Image, points: Points) -> tuple[float, float]:
    """Compute the mean absolute difference of a fake and its template inside and outside the face.

    Args:
        fake: uint8 (S, S, 3).
        template: the same.
        points: (5, 2), landmarks of the template, in pixels.

    Returns:
        Inside and outside, gray levels.
    """
    difference = np.abs(fake.astype(np.int16) - template).mean(-1)
    radius = outline_radius(points, template.shape[0])
    outside = difference[radius > _OUTSIDE_RADIUS]
    return float(difference[radius <= 1].mean()), float(outside.mean()) if outside.size else 0.0


def centered_cosine(first: Embedding, second: Embedding, mean: Embedding) -> float:
    """Compute the cosine of two raw embeddings (D,) after subtracting the mean embedding (D,) of the training people."""
    a, b = first.astype(np.float64) - mean, second.astype(np.float64) - mean
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def check_fake(difference: tuple[float, float], identity_gain: float, limits: FakeChecks) -> CheckResult:
    """Compare the measurements of a fake with the limits.

    Args:
        difference: inside and outside, of ``changed``.
        identity_gain: cos(fake, reference) - cos(template, reference), centered.
        limits: groups.checks.
    """
    inside, outside = difference
    reason: Reason = ""
    if inside < limits.min_changed_inside:
        reason = "unchanged"
    elif outside > limits.max_changed_outside:
        reason = "background-changed"
    elif identity_gain < limits.min_identity_gain:
        reason = "wrong-identity"
    return CheckResult(inside, outside, identity_gain, reason)
