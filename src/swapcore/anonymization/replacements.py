"""Rendered people as replacements, assigned so that each is unlike the original person."""

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from swapcore.anonymization.complexion import Complexion, complexion_distance, measure_complexion
from swapcore.anonymization.identities import Vector
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.hub.face_swapper import FaceInImage, FaceSwapper, face_of_square
from swapcore.ops.geometry import apply, warp
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.render import render

_STREAM = 7
"""Random stream: distinct from those of training people and of the benchmark."""
_RENDER_SCALE = 1.6
"""Side of the rendered image relative to the crop that is cut from it."""
_NUM_LANDMARKS = 5
_NUM_SPARE = 12
"""People rendered beyond the number of originals, so that every original has a choice of people who are unlike it."""
_PORTRAIT_PX = 512
"""Side of the portraits for models that swap at the image's resolution."""
_COMPLEXION_WEIGHT = 1.0
"""Cost of a difference from black to white; cosines between people have a spread of 0.2."""
_MAX_AGE, _MAX_WRINKLES = 0.45, 0.3
"""An old person's lines on a young head look wrong, the reverse does not."""
MAX_PEOPLE = 256
"""Maximum number of rendered people; larger sets reuse them."""


@dataclass(frozen=True)
class SyntheticPerson:
    """A rendered person."""

    number: int
    face: FaceInImage
    """Aligned, without an image around it."""
    embedding: npt.NDArray[np.float32]
    """(D,), centered, of unit length."""
    complexion: Complexion | None = None

    @property
    def ingredient(self) -> Ingredient:
        """Name and SHA-256 of the crop, for the marks."""
        return Ingredient(
            "source", f"synthetic person {self.number}", hashlib.sha256(self.face.face.crop.tobytes()).hexdigest()
        )


def draw_replacements(num_originals: int, seed: int, model: FaceSwapper, workers: int) -> list[SyntheticPerson]:
    """Render replacements.

    Args:
        num_originals: people to replace.
        seed: of the synthetic people.
        model: gives the crop size and the embeddings.
        workers: processes; 0 = one per core.
    """
    num = min(num_originals + _NUM_SPARE, MAX_PEOPLE)
    portrait_px = max(model.size_px, min(_PORTRAIT_PX, model.max_crop_px))
    render_portrait = functools.partial(portrait, seed, portrait_px=portrait_px, size_px=model.size_px)
    rendered = ordered_map(render_portrait, range(num), workers=workers, chunk_size=2)
    faces = list(progress(rendered, "rendering people", num))
    embeddings = model.embed(np.stack([face.face.crop for face in faces]))
    complexions = _complexions([face.image for face in faces])
    return [
        SyntheticPerson(number, *each) for number, each in enumerate(zip(faces, embeddings, complexions, strict=True))
    ]


def _complexions(portraits: list[Image]) -> list[Complexion | None]:
    """Measure people in aligned portraits of one size; None without landmarks."""
    if not is_installed():
        return [None] * len(portraits)
    return [measure_complexion(*pair) for pair in zip(portraits, crop_landmarks(np.stack(portraits)), strict=True)]


def portrait(seed: int, number: int, *, portrait_px: int, size_px: int) -> FaceInImage:
    """Render the aligned face of a person: frontal, neutral, without a beard, which would not suit everyone.

    Args:
        seed: of the synthetic people.
        number: of the person.
        portrait_px: side of the aligned image.
        size_px: side of the face's crop.
    """
    person = replacement_identity(seed, number)
    rendered = render(
        person,
        NEUTRAL.but(noise=0.0, light_azimuth_deg=8.0, light_softness=0.9, ambient=0.5),
        round(_RENDER_SCALE * portrait_px),
    )
    affine = align(rendered.points[:NUM_ALIGNMENT_POINTS], portrait_px)
    points = apply(affine, rendered.points[:_NUM_LANDMARKS])
    return face_of_square(warp(rendered.image, affine, portrait_px), points, size_px)


def replacement_identity(seed: int, number: int) -> Identity:
    """Draw the identity of a number; it does not depend on how many people are drawn."""
    person = draw_identity(np.random.default_rng([seed, _STREAM, number]))
    return person.but(beard=0.0, age=min(person.age, _MAX_AGE), wrinkles=min(person.wrinkles, _MAX_WRINKLES))


def assign(
    originals: dict[str, Vector],
    people: list[SyntheticPerson],
    num_each: int,
    complexions: Mapping[str, Complexion] = MappingProxyType({}),
) -> dict[str, list[int]]:
    """Choose replacements for each original, in the order in which they are tried.

    The choices of each turn minimize the sum of costs: the cosine between original and replacement, and how far brows and skin
    differ in color, as gray brows below black hair look wrong. They are distinct, over all turns, as long as there are enough
    people; then the people of least cost follow, unused ones first.

    Args:
        originals: name -> mean embedding (D,) of unit length.
        people: the candidates.
        num_each: replacements per original.
        complexions: of the originals, as far as they are known.

    Returns:
        Name -> numbers of the people.
    """
    names = sorted(originals)
    costs = np.stack([originals[name] for name in names]) @ np.stack([person.embedding for person in people]).T
    costs = costs + _COMPLEXION_WEIGHT * _differences([complexions.get(name) for name in names], people)
    assigned: dict[str, list[int]] = {name: [] for name in names}
    free = np.arange(len(people))
    while (len(free) >= len(names) or not assigned[names[0]]) and len(assigned[names[0]]) < num_each:
        repeated = np.tile(costs[:, free], math.ceil(len(names) / len(free)))
        rows, columns = linear_sum_assignment(repeated)
        chosen = {names[row]: int(free[column % len(free)]) for row, column in zip(rows, columns, strict=True)}
        for name, number in chosen.items():
            assigned[name].append(number)
        free = np.setdiff1d(free, list(chosen.values()))
    for row, name in enumerate(names):
        by_cost = sorted(map(int, costs[row].argsort()), key=lambda number: number not in free)  # a stable sort
        others = [number for number in by_cost if number not in assigned[name]]
        assigned[name] = [*assigned[name], *others][:num_each]
    return assigned


def _differences(originals: list[Complexion | None], people: list[SyntheticPerson]) -> npt.NDArray[np.float64]:
    """Distances (N, P) of the complexions; 0 where one is unknown."""
    return np.array(
        [
            [
                0.0 if one is None or person.complexion is None else complexion_distance(one, person.complexion)
                for person in people
            ]
            for one in originals
        ]
    )
