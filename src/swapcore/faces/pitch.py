"""How far a head is bent up or down, from the key points."""

import math
from typing import Final

import numpy as np

from swapcore.faces.quality import NOSE_DEPTH
from swapcore.ops.geometry import Points

_NOSE_DROP: Final = 0.78
"""Nose base below the line of the eyes, in eye distances, of an upright head: the mean over rendered photographs."""


def pitch_deg(points: Points, yaw_deg: float) -> float:
    """Pitch in degrees, positive = looks down, from left eye, right eye and nose base (3, 2).

    A point that lies h below the eyes and d before them is seen h cos(pitch) + d sin(pitch) below, in eye distances; for small angles
    that is h + d pitch. The eye distance that is seen shrinks by cos(yaw). h differs between people by more than pitch changes the
    sum, so that only the difference of two pictures of one face means much.
    """
    along = points[1] - points[0]
    down = np.array([-along[1], along[0]])
    seen = float((points[2] - points[:2].mean(0)) @ down) / float(along @ along)
    return math.degrees((seen * math.cos(math.radians(yaw_deg)) - _NOSE_DROP) / NOSE_DEPTH)
