"""Which pixels of a face may be replaced: hair over the forehead, brows under a fringe, the face's edge."""

from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    NOSE_BASE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from swapcore.ops.color import to_lab
from swapcore.warp.view import VIEW_PX, FaceView, Field, blur, fill_polygon, grow, ramp

# Lengths are shares of the distance of the outer eye corners.
_EDGE: Final = 0.02
"""The mask falls to 0 this far inside the face's outline."""
_SOFTNESS: Final = 0.035
_BROW_RISE: Final = 0.03
_STRIP: Final = 0.14
"""Height of the strip above the brows in which a fringe is looked for."""
# How far, in Lab, skin may differ from the same face's cheeks before it counts as hair.
_LIGHTNESS_TOLERANCE: Final = (4.0, 0.28)
"""A constant, and a share of the skin's lightness."""
_BRIGHTER: Final = 1.6
"""Skin may be lighter than the cheeks by more than it may be darker."""
_CHROMA_TOLERANCE: Final = 10.0
_SURELY_SKIN, _SURELY_HAIR = 0.9, 1.5
_SEAM: Final = 0.02
_UPPER_OVAL: Final = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
"""Of the face's outline, from the left temple to the right one."""
_SIDES_INNER: Final = 0.8
"""The cheeks' edges, where hair hangs: outside the outline shrunk to this."""


def features(view: FaceView, grown: float) -> Field:
    """Brows, eyes and lips, grown by a length: (S, S), 0 to 1."""
    parts = [view.polygon(part) for part in (LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, OUTER_LIPS)]
    return grow(np.maximum.reduce(parts), grown * view.eye_px)


def skin_color(view: FaceView) -> npt.NDArray[np.float32]:
    """Median Lab (3,) between eyes and mouth."""
    return np.asarray(np.median(to_lab(view.image)[_cheeks(view)], axis=0), dtype=np.float32)


def _cheeks(view: FaceView) -> npt.NDArray[np.bool_]:
    rows = np.arange(VIEW_PX)[:, None]
    eyes = view.points[[468, 473], 1].mean()
    inner = grow(view.polygon(FACE_OVAL), -0.15 * view.eye_px) > 0.5
    between = (rows > eyes + 0.18 * view.eye_px) & (rows < view.points[NOSE_BASE, 1] + 0.05 * view.eye_px)
    area = inner & between & (features(view, 0.05) < 0.5)
    return np.asarray(area if area.any() else inner)


def hair(view: FaceView) -> Field:
    """How little each pixel resembles the same face's cheeks: (S, S), 0 on skin to 1 on hair."""
    lab, skin = to_lab(view.image), skin_color(view)
    tolerance = _LIGHTNESS_TOLERANCE[0] + _LIGHTNESS_TOLERANCE[1] * skin[0]
    lightness = (lab[..., 0] - skin[0]) / tolerance
    lightness = np.where(lightness > 0, lightness / _BRIGHTER, lightness)
    chroma = (lab[..., 1:] - skin[1:]) / _CHROMA_TOLERANCE
    distance = np.sqrt(lightness**2 + (chroma**2).sum(-1))
    return grow(ramp(distance, _SURELY_SKIN, _SURELY_HAIR), 0.008 * view.eye_px)


def hair_over_face(view: FaceView, coverage: Field) -> Field:
    """Hair on forehead, temples and the cheeks' edges, and brows that a fringe hides: (S, S), 0 to 1.

    Args:
        view: the face.
        coverage: what ``hair`` found. Elsewhere in the face, dark pixels are its features, its beard or shadows.
    """
    forehead = _forehead(view)
    covered = coverage * np.maximum(forehead, _sides(view))
    rows = np.arange(VIEW_PX)[:, None]
    for brow in (LEFT_BROW, RIGHT_BROW):
        top = view.points[list(brow[:5]), 1].mean()
        left, right = np.sort(view.points[[brow[0], brow[4]], 0])
        strip = np.zeros_like(coverage)
        strip[:, int(left) : int(right) + 1] = 1
        strip *= (rows > top - _STRIP * view.eye_px) & (rows < top - 0.02 * view.eye_px)
        share = float((coverage * strip).sum() / max(float(strip.sum()), 1.0))
        covered = np.maximum(covered, float(ramp(share, 0.35, 0.65)) * grow(view.polygon(brow), 0.08 * view.eye_px))
    return covered


def _forehead(view: FaceView) -> Field:
    """Above the brows, with the temples."""
    raised = view.points[:, :2] - [0, _BROW_RISE * view.eye_px]
    lower = raised[[300, 293, 334, 296, 336, 9, 107, 66, 105, 63, 70]]
    outline = view.points[list(_UPPER_OVAL), :2]
    center = view.points[168, :2]
    return fill_polygon(np.vstack([(outline - center) * 1.1 + center, lower]))


def _sides(view: FaceView) -> Field:
    """The edges of the cheeks, down to the mouth."""
    outline = view.points[list(FACE_OVAL), :2]
    center = outline.mean(0)
    outer = fill_polygon((outline - center) * 1.05 + center)
    inner = fill_polygon((outline - center) * _SIDES_INNER + center)
    below = view.points[[61, 291], 1].mean()
    rows = np.arange(VIEW_PX, dtype=np.float32)[:, None]
    return np.asarray(outer * (1 - inner) * ramp(rows, below, below - 0.2 * view.eye_px), dtype=np.float32)


def face_mask(view: FaceView) -> Field:
    """The face up to a little inside its outline: (S, S), 1 inside, falling smoothly to 0."""
    inner = grow(view.polygon(FACE_OVAL), -(_EDGE + 1.5 * _SOFTNESS) * view.eye_px)
    return blur(inner, _SOFTNESS * view.eye_px)


def mouth_opening(view: FaceView) -> float:
    """Between the lips' inner edges at the middle, as a share of the distance of the outer eye corners."""
    return float(np.linalg.norm(view.points[13, :2] - view.points[14, :2])) / view.eye_px


def mouth_interior(view: FaceView, *, closed: bool) -> Field:
    """Between the lips: (S, S), 0 to 1.

    Args:
        view: the face.
        closed: with the seam of closed lips and a little of the lips, for a source whose open mouth has no such seam.
    """
    interior = view.polygon(INNER_LIPS)
    return blur(grow(interior, _SEAM * view.eye_px) if closed else interior, (0.012 if closed else 0.008) * view.eye_px)
