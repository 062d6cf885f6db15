"""Small videos of every kind, written with PyAV: colors, pixel shapes, turns, times, sound, subtitles."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

PATCHES = np.array([(230, 20, 20), (20, 200, 30), (30, 40, 230), (230, 220, 20), (128, 128, 128), (250, 250, 250)])
MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}


def patches(width: int = 192, height: int = 128) -> np.ndarray:
    """Flat colors in a row (height, width, 3)."""
    columns = np.arange(width) * len(PATCHES) // width
    return np.broadcast_to(PATCHES[columns], (height, width, 3)).astype(np.uint8)


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """Red, green, blue and white quarters: every turn and flip shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = (220, 30, 30), (30, 200, 30)
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = (30, 30, 220), (235, 235, 235)
    return image


def quarters(image: np.ndarray) -> np.ndarray:
    """Colors (4, 3) in the middles of the quarters."""
    height, width = image.shape[:2]
    return np.array([image[height * y // 4, width * x // 4] for y in (1, 3) for x in (1, 3)], int)


def write_clip(
    path: Path, frames: Sequence[np.ndarray], *, codec: str = "libx264", times: Sequence[int] | None = None,
    unit: Fraction = Fraction(1, 25), matrix: int = 2, full_range: bool = False, pixel_format: str = "yuv420p",
    pixel_shape: Fraction | None = None, display: Sequence[int] | None = None, sound: str | None = None,
    sound_from: float = 0.0, tags: dict[str, int] | None = None, options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Write frames (H, W, 3); times in units; display = the 3 x 3 display matrix; sound = a codec."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(
            codec, rate=1 / unit, options=options or ({"crf": "4"} if "264" in codec else {})
        )
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pixel_format, unit
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if display:
            stream.set_display_matrix(display)
        context, given = stream.codec_context, tags or {}
        context.colorspace, context.color_range = (
            given.get("matrix", matrix),
            2 if full_range else given.get("range", 0),
        )
        context.color_trc, context.color_primaries = given.get("transfer", 2), given.get("primaries", 2)
        tone = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            if pixel_format != "rgb24":
                frame = frame.reformat(
                    format=pixel_format, dst_colorspace=matrix if matrix != 2 else 6, src_color_range=2,
                    dst_color_range=2 if full_range else 1,
                )  # fmt: skip
            frame.colorspace, frame.color_range = context.colorspace, context.color_range
            frame.color_trc, frame.color_primaries = context.color_trc, context.color_primaries
            frame.pts, frame.time_base = (times[number] if times else number), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone is not None:
            _write_tone(container, tone, float(len(frames) * unit), sound_from)
    return path


def _write_tone(container: Any, tone: Any, seconds: float, begins: float) -> None:
    sample_format = tone.codec_context.format.name
    samples = (np.sin(np.arange(int(48_000 * seconds)) / 8) * 12_000).astype(np.int16)
    resampler = av.AudioResampler(format=sample_format, layout="mono", rate=48_000)
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start + int(begins * 48_000), Fraction(1, 48_000)
        for resampled in resampler.resample(frame):
            container.mux(tone.encode(resampled))
    container.mux(tone.encode())


def facts(path: Path) -> dict[str, Any]:
    """What a written file says of itself."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = next(container.decode(stream))
        return {
            "size": (stream.width, stream.height), "shape": stream.sample_aspect_ratio, "codec": stream.codec_context.name,
            "tags": (int(first.colorspace), int(first.color_range), int(first.color_primaries), int(first.color_trc)),
            "sounds": [each.codec_context.name for each in container.streams.audio],
            "subtitles": [each.codec_context.name for each in container.streams.subtitles],
            "chapters": [(each["start"] * each["time_base"], each["metadata"].get("title")) for each in container.chapters()],
        }  # fmt: skip


def times_of(path: Path, kind: str = "video") -> list[Fraction]:
    """Times of all packets in seconds, in order."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return sorted(packet.pts * packet.time_base for packet in container.demux(stream) if packet.pts is not None)


def still(image: np.ndarray) -> bytes:
    """A JPEG, for cover art."""
    import PIL.Image

    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "JPEG")
    return stream.getvalue()
