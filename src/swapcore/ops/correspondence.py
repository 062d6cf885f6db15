"""Flows between two faces from corresponding surface points."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from swapcore.ops.sampling import full_precision

BARYCENTRIC = (
    (1 / 3, 1 / 3, 1 / 3),
    (0.6, 0.2, 0.2),
    (0.2, 0.6, 0.2),
    (0.2, 0.2, 0.6),
    (0.8, 0.1, 0.1),
    (0.1, 0.8, 0.1),
    (0.1, 0.1, 0.8),
    (0.45, 0.45, 0.1),
    (0.45, 0.1, 0.45),
    (0.1, 0.45, 0.45),
)
"""Positions in each triangle at which the flow is scattered."""
LEAST_AREA_RATIO = 0.15
"""Triangles that shrink more, as those between closing lips, do not show their surface."""
_NEAR_SIGMA = 0.8 / 112
_FAR_SIGMA = 6.0 / 112
"""Of the side: how far a scattered flow reaches inside the face, and how smooth it is outside."""
_AROUND = 0.1
"""Of the side: so far around the face its surroundings move with its outline, less and less."""
_EDGE_SIGMA = 2 / 112
"""Of the side: how softly a mask fades toward its edges."""
_EDGE = (0.6, 1.0)
"""Blurred mask between which it does."""
_EXACT = (1.5 / 112, (0.5, 0.9))
"""The same for the exact flow; with a harder edge the jaw would be a row of beads."""
_DENSE = 4.0
"""A pixel with a quarter of a sample in its neighborhood is covered."""
_LEAST_AREA_PX = 0.5
"""Smaller triangles, such as those between closed lips, count less than their neighbors."""


class ScatteredFlow(NamedTuple):
    """A flow from points, float32."""

    flow: torch.Tensor
    """(B, 2, S, S): position in the other image minus position in the output, x then y, in units of half the side."""
    visible: torch.Tensor
    """(B, 1, S, S) in [0, 1]: 1 where the other image shows the surface point, 0 where it is hidden or outside the face."""
    near: torch.Tensor
    """(B, 1, S, S) in [0, 1]: 1 inside the face, falling to 0 around it."""
    marked: torch.Tensor
    """(B, K, S, S) in [0, 1]: share of the triangles of each mark."""


def signed_areas(points: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """Compute twice the signed area of each triangle: (B, L, 2) and (T, 3) to (B, T)."""
    a, b, c = (points[:, triangles[:, corner]] for corner in range(3))
    first, second = b - a, c - a
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def is_visible(area: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Whether a triangle's surface can be taken from where its area is ``area`` to where it is ``other``; any shape, bool.

    It is turned away where the area is negative, and closed or seen from the side where it is much smaller.
    """
    return area > LEAST_AREA_RATIO * other.abs()


