"""Frames of glasses: thin lines that run around both eyes and across the nose."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from swapcore.warp.view import FaceView, Field, Floats, blur, grow, opened, ramp

# Lengths are shares of the distance of the outer eye corners.
_THICKEST: Final = 0.05
"""Half the width of the thickest rim."""
_LINE: Final = 0.012
"""Half the width that is kept around the middle of a rim, whatever its contrast."""
_CONTRAST: Final = 0.4
"""Deviation above the surroundings', from which on a pixel can belong to a rim."""
_MAX_DEVIATION: Final = 5.0
_NUM_ANGLES: Final = 96
_RADII: Final = (0.13, 0.46)
_RADIUS_STEP: Final = 0.01
_STEEPEST: Final = 2
_BEND: Final = 0.06
"""Cost of a step across the direction of a line; a pixel with full contrast is worth 1."""
_EAR_SIDE: Final = np.radians(30)
_LEAST_BRIDGE: Final = 0.4
_SURELY_NONE, _SURELY_GLASSES = 2.32, 2.42
"""Sum of three shares: of the rims, of their sides toward the ears, and of the bridge. Measured: rendered faces with glasses 2.43 to
3.00, but for one of nine, 1.90; without 1.73 to 2.12; 164 photographs without glasses up to 2.31, all but one up to 2.08."""
_TEMPLE: Final = 0.10
_LEAST_TEMPLE: Final = 0.6


class _Line(NamedTuple):
    """A path along which the contrast is greatest."""

    places: Floats
    """(N, 2): x, y in pixels of the view."""
    contrast: Floats
    """(N,): deviation above the surroundings'."""

    def share(self, part: npt.NDArray[np.bool_] | slice = slice(None)) -> float:
        """Share of a part of the path that has contrast."""
        return float((self.contrast[part] > _CONTRAST).mean())


def glasses_score(view: FaceView, deviation: Field) -> float:
    """How surely a face wears glasses, 0 to 1: a rim around either eye, closed also toward the ears, and a bridge.

    Bags under the eyes, brows and wrinkles of the nose are lines, too, but do not close the ring.

    Args:
        view: the face.
        deviation: of ``shading.deviation_from_skin``.
    """
    response = _response(view, deviation)
    bridge = _bridge_share(view, response)
    if bridge < _LEAST_BRIDGE:
        return 0.0
    return _score(_rings(view, response), bridge)


def frames(view: FaceView, deviation: Field) -> Field:
    """Rims, bridge and temples of glasses: (S, S), 0 to 1; zero where the face wears none. The eyes are left out.

    Args:
        view: the face.
        deviation: of ``shading.deviation_from_skin``.
    """
    response = _response(view, deviation)
    bridge = _bridge_share(view, response)
    rings = _rings(view, response) if bridge >= _LEAST_BRIDGE else []
    score = _score(rings, bridge) if rings else 0.0
    if score == 0:
        return np.zeros_like(deviation)
    left, right = (ring.places for ring in rings)
    first, last = left[left[:, 0].argmax()], right[right[:, 0].argmin()]
    lines = [_across(view, response, first, last), *(_temple(view, response, ring) for ring in rings)]
    paths = [*(np.vstack([ring.places, ring.places[:1]]) for ring in rings), *(line.places for line in lines if line)]
    wide, thin = (_drawn(paths, width * view.eye_px, deviation.shape) for width in (_THICKEST, _LINE))
    brows = grow(np.maximum(view.polygon(LEFT_BROW), view.polygon(RIGHT_BROW)), 0.03 * view.eye_px)
    # Within a brow the rim's own width cannot be distinguished from hair.
    rim = np.maximum(thin, wide * (response > _CONTRAST) * (brows < 0.5))
    eyes = grow(np.maximum(view.polygon(LEFT_EYE), view.polygon(RIGHT_EYE)), 0.02 * view.eye_px)
    mask = grow(np.asarray(rim * (eyes < 0.5), dtype=np.float32), 0.012 * view.eye_px)
    return np.asarray(score * blur(mask, 0.008 * view.eye_px), dtype=np.float32)


def _response(view: FaceView, deviation: Field) -> Field:
    """How much more a pixel deviates from skin than what is around a rim's width of it."""
    bounded = np.minimum(deviation, _MAX_DEVIATION)
    return np.asarray(bounded - opened(bounded, _THICKEST * view.eye_px), dtype=np.float32)


def _rings(view: FaceView, response: Field) -> list[_Line]:
    """The best closed path around the left and the right eye; it starts toward the ear."""
    return [_ring(view, response, contour, toward) for contour, toward in ((LEFT_EYE, np.pi), (RIGHT_EYE, 0.0))]


