"""Backgrounds with depth, and the light that comes from them."""

import functools
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.synth.attributes import Attributes

Image = npt.NDArray[np.float32]
_SMALLEST, _LARGEST, _DISC_PX = 96, 256, 4.5
"""A scene is drawn as small as gives its lens's disc this radius in pixels, and enlarged from there."""
_WIDEST_DISC = 0.045
"""Radius of the lens's disc for the far background at full blur, share of the image."""


class _Canvas:
    """A linear RGB image that is drawn on in shares of its side, x to the right and y down."""

    def __init__(self, size: int, color: npt.ArrayLike, covers: bool = False) -> None:
        """Fill with a color; with covers, `cover` says where something was drawn."""
        self.size = size
        self._covers = covers
        self.light: Image = np.empty((size, size, 3), np.float32)
        self.light[:] = np.asarray(color, np.float32)
        self.cover: Image = np.zeros((size, size, 1), np.float32)

    def polygon(self, corners: npt.ArrayLike, color: npt.ArrayLike) -> None:
        """Fill a polygon (N, 2); its border is not antialiased, because the lens's blur follows."""
        fixed = np.rint((np.asarray(corners, np.float64) * self.size - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(self.light, [fixed], np.asarray(color, np.float64).tolist(), cv2.LINE_8, shift=4)
        if self._covers:
            cv2.fillPoly(self.cover, [fixed], 1.0, cv2.LINE_8, shift=4)

    def leaves(self, outlines: npt.NDArray[np.float64], colors: npt.NDArray[np.float64]) -> None:
        """Fill many convex polygons (N, P, 2), each with its color (N, 3)."""
        fixed = np.rint((outlines * self.size - 0.5) * 16).astype(np.int32)
        for corners, color in zip(fixed, colors.tolist(), strict=True):
            cv2.fillConvexPoly(self.light, corners, color, cv2.LINE_8, 4)
            if self._covers:
                cv2.fillConvexPoly(self.cover, corners, 1.0, cv2.LINE_8, 4)

    def box(self, left: float, top: float, width: float, height: float, color: npt.ArrayLike) -> None:
        """Fill an upright rectangle."""
        right, bottom = left + width, top + height
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def ellipse(self, x: float, y: float, rx: float, ry: float, turn_deg: float, color: npt.ArrayLike) -> None:
        """Fill an ellipse."""
        angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
        u, v = rx * np.cos(angle), ry * np.sin(angle)
        self.polygon(np.stack([x + c * u - s * v, y + s * u + c * v], 1), color)

    def glow(self, x: float, y: float, radius: float, color: npt.ArrayLike) -> None:
        """Add light that falls off around a place."""
        place = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        fall = np.exp(-((place[None] - x) ** 2 + (place[:, None] - y) ** 2) / radius**2)
        self.light += fall[..., None] * np.asarray(color, np.float32)

    def gradient(self, top: npt.ArrayLike, bottom: npt.ArrayLike, start: float = 0.0, end: float = 1.0) -> None:
        """Fill everything between two heights with a blend from one color to another."""
        place = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        share = np.clip((place - start) / (end - start), 0, 1)[:, None]
        rows = np.asarray(top, np.float32) * (1 - share) + np.asarray(bottom, np.float32) * share
        inside = (place >= start) & (place <= end)
        self.light[inside] = rows[inside, None]


def draw_background(attributes: Attributes, size_px: int) -> Image:
    """Draw what is behind the person, out of focus as the attributes ask.

    Args:
        attributes: seed and blur of the background, color and strength of the light.
        size_px: side of the image.

    Returns:
        (size_px, size_px, 3) linear RGB.
    """
    image = _scene(attributes.background_seed, attributes.background_blur)
    factor = size_px / len(image)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(image, (size_px, size_px), interpolation=way), dtype=np.float32)
    if factor > 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.45 * factor), dtype=np.float32)
    image = image * (_tint(attributes) * (0.45 + 0.45 * attributes.light_intensity))
    return np.ascontiguousarray(image.clip(0.002, 4.0), dtype=np.float32)


