"""From linear light to the picture's bytes: background, exposure, blur, noise."""

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.ops.image import Image
from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor
from swapcore.synth.mesh import smooth_grid


def background(attributes: Attributes, size_px: int, device: torch.device) -> Tensor:
    """(S, S, 3) linear RGB: a wall's gradient with soft blots of colour, as far out of focus as asked for."""
    rng = np.random.default_rng(attributes.background_seed)
    image = torch.zeros(1, 3, size_px, size_px)
    base = rng.uniform(0.08, 0.6) * (0.75 + 0.25 * rng.uniform(size=3))
    for cells, strength in ((2, 0.45), (5, 0.30), (13, 0.25 * (1 - attributes.background_blur))):
        blots = rng.normal(size=(cells, cells, 3)) * strength
        blots = 0.65 * blots.mean(-1, keepdims=True) + 0.35 * blots
        small = torch.as_tensor(blots, dtype=torch.float32).permute(2, 0, 1)[None]
        image = image + F.interpolate(small, size=(size_px, size_px), mode="bicubic", align_corners=False)
    colour = torch.as_tensor(base, dtype=torch.float32) * torch.exp(image[0].permute(1, 2, 0))
    return colour.clamp(0.005, 1.2).to(device) * (0.35 + 0.4 * attributes.light_intensity)


def develop(linear: Tensor, attributes: Attributes) -> Image:
    """Expose, blur and digitise linear light (S, S, 3); the exposure knows nothing of who is in the picture."""
    sigma = attributes.blur * linear.shape[0] / 256
    light = smooth_grid(linear, sigma) if sigma > 0.25 else linear
    toned = 1 - torch.exp(-1.75 * 2**attributes.exposure_ev * light)
    values = toned.clamp(0, 1) ** (1 / 2.2)
    grain = np.random.default_rng(attributes.noise_seed).normal(size=tuple(values.shape)).astype(np.float32)
    values = values + attributes.noise * torch.from_numpy(grain).to(values.device)
    pixels = (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(pixels.cpu().numpy())
