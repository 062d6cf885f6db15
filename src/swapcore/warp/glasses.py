"""Frames of glasses: thin structures around the eyes that are not skin."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from swapcore.warp.view import VIEW_PX, FaceView, Field, blur, grow, opened, ramp

# Lengths are shares of the distance of the outer eye corners.
_THICKEST: Final = 0.05
"""Half the width of the thickest rim."""
_CONTRAST: Final = 1.0
"""Deviation above the surroundings', from which on a pixel can belong to a rim."""
_MAX_DEVIATION: Final = 5.0
_UNDER_SHARE: Final = 0.3
_SURELY_NONE, _SURELY_GLASSES = 0.50, 0.68
"""Share of the nose's bridge that a rim crosses, plus ``_UNDER_SHARE`` of the share of an eye's width with a rim below."""
_SURELY_OTHER: Final = 2.2
_TO_FRAME, _TO_FRAME_IN_BROW = 0.8, 0.4
"""A pixel is the rim's where its color is nearer to the rim's than this share of the distance from skin to rim."""


def glasses_score(view: FaceView, deviation: Field) -> float:
    """How surely a face wears glasses, 0 to 1, by rims across the bridge of the nose and below the eyes.

    Args:
        view: the face.
        deviation: of ``SkinModel.deviation``.
    """
    rims = _thin(view, deviation)
    eye = view.eye_px
    inner = view.points[[133, 362], :2]
    level = float(inner[:, 1].mean())
    bridge = _columns(rims, inner[0, 0] + 0.03 * eye, inner[1, 0] - 0.03 * eye, level - 0.2 * eye, level + 0.15 * eye)
    below = []
    for contour in (LEFT_EYE, RIGHT_EYE):
        left, right = sorted((float(view.points[contour[0], 0]), float(view.points[contour[8], 0])))
        lower = float(view.points[list(contour), 1].max())
        below.append(_columns(rims, left, right, lower + 0.07 * eye, lower + 0.38 * eye))
    return float(ramp(bridge + _UNDER_SHARE * max(below), _SURELY_NONE, _SURELY_GLASSES))


def frames(view: FaceView, deviation: Field) -> Field:
    """Rims, bridge and temples of glasses: (S, S), 0 to 1; zero where the face wears none.

    Within the brows, only what has the rims' color counts; the eyes are left out.

    Args:
        view: the face.
        deviation: of ``SkinModel.deviation``.
    """
    share = glasses_score(view, deviation)
    if share == 0:
        return np.zeros_like(deviation)
    zone = _zone(view)
    eyes = grow(np.maximum(view.polygon(LEFT_EYE), view.polygon(RIGHT_EYE)), 0.02 * view.eye_px)
    brows = grow(np.maximum(view.polygon(LEFT_BROW), view.polygon(RIGHT_BROW)), 0.03 * view.eye_px)
    rims = (_thin(view, deviation) | ((deviation > _SURELY_OTHER) & ~_thick(view, deviation))) & (zone > 0.5)
    rims &= eyes < 0.5
    surely = rims & (brows < 0.5)
    if surely.sum() < 20:
        return np.zeros_like(deviation)
    image = blur(view.image.astype(np.float32), 0.8)
    color = np.median(image[surely], axis=0)
    skin = np.median(image[(zone > 0.5) & (deviation < 0.8)], axis=0)
    to_frame = np.linalg.norm(image - color, axis=-1) / max(float(np.linalg.norm(skin - color)), 1.0)
    in_brow = (brows >= 0.5) & (zone > 0.5) & (eyes < 0.5) & (to_frame < _TO_FRAME_IN_BROW)
    found = ((surely & (to_frame < _TO_FRAME)) | in_brow).astype(np.float32)
    mask = _large_parts(grow(found, 0.015 * view.eye_px) > 0.5, (0.15 * view.eye_px) ** 2)
    return np.asarray(share * blur(mask, 0.008 * view.eye_px), dtype=np.float32)


def _thin(view: FaceView, deviation: Field) -> npt.NDArray[np.bool_]:
    """What deviates from skin by more than its surroundings do, and is no thicker than a rim."""
    bounded = np.minimum(deviation, _MAX_DEVIATION)
    return np.asarray(bounded - opened(bounded, _THICKEST * view.eye_px) > _CONTRAST)


def _thick(view: FaceView, deviation: Field) -> npt.NDArray[np.bool_]:
    """Larger areas that are not skin, such as hair."""
    return np.asarray(opened((deviation > 1.4).astype(np.float32), 1.5 * _THICKEST * view.eye_px) > 0.5)


def _large_parts(mask: npt.NDArray[np.bool_], min_area_px: float) -> Field:
    """Drop small connected components: (S, S), 0 or 1."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = statistics[:, cv2.CC_STAT_AREA] >= min_area_px
    large[0] = False
    return np.asarray(large[labels], dtype=np.float32)


def _zone(view: FaceView) -> Field:
    """Where glasses are worn: from the brows to half-way to the nose base, with the temples."""
    brows = view.points[[*LEFT_BROW, *RIGHT_BROW], 1].min()
    eyes = view.points[[*LEFT_EYE, *RIGHT_EYE], 1].max()
    rows = np.arange(VIEW_PX)[:, None]
    band = (rows > brows - 0.1 * view.eye_px) & (rows < eyes + 0.4 * view.eye_px)
    return np.asarray(grow(view.polygon(FACE_OVAL), 0.05 * view.eye_px) * band, dtype=np.float32)


def _columns(rims: npt.NDArray[np.bool_], left: float, right: float, top: float, bottom: float) -> float:
    """Share of a rectangle's columns in which there is a rim."""
    part = rims[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right) + 1]
    return float(part.any(0).mean()) if part.size else 0.0
