"""Head pose from the mesh, by a rigid fit of its stiff landmarks in three dimensions."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.mean_shape import MEAN_SHAPE, STIFF

Floats = npt.NDArray[np.float64]


class HeadPose(NamedTuple):
    """Rotation of the head relative to the mean frontal face, in degrees."""

    yaw_deg: float
    """Positive = turned to the image's right."""
    pitch_deg: float
    """Positive = head bent down."""
    roll_deg: float
    """Positive = clockwise as seen."""


def measure_pose(points: Floats) -> HeadPose:
    """Measure the pose of landmarks (478, 3); accurate up to a yaw of 45 degrees, underestimated beyond."""
    linear, _ = rigid_fit(MEAN_SHAPE, points[list(STIFF)])
    rotation = linear / np.cbrt(np.linalg.det(linear))
    # Pitch about x, then yaw about y, then roll about z, with x right, y down and z away from the camera.
    yaw = np.arctan2(rotation[2, 0], np.hypot(rotation[0, 0], rotation[1, 0]))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return HeadPose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))


def rigid_fit(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Fit the similarity in three dimensions from source to target points (..., N, 3), least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.

    Returns:
        The linear part (..., 3, 3) and the shift (..., 3).
    """
    source_mean, target_mean = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    first, second = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(second.swapaxes(-1, -2) @ first)
    sign = np.ones_like(singular)
    sign[..., 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    scale = (singular * sign).sum(-1) / (first**2).sum((-1, -2))
    linear = (u * sign[..., None, :]) @ vt * scale[..., None, None]
    return linear, (target_mean - source_mean @ linear.swapaxes(-1, -2))[..., 0, :]
