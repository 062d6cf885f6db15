"""Concatenation of video parts with the original's sound, subtitles and chapters."""

import errno
import heapq
import io
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from swapcore.errors import InputError, first_line
from swapcore.files import hidden_sibling
from swapcore.video.reading import mean_rate, open_video, video_stream
from swapcore.video.sound import Reencoder, can_reencode
from swapcore.video.timeline import Timeline

_log = logging.getLogger(__name__)

FORMATS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes of containers that can be written, and FFmpeg's names of them."""
_MATROSKA_UNIT: Final = Fraction(1, 1000)

_SOUND_STEP: Final = Fraction(1, 40)
"""About the duration of a packet of sound, in seconds."""

_SYSTEM_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EROFS, errno.ENOMEM}
"""Faults of the disk or the machine; FFmpeg uses other numbers, as EINVAL, for streams that it cannot write."""

_Timed = tuple[Fraction, int, Any]


@dataclass(frozen=True)
class Plan:
    """Which streams of the original the result gets; made before any frame is swapped."""

    suffix: str
    copied: tuple[int, ...]
    """Indices of sound and subtitle streams whose packets are copied."""
    reencoded: tuple[int, ...]
    """Indices of sound streams that become AAC, because the container cannot hold their codec."""


def plan_streams(original: Path, suffix: str) -> Plan:
    """Decide what happens to each stream, and log what is changed or left out.

    Raises:
        InputError: the original cannot be opened, or has sound that can be neither copied nor decoded.
    """
    copied, reencoded, left_out = [], [], []
    with open_video(original) as container:
        used = video_stream(container).index
        for stream in container.streams:
            kind = stream.type
            if kind in {"audio", "subtitle"} and _can_hold(suffix, original, stream):
                copied.append(stream.index)
            elif kind == "audio":
                if not can_reencode(stream):
                    raise InputError(
                        f"{original}: {suffix} cannot hold its sound and it cannot be decoded; remove the sound first"
                    )
                reencoded.append(stream.index)
            elif stream.index != used and not _is_made_by_muxer(stream):
                left_out.append(kind or "unknown")
    if reencoded:
        _log.warning("%s: %s cannot hold its sound; it is encoded as AAC", original, suffix)
    if left_out:
        kinds = ", ".join(f"{left_out.count(kind)} {kind}" for kind in sorted(set(left_out)))
        _log.warning("%s: streams that the result does not have: %s", original, kinds)
    return Plan(suffix, tuple(copied), tuple(reencoded))


def _is_made_by_muxer(stream: Any) -> bool:
    """Whether a data stream holds chapters, which are written from the list of chapters."""
    return stream.type == "data" and stream.codec_context is None


def _can_hold(suffix: str, original: Path, stream: Any) -> bool:
    """Try a stream, of sound with its first packet, in an empty file of the container.

    Some sound is refused only at the file's end, as PCM of eight channels in .mp4.
    """
    first = _first_packet(original, stream.index) if stream.type == "audio" else None
    try:
        with av.open(io.BytesIO(), "w", format=FORMATS[suffix]) as target:
            tried = target.add_stream_from_template(stream)
            target.start_encoding()
            if first is not None:
                first.pts, first.dts, first.stream = 0, 0, tried
                target.mux(first)
    except (av.error.FFmpegError, ValueError, NotImplementedError):
        return False
    return True


def _first_packet(original: Path, index: int) -> Any | None:
    """Return the first packet of a stream that has a time; None if there is none."""
    with open_video(original) as container:
        try:
            return next((packet for packet in container.demux(index) if packet.dts is not None), None)
        except av.error.FFmpegError:
            return None


def check_times(times: list[int], time_base: Fraction, target: Path) -> None:
    """Check that the container keeps the frames apart.

    Raises:
        InputError: two frames would get the same time.
    """
    if target.suffix.lower() == ".mkv":
        rounded = [round(time * time_base / _MATROSKA_UNIT) for time in times]
        if any(after <= before for before, after in itertools.pairwise(rounded)):
            raise InputError(f"{target}: .mkv cannot hold frames that are less than 1 ms apart; name it .mp4")


