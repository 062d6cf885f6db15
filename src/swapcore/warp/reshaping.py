"""The source's facial proportions in the template's pose and expression, for batches on any device."""

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import nn

from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.mean_shape import STIFF
from swapcore.faces.mesh.pose import rigid_fit
from swapcore.faces.mesh.topology import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    NUM_LANDMARKS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)
from swapcore.ops.correspondence import ramp
from swapcore.ops.geometry import Points
from swapcore.ops.guide import Reshape

_FADE: Final = (0.02, 0.2)
"""Distance from the face's outline, in distances of the outer eye corners: there the template's shape, from here on the source's."""
_GROUPS: Final = ((*LEFT_EYE, *LEFT_IRIS), (*RIGHT_EYE, *RIGHT_IRIS), (*OUTER_LIPS, *INNER_LIPS))
"""Moved as a whole, so that lids, gaze and lips keep the template's expression."""
_AROUND: Final = 0.10
"""Landmarks this near a group move with it."""
_BROWS: Final = (*LEFT_BROW, *RIGHT_BROW)
_BROW_SHARE: Final = 0.85
"""Brows move with the expression, too."""

# What the mesh misses of a difference, over what it sees. Measured on warps of 42 pairs of the London set, whose lids and mouths
# followed the template by 42 and 75 % only: 1.36 and 0.33. The whole of it closes eyes too far, to be seen in images; so less is
# used, and least where the template's eyes are the narrower ones: of 16 such pairs 0.4, 0.65 and 0.9 leave .0083, .0061 and .0053.
_LIDS_MISSED, _LIDS_MISSED_CLOSING = 0.8, 0.65
_WIDTH_MISSED: Final = 0.33
_STRETCH_BOUNDS: Final = (-0.5, 0.5)


def reshape_template(template: Points, source: Points) -> Points:
    """Place the source's proportions (478, 3) in the template's pose and expression.

    Args:
        template: (478, 3).
        source: (478, 3), in any pose.
    """
    reshape = _on_the_cpu()
    pair = source[None], template[None]
    moved = reshape(*(torch.from_numpy(points) for points in (*pair, reshape.fit(*pair))))[0].numpy()
    return np.column_stack([moved, template[:, 2]])


class MeshReshape(Reshape):
    """Places the landmarks of the face mesh."""

    brow_share: torch.Tensor
    stretched: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        brow_share, stretched = torch.ones(NUM_LANDMARKS, dtype=torch.float64), torch.ones(NUM_LANDMARKS)
        brow_share[list(_BROWS)] = _BROW_SHARE
        stretched[[*LEFT_IRIS, *RIGHT_IRIS]] = 0.0
        self.register_buffer("brow_share", brow_share, persistent=False)
        self.register_buffer("stretched", stretched.double(), persistent=False)
        # Index tensors must be on the device: a list would be copied there at every use, for which the host waits.
        self._oval, self._eyes = _Indices(FACE_OVAL), _Indices((*LEFT_EYE, *RIGHT_EYE))
        self._groups = nn.ModuleList(_Indices(group) for group in _GROUPS)

    def fit(self, sources: Points, templates: Points) -> Points:
        """See Reshape: similarities in three dimensions between the stiff landmarks."""
        linear, shift = rigid_fit(*(points[:, list(STIFF)] for points in (sources, templates)))
        return np.concatenate([linear, shift[..., None]], 2)

    def forward(self, sources: torch.Tensor, templates: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
        """See Reshape."""
        own = templates[..., :2]
        change = (sources @ fits[..., :3].mT + fits[:, None, :, 3] - templates)[..., :2]
        # The fit brings forehead, nose and sides of the face together, and with them the eyes off their place. Hair and ears
        # of the template fit to the place of its eyes.
        change -= self._eyes(change).mean(1, keepdim=True)
        eye = (templates[:, LEFT_EYE_CORNERS[0]] - templates[:, RIGHT_EYE_CORNERS[0]]).norm(dim=1)[:, None]
        # The jaw is the source's; hairline and temples keep the template's outline.
        jaw = _ramp(_height(own, eye), 0.0, 0.6)
        weight = jaw + (1 - jaw) * _ramp(_nearest(own, self._oval(own)) / eye, *_FADE)
        moved = change * (weight * self.brow_share)[..., None]
        left, right = (self._groups[side] for side in range(2))
        along = right(own).mean(1) - left(own).mean(1)
        # Expression is measured in distances of the eyes: where these grow, lids and lips grow with them.
        grown = ((right(moved).mean(1) - left(moved).mean(1)) * along).sum(1) / along.square().sum(1)
        across = along / along.norm(dim=1, keepdim=True)
        for group, stretch in zip(self._groups, _stretches(templates, sources, across), strict=True):
            offset = own - group(own).mean(1, keepdim=True)
            correction = (offset @ stretch) * self.stretched[:, None]
            whole = group(moved).mean(1, keepdim=True) + grown[:, None, None] * offset + correction
            stays = _ramp(_nearest(own, group(own)) / eye, _AROUND, 0.0)
            moved = moved + stays[..., None] * (whole - moved)
        return own + moved


@functools.lru_cache(maxsize=1)
def _on_the_cpu() -> MeshReshape:
    return MeshReshape()


class _Indices(nn.Module):
    """Takes some of the landmarks (B, L, C): (B, N, C)."""

    indices: torch.Tensor

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("indices", torch.tensor(indices), persistent=False)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return points.index_select(1, self.indices)


def _stretches(templates: torch.Tensor, sources: torch.Tensor, across: torch.Tensor) -> list[torch.Tensor]:
    """For left eye, right eye and lips a (B, 2, 2) matrix, whose product with offsets from the middle is the correction.

    The mesh sees less than the whole variation of lids and mouth widths: what it misses of the source's would be warped along.
    """
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    ours, theirs = (measure_mesh_expression(points) for points in (templates, sources))
    narrowed = ours.eye_open - theirs.eye_open
    missed = _LIDS_MISSED * narrowed.clamp(min=0) + _LIDS_MISSED_CLOSING * narrowed.clamp(max=0)
    lids = (missed / ours.eye_open.clamp(min=1e-3)).clamp(*_STRETCH_BOUNDS)
    widened = _WIDTH_MISSED * (ours.mouth_width - theirs.mouth_width)
    corners = (widened / ours.mouth_width.clamp(min=1e-3)).clamp(*_STRETCH_BOUNDS)
    of_lids, of_corners = (
        size[:, None, None] * (axis[:, :, None] * axis[:, None]) for size, axis in ((lids, down), (corners, across))
    )
    return [of_lids, of_lids, of_corners]


def _height(points: torch.Tensor, eye: torch.Tensor) -> torch.Tensor:
    """How far each landmark (B, L, 2) is below the eyes, in distances of the outer eye corners: (B, L)."""
    left, right = points[:, LEFT_EYE_CORNERS[0]], points[:, RIGHT_EYE_CORNERS[0]]
    along = (right - left) / (right - left).norm(dim=1, keepdim=True)
    offset = points - ((left + right) / 2)[:, None]
    below: torch.Tensor = (offset[..., 1] * along[:, :1] - offset[..., 0] * along[:, 1:]) / eye
    return below


def _nearest(points: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distance of each point (B, L, 2) from the nearest of others (B, N, 2): (B, L)."""
    distances: torch.Tensor = torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.amin(2)


def _ramp(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """In float32, as ``warp.view.ramp`` computes."""
    return ramp(values.float(), low, high).double()
