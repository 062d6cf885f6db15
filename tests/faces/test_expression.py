"""Expression, gaze and pitch of rendered faces."""

from pathlib import Path

import numpy as np
import pytest

from swapcore.faces.expression import Expression, measure_expression
from swapcore.faces.extract import extract_face
from swapcore.faces.quality import pitch_deg
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.people import draw_person
from swapcore.synth.render import render


def measured(person: int, **changes: float) -> tuple[Expression, float]:
    image = render(draw_person(1, person), NEUTRAL.but(**changes), 192).image
    face = extract_face(image, 192, "central", Path())
    return measure_expression(face), pitch_deg(face.points[:3], 0.0)


PEOPLE = (1, 5)


@pytest.fixture(scope="module")
def rest() -> list[Expression]:
    return [measured(person)[0] for person in PEOPLE]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"mouth_open": 0.6}, "mouth_open"),
        ({"smile": 0.9}, "mouth_width"),
        ({"gaze_x_deg": 18.0}, "gaze_x"),
        ({"brow_raise": 0.9}, "brow_height"),
    ],
)
def test_measure_follows_the_render_parameter(rest, changes, name):
    shifts = [
        getattr(measured(p, **changes)[0], name) - getattr(before, name) for p, before in zip(PEOPLE, rest, strict=True)
    ]
    assert float(np.mean(shifts)) > 1  # percent


def test_pitch_has_known_values():
    upright, bent = np.array([[0.0, 0], [10, 0], [5, 7.8]]), np.array([[0.0, 0], [10, 0], [5, 8.2]])
    assert pitch_deg(upright, 0.0) == pytest.approx(0)
    assert pitch_deg(bent, 0.0) == pytest.approx(np.degrees(0.1))  # 0.04 eye distances over a depth of 0.4
    turned = np.array([[0.0, 0], [5, 0], [2.5, 7.8]])
    assert pitch_deg(turned, 60.0) == pytest.approx(0)  # at 60 degrees the projected eye distance is half