@functools.lru_cache(maxsize=8)
def _scene(seed: int, blur: float) -> Image:
    """A scene as the lens draws it, as large as its blur needs; background and environment of an image share it."""
    share = _WIDEST_DISC * (0.25 + 0.75 * blur)
    size = int(np.clip(_DISC_PX / share, _SMALLEST, _LARGEST))
    rng = np.random.default_rng([seed, 41])
    far, near = _SCENES[rng.integers(len(_SCENES))](rng, size)
    image = _defocus(far.light, share * size)
    if near is not None:
        cover = _defocus(near.cover, 0.6 * share * size)
        image = image * (1 - cover) + _defocus(near.light * near.cover, 0.6 * share * size)
    image.setflags(write=False)
    return image


def environment(attributes: Attributes) -> npt.NDArray[np.float32]:
    """Light that surrounds the person, from the background's own colors.

    Returns:
        (9, 3) coefficients of irradiance / pi for [1, y, z, x, xy, yz, 3z² - 1, xz, x² - y²] of a normal in the camera's
        frame; the first is about 0.72 x ambient.
    """
    image = draw_background(attributes, 32)
    top, bottom, left, right = (_hue(part) for part in (image[:10], image[-10:], image[:, :10], image[:, -10:]))
    mean = (top + bottom + left + right) / 4
    level = 0.72 * attributes.ambient
    sides = np.array([part.mean() for part in (image[:, :10], image[:, -10:])])
    tilt = float(np.clip((sides[1] - sides[0]) / (sides.sum() + 0.05), -0.6, 0.6))
    floor = np.array([0.78, 0.64, 0.54])
    out = np.zeros((9, 3))
    out[0] = level * (0.6 * mean + 0.4)
    out[1] = level * (0.34 * (0.5 + 0.5 * top) - 0.26 * floor * (0.5 + 0.5 * bottom) + 0.16)
    out[2] = level * 0.16
    out[3] = level * (0.34 * tilt + 0.12 * (right - left))
    out[6] = level * 0.03
    out[8] = level * -0.03
    return out.astype(np.float32)


def _hue(part: Image) -> npt.NDArray[np.float64]:
    """Mean color (3,) of a part of an image at brightness 1, not too saturated."""
    color = part.reshape(-1, 3).astype(np.float64).mean(0)
    return np.asarray((color / max(float(color.mean()), 1e-3)).clip(0.6, 1.5))


def _tint(attributes: Attributes) -> Image:
    warmth = attributes.light_warmth
    return np.array([1 + 0.10 * warmth, 1.0, 1 - 0.13 * warmth], np.float32)


def _defocus(image: Image, radius: float) -> Image:
    """Blur (S, S, C) by a lens's disc of this radius in pixels."""
    if radius < 0.5:
        return image
    reach = int(np.ceil(radius))
    place = np.arange(-reach, reach + 1)
    distance = np.hypot(place[None], place[:, None])
    disc = np.clip(radius + 0.5 - distance, 0, 1)
    blurred = cv2.filter2D(image, -1, (disc / disc.sum()).astype(np.float32), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred.reshape(image.shape), dtype=np.float32)


def _noise(rng: np.random.Generator, size: int, cells: int, stretch: float = 1.0) -> Image:
    """(S, S) smooth noise of unit deviation."""
    small = rng.normal(size=(max(2, int(cells * stretch)), cells)).astype(np.float32)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _paint(rng: np.random.Generator, low: float, high: float, saturation: float = 0.25) -> npt.NDArray[np.float64]:
    """A color (3,) of random hue."""
    hue = rng.normal(size=3)
    return np.asarray(rng.uniform(low, high) * np.exp(0.75 * saturation * (hue - hue.mean())))


def _studio(rng: np.random.Generator, size: int) -> tuple[_Canvas, None]:
    """Seamless paper, lit from behind the person or from one side."""
    tone, saturation = (
        rng.choice([0.04, 0.15, 0.35, 0.62], p=[0.15, 0.25, 0.3, 0.3]),
        rng.choice([0.05, 0.2, 0.5], p=[0.5, 0.4, 0.1]),
    )
    canvas = _Canvas(size, _paint(rng, 0.8 * tone, 1.2 * tone, saturation))
    base = canvas.light[0, 0].copy()
    canvas.glow(0.5 + rng.normal() * 0.15, rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.7), base * rng.uniform(0.3, 1.6))
    place = (np.arange(size, dtype=np.float32) + 0.5) / size
    side = rng.uniform(-0.5, 0.5)
    canvas.light *= (1 + side * (place - 0.5))[None, :, None]
    corner = (place[None] - 0.5) ** 2 + (place[:, None] - 0.5) ** 2
    canvas.light *= (1 - rng.uniform(0.1, 0.7) * corner)[..., None]
    canvas.light *= np.exp(0.03 * _noise(rng, size, 5))[..., None]
    return canvas, None


