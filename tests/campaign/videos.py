"""Good and bad videos."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.campaign.images import Rng
from tests.video.clips import write_clip

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".ts")
SOUNDS = {".mkv": ("", "aac", "pcm_s16le", "flac", "ac3", "libopus"), ".mov": ("", "aac", "pcm_s16le", "alac")}
DAMAGE = ("none", "truncated", "cut at a box", "flipped bits", "spliced", "empty", "text")
BOXES = (
    b"ftyp",
    b"moov",
    b"trak",
    b"stbl",
    b"mdat",
    b"moof",
    b"\x1a\x45\xdf\xa3",
    b"\x1f\x43\xb6\x75",
    b"LIST",
    b"movi",
    b"\x47\x40",
)
"""Where structures of MP4, Matroska, AVI and MPEG-TS begin."""


def make_video(folder: Path, rng: Rng) -> tuple[str, Path]:
    """Write a small video without a face and damage it; return its kind and path."""
    suffix, damage = str(rng.choice(SUFFIXES)), str(rng.choice(DAMAGE))
    path = folder / f"video{suffix}"
    frames = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(int(rng.integers(1, 9)))]
    sound = str(rng.choice(SOUNDS[suffix])) if suffix in SOUNDS else ""
    write_clip(path, frames, codec="mpeg4" if suffix == ".avi" else "libx264", sound=sound or None,
               matrix=int(rng.choice([1, 6])), pixel_shape=Fraction(4, 3) if rng.random() < 0.3 else None,
               options={"preset": "ultrafast"} if suffix != ".avi" else None)  # fmt: skip
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        del data[int(rng.integers(1, len(data))) :]
    elif damage == "cut at a box":
        places = [place for box in BOXES for place in range(len(data)) if data.startswith(box, place)]
        del data[max(1, int(rng.choice(places)) + int(rng.integers(-4, 9))) :]
    elif damage == "flipped bits":
        for place in rng.integers(0, len(data), 12):
            data[int(place)] ^= 1 << int(rng.integers(8))
    elif damage == "spliced":
        first, last = sorted(int(place) for place in rng.integers(0, len(data), 2))
        del data[first:last]
    elif damage == "empty":
        data.clear()
    elif damage == "text":
        data[:] = b"no video\n" * 30
    path.write_bytes(data)
    return f"video {suffix} {damage}", path
