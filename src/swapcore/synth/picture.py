"""A rendered image with its exact truth, made from the supersampled one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.synth.asset import Floats, Ints
from swapcore.synth.camera import Camera
from swapcore.synth.defocus import blur_by_depth
from swapcore.synth.rasterize import FAR
from swapcore.synth.sensor import develop
from swapcore.synth.setting import Setting

_COVERED_CM = 0.45
"""A point that is farther than this behind what its pixel shows is hidden."""


@dataclass(frozen=True)
class Picture:
    """A rendered image and what is exactly true of it."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(P, 2) x, y in pixels, in the order of POINT_NAMES."""
    visible: npt.NDArray[np.bool_]
    """(P,) whether a point is in the image and neither skin, hair nor glasses' frames hide it."""
    parts: npt.NDArray[np.uint8]
    """(S, S) values of Part."""
    depth: Floats
    """(S, S) cm from the camera along its axis; infinite in the background."""


def finish(setting: Setting, linear: Floats, parts: Ints, depth: Floats) -> Picture:
    """Develop an image.

    Args:
        setting: what is in the image.
        linear: (S, S, 3) linear RGB.
        parts: (S, S) values of Part.
        depth: (S, S) cm, FAR in the background.
    """
    points = Camera.of(setting.attributes, setting.size_px).project(setting.posed.points)
    return Picture(
        image=develop(blur_by_depth(linear, depth, setting.attributes), setting.attributes),
        points=points[:, :2].astype(np.float64),
        visible=_visible(points, depth),
        parts=np.ascontiguousarray(parts).astype(np.uint8),
        depth=np.where(depth >= FAR, np.float32(np.inf), depth),
    )


def _visible(points: Floats, depth: Floats) -> npt.NDArray[np.bool_]:
    column, row = (np.rint(points[:, axis]).astype(int) for axis in (0, 1))
    size = depth.shape[0]
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    shown = depth[row.clip(0, size - 1), column.clip(0, size - 1)]
    return np.asarray(inside & (points[:, 2] < shown + _COVERED_CM))
