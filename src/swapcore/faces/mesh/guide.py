"""The topology that guides are made with."""

import functools
from typing import Final

import numpy as np

from swapcore.faces.mesh.topology import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    closed_triangles,
    mirrored_indices,
)
from swapcore.ops.guide import MeshTopology

_FEATURES: Final = (*LEFT_BROW, *RIGHT_BROW, *LEFT_EYE, *RIGHT_EYE, *LEFT_IRIS, *RIGHT_IRIS, *OUTER_LIPS, *INNER_LIPS)


@functools.cache
def mesh_topology() -> MeshTopology:
    """The triangles of the face mesh, turned so that those of a frontal face have positive areas.

    Raises:
        ArtifactError: the package that has them is not installed.
    """
    triangles = np.ascontiguousarray(closed_triangles()[:, [0, 2, 1]])
    features = np.asarray(np.isin(triangles, _FEATURES).any(1))
    return MeshTopology(triangles, mirrored_indices(), features, np.asarray(np.isin(triangles, INNER_LIPS).all(1)))
