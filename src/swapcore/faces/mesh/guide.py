"""The topology that guides are made with."""

import functools

import numpy as np

from swapcore.faces.mesh.topology import INNER_LIPS, closed_triangles, mirrored_indices
from swapcore.ops.guide import MeshTopology


@functools.cache
def mesh_topology() -> MeshTopology:
    """The triangles of the face mesh, turned so that those of a frontal face have positive areas.

    Raises:
        ArtifactError: the package that has them is not installed.
    """
    triangles = np.ascontiguousarray(closed_triangles()[:, [0, 2, 1]])
    return MeshTopology(triangles, mirrored_indices(), np.asarray(np.isin(triangles, INNER_LIPS).all(1)))