def _gradient(rng: np.random.Generator, size: int) -> tuple[_Canvas, None]:
    """A plain wall with light that falls off across it."""
    canvas = _Canvas(size, (0, 0, 0))
    first, second = _paint(rng, 0.1, 0.65, 0.12), _paint(rng, 0.06, 0.5, 0.12)
    angle = rng.uniform(0, 2 * np.pi)
    place = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    share = 0.5 + (place[None] * np.cos(angle) + place[:, None] * np.sin(angle)) * rng.uniform(0.5, 1.0)
    share = np.clip(share, 0, 1)[..., None]
    canvas.light[:] = first * (1 - share) + second * share
    canvas.light *= np.exp(0.05 * _noise(rng, size, 5))[..., None]
    return canvas, None


def _room(rng: np.random.Generator, size: int) -> tuple[_Canvas, _Canvas | None]:
    """A room: walls that meet in a corner, a window or a door, shelves, pictures, lamps."""
    wall = _paint(rng, 0.14, 0.55, 0.12)
    canvas = _Canvas(size, wall)
    corner, ceiling, floor = rng.uniform(0.12, 0.88), rng.uniform(-0.25, 0.12), rng.uniform(0.72, 1.05)
    canvas.polygon(
        [(corner, ceiling), (1.6, ceiling - 0.35), (1.6, floor + 0.5), (corner, floor)], wall * rng.uniform(0.5, 0.85)
    )
    canvas.polygon(
        [(-0.6, ceiling - 0.2), (corner, ceiling), (1.6, ceiling - 0.35), (1.6, -1), (-0.6, -1)], wall * 1.25 + 0.05
    )
    ground = _paint(rng, 0.06, 0.28, 0.25)
    canvas.polygon([(-0.6, floor + 0.25), (corner, floor), (1.6, floor + 0.5), (1.6, 2), (-0.6, 2)], ground)
    for _ in range(rng.integers(2, 5)):
        _FURNITURE[rng.integers(len(_FURNITURE))](rng, canvas, wall)
    for _ in range(rng.integers(0, 3)):
        _lamp(rng, canvas)
    canvas.light *= np.exp(0.10 * _noise(rng, size, 4))[..., None]
    near = None
    if rng.random() < 0.45:
        near = _Canvas(size, (0, 0, 0), covers=True)
        side = rng.choice([rng.uniform(-0.1, 0.12), rng.uniform(0.88, 1.1)])
        if rng.random() < 0.5:
            _leaves(rng, near, side, rng.uniform(0.5, 0.9), 0.22, 70, np.array([0.05, 0.10, 0.03]))
        else:
            near.box(side - 0.14, rng.uniform(0.45, 0.75), 0.28, 0.8, _paint(rng, 0.03, 0.25, 0.3))
    return canvas, near


def _window(rng: np.random.Generator, canvas: _Canvas, wall: npt.NDArray[np.float64]) -> None:
    left, top, width, height = (
        rng.uniform(-0.1, 0.75),
        rng.uniform(-0.05, 0.2),
        rng.uniform(0.2, 0.45),
        rng.uniform(0.35, 0.7),
    )
    frame = np.minimum(wall * 1.5, 0.8)
    canvas.box(left - 0.02, top - 0.02, width + 0.04, height + 0.04, frame)
    sky = rng.uniform(1.0, 2.4) * np.array([0.85, 0.95, 1.05])
    canvas.box(left, top, width, height, sky)
    canvas.box(left, top + height * rng.uniform(0.5, 0.8), width, height * 0.2, sky * np.array([0.35, 0.45, 0.25]))
    panes = rng.integers(1, 4)
    for k in range(1, panes):
        canvas.box(left + width * k / panes - 0.006, top, 0.012, height, frame * 0.8)
    canvas.box(left, top + height * 0.45, width, 0.012, frame * 0.8)
    canvas.glow(left + width / 2, top + height / 2, 0.35, 0.10 * sky)


