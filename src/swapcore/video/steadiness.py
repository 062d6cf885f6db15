"""How much the pasted face trembles beside the template's own: measured in the written video, told in the sidecar."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.progress import progress
from swapcore.video.reading import read_frames
from swapcore.video.tracks import jitter, sight, spans

_EYES_AND_NOSE = slice(0, 3)
"""The mouth moves by itself."""


@dataclass(frozen=True)
class Steadiness:
    """Trembling of eyes and nose, see ``tracks.jitter``, over the frames in which both faces are found."""

    template_px: float
    swapped_px: float
    ratio: float
    """swapped / template; the bar is 1.2."""
    num_frames: int


def measure_steadiness(video: Path, frames: set[int], template: Mapping[int, Points]) -> Steadiness | None:
    """Find the face again in the swapped frames of a written video, and compare; None where no three frames in a row show both.

    Args:
        video: as it was written.
        frames: those that were swapped.
        template: frame -> key points (5, 2) as they were found in the original, not smoothed.
    """
    shown = progress(enumerate(read_frames(video)), "measuring")
    found = [seen for number, frame in shown if number in frames and (seen := sight(number, frame.image))]
    return compare({seen.frame: seen.points for seen in found}, template)


def compare(swapped: Mapping[int, Points], template: Mapping[int, Points]) -> Steadiness | None:
    """The same from the points of both."""
    runs = [range(first, last + 1) for first, last in spans(swapped.keys() & template.keys()) if last - first >= 2]
    if not runs:
        return None
    ours, own = (_jitter([_stacked(points, run) for run in runs]) for points in (swapped, template))
    return Steadiness(own, ours, ours / max(own, 1e-9), sum(len(run) for run in runs))


def _stacked(points: Mapping[int, Points], run: range) -> npt.NDArray[np.float64]:
    return np.stack([points[frame][_EYES_AND_NOSE] for frame in run])


def _jitter(runs: list[npt.NDArray[np.float64]]) -> float:
    """Over several runs, each weighted by the second differences that it holds."""
    weights = np.array([len(run) - 2 for run in runs], dtype=np.float64)
    return float(np.sqrt(weights @ np.array([jitter(run) ** 2 for run in runs]) / weights.sum()))
