"""Light: a key with soft shadows, a weak fill, and the glow of the surroundings."""

import math
from dataclasses import dataclass

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor, smoothstep, unit
from swapcore.synth.mesh import Mesh
from swapcore.synth.rasterise import rasterise

_MAP_PX, _MAP_CM = 192, 36.0
_FAR = 1e3
_SKY, _GROUND = (0.96, 1.0, 1.06), (0.62, 0.50, 0.42)
"""Linear RGB of the surroundings' light from above, and from below, where it comes back from chest and clothes."""


@dataclass(frozen=True)
class Light:
    """The lamps of one picture, in the camera's frame."""

    key: Tensor
    """(3,) unit vector towards the key light."""
    fill: Tensor
    key_color: Tensor
    """(3,) linear RGB times intensity."""
    ambient: float
    softness: float


def light_of(attributes: Attributes, device: torch.device) -> Light:
    """The lamps of a picture."""
    azimuth, height = math.radians(attributes.light_azimuth_deg), math.radians(attributes.light_elevation_deg)
    key = torch.tensor(
        [math.sin(azimuth) * math.cos(height), math.sin(height), math.cos(azimuth) * math.cos(height)], device=device
    )
    fill = torch.tensor([-0.8 * float(key[0]), 0.15, 0.9], device=device)
    warmth = attributes.light_warmth
    color = torch.tensor([1 + 0.10 * warmth, 1.0, 1 - 0.13 * warmth], device=device) * attributes.light_intensity
    return Light(key, unit(fill), color, attributes.ambient, attributes.light_softness)


def shadow(mesh: Mesh, points: Tensor, center: Tensor, light: Light) -> Tensor:
    """How much of the key light reaches points (N, 3), 0 to 1, past a mesh in the same frame."""
    right = unit(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], device=points.device), light.key))
    axes = torch.stack([right, -torch.linalg.cross(light.key, right), -light.key], 1)
    scale = _MAP_PX / _MAP_CM

    def to_map(where: Tensor) -> Tensor:
        flat = (where - center) @ axes
        return torch.stack([flat[:, 0] * scale + _MAP_PX / 2, flat[:, 1] * scale + _MAP_PX / 2, flat[:, 2] + 60], 1)

    corners = to_map(mesh.vertices.position)
    seen = rasterise(corners, mesh.triangles, None, _MAP_PX, _MAP_PX)
    depth = torch.full((_MAP_PX * _MAP_PX,), _FAR, device=points.device)
    depth[seen.pixel] = (corners[:, 2][mesh.triangles[seen.triangle]] * seen.weights).sum(1)
    here = to_map(points)
    return _filtered(depth, here, 0.8 + 1.3 * light.softness)


def _filtered(depth: Tensor, here: Tensor, spread: float) -> Tensor:
    """Average the depth test over ten places around each point."""
    taps = [(0.0, 0.0)]
    for count, radius in ((3, 1.0), (6, 2.0)):
        taps += [(radius * math.cos(6.2832 * i / count), radius * math.sin(6.2832 * i / count)) for i in range(count)]
    lit = torch.zeros_like(here[:, 0])
    for dx, dy in taps:
        column, row = (here[:, 0] + spread * dx).floor().long(), (here[:, 1] + spread * dy).floor().long()
        inside = (column >= 0) & (column < _MAP_PX) & (row >= 0) & (row < _MAP_PX)
        index = row.clamp(0, _MAP_PX - 1) * _MAP_PX + column.clamp(0, _MAP_PX - 1)
        behind = here[:, 2] - depth[index] - 0.12 * spread * math.hypot(dx, dy)
        lit = lit + torch.where(inside, smoothstep(1.1, 0.4, behind), 1.0)
    return lit / len(taps)


@dataclass(frozen=True)
class Lit:
    """Points that are to be shaded; N of them, in the camera's frame."""

    normal: Tensor
    view: Tensor
    """(N, 3) unit vectors towards the camera."""
    tangent: Tensor
    """(N, 3) along strands."""
    albedo: Tensor
    gloss: Tensor
    occlusion: Tensor
    shadow: Tensor
    is_skin: Tensor
    is_hair: Tensor
    is_eye: Tensor