def _shelf(rng: np.random.Generator, canvas: _Canvas, _: npt.NDArray[np.float64]) -> None:
    left, top, width = rng.uniform(-0.2, 0.7), rng.uniform(-0.1, 0.3), rng.uniform(0.3, 0.6)
    wood = _paint(rng, 0.05, 0.3, 0.25) * np.array([1.25, 1.0, 0.75])
    rows = rng.integers(2, 5)
    height = rng.uniform(0.14, 0.2)
    canvas.box(left - 0.02, top - 0.02, width + 0.04, rows * height + 0.04, wood * 0.6)
    for row in range(rows):
        base = top + (row + 1) * height
        x = left
        while x < left + width - 0.02:
            step = rng.uniform(0.012, 0.04)
            if rng.random() < 0.85:
                tall = height * rng.uniform(0.5, 0.88)
                canvas.box(x, base - tall, step * 0.92, tall, _paint(rng, 0.02, 0.35, 0.28))
            x += step
        canvas.box(left - 0.02, base - 0.004, width + 0.04, 0.014, wood)


def _picture(rng: np.random.Generator, canvas: _Canvas, wall: npt.NDArray[np.float64]) -> None:
    left, top, width, height = (
        rng.uniform(-0.05, 0.85),
        rng.uniform(0.02, 0.4),
        rng.uniform(0.12, 0.3),
        rng.uniform(0.12, 0.34),
    )
    canvas.box(left + 0.008, top + 0.012, width, height, wall * 0.6)
    canvas.box(left, top, width, height, _paint(rng, 0.02, 0.3, 0.2))
    canvas.box(left + 0.014, top + 0.014, width - 0.028, height - 0.028, _paint(rng, 0.2, 0.7, 0.2))
    for _ in range(4):
        x, y = left + width * rng.uniform(0.3, 0.7), top + height * rng.uniform(0.3, 0.7)
        canvas.ellipse(
            x, y, width * rng.uniform(0.05, 0.22), height * rng.uniform(0.05, 0.22), 0, _paint(rng, 0.05, 0.5, 0.5)
        )


def _door(rng: np.random.Generator, canvas: _Canvas, wall: npt.NDArray[np.float64]) -> None:
    left, top, width = rng.uniform(-0.1, 0.8), rng.uniform(0.0, 0.25), rng.uniform(0.22, 0.34)
    color = _paint(rng, 0.08, 0.6, 0.2)
    canvas.box(left - 0.02, top - 0.02, width + 0.04, 1.5, np.minimum(wall * 1.3, 0.75))
    canvas.box(left, top, width, 1.5, color)
    for y in (0.06, 0.5):
        canvas.box(left + 0.05, top + y, width - 0.1, 0.36, color * 0.85)


def _sofa(rng: np.random.Generator, canvas: _Canvas, _: npt.NDArray[np.float64]) -> None:
    left, top, color = rng.uniform(-0.3, 0.6), rng.uniform(0.62, 0.8), _paint(rng, 0.03, 0.25, 0.3)
    canvas.box(left, top, 0.6, 0.6, color)
    canvas.box(left, top + 0.14, 0.6, 0.6, color * 0.75)
    canvas.ellipse(left + 0.15, top + 0.05, 0.09, 0.08, rng.uniform(-20, 20), _paint(rng, 0.1, 0.6, 0.5))


_FURNITURE: tuple[Callable[[np.random.Generator, _Canvas, npt.NDArray[np.float64]], None], ...] = (
    _window, _window, _shelf, _shelf, _picture, _picture, _door, _sofa,
)  # fmt: skip


def _lamp(rng: np.random.Generator, canvas: _Canvas) -> None:
    x, y = rng.uniform(0, 1), rng.uniform(0.0, 0.6)
    warm = np.array([1.0, 0.72, 0.42]) * rng.uniform(1.2, 3.5)
    size = rng.uniform(0.015, 0.05)
    canvas.ellipse(x, y, size, size * rng.uniform(0.6, 1.4), 0, warm)
    canvas.glow(x, y, 0.22, 0.10 * warm)


