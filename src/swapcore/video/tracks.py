"""One face followed through a video, and its key points freed from the trembling of detector and predictor."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.faces.align import ALIGNED_BY, align
from swapcore.faces.detect import Box, detect_video_face
from swapcore.faces.extract import AlignedFace, cut_face
from swapcore.inference.finding import find_fault
from swapcore.ops.geometry import Points, apply, invert, warp
from swapcore.ops.image import Image

_LOCATE_PX: Final = 256
"""Crops in which key points are located: the mouth's are looked for at this size."""
_LONGEST_GAP: Final = 4
"""Frames without a detection inside a track that are filled in: a blink of the detector."""
_SHORTEST: Final = 3
"""Frames that a track must have, or it is taken for a mistake of the detector's."""
_JUMP: Final = 0.5
"""Of the face's width: whoever moves farther from one frame to the next is somebody else, or in another shot."""
_WINDOW: Final = 2.5
"""Standard deviation, in frames, of the weights with which neighbours take part."""


class Sighting(NamedTuple):
    """A face in a frame."""

    frame: int
    box: Box
    points: Points
    """(5, 2) left eye, right eye, nose base, mouth corners, in the frame's pixels."""


def sight(number: int, image: Image) -> Sighting | None:
    """The largest face of a frame, if it can be swapped."""
    box = detect_video_face(image)
    if box is None:
        return None
    face = cut_face(image, box, _LOCATE_PX)
    if find_fault(face) is not None:
        return None
    return Sighting(number, box, apply(invert(face.affine), face.points))


def to_tracks(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """Sightings of one face in one shot put together, those too short to be true left out."""
    tracks: list[list[Sighting]] = []
    for seen in sightings:
        if tracks and _continues(tracks[-1][-1], seen):
            tracks[-1].append(seen)
        else:
            tracks.append([seen])
    return [track for track in tracks if len(track) >= _SHORTEST]


def _continues(before: Sighting, after: Sighting) -> bool:
    shift = np.linalg.norm(before.points[:2].mean(0) - after.points[:2].mean(0))
    apart = after.frame - before.frame
    return bool(apart <= _LONGEST_GAP + 1 and shift <= _JUMP * before.box.width_px * apart)


def steady_points(track: list[Sighting]) -> dict[int, Points]:
    """Frame -> key points (5, 2) for every frame from the track's first to its last, smoothed, gaps filled.

    At each frame a straight line in time is fitted to the neighbours, weighted by a Gaussian (a local linear regression, Cleveland
    1979): unlike a moving mean it neither lags behind a moving face nor shrinks the path at the ends.
    """
    times = np.array([seen.frame for seen in track], dtype=np.float64)
    values = np.stack([seen.points.ravel() for seen in track])
    frames = range(track[0].frame, track[-1].frame + 1)
    return {frame: _fit(times, values, float(frame)).reshape(-1, 2) for frame in frames}


def _fit(times: npt.NDArray[np.float64], values: npt.NDArray[np.float64], at: float) -> npt.NDArray[np.float64]:
    """The value at a time of the line through the weighted neighbours, (N,) and (N, K) to (K,)."""
    weights = np.exp(-0.5 * ((times - at) / _WINDOW) ** 2)
    weights /= weights.sum()
    mean_time, mean = float(weights @ times), weights @ values
    spread = float(weights @ (times - mean_time) ** 2)
    if spread < 1e-6:
        return np.asarray(mean)
    slope = ((times - mean_time) * weights) @ values / spread
    return np.asarray(mean + slope * (at - mean_time))


def cut_at(image: Image, points: Points, size_px: int) -> AlignedFace:
    """The face cut by given key points (5, 2) instead of found ones."""
    affine = align(points[:ALIGNED_BY], size_px)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    around = Box(float(left), float(top), float(right), float(bottom), 0.0)
    return AlignedFace(warp(image, affine, size_px), affine, around, points, apply(affine, points))


def jitter(points: npt.NDArray[np.float64]) -> float:
    """How much key points (T, N, 2) tremble: root mean square of their second differences in time, in pixels.

    A face that moves evenly has none.
    """
    second = np.diff(points, n=2, axis=0)
    return float(np.sqrt((second**2).sum(-1).mean()))


def spans(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers as (first, last)."""
    for _, run in itertools.groupby(enumerate(sorted(frames)), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]
