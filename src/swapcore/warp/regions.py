"""Which pixels of a face may be replaced: hair over the face, brows under a fringe, the face's edge."""

from typing import Final

import cv2
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
from swapcore.warp.skin import SkinModel, features
from swapcore.warp.view import VIEW_PX, FaceView, Field, blur, fill_polygon, grow, ramp

# Lengths are shares of the distance of the outer eye corners.
_EDGE: Final = 0.005
"""The mask falls to 0 this far inside the face's outline."""
_SOFTNESS: Final = 0.025
_BEARD_REACH: Final = 0.05
"""The mask reaches this far beyond the jaw where one face has a beard there and the other none."""
_STRIP: Final = 0.14
"""Height of the strip above the brows in which a fringe is looked for."""
_WEAK, _STRONG = 1.15, 1.9
"""Deviation from skin: pixels above the first count as hair if they are connected to one above the second."""
_AROUND_EYES: Final = 0.12
"""Wrinkles and shadows this near to an eye can connect it to the outside."""
_CLOSED, _OPENED = (0.02, 0.01), (0.01, 0.04)
"""Mouth opening of the new face and of the source."""
_NEAR_MOUTH: Final = 0.14
"""So far from the lips a smile that is warped to a closed mouth leaves its shadows."""
_SEAM: Final = 0.02
_UPPER_OVAL: Final = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
"""Of the face's outline, from the left temple to the right one."""
_UPPER_LIP: Final = (98, 2, 327, 426, 410, 267, 0, 37, 186, 206)
_CHIN: Final = (43, 106, 18, 335, 273, 364, 379, 400, 152, 176, 150, 135)
_BEARD: Final = (0.10, 0.28)
"""Difference of darkness (logarithm) around the mouth, from which on it is a beard."""


def hair_over_face(view: FaceView, deviation: Field) -> Field:
    """Hair on forehead, temples and cheeks, and brows that a fringe hides: (S, S), 0 to 1.

    Args:
        view: the face.
        deviation: of ``shading.deviation_from_skin``.
    """
    from_outside = _connected(view, deviation)
    covered = ramp(blur(from_outside.astype(np.float32), 0.01 * view.eye_px), 0.1, 0.6) * above_mouth(view)
    rows = np.arange(VIEW_PX)[:, None]
    for brow in (LEFT_BROW, RIGHT_BROW):
        top = view.points[list(brow[:5]), 1].mean()
        left, right = np.sort(view.points[[brow[0], brow[4]], 0])
        strip = np.zeros_like(deviation)
        strip[:, max(int(left), 0) : int(right) + 1] = 1
        strip *= (rows > top - _STRIP * view.eye_px) & (rows < top - 0.02 * view.eye_px)
        share = float((from_outside * strip).sum() / max(float(strip.sum()), 1.0))
        covered = np.maximum(covered, float(ramp(share, 0.35, 0.65)) * grow(view.polygon(brow), 0.08 * view.eye_px))
    return np.asarray(covered, dtype=np.float32)


def above_fringe(view: FaceView, covered: Field) -> Field:
    """Whatever is above the lowest hair of each column of the forehead: (S, S), 0 to 1.

    Between the strands of a fringe there is no skin that another forehead could show.

    Args:
        view: the face.
        covered: of ``hair_over_face``.
    """
    area = forehead(view) > 0.5
    hair = (covered > 0.4) & area
    below = np.maximum.accumulate(hair[::-1], axis=0)[::-1]
    brows = grow(np.maximum(view.polygon(LEFT_BROW), view.polygon(RIGHT_BROW)), 0.02 * view.eye_px)
    covered = grow((below & area).astype(np.float32), 0.06 * view.eye_px) * (1 - brows)
    return blur(np.asarray(covered, dtype=np.float32), 0.015 * view.eye_px)


def _connected(view: FaceView, deviation: Field) -> npt.NDArray[np.bool_]:
    """What deviates from skin in the face and is connected to what does outside of it: (S, S).

    Brows, eyes, nostrils, moles and wrinkles are not connected to the outside. The features themselves are left out, and the lids
    up to the brows.
    """
    oval = view.polygon(FACE_OVAL)
    eyes = grow(np.maximum(view.polygon(LEFT_EYE), view.polygon(RIGHT_EYE)), _AROUND_EYES * view.eye_px)
    allowed = (features(view, 0.06) < 0.5) & (np.maximum.reduce([nose(view), eyes, _lids(view)]) < 0.5)
    weak = ((deviation > _WEAK) & allowed) | (grow(oval, 0.02 * view.eye_px) < 0.5)
    seeds = (deviation > _STRONG) & allowed
    # A strand is crossed by one pixel of noise at most.
    closed = cv2.morphologyEx(weak.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(closed, connectivity=8)
    outside = np.unique(labels[(oval < 0.5) & (closed > 0)])
    inside = np.isin(labels, outside[outside > 0]) & (oval > 0.5) & allowed
    # Shading at the face's edge is weak throughout; hair has a dark or colored core within reach.
    near_core = cv2.dilate((seeds & inside).astype(np.uint8), _disk(0.05 * view.eye_px)) > 0
    return np.asarray(inside & near_core)


def _lids(view: FaceView) -> Field:
    """From each brow down to its eye, where lids lie in the brow's shadow: (S, S), 0 to 1."""
    parts = [
        fill_polygon(np.vstack([view.points[list(brow[:5]), :2], view.points[list(eye[8::-1]), :2]]))
        for brow, eye in ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE))
    ]
    return np.maximum(*parts)


