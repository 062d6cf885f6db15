"""The frozen set: who is shown, how they are photographed and who is put onto whom, drawn where no training seed reaches."""

import hashlib
from dataclasses import dataclass

import numpy as np

from swapcore.evaluation.pairs import Pair
from swapcore.synth.attributes import draw_attributes
from swapcore.synth.identity import draw_identity
from swapcore.synth.people import Shot

VERSION = 4
"""Raised whenever the people, the pairs, the renderer's pixels or the meaning of a figure change."""
NAMESPACE = f"swapcore-truth-benchmark-v{VERSION}"
NUM_PEOPLE = 12
SIZE_PX = 128
"""Side of the crops unless another is asked for; figures of different sizes cannot be compared."""
_SEED_LIMIT = 2**31
"""Every seed of params.yaml is below (config.Seed)."""
_PERSON, _PICTURE = 1, 2
_RENDERED_LARGER = 1.5
"""Pixels of a photograph's side for each of the crop's: the crop then neither loses detail nor invents it."""
_FULL_RANGE = 1.0


@dataclass(frozen=True)
class Extent:
    """How much there is."""

    num_people: int
    pictures_per_person: int
    sources_per_template: int
    size_px: int
    """Side of the crops."""


def standard(size_px: int, num_people: int = NUM_PEOPLE) -> Extent:
    """The benchmark's size: 12 people with 4 images each, each image the template of 2 pairs: 48 images, 96 pairs."""
    return Extent(num_people=num_people, pictures_per_person=4, sources_per_template=2, size_px=size_px)


def entropy(*numbers: int) -> list[int]:
    """The seed of a draw: the namespace's SHA-256 as eight words, then what is drawn.

    The stage draws from [seed, kind, person(, picture)] with a seed below 2**31; the first word here is never below, so
    that no params.yaml can name these people, whatever its seed.
    """
    words = np.frombuffer(hashlib.sha256(NAMESPACE.encode()).digest(), "<u4")
    return [_SEED_LIMIT | int(words[0]), *(int(word) for word in words[1:]), *numbers]


def draw_shots(extent: Extent) -> list[Shot]:
    """Every picture's parameters, person by person, at full range of pose, expression and light."""
    size_px = round(_RENDERED_LARGER * extent.size_px)
    return [
        Shot(
            file=f"person-{person:02d}/{picture}.png",
            person=f"person-{person:02d}",
            size_px=size_px,
            identity=draw_identity(np.random.default_rng(entropy(_PERSON, person))),
            attributes=draw_attributes(np.random.default_rng(entropy(_PICTURE, person, picture)), _FULL_RANGE),
        )
        for person in range(extent.num_people)
        for picture in range(extent.pictures_per_person)
    ]


def draw_pairs(extent: Extent) -> list[Pair]:
    """Places in draw_shots of source and template, template by template: no chance, everybody equally often on each side.

    As long as there are enough people, no person is put twice onto the same other.
    """
    people, pictures, sources = extent.num_people, extent.pictures_per_person, extent.sources_per_template
    return [
        Pair(
            source=(person + 1 + (picture * sources + turn) % (people - 1)) % people * pictures
            + (picture + 1 + turn) % pictures,
            template=person * pictures + picture,
        )
        for person in range(people)
        for picture in range(pictures)
        for turn in range(sources)
    ]


def pair_name(number: int) -> str:
    """What a pair is called in tables and file names."""
    return f"{number:04d}"
