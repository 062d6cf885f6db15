"""The head's place and how the lens maps it to the image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import smoothsteps

PIVOT = (0.0, -6.0, -8.5)
"""The head turns about this point, cm."""
AIM_Y = -1.2
"""Height of the head's middle, which appears in the middle of the image."""
_BODY_FOLLOWS = (0.3, 0.15, 0.15)
"""Share of the head's yaw, pitch and roll that the body takes."""
_NECK_BOTTOM, _NECK_TOP = -16.0, -8.5
"""Heights between which the neck twists."""


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """(3, 3): first yaw (to the right), then pitch (down), then roll (the crown to the left)."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn, dtype=np.float32)


@dataclass(frozen=True)
class Pose:
    """How head and body are placed in front of the camera."""

    head: Floats
    """(3, 3)."""
    body: Floats
    """(3, 3)."""
    shift: Floats
    """(3,) cm."""

    @classmethod
    def of(cls, attributes: Attributes) -> "Pose":
        """The pose of an image; a body turns less than its head."""
        angles = (attributes.yaw_deg, attributes.pitch_deg, attributes.roll_deg)
        # A head that looks backward does so with its body.
        share = 1.0 if abs(attributes.yaw_deg) > 100 else _BODY_FOLLOWS[0]
        body = rotation(share * angles[0], _BODY_FOLLOWS[1] * angles[1], _BODY_FOLLOWS[2] * angles[2])
        shift = np.array([attributes.shift_x_cm, attributes.shift_y_cm, 0], np.float32)
        return cls(rotation(*angles), body, shift)

    def place(self, points: Floats, follows: Floats | None = None) -> Floats:
        """Points (..., 3) of the head's frame in front of the camera.

        Args:
            points: cm.
            follows: (...) 1 where a point turns with the head, 0 with the body; None is the head everywhere.
        """
        around = points - np.array(PIVOT, np.float32)
        placed = around @ self.head.T
        if follows is not None:
            with_body = around @ self.body.T
            placed = with_body + follows[..., None] * (placed - with_body)
        return np.asarray(placed + np.array(PIVOT, np.float32) + self.shift, dtype=np.float32)

    def turn(self, vectors: Floats, follows: Floats | None = None) -> Floats:
        """Directions (..., 3), as place does with points."""
        turned = vectors @ self.head.T
        if follows is not None:
            with_body = vectors @ self.body.T
            turned = with_body + follows[..., None] * (turned - with_body)
        return np.asarray(turned, dtype=np.float32)


def follows_head(height: Floats) -> Floats:
    """Share in 0..1 with which points at a height (cm, head at rest) turn with the head."""
    return smoothsteps(_NECK_BOTTOM, _NECK_TOP, height).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole at (0, AIM_Y, distance) that faces -z."""

    distance: float
    focal_px: float
    size_px: int

    @classmethod
    def of(cls, attributes: Attributes, size_px: int) -> "Camera":
        """The camera of a square image."""
        return cls(attributes.distance_cm, size_px * attributes.distance_cm / attributes.span_cm, size_px)

    def project(self, points: Floats) -> Floats:
        """Points (..., 3) in front of the camera to x, y in pixels (the center of the first pixel is (0, 0)) and depth in cm."""
        depth = self.distance - points[..., 2]
        scale = self.focal_px / depth
        middle = self.size_px / 2 - 0.5
        return np.stack([middle + scale * points[..., 0], middle - scale * (points[..., 1] - AIM_Y), depth], -1).astype(
            np.float32
        )

    @property
    def eye_point(self) -> npt.NDArray[np.float32]:
        """(3,) where the camera is."""
        return np.array([0.0, AIM_Y, self.distance], np.float32)
