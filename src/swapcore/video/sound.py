"""Encoding of sound as AAC, for containers that cannot hold the original's codec."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av

_RATES: Final = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
"""Sample rates of AAC in Hz."""
_USUAL_RATE: Final = 48_000
_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
"""Number of channels -> AAC's layout; other numbers become stereo."""


def can_reencode(stream: Any) -> bool:
    """Whether there is a decoder for a sound stream."""
    return stream.codec_context is not None and stream.codec_context.is_decoder


class Reencoder:
    """Decodes the packets of one sound stream and encodes them as AAC at the same times."""

    def __init__(self, source: Any, target: Any) -> None:
        """Add an AAC stream for the sound stream source to the container target."""
        rate = source.rate if source.rate in _RATES else _USUAL_RATE
        layout = _LAYOUTS.get(source.codec_context.channels, "stereo")
        self._stream = target.add_stream("aac", rate=rate, layout=layout)
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self._next: int | None = None
        self._rate = rate

    def encode(self, packet: Any, origin: Fraction) -> Iterator[Any]:
        """Yield the encoded packets of a packet, shifted by origin in seconds; damaged packets are left out."""
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            begins = None if frame.pts is None else round((frame.pts * frame.time_base - origin) * self._rate)
            for resampled in self._resampler.resample(frame):
                # Gaps of the original stay; without a gap, samples are counted.
                if self._next is None or (begins is not None and begins > self._next + self._rate // 10):
                    self._next = max(0, begins or 0)
                resampled.pts, resampled.time_base = self._next, Fraction(1, self._rate)
                self._next += resampled.samples
                yield from self._stream.encode(resampled)

    def finish(self) -> Iterator[Any]:
        """Yield the last packets."""
        if self._next is not None:
            yield from self._stream.encode(None)
