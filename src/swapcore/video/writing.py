"""Encoding of video parts, and their concatenation with the original's sound."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from swapcore.errors import InputError
from swapcore.video.reading import Frame, VideoFacts

SUFFIXES: Final = (".mp4", ".mov", ".mkv")
_ENCODER: Final = "libx264"
# Without B-frames, parts can be joined packet by packet.
_OPTIONS: Final = {"crf": "17", "preset": "veryfast", "bf": "0", "threads": "1"}


class PartWriter:
    """Encodes frames to a Matroska file, which gets its final name in ``finish``."""

    def __init__(self, path: Path, facts: VideoFacts) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial.mkv")
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._partial), "w")
        self._stream: Any = self._container.add_stream(_ENCODER, rate=facts.rate, options=_OPTIONS)
        self._stream.width, self._stream.height = even(facts.width), even(facts.height)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = facts.time_base
        self._time_base = facts.time_base

    def add(self, frame: Frame) -> None:
        """Encode a frame at its time."""
        height, width = even(frame.image.shape[0]), even(frame.image.shape[1])
        encoded = av.VideoFrame.from_ndarray(frame.image[:height, :width], format="rgb24")
        encoded.pts, encoded.time_base = frame.time, self._time_base
        self._container.mux(self._stream.encode(encoded))

    def finish(self) -> None:
        """Close the file and move it to its final name."""
        self._container.mux(self._stream.encode())
        self._container.close()
        self._partial.replace(self._path)

    def abandon(self) -> None:
        """Close and delete the unfinished file."""
        self._container.close()
        self._partial.unlink(missing_ok=True)


def even(pixels: int) -> int:
    """Round a side down to an even number, as H.264 with 4:2:0 chroma needs."""
    return pixels - pixels % 2


def join(parts: list[Path], original: Path, out: Path) -> None:
    """Write the parts' frames and the original's sound to a temporary file, then rename it to out.

    Raises:
        InputError: the container cannot hold the original's sound.
    """
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        with av.open(str(original)) as source, av.open(str(parts[0])) as first, av.open(str(partial), "w") as target:
            images = target.add_stream_from_template(first.streams.video[0])
            images.time_base = first.streams.video[0].time_base
            sounds = {stream.index: target.add_stream_from_template(stream) for stream in source.streams.audio}
            streams = [_images(parts, images)]
            if sounds:
                streams.append(_sound(source, sounds))
            for _, _, packet in heapq.merge(*streams, key=lambda item: item[:2]):
                target.mux(packet)
        partial.replace(out)
    except (av.error.FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) and isinstance(error, OSError):
            raise
        raise InputError(f"{out}: {out.suffix} cannot hold this video's sound ({error}); name it .mkv") from None
    finally:
        partial.unlink(missing_ok=True)


def _images(parts: list[Path], stream: Any) -> Iterator[tuple[Fraction, int, Any]]:
    for part in parts:
        with av.open(str(part)) as container:
            for packet in container.demux(video=0):
                if packet.dts is not None:
                    time = packet.dts * packet.time_base
                    packet.stream = stream
                    yield time, 0, packet


def _sound(source: Any, streams: dict[int, Any]) -> Iterator[tuple[Fraction, int, Any]]:
    for packet in source.demux(*source.streams.audio):
        if packet.dts is not None:
            time, index = packet.dts * packet.time_base, packet.stream.index
            packet.stream = streams[index]
            yield time, 1 + index, packet
