"""Rendered people with and without what hides a face."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from swapcore.faces.mesh.find import find_faces
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import HairStyle
from swapcore.synth.people import draw_person
from swapcore.synth.render import Picture, render

SIZE_PX = 256
PEOPLE = {"source": 1, "template": 12, "pale": 14}


class Shown(NamedTuple):
    """A rendered face with the landmarks that the mesh finds."""

    picture: Picture
    points: np.ndarray

    @property
    def image(self) -> np.ndarray:
        return self.picture.image


@cache
def _show(person: str, identity: tuple[tuple[str, object], ...], attributes: tuple[tuple[str, object], ...]) -> Shown:
    bald = {"hair_style": int(HairStyle.BALD), "beard": 0.0}
    who = draw_person(31, PEOPLE[person]).but(**(bald | dict(identity)))
    picture = render(who, NEUTRAL.but(**dict(attributes)), SIZE_PX)
    return Shown(picture, find_faces(picture.image, every=False)[0].points)


@pytest.fixture(scope="session")
def show():
    """Render a person: bald and shaven unless the parameters of the identity or the attributes say otherwise."""

    def render_one(person: str, identity: dict[str, object] | None = None, **attributes: object) -> Shown:
        return _show(person, tuple((identity or {}).items()), tuple(attributes.items()))

    return render_one


@pytest.fixture(scope="session")
def fringe() -> dict[str, object]:
    """Parameters of an identity whose dark hair covers its forehead."""
    return {"hair_style": int(HairStyle.FRINGE), "hair_darkness": 1.0, "hair_gray": 0.0}
