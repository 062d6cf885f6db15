"""Face meshes of consecutive frames, smoothed where a face moves slowly."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.extract import AlignedFace
from swapcore.faces.mesh.topology import (
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    NUM_LANDMARKS,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from swapcore.ops.geometry import apply, invert
from swapcore.video.tracks import fit_at
from swapcore.warp.view import ramp

_PARTS: Final = (
    *(list(part) for part in (LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS)),
    [*OUTER_LIPS, *INNER_LIPS],
)
_REST: Final = np.setdiff1d(np.arange(NUM_LANDMARKS), np.concatenate(_PARTS)).tolist()
_STILL, _MOVES = 0.008, 0.02
"""Distance of a part's landmarks from their smoothed places, root mean square, in sides of the crop: up to the first it is noise,
from the second on motion, such as a blink."""
_SIGMA: Final = 4.0
"""Standard deviation of the weights, in frames."""
_MAX_BEFORE: Final = 10
"""Frames that have an influence."""
_MAX_CHANGE: Final = 0.03
"""Mean motion of the mesh from one frame to the next, in sides of the crop; beyond it another face or shot begins."""


class MeshSmoother:
    """Smooths meshes by those of the frames before, each part of the face as long as it moves little.

    The mesh trembles, its outline by twice as much as its eyes, and a face that is warped to it trembles along. A line is fitted to
    each landmark in the crop, so that the mesh does not lag behind a turning head. Eyes, lips and the rest of the face are used as
    they were found where they are far from the line: lids, gaze and lips move fast.
    """

    def __init__(self) -> None:
        self._frames: list[int] = []
        self._before: list[npt.NDArray[np.float64]] = []

    def smooth(self, frame: int, face: AlignedFace) -> AlignedFace:
        """Smooth the mesh of the next frame.

        Args:
            frame: its number; after a gap smoothing starts again.
            face: in that frame, with a mesh or without.
        """
        if face.mesh is None:
            return face
        scale = float(np.sqrt(abs(np.linalg.det(face.affine[:, :2]))))
        # Depth gives the pose, by which the source's proportions are turned: it is smoothed, too.
        in_crop = np.column_stack([apply(face.affine, face.mesh[:, :2]), face.mesh[:, 2] * scale])
        if self._frames and (frame != self._frames[-1] + 1 or self._moved(in_crop) > _MAX_CHANGE * len(face.crop)):
            self._frames, self._before = [], []
        self._frames = [*self._frames, frame][-_MAX_BEFORE:]
        self._before = [*self._before, in_crop][-_MAX_BEFORE:]
        values = np.stack(self._before).reshape(len(self._before), -1)
        smooth = fit_at(np.array(self._frames, dtype=np.float64), values, float(frame), _SIGMA).reshape(-1, 3)
        for part in (*_PARTS, _REST):
            offset = in_crop[part] - smooth[part]
            distance = float(np.sqrt((offset[:, :2] ** 2).sum(-1).mean())) / len(face.crop)
            smooth[part] += ramp(distance, _STILL, _MOVES) * offset
        return replace(face, mesh=np.column_stack([apply(invert(face.affine), smooth[:, :2]), smooth[:, 2] / scale]))

    def _moved(self, in_crop: npt.NDArray[np.float64]) -> float:
        """Return the mean motion in the image; depth is less certain, and has no bound of its own."""
        return float(np.linalg.norm((in_crop - self._before[-1])[:, :2], axis=1).mean())
