"""Glasses: frames fitted to eyes, nose and ears, with reflecting lenses."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.synth.hair.scalp import Array
from swapcore.synth.head import Head
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.solids import box_profile, grid_triangles, make_layer, sweep

_SEGMENTS = 56
"""Corners of a lens's outline."""
_WRAP, _TILT = 0.010, 0.10
"""How the lenses bend around the face, 1 / cm, and lean in at the bottom."""


@dataclass(frozen=True)
class _Frame:
    half_width: float
    half_height: float
    square: float
    """Exponent of the outline: 2 an ellipse, 6 nearly a rectangle."""
    taper: float
    """How much narrower the bottom is than the top; negative drops the outer corner as aviators do."""
    rim_cm: float
    depth_cm: float
    lower_rim: float
    """Thickness of the lower half of the rim as a share of the upper one's."""
    metal: bool
    tint: float
    """Opacity of the lenses."""


_FRAMES = (
    _Frame(2.55, 1.80, 4.2, 0.08, 0.24, 0.30, 0.85, False, 0.03),
    _Frame(2.30, 2.10, 2.1, 0.00, 0.09, 0.13, 1.0, True, 0.03),
    _Frame(2.70, 2.20, 2.7, 0.20, 0.09, 0.12, 1.0, True, 0.06),
    _Frame(2.60, 1.90, 3.4, 0.10, 0.30, 0.30, 0.28, False, 0.03),
    _Frame(2.50, 1.60, 3.8, 0.06, 0.10, 0.14, 0.0, True, 0.02),
)
"""Rectangular plastic, round metal, aviator, browline, rimless below."""
_PLASTIC = np.array(
    [(0.012, 0.011, 0.011), (0.075, 0.030, 0.014), (0.020, 0.024, 0.050), (0.15, 0.022, 0.026), (0.30, 0.25, 0.20)]
)
_METAL = np.array([(0.62, 0.47, 0.24), (0.60, 0.60, 0.61), (0.10, 0.10, 0.11), (0.52, 0.34, 0.27)])
NUM_STYLES = len(_FRAMES)


def wear_glasses(style: int, head: Head, color_seed: int) -> tuple[Layer, ...]:
    """Fit glasses to a head.

    Args:
        style: 0 none, then 1 to NUM_STYLES.
        head: the head at rest.
        color_seed: chooses the color.

    Raises:
        ValueError: the style is unknown.
    """
    if style == 0:
        return ()
    if not 1 <= style <= NUM_STYLES:
        raise ValueError(f"glasses: style {style} is unknown; use 0 to {NUM_STYLES}")
    frame = _FRAMES[style - 1]
    rng = np.random.default_rng([color_seed, 31])
    palette = _METAL if frame.metal else _PLASTIC
    color = palette[rng.integers(len(palette))] * rng.uniform(0.8, 1.2)
    fit = _Fit(head, frame)
    material = Material.METAL if frame.metal else Material.PLASTIC
    solid = [_rim(fit, side) for side in (-1, 1)] + [_bridge(fit)] + [_temple(fit, head, side) for side in (-1, 1)]
    if frame.metal:
        solid += [_pad(fit, side) for side in (-1, 1)]
    layers = [make_layer(p, t, color, material, Part.GLASSES, two_sided=True) for p, t in solid]
    tint = np.array([0.55, 0.56, 0.53]) if frame.tint < 0.05 else np.array([0.10, 0.075, 0.05])
    layers += [_lens(fit, side, tint) for side in (-1, 1)]
    return tuple(layers)


class _Fit:
    """Where the parts of a frame go on one head."""

    def __init__(self, head: Head, frame: _Frame) -> None:
        (left, _), (right, _) = head.eyes
        self.frame = frame
        self.half_pd = float(right[0] - left[0]) / 2
        scale = self.half_pd / 3.2
        self.width, self.height = frame.half_width * scale, frame.half_height * scale
        self.center_x = max(self.half_pd + 0.12, self.width + 0.75)
        self.center_y = float(left[1] + right[1]) / 2 - 0.35 - 0.25 * max(0.0, frame.half_height - 1.9)
        x, y, z = head.vertices.T
        self.front = 0.0
        bend = _WRAP * x**2 - _TILT * (y - self.center_y)
        outline = np.abs((np.abs(x) - self.center_x) / (self.width + 0.15)) ** 2.5
        near = (outline + np.abs((y - self.center_y) / (self.height + 0.1)) ** 2.5 < 1) & (z > -6)
        self.front = float((z + bend)[near].max()) + 0.30 if near.any() else 2.5
        eye_front = max(float(center[2]) + radius for center, radius in head.eyes) + 0.75
        self.front = max(self.front, eye_front)

    def place(self, x: npt.ArrayLike, y: npt.ArrayLike, ahead: float = 0.0) -> Array:
        """Points (N, 3) of the glasses' curved front at x and y."""
        across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
        z = self.front + ahead - _WRAP * across**2 + _TILT * (up - self.center_y)
        return np.stack([across, up, z], -1).astype(np.float32)

    def outline(self, side: int, grow: float = 0.0) -> Array:
        """(N, 3) the lens's border, counterclockwise seen from the front, starting at the temple of side 1."""
        angle = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
        power = 2 / self.frame.square
        u = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        v = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        inner = (1 - u) / 2
        low = np.clip(-v, 0, 1)
        u = u * (1 - self.frame.taper * low) + 0.9 * self.frame.taper * low * (u < 0) * (-u) * 0.6
        v = v * (1 + 0.25 * self.frame.taper * (v < 0) * (1 - inner))
        x = side * (self.center_x + (self.width + grow) * u)
        y = self.center_y + (self.height + grow) * v
        points = self.place(x, y)
        return points if side > 0 else points[::-1]


