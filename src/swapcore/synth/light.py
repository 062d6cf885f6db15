"""The light of one image: a key light with a soft border, and the surroundings as nine numbers per color."""

import math
from dataclasses import dataclass

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes
from swapcore.synth.compiled import compiled


@dataclass(frozen=True)
class Light:
    """Light in the camera's frame."""

    key: Floats
    """(3,) unit vector toward the key light."""
    key_color: Floats
    """(3,) linear RGB times intensity."""
    softness: float
    environment: Floats
    """(9, 3) irradiance / pi of the surroundings over the basis of `environment_at`."""


def key_light(attributes: Attributes) -> tuple[Floats, Floats]:
    """Direction (3,) toward the key light, and its color (3,)."""
    azimuth, height = math.radians(attributes.light_azimuth_deg), math.radians(attributes.light_elevation_deg)
    key = [math.sin(azimuth) * math.cos(height), math.sin(height), math.cos(azimuth) * math.cos(height)]
    warmth = attributes.light_warmth
    color = np.array([1 + 0.10 * warmth, 1.0, 1 - 0.13 * warmth]) * 1.2 * attributes.light_intensity
    return np.array(key, np.float32), color.astype(np.float32)


def make_environment(background: Floats, ambient: float) -> Floats:
    """(9, 3) light of the surroundings that fit a background (S, S, 3): its sides, top and bottom tint their directions."""
    quarter = max(1, background.shape[0] // 4)
    left, right = background[:, :quarter].mean((0, 1)), background[:, -quarter:].mean((0, 1))
    top, bottom = background[:quarter].mean((0, 1)), background[-quarter:].mean((0, 1))

    def tint(color: Floats) -> Floats:
        return 0.5 + 0.5 * np.clip(color / max(float(color.mean()), 1e-3), 0.6, 1.6)

    strength = 0.72 * ambient
    coefficients = np.zeros((9, 3))
    coefficients[0] = strength * (0.55 * tint(top) + 0.45 * tint(bottom))
    coefficients[1] = strength * (0.34 * tint(top) - 0.25 * np.array([0.75, 0.62, 0.55]))
    coefficients[2] = 0.20 * strength
    coefficients[3] = 0.34 * strength * (right - left) / (right + left + 0.05)
    coefficients[6] = 0.04 * strength
    return coefficients.astype(np.float32)


@compiled
def environment_at(sh: Floats, channel: int, x: float, y: float, z: float) -> float:
    """Irradiance / pi of the surroundings at a normal: [1, y, z, x, xy, yz, 3z²-1, xz, x²-y²]."""
    value = sh[0, channel] + sh[1, channel] * y + sh[2, channel] * z + sh[3, channel] * x
    value += sh[4, channel] * x * y + sh[5, channel] * y * z + sh[6, channel] * (3 * z * z - 1)
    value += sh[7, channel] * x * z + sh[8, channel] * (x * x - y * y)
    positive: float = max(0.0, value)
    return positive
