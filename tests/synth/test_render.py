import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.errors import ParamsError
from swapcore.synth.attributes import NEUTRAL, Attributes, draw_attributes
from swapcore.synth.defocus import blur_by_depth
from swapcore.synth.identity import HairStyle, Identity, draw_identity
from swapcore.synth.layers import INNER_FACE, Part
from swapcore.synth.render import POINT_NAMES, Picture, render, render_batch
from swapcore.synth.subject import Subject
from swapcore.synth.truth import render_true_swap

SIZE = 64
QUIET = NEUTRAL.but(noise=0.0, blur=0.0)
ARRAYS = ("image", "points", "visible", "parts", "depth")


def well_inside(mask: np.ndarray) -> np.ndarray:
    """Without the mask's rim, whose pixels show two parts at once."""
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def difference(a: Picture, b: Picture) -> np.ndarray:
    return np.abs(a.image.astype(int) - b.image).max(-1)


@pytest.fixture(scope="module")
def plain(person: Identity) -> Picture:
    return render(person, QUIET, SIZE)


def test_a_picture_has_its_shapes_and_types(person: Identity) -> None:
    picture = render(person, NEUTRAL, SIZE)
    assert picture.image.shape == (SIZE, SIZE, 3)
    assert picture.image.dtype == np.uint8
    assert picture.points.shape == (len(POINT_NAMES), 2)
    assert picture.visible.shape == (len(POINT_NAMES),)
    assert picture.parts.shape == picture.depth.shape == (SIZE, SIZE)
    assert np.isinf(picture.depth[picture.parts == Part.BACKGROUND]).all()
    assert np.isfinite(picture.depth[picture.parts != Part.BACKGROUND]).all()
    assert {Part.FACE, Part.EYE, Part.LIP, Part.NECK, Part.EAR} <= set(np.unique(picture.parts))


@pytest.mark.parametrize("size", [63, 2049])
def test_a_size_out_of_bounds_is_refused_by_name(size: int, person: Identity) -> None:
    with pytest.raises(ParamsError, match="size_px: "):
        render(person, NEUTRAL, size)


def test_a_batch_holds_the_bytes_of_single_pictures(person: Identity) -> None:
    shots = [(person, NEUTRAL), (draw_identity(np.random.default_rng(5)), NEUTRAL.but(yaw_deg=20, smile=0.5))]
    assert render_batch([], SIZE) == []
    for shot, picture in zip(shots, render_batch(shots, SIZE), strict=True):
        alone = render(*shot, SIZE)
        for name in ARRAYS:
            assert getattr(alone, name).tobytes() == getattr(picture, name).tobytes()
            assert getattr(alone, name).dtype == getattr(picture, name).dtype


CHANGES = {
    "yaw_deg": 15, "pitch_deg": 8, "roll_deg": 8, "smile": 1, "mouth_open": 0.6, "frown": 1, "pucker": 1, "cheek_puff": 1,
    "squint": 1, "brow_raise": 1, "blink": 1, "gaze_x_deg": 18, "gaze_y_deg": 12, "light_azimuth_deg": -40,
    "light_elevation_deg": 5, "light_intensity": 1.5, "light_warmth": 1, "light_softness": 0, "ambient": 0.8,
    "distance_cm": 60, "span_cm": 36, "shift_x_cm": 2, "shift_y_cm": 2, "exposure_ev": 0.5, "blur": 1.5,
    "background_blur": 0, "noise": 0.05, "background_seed": 9, "jpeg": 1, "motion": 1, "clothes_hue": 0.1,
    "clothes_saturation": 1, "clothes_darkness": 1, "collar": 2, "glasses": 1, "headwear": 1, "hair_part": -0.8, "hair_volume": 1,
    "hair_lay_seed": 9,
}  # fmt: skip
WHERE = {
    "gaze_x_deg": (Part.EYE,), "gaze_y_deg": (Part.EYE,), "blink": (Part.EYE,), "smile": (Part.LIP, Part.FACE),
    "mouth_open": (Part.LIP, Part.FACE), "brow_raise": (Part.BROW, Part.FACE), "background_seed": (Part.BACKGROUND,),
    "background_blur": (Part.BACKGROUND,), "clothes_hue": (Part.CLOTHES,), "clothes_saturation": (Part.CLOTHES,),
    "clothes_darkness": (Part.CLOTHES,),
    "hair_part": (Part.HAIR,), "hair_volume": (Part.HAIR,), "hair_lay_seed": (Part.HAIR,),
}  # fmt: skip
NEEDS = {"smile_open": {"smile": 0.8}, "wink": {"blink": 0.8}, "glasses_seed": {"glasses": 1}}
"""What must be there before a parameter shows."""


