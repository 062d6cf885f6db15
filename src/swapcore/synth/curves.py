"""The smooth curves that shapes and colors are drawn with."""

import torch
import torch.nn.functional as F

Tensor = torch.Tensor


def smoothstep(start: float | Tensor, end: float | Tensor, x: Tensor) -> Tensor:
    """0 before start, 1 after end, 3t² - 2t³ between; start > end falls instead of rising."""
    t = ((x - start) / (end - start)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bell(x: Tensor, width: float | Tensor) -> Tensor:
    """exp(-(x / width)²)."""
    return torch.exp(-((x / width) ** 2))


def bell2(x: Tensor, width_x: float | Tensor, y: Tensor, width_y: float | Tensor) -> Tensor:
    """exp(-(x / width_x)² - (y / width_y)²)."""
    return torch.exp(-((x / width_x) ** 2) - (y / width_y) ** 2)


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., 3) of length 1."""
    return F.normalize(vectors, dim=-1, eps=1e-9)


def mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """a (N, 3) where share (N,) is 0, b where it is 1."""
    return a + (b - a) * share[:, None]
