"""The nearest triangle at every pixel of several images at once."""

from dataclasses import dataclass

import torch

from swapcore.synth.batched.expansion import expand
from swapcore.synth.rasterize import FAR, NO_AREA

_OUTSIDE = -1e-5
"""Weights of a corner are computed in float32, with ten times the tolerance of the compiled rasterizer."""


@dataclass(frozen=True)
class Boxes:
    """Triangles of several images, and how many pixels their boxes have."""

    corners: torch.Tensor
    """(V, 3) x, y in pixels and depth in cm, float32."""
    triangles: torch.Tensor
    """(T, 3)."""
    image: torch.Tensor
    """(T,)."""
    left: torch.Tensor
    top: torch.Tensor
    width: torch.Tensor
    counts: torch.Tensor
    """(T,) pixels to test; 0 for what is not seen."""


def bound_triangles(
    corners: torch.Tensor, triangles: torch.Tensor, image: torch.Tensor, two_sided: torch.Tensor | None, size: int
) -> Boxes:
    """Bound triangles by boxes inside images of size x size pixels; two_sided (T,) or None for all."""
    a, b, c = (corners[triangles[:, n], :2] for n in range(3))
    area = _area(a, b, c)
    seen = area.abs() >= NO_AREA
    if two_sided is not None:
        seen &= two_sided | (area <= -NO_AREA)
    low = torch.minimum(torch.minimum(a, b), c).ceil().clamp(0, size).long()
    high = torch.maximum(torch.maximum(a, b), c).floor().clamp(-1, size - 1).long()
    width, height = (high - low + 1).clamp(min=0).T
    return Boxes(corners, triangles, image, low[:, 0], low[:, 1], width, width * height * seen)


def _area(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def rasterize(boxes: Boxes, total: int, num_images: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the nearest triangle at every pixel's center.

    Args:
        boxes: of bound_triangles.
        total: sum of their counts.
        num_images: B.
        size: side of the images in pixels.

    Returns:
        (B * size * size,) int64 triangle, -1 for none; its depth, FAR for none.
    """
    nothing = (_sortable(torch.full((1,), float(FAR), device=boxes.corners.device)) << 32) | 0xFFFFFFFF
    nearest = nothing.repeat(num_images * size * size)
    for owner, number in expand(boxes.counts, total):
        width = boxes.width[owner].clamp(min=1)
        x, y = boxes.left[owner] + number % width, boxes.top[owner] + number // width
        ends = [boxes.corners[boxes.triangles[owner, n]] for n in range(3)]
        z, inside = _depth_at(ends, x, y)
        key = torch.where(inside, (_sortable(z) << 32) | owner, nothing)
        nearest.scatter_reduce_(0, (boxes.image[owner] * size + y) * size + x, key, "amin")
    triangle = nearest & 0xFFFFFFFF
    return torch.where(triangle == 0xFFFFFFFF, -1, triangle), _unsortable(nearest >> 32)


def _depth_at(ends: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Depth of triangles at pixels, and whether they cover them."""
    pixel = torch.stack([x, y], 1)
    a, b, c = (end[:, :2] - pixel for end in ends)
    area = _area(a, b, c)
    w0 = (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]) / area
    w1 = (c[:, 0] * a[:, 1] - c[:, 1] * a[:, 0]) / area
    w2 = 1 - w0 - w1
    z = w0 * ends[0][:, 2] + w1 * ends[1][:, 2] + w2 * ends[2][:, 2]
    return z, (w0 >= _OUTSIDE) & (w1 >= _OUTSIDE) & (w2 >= _OUTSIDE)


def _sortable(z: torch.Tensor) -> torch.Tensor:
    """int64 in the order of float32 numbers: their bits, those of negative ones turned around."""
    bits = z.view(torch.int32)
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()


def _unsortable(value: torch.Tensor) -> torch.Tensor:
    bits = value.int()
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).view(torch.float32)
