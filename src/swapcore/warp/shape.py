"""The source's facial proportions in the template's pose and expression."""

from typing import Final

import numpy as np

from swapcore.faces.mesh.topology import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)
from swapcore.warp.view import Floats, ramp

# fmt: off
STIFF: Final = (
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 151, 9, 8, 109, 338, 67, 297, 127, 356, 234, 454, 93, 323,
)
"""Landmarks that move little with the expression."""
# fmt: on
_FADE: Final = (0.04, 0.38)
"""Distance from the face's outline, in distances of the outer eye corners: there the template's shape, from here on the source's."""
_GROUPS: Final = ((*LEFT_EYE, *LEFT_IRIS), (*RIGHT_EYE, *RIGHT_IRIS), (*OUTER_LIPS, *INNER_LIPS))
"""Moved as a whole, so that lids, gaze and lips keep the template's expression."""
_AROUND: Final = 0.10
"""Landmarks this near a group move with it."""
_BROWS: Final = (*LEFT_BROW, *RIGHT_BROW)
_BROW_SHARE: Final = 0.5
"""Brows move with the expression, too."""


def rigid_fit(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """The similarity in three dimensions that brings points (N, 3) nearest to others, as (3, 3) and (3,); see ops.geometry."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    first, second = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(second.T @ first)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    linear = u @ np.diag(sign) @ vt * (singular * sign).sum() / (first**2).sum()
    return linear, target_mean - linear @ source_mean


def reshape_template(template: Floats, source: Floats, share: float) -> Floats:
    """Landmarks (478, 3) with the source's proportions in the template's pose, expression and outline.

    Args:
        template: (478, 3).
        source: (478, 3), in any pose.
        share: of the source's proportions, 0 to 1.
    """
    stiff = list(STIFF)
    linear, shift = rigid_fit(source[stiff], template[stiff])
    change = (source @ linear.T + shift - template)[:, :2]
    eye = float(np.linalg.norm(template[LEFT_EYE_CORNERS[0]] - template[RIGHT_EYE_CORNERS[0]]))
    outline = template[list(FACE_OVAL), :2]
    distance = np.linalg.norm(template[:, None, :2] - outline[None], axis=2).min(1) / eye
    weight = ramp(distance, *_FADE).astype(np.float64)
    weight[list(_BROWS)] *= _BROW_SHARE
    moved = change * weight[:, None]
    left, right = (list(group) for group in _GROUPS[:2])
    along = template[right, :2].mean(0) - template[left, :2].mean(0)
    # Expression is measured in distances of the eyes: where these grow, lids and lips grow with them.
    scale = 1 + float((moved[right].mean(0) - moved[left].mean(0)) @ along) / float(along @ along)
    for group in _GROUPS:
        indices = list(group)
        middle = template[indices, :2].mean(0)
        whole = moved[indices].mean(0) + (scale - 1) * (template[:, :2] - middle)
        near = np.linalg.norm(template[:, None, :2] - template[None, indices, :2], axis=2).min(1) / eye
        stays = ramp(near, _AROUND, 0.0).astype(np.float64)
        moved += stays[:, None] * (whole - moved)
    return np.column_stack([template[:, :2] + share * moved, template[:, 2]])