def interpolate_points(points: torch.Tensor, triangles: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Interpolate inside triangles: (B, L, C), (T, 3) and barycentric (K, 3) to (B, K, T, C)."""
    corners = points[:, triangles]
    return torch.einsum("btcd,kc->bktd", corners, weights.to(corners))


def guide_flow(
    source: torch.Tensor,
    output: torch.Tensor,
    triangles: torch.Tensor,
    size_px: int,
    *,
    marked: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
) -> ScatteredFlow:
    """Compute where each output pixel's surface point is in another image, and whether that image shows it.

    Flows are scattered at ten positions of each triangle that faces the camera in the output, blurred, and normalized; they
    fade to zero outside the face. Triangles must face the camera (positive area) on a frontal face.

    Args:
        source: (B, L, 2) points in the other image, x then y, -1 to 1 over the image.
        output: (B, L, 2), the same points in the output.
        triangles: int64 (T, 3), indices of points.
        size_px: side S of the result.
        marked: (K, T) in {0, 1}, triangles whose places in the output are wanted; None for none.
        weights: BARYCENTRIC as a tensor on the device, which a GPU would otherwise make the host wait for.
    """
    with full_precision(source):
        source, output = source.float(), output.float()
        weights = source.new_tensor(BARYCENTRIC) if weights is None else weights
        places = interpolate_points(output, triangles, weights).flatten(1, 2)
        moves = interpolate_points(source - output, triangles, weights).flatten(1, 2)
        area = signed_areas(output, triangles)
        in_both = is_visible(signed_areas(source, triangles), area).float()
        facing = (area * (size_px**2 / 8 / _LEAST_AREA_PX)).clamp(
            0, 1
        )  # areas are doubled, in squares of half the side
        of_marked = [] if marked is None else [facing * each for each in marked.float().unbind()]
        facing, *shown = (values.repeat(1, len(BARYCENTRIC)) for values in (facing, facing * in_both, *of_marked))
        values = torch.stack([moves[..., 0] * facing, moves[..., 1] * facing, facing, *shown], -1)
        sums = _scatter(places, values, size_px)
        near, far = gaussian_blur(sums, _NEAR_SIGMA * size_px), gaussian_blur(sums, _FAR_SIGMA * size_px)
        covered = (_DENSE * near[:, 2:3]).clamp(max=1.0)
        exact, smooth = near[:, :2] / (near[:, 2:3] + 1e-6), far[:, :2] / (far[:, 2:3] + 1e-6)
        shares = (covered * near[:, 3:] / (near[:, 2:3] + 1e-6)).clamp(0, 1)
        around = gaussian_blur(torch.maximum(covered, _around(covered)), _EDGE_SIGMA * size_px)
        # At the outline exact and smooth flows alternate between pixels, which would draw the jaw as a row of beads.
        flow = torch.lerp(around * smooth, exact, _inner(covered, *_EXACT))
        return ScatteredFlow(flow, shares[:, :1], around, shares[:, 1:])


def _around(covered: torch.Tensor) -> torch.Tensor:
    """Fade a mask (B, 1, S, S) in {0, 1} from 1 at its outline to 0 at a distance of ``_AROUND``.

    Blurred by a Gaussian of deviation s, a straight edge has the value Phi(-d / s) at a distance d, which is solved for d.
    """
    sigma = _FAR_SIGMA * int(covered.shape[-1])
    blurred = gaussian_blur(covered, sigma).clamp(1e-4, 1 - 1e-4)
    distance_px = -sigma * math.sqrt(2) * torch.erfinv(2 * blurred - 1)
    return ramp(distance_px, _AROUND * int(covered.shape[-1]), 0.0)


def ramp(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 up to low, 1 from high on (or the reverse where high < low), smooth between; any shape."""
    t = ((values - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def well_inside(mask: torch.Tensor) -> torch.Tensor:
    """Fade a mask (B, 1, S, S) in [0, 1] to 0 toward its edges, from inside."""
    return _inner(mask, _EDGE_SIGMA, _EDGE)


def _inner(mask: torch.Tensor, sigma: float, edge: tuple[float, float]) -> torch.Tensor:
    blurred = gaussian_blur(mask, sigma * int(mask.shape[-1]))
    return ((blurred - edge[0]) / (edge[1] - edge[0])).clamp(0, 1)


def _scatter(places: torch.Tensor, values: torch.Tensor, size_px: int) -> torch.Tensor:
    """Add values (B, N, C) to the pixels of places (B, N, 2) in [-1, 1]: (B, C, S, S)."""
    pixels = ((places + 1) / 2 * size_px - 0.5).round().long()
    inside = ((pixels >= 0) & (pixels < size_px)).all(-1, keepdim=True)
    index = (pixels[..., 1] * size_px + pixels[..., 0]).clamp(0, size_px**2 - 1)
    sums = values.new_zeros(len(values), size_px**2, values.shape[-1])
    sums.scatter_add_(1, index[..., None].expand_as(values), values * inside)
    return sums.mT.reshape(len(values), -1, size_px, size_px)


def gaussian_blur(images: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """Blur (B, C, H, W) with a Gaussian, edges replicated; kernel cut at three deviations.

    A product with a matrix for each axis: a convolution of single channels takes ten times as long on a CPU, and its backward
    pass thirty times.
    """
    height, width = map(int, images.shape[-2:])  # numbers also while an ONNX file is exported
    across = blur_matrix(width, sigma_px, images)
    down = across if height == width else blur_matrix(height, sigma_px, images)
    return down @ (images @ across.mT)


def blur_matrix(size: int, sigma_px: float, like: torch.Tensor) -> torch.Tensor:
    """The blur of a line of pixels as a matrix (size, size): each row has the shares of all pixels in one blurred pixel."""
    reach = max(1, round(3 * sigma_px))
    steps = torch.arange(-reach, reach + 1, device=like.device, dtype=like.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    lines = F.pad(torch.eye(size, device=like.device, dtype=like.dtype)[:, None], (reach, reach), mode="replicate")
    return F.conv1d(lines, kernel[None, None])[:, 0].mT


def five_point_flow(source: torch.Tensor, template: torch.Tensor, size_px: int) -> ScatteredFlow:
    """Compute the same from a handful of points (B, 5, 2), for faces without a mesh: shifts that fade with distance."""
    with full_precision(source):
        source, template = source.float(), template.float()
        places = (torch.arange(size_px, device=source.device, dtype=torch.float32) + 0.5) / size_px * 2 - 1
        grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1).reshape(1, -1, 1, 2)
        distance = (grid - template[:, None]).square().sum(-1)
        weight = 1.0 / (distance + 0.02)
        weight = weight / weight.sum(-1, keepdim=True)
        center = template.mean(1, keepdim=True)
        spread = (template - center).square().sum(-1).mean(1).sqrt()[:, None]
        radius = (grid[:, :, 0] - center).square().sum(-1).sqrt() / (2.2 * spread)
        inside = (1.0 - (radius - 1.0).clamp(0.0, 1.0))[..., None]
        flow = inside * (weight[..., None] * (source - template)[:, None]).sum(2)
        shape = (len(source), size_px, size_px, -1)
        inside = inside.reshape(shape).permute(0, 3, 1, 2)
        return ScatteredFlow(flow.reshape(shape).permute(0, 3, 1, 2), inside, inside, inside[:, :0])
