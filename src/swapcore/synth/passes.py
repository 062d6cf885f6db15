"""Image-space passes between rasterizing and the finished image: hollows, eyelid shade, scattering in skin, soft layers."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.camera import Camera, Pose
from swapcore.synth.compiled import compiled
from swapcore.synth.curves import smoothstep, smoothsteps
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.mouth import tooth_edges
from swapcore.synth.noise import noise_block
from swapcore.synth.rasterize import FAR, rasterize
from swapcore.synth.scene import join, layer_piece
from swapcore.synth.shading import BUFFER_CHANNELS, Lamps, ShadingInputs, shade_solids
from swapcore.synth.skin import CHANNELS

SCATTER_CM = (0.17, 0.075, 0.045)
"""How far red, green and blue light spreads in skin."""
SMALLEST_SIGMA, LEAST_SKIN = 0.3, 1e-3
"""No blur by less than this, in pixels; less skin than this around a pixel does not make its light larger."""
REDDEST, ANY_RED = 1.7, 0.005
"""Most red light for the green that reaches the same place: without it, deep corners of the lids would glow orange."""
NEAR_LIDS, BELOW_LID = (0.45, 1.0), (0.30, 1.0)
"""Shares of open eye around a pixel and above it between which the shade of the lids ends."""
HOLLOWS = ((0.16, 3.4, 1.0), (0.5, 1.7, 2.0))
"""Reach in cm, darkening per cm that a pixel is deeper than its neighborhood, and the step in cm that is an outline instead."""
DEEPEST = 0.12
"""Share of the light that reaches the deepest hollow."""
SMALLEST_HOLLOW_PX = 0.4
"""Hollows that reach fewer pixels are not measured."""
DENSE, COVERS = 0.95, 0.5
"""Opacity from which hair's under-shell hides what is behind it, and above which a soft layer is what a pixel shows."""


@dataclass(frozen=True)
class Canvas:
    """The supersampled image while it is drawn; all three are changed in place."""

    image: Floats
    """(F, F, 3) linear RGB."""
    parts: Ints
    """(F, F) values of Part."""
    depth: Floats
    """(F, F) cm."""


def measure_hollows(depth: Floats, px_cm: float) -> Floats:
    """Share of the light that reaches each pixel (F, F) past its neighborhood: nostrils, lids, lips, collars."""
    shown = depth < FAR
    if not shown.any():
        return np.ones_like(depth)
    deeper_sum = np.zeros_like(depth)
    for reach_cm, strength, outline_cm in HOLLOWS:
        if reach_cm / px_cm >= SMALLEST_HOLLOW_PX:
            _add_hollows(depth, reach_cm / px_cm, strength, outline_cm, deeper_sum)
    return np.where(shown, np.maximum(np.exp(-deeper_sum), DEEPEST), 1).astype(np.float32)


@compiled
def _add_hollows(depth: Floats, reach_px: float, strength: float, outline_cm: float, total: Floats) -> None:
    """Add how much deeper a pixel is than the middle of two opposite neighbors, over several pairs of them.

    A pair of which one is in front by an outline's step does not count: the chin does not darken the neck's rim behind it.
    """
    height, width = depth.shape
    steps = hollow_steps(reach_px)
    for y in range(height):
        for x in range(width):
            here = depth[y, x]
            if here >= FAR:
                continue
            deeper = 0.0
            for n in range(8):
                dx, dy = steps[n, 0], steps[n, 1]
                x0, y0 = min(width - 1, max(0, x + dx)), min(height - 1, max(0, y + dy))
                x1, y1 = min(width - 1, max(0, x - dx)), min(height - 1, max(0, y - dy))
                first, second = here - depth[y0, x0], here - depth[y1, x1]
                deeper += deeper_by(first, second, outline_cm)
            total[y, x] += strength * deeper / 8


