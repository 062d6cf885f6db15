"""Everything of a person that does not depend on the image: shape, texture and hair, made once."""

import functools
from dataclasses import dataclass

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.head import Head, build_head
from swapcore.synth.skin import bake_skin
from swapcore.synth.subject import Subject, subject_vertices
from swapcore.synth.wardrobe import GrownParts, covers, grow

_TEXELS_PER_PX = 1.4
"""Height of the texture over the side of the image: a little more than one texel per pixel of the supersampled face."""
_FEW_HAIRS_PX = 128
"""Images smaller than this have fewer, wider ribbons."""
_SMALLEST_TEXTURE, _LARGEST_TEXTURE, _TEXTURE_STEP = 96, 1024, 32


@dataclass(frozen=True)
class Person:
    """A subject, ready for its images."""

    subject: Subject
    head: Head
    texture: Floats
    """(H, 2H, skin.CHANNELS)."""
    grown: GrownParts


@functools.lru_cache(maxsize=4)
def prepare(subject: Subject, size_px: int) -> Person:
    """Shape, bake and grow a person for images of a size; the last few are kept for their next images."""
    head = build_head(subject_vertices(subject))
    height = texture_height(size_px)
    texture = bake_skin(subject.look, subject.head, covers(subject.look, height), height)
    return Person(subject, head, texture, grow(subject.look, head, detail_of(size_px)))


def texture_height(size_px: int) -> int:
    """Texels from pole to pole of the texture for images of a size."""
    height = _TEXTURE_STEP * round(_TEXELS_PER_PX * size_px / _TEXTURE_STEP)
    return min(_LARGEST_TEXTURE, max(_SMALLEST_TEXTURE, height))


def detail_of(size_px: int) -> float:
    """How finely hair is divided: 1 at 256 px; still less below 128 px, where few ribbons are as wide as a pixel."""
    detail = np.clip((size_px / 256) ** (0.9 if size_px < 256 else 0.6), 0.25, 1.8)
    return float(detail * min(1.0, size_px / _FEW_HAIRS_PX))
