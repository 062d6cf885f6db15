"""The topology that guides are made with."""

import functools
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    Triangles,
    closed_triangles,
    mirrored_indices,
)
from swapcore.ops.guide import MeshTopology

_BROWS: Final = (*LEFT_BROW, *RIGHT_BROW)
_EYES: Final = ((*LEFT_EYE, *LEFT_IRIS), (*RIGHT_EYE, *RIGHT_IRIS))
_LIPS: Final = (*OUTER_LIPS, *INNER_LIPS)


@functools.cache
def mesh_topology() -> MeshTopology:
    """The triangles of the face mesh, turned so that those of a frontal face have positive areas.

    Raises:
        ArtifactError: the package that has them is not installed.
    """
    triangles = np.ascontiguousarray(closed_triangles()[:, [0, 2, 1]])

    def of(*parts: Sequence[int]) -> npt.NDArray[np.bool_]:
        return np.asarray(np.any([np.isin(triangles, part).all(1) for part in parts], axis=0))

    mouth, lips = of(INNER_LIPS), of(tuple(_enclosed(triangles, OUTER_LIPS, INNER_LIPS[0])))
    return MeshTopology(
        triangles,
        mirrored_indices(),
        not_skin=np.asarray(np.isin(triangles, (*_BROWS, *chain(*_EYES), *_LIPS)).any(1)),
        eyes=of(*_EYES),
        brows=of(LEFT_BROW, RIGHT_BROW),
        lips=lips & ~mouth,
        kept=mouth,
    )


def _enclosed(triangles: Triangles, contour: Sequence[int], inside: int) -> set[int]:
    """The points of a contour, and all that edges connect to a point inside without crossing it."""
    found, waiting = {*contour, inside}, [inside]
    while waiting:
        neighbors = set(triangles[(triangles == waiting.pop()).any(1)].ravel().tolist()) - found
        found |= neighbors
        waiting += neighbors
    return found