@pytest.mark.parametrize("name", [n for n in Attributes.bounds() if n != "noise_seed"])
def test_every_attribute_changes_the_pixels_that_it_should(name: str, person: Identity) -> None:
    haired = person.but(hair_style=int(HairStyle.BOB)) if name.startswith("hair") else person
    before = QUIET.but(**NEEDS.get(name, {}))
    size = 192 if name == "motion" else SIZE  # a movement of less than a pixel does not show
    first = render(haired, before, size)
    changed = difference(first, render(haired, before.but(**{name: CHANGES.get(name, 1)}), size))
    where = np.isin(first.parts, WHERE.get(name, tuple(Part)))
    assert changed[where].max() > 5
    if not where.all():
        assert changed[where].mean() > changed[~where].mean()


@pytest.mark.parametrize("name", ["clothes_hue", "clothes_saturation", "clothes_darkness"])
def test_clothes_leave_the_face_alone(name: str, person: Identity, plain: Picture) -> None:
    other = render(person, QUIET.but(**{name: CHANGES[name]}), SIZE)
    inside = well_inside(np.isin(plain.parts, INNER_FACE))
    assert inside.any()
    assert difference(plain, other)[inside].max() <= 1


def test_the_noise_seed_changes_only_noise(person: Identity, plain: Picture) -> None:
    assert difference(plain, render(person, QUIET.but(noise_seed=8), SIZE)).max() == 0
    assert difference(plain, render(person, QUIET.but(noise=0.02, noise_seed=8), SIZE)).max() > 3


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=6, deadline=None)
def test_nothing_is_kept_between_images(seed: int) -> None:
    identity = draw_identity(np.random.default_rng(seed))
    before = render(identity, NEUTRAL, SIZE).image
    render(identity, draw_attributes(np.random.default_rng(seed), 1.0), SIZE)
    assert before.tobytes() == render(identity, NEUTRAL, SIZE).image.tobytes()


SHOWS_ONLY = {
    "muscle": 20, "hair_style": 30, "hair_length": 20, "hair_part_side": 20, "hair_temples": 4, "lash_length": 4, "wrinkles": 3,
    "moles": 3, "oiliness": 3, "eye_makeup": 4,
}  # fmt: skip


@pytest.mark.parametrize("name", list(Identity.bounds()))
def test_every_identity_parameter_shows(name: str, person: Identity) -> None:
    base = person.but(
        age=0.7, hair_style=int(HairStyle.SHORT), hair_darkness=0.4, hair_gray=0.0, face_hair_darkness=0.4,
        face_hair_gray=0.0, beard=0.6, freckles=0.5, moles=0.9, brow_density=0.9, african=0.3, asian=0.3, caucasian=0.3,
        skin_tone=0.3,
    )  # fmt: skip
    if name in ("hair_length", "hair_part_side"):
        base = base.but(hair_style=int(HairStyle.LONG_STRAIGHT))
    bounds = Identity.bounds()[name]
    ends = [render(base.but(**{name: end}), QUIET, 96) for end in (bounds.low, min(bounds.high, 1000))]
    assert difference(*ends).max() >= SHOWS_ONLY.get(name, 5)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=8, deadline=None)
def test_the_points_are_on_their_parts(seed: int) -> None:
    identity = draw_identity(np.random.default_rng(seed)).but(beard=0.0, hair_style=int(HairStyle.BUZZ))
    picture = render(identity, QUIET, 128)
    for name, parts in (
        ("left_iris", {Part.EYE, Part.LASH}), ("right_iris", {Part.EYE, Part.LASH}), ("lip_outer_lower_2", {Part.LIP, Part.FACE}),
        ("nose_base", {Part.FACE}), ("nose_bridge_3", {Part.FACE}), ("contour_16", {Part.FACE, Part.NECK}),
    ):  # fmt: skip
        column, row = np.rint(picture.points[POINT_NAMES.index(name)]).astype(int)
        near = picture.parts[row - 1 : row + 2, column - 1 : column + 2]
        assert parts & set(np.unique(near)), name
    eyes = picture.points[:2]
    assert eyes[0, 0] < eyes[1, 0]
    assert eyes[:, 1].max() < picture.points[2, 1] < picture.points[3:5, 1].min()


def test_hidden_points_are_marked(person: Identity) -> None:
    left, right = POINT_NAMES.index("contour_2"), POINT_NAMES.index("contour_30")
    turned = render(person, QUIET.but(yaw_deg=45), 96)
    assert turned.visible[left]
    assert not turned.visible[right]
    behind = render(person, QUIET.but(yaw_deg=180), 96).visible
    assert not any(shown for name, shown in zip(POINT_NAMES, behind, strict=True) if not name.startswith("contour"))


