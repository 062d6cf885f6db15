"""From linear light to the picture's bytes: background, exposure, blur, noise."""

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor
from swapcore.synth.mesh import smooth_grid


def background(attributes: Attributes, size_px: int, device: torch.device) -> Tensor:
    """(S, S, 3) linear RGB: a wall, a room, greenery or a street, as far out of focus as asked for."""
    rng = np.random.default_rng(attributes.background_seed)
    kind, base = rng.integers(4), rng.uniform(0.08, 0.6) * (0.75 + 0.25 * rng.uniform(size=3))
    sharp = 1 - attributes.background_blur
    image = _blots(rng, ((2, 0.35), (5, 0.12), (13, 0.10 * sharp)) if kind == 0 else ((3, 0.4), (7, 0.3)), size_px)
    if kind == 1:
        image = image * 0.6 + _panels(rng, sharp, size_px)
    elif kind == 2:
        base = base * (0.75, 1.0, 0.55)
        image = image + _blots(rng, ((12, 0.25 + 0.10 * sharp), (28, 0.22 * sharp)), size_px)
    elif kind == 3:
        image = image * 0.7 + _lamps(rng, sharp, size_px)
    color = torch.as_tensor(base, dtype=torch.float32) * torch.exp(image.clamp(-2.5, 2.5))
    return color.clamp(0.005, 1.2).to(device) * (0.35 + 0.4 * attributes.light_intensity)


def _blots(rng: np.random.Generator, layers: tuple[tuple[int, float], ...], size_px: int) -> Tensor:
    """(S, S, 3) soft blots, the logarithm of light: layers of cells a side and strength."""
    image = torch.zeros(1, 3, size_px, size_px)
    for cells, strength in layers:
        blots = rng.normal(size=(cells, cells, 3)) * strength
        blots = 1.2 * blots.mean(-1, keepdims=True) + 0.2 * blots
        small = torch.as_tensor(blots, dtype=torch.float32).permute(2, 0, 1)[None]
        image = image + F.interpolate(small, size=(size_px, size_px), mode="bicubic", align_corners=False)
    return image[0].permute(1, 2, 0)


def _panels(rng: np.random.Generator, sharp: float, size_px: int) -> Tensor:
    """(S, S, 3) upright and level edges of a room: shelves, frames, a window; the logarithm of light."""
    place = torch.linspace(0, 1, size_px)
    image = torch.zeros(size_px, size_px, 3)
    for _ in range(7):
        left, top = rng.uniform(-0.1, 0.9, 2)
        wide, high = rng.uniform(0.08, 0.5), rng.uniform(0.1, 0.9)
        edge = 0.004 + 0.035 * (1 - sharp)
        across, down = (
            torch.sigmoid((place - start) / edge) * torch.sigmoid((start + length - place) / edge)
            for start, length in ((left, wide), (top, high))
        )
        tone = torch.as_tensor(rng.normal(0, 0.45) + rng.normal(0, 0.12, 3), dtype=torch.float32)
        image = image + (down[:, None] * across[None])[..., None] * tone
    return image


def _lamps(rng: np.random.Generator, sharp: float, size_px: int) -> Tensor:
    """(S, S, 3) lights far behind, as discs of the lens; the logarithm of light."""
    place = torch.linspace(0, 1, size_px)
    image = torch.zeros(size_px, size_px, 3)
    radius, edge = 0.012 + 0.035 * (1 - sharp), 0.006
    for x, y in rng.uniform(0, 1, (24, 2)):
        distance = ((place[None] - x) ** 2 + (place[:, None] - y) ** 2).sqrt()
        tone = torch.as_tensor(rng.uniform(0.3, 1.3) * rng.uniform(0.6, 1.0, 3), dtype=torch.float32)
        image = image + torch.sigmoid((radius - distance) / edge)[..., None] * tone
    return image


def develop(linear: Tensor, attributes: Attributes) -> Tensor:
    """Expose, blur and digitise linear light (S, S, 3) to uint8; the exposure knows nothing of who is in the picture."""
    sigma = attributes.blur * linear.shape[0] / 256
    light = smooth_grid(linear, sigma) if sigma > 0.25 else linear
    toned = 1 - torch.exp(-1.75 * 2**attributes.exposure_ev * light)
    values: Tensor = toned.clamp(0, 1) ** (1 / 2.2)
    grain = np.random.default_rng(attributes.noise_seed).normal(size=tuple(values.shape)).astype(np.float32)
    values = values + attributes.noise * torch.from_numpy(grain).to(values.device)
    return (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
