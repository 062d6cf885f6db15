"""Eyes, nose base and mouth corners from the mesh's landmarks."""

from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import LEFT_EYE_CORNERS, LEFT_IRIS, NOSE_BASE, RIGHT_EYE_CORNERS, RIGHT_IRIS

Floats = npt.NDArray[np.float64]

# Shares of the distance of the irises: up, and outward on each side. Medians over 100 rendered people, whose pupils and mouth
# corners are known exactly (benchmarks/constants.py). The constant of the nose base makes crops agree with dlib's.
_EYE_UP: Final = 0.0122
_EYE_OUTWARD: Final = 0.0007
_NOSE_UP: Final = -0.0095
_MOUTH_UP: Final = -0.0019
_MOUTH_OUTWARD: Final = 0.0288
MOUTH_CORNERS_OF_CONTOURS: Final = ((61, 78), (291, 308))
"""Outer and inner contour's corners; the mean of both is steadier than either."""


def five_points(points: Floats) -> Floats:
    """Left eye, right eye, nose base, left and right mouth corner (5, 2) of landmarks (478, 2 or 3)."""
    flat = points[:, :2]
    irises = flat[[LEFT_IRIS[0], RIGHT_IRIS[0]]]
    along = irises[1] - irises[0]
    up = np.array([along[1], -along[0]])
    outward = np.stack([-along, along])
    eyes = irises + _EYE_UP * up + _EYE_OUTWARD * outward
    nose = flat[NOSE_BASE] + _NOSE_UP * up
    mouth = (
        np.stack([flat[list(pair)].mean(0) for pair in MOUTH_CORNERS_OF_CONTOURS])
        + _MOUTH_UP * up
        + _MOUTH_OUTWARD * outward
    )
    return np.vstack([eyes, nose, mouth])


def eye_corners_and_nose(points: Floats) -> Floats:
    """Left eye outer and inner corner, right eye inner and outer, nose base (5, 2): the landmarks that dlib gives."""
    return np.asarray(points[[*LEFT_EYE_CORNERS, *reversed(RIGHT_EYE_CORNERS), NOSE_BASE], :2])