def _leaves(
    rng: np.random.Generator,
    canvas: _Canvas,
    x: float,
    y: float,
    spread: float,
    count: int,
    color: npt.NDArray[np.float64],
) -> None:
    """Leaves around a place, some of them lit by the sun."""
    place = np.array([x, y]) + 0.6 * spread * rng.normal(size=(count, 1, 2))
    lit = np.exp(0.5 * rng.normal(size=(count, 1))) * np.where(rng.random((count, 1)) < 0.06, 4.0, 1.0)
    tones = color * lit * np.exp(0.15 * rng.normal(size=(count, 3)))
    length = rng.uniform(0.008, 0.03, (count, 1)) * (0.5 + spread * 2)
    angle, turn = np.linspace(0, 2 * np.pi, 10, endpoint=False), rng.uniform(0, np.pi, (count, 1))
    u, v = length * np.cos(angle), length * rng.uniform(0.3, 0.6, (count, 1)) * np.sin(angle)
    outline = np.stack([np.cos(turn) * u - np.sin(turn) * v, np.sin(turn) * u + np.cos(turn) * v], -1)
    canvas.leaves(place + outline, tones)


def _sky(rng: np.random.Generator, canvas: _Canvas, horizon: float) -> None:
    kind = rng.integers(4)
    top, low = (
        ((0.16, 0.32, 0.75), (0.55, 0.70, 0.95)),
        ((0.55, 0.60, 0.68), (0.80, 0.82, 0.86)),
        ((0.20, 0.25, 0.50), (1.05, 0.62, 0.36)),
        ((0.30, 0.48, 0.85), (0.85, 0.88, 0.92)),
    )[kind]
    canvas.gradient(top, low, 0.0, min(1.0, max(0.05, horizon)))
    clouds = np.clip(_noise(rng, canvas.size, 4, 1.5) + 0.6 * _noise(rng, canvas.size, 9, 1.5) - 0.5, 0, 1.2)
    rows = np.arange(canvas.size) < horizon * canvas.size
    canvas.light[rows] += (0.35 * clouds[rows, :, None]) * np.asarray(low, np.float32)


def _garden(rng: np.random.Generator, size: int) -> tuple[_Canvas, _Canvas | None]:
    """Trees and grass under the sky."""
    horizon = rng.uniform(0.45, 0.8)
    canvas = _Canvas(size, (0.2, 0.25, 0.12))
    _sky(rng, canvas, horizon)
    grass = _paint(rng, 0.06, 0.15, 0.15) * np.array([0.95, 1.15, 0.50])
    canvas.gradient(grass * 1.2, grass * 0.7, horizon, 1.0)
    green = rng.uniform(0.05, 0.14) * np.array([0.75 + 0.7 * rng.random() ** 2, 1.15, 0.35])
    crown = np.cumsum(rng.normal(size=24)) * 0.02
    top = horizon - 0.12 - rng.uniform(0.0, 0.45) - (crown - crown.mean())
    x = np.linspace(-0.05, 1.05, 24)
    canvas.polygon([*zip(x, top, strict=True), (1.05, horizon + 0.02), (-0.05, horizon + 0.02)], green * 0.55)
    for _ in range(rng.integers(1, 4)):
        trunk = rng.uniform(0, 1)
        width = rng.uniform(0.015, 0.06)
        canvas.box(
            trunk, top.min(), width, horizon + 0.08 - top.min(), np.array([0.07, 0.05, 0.035]) * rng.uniform(0.5, 1.6)
        )
    for _ in range(9):
        _leaves(rng, canvas, rng.uniform(0, 1), rng.uniform(top.min(), horizon), rng.uniform(0.08, 0.2), 60, green)
    shade = np.exp(0.30 * _noise(rng, size, 6) + 0.18 * _noise(rng, size, 16))
    rows = np.arange(size) >= top.min() * size
    canvas.light[rows] *= shade[rows, :, None]
    near = None
    if rng.random() < 0.4:
        near = _Canvas(size, (0, 0, 0), covers=True)
        _leaves(rng, near, rng.choice([0.02, 0.98]), rng.uniform(0, 0.9), 0.22, 90, green * 1.3)
    return canvas, near


