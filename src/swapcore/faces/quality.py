"""How usable a face is: size, sharpness, exposure and pose, measured and held against the limits of params.yaml."""

import functools
import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.config import QualityLimits
from swapcore.faces.align import TEMPLATE_PX
from swapcore.faces.extract import AlignedFace
from swapcore.ops.geometry import Points, apply, invert
from swapcore.ops.image import Image, resize

_MEASURE_PX: Final = 128
"""Crops are measured at one size, so that the limits mean the same whatever crop.size_px is."""
_FACE_CENTER: Final = (256.0, 300.0)
_FACE_RADII: Final = (105.0, 150.0)
"""An ellipse inside the face, at the template's 512 px: brows to chin, without hair and background."""
NOSE_DEPTH: Final = 0.4
"""How far the nose base stands out before the plane of the eyes, as a share of the eyes' distance; an average head's."""
_BLACK: Final = 1
_WHITE: Final = 254


@dataclass(frozen=True)
class Quality:
    """One face's measures."""

    eye_distance_px: float
    """Between the eye centers, in the photograph."""
    sharpness: float
    """Mean squared Laplacian of luma over its variance, inside the face of a 128 px crop; no unit."""
    brightness: float
    """Mean luma inside the face, 0 to 1."""
    clipped: float
    """Share of the face's pixels that are pure black or white."""
    yaw_deg: float
    """Estimated; positive = turned to the image's right."""
    roll_deg: float
    """Positive = clockwise as seen."""


def measure_quality(face: AlignedFace) -> Quality:
    """Measure an aligned face."""
    eyes_and_nose = apply(invert(face.affine), face.points[:3])
    yaw, roll = _pose(eyes_and_nose)
    crop = resize(face.crop, _MEASURE_PX)
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    inside = _face_mask()
    pixels = luma[inside]
    return Quality(
        eye_distance_px=float(np.linalg.norm(eyes_and_nose[1] - eyes_and_nose[0])),
        sharpness=_sharpness(luma, inside),
        brightness=float(pixels.mean()) / 255,
        clipped=_clipped(crop, inside),
        yaw_deg=yaw,
        roll_deg=roll,
    )


def find_fault(quality: Quality, limits: QualityLimits) -> tuple[str, str] | None:
    """The first limit that a face misses, as (reason, detail), or None.

    Reasons: too-small, too-dark, too-bright, clipped, blurred, turned, tilted.
    """
    checks = [
        ("too-small", "eye_distance_px", quality.eye_distance_px, limits.min_eye_distance_px, None),
        ("too-dark", "brightness", quality.brightness, limits.min_brightness, None),
        ("too-bright", "brightness", quality.brightness, None, limits.max_brightness),
        ("clipped", "clipped", quality.clipped, None, limits.max_clipped),
        ("blurred", "sharpness", quality.sharpness, limits.min_sharpness, None),
        ("turned", "yaw_deg", abs(quality.yaw_deg), None, limits.max_yaw_deg),
        ("tilted", "roll_deg", abs(quality.roll_deg), None, limits.max_roll_deg),
    ]
    for reason, name, value, low, high in checks:
        if low is not None and value < low:
            return reason, f"{name} {value:.3g} is below min_{name} {low:g}"
        if high is not None and value > high:
            return reason, f"{name} {value:.3g} is above max_{name} {high:g}"
    return None


def _pose(points: Points) -> tuple[float, float]:
    """Yaw and roll in degrees from left eye, right eye and nose base (3, 2).

    Seen from the front, a point standing out by depth d before the eyes' plane moves sideways by d sin(yaw) when the head
    turns, while the eyes' distance e shrinks to e cos(yaw): the shift over the distance seen is (d / e) tan(yaw).
    """
    along = points[1] - points[0]
    distance2 = float(along @ along)
    sideways = float((points[2] - points[:2].mean(0)) @ along) / distance2
    return math.degrees(math.atan(sideways / NOSE_DEPTH)), math.degrees(math.atan2(along[1], along[0]))


def _sharpness(luma: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> float:
    gray = luma.astype(np.float32)
    variance = float(gray[inside].var())
    # A second difference, unlike the first, is small on the smooth shading that blur leaves.
    detail = cv2.Laplacian(gray, cv2.CV_32F)[inside]
    return float((detail**2).mean()) / max(variance, 1.0)


def _clipped(crop: Image, inside: npt.NDArray[np.bool_]) -> float:
    black = cv2.inRange(crop, (0, 0, 0), (_BLACK,) * 3)
    white = cv2.inRange(crop, (_WHITE,) * 3, (255, 255, 255))
    return float(np.asarray(cv2.bitwise_or(black, white) > 0)[inside].mean())


@functools.cache
def _face_mask() -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:_MEASURE_PX, :_MEASURE_PX]
    scale = TEMPLATE_PX / _MEASURE_PX
    across = ((x + 0.5) * scale - 0.5 - _FACE_CENTER[0]) / _FACE_RADII[0]
    down = ((y + 0.5) * scale - 0.5 - _FACE_CENTER[1]) / _FACE_RADII[1]
    return np.asarray(across**2 + down**2 <= 1)
