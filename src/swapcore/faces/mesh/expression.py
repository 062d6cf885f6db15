"""Expression and gaze from the mesh's landmarks."""

from typing import Final, NamedTuple

import torch

from swapcore.faces.mesh.topology import (
    INNER_LIP_MIDDLES,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    MOUTH_CORNERS,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)

_LIDS: Final = (((160, 159, 158), (144, 145, 153)), ((387, 386, 385), (373, 374, 380)))
"""Upper and lower lid of the left and the right eye, around the middle."""
_BROWS: Final = (((63, 105, 66), LEFT_IRIS[0]), ((293, 334, 296), RIGHT_IRIS[0]))


class MeshExpression(NamedTuple):
    """Expression of faces, each (B,); differentiable. Lengths are percent of the distance of the outer eye corners."""

    mouth_open: torch.Tensor
    """Between the lips' inner edges."""
    mouth_width: torch.Tensor
    eye_open: torch.Tensor
    """Between the lids, mean of both eyes."""
    brow_height: torch.Tensor
    """Brows above the irises, mean of both."""
    gaze_x: torch.Tensor
    """Iris from the middle of the eye's corners, percent of their distance, mean of both eyes; right is positive."""
    gaze_y: torch.Tensor
    """The same downward."""


def measure_mesh_expression(points: torch.Tensor) -> MeshExpression:
    """Measure landmarks (B, 478, 3), of any pose; lengths are three-dimensional, so that a turned head shortens none."""
    eye = _distance(points, LEFT_EYE_CORNERS[0], RIGHT_EYE_CORNERS[0])
    lids = [(_middle(points, up) - _middle(points, low)).norm(dim=1) for up, low in _LIDS]
    outer, inner = LEFT_EYE_CORNERS
    left = _gaze(points, outer, inner, LEFT_IRIS[0])
    outer, inner = RIGHT_EYE_CORNERS
    gaze = (left + _gaze(points, inner, outer, RIGHT_IRIS[0])) / 2
    return MeshExpression(
        mouth_open=100 * _distance(points, *INNER_LIP_MIDDLES) / eye,
        mouth_width=100 * _distance(points, *MOUTH_CORNERS) / eye,
        eye_open=50 * (lids[0] + lids[1]) / eye,
        brow_height=50 * (_height(points, *_BROWS[0]) + _height(points, *_BROWS[1])) / eye,
        gaze_x=100 * gaze[:, 0],
        gaze_y=100 * gaze[:, 1],
    )


def _distance(points: torch.Tensor, first: int, second: int) -> torch.Tensor:
    difference = points[:, first] - points[:, second]
    return torch.sqrt((difference**2).sum(1) + 1e-12)  # the norm has no gradient where two points coincide


def _middle(points: torch.Tensor, indices: tuple[int, ...]) -> torch.Tensor:
    """Mean of some landmarks, (B, 3); indexing with a list would copy it to a GPU, for which the host waits."""
    return torch.stack([points[:, index] for index in indices], 1).mean(1)


def _height(points: torch.Tensor, brow: tuple[int, ...], iris: int) -> torch.Tensor:
    """How far a brow is above an iris, in pixels, along the face's vertical."""
    along = points[:, RIGHT_EYE_CORNERS[0], :2] - points[:, LEFT_EYE_CORNERS[0], :2]
    up = torch.stack([along[:, 1], -along[:, 0]], 1) / along.norm(dim=1, keepdim=True)
    return torch.einsum("bi,bi->b", _middle(points, brow)[:, :2] - points[:, iris, :2], up)


def _gaze(points: torch.Tensor, left: int, right: int, iris: int) -> torch.Tensor:
    """(B, 2): place of an iris between its eye's left and right corner, across and down, as a share of their distance."""
    along = points[:, right, :2] - points[:, left, :2]
    offset = points[:, iris, :2] - (points[:, left, :2] + points[:, right, :2]) / 2
    down = torch.stack([-along[:, 1], along[:, 0]], 1)
    size = (along**2).sum(1)
    return torch.stack([(offset * along).sum(1) / size, (offset * down).sum(1) / size], 1)
