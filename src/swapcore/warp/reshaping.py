"""The source's proportions in the template's pose and expression, for batches on any device."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.mean_shape import STIFF
from swapcore.faces.mesh.topology import (
    FACE_OVAL,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    NUM_LANDMARKS,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)
from swapcore.ops.geometry import Points
from swapcore.ops.guide import Reshape
from swapcore.warp.shape import (
    _AROUND,
    _BROW_SHARE,
    _BROWS,
    _FADE,
    _GROUPS,
    _LIDS_MISSED,
    _LIDS_MISSED_CLOSING,
    _STRETCH_BOUNDS,
    _WIDTH_MISSED,
)


class MeshReshape(Reshape):
    """The batched counterpart of ``warp.shape.reshape_template``; results differ by less than 1e-6 of the side."""

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
        self._oval = _Indices(FACE_OVAL)
        self._groups = nn.ModuleList(_Indices(group) for group in _GROUPS)

    def fit(self, sources: Points, templates: Points) -> Points:
        """See Reshape: similarities in three dimensions between the stiff landmarks, as ``faces.mesh.pose.rigid_fit``."""
        source, target = (points[:, list(STIFF)] for points in (sources, templates))
        source_mean, target_mean = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
        first, second = source - source_mean, target - target_mean
        u, singular, vt = np.linalg.svd(second.transpose(0, 2, 1) @ first)
        sign = np.ones((len(sources), 3))
        sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
        scale = (singular * sign).sum(1) / (first**2).sum((1, 2))
        linear = (u * sign[:, None]) @ vt * scale[:, None, None]
        shift = target_mean.transpose(0, 2, 1) - linear @ source_mean.transpose(0, 2, 1)
        return np.concatenate([linear, shift], 2)

    def forward(self, sources: torch.Tensor, templates: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
        """See Reshape."""
        own = templates[..., :2]
        change = (sources @ fits[..., :3].mT + fits[:, None, :, 3] - templates)[..., :2]
        eye = (templates[:, LEFT_EYE_CORNERS[0]] - templates[:, RIGHT_EYE_CORNERS[0]]).norm(dim=1)[:, None]
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


class _Indices(nn.Module):
    """Takes some of the landmarks (B, L, C): (B, N, C)."""

    indices: torch.Tensor

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("indices", torch.tensor(indices), persistent=False)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return points.index_select(1, self.indices)


def _stretches(templates: torch.Tensor, sources: torch.Tensor, across: torch.Tensor) -> list[torch.Tensor]:
    """As ``warp.shape._stretches``, each (B, 2, 2)."""
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
    """As ``warp.view.ramp``, which computes in float32."""
    t = ((values.float() - low) / (high - low)).clamp(0, 1)
    return (t * t * (3 - 2 * t)).double()
