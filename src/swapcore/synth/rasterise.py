"""The z-buffer: which triangle or point is seen at each pixel, exact and the same in any order."""

from dataclasses import dataclass

import torch

from swapcore.synth.curves import Tensor

_ID_BITS = 24
_EMPTY = 1 << 62
_DEPTH_STEPS = 8192
"""Depth steps per cm: nearer than this, the lower number wins, so that the result never depends on order."""
_SIZE_CLASSES = (1, 2, 3, 5, 8, 14, 24, 48, 96, 200, 500, 1200, 3000)
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Visible:
    """What is seen, pixel by pixel; N pixels that show something."""

    pixel: Tensor
    """(N,) index into the flattened picture."""
    triangle: Tensor
    """(N,) index, or -1 where a point is seen."""
    weights: Tensor
    """(N, 3) of the triangle's corners."""
    point: Tensor
    """(N,) index, or -1 where a triangle is seen."""


def rasterise(corners: Tensor, triangles: Tensor, points: Tensor | None, height: int, width: int) -> Visible:
    """Draw triangles seen from their front, and points one pixel large.

    Args:
        corners: (V, 3) x, y in pixels (the first pixel spans 0 to 1), z depth in cm, small is near.
        triangles: (T, 3) indices; those that count clockwise on the picture are seen from behind and left out.
        points: (P, 3) like corners, or None.
        height: of the picture in pixels.
        width: of the picture in pixels.

    Returns:
        What is seen; pixels that nothing covers are left out.
    """
    buffer = torch.full((height * width,), _EMPTY, dtype=torch.int64, device=corners.device)
    a, b, c = (corners[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    first = torch.ceil(torch.minimum(torch.minimum(a, b), c)[:, :2] - 0.5).clamp(min=0)
    last = torch.floor(torch.maximum(torch.maximum(a, b), c)[:, :2] - 0.5)
    last = torch.minimum(last, last.new_tensor([width - 1, height - 1]))
    seen = torch.nonzero((area > 1e-9) & (last >= first).all(1))[:, 0]
    size = (last - first)[seen].amax(1) + 1
    smaller = 0
    for limit in _SIZE_CLASSES:
        chosen = seen[(size > smaller) & (size <= limit)]
        smaller = limit
        for part in torch.split(chosen, max(1, _CHUNK // (limit * limit))):
            _draw(buffer, part, limit, a[part], b[part], c[part], area[part], first[part], width, height)
    if points is not None:
        _draw_points(buffer, points, len(triangles), height, width)
    return _read(buffer, a, b, c, area, len(triangles), width)


def _draw(
    buffer: Tensor, ids: Tensor, limit: int, a: Tensor, b: Tensor, c: Tensor, area: Tensor, first: Tensor,
    width: int, height: int,
) -> None:  # fmt: skip
    """Test limit x limit pixels of each triangle and keep the nearest."""
    if not len(ids):
        return
    offset = torch.arange(limit, dtype=a.dtype, device=a.device)
    px = (first[:, 0:1, None] + offset[None, None, :]).expand(-1, limit, -1).reshape(len(ids), -1)
    py = (first[:, 1:2, None] + offset[None, :, None]).expand(-1, -1, limit).reshape(len(ids), -1)
    x, y, inverse = px + 0.5, py + 0.5, (1 / area)[:, None]
    w0 = ((b[:, 0:1] - x) * (c[:, 1:2] - y) - (b[:, 1:2] - y) * (c[:, 0:1] - x)) * inverse
    w1 = ((c[:, 0:1] - x) * (a[:, 1:2] - y) - (c[:, 1:2] - y) * (a[:, 0:1] - x)) * inverse
    w2 = 1 - w0 - w1
    hit = (torch.minimum(torch.minimum(w0, w1), w2) >= -1e-5) & (px < width) & (py < height)
    depth = w0 * a[:, 2:3] + w1 * b[:, 2:3] + w2 * c[:, 2:3]
    row, column = torch.nonzero(hit, as_tuple=True)
    key = ((depth[row, column] * _DEPTH_STEPS).to(torch.int64) << _ID_BITS) | ids[row]
    buffer.scatter_reduce_(0, (py * width + px)[row, column].to(torch.int64), key, "amin")


def _draw_points(buffer: Tensor, points: Tensor, first_id: int, height: int, width: int) -> None:
    """Keep the nearest of the points that fall on each pixel."""
    column, row = points[:, 0].floor(), points[:, 1].floor()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    ids = torch.nonzero(inside)[:, 0]
    key = ((points[ids, 2] * _DEPTH_STEPS).to(torch.int64) << _ID_BITS) | (ids + first_id)
    buffer.scatter_reduce_(0, (row[ids] * width + column[ids]).to(torch.int64), key, "amin")


def _read(buffer: Tensor, a: Tensor, b: Tensor, c: Tensor, area: Tensor, num_triangles: int, width: int) -> Visible:
    """Turn the buffer's keys back into triangles with weights, and points."""
    pixel = torch.nonzero(buffer < _EMPTY)[:, 0]
    number = buffer[pixel] & ((1 << _ID_BITS) - 1)
    is_point = number >= num_triangles
    triangle = torch.where(is_point, 0, number)
    x, y = (pixel % width) + 0.5, torch.div(pixel, width, rounding_mode="floor") + 0.5
    a, b, c, inverse = a[triangle], b[triangle], c[triangle], 1 / area[triangle]
    w0 = ((b[:, 0] - x) * (c[:, 1] - y) - (b[:, 1] - y) * (c[:, 0] - x)) * inverse
    w1 = ((c[:, 0] - x) * (a[:, 1] - y) - (c[:, 1] - y) * (a[:, 0] - x)) * inverse
    weights = torch.stack([w0, w1, 1 - w0 - w1], 1)
    return Visible(
        pixel, torch.where(is_point, -1, triangle), weights, torch.where(is_point, number - num_triangles, -1)
    )
