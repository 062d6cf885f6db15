"""Ribbons of several images, blended from front to back."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from swapcore.synth import ribbons
from swapcore.synth.batched.canvas import Canvas
from swapcore.synth.batched.expansion import CHUNK, expand, marked, owners
from swapcore.synth.batched.formulas import on_tensors
from swapcore.synth.batched.packing import Strands
from swapcore.synth.batched.shading import Lighting
from swapcore.synth.batched.shadows import FIXED
from swapcore.synth.shadow import taps

_OPAQUE = 1 - 1e-6
"""Largest opacity whose logarithm is added up."""


@dataclass(frozen=True)
class Pieces:
    """Straight pieces of ribbons, P of all images, and the boxes of pixels in which they can be seen."""

    strands: Strands
    start: torch.Tensor
    """(P, 3) first end: x, y in pixels, depth in cm."""
    step: torch.Tensor
    """(P, 3) from the first end to the second."""
    cut: torch.Tensor
    """(P, 4) direction of the ribbon at each end: pieces meet on the line that halves their angle."""
    rank: torch.Tensor
    """(P,) place in the order from front to back."""
    left: torch.Tensor
    top: torch.Tensor
    width: torch.Tensor
    counts: torch.Tensor
    """(P,) pixels to test; 0 for what is not drawn."""
    size: int


def bound_pieces(strands: Strands, size: int) -> Pieces:
    """Bound the pieces by boxes in images of size x size pixels."""
    first = strands.first
    start, end = strands.projected[first], strands.projected[first + 1]
    along = F.normalize(strands.projected[strands.after, :2] - strands.projected[strands.before, :2], dim=1, eps=1e-6)
    depth = start[:, 2].double() + end[:, 2] + strands.bias
    rank = torch.empty_like(first)
    rank[depth.argsort(stable=True)] = torch.arange(len(first), device=first.device)
    reach = on_tensors(ribbons.reach_of)(strands.half[first], strands.half[first + 1])[:, None]
    low = (torch.minimum(start, end)[:, :2] - reach).ceil().clamp(0, size).long()
    high = (torch.maximum(start, end)[:, :2] + reach).floor().clamp(-1, size - 1).long()
    width, height = (high - low + 1).clamp(min=0).T
    drawn = torch.maximum(strands.opacity[first], strands.opacity[first + 1]) >= ribbons.FAINT
    drawn &= (end - start)[:, :2].square().sum(1) >= ribbons.SHORTEST**2
    return Pieces(
        strands, start, end - start, torch.cat([along[first], along[first + 1]], 1), rank, low[:, 0], low[:, 1], width,
        width * height * drawn, size,
    )  # fmt: skip


@dataclass(frozen=True)
class _Hits:
    """How pieces cover pixels; all (C,)."""

    piece: torch.Tensor
    pixel: torch.Tensor
    t: torch.Tensor
    half: torch.Tensor
    across: torch.Tensor
    covered: torch.Tensor
    """0 where the piece ends before the pixel."""
    z: torch.Tensor


def _hits(pieces: Pieces, piece: torch.Tensor, number: torch.Tensor) -> _Hits:
    first = pieces.strands.first[piece]
    width = pieces.width[piece].clamp(min=1)
    x, y = pieces.left[piece] + number % width, pieces.top[piece] + number // width
    start, step, cut = pieces.start[piece], pieces.step[piece], pieces.cut[piece]
    px, py, (dx, dy, dz) = x - start[:, 0], y - start[:, 1], step.T
    square = dx * dx + dy * dy
    half = pieces.strands.half
    t, wide, across, covered = on_tensors(ribbons.cover)(
        px, py, dx, dy, 1 / square, square.sqrt(), half[first], half[first + 1]
    )
    outside = (px * cut[:, 0] + py * cut[:, 1] < 0) | ((px - dx) * cut[:, 2] + (py - dy) * cut[:, 3] >= 0)
    pixel = (pieces.strands.image[first] * pieces.size + y) * pieces.size + x
    return _Hits(piece, pixel, t, wide, across, covered.masked_fill(outside, 0), start[:, 2] + t * dz)


def find_fragments(pieces: Pieces, total: int, depth: torch.Tensor) -> list[torch.Tensor]:
    """Which of the pixels in the pieces' boxes are covered and not behind a surface: a mask for each chunk of them.

    Args:
        pieces: of bound_pieces.
        total: sum of their counts.
        depth: (pixels,) of the solid surfaces.
    """
    found = []
    for piece, number in expand(pieces.counts, total):
        hits = _hits(pieces, piece, number)
        found.append((hits.covered > 0) & (hits.z - depth[hits.pixel] <= ribbons.HIDDEN_CM))
    return found


def light_strands(strands: Strands, lighting: Lighting, middle: torch.Tensor) -> torch.Tensor:
    """Linear RGB (3, N) of the control points; middle is (B, 3), of each head."""
    color = torch.empty_like(strands.placed)
    for points in torch.split(torch.arange(color.shape[1], device=color.device), CHUNK):
        image = strands.image[points]
        lamps = lighting.circumstances.lamps(image, lighting.shadows.solid, lighting.shadows.hair)
        out = torch.empty(3, len(points), device=color.device)
        on_tensors(ribbons.light_point)(
            strands.placed[:, points], strands.placed[:, strands.before[points]], strands.placed[:, strands.after[points]],
            middle[image].T, strands.number[points], strands.albedo[:, points], strands.inner[points], strands.gloss[points],
            lamps, taps()[: ribbons.FEW_TAPS], out,
        )  # fmt: skip
        color[:, points] = out
    return color


@dataclass(frozen=True)
class _Fragments:
    """Pieces at pixels, all (C,) but color."""

    key: torch.Tensor
    """int64: orders by pixel, then from front to back."""
    opacity: torch.Tensor
    color: torch.Tensor
    """(C, 3)."""
    part: torch.Tensor
    z: torch.Tensor


def draw_strands(
    pieces: Pieces, found: list[torch.Tensor], counts: list[int], color: torch.Tensor, canvas: Canvas
) -> None:
    """Blend the ribbons over the images, which are changed.

    Args:
        pieces: of bound_pieces.
        found: of find_fragments.
        counts: number of fragments of each of its masks.
        color: (3, N) of the control points.
        canvas: the images with everything below the ribbons.
    """
    parts = []
    for number, (mask, count) in enumerate(zip(found, counts, strict=True)):
        if count:
            parts.append(_fragments(pieces, number * CHUNK + marked(mask, count), color, canvas.depth))
    if not parts:
        return
    key, order = torch.cat([each.key for each in parts]).sort()
    pixel = key // len(pieces.rank)
    opacity, part, z = (torch.cat([getattr(each, name) for each in parts])[order] for name in ("opacity", "part", "z"))
    before = _shows_through(pixel, opacity)
    share = torch.where(before >= ribbons.DARK, opacity.clamp(max=1) * before, 0)
    colors = torch.cat([each.color for each in parts])[order] * share[:, None]
    sums = torch.zeros(4, canvas.depth.numel(), dtype=torch.long, device=key.device)
    for total, values in zip(sums, (*colors.T, share), strict=True):
        total.scatter_add_(0, pixel, (values * FIXED).round().long())
    light = sums / FIXED
    canvas.image.mul_(1 - light[3]).add_(light[:3])
    on_top = (before > ribbons.SHOWN) & (before - share <= ribbons.SHOWN)
    canvas.put(torch.where(on_top, pixel, canvas.depth.numel()), part, z)


def _fragments(pieces: Pieces, entry: torch.Tensor, color: torch.Tensor, depth: torch.Tensor) -> _Fragments:
    hits, strands = _hits(pieces, *owners(pieces.counts, entry)), pieces.strands
    first = strands.first[hits.piece]
    behind = hits.z - depth[hits.pixel]
    covered = hits.covered * (1 - behind / ribbons.HIDDEN_CM).clamp(0, 1)
    opacity = torch.lerp(strands.opacity[first], strands.opacity[first + 1], hits.t) * covered
    fibers = strands.fibers[hits.piece]
    thinner, bright = on_tensors(ribbons.streak)(
        fibers, strands.number[first], hits.across, hits.half, strands.at[hits.piece], hits.t
    )
    opacity = opacity * torch.where(fibers > 0, thinner, 1)
    bright = torch.where(fibers > 0, bright, 1)
    opacity = opacity.masked_fill(opacity < ribbons.FAINT, 0)
    mixed = torch.lerp(color[:, first], color[:, first + 1], hits.t) * bright
    key = hits.pixel * len(pieces.rank) + pieces.rank[hits.piece]
    return _Fragments(key, opacity, mixed.T, strands.part[hits.piece], hits.z)


def _shows_through(pixel: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
    """(C,) share of the light that passes the fragments before each one in its pixel; pixels and fragments are in order."""
    stopped = (-torch.log1p(-opacity.clamp(max=_OPAQUE)) * FIXED).round().long()
    before = stopped.cumsum(0) - stopped
    begins = torch.ones_like(pixel, dtype=torch.bool)
    begins[1:] = pixel[1:] != pixel[:-1]
    at_start = torch.where(begins, before, 0).cummax(0).values
    return torch.exp((at_start - before) / FIXED)
