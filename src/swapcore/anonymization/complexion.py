"""Colors of skin and brows, by which a replacement suits the hair around the face."""

from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import LEFT_BROW, RIGHT_BROW
from swapcore.ops.color import to_lab
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.warp.skin import skin_color
from swapcore.warp.view import view_face

Complexion = npt.NDArray[np.float64]
"""(4,): L of the skin, and Lab of the brows minus Lab of the skin."""
_HAIR_PERCENTILE: Final = 35
"""Of the brightness within the brows, between whose hairs skin shows."""
_SKIN_WEIGHT: Final = 0.5
"""The skin's brightness becomes the original's in a swap, so its difference matters less."""


def measure_complexion(image: Image, mesh: Points | None) -> Complexion | None:
    """Measure one face; None without landmarks.

    Args:
        image: uint8 (H, W, 3).
        mesh: (478, 3) landmarks in pixels of it, or None.
    """
    if mesh is None:
        return None
    view = view_face(image, mesh)
    skin = skin_color(view)
    brows = to_lab(view.image)[np.maximum(view.polygon(LEFT_BROW), view.polygon(RIGHT_BROW)) > 0.5]
    hair = brows[brows[:, 0] <= np.percentile(brows[:, 0], _HAIR_PERCENTILE)].mean(0)
    return np.array([skin[0], *(hair - skin)], dtype=np.float64)


def complexion_distance(first: Complexion, second: Complexion) -> float:
    """How far two faces differ, as a share of the brightness from black to white."""
    change = (second - first) * [_SKIN_WEIGHT, 1, 1, 1]
    return float(np.linalg.norm(change)) / 100
