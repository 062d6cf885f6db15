"""Where the head stands and how the lens maps it to the picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor

PIVOT = (0.0, -2.0, -8.0)
"""The head turns about this point, cm."""
_AIM_Y = -1.2
"""Height of the head's middle, which lies in the picture's middle."""


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> npt.NDArray[np.float64]:
    """(3, 3): first yaw (to the right), then pitch (down), then roll (the crown to the left)."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn)


@dataclass(frozen=True)
class Camera:
    """A pinhole at (0, 0, distance) that looks along -z, and the head's pose before it."""

    turn: Tensor
    """(3, 3) head to camera."""
    pivot: Tensor
    shift: Tensor
    """(3,) cm, of head and body."""
    distance: float
    focal_px: float
    middle_px: float

    def place(self, points: Tensor) -> Tensor:
        """Points (N, 3) of the head's frame, turned and shifted in front of the camera."""
        return (points - self.pivot) @ self.turn.T + self.pivot + self.shift

    def unplace(self, points: Tensor) -> Tensor:
        """The inverse of place."""
        return (points - self.shift - self.pivot) @ self.turn + self.pivot

    def project(self, points: Tensor) -> Tensor:
        """Points (N, 3) in front of the camera to x, y in pixels (the first pixel spans 0 to 1) and depth in cm."""
        depth = self.distance - points[:, 2]
        scale = self.focal_px / depth
        return torch.stack(
            [self.middle_px + scale * points[:, 0], self.middle_px - scale * (points[:, 1] - _AIM_Y), depth], 1
        )

    @property
    def eye_point(self) -> Tensor:
        """(3,) where the camera is."""
        return self.pivot.new_tensor([0.0, _AIM_Y, self.distance])


def camera_of(attributes: Attributes, size_px: int, device: torch.device) -> Camera:
    """The camera for a square picture."""
    turn = rotation(attributes.yaw_deg, attributes.pitch_deg, attributes.roll_deg)
    return Camera(
        turn=torch.tensor(turn, dtype=torch.float32, device=device),
        pivot=torch.tensor(PIVOT, device=device),
        shift=torch.tensor([attributes.shift_x_cm, attributes.shift_y_cm, 0.0], device=device),
        distance=attributes.distance_cm,
        focal_px=size_px * attributes.distance_cm / attributes.span_cm,
        middle_px=size_px / 2,
    )
