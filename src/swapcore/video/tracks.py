"""Tracking of one face through a video, with landmarks smoothed in time."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.faces.detect import Box, detect_video_face
from swapcore.faces.extract import AlignedFace, crop_face
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.find import landmarks_in_box
from swapcore.inference.finding import find_swap_defect
from swapcore.ops.geometry import Points, apply, invert, warp
from swapcore.ops.image import Image

_LOCATE_PX: Final = 256
"""Side of the crops in which landmarks are located; the mouth corners are located at this size."""
_MAX_GAP: Final = 4
"""Missing detections inside a track, in frames, that are filled in."""
_MIN_FRAMES: Final = 3
"""Minimum length of a track, in frames; shorter ones are taken for false detections."""
_MAX_SHIFT: Final = 0.5
"""Maximum motion per frame inside a track, in face widths; beyond it another person or shot begins."""
_SIGMA: Final = 2.5
"""Standard deviation of the smoothing weights, in frames."""


class Detection(NamedTuple):
    """A face in a frame."""

    frame: int
    box: Box
    points: Points
    """(5, 2) left eye, right eye, nose base, mouth corners, in pixels of the frame."""


def follow_face(frames: Iterable[tuple[int, Image]]) -> list[Detection]:
    """Detect the largest face in numbered frames, each time first where it was in the frame before."""
    found: list[Detection] = []
    for number, image in frames:
        before = found[-1].box if found and found[-1].frame == number - 1 else None
        if detection := detect_face(number, image, before):
            found.append(detection)
    return found


def detect_face(number: int, image: Image, before: Box | None = None) -> Detection | None:
    """Return the largest face of a frame if it can be swapped; `before` is its box in the previous frame."""
    box = detect_video_face(image, before)
    if box is None:
        return None
    face = crop_face(image, box, _LOCATE_PX)
    if find_swap_defect(face) is not None:
        return None
    return Detection(number, box, apply(invert(face.affine), face.points))


def to_tracks(detections: Iterable[Detection]) -> list[list[Detection]]:
    """Group the detections of one face in one shot; drop groups that are too short."""
    tracks: list[list[Detection]] = []
    for found in detections:
        if tracks and _continues(tracks[-1][-1], found):
            tracks[-1].append(found)
        else:
            tracks.append([found])
    return [track for track in tracks if len(track) >= _MIN_FRAMES]


def _continues(before: Detection, after: Detection) -> bool:
    shift = np.linalg.norm(before.points[:2].mean(0) - after.points[:2].mean(0))
    num_frames = after.frame - before.frame
    return bool(num_frames <= _MAX_GAP + 1 and shift <= _MAX_SHIFT * before.box.width_px * num_frames)


def steady_points(track: list[Detection]) -> dict[int, Points]:
    """Smooth the landmarks of a track and fill its gaps: frame number -> (5, 2), from its first frame to its last.

    Local linear regression in time with Gaussian weights (Cleveland, "Robust locally weighted regression and smoothing
    scatterplots", 1979). Unlike a moving average it does not lag behind a moving face or shorten the path at its ends.
    """
    times = np.array([found.frame for found in track], dtype=np.float64)
    values = np.stack([found.points.ravel() for found in track])
    frames = range(track[0].frame, track[-1].frame + 1)
    return {frame: fit_at(times, values, float(frame), _SIGMA).reshape(-1, 2) for frame in frames}


def fit_at(
    times: npt.NDArray[np.float64], values: npt.NDArray[np.float64], at: float, sigma: float
) -> npt.NDArray[np.float64]:
    """Fit a line to values (N, K) at times (N,), with Gaussian weights around a time, and return its value (K,) there."""
    weights = np.exp(-0.5 * ((times - at) / sigma) ** 2)
    weights /= weights.sum()
    mean_time, mean = float(weights @ times), weights @ values
    spread = float(weights @ (times - mean_time) ** 2)
    if spread < 1e-6:
        return np.asarray(mean)
    slope = ((times - mean_time) * weights) @ values / spread
    return np.asarray(mean + slope * (at - mean_time))


def crop_at(image: Image, points: Points, size_px: int, detected: Detection | None = None) -> AlignedFace:
    """Cut the face by smoothed landmarks (5, 2) instead of detected ones.

    Args:
        image: the frame, uint8 (H, W, 3).
        points: landmarks in it.
        size_px: side of the crop.
        detected: the face as it was detected in this frame; the mesh is then found in its box and moved with the smoothed
            landmarks. Without it the crop has no mesh.
    """
    affine = align(points[:NUM_ALIGNMENT_POINTS], size_px)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    box = Box(float(left), float(top), float(right), float(bottom), 0.0)
    mesh = None if detected is None else steady_mesh(image, points, detected)
    return AlignedFace(warp(image, affine, size_px), affine, box, points, apply(affine, points), mesh)


def steady_mesh(image: Image, points: Points, detected: Detection) -> Points | None:
    """Find the mesh (478, 3) of a detected face and move it as smoothing moved eyes and nose base.

    Lids, gaze and lips move fast, so they are not smoothed themselves.

    Args:
        image: the frame in which the face was detected.
        points: its landmarks (5, 2) after smoothing.
        detected: the face before.

    Returns:
        None if the face mesh is not installed or does not confirm the face.
    """
    mesh = landmarks_in_box(image, detected.box) if is_installed() else None
    if mesh is None:
        return None
    eyes_and_nose = detected.points[:NUM_ALIGNMENT_POINTS]
    known = np.column_stack([eyes_and_nose, np.ones(NUM_ALIGNMENT_POINTS)])
    # Three points: the affine is exact, so that noise of the estimated yaw is smoothed, too.
    change = np.linalg.solve(known, points[:NUM_ALIGNMENT_POINTS] - eyes_and_nose)
    moved = mesh.copy()
    moved[:, :2] += np.column_stack([mesh[:, :2], np.ones(len(mesh))]) @ change
    return moved


def motion_jitter(points: npt.NDArray[np.float64]) -> float:
    """Root mean square of the second differences in time of landmarks (T, N, 2), in pixels; 0 for uniform motion."""
    second = np.diff(points, n=2, axis=0)
    return float(np.sqrt((second**2).sum(-1).mean()))


def spans(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of consecutive numbers as (first, last)."""
    for _, run in itertools.groupby(enumerate(sorted(frames)), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]
