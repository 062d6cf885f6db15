"""Shadow maps of several images."""

from dataclasses import dataclass

import torch

from swapcore.synth.batched.expansion import expand
from swapcore.synth.batched.packing import Strands
from swapcore.synth.batched.zbuffer import Boxes, rasterize
from swapcore.synth.layers import Part
from swapcore.synth.rasterize import FAR
from swapcore.synth.shadow import MAP_PX

FIXED = 1 << 24
"""Sums over fragments are of integers, this many for 1, so that they do not depend on the order of the device's threads."""


@dataclass(frozen=True)
class ShadowMaps:
    """Depths along the light, as in shadow.ShadowMap."""

    solid: torch.Tensor
    """(B, MAP_PX, MAP_PX)."""
    hair: torch.Tensor
    """(B, MAP_PX, MAP_PX, 2)."""


def count_steps(strands: Strands) -> torch.Tensor:
    """(P,) points of each piece of hair in the map; other parts cast no shadow."""
    start = strands.on_map
    moved = (start[strands.first + 1, :2] - start[strands.first, :2]).abs().amax(1)
    return (moved.long() + 1) * (strands.part == int(Part.HAIR))


def cast_shadows(
    solids: Boxes, total: int, strands: Strands, steps: torch.Tensor, num_steps: int, num_images: int
) -> ShadowMaps:
    """Draw the maps.

    Args:
        solids: triangles in the maps.
        total: sum of their counts.
        strands: hair.
        steps: of count_steps.
        num_steps: their sum.
        num_images: B.
    """
    _, solid = rasterize(solids, total, num_images, MAP_PX)
    nearest = torch.full((len(solid) + 1,), float(FAR), device=solid.device)
    amount = torch.zeros(len(solid) + 1, dtype=torch.long, device=solid.device)
    for piece, step in expand(steps, num_steps):
        first = strands.first[piece]
        start, end = strands.on_map[first], strands.on_map[first + 1]
        place = start + (step / steps[piece])[:, None] * (end - start)
        x, y = place[:, 0].long(), place[:, 1].long()
        inside = (x >= 0) & (x < MAP_PX) & (y >= 0) & (y < MAP_PX)
        texel = torch.where(inside, (strands.image[first] * MAP_PX + y) * MAP_PX + x, len(solid))
        nearest.scatter_reduce_(0, texel, place[:, 2], "amin")
        share = strands.map_width[first].clamp(max=1) * strands.opacity[first]
        amount.scatter_add_(0, texel, (share * FIXED).long())
    hair = torch.stack([nearest, amount / FIXED], 1)[:-1].float()
    return ShadowMaps(solid.view(-1, MAP_PX, MAP_PX), hair.view(-1, MAP_PX, MAP_PX, 2))