def _disk(radius_px: float) -> npt.NDArray[np.uint8]:
    size = 2 * round(radius_px) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def nose(view: FaceView) -> Field:
    """The nose with its shadows."""
    return grow(fill_polygon(view.points[[168, 129, 98, 2, 327, 358], :2]), 0.05 * view.eye_px)


def above_mouth(view: FaceView) -> Field:
    """1 above the nose base, 0 below it, where what is not skin can be a beard."""
    rows = np.arange(VIEW_PX, dtype=np.float32)[:, None] + np.zeros((1, VIEW_PX), np.float32)
    return ramp(rows, view.points[NOSE_BASE, 1] + 0.08 * view.eye_px, view.points[NOSE_BASE, 1] - 0.1 * view.eye_px)


def forehead(view: FaceView) -> Field:
    """Above the brows, with the temples."""
    raised = view.points[:, :2] - [0, 0.02 * view.eye_px]
    lower = raised[[300, 293, 334, 296, 336, 9, 107, 66, 105, 63, 70]]
    outline = view.points[list(_UPPER_OVAL), :2]
    center = view.points[168, :2]
    return fill_polygon(np.vstack([(outline - center) * 1.1 + center, lower]))


def face_mask(view: FaceView, beard: float = 0.0) -> Field:
    """The face up to a little inside its outline: (S, S), 1 inside, falling smoothly to 0.

    Args:
        view: the face.
        beard: 0 to 1; 1 extends the mask beyond the jaw, so that a beard neither ends nor begins there.
    """
    oval = view.polygon(FACE_OVAL)
    mask = blur(grow(oval, -(_EDGE + 1.5 * _SOFTNESS) * view.eye_px), _SOFTNESS * view.eye_px)
    if beard == 0:
        return mask
    jaw = blur(grow(oval, (_BEARD_REACH - 0.03) * view.eye_px), 0.02 * view.eye_px)
    rows = np.arange(VIEW_PX, dtype=np.float32)[:, None] + np.zeros((1, VIEW_PX), np.float32)
    low = ramp(rows, view.points[NOSE_BASE, 1], view.points[[61, 291], 1].mean() + 0.1 * view.eye_px)
    return np.asarray(mask + beard * low * (jaw - mask), dtype=np.float32)


def beard_difference(first: tuple[FaceView, SkinModel], second: tuple[FaceView, SkinModel]) -> float:
    """How far one of two faces has a beard and the other none, 0 to 1."""
    darkness = [_beard_darkness(*each) for each in (first, second)]
    return float(ramp(abs(darkness[0] - darkness[1]), *_BEARD))


def has_beard(view: FaceView, model: SkinModel) -> float:
    """How surely a face has a beard, 0 to 1."""
    return float(ramp(_beard_darkness(view, model), *_BEARD))


def _beard_darkness(view: FaceView, model: SkinModel) -> float:
    """Darkness relative to the cheeks of the lighter one of upper lip and chin: logarithm.

    Shadows make the chin or the jaw dark, but hardly the upper lip as well.
    """
    darkness = model.darkness(view)
    free = features(view, 0.03) < 0.5
    areas = [(fill_polygon(view.points[list(part), :2]) > 0.5) & free for part in (_UPPER_LIP, _CHIN)]
    return min(float(np.median(darkness[area])) if area.any() else 0.0 for area in areas)


def bright_surroundings(view: FaceView, model: SkinModel, deviation: Field) -> Field:
    """Background and clothes beyond the jaw that are brighter than the skin: (S, S), 0 to 1.

    Args:
        view: the face.
        model: its skin.
        deviation: of ``shading.deviation_from_skin``.
    """
    outside = 1 - grow(view.polygon(FACE_OVAL), -0.02 * view.eye_px)
    bright = ramp(deviation, _WEAK, _STRONG) * ramp(model.darkness(view), -0.05, -0.25)
    return grow(np.asarray(outside * bright, dtype=np.float32), 0.02 * view.eye_px)


def mouth_opening(view: FaceView) -> float:
    """Between the lips' inner edges at the middle, as a share of the distance of the outer eye corners."""
    return float(np.linalg.norm(view.points[13, :2] - view.points[14, :2])) / view.eye_px


def closed_mouth(shaped: FaceView, source: FaceView) -> float:
    """How far the mouth of the new face is closed while the source's is open, 0 to 1."""
    return float(ramp(mouth_opening(source), *_OPENED) * ramp(mouth_opening(shaped), *_CLOSED))


def mouth_interior(view: FaceView, closed: float) -> Field:
    """Between the lips: (S, S), 0 to 1.

    Args:
        view: the face.
        closed: of ``closed_mouth``: so far the seam of closed lips and a little of them belong to it, which an open mouth lacks.
    """
    lips = view.polygon(INNER_LIPS)
    interior = blur(lips, 0.008 * view.eye_px)
    seam = blur(grow(lips, _SEAM * view.eye_px), 0.012 * view.eye_px)
    return np.asarray(np.maximum(interior, closed * seam), dtype=np.float32)


def around_closed_mouth(view: FaceView, closed: float) -> Field:
    """Skin around the lips that is stretched where an open mouth is warped to a closed one: (S, S), 0 to 1.

    Args:
        view: the face.
        closed: of ``closed_mouth``.
    """
    lips = view.polygon(OUTER_LIPS)
    if not closed:
        return np.zeros_like(lips)
    near = blur(grow(lips, _NEAR_MOUTH * view.eye_px), 0.05 * view.eye_px)
    return np.asarray(closed * near * (1 - grow(lips, 0.02 * view.eye_px)), dtype=np.float32)