def shade(points: Lit, light: Light) -> Tensor:
    """Linear RGB (N, 3) that points send to the camera."""
    facing = points.normal @ light.key
    strand = (1 - (points.tangent @ light.key) ** 2).clamp(0, 1).sqrt()
    reached = torch.where(points.is_skin[:, None], _past_terminator(facing), smoothstep(-0.25, 0.1, facing)[:, None])
    diffuse = _diffuse(points, facing, strand) * points.shadow[:, None] * reached
    occlusion = _with_bounces(points.occlusion.clamp(0, 1.15)[:, None], points.albedo)
    above, below = (facing.new_tensor(tone) * light.ambient for tone in (_SKY, _GROUND))
    sky = torch.lerp(below, above, 0.5 + 0.5 * points.normal[:, 1:2])
    fill = (points.normal @ light.fill).clamp(0, 1)[:, None] * 0.5 * light.ambient
    direct = light.key_color * diffuse * occlusion.sqrt()
    color = points.albedo * (direct + (sky + fill) * occlusion)
    return color + _highlights(points, light, facing)


def _past_terminator(facing: Tensor) -> Tensor:
    """(N, 3) how much light skin still sends where it turns away from the lamp: red goes farthest through it."""
    return smoothstep(facing.new_tensor([-0.50, -0.36, -0.30]), facing.new_tensor([0.22, 0.14, 0.10]), facing[:, None])


def _with_bounces(occlusion: Tensor, albedo: Tensor) -> Tensor:
    """(N, 3) occlusion with the light that bright surfaces send into each other.

    Jimenez et al., "Practical Realtime Strategies for Accurate Indirect Occlusion", SIGGRAPH 2016 course.
    """
    a, b, c = 2.0404 * albedo - 0.3324, -4.7951 * albedo + 0.6417, 2.7552 * albedo + 0.6903
    return torch.maximum(occlusion, ((occlusion * a + b) * occlusion + c) * occlusion)


def _diffuse(points: Lit, facing: Tensor, strand: Tensor) -> Tensor:
    """(N, 3): skin scatters red light past the terminator, hair glows by the strand's angle to the light."""
    wrap = facing.new_tensor([0.36, 0.20, 0.14])
    skin = ((facing[:, None] + wrap) / (1 + wrap)).clamp(0, 1)
    plain = ((facing + 0.2) / 1.2).clamp(0, 1)
    hair = 0.55 * plain + 0.45 * strand * ((facing + 0.5) / 1.5).clamp(0, 1)
    return torch.where(points.is_skin[:, None], skin, torch.where(points.is_hair, hair, plain)[:, None])


def _highlights(points: Lit, light: Light, facing: Tensor) -> Tensor:
    """(N, 3): two lobes on skin, a sharp one on the wet eye, a band across strands."""
    half = unit(light.key + points.view)
    along = (points.normal * half).sum(-1).clamp(0, 1)
    fresnel = 0.04 + 0.5 * (1 - (points.normal * points.view).sum(-1).clamp(0, 1)) ** 5
    surface = points.gloss * (0.32 * along**14 + 0.50 * along**48) * (0.6 + 4 * fresnel)
    eye = 5.0 * along**260 + 0.08 * along**30
    across = ((points.tangent * half).sum(-1) + 0.12).clamp(-1, 1)
    band = (1 - across**2).clamp(0, 1) ** 30 * ((facing + 0.3) / 1.3).clamp(0, 1)
    strength = torch.where(points.is_hair, 0.14 * band * points.occlusion, torch.where(points.is_eye, eye, surface))
    tone = torch.where(points.is_hair[:, None], 0.35 + 2.2 * points.albedo, 1.0)
    return (strength * points.shadow)[:, None] * tone * light.key_color
