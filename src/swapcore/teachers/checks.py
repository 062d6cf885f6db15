"""Is a fake fit for a sample group: changed inside the face, unchanged around it, identity moved the right way."""

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
"""Face features, (D,)."""

_OUTSIDE_RADIUS = 1.7
"""From here on, in radii of the inner face, nothing may change; between, a teacher may shape chin, jaw and beard."""


@dataclass(frozen=True)
class Verdict:
    """What was measured on a fake, and what follows."""

    changed_inside: float
    """Mean |fake - template| in the inner face, gray levels."""
    changed_outside: float
    """The same well outside the face."""
    identity_gain: float
    """cos(fake, reference) - cos(template, reference), centered."""
    reason: Reason
    """Empty for a good fake, else the first check that it failed."""


def changed(fake: Image, template: Image, points: Points) -> tuple[float, float]:
    """Mean absolute difference of two (S, S, 3) pictures inside and outside the face, gray levels."""
    difference = np.abs(fake.astype(np.int16) - template).mean(-1)
    radius = outline_radius(points, template.shape[0])
    outside = difference[radius > _OUTSIDE_RADIUS]
    return float(difference[radius <= 1].mean()), float(outside.mean()) if outside.size else 0.0


def centered_cosine(first: Embedding, second: Embedding, mean: Embedding) -> float:
    """Cosine of two raw embeddings (D,) after subtracting the mean embedding (D,) of the training people."""
    a, b = first.astype(np.float64) - mean, second.astype(np.float64) - mean
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def judge(difference: tuple[float, float], identity_gain: float, limits: FakeChecks) -> Verdict:
    """Hold a fake's figures against the limits.

    Args:
        difference: as ``changed`` gives it.
        identity_gain: how much nearer the reference person the fake is than its template, a difference of cosines.
        limits: the params.
    """
    inside, outside = difference
    reason: Reason = ""
    if inside < limits.min_changed_inside:
        reason = "unchanged"
    elif outside > limits.max_changed_outside:
        reason = "background-changed"
    elif identity_gain < limits.min_identity_gain:
        reason = "wrong-identity"
    return Verdict(inside, outside, identity_gain, reason)