def _score(rings: list[_Line], bridge: float) -> float:
    angles = np.arange(_NUM_ANGLES) * 2 * np.pi / _NUM_ANGLES
    ear_side = np.minimum(angles, 2 * np.pi - angles) < _EAR_SIDE
    total = min(ring.share() for ring in rings) + min(ring.share(ear_side) for ring in rings) + bridge
    return float(ramp(total, _SURELY_NONE, _SURELY_GLASSES))


def _ring(view: FaceView, response: Field, contour: Sequence[int], toward_ear: float) -> _Line:
    center = view.points[list(contour), :2].mean(0)
    angles = toward_ear + np.arange(_NUM_ANGLES) * 2 * np.pi / _NUM_ANGLES
    radii = np.arange(*_RADII, _RADIUS_STEP) * view.eye_px
    grid = center + np.stack([np.cos(angles), np.sin(angles)], -1)[:, None] * radii[:, None]
    values = _at(response, grid)
    # Twice around: the middle of the path closes.
    path = _best_path(np.tile(np.minimum(values, 1), (2, 1)))
    half = _NUM_ANGLES // 2
    closed = np.concatenate([path[_NUM_ANGLES : _NUM_ANGLES + half], path[half:_NUM_ANGLES]])
    at = np.arange(_NUM_ANGLES), closed
    return _Line(grid[at], values[at])


def _bridge_share(view: FaceView, response: Field) -> float:
    """How well a line crosses the nose between the eyes, 0 to 1."""
    inner = view.points[[133, 362], :2]
    margin = 0.05 * view.eye_px
    line = _across(view, response, inner[0] + [margin, 0], inner[1] - [margin, 0])
    return 0.0 if line is None else float(np.minimum(line.contrast, 1).mean())


def _across(view: FaceView, response: Field, first: Floats, last: Floats) -> _Line | None:
    """The best path over the nose from one column to another; None if they are in the wrong order."""
    return _columns(
        response, first, last, (-0.20 * view.eye_px, 0.18 * view.eye_px), float(view.points[[133, 362], 1].mean())
    )


def _temple(view: FaceView, response: Field, ring: _Line) -> _Line | None:
    """The best path from a ring to the face's edge; None if there is no line."""
    start = ring.places[0]
    outline = view.points[list(FACE_OVAL), :2]
    side = outline[np.sign(outline[:, 0] - view.points[168, 0]) == np.sign(start[0] - view.points[168, 0])]
    end = side[np.abs(side[:, 1] - start[1]).argmin()]
    reach = _TEMPLE * view.eye_px
    first, last = (start, end) if start[0] < end[0] else (end, start)
    line = _columns(response, first, last, (-reach, reach), float(start[1]))
    return line if line is not None and line.share() > _LEAST_TEMPLE else None


def _columns(response: Field, first: Floats, last: Floats, reach: tuple[float, float], level: float) -> _Line | None:
    """The best path through each column from one place to another, between two heights around a level."""
    columns = np.arange(round(float(first[0])), round(float(last[0])) + 1, dtype=np.float64)
    if len(columns) < 2:
        return None
    rows = np.arange(round(level + reach[0]), round(level + reach[1]) + 1, dtype=np.float64)
    grid = np.stack(np.meshgrid(columns, rows, indexing="ij"), -1)
    values = _at(response, grid)
    at = np.arange(len(columns)), _best_path(np.minimum(values, 1))
    return _Line(grid[at], values[at])


def _at(response: Field, grid: Floats) -> Floats:
    """Values at places (N, M, 2), bilinear; 0 outside."""
    places = grid.astype(np.float32)
    sampled = cv2.remap(response, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(sampled, dtype=np.float64)


def _best_path(gain: Floats) -> npt.NDArray[np.int64]:
    """For each row of a gain (N, M) the column of the path with the greatest sum; dynamic programming."""
    num, width = gain.shape
    steps = np.arange(-_STEEPEST, _STEEPEST + 1)
    before = np.arange(width) + steps[:, None]
    valid = (before >= 0) & (before < width)
    before = before.clip(0, width - 1)
    cost = np.where(valid, -_BEND * np.abs(steps)[:, None], -np.inf)
    total, choices = gain[0], np.zeros((num, width), np.int64)
    for row in range(1, num):
        candidates = total[before] + cost
        best = candidates.argmax(0)
        choices[row] = before[best, np.arange(width)]
        total = candidates.max(0) + gain[row]
    path = np.zeros(num, np.int64)
    path[-1] = total.argmax()
    for row in range(num - 1, 0, -1):
        path[row - 1] = choices[row, path[row]]
    return path


def _drawn(paths: list[Floats], half_width_px: float, shape: tuple[int, ...]) -> Field:
    """Lines of a width: (S, S), 0 or 1."""
    area = np.zeros(shape, np.uint8)
    for path in paths:
        cv2.polylines(area, [np.round(path * 16).astype(np.int32)], False, 1, max(1, round(2 * half_width_px)), shift=4)
    return np.asarray(area, dtype=np.float32)
