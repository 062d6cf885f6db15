"""Synthetic occluders for augmentation: hands, hair, objects."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.image import Image

Floats = npt.NDArray[np.float32]


class Occluder(NamedTuple):
    """Colors and opacity of an occluder."""

    color: Floats
    """(S, S, 3), 0 to 255."""
    alpha: Floats
    """(S, S, 1), 0 to 1."""


def draw_occluder(size_px: int, rng: np.random.Generator) -> Occluder:
    """Draw a bar, a blob or strands, in one color with a slow gradient and fine noise."""
    draw = (_bar, _blob, _strands)[int(rng.integers(3))]
    alpha = cv2.GaussianBlur(draw(size_px, rng), (0, 0), size_px * float(rng.uniform(0.002, 0.008))).astype(np.float32)
    coarse = rng.normal(0, 1, (4, 4, 1)).astype(np.float32)
    slow = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC)[..., None]
    noise = rng.normal(0, 1, (size_px, size_px, 1)).astype(np.float32)
    base = _color(rng)
    color = base * (1 + float(rng.uniform(0.02, 0.25)) * slow) + float(rng.uniform(0, 8)) * noise
    return Occluder(color.clip(0, 255).astype(np.float32), alpha[..., None])


def occlude(image: Image, occluder: Occluder) -> Image:
    """Blend an occluder over an image, uint8 (S, S, 3)."""
    mixed = image + occluder.alpha * (occluder.color - image)
    return np.asarray(np.round(mixed), dtype=np.uint8)


def _color(rng: np.random.Generator) -> Floats:
    """Draw a color of skin, of hair, or any color: (3,), 0 to 255."""
    if rng.random() < 0.4:  # from pale to dark skin
        share = float(rng.random())
        return (np.array([235, 200, 178]) * (1 - share) + np.array([70, 45, 35]) * share).astype(np.float32)
    if rng.random() < 0.4:
        return (np.array([60, 42, 30]) * float(rng.uniform(0.2, 3.0))).astype(np.float32)
    return rng.uniform(10, 245, 3).astype(np.float32)


def _canvas(size_px: int) -> Floats:
    return np.zeros((size_px, size_px), np.float32)


def _bar(size_px: int, rng: np.random.Generator) -> Floats:
    """Draw a bar, like a finger or a stick, from outside the crop into the face."""
    angle = float(rng.uniform(0, 2 * np.pi))
    end = rng.uniform(0.35, 0.75, 2)
    start = end + 1.2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(int(v) for v in np.round(point * size_px)) for point in (start, end)]
    width = int(size_px * rng.uniform(0.03, 0.12))
    return np.asarray(cv2.line(_canvas(size_px), ends[0], ends[1], 1.0, max(1, width), cv2.LINE_AA))


def _blob(size_px: int, rng: np.random.Generator) -> Floats:
    """Draw a rounded shape at the edge of the face."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = [float(rng.uniform(0, 0.25)) * np.sin(k * angles + float(rng.uniform(0, 6))) for k in (1, 2, 3)]
    radius = size_px * float(rng.uniform(0.08, 0.2)) * (1 + np.sum(waves, axis=0))
    direction = float(rng.uniform(0, 2 * np.pi))
    center = size_px * (np.array([0.5, 0.6]) + 0.28 * np.array([np.cos(direction), np.sin(direction)]))
    outline = center + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.asarray(cv2.fillPoly(_canvas(size_px), [np.round(outline).astype(np.int32)], 1.0, cv2.LINE_AA))


def _strands(size_px: int, rng: np.random.Generator) -> Floats:
    """Draw thin curves from above, like hair across forehead and eyes."""
    canvas = _canvas(size_px)
    root = float(rng.uniform(0.2, 0.8))
    steps = np.linspace(0, 1, 12)
    for _ in range(int(rng.integers(3, 14))):
        bend, lean = (float(v) for v in rng.normal(0, 0.15, 2))
        x = root + float(rng.normal(0, 0.06)) + lean * steps + bend * steps**2
        y = float(rng.uniform(0.3, 0.75)) * steps
        line = np.round(np.stack([x, y], 1) * size_px).astype(np.int32)
        width = max(1, int(size_px * rng.uniform(0.002, 0.008)))
        cv2.polylines(canvas, [line], isClosed=False, color=1.0, thickness=width, lineType=cv2.LINE_AA)
    return canvas
