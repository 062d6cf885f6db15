"""People, images and pairs of the benchmark, with seeds disjoint from training."""

import hashlib
from dataclasses import dataclass

import numpy as np

from swapcore.evaluation.pairs import Pair
from swapcore.synth.attributes import draw_attributes
from swapcore.synth.identity import draw_identity
from swapcore.synth.people import Shot

VERSION = 4
"""Increased whenever people, pairs, the renderer's pixels or the meaning of a metric change."""
NAMESPACE = f"swapcore-truth-benchmark-v{VERSION}"
NUM_PEOPLE = 12
SIZE_PX = 128
"""Default side of the crops; metrics of different sizes are not comparable."""
_SEED_LIMIT = 2**31
"""Upper limit of the seeds in params.yaml (config.Seed)."""
_PERSON, _IMAGE = 1, 2
_RENDER_SCALE = 1.5
"""Side of a rendered image relative to the crop's side: about one rendered pixel per crop pixel."""
_FULL_RANGE = 1.0


@dataclass(frozen=True)
class Extent:
    """Size of the benchmark."""

    num_people: int
    images_per_person: int
    sources_per_template: int
    size_px: int
    """Side of the crops."""


def standard(size_px: int, num_people: int = NUM_PEOPLE) -> Extent:
    """The benchmark's size: 12 people with 4 images each, each image the template of 2 pairs: 48 images, 96 pairs."""
    return Extent(num_people=num_people, images_per_person=4, sources_per_template=2, size_px=size_px)


def entropy(*numbers: int) -> list[int]:
    """Return the seed of a draw: the namespace's SHA-256 as eight words, then the given numbers.

    The stage synthesize seeds with [seed, kind, person(, image)] and a seed below 2**31. The first word here is at least
    2**31, so no params.yaml can generate these people.
    """
    words = np.frombuffer(hashlib.sha256(NAMESPACE.encode()).digest(), "<u4")
    return [_SEED_LIMIT | int(words[0]), *(int(word) for word in words[1:]), *numbers]


def draw_shots(extent: Extent) -> list[Shot]:
    """Draw the parameters of every image, person by person, with full range of pose, expression and light."""
    size_px = round(_RENDER_SCALE * extent.size_px)
    return [
        Shot(
            file=f"person-{person:02d}/{image}.png",
            person=f"person-{person:02d}",
            size_px=size_px,
            identity=draw_identity(np.random.default_rng(entropy(_PERSON, person))),
            attributes=draw_attributes(np.random.default_rng(entropy(_IMAGE, person, image)), _FULL_RANGE),
        )
        for person in range(extent.num_people)
        for image in range(extent.images_per_person)
    ]


def draw_pairs(extent: Extent) -> list[Pair]:
    """Return the pairs as indices into draw_shots; deterministic, with every person equally often on each side.

    If there are enough people, no pair of people is repeated.
    """
    people, images, sources = extent.num_people, extent.images_per_person, extent.sources_per_template
    return [
        Pair(
            source=(person + 1 + (image * sources + turn) % (people - 1)) % people * images
            + (image + 1 + turn) % images,
            template=person * images + image,
        )
        for person in range(people)
        for image in range(images)
        for turn in range(sources)
    ]


def pair_name(number: int) -> str:
    """Return a pair's name in tables and file names."""
    return f"{number:04d}"
