"""People who do not exist, who take the originals' places: drawn, rendered, and dealt out so that each is far from his original."""

import functools
import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from swapcore.anonymization.identities import Vector
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.render import render

_PURPOSE = 7
"""Keeps these draws apart from those of training people and of the benchmark."""
_RENDERED_LARGER = 1.6
"""Than the crop that is cut from it."""
_SPARE = 4
"""More people than are needed, so that the last original has a choice too."""
_PORTRAIT_PX = 512
"""Side of the portraits for models that compose at an image's own resolution."""
MAX_PEOPLE = 256
"""More are not rendered: larger sets use each of them several times."""


@dataclass(frozen=True)
class SyntheticPerson:
    """A face that nobody has."""

    number: int
    crop: Image
    """uint8 (S, S, 3), aligned."""
    embedding: npt.NDArray[np.float32]
    """Centered and of length 1."""

    @property
    def ingredient(self) -> Ingredient:
        """As marks name it."""
        return Ingredient("source", f"synthetic person {self.number}", hashlib.sha256(self.crop.tobytes()).hexdigest())


def draw_replacements(num_originals: int, seed: int, swapper: FaceSwapper, workers: int) -> list[SyntheticPerson]:
    """Enough people for so many originals, rendered in processes."""
    num = min(num_originals + _SPARE, MAX_PEOPLE)
    work = functools.partial(portrait, seed, size_px=max(swapper.size_px, min(_PORTRAIT_PX, swapper.max_crop_px)))
    crops = list(progress(ordered_map(work, range(num), workers=workers, chunk_size=2), "drawing people", num))
    embeddings = swapper.embed(np.stack(crops))
    return [SyntheticPerson(number, *face) for number, face in enumerate(zip(crops, embeddings, strict=True))]


def portrait(seed: int, number: int, *, size_px: int) -> Image:
    """The aligned face of a person, uint8 (S, S, 3): frontal, at rest, without a beard, which would not fit everybody."""
    person = replacement_identity(seed, number)
    picture = render(
        person,
        NEUTRAL.but(noise=0.0, light_azimuth_deg=8.0, light_softness=0.9, ambient=0.5),
        round(_RENDERED_LARGER * size_px),
    )
    return warp(picture.image, align(picture.points[:NUM_ALIGNMENT_POINTS], size_px), size_px)


def replacement_identity(seed: int, number: int) -> Identity:
    """Who it is: adding people changes none before."""
    return draw_identity(np.random.default_rng([seed, _PURPOSE, number])).but(beard=0.0)


def deal(originals: dict[str, Vector], people: list[SyntheticPerson], num_each: int) -> dict[str, list[int]]:
    """For each original the numbers of num_each people, the one to take first in front.

    The first ones are dealt so that the sum of all cosines to the originals is least and, while there are enough, nobody is dealt
    twice: two originals stay two people. The others, for the case that the first does not do, are the farthest.
    """
    names = sorted(originals)
    cosines = np.stack([originals[name] for name in names]) @ np.stack([person.embedding for person in people]).T
    repeated = np.tile(cosines, math.ceil(len(names) / len(people)))
    rows, columns = linear_sum_assignment(repeated)
    first = {int(row): int(column) % len(people) for row, column in zip(rows, columns, strict=True)}
    dealt = {}
    for row, name in enumerate(names):
        others = [int(number) for number in cosines[row].argsort() if number != first[row]]
        dealt[name] = [first[row], *others][:num_each]
    return dealt
