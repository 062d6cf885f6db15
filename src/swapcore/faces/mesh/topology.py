"""Indices of the mesh's landmarks by facial feature, and its triangles."""

import ast
import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.errors import ArtifactError
from swapcore.faces.mesh.files import CONNECTIONS, INSTALL, locate

Triangles = npt.NDArray[np.int64]
"""Indices of landmarks, (T, 3)."""

NUM_SURFACE: Final = 468
NUM_LANDMARKS: Final = 478
"""The surface, then five points for each iris: center, right, top, left, bottom. Left means the image's left."""

# fmt: off
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
"""Clockwise from the forehead's middle."""
OUTER_LIPS: Final = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)
INNER_LIPS: Final = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)
"""Both from the left corner over the upper lip."""
LEFT_EYE: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
"""The lids' edges from the outer corner over the upper lid."""
RIGHT_EYE: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
LEFT_BROW: Final = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
"""Upper edge from the outer end, then the lower edge back."""
RIGHT_BROW: Final = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
_MIDLINE: Final = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)
_FIRST_RIGHT: Final = 248
# fmt: on
LEFT_IRIS: Final = (468, 469, 470, 471, 472)
RIGHT_IRIS: Final = (473, 474, 475, 476, 477)
LEFT_EYE_CORNERS: Final = (33, 133)
RIGHT_EYE_CORNERS: Final = (263, 362)
"""Outer, then inner."""
MOUTH_CORNERS: Final = (61, 291)
INNER_LIP_MIDDLES: Final = (13, 14)
NOSE_BASE: Final = 2
NOSE_TIP: Final = 1
CHIN: Final = 152


@functools.cache
def surface_triangles() -> Triangles:
    """The triangles of the skin and lips, (852, 3); the eyes and the mouth are holes.

    Raises:
        ArtifactError: the package that has them is not installed.
    """
    edges = np.array(_edges())
    triangles = edges.reshape(-1, 3, 2)
    if not np.array_equal(triangles[:, :, 1], np.roll(triangles[:, :, 0], -1, axis=1)):
        raise ArtifactError(f"{CONNECTIONS.path}: its edges are not triangles in order; run: {INSTALL}")
    return triangles[:, :, 0]


@functools.cache
def closed_triangles() -> Triangles:
    """The same with eyes and mouth closed by strips between their upper and lower edges, (898, 3)."""
    # Contours from the left are turned, so that all triangles of a frontal face have one orientation.
    holes = [_strip(LEFT_EYE)[:, ::-1], _strip(RIGHT_EYE), _strip(INNER_LIPS)[:, ::-1]]
    return np.vstack([surface_triangles(), *holes])


def _edges() -> list[tuple[int, int]]:
    """The literal of the mesh's edges; the file is parsed, not executed."""
    module = ast.parse(locate(CONNECTIONS).read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FACEMESH_TESSELATION":
            assert isinstance(node.value, ast.Call)
            edges: list[tuple[int, int]] = ast.literal_eval(node.value.args[0])
            return edges
    raise ArtifactError(f"{CONNECTIONS.path}: has no FACEMESH_TESSELATION; run: {INSTALL}")


def _strip(contour: Sequence[int]) -> Triangles:
    """Triangles of a closed contour whose second half mirrors its first."""
    num = len(contour)
    upper, lower = contour[: num // 2 + 1], (contour[0], *contour[: num // 2 - 1 : -1])
    triangles = []
    for i in range(num // 2):
        quad = (upper[i], upper[i + 1], lower[i + 1], lower[i])
        if quad[0] != quad[3]:
            triangles.append((quad[0], quad[1], quad[3]))
        if quad[1] != quad[2]:
            triangles.append((quad[1], quad[2], quad[3]))
    return np.array(triangles)


@functools.cache
def mirrored_indices() -> npt.NDArray[np.int64]:
    """For each landmark the one at its mirrored place, (478,).

    The numbers follow a rule: the image's left half and the midline come first, then the right half in the same order.
    """
    mirrored = np.arange(NUM_LANDMARKS)
    left = np.setdiff1d(np.arange(_FIRST_RIGHT), _MIDLINE)
    right = np.arange(_FIRST_RIGHT, NUM_SURFACE)
    mirrored[left], mirrored[right] = right, left
    # A mirrored iris keeps its center, top and bottom; its right and left points change places.
    mirrored[list(LEFT_IRIS)] = np.array(RIGHT_IRIS)[[0, 3, 2, 1, 4]]
    mirrored[list(RIGHT_IRIS)] = np.array(LEFT_IRIS)[[0, 3, 2, 1, 4]]
    return mirrored
