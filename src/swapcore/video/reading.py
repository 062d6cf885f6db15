"""Decoding of a video into upright RGB frames with their times."""

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
    """Properties of a video file."""

    width: int
    height: int
    """Both upright, in pixels."""
    rate: Fraction
    """Mean frames per second."""
    num_frames: int
    """From the header or estimated from the duration; for progress bars only."""
    time_base: Fraction
    """Unit of the frames' times, in seconds."""
    has_sound: bool


class Frame(NamedTuple):
    """One frame of a video."""

    time: int
    """In units of time_base."""
    image: Image
    """uint8 (H, W, 3), upright."""


def open_video(path: Path) -> Any:
    """Open a container.

    Raises:
        InputError: the file is missing, is not a video, or has no video stream.
    """
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read as a video ({problem})") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: has no video stream; give a video file")
    return container


def read_facts(path: Path) -> VideoFacts:
    """Read the header and the first frame, which holds the rotation; errors as for open_video."""
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
    """Decode every frame in display order.

    Raises:
        InputError: the file cannot be opened, or is damaged or cut off.
    """
    with open_video(path) as container:
        last = -1
        for frame in _decoded(container, path):
            # Encoders need increasing times; a file without times counts frames.
            last = max(last + 1, frame.pts if frame.pts is not None else last + 1)
            yield Frame(last, upright(frame))


def _decoded(container: Any, path: Path) -> Iterator[Any]:
    try:
        yield from container.decode(video=0)
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path}: the video is cut off or damaged ({error.strerror or error}); repair it first"
        ) from None


def upright(frame: Any) -> Image:
    """Convert a decoded frame to uint8 (H, W, 3) RGB and apply its rotation."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(image, _TURNS.get(round(getattr(frame, "rotation", 0)) % 360, 0)))
