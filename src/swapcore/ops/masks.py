"""Masks of the face in an aligned crop, from five landmarks."""

import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Affine, Points, apply, invert

Mask = npt.NDArray[np.float32]
"""A soft mask, float32 (S, S), 0 outside to 1 inside."""

# Face coordinates: origin between the eyes, x to the right eye, y down, unit = distance between the eyes. The four points
# are those of the FFHQ template. The outline was fitted to frontal photographs: from above the brows to between lower lip
# and chin, from cheek to cheek without hair and ears.
_CANONICAL = np.array([[-0.5, 0.0], [0.5, 0.0], [-0.444, 1.042], [0.444, 1.042]])
_NOSE = 2
_WIDEST_Y = 0.20
_TOP = 1.10
_BOTTOM = 1.40
_HALF_WIDTH = 0.98
_TAPER = 0.10
_EXPONENT = 2.3
_YAW_NARROWING = 1.3
_MAX_NARROWING = 0.5


def face_frame(points: Points) -> Affine:
    """Fit the affine (2, 3) from face coordinates to the crop by least squares over eyes and mouth corners.

    Args:
        points: (5, 2) crop pixels: left eye, right eye, nose base, left and right mouth corner.
    """
    homogeneous = np.hstack([_CANONICAL, np.ones((4, 1))])
    solution = np.linalg.lstsq(homogeneous, np.delete(points, _NOSE, axis=0), rcond=None)[0]
    return np.ascontiguousarray(solution.T)


def face_coordinates(points: Points, size_px: int) -> npt.NDArray[np.float64]:
    """Return the face coordinates of each pixel, (S, S, 2), x then y."""
    rows, columns = np.mgrid[0:size_px, 0:size_px].astype(np.float64)
    return apply(invert(face_frame(points)), np.stack([columns, rows], axis=-1))


def outline_radius(points: Points, size_px: int) -> npt.NDArray[np.float32]:
    """Relative distance of each pixel from the center of the face, (S, S): 0 in the center, 1 on the outline, > 1 outside.

    A superellipse in face coordinates, wider above than below, and narrower on the side to which the nose points, where a
    turned head shows less cheek.

    Args:
        points: (5, 2) crop pixels, as in the faces artifact.
        size_px: side S of the crop.
    """
    frame = face_coordinates(points, size_px)
    x, y = frame[..., 0], frame[..., 1] - _WIDEST_Y
    height = np.where(y < 0, _TOP, _BOTTOM)
    across, along = np.abs(x) / _half_width(points, np.sign(x), y), np.abs(y) / height
    radius = (across**_EXPONENT + along**_EXPONENT) ** (1 / _EXPONENT)
    return radius.astype(np.float32)


def outline_points(points: Points, num: int, grow: float) -> Points:
    """Return points (num, 2) in crop pixels on the outline scaled by grow, clockwise from the right cheek."""
    angles = np.arange(num) * (2 * np.pi / num)
    cosine, sine = np.round(np.cos(angles), 12), np.round(np.sin(angles), 12)
    y = np.sign(sine) * np.abs(sine) ** (2 / _EXPONENT) * np.where(sine < 0, _TOP, _BOTTOM) * grow
    x = np.sign(cosine) * np.abs(cosine) ** (2 / _EXPONENT) * _half_width(points, np.sign(cosine), y) * grow
    return apply(face_frame(points), np.stack([x, y + _WIDEST_Y], axis=-1))


def nose_offset(points: Points) -> float:
    """Horizontal offset of the nose from the line between eyes and mouth, in eye distances; it grows with yaw."""
    return float(apply(invert(face_frame(points)), points[_NOSE])[0])


def _half_width(points: Points, side: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Half-width of the outline at height y below its widest part, on side -1 (left) or 1 (right)."""
    narrowing = np.clip(_YAW_NARROWING * nose_offset(points) * side, 0, _MAX_NARROWING)
    return np.asarray(_HALF_WIDTH * (1 - narrowing) * (1 - _TAPER * np.clip(y, -_TOP, _BOTTOM)), dtype=np.float64)


def face_mask(points: Points, size_px: int, *, softness: float, grow: float = 1.0) -> Mask:
    """Return the mask of the inner face, (S, S): 1 inside, falling to 0 at the outline.

    Args:
        points: (5, 2) crop pixels: left eye, right eye, nose base, left and right mouth corner.
        size_px: side S of the crop.
        softness: width of the soft edge as a share of the outline's radius, 0 (a hard edge) to 1.
        grow: scale of the outline; 1 = the inner face, 1.35 includes chin, jaw and temples.
    """
    inward = 1 - outline_radius(points, size_px) / grow
    if softness <= 0:
        return (inward > 0).astype(np.float32)
    ramp = np.clip(inward / softness, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)