@compiled
def hollow_steps(reach_px: float) -> Ints:
    """(8, 2) steps x, y from a pixel to one of two opposite neighbors; the other one is as far on the other side."""
    steps = np.empty((8, 2), np.int64)
    for n in range(8):
        angle, radius = math.pi / 4 * (n + 0.5 * (n // 4)), reach_px * (0.8 if n < 4 else 1.8)
        steps[n, 0], steps[n, 1] = round(radius * math.cos(angle)), round(radius * math.sin(angle))
    return steps


@compiled
def deeper_by(first: float, second: float, outline_cm: float) -> float:
    """How much deeper a pixel is than the middle of two neighbors, of which it is this much deeper than each."""
    counts = smoothstep(outline_cm, 0.5 * outline_cm, max(abs(first), abs(second)))
    return counts * max(0.0, first + second) / 2


def shade_of_lids(is_eye: Floats, px_cm: float) -> Floats:
    """Share of the light that reaches an eye (F, F) past its lids: less near their edges, least below the upper lid."""
    light = np.ones(is_eye.shape, np.float32)
    rows, columns = np.flatnonzero(is_eye.any(1)), np.flatnonzero(is_eye.any(0))
    if not len(rows):
        return light
    margin = int(np.ceil(0.8 / px_cm))
    cut = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    seen = is_eye[cut].astype(np.float32)
    sigma_near, sigma_above, down = lid_reach(px_cm)
    near = cv2.GaussianBlur(seen, (0, 0), sigma_near)
    above = np.roll(cv2.GaussianBlur(seen, (0, 0), sigma_above), down, 0)
    light[cut] = lid_light(smoothsteps(*NEAR_LIDS, near), smoothsteps(*BELOW_LID, above))
    return light


def lid_reach(px_cm: float) -> tuple[float, float, int]:
    """In pixels: deviations of the shade near both lids and below the upper one, and how far down the latter is moved."""
    return max(SMALLEST_SIGMA, 0.12 / px_cm), max(SMALLEST_SIGMA, 0.13 / px_cm), max(1, round(0.21 / px_cm))


def lid_light(near: Floats, above: Floats) -> Floats:
    """Light past the lids, of shares in 0..1 that are open around a pixel and above it; arrays or tensors."""
    return (0.28 + 0.72 * near) * (0.22 + 0.78 * above)


def compose(buffer: Floats, px_cm: float) -> Floats:
    """Linear RGB (F, F, 3): color times diffuse light, which skin spreads within its own borders, plus reflections."""
    skin = np.ascontiguousarray(buffer[..., 9])
    image = np.empty((*buffer.shape[:2], 3), np.float32)
    for channel in (1, 0, 2):
        reach, light = SCATTER_CM[channel], buffer[..., 3 + channel]
        sigma = reach / px_cm
        if sigma >= SMALLEST_SIGMA:
            weight = cv2.GaussianBlur(skin, (0, 0), sigma)
            spread = cv2.GaussianBlur(light * skin, (0, 0), sigma) / np.maximum(weight, LEAST_SKIN)
            light = light + (spread - light) * skin
        if channel == 1:
            green = light
        elif channel == 0:
            light = np.minimum(light, REDDEST * green + ANY_RED)
        image[..., channel] = buffer[..., channel] * light + buffer[..., 6 + channel]
    return image


_NO_LOOK = ShadingInputs(
    np.zeros((2, 4, CHANNELS), np.float32), np.eye(3, dtype=np.float32), np.zeros(4, np.float32),
    np.zeros(3, np.float32), 0.0, 0.0, 0.0, 0.0, *tooth_edges(),
)  # fmt: skip
"""The look for scenes without a person."""


def blend_layers(layers: list[Layer], canvas: Canvas, lamps: Lamps, pose: Pose, camera: Camera) -> None:
    """Blend soft or transparent layers over what is behind them; of several in a pixel the nearest one."""
    if not layers:
        return
    scene, two_sided = join([layer_piece(layer, pose) for layer in layers])
    corners = camera.project(scene.placed)
    shown, depth = rasterize(corners, scene.triangles, two_sided, *canvas.depth.shape)
    rows, columns = np.nonzero((shown >= 0) & (depth <= canvas.depth))
    if not len(rows):
        return
    cut = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    shown, depth = np.ascontiguousarray(shown[cut]), depth[cut]
    image, far = canvas.image[cut], canvas.depth[cut]
    shown[depth > far] = -1
    corners[:, 0] -= cut[1].start
    corners[:, 1] -= cut[0].start
    buffer, parts = np.zeros((*shown.shape, BUFFER_CHANNELS), np.float32), np.zeros(shown.shape, np.int32)
    everywhere = np.ones(shown.shape, np.float32)
    shade_solids(shown, corners, scene, _NO_LOOK, lamps, everywhere, everywhere, noise_block(), buffer, parts)
    alpha = buffer[..., 10:11]
    image *= 1 - alpha
    image += buffer[..., 0:3] * buffer[..., 3:6] * alpha + buffer[..., 6:9]
    covered = (shown >= 0) & (alpha[..., 0] > COVERS)
    canvas.parts[cut][covered] = parts[covered]
    # The soft border of hair's under-shell must not hide the strands behind it: the background would shine through.
    hides = covered & ((parts != int(Part.HAIR)) | (alpha[..., 0] > DENSE))
    far[hides] = depth[hides]


def split_glass(layers: tuple[Layer, ...]) -> tuple[list[Layer], list[Layer]]:
    """Layers below the ribbons, and glass, which is above them."""
    glass = [layer for layer in layers if layer.material is Material.GLASS]
    return [layer for layer in layers if layer.material is not Material.GLASS], glass
