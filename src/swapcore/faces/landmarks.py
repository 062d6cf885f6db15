"""Facial landmarks: dlib's five points, eye centers and mouth corners."""

import functools
from typing import Any, Final

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from swapcore.faces.align import template_points
from swapcore.faces.detect import Box
from swapcore.faces.dlib_weights import LANDMARK_FILE, package_file
from swapcore.ops.geometry import Points, apply, invert, warp
from swapcore.ops.image import Image

# dlib's predictor returns whole pixels of its input, so the input is the face at one fixed size.
_VIEW_PX: Final = 300
_FACE_IN_VIEW_PX: Final = 200
_DLIB_ORDER: Final = [2, 3, 1, 0, 4]
"""Indices of dlib's parts: outer and inner corner of the image's left eye, inner and outer of the right, nose base."""

MOUTH_VIEW_PX: Final = 256
"""Size of the aligned crop in which mouth corners are located; the constants below are pixels of it."""
_MOUTH_LEFT, _MOUTH_RIGHT, _MOUTH_TOP, _MOUTH_BOTTOM = 72, 184, 174, 216
_MOUTH_SPREAD_PX: Final = 14.0
"""Standard deviation of a corner from its mean position: smiles widen the mouth, and faces differ in length."""
_MOUTH_BLUR_PX: Final = 0.7
_LINE_HEIGHT_PX: Final = 9  # thicker dark regions are not a mouth line
_CHEEK_PX: Final = 14  # width of skin without lips at either end of the window
_END_SHARE: Final = 0.5
"""The mouth ends where its response falls below this share of the response at its center."""
_CLIMB_COST: Final = 0.002  # of a step up or down: the line is smooth
_MAX_SPREADS: Final = 1.75  # corners farther from their mean position, in spreads, are rejected

EYE_RISE: Final = 0.0524
"""Height of the pupils above the midpoint of dlib's eye corners, as a share of the eye distance."""
EYE_OUTWARD: Final = -0.0006
"""Outward offset of the pupils from that midpoint, as a share of the eye distance."""


@functools.cache
def _predictor() -> Any:
    return dlib.shape_predictor(str(package_file(LANDMARK_FILE)))


def locate_landmarks(image: Image, box: Box) -> Points:
    """Locate dlib's five landmarks (5, 2) in pixels of the image.

    Left eye outer and inner corner, right eye inner and outer corner, nose base; left means the image's left.
    """
    scale = _FACE_IN_VIEW_PX / box.width_px
    center = np.array([box.left + box.right, box.top + box.bottom]) / 2
    to_view = np.hstack([scale * np.eye(2), ((_VIEW_PX - 1) / 2 - scale * center)[:, None]])
    view = warp(image, to_view, _VIEW_PX)
    margin = (_VIEW_PX - _FACE_IN_VIEW_PX) // 2
    shape = _predictor()(view, dlib.rectangle(margin, margin, _VIEW_PX - margin - 1, _VIEW_PX - margin - 1))
    parts = np.array([(shape.part(i).x, shape.part(i).y) for i in _DLIB_ORDER], dtype=np.float64)
    return apply(invert(to_view), parts)


def eye_centers(landmarks: Points) -> Points:
    """Estimate left and right eye center (2, 2) from dlib's five landmarks (5, 2).

    The midpoint of the corners plus a constant offset in the frame of the two eyes. The constants are medians over 100
    rendered people (benchmarks/constants.py), assumed symmetric; tests/faces/test_landmarks.py compares them with annotated
    photographs.
    """
    left, right = landmarks[0:2].mean(0), landmarks[2:4].mean(0)
    along = right - left
    up = np.array([along[1], -along[0]])
    return np.stack([left + EYE_RISE * up - EYE_OUTWARD * along, right + EYE_RISE * up + EYE_OUTWARD * along])


def mouth_corners(crop: Image) -> Points:
    """Locate left and right mouth corner (2, 2) in an aligned crop of MOUTH_VIEW_PX; mean positions if not reliable.

    The mouth is a dark line between red lips. Dynamic programming (as in seam carving) follows the best line from the
    face's center to either side: each column adds its response less half of the response at the center, so the sum is
    greatest at the corner.
    """
    mouthness = _mouthness(crop)
    corner: Points = np.array([_MOUTH_LEFT, _MOUTH_TOP], dtype=np.float64)
    middle = MOUTH_VIEW_PX // 2 - _MOUTH_LEFT
    threshold = _END_SHARE * float(np.median(mouthness[:, middle - 10 : middle + 11].max(0)))
    gain = mouthness - threshold
    left_mean, right_mean = template_points(MOUTH_VIEW_PX)[3:] - corner
    # Both searches go outward from the center: the left one in the mirrored window.
    mirror = np.array([mouthness.shape[1] - 1, 0])
    right = _line_end(gain, right_mean, middle)
    left = np.abs(mirror - _line_end(gain[:, ::-1], np.abs(mirror - left_mean), mouthness.shape[1] - 1 - middle))
    found = np.stack([left, right])
    means = np.stack([left_mean, right_mean])
    if (np.abs(found - means) > _MAX_SPREADS * _MOUTH_SPREAD_PX).any() or threshold <= 0:
        found = means
    return found + corner


def _mouthness(crop: Image) -> npt.NDArray[np.float32]:
    """Return the response of the mouth window to mouth line and lips: about 0 on skin, 0.1 to 0.5 on a mouth."""
    halo = _LINE_HEIGHT_PX
    window = crop[_MOUTH_TOP - halo : _MOUTH_BOTTOM + halo, _MOUTH_LEFT:_MOUTH_RIGHT].astype(np.float32)
    window = np.asarray(cv2.GaussianBlur(window, (0, 0), _MOUTH_BLUR_PX), dtype=np.float32)
    luma = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    darkness = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, np.ones((_LINE_HEIGHT_PX, 1), np.uint8))
    redness = np.log((window[..., 0] + 8) / (window[..., 1] + 8))
    cheeks = np.concatenate([redness[:, :_CHEEK_PX], redness[:, -_CHEEK_PX:]])
    mouthness = darkness / (luma + darkness + 10) + np.clip(redness - np.median(cheeks), -0.1, 0.25)
    return np.asarray(mouthness[halo:-halo], dtype=np.float32)


def _line_end(gain: npt.NDArray[np.float32], mean: Points, start: int) -> Points:
    """Return the end (x, y) of the line to the right of column start with the greatest gain.

    Args:
        gain: (H, W) response less the threshold.
        mean: (2,) mean position of the corner; the squared distance to it is a penalty.
        start: first column of the line.
    """
    rows, columns = np.arange(gain.shape[0])[:, None], np.arange(start, gain.shape[1])
    distance2 = (columns - mean[0]) ** 2 + (rows - mean[1]) ** 2
    total = np.full((gain.shape[0] + 2, len(columns)), -np.inf)
    total[1:-1, 0] = gain[:, start]
    for i in range(1, len(columns)):
        before = total[:, i - 1]
        best = np.maximum(before[1:-1], np.maximum(before[:-2], before[2:]) - _CLIMB_COST)
        total[1:-1, i] = best + gain[:, start + i]
    score = total[1:-1] - distance2 / (2 * _MOUTH_SPREAD_PX**2)
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    return np.array([start + column, row], dtype=np.float64)
