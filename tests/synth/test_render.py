import dataclasses

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.synth.attributes import NEUTRAL, Attributes
from swapcore.synth.features import eye_of, lid_edges
from swapcore.synth.identity import FACE_PARAMETERS, Identity, draw_identity
from swapcore.synth.mesh import INNER_FACE, Part
from swapcore.synth.render import POINT_NAMES, Picture, render, render_batch
from swapcore.synth.truth import render_true_swap, true_swap

SIZE = 64
QUIET = NEUTRAL.but(noise=0.0)


def well_inside(mask: np.ndarray) -> np.ndarray:
    """Without the mask's rim, whose pixels show two parts at once."""
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def difference(a: Picture, b: Picture) -> np.ndarray:
    return np.abs(a.image.astype(int) - b.image).max(-1)


def test_a_picture_has_its_shapes_and_types(person: Identity) -> None:
    picture = render(person, NEUTRAL, SIZE)
    assert picture.image.shape == (SIZE, SIZE, 3)
    assert picture.image.dtype == np.uint8
    assert picture.points.shape == (len(POINT_NAMES), 2)
    assert picture.parts.shape == picture.depth.shape == (SIZE, SIZE)
    assert np.isinf(picture.depth[picture.parts == Part.BACKGROUND]).all()
    assert np.isfinite(picture.depth[picture.parts != Part.BACKGROUND]).all()
    assert set(INNER_FACE) - {Part.MOUTH, Part.BEARD} <= set(np.unique(picture.parts))


