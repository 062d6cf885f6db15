"""A dataset of people who do not exist: identities, images, and the table that can render each of them again."""

import dataclasses
import typing
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.synth.attributes import Attributes, draw_attributes
from swapcore.synth.identity import SHAPE_PARAMETERS, HairStyle, Identity, draw_identity
from swapcore.synth.render import POINT_NAMES, Picture
from swapcore.tables import read_table

PARAMETERS = "parameters.parquet"
_PERSON, _PICTURE, _PLACE = 1, 2, 3
"""Purposes of generators: keep the draws of people, of their images and of their places apart."""


def _row_type() -> type[Any]:
    """The typed row of parameters.parquet, made from the parameters so that none can be forgotten."""
    fields: list[tuple[str, Any]] = [("file", str), ("identity", str), ("size_px", int)]
    fields += [("points", list[float]), ("visible", list[float])]
    for prefix, kind in (("identity_", Identity), ("attribute_", Attributes)):
        fields += [(f"{prefix}{name}", _plain(hint)) for name, hint in typing.get_type_hints(kind).items()]
    return dataclasses.make_dataclass(
        "PictureRow", fields, frozen=True, namespace={"__doc__": "One image.", "__module__": __name__}
    )


def _plain(hint: Any) -> Any:
    """The column's type of a parameter: a tuple of numbers becomes a list."""
    return hint if hint in (int, float) else list[float]


PictureRow = _row_type()
"""One image: file, identity, size_px, points (x, y in pixels, in the order of POINT_NAMES), visible (1 or 0 for each), and
every parameter."""


@dataclasses.dataclass(frozen=True)
class Shot:
    """One image's parameters."""

    file: str
    person: str
    size_px: int
    identity: Identity
    attributes: Attributes


def place_of(seed: int, person: int) -> tuple[float, float, float]:
    """Sex, age and skin tone in [0, 1)³, so that any first few people are spread more evenly than by chance.

    The additive sequence of Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences" (2018), from a start of the
    seed's own: steps by the powers of the root of x⁴ = x + 1.
    """
    start, steps = np.random.default_rng([seed, _PLACE]).random(3), 1.2207440846057596 ** -np.arange(1.0, 4.0)
    sex, age, skin_tone = ((start + person * steps) % 1.0).tolist()
    return sex, age, skin_tone


def draw_person(seed: int, person: int) -> Identity:
    """The person of this number: adding people changes none before."""
    return draw_identity(np.random.default_rng([seed, _PERSON, person]), place_of(seed, person))


def draw_shots(seed: int, person: int, num_pictures: int, size_px: int, attribute_range: float) -> list[Shot]:
    """All images of one person."""
    identity, name = draw_person(seed, person), f"person-{person:05d}"
    return [
        Shot(
            file=f"{name}/{picture:04d}.png",
            person=name,
            size_px=size_px,
            identity=identity,
            attributes=draw_attributes(np.random.default_rng([seed, _PICTURE, person, picture]), attribute_range),
        )
        for picture in range(num_pictures)
    ]


def to_row(shot: Shot, picture: Picture) -> Any:
    """The PictureRow of a rendered shot."""
    values = {f"identity_{name}": value for name, value in shot.identity.values().items()}
    values |= {f"attribute_{name}": value for name, value in shot.attributes.values().items()}
    values["identity_shape"] = list(shot.identity.shape)
    points, visible = ([float(value) for value in array.ravel()] for array in (picture.points, picture.visible))
    return PictureRow(
        file=shot.file, identity=shot.person, size_px=shot.size_px, points=points, visible=visible, **values
    )


def to_shot(row: Any) -> Shot:
    """The shot that a PictureRow describes."""
    values = {name: getattr(row, f"identity_{name}") for name in Identity.bounds()}
    identity = Identity(shape=tuple(row.identity_shape), **values)
    attributes = Attributes(**{name: getattr(row, f"attribute_{name}") for name in Attributes.bounds()})
    return Shot(row.file, row.identity, row.size_px, identity, attributes)


def read_shots(folder: Path) -> dict[str, Shot]:
    """File -> shot, of a folder that holds a parameters.parquet.

    Raises:
        ArtifactError: the table is missing, damaged, or of another version.
    """
    return {row.file: to_shot(row) for row in read_rows(folder)}


def read_rows(folder: Path) -> list[Any]:
    """The rows of a folder's parameters.parquet; errors as ``read_shots``."""
    return read_table(folder / PARAMETERS, PictureRow)


def distributions(seed: int, numbers: range) -> dict[str, Any]:
    """What the card states: how skin tone, age, sex, the face's shape and hair are spread over these people."""
    people = [draw_person(seed, number) for number in numbers]
    facts: dict[str, Any] = {}
    for name in ("skin_tone", "age"):
        counts, _ = np.histogram([getattr(person, name) for person in people], bins=6, range=(0.0, 1.0))
        facts[f"{name}_sixths"] = [int(count) for count in counts]
    masculine = sum(person.masculinity > 0.5 for person in people)
    facts["sex"] = {"masculine": masculine, "feminine": len(people) - masculine}
    styles = np.bincount([person.hair_style for person in people], minlength=len(HairStyle))
    facts["hair_styles"] = {style.name.lower(): int(styles[style]) for style in HairStyle}
    shapes = np.array([person.shape for person in people])
    facts["shape_thirds"] = {
        name: np.histogram(shapes[:, number], bins=3, range=(-1.0, 1.0))[0].tolist()
        for number, name in enumerate(SHAPE_PARAMETERS)
    }
    facts["point_names"] = list(POINT_NAMES)
    return facts