def _street(rng: np.random.Generator, size: int) -> tuple[_Canvas, None]:
    """Houses along a street that runs away from the camera."""
    canvas = _Canvas(size, (0.3, 0.3, 0.3))
    vanish = np.array([rng.uniform(0.25, 0.75), rng.uniform(0.5, 0.68)])
    _sky(rng, canvas, float(vanish[1]))
    road = _paint(rng, 0.10, 0.22, 0.05)
    canvas.gradient(road * 1.2, road * 0.8, float(vanish[1]), 1.0)
    night = rng.random() < 0.25
    if night:
        canvas.light *= 0.08
    for side in (-1, 1):
        reach = 1.7
        while reach > 0.12:
            inner = reach * rng.uniform(0.55, 0.75)
            _house(rng, canvas, vanish, side * reach, side * inner, rng.uniform(0.35, 1.1), night)
            reach = inner
    for _ in range(rng.integers(0, 8) + (26 if night else 0)):
        x, y = rng.uniform(0, 1), vanish[1] + rng.uniform(-0.25, 0.12)
        tone = np.array(
            [(1.0, 0.75, 0.4), (1.0, 0.15, 0.08), (0.9, 0.95, 1.0), (0.3, 0.9, 0.5)][
                rng.choice(4, p=[0.5, 0.2, 0.25, 0.05])
            ]
        )
        canvas.ellipse(x, y, 0.006, 0.006, 0, tone * rng.uniform(1.5, 7.0))
    return canvas, None


def _house(
    rng: np.random.Generator,
    canvas: _Canvas,
    vanish: npt.NDArray[np.float64],
    near: float,
    far: float,
    height: float,
    night: bool,
) -> None:
    """One front in perspective, between two distances from the vanishing point, with rows of windows."""
    color = _paint(rng, 0.10, 0.5, 0.2) * (0.10 if night else 1.0) * (0.7 if near < 0 else 1.0)

    def place(share: float, up: float) -> tuple[float, float]:
        x = near + (far - near) * share
        return float(vanish[0] + x), float(vanish[1] + abs(x) * (0.28 - up * height * 1.6))

    canvas.polygon([place(0, 0), place(1, 0), place(1, 1), place(0, 1)], color)
    floors, columns = rng.integers(2, 6), rng.integers(2, 6)
    dark = color * 0.35
    for row in range(floors):
        for column in range(columns):
            lit = rng.random() < (0.35 if night else 0.06)
            tone = np.array([1.6, 1.1, 0.55]) * rng.uniform(0.5, 1.5) if lit else dark * rng.uniform(0.6, 2.2)
            a, b = (column + 0.25) / columns, (column + 0.75) / columns
            low, high = (row + 0.3) / floors, (row + 0.8) / floors
            canvas.polygon([place(a, low), place(b, low), place(b, high), place(a, high)], tone)


def _shore(rng: np.random.Generator, size: int) -> tuple[_Canvas, None]:
    """Water or hills under a wide sky."""
    horizon = rng.uniform(0.4, 0.7)
    canvas = _Canvas(size, (0.3, 0.3, 0.3))
    _sky(rng, canvas, horizon)
    sky = canvas.light[int(horizon * size) - 2].mean(0)
    deep = sky * np.array([0.25, 0.38, 0.45])
    canvas.gradient(sky * 0.7, deep, horizon, 1.0)
    waves = _noise(rng, size, 14, 6.0)
    rows = np.arange(size) >= horizon * size
    canvas.light[rows] *= np.exp(0.22 * waves)[rows, :, None]
    if rng.random() < 0.6:
        ridge = np.cumsum(rng.normal(size=30)) * 0.012
        x = np.linspace(-0.05, 1.05, 30)
        top = horizon - 0.05 - rng.uniform(0, 0.1) - (ridge - ridge.min())
        canvas.polygon(
            [*zip(x, top, strict=True), (1.05, horizon), (-0.05, horizon)], sky * np.array([0.35, 0.42, 0.5])
        )
    if rng.random() < 0.6:
        sand = _paint(rng, 0.25, 0.5, 0.05) * np.array([1.15, 1.0, 0.78])
        canvas.polygon([(-0.1, rng.uniform(0.75, 0.95)), (1.1, rng.uniform(0.75, 0.95)), (1.1, 1.1), (-0.1, 1.1)], sand)
    return canvas, None


_SCENES: tuple[Callable[[np.random.Generator, int], tuple[_Canvas, _Canvas | None]], ...] = (
    _studio, _studio, _studio, _gradient, _gradient, _room, _room, _room, _room, _garden, _garden, _street, _street, _shore,
)  # fmt: skip
