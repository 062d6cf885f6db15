"""Eyeballs: a sphere with a bulging cornea, turned by the gaze, and its color."""

import functools
import math

import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import rotation
from swapcore.synth.compiled import compiled
from swapcore.synth.curves import bell, smoothstep
from swapcore.synth.head import Eye, quads_to_triangles
from swapcore.synth.noise import rotated_noise

IRIS_ANGLE = 0.400
"""Angle in radians between the axis of the eye and the edge of the iris."""
_KAPPA_DEG = 3.0
"""How far the middle of the pupil is turned outward from the line of sight."""
_IRIS_TONES = np.array(
    [
        (0.030, 0.014, 0.006), (0.068, 0.032, 0.012), (0.092, 0.064, 0.028), (0.076, 0.088, 0.056),
        (0.075, 0.115, 0.160), (0.130, 0.168, 0.196),
    ]
)  # fmt: skip
_ROWS, _COLUMNS, _CAP = 22, 40, 1.9


@functools.cache
def unit_ball() -> tuple[Floats, Ints]:
    """Directions (V, 3) of a cap around +z, and triangles."""
    polar = np.linspace(0, _CAP, _ROWS)[:, None]
    around = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)[None]
    directions = np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around], -1
    )
    row, column = np.meshgrid(np.arange(_ROWS - 1), np.arange(_COLUMNS), indexing="ij")
    after = (column + 1) % _COLUMNS
    quads = np.stack(
        [row * _COLUMNS + column, (row + 1) * _COLUMNS + column, (row + 1) * _COLUMNS + after, row * _COLUMNS + after],
        -1,
    )
    return directions.reshape(-1, 3).astype(np.float32), quads_to_triangles(quads.reshape(-1, 4).astype(np.int32))


def place_eye(eye: Eye, side: int, attributes: Attributes) -> tuple[Floats, Floats]:
    """Vertices and normals (V, 3) of an eyeball in the head's frame.

    Args:
        eye: center and radius.
        side: -1 for the image's left, 1 for its right.
        attributes: for the gaze; the eyes converge on the camera's distance.
    """
    center, radius = eye
    directions, _ = unit_ball()
    converge = -side * (math.degrees(math.atan2(3.05, max(attributes.distance_cm, 60.0))) - _KAPPA_DEG)
    turn = rotation(attributes.gaze_x_deg + converge, -attributes.gaze_y_deg, 0)
    angle = np.arccos(np.clip(directions[:, 2], -1, 1))
    bulge = 1 + 0.035 * np.exp(-((angle / 0.40) ** 4))
    ball = (directions * (radius * 0.99 * bulge)[:, None]) @ turn.T + center
    return ball.astype(np.float32), (directions @ turn.T).astype(np.float32)


def iris_center(eye: Eye, side: int, attributes: Attributes) -> Floats:
    """(3,) the middle of the pupil in the head's frame."""
    vertices, _ = place_eye(eye, side, attributes)
    return np.asarray(vertices[0])


def iris_tone(tone: float) -> Floats:
    """(3,) linear RGB: 0 dark brown, through hazel and green, 1 pale blue."""
    place = tone * (len(_IRIS_TONES) - 1)
    low = min(int(place), len(_IRIS_TONES) - 2)
    return np.asarray(_IRIS_TONES[low] + (_IRIS_TONES[low + 1] - _IRIS_TONES[low]) * (place - low), dtype=np.float32)


@compiled
def eye_albedo(
    x: float, y: float, z: float, inner: float, tone: Floats, age: float, offset: float, block: Floats
) -> tuple[float, float, float, float]:
    """Color of an eye in a direction of its own frame, and how much of it is cornea.

    Args:
        x: of the direction.
        y: of the direction.
        z: of the direction; the pupil is at (0, 0, 1).
        inner: sign of x toward the nose.
        tone: (3,) of the iris.
        age: 0..1, yellows the white.
        offset: of the noise.
        block: of the noise.
    """
    angle = math.acos(min(1.0, max(-1.0, z)))
    around = math.atan2(y, x)
    place = angle / IRIS_ANGLE
    streaks = rotated_noise(block, 0, math.cos(around) * 7, math.sin(around) * 7, angle * 3, 1.0, offset)
    fine = rotated_noise(block, 1, math.cos(around) * 15, math.sin(around) * 15, angle * 5, 1.0, offset)
    bright = (1 + (0.34 * streaks + 0.20 * fine) * smoothstep(0.3, 0.6, place)) * (
        0.62 + 0.24 * smoothstep(0.95, 0.45, place)
    )
    # The limbus: the color sinks toward the border, without an outline.
    bright *= 1 - 0.62 * smoothstep(0.62, 1.0, place)
    # Around the pupil pale irises are amber; a brown one has no lighter ring.
    ring = bell(place - 0.50, 0.13) * smoothstep(0.05, 0.12, tone[1])
    pupil = smoothstep(0.45, 0.38, place)
    corner = smoothstep(0.50, 1.0, abs(x))
    veins = rotated_noise(block, 2, x * 4, y * 11, z * 4, 1.0, offset)
    redness = corner * (0.9 + 0.4 * max(0.0, veins)) + 0.6 * smoothstep(0.80, 0.98, x * inner)
    caruncle = smoothstep(0.74, 0.90, x * inner)
    inside = smoothstep(1.07, 0.94, place)
    iris_red = tone[0] * bright + 0.034 * ring
    iris_green = tone[1] * bright + 0.018 * ring
    iris_blue = tone[2] * bright + 0.006 * ring
    iris_red = iris_red * (1 - pupil) + 0.003 * pupil
    iris_green = iris_green * (1 - pupil) + 0.003 * pupil
    iris_blue = iris_blue * (1 - pupil) + 0.003 * pupil
    # Lids and lashes shade the corners, the outer one most.
    shade = (1 - 0.35 * corner) * (1 - 0.38 * smoothstep(0.30, 0.75, -x * inner))
    white_red = 0.240 * shade * (1 - 0.06 * redness) * (1 - 0.04 * age)
    white_green = 0.205 * shade * (1 - 0.30 * redness) * (1 - 0.06 * age)
    white_blue = 0.190 * shade * (1 - 0.30 * redness) * (1 - 0.14 * age)
    white_red += (0.36 - white_red) * caruncle
    white_green += (0.17 - white_green) * caruncle
    white_blue += (0.15 - white_blue) * caruncle
    return (
        white_red + (iris_red - white_red) * inside,
        white_green + (iris_green - white_green) * inside,
        white_blue + (iris_blue - white_blue) * inside,
        smoothstep(1.25, 0.85, place),
    )