def test_the_face_turns_the_way_the_angles_say(person: Identity) -> None:
    nose, left, right = (
        render(person, a, SIZE).points[2] for a in (QUIET, QUIET.but(yaw_deg=-20), QUIET.but(yaw_deg=20))
    )
    assert left[0] < nose[0] < right[0]
    assert render(person, QUIET.but(pitch_deg=12), SIZE).points[2, 1] > nose[1]
    assert render(person, QUIET.but(gaze_x_deg=9), SIZE).points[2, 1] == nose[1]


def test_the_gaze_moves_the_irises_and_nothing_else(person: Identity) -> None:
    ahead, aside = (render(person, QUIET.but(gaze_x_deg=angle), SIZE).points for angle in (0.0, 20.0))
    moved = np.abs(aside - ahead).max(1)
    irises = [POINT_NAMES.index(name) for name in ("left_iris", "right_iris")]
    assert (aside - ahead)[irises, 0].min() > 0.4
    assert np.delete(moved, irises).max() == 0


def test_no_face_is_seen_from_behind(person: Identity) -> None:
    behind = render(person, QUIET.but(yaw_deg=180), SIZE)
    assert not np.isin(behind.parts, [Part.EYE, Part.LIP, Part.BROW]).any()


def test_exposure_does_not_depend_on_the_person(person: Identity) -> None:
    pale, dark = (render(person.but(skin_tone=tone), QUIET, SIZE) for tone in (0.0, 1.0))
    assert difference(pale, dark)[well_inside(pale.parts == Part.BACKGROUND)].max() <= 1
    inside = pale.parts == Part.FACE
    assert pale.image[inside].mean() > 1.8 * dark.image[inside].mean()


def test_a_true_swap_changes_the_face_and_keeps_the_rest() -> None:
    source, template = (draw_identity(np.random.default_rng(seed)).but(beard=0.0) for seed in (3, 8))
    source = source.but(hair_style=int(HairStyle.BALD))
    template = template.but(hair_style=int(HairStyle.SHAVED))
    original, swapped = render(template, QUIET, 96), render_true_swap(source, template, QUIET, 96)
    changed = difference(original, swapped)
    inside = np.isin(original.parts, INNER_FACE) & np.isin(swapped.parts, INNER_FACE)
    assert changed[inside].mean() > 6
    both = (original.parts == Part.BACKGROUND) & (swapped.parts == Part.BACKGROUND)
    assert changed[well_inside(both)].max() <= 1
    assert difference(render_true_swap(template, template, QUIET, 96), original).max() == 0
    assert render(Subject.of(template), QUIET, 96).image.tobytes() == original.image.tobytes()


def test_no_cap_is_worn_over_a_headscarf(person: Identity) -> None:
    covered = person.but(hair_style=int(HairStyle.HEADSCARF))
    first, second = (render(covered, QUIET.but(headwear=headwear), SIZE) for headwear in (0, 1))
    assert np.array_equal(first.image, second.image)


def test_depth_of_field_blurs_what_is_behind_the_eyes_only() -> None:
    rng = np.random.default_rng(3)
    linear, depth = rng.random((256, 96, 3), np.float32), np.full((256, 96), 150.0, np.float32)
    depth[:, 48:] = 170.0
    near = NEUTRAL.but(background_blur=1.0, distance_cm=150.0, span_cm=20.0)
    blurred = blur_by_depth(linear, depth, near)
    assert np.array_equal(blurred[:, :20], linear[:, :20])
    assert blurred[:, 60:].std() < 0.8 * linear[:, 60:].std()
    assert np.array_equal(blur_by_depth(linear, depth, near.but(background_blur=0.0)), linear)


@pytest.mark.parametrize("pitch", [-8.0, 0.0, 8.0])
@pytest.mark.parametrize("seed", [2, 5])
def test_an_open_mouth_is_darker_than_the_lips(seed: int, pitch: float) -> None:
    """A tongue as bright as the lips hides how far the mouth is open."""
    identity = draw_identity(np.random.default_rng(seed)).but(beard=0.0)
    picture = render(identity, NEUTRAL.but(mouth_open=0.7, pitch_deg=pitch, noise=0.0), 192)
    inside, lips = (picture.image[picture.parts == part].mean() for part in (Part.MOUTH, Part.LIP))
    assert (picture.parts == Part.MOUTH).sum() > 40
    assert inside < 0.65 * lips
