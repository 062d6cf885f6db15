"""A video's frames, upright and in RGB, each with its time; and what its file is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from swapcore.errors import InputError
from swapcore.ops.image import Image

_TURNS = {90: 1, 180: 2, 270: 3}


@dataclass(frozen=True)
class VideoFacts:
    """What is known before any frame is decoded."""

    width: int
    height: int
    """Upright."""
    rate: Fraction
    """Mean frames a second."""
    num_frames: int
    """As the file says or its duration suggests: for progress bars only."""
    time_base: Fraction
    """Unit of the frames' times."""
    has_sound: bool


class Frame(NamedTuple):
    """One picture of the video."""

    time: int
    """In units of time_base."""
    image: Image
    """uint8 (H, W, 3), upright."""


def open_video(path: Path) -> Any:
    """An open container.

    Raises:
        InputError: the file is missing, is no video, or holds no pictures.
    """
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read as a video ({problem})") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: holds no pictures; give a video")
    return container


def read_facts(path: Path) -> VideoFacts:
    """Look at the file's header and its first frame, which says how the picture is turned; errors as open_video."""
    with open_video(path) as container:
        stream = container.streams.video[0]
        first = next(_decoded(container, path), None)
        if first is None or stream.time_base is None:
            raise InputError(f"{path}: no frame can be decoded; the file is damaged or its codec is not supported")
        height, width = upright(first).shape[:2]
        rate = Fraction(stream.average_rate or 25)
        seconds = (
            float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / av.time_base
        )
        num = stream.frames or round(seconds * rate)
        return VideoFacts(width, height, rate, max(1, num), Fraction(stream.time_base), bool(container.streams.audio))


def read_frames(path: Path) -> Iterator[Frame]:
    """Every frame in the order in which it is shown; damage after the first frame ends the video there."""
    with open_video(path) as container:
        before = -1
        for frame in _decoded(container, path):
            # A file without times is shown frame by frame; times that stand still would stop an encoder.
            before = max(before + 1, frame.pts if frame.pts is not None else before + 1)
            yield Frame(before, upright(frame))


def _decoded(container: Any, path: Path) -> Iterator[Any]:
    try:
        yield from container.decode(video=0)
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path}: the video is cut off or damaged ({error.strerror or error}); repair it first"
        ) from None


def upright(frame: Any) -> Image:
    """A decoded frame as uint8 (H, W, 3) RGB, turned as its file says."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(image, _TURNS.get(round(getattr(frame, "rotation", 0)) % 360, 0)))
