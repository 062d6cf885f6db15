"""Face quality: size, sharpness, exposure, pose, and their limits."""

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
from swapcore.faces.mesh.pose import HeadPose, measure_pose
from swapcore.ops.geometry import Points, apply, invert
from swapcore.ops.image import Image, resize

_MEASURE_PX: Final = 128
"""Size at which crops are measured, so that the limits do not depend on crop.size_px."""
_FACE_CENTER: Final = (256.0, 300.0)
_FACE_RADII: Final = (105.0, 150.0)
"""An ellipse inside the face, at the template's 512 px: brows to chin, without hair and background."""
NOSE_DEPTH: Final = 0.4
"""Distance of the nose base from the plane of the eyes, as a share of the eye distance, for an average head."""
_NOSE_DROP: Final = 0.78
"""Nose base below the line of the eyes, in eye distances, of an upright head: the mean over rendered images."""
_BLACK: Final = 1
_WHITE: Final = 254


@dataclass(frozen=True)
class Quality:
    """Quality measures of one face."""

    eye_distance_px: float
    """Distance of the eye centers in the image."""
    sharpness: float
    """Mean squared Laplacian of luma over its variance, inside the face of a 128 px crop; no unit."""
    brightness: float
    """Mean luma inside the face, 0 to 1."""
    clipped: float
    """Share of the face's pixels that are pure black or white."""
    yaw_deg: float
    """Estimate; positive = turned to the image's right."""
    roll_deg: float
    """Positive = clockwise in the image."""


def measure_quality(face: AlignedFace) -> Quality:
    """Measure the quality of an aligned face."""
    eyes_and_nose = apply(invert(face.affine), face.points[:3])
    yaw, _, roll = estimate_pose(face)
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


def find_defect(quality: Quality, limits: QualityLimits) -> tuple[str, str] | None:
    """Return the first limit that a face violates as (reason, detail), or None.

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


def estimate_pose(face: AlignedFace) -> HeadPose:
    """Estimate the head's pose, by the face mesh where the face has one, or else from eyes and nose."""
    if face.mesh is not None:
        return measure_pose(face.mesh)
    eyes_and_nose = apply(invert(face.affine), face.points[:3])
    yaw, roll = _pose(eyes_and_nose)
    return HeadPose(yaw, pitch_deg(eyes_and_nose, yaw), roll)


def _pose(points: Points) -> tuple[float, float]:
    """Estimate yaw and roll in degrees from left eye, right eye and nose base (3, 2).

    When the head turns, a point at depth d before the eye plane moves sideways by d sin(yaw), and the projected eye
    distance e shrinks to e cos(yaw): shift over projected distance is (d / e) tan(yaw).
    """
    along = points[1] - points[0]
    distance2 = float(along @ along)
    sideways = float((points[2] - points[:2].mean(0)) @ along) / distance2
    return math.degrees(math.atan(sideways / NOSE_DEPTH)), math.degrees(math.atan2(along[1], along[0]))


def pitch_deg(points: Points, yaw_deg: float) -> float:
    """Estimate pitch in degrees, positive = head bent down.

    A point at h below and d before the eyes is projected to h cos(pitch) + d sin(pitch) below them, about h + d pitch for
    small angles; the projected eye distance shrinks by cos(yaw). Since h differs between people more than pitch changes
    the sum, only the difference of two images of one face is meaningful.

    Args:
        points: (3, 2) left eye, right eye and nose base, in pixels.
        yaw_deg: the head's yaw.
    """
    along = points[1] - points[0]
    down = np.array([-along[1], along[0]])
    drop = float((points[2] - points[:2].mean(0)) @ down) / float(along @ along)
    return math.degrees((drop * math.cos(math.radians(yaw_deg)) - _NOSE_DROP) / NOSE_DEPTH)


def _sharpness(luma: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> float:
    gray = luma.astype(np.float32)
    variance = float(gray[inside].var())
    # Second differences, unlike first ones, are small on the smooth shading of blurred images.
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
