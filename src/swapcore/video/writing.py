"""Encoding of video parts."""

from pathlib import Path
from typing import Any, Final

import av

from swapcore.files import hidden_sibling
from swapcore.video.reading import Frame, VideoFacts

PART_SUFFIX: Final = ".nut"
"""NUT keeps any time base; Matroska rounds times to 1 ms."""
_ENCODER: Final = "libx264"
# Without B-frames, parts can be joined packet by packet.
_OPTIONS: Final = {"crf": "17", "preset": "veryfast", "bf": "0", "threads": "1"}


class PartWriter:
    """Encodes frames to a file, which gets its final name in ``finish``."""

    def __init__(self, path: Path, facts: VideoFacts) -> None:
        self._path = path
        self._partial = hidden_sibling(path, "partial")
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._look, self._time_base = facts.look, facts.time_base
        self._container = av.open(str(self._partial), "w", format=PART_SUFFIX[1:])
        self._stream: Any = self._container.add_stream(_ENCODER, rate=facts.rate, options=_OPTIONS)
        self._stream.width, self._stream.height = facts.width, facts.height
        self._stream.pix_fmt = self._look.pixel_format
        codec = self._stream.codec_context
        codec.time_base = facts.time_base
        codec.colorspace, codec.color_trc, codec.color_primaries, codec.color_range = self._look.tags

    def add(self, frame: Frame) -> None:
        """Encode a frame at its time."""
        encoded = self._look.encodable(frame.image)
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