def _rim(fit: _Fit, side: int) -> tuple[Array, npt.NDArray[np.int32]]:
    """The tube around one lens, thinner below where the frame is so made."""
    path = fit.outline(side)
    height = (path[:, 1] - fit.center_y) / fit.height
    thick = np.where(height > 0, 1.0, 1 + (fit.frame.lower_rim - 1) * np.clip(-height * 2.5, 0, 1))
    thick = np.maximum(thick, 0.02)
    points, triangles = sweep(
        path, np.array([0, 0, 1.0], np.float32), box_profile(fit.frame.rim_cm, fit.frame.depth_cm), True
    )
    ring = np.concatenate([path, path[:1]])
    scale = np.concatenate([thick, thick[:1]])
    around = points.reshape(len(ring), -1, 3)
    around = ring[:, None] + (around - ring[:, None]) * scale[:, None, None]
    return around.reshape(-1, 3).astype(np.float32), triangles


def _bridge(fit: _Fit) -> tuple[Array, npt.NDArray[np.int32]]:
    inner = fit.center_x - fit.width
    t = np.linspace(-1, 1, 13)
    arch = 0.30 if fit.frame.metal else 0.18
    path = fit.place(t * inner * 1.02, fit.center_y + 0.30 * fit.height + arch * (1 - t**2))
    path[:, 2] += 0.10 * (1 - t**2)
    size = fit.frame.rim_cm * (0.9 if fit.frame.metal else 0.85)
    return sweep(path, np.array([0, 0, 1.0], np.float32), box_profile(size, fit.frame.depth_cm * 0.9))


def _temple(fit: _Fit, head: Head, side: int) -> tuple[Array, npt.NDArray[np.int32]]:
    """The arm from the hinge along the head's side to the top of the ear."""
    x, y, z = (head.vertices * np.array([side, 1, 1], np.float32)).T
    ear = (head.groups["ears"] > 0.6) & (x > 0)
    top = float(np.quantile(y[ear], 0.93)) if ear.any() else 0.8
    ear_z = float(z[ear][y[ear] > top - 0.4].mean()) if ear.any() else -8.5
    hinge = fit.place(fit.center_x + fit.width * 0.99, fit.center_y + 0.42 * fit.height)
    steps = np.linspace(0, 1, 16)
    zs = hinge[2] + (ear_z - hinge[2]) * steps
    ys = hinge[1] + (top + 0.05 - hinge[1]) * steps
    at_side = (x > 3.0) & (head.groups["ears"] < 0.2)
    xs = np.empty(len(steps))
    for k, (height, depth) in enumerate(zip(ys, zs, strict=True)):
        near = at_side & (np.abs(y - height) < 0.7) & (np.abs(z - depth) < 0.8)
        xs[k] = (x[near].max() if near.any() else 0.0) + 0.14
    straight = hinge[0] + (max(xs[-1], xs[-3]) - hinge[0]) * steps
    xs = np.maximum(xs, straight)
    xs[0] = hinge[0]
    path = np.stack([side * xs, ys, zs], 1).astype(np.float32)
    hook = np.array(
        [[side * xs[-1] * 0.985, ys[-1] - 0.9, zs[-1] - 1.3], [side * xs[-1] * 0.96, ys[-1] - 2.2, zs[-1] - 1.9]]
    )
    path = np.concatenate([path, hook.astype(np.float32)])
    tall = 0.13 if fit.frame.metal else 0.30
    return sweep(path, np.array([0, 1.0, 0], np.float32), box_profile(0.14, tall))


def _pad(fit: _Fit, side: int) -> tuple[Array, npt.NDArray[np.int32]]:
    inner = fit.center_x - fit.width
    start = fit.place(side * (inner + 0.1), fit.center_y - 0.15)
    end = start + np.array([-side * 0.28, -0.30, -0.55], np.float32)
    path = np.linspace(start, end, 5).astype(np.float32)
    return sweep(path, np.array([0, 1.0, 0], np.float32), box_profile(0.08, 0.2))


def _lens(fit: _Fit, side: int, tint: npt.NDArray[np.float64]) -> Layer:
    """A disc of rings, bulged a little, so that its reflections vary."""
    border = fit.outline(side)
    center = border.mean(0)
    rings = np.linspace(0.02, 1.0, 7)[:, None, None]
    points = center + (border - center)[None] * rings
    points[..., 2] += 0.22 * (1 - rings[..., 0] ** 2)
    triangles = grid_triangles(len(rings), _SEGMENTS, closed=True)
    return make_layer(points, triangles, tint, Material.GLASS, Part.GLASSES, opacity=fit.frame.tint, two_sided=True)
