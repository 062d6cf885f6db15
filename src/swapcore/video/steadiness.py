"""Jitter of the pasted face compared with the jitter of the template's face."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.progress import progress
from swapcore.video.reading import read_frames
from swapcore.video.tracks import follow_face, motion_jitter, spans

_EYES_AND_NOSE = slice(0, 3)
"""Without the mouth, which moves with speech."""


@dataclass(frozen=True)
class Steadiness:
    """Jitter of eyes and nose (see ``tracks.jitter``) over the frames in which both faces are found."""

    template_px: float
    swapped_px: float
    ratio: float
    """swapped / template; the target is at most 1.2."""
    num_frames: int


def measure_steadiness(video: Path, frames: set[int], template: Mapping[int, Points]) -> Steadiness | None:
    """Detect the face in the swapped frames of a written video and compare its jitter with the template's.

    Args:
        video: the written file.
        frames: numbers of the swapped frames.
        template: frame number -> landmarks (5, 2) detected in the original, not smoothed.

    Returns:
        None if no three consecutive frames show both faces.
    """
    shown = progress(enumerate(read_frames(video, quiet=True)), "measuring")
    found = follow_face((number, frame.image) for number, frame in shown if number in frames)
    return compare({face.frame: face.points for face in found}, template)


def compare(swapped: Mapping[int, Points], template: Mapping[int, Points]) -> Steadiness | None:
    """Compare the landmarks of both faces: frame number -> (5, 2)."""
    runs = [range(first, last + 1) for first, last in spans(swapped.keys() & template.keys()) if last - first >= 2]
    if not runs:
        return None
    ours, own = (_jitter([_stacked(points, run) for run in runs]) for points in (swapped, template))
    return Steadiness(own, ours, ours / max(own, 1e-9), sum(len(run) for run in runs))


def _stacked(points: Mapping[int, Points], run: range) -> npt.NDArray[np.float64]:
    return np.stack([points[frame][_EYES_AND_NOSE] for frame in run])


def _jitter(runs: list[npt.NDArray[np.float64]]) -> float:
    """Combine several runs, weighted by their number of second differences."""
    weights = np.array([len(run) - 2 for run in runs], dtype=np.float64)
    return float(np.sqrt(weights @ np.array([motion_jitter(run) ** 2 for run in runs]) / weights.sum()))
