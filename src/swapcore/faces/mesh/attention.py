"""Custom operations of the attention mesh: boxes around lips and eyes, and features inside them."""

from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import nn

Options = dict[str, Any]


class _BoxAround(nn.Module):
    """Landmarks2TransformMatrix: points (B, N, 3) to (B, 4, 4), from pixels of a rotated box around some of them to theirs."""

    subset: torch.Tensor

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._left, self._right = int(options["left_rotation_idx"]), int(options["right_rotation_idx"])
        self._size = (float(options["output_width"]), float(options["output_height"]))
        self._margin = (float(options["scale_x"]), float(options["scale_y"]))
        # A list would be copied to a GPU at every use, for which the host waits.
        self.register_buffer("subset", torch.tensor(options["subset_idxs"]), persistent=False)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        along = F.normalize(points[:, self._right, :2] - points[:, self._left, :2], dim=1)
        axes = torch.stack([along, torch.stack([-along[:, 1], along[:, 0]], 1)], 1)
        inside = points[:, :, :2].index_select(1, self.subset) @ axes.mT
        low, high, size_px = inside.amin(1), inside.amax(1), _pair(self._size, inside)
        linear = axes.mT * ((high - low) * _pair(self._margin, inside) / size_px)[:, None]
        center = (low + high)[:, None] / 2 @ axes
        shift = center.mT - linear @ (size_px[:, None] / 2)
        return F.pad(torch.cat([linear, 0 * shift, shift], 2), (0, 0, 0, 2))


def _features_inside(options: Options) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """TransformTensorBilinear: feature maps (B, C, H, W) sampled inside such a box."""
    height, width = int(options["output_height"]), int(options["output_width"])

    def features_inside(maps: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5
        columns = torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        points = transform_points(torch.stack([x, y], -1).reshape(1, -1, 2), matrix)
        grid = points * 2 / _pair((float(maps.shape[3]), float(maps.shape[2])), maps) - 1
        return F.grid_sample(maps, grid.reshape(len(maps), height, width, 2), align_corners=False)

    return features_inside


def _pair(values: tuple[float, float], like: torch.Tensor) -> torch.Tensor:
    """Two numbers as a tensor (2,), filled on the device instead of copied to it."""
    return torch.cat([like.new_full((1,), value) for value in values])


def transform_points(points: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """TransformLandmarks: points (B, N, 2) of the box to those around it, by (B, 4, 4)."""
    return points @ matrix[:, :2, :2].mT + matrix[:, None, :2, -1]


CUSTOM_OPERATIONS: Final[dict[str, Callable[[Options], Callable[..., torch.Tensor]]]] = {
    "Landmarks2TransformMatrix": _BoxAround,
    "TransformTensorBilinear": _features_inside,
    "TransformLandmarks": lambda _: transform_points,
}
"""By the name in the file: from its options to the operation."""