def join(
    parts: list[Path],
    original: Path,
    out: Path,
    plan: Plan,
    *,
    origin: Fraction = Fraction(0),
    last: Fraction | None = None,
) -> None:
    """Write the parts' frames and the original's other streams to a temporary file, then rename it to out.

    Args:
        parts: in order.
        original: the source of sound, subtitles and chapters.
        out: the file to write.
        plan: from plan_streams.
        origin: time in seconds at which the result begins.
        last: duration of the last frame in seconds; None = as long as the one before.

    Raises:
        InputError: the container cannot hold the streams together.
    """
    partial = hidden_sibling(out, "partial")
    try:
        with (
            av.open(str(original), metadata_errors="replace") as source,
            av.open(str(parts[0])) as first,
            av.open(str(partial), "w", format=FORMATS[plan.suffix]) as target,
        ):
            template = first.streams.video[0]
            images = target.add_stream_from_template(template)
            images.time_base = template.time_base
            # Matroska states it as the usual duration of a frame; without it that would be one unit of time.
            images.codec_context.framerate = mean_rate(video_stream(source))
            streams: dict[int, Any] = {}
            encoders: dict[int, Reencoder] = {}
            for index in sorted([*plan.copied, *plan.reencoded]):  # players take the first sound
                if index in plan.copied:
                    streams[index] = target.add_stream_from_template(source.streams[index])
                else:
                    encoders[index] = Reencoder(source.streams[index], target)
            if chapters := _chapters(source, origin):
                target.set_chapters(chapters)
            merged = [_images(parts, images, origin, last)]
            if streams or encoders:
                merged.append(_others(source, streams, encoders, origin))
            for _, _, packet in heapq.merge(*merged, key=lambda item: item[:2]):
                target.mux(packet)
        partial.replace(out)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _SYSTEM_ERRORS:
            raise
        advice = "convert the original first" if plan.suffix == ".mkv" else "name it .mkv"
        raise InputError(f"{out}: cannot be written as {plan.suffix} ({first_line(error)}); {advice}") from None
    finally:
        partial.unlink(missing_ok=True)


def _chapters(source: Any, origin: Fraction) -> list[Any]:
    shifted = []
    for chapter in source.chapters():
        unit = chapter["time_base"]
        start, end = (max(0, chapter[side] - round(origin / unit)) for side in ("start", "end"))
        shifted.append({**chapter, "start": start, "end": end})
    return shifted


def _images(parts: list[Path], stream: Any, origin: Fraction, last: Fraction | None) -> Iterator[_Timed]:
    """Yield the packets of all parts, each as long as the time until the next."""
    waiting: Any = None
    length = 0
    for packet in _packets(parts):
        shift = round(origin / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        if waiting is not None:
            length = packet.dts - waiting.dts
            waiting.duration = length
            yield _timed(waiting, stream, 0)
        waiting = packet
    if waiting is not None:
        waiting.duration = length if last is None else max(1, round(last / waiting.time_base))
        yield _timed(waiting, stream, 0)


def _packets(parts: list[Path]) -> Iterator[Any]:
    for part in parts:
        with av.open(str(part)) as container:
            for packet in container.demux(video=0):
                if packet.pts is not None:
                    packet.dts = packet.pts  # there are no B-frames; of a short part, FFmpeg does not know it
                    yield packet


def _timed(packet: Any, stream: Any, order: int) -> _Timed:
    time = packet.dts * packet.time_base
    packet.stream = stream
    return time, order, packet


def _others(source: Any, streams: dict[int, Any], encoders: dict[int, Reencoder], origin: Fraction) -> Iterator[_Timed]:
    """Yield the packets of sound and subtitles; a file that is cut off ends there."""
    packets = source.demux(*(source.streams[index] for index in sorted([*streams, *encoders])))
    timelines = {index: Timeline(round(_SOUND_STEP / source.streams[index].time_base)) for index in streams}
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            break
        if packet is None:
            break
        index = packet.stream.index
        if index in encoders:
            for encoded in encoders[index].encode(packet, origin):
                yield encoded.dts * encoded.time_base, 1 + index, encoded
        elif packet.dts is not None:
            shift = round(origin / packet.time_base)
            delay = 0 if packet.pts is None else packet.pts - packet.dts
            packet.dts = timelines[index].place(packet.dts) - shift
            packet.pts = packet.dts + delay
            yield _timed(packet, streams[index], 1 + index)
    for index, encoder in encoders.items():
        for encoded in encoder.finish():
            yield encoded.dts * encoded.time_base, 1 + index, encoded
