"""The page's job that swaps the face of an uploaded video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swapcore.app.jobs import JobResult
from swapcore.errors import InputError

SOURCE: Final = "source"
VIDEO: Final = "video"
"""Folders of the uploads, and names of the form's fields."""
MAX_FRAMES: Final = 1800
"""One minute at 30 frames per second."""
MAX_VIDEO_MEGAPIXELS: Final = 4.0
RESULT: Final = "swapped.mp4"


@dataclass(frozen=True)
class VideoTask:
    """Swaps the face of a video that was uploaded into a job's folder."""

    source: Path
    video: Path
    model: str
    """Reference."""
    device: str

    def __call__(self, folder: Path) -> JobResult:
        """Return the number of frames and the spans, and the marked video."""
        from swapcore.video.job import swap_video

        out = folder / RESULT
        swapped = swap_video(self.video, out, source=self.source, model=self.model, device=self.device)
        steadiness = swapped.steadiness and round(swapped.steadiness.ratio, 2)
        summary = {
            "frames": swapped.num_frames,
            "swapped": swapped.num_swapped,
            "spans": swapped.spans_s,
            "steadiness": steadiness,
            "download": RESULT,
        }
        return JobResult(summary, {RESULT: out})


def check_video(path: Path) -> None:
    """Refuse a video that cannot be read or is beyond the page's limits.

    Raises:
        InputError: the video cannot be read, is too long or has too many pixels.
    """
    from swapcore.video.reading import read_facts

    facts = read_facts(path)
    if facts.num_frames > MAX_FRAMES:
        raise InputError(
            f"{path}: has {facts.num_frames} frames, more than {MAX_FRAMES}; cut it, or use `swapcore video`"
        )
    if facts.width * facts.height > MAX_VIDEO_MEGAPIXELS * 1e6:
        raise InputError(
            f"{path}: {facts.width} x {facts.height} px is more than {MAX_VIDEO_MEGAPIXELS:g} megapixels; scale it down"
        )
