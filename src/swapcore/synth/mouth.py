"""Teeth, gums and tongue: their place, color and relief."""

import math

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.compiled import compiled
from swapcore.synth.curves import bell, choose, smoothstep
from swapcore.synth.head import load_topology, subdivide
from swapcore.synth.noise import rotated_noise

_UPPER_EDGES = np.array([0.0, 0.86, 1.54, 2.32, 3.04, 3.76, 4.76, 5.76, 6.76])
_LOWER_EDGES = np.array([0.0, 0.55, 1.16, 1.86, 2.58, 3.32, 4.40, 5.46, 6.50])
"""Distance along the arch in cm from the middle to the gaps between teeth."""
_ARCH_CM = 4.15
"""Centimeters along the arch per radian around its middle."""


def place_teeth(coarse: Floats) -> Floats:
    """(V, 3) cm: the upper teeth a little lower and farther in front than the mesh has them, where a smile shows them."""
    upper = load_topology().upper_teeth[:, None]
    down = np.array([0, -0.26, 0.10], np.float32) * upper + np.array([0, -0.08, 0.02], np.float32) * (1 - upper)
    return np.asarray(subdivide("teeth", coarse) + down, dtype=np.float32)


def place_tongue(coarse: Floats) -> Floats:
    """(V, 3) cm: rests on the floor of the mouth, its back arched."""
    tongue = subdivide("tongue", coarse)
    canonical = load_topology().canonical["tongue"]
    arch = 0.28 * np.exp(-(((canonical[:, 2] + 1.5) / 2.0) ** 2)) * np.exp(-((canonical[:, 0] / 1.5) ** 2))
    groove = 0.16 * np.exp(-((canonical[:, 0] / 0.25) ** 2))
    tongue[:, 1] += arch - groove - 1.40
    tongue[:, 2] -= 1.40
    return tongue


@compiled
def tooth_color(
    x: float,
    y: float,
    z: float,
    is_upper: float,
    upper_edges: Floats,
    lower_edges: Floats,
    offset: float,
    block: Floats,
) -> tuple[float, float, float, float, float]:
    """Color of a point of the mean head's teeth, slope of its relief along the arch, and how much it is gum."""
    around = math.atan2(x, z + 2.2)
    along = abs(around) * 4.15
    upper = is_upper > 0.5
    n = 0
    for m in range(1, len(upper_edges) - 1):
        n += choose(along >= choose(upper, upper_edges[m], lower_edges[m]), 1, 0)
    start, end = choose(upper, upper_edges[n], lower_edges[n]), choose(upper, upper_edges[n + 1], lower_edges[n + 1])
    across = (along - start) / (end - start)
    gap = smoothstep(0.10, 0.0, across) + smoothstep(0.90, 1.0, across)
    # The gum's border is an arc over each tooth and reaches down between two.
    scallop = 0.16 * (2 * across - 1) ** 2
    rim = choose(upper, y - (-5.62 - scallop), (-7.28 + scallop) - y)
    gum = smoothstep(-0.05, 0.05, rim)
    edge = choose(upper, (y + 6.63) / 0.9, (-6.34 - y) / 0.9)
    clear = smoothstep(0.35, 0.0, edge)
    mottle = rotated_noise(block, 0, x, y * 0.5, z, 3.0, offset)
    bright = (1 - 0.45 * gap) * (1 + 0.04 * mottle) * (1 - 0.12 * clear) * (1 - 0.40 * smoothstep(1.5, 3.6, along))
    red, green, blue = 0.84 * bright, 0.73 * bright, 0.595 * bright
    red += (0.40 * (1 + 0.08 * mottle) - red) * gum
    green += (0.135 * (1 + 0.08 * mottle) - green) * gum
    blue += (0.125 * (1 + 0.08 * mottle) - blue) * gum
    slope = (2 * across - 1) * 0.55 * (1 - gum)
    return red, green, blue, choose(x < 0, -slope, slope), gum


@compiled
def tongue_color(x: float, z: float, offset: float, block: Floats) -> tuple[float, float, float]:
    """Color of a point of the mean head's tongue."""
    papillae = 1 + 0.12 * rotated_noise(block, 1, x, 0.0, z, 6.0, offset) - 0.18 * bell(x, 0.12)
    return 0.27 * papillae, 0.090 * papillae, 0.085 * papillae


def tooth_edges() -> tuple[Floats, Floats]:
    """Gaps of the upper and of the lower arch, as tooth_color wants them."""
    return _UPPER_EDGES.astype(np.float32), _LOWER_EDGES.astype(np.float32)
