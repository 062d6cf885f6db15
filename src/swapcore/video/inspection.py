"""Reading of the marks of a video file: C2PA manifest, and the watermark of its frames."""

from collections import Counter
from pathlib import Path
from typing import Final

from swapcore.provenance import manifest, watermark
from swapcore.provenance.inspection import Inspection
from swapcore.provenance.payload import from_bits
from swapcore.video.reading import read_facts, read_frames

_MAX_READ: Final = 40
"""Frames in which the watermark is searched, evenly over the video."""


def inspect_video(path: Path) -> Inspection:
    """Read both marks of a video file.

    Raises:
        InputError: the file cannot be read as a video.
    """
    facts = read_facts(path)
    step = max(1, facts.num_frames // _MAX_READ)
    found: Counter[int] = Counter()
    for number, frame in enumerate(read_frames(path)):
        if number % step == 0 and (reading := watermark.read(frame.image)):
            found[reading.payload] += 1
    payload = found.most_common(1)[0][0] if found else None
    mime_type = _mime_type(path)
    return Inspection(
        path=path,
        manifest=manifest.read_file(path, mime_type) if mime_type else None,
        watermark=None if payload is None else from_bits(payload),
    )


def _mime_type(path: Path) -> str | None:
    """Return the type of an ISO media file by its brand; None for other containers."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] != b"ftyp":
        return None
    return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
