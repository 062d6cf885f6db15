"""Photographs of drawn people: fast to draw, and detected by dlib."""

import cv2
import numpy as np

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image

EYES = np.array([[-0.5, 0.0], [0.5, 0.0]])
MOUTH = np.array([[-0.42, 1.05], [0.42, 1.05]])
_SHIFT = 4  # cv2 draws in sixteenths of a pixel


def draw_face(
    person: int, number: int = 0, *, size_px: int = 400, eye_distance_px: float = 70.0, center: tuple[float, float] = (0.5, 0.45),
    into: Image | None = None, roll_deg: float = 0.0,
) -> tuple[Image, Points]:  # fmt: skip
    """Draw a photograph (H, W, 3); return it with pupils and mouth corners (4, 2). Person and number are seeds."""
    looks, moods = np.random.default_rng(person), np.random.default_rng((person, number))
    skin = looks.uniform([150, 110, 90], [235, 190, 165])
    hair, iris = looks.uniform(10, 90, 3), looks.uniform(20, 90, 3)
    wide, long, brow, lips = looks.uniform([1.02, 1.45, -0.42, 0.06], [1.2, 1.65, -0.34, 0.13])
    image = np.full((size_px, size_px, 3), 205, np.uint8) if into is None else into.copy()
    origin = np.array(center) * (image.shape[1], image.shape[0]) + moods.uniform(-3, 3, 2)
    angle = np.deg2rad(roll_deg)
    turn = eye_distance_px * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    smile, brow = moods.uniform(-0.05, 0.2), brow + moods.uniform(-0.06, 0.06)

    def place(points: object) -> np.ndarray:
        return np.asarray(points, dtype=np.float64) @ turn.T + origin

    def ellipse(x: float, y: float, rx: float, ry: float, color: object, start: int = 0, end: int = 360) -> None:
        arc = np.deg2rad(np.linspace(start, end, 60))
        outline = place(np.stack([x + rx * np.cos(arc), y + ry * np.sin(arc)], 1))
        fixed = np.round(outline * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(image, [fixed], tuple(float(c) for c in color), cv2.LINE_AA, _SHIFT)

    ellipse(0, 0.25, wide * 1.15, long * 1.1, hair)
    ellipse(0, 1.6, 0.55, 0.9, skin * 0.8)
    ellipse(0, 0.5, wide, long * 0.95, skin)
    for side in (-1, 1):
        ellipse(side * 0.75, 0.75, 0.3, 0.4, skin * 0.95)
        ellipse(side * 0.5, 0.0, 0.34, 0.2, skin * 0.72)
        ellipse(side * 0.5, 0.0, 0.25, 0.11, (235, 232, 228))
        ellipse(side * 0.5, 0.0, 0.1, 0.1, iris)
        ellipse(side * 0.5, 0.0, 0.045, 0.045, (5, 5, 5))
        ellipse(side * 0.52, brow, 0.3, 0.06, hair)
        ellipse(side * 0.13, 0.62, 0.06, 0.04, skin * 0.35)
    ellipse(0, 0.35, 0.1, 0.35, np.minimum(skin * 1.08, 255))
    ellipse(0, 0.68, 0.22, 0.05, skin * 0.7)
    red = skin * (0.8, 0.5, 0.55)
    width = 0.42 + smile * 0.4
    ellipse(0, 1.05, width, 0.05 + lips, red)
    ellipse(0, 1.05, width, 0.025, skin * 0.25)
    ellipse(0, 1.42, 0.3, 0.05, skin * 0.8)
    image = cv2.GaussianBlur(image, (0, 0), max(eye_distance_px / 90, 0.3))
    grain = moods.normal(0, 3, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    mouth = np.array([[-width, 1.05], [width, 1.05]])
    return image, place(np.vstack([EYES, mouth]))