def test_the_same_parameters_give_the_same_bytes_on_any_number_of_threads(person: Identity) -> None:
    first = render(person, NEUTRAL, SIZE)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    second = render(person, NEUTRAL, SIZE)
    torch.set_num_threads(threads)
    for name in ("image", "points", "parts", "depth"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_a_batch_holds_the_bytes_of_single_pictures(person: Identity) -> None:
    shots = [(person, NEUTRAL), (draw_identity(np.random.default_rng(5)), NEUTRAL.but(yaw_deg=20, smile=0.5))]
    assert render_batch([], 32) == []
    for shot, picture in zip(shots, render_batch(shots, 32), strict=True):
        alone = render(*shot, 32)
        for name in ("image", "points", "parts", "depth"):
            assert getattr(alone, name).tobytes() == getattr(picture, name).tobytes()
            assert getattr(alone, name).dtype == getattr(picture, name).dtype


CHANGES = {
    "yaw_deg": 15, "pitch_deg": 8, "roll_deg": 8, "smile": 1, "mouth_open": 0.6, "brow_raise": 1, "blink": 1, "gaze_x_deg": 18,
    "gaze_y_deg": 12, "light_azimuth_deg": -40, "light_elevation_deg": 5, "light_intensity": 1.5, "light_warmth": 1,
    "light_softness": 0, "ambient": 0.8, "distance_cm": 60, "span_cm": 36, "shift_x_cm": 2, "shift_y_cm": 2, "exposure_ev": 0.5,
    "blur": 1.5, "background_blur": 0, "noise": 0.05, "background_seed": 9, "clothes_hue": 0.1,
    "clothes_darkness": 1, "hair_part": -0.8, "hair_volume": 1, "hair_lay_seed": 9,
}  # fmt: skip
WHERE = {
    "gaze_x_deg": (Part.EYE,), "gaze_y_deg": (Part.EYE,), "blink": (Part.EYE,), "smile": (Part.LIP,), "mouth_open": (Part.LIP,),
    "brow_raise": (Part.BROW,), "background_seed": (Part.BACKGROUND,), "background_blur": (Part.BACKGROUND,),
    "clothes_hue": (Part.CLOTHES,), "clothes_darkness": (Part.CLOTHES,), "hair_part": (Part.HAIR,), "hair_volume": (Part.HAIR,),
    "hair_lay_seed": (Part.HAIR,),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(person: Identity) -> Picture:
    return render(person, QUIET, SIZE)


@pytest.mark.parametrize("name", [n for n in Attributes.bounds() if n != "noise_seed"])
def test_every_attribute_moves_the_pixels_that_it_should(name: str, person: Identity, plain: Picture) -> None:
    changed = difference(plain, render(person, QUIET.but(**{name: CHANGES[name]}), SIZE))
    where = np.isin(plain.parts, WHERE.get(name, tuple(Part)))
    assert changed[where].max() > 5
    assert changed[where].mean() > changed[~where].mean() if not where.all() else changed.mean() > 0.3


@pytest.mark.parametrize("name", ["background_seed", "clothes_hue", "clothes_darkness", "background_blur"])
def test_the_surroundings_leave_the_face_alone(name: str, person: Identity, plain: Picture) -> None:
    other = render(person, QUIET.but(**{name: CHANGES[name]}, blur=0.0), SIZE)
    inside = well_inside(np.isin(plain.parts, INNER_FACE))
    assert inside.any()
    assert difference(render(person, QUIET.but(blur=0.0), SIZE), other)[inside].max() <= 1


def test_the_noise_seed_changes_only_noise(person: Identity, plain: Picture) -> None:
    assert difference(plain, render(person, QUIET.but(noise_seed=8), SIZE)).max() == 0
    assert difference(plain, render(person, NEUTRAL.but(noise=0.02, noise_seed=8), SIZE)).max() > 3


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=8, deadline=None)
def test_attributes_leave_the_neutral_view_of_a_person_alone(seed: int) -> None:
    """Nothing is kept between pictures: after any other photograph the neutral one is the same, to the byte."""
    from swapcore.synth.attributes import draw_attributes

    identity = draw_identity(np.random.default_rng(seed))
    before = render(identity, NEUTRAL, 32).image
    render(identity, draw_attributes(np.random.default_rng(seed), 1.0), 32)
    assert before.tobytes() == render(identity, NEUTRAL, 32).image.tobytes()


@pytest.mark.parametrize("name", [n for n in Identity.bounds() if n not in ("freckles", "lip_makeup", "age")])
def test_every_identity_parameter_shows(name: str, person: Identity) -> None:
    light = {"darkness": 0.3, "gray": 0.0}  # black or gray hair shows no red
    reds = {
        f"{hair}_redness": {f"{hair}_{key}": value for key, value in light.items()} for hair in ("hair", "face_hair")
    }
    style = reds.get(name, {})
    bounds = Identity.bounds()[name]
    ends = (bounds.low, bounds.high) if bounds.high < 100 else (5, 6)
    pictures = [render(person.but(hair_style=0, **style).but(**{name: end}), QUIET, SIZE) for end in ends]
    assert difference(*pictures).max() > 3


@given(st.integers(0, 2**31 - 1), st.floats(0.0, 1.0))
@settings(max_examples=30, deadline=None)
def test_the_eye_is_open_at_blink_zero_and_shut_at_one(seed: int, squint: float) -> None:
    eye = eye_of(draw_identity(np.random.default_rng(seed)))
    middle = torch.tensor([eye.center_x])
    _, upper, lower = lid_edges(eye, middle, 0.0, squint)
    assert float(upper - lower) > 0.4
    _, upper, lower = lid_edges(eye, middle, 1.0, squint)
    assert float(upper - lower) < 0.03


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_no_parameter_breaks_a_face_at_its_ends(end: float, person: Identity) -> None:
    extreme = {name: max(bounds.low, end) for name, bounds in Identity.bounds().items() if bounds.high == 1.0}
    picture = render(person.but(**extreme), NEUTRAL, SIZE)
    assert np.isin(picture.parts, INNER_FACE).mean() > 0.08
    assert (picture.parts == Part.EYE).sum() >= 6
    for point in picture.points[[0, 1, 5, 6, 7, 8]]:
        column, row = np.round(point).astype(int)
        near = picture.parts[row - 3 : row + 4, column - 3 : column + 4]
        assert (near == Part.EYE).any()


def test_the_exact_points_lie_on_their_parts(person: Identity) -> None:
    picture = render(person, NEUTRAL, 256)
    for index, part in ((0, Part.EYE), (1, Part.EYE)):
        column, row = np.round(picture.points[index]).astype(int)
        assert picture.parts[row, column] == part
    eyes = np.argwhere(picture.parts == Part.EYE)[:, ::-1]
    left = eyes[eyes[:, 0] < 128]
    assert np.abs(left[:, 0].min() - picture.points[5, 0]) < 4
    assert np.abs(left[:, 0].max() - picture.points[6, 0]) < 4
    lips = np.argwhere(picture.parts == Part.LIP)[:, ::-1]
    assert np.abs(lips[:, 0].min() - picture.points[3, 0]) < 4
    assert np.abs(lips[:, 0].max() - picture.points[4, 0]) < 4


def test_the_face_turns_the_way_the_angles_say(person: Identity) -> None:
    nose, left, right = (
        render(person, a, SIZE).points[2] for a in (QUIET, QUIET.but(yaw_deg=-20), QUIET.but(yaw_deg=20))
    )
    assert left[0] < nose[0] < right[0]
    assert render(person, QUIET.but(pitch_deg=12), SIZE).points[2, 1] > nose[1]
    assert render(person, QUIET.but(gaze_x_deg=0), SIZE).points[2, 1] == nose[1]


def test_no_face_is_seen_from_behind(person: Identity) -> None:
    behind = render(person, QUIET.but(yaw_deg=180), SIZE)
    assert not np.isin(behind.parts, [Part.EYE, Part.LIP, Part.BROW]).any()


def test_exposure_does_not_depend_on_who_is_photographed(person: Identity) -> None:
    pale, dark = (render(person.but(skin_tone=tone), QUIET.but(blur=0.0), SIZE) for tone in (0.0, 1.0))
    other = np.isin(pale.parts, [Part.BACKGROUND, Part.CLOTHES]) & (pale.parts == dark.parts)
    assert difference(pale, dark)[well_inside(other)].max() == 0
    inside = np.isin(pale.parts, [Part.FACE])
    assert pale.image[inside].mean() > dark.image[inside].mean() + 40


def test_lines_of_age_do_not_follow_the_expression() -> None:
    from swapcore.synth.skin import face_material

    young = draw_identity(np.random.default_rng(1)).but(age=0.0)
    x, y = torch.linspace(-4, 4, 60), torch.linspace(3.4, 6, 60)
    rest = torch.cartesian_prod(x, y)
    rest = torch.cat([rest, torch.zeros(len(rest), 1)], 1)

    def lines(attributes: Attributes) -> torch.Tensor:
        old = face_material(young.but(age=1.0), attributes, rest).albedo
        return old / face_material(young, attributes, rest).albedo

    torch.testing.assert_close(lines(NEUTRAL), lines(NEUTRAL.but(brow_raise=1.0, smile=1.0)), atol=1e-4, rtol=1e-4)


def test_a_true_swap_takes_the_face_and_leaves_the_rest() -> None:
    source, template = (draw_identity(np.random.default_rng(n)).but(hair_style=0) for n in (1, 2))
    mixed = true_swap(source, template)
    for name in Identity.bounds():
        assert getattr(mixed, name) == getattr(source if name in FACE_PARAMETERS else template, name)
    original = render(template, QUIET, SIZE)
    swapped = render_true_swap(source, template, QUIET, SIZE)
    changed, inside = difference(original, swapped), np.isin(original.parts, INNER_FACE)
    assert changed[inside].mean() > 5 * changed[~inside].mean()
    assert changed[original.parts == Part.BACKGROUND].mean() < 0.5
    assert difference(original, render_true_swap(template, template, QUIET, SIZE)).max() == 0


def test_pictures_are_frozen(person: Identity) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        render(person, NEUTRAL, 32).image = np.zeros(1)  # type: ignore[misc]
