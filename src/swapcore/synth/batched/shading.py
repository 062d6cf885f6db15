"""Light on the surfaces of several images, by the compiled renderer's formulas."""

from dataclasses import dataclass

import torch

from swapcore.synth import shading
from swapcore.synth.batched.expansion import CHUNK, marked
from swapcore.synth.batched.formulas import on_tensors
from swapcore.synth.batched.packing import Circumstances, Surfaces
from swapcore.synth.batched.shadows import ShadowMaps
from swapcore.synth.layers import Material
from swapcore.synth.rasterize import barycentric


@dataclass(frozen=True)
class Lighting:
    """Everything that shading needs in addition to the surfaces."""

    circumstances: Circumstances
    shadows: ShadowMaps
    block: torch.Tensor
    """Of noise."""
    size: int
    """Side of the supersampled images in pixels."""


@dataclass(frozen=True)
class Shaded:
    """Light of N pixels."""

    pixels: torch.Tensor
    """(N,) place in (B, size, size)."""
    channels: torch.Tensor
    """(BUFFER_CHANNELS, N)."""
    parts: torch.Tensor
    """(N,)."""


def material_masks(surfaces: Surfaces, shown: torch.Tensor) -> torch.Tensor:
    """(materials, pixels) which pixels show a material, of triangles shown (pixels,), -1 for none."""
    if not len(surfaces.material):
        return torch.zeros(len(Material), len(shown), dtype=torch.bool, device=shown.device)
    material = torch.where(shown >= 0, surfaces.material[shown.clamp(min=0)], -1)
    return torch.stack([material == int(kind) for kind in Material])


def shade(
    surfaces: Surfaces,
    shown: torch.Tensor,
    masks: torch.Tensor,
    counts: list[int],
    lighting: Lighting,
    cavity: torch.Tensor,
    eye_light: torch.Tensor,
) -> list[Shaded]:
    """Shade pixels, one material after the other.

    Args:
        surfaces: the triangles.
        shown: (pixels,) triangle of each pixel of all images.
        masks: of material_masks.
        counts: number of pixels of each mask.
        lighting: light and looks.
        cavity: (pixels,) share of the light that reaches small hollows.
        eye_light: (pixels,) share of the light that reaches an eye past its lids.
    """
    shaded = []
    for material, mask, count in zip(Material, masks, counts, strict=True):
        for pixels in torch.split(marked(mask, count), CHUNK) if count else ():
            light = eye_light if material is Material.EYE else cavity
            shaded.append(_shade(material, surfaces, pixels, shown[pixels], lighting, light[pixels]))
    return shaded


def _shade(
    material: Material,
    surfaces: Surfaces,
    pixels: torch.Tensor,
    triangle: torch.Tensor,
    lighting: Lighting,
    light: torch.Tensor,
) -> Shaded:
    size = lighting.size
    i, j, k = surfaces.triangles[triangle].T
    a, b, c = on_tensors(barycentric)(surfaces.corners, i, j, k, pixels % size, pixels // size % size)
    values = surfaces.values
    mixed = a[:, None] * values[i] + b[:, None] * values[j] + c[:, None] * values[k]
    position, normal, local, extra = torch.split(mixed.T.contiguous(), [3, 3, 3, 4])
    image = pixels // size**2
    lamps = lighting.circumstances.lamps(image, lighting.shadows.solid, lighting.shadows.hair)
    look = lighting.circumstances.looks(image)
    frame = on_tensors(shading.frame_of)(position, normal, int(material), lamps)
    reached = on_tensors(shading.reached_share)(position, frame, lamps)
    out = torch.zeros(shading.BUFFER_CHANNELS, len(pixels), device=pixels.device)
    surface, parts = (local, extra, frame, reached, light), surfaces.part[triangle]
    if material is Material.SKIN:
        texels = torch.empty(look.texture.shape[-1], len(pixels), device=pixels.device)
        parts = on_tensors(shading.shade_skin)(*surface, look, lamps, texels, out)
    elif material is Material.EYE:
        on_tensors(shading.shade_eye)(*surface, look, lamps, lighting.block, out)
    elif material in (Material.TEETH, Material.TONGUE):
        on_tensors(shading.shade_mouth)(int(material), *surface, look, lamps, lighting.block, out)
    else:
        on_tensors(shading.shade_layer)(int(material), *surface, lamps, lighting.block, out)
    return Shaded(pixels, out, parts)
