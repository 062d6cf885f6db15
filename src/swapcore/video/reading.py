"""Decoding of a video into upright RGB frames with their times."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.stream import Disposition

from swapcore.data.images import MAX_MEGAPIXELS
from swapcore.errors import InputError, first_line
from swapcore.ops.image import Image
from swapcore.video.picture import FrameReader, PictureFormat
from swapcore.video.timeline import Timeline

_log = logging.getLogger(__name__)

_USUAL_RATE = Fraction(25)
"""Frames per second of a file that states none."""
_MAX_SIDE_PX = 16_384
"""Of the encoder, libx264."""


@dataclass(frozen=True)
class VideoFacts:
    """Properties of a video file."""

    look: PictureFormat
    """Size, orientation and colors."""
    rate: Fraction
    """Mean frames per second."""
    num_frames: int
    """From the header or estimated from the duration; for progress bars only."""
    time_base: Fraction
    """Unit of the frames' times, in seconds."""
    origin: Fraction
    """Time of the earliest picture or sound, in seconds, if it is after 0: the result begins there."""

    @property
    def width(self) -> int:
        """Upright, in square pixels."""
        return self.look.width

    @property
    def height(self) -> int:
        """Upright, in square pixels."""
        return self.look.height


class Frame(NamedTuple):
    """One frame of a video."""

    time: int
    """In units of time_base."""
    image: Image
    """uint8 (H, W, 3), upright."""
    duration: int = 0
    """In units of time_base; 0 = not stated."""


def open_video(path: Path) -> Any:
    """Open a container.

    Raises:
        InputError: the file is missing, is not a video, or has no video stream besides attached pictures.
    """
    try:
        # Names in a file that are not UTF-8 are no reason to refuse it.
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"{path}: cannot be read as a video ({problem}); give a video file") from None
    if not _videos(container):
        container.close()
        raise InputError(f"{path}: has no video stream; give a video file")
    return container


def _videos(container: Any) -> list[Any]:
    """Return the video streams without cover art and thumbnails, the default one first."""
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & pictures]
    return sorted(streams, key=lambda stream: not stream.disposition & Disposition.default)


def video_stream(container: Any) -> Any:
    """Return the stream whose frames are read."""
    return _videos(container)[0]


def read_facts(path: Path) -> VideoFacts:
    """Read the header and the first frame, which holds the orientation.

    Raises:
        InputError: as for open_video, no frame can be decoded, or frames are too large.
    """
    with open_video(path) as container:
        stream = video_stream(container)
        _check_size(path, stream.width, stream.height)  # before memory is taken for it
        first = next(_decoded(container, stream, path, []), None)
        if first is None or stream.time_base is None:
            raise InputError(f"{path}: no frame can be decoded; the file is damaged or its codec is not supported")
        look = PictureFormat.of(first, stream.sample_aspect_ratio)
        _check_size(path, look.width, look.height)
        rate = mean_rate(stream)
        seconds = (
            stream.duration * stream.time_base if stream.duration else Fraction(container.duration or 0, av.time_base)
        )
        num = stream.frames or round(seconds * rate)
        base = Fraction(stream.time_base)
        start = (first.pts or 0) * base
        return VideoFacts(look, rate, max(1, num), base, _origin(container, start))


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1e6 or max(width, height) > _MAX_SIDE_PX:
        raise InputError(
            f"{path}: frames of {width} x {height} px are too large; at most {MAX_MEGAPIXELS:g} megapixels and "
            f"{_MAX_SIDE_PX} px per side can be written; scale the video down"
        )


def mean_rate(stream: Any) -> Fraction:
    """Return the mean frames per second of a video stream, as its file states or FFmpeg estimates it."""
    return Fraction(stream.average_rate or stream.guessed_rate or _USUAL_RATE)


def _origin(container: Any, start: Fraction) -> Fraction:
    sounds = [
        stream.start_time * stream.time_base
        for stream in container.streams.audio
        if stream.start_time is not None and stream.time_base
    ]
    return Fraction(max(0, min([start, *sounds])))


def read_frames(path: Path, *, quiet: bool = False) -> Iterator[Frame]:
    """Decode every frame in display order.

    Frames have the size, orientation and colors of the first one. What cannot be decoded, in a file that is damaged or cut
    off, is left out.

    Args:
        path: the video.
        quiet: give no warnings; for further passes.

    Raises:
        InputError: the file cannot be opened, or no frame can be decoded.
    """
    problems: list[str] = []
    with open_video(path) as container:
        stream = video_stream(container)
        timeline = Timeline(round(1 / (mean_rate(stream) * stream.time_base)))
        reader = None
        for frame in _decoded(container, stream, path, problems):
            if reader is None:
                reader = FrameReader(PictureFormat.of(frame, stream.sample_aspect_ratio), None if quiet else path)
            yield Frame(timeline.place(frame.pts), reader.to_rgb(frame), frame.duration or 0)
    if reader is None:
        raise InputError(f"{path}: no frame can be decoded; the file is damaged or its codec is not supported")
    if problems and not quiet:
        _log.warning(
            "%s: the video is cut off or damaged (%s, in %d places); the frames that can be decoded are kept",
            path, problems[0], len(problems),
        )  # fmt: skip


def _decoded(container: Any, stream: Any, path: Path, problems: list[str]) -> Iterator[Any]:
    """Decode packet by packet, and add what cannot be decoded to problems."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.FFmpegError as error:
            problems.append(getattr(error, "strerror", None) or first_line(error))
            if len(problems) > _MAX_PROBLEMS:
                raise InputError(f"{path}: is damaged in more than {_MAX_PROBLEMS} places; repair it first") from None
            continue
        yield from frames


_MAX_PROBLEMS = 1000
