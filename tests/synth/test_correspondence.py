import cv2
import numpy as np
import pytest

from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.correspondence import field_to, surface_of
from swapcore.synth.identity import HairStyle, Identity, draw_identity
from swapcore.synth.layers import Part
from swapcore.synth.render import POINT_NAMES, Picture, render
from swapcore.synth.subject import Subject, true_swap

SIZE = 96
FLAT = NEUTRAL.but(noise=0.0, blur=0.0, ambient=1.0, light_intensity=0.2, light_softness=1.0)
"""Almost shadeless, so that the same skin has the same color in every pose."""


@pytest.fixture(scope="module")
def source() -> Identity:
    return draw_identity(np.random.default_rng(3)).but(beard=0.0, hair_style=int(HairStyle.SHAVED), moles=1.0)


@pytest.fixture(scope="module")
def template() -> Identity:
    return draw_identity(np.random.default_rng(8)).but(beard=0.0, hair_style=int(HairStyle.SHAVED), skin_tone=0.3)


def shown(subject: Subject, attributes: object) -> tuple[Picture, object]:
    picture = render(subject, attributes, SIZE)
    return picture, surface_of(subject, attributes, picture)


def test_an_image_corresponds_to_itself(source: Identity) -> None:
    picture, surface = shown(Subject.of(source), FLAT)
    field = field_to(surface, surface, picture)
    rows, columns = np.nonzero(surface.triangle >= 0)
    np.testing.assert_allclose(field.xy[rows, columns], np.stack([columns, rows], 1), atol=2e-3)
    assert field.visible[rows, columns].mean() > 0.98
    assert not field.visible[picture.parts == Part.BACKGROUND].any()
    assert np.isnan(field.xy[picture.parts == Part.BACKGROUND]).all()


def test_landmarks_of_one_image_are_found_in_another(source: Identity, template: Identity) -> None:
    """The field carries the nose's tip of the true swap to the nose's tip of source and template."""
    swap, surface = shown(true_swap(source, template), FLAT.but(yaw_deg=10))
    for subject, attributes in ((source, FLAT.but(yaw_deg=-15)), (template, FLAT.but(yaw_deg=10))):
        picture, other = shown(Subject.of(subject), attributes)
        field = field_to(surface, other, picture)
        for name in ("nose_bridge_3", "lip_outer_lower_2", "nose_base"):
            number = POINT_NAMES.index(name)
            x, y = swap.points[number].astype(np.float32)
            found = np.array(
                [cv2.remap(field.xy[..., axis], np.float32([[x]]), np.float32([[y]]), 1) for axis in (0, 1)]
            )
            assert np.abs(found.ravel() - picture.points[number]).max() < 0.6, name


def test_warping_by_the_exact_field_gives_the_same_skin(source: Identity) -> None:
    """In almost shadeless light, a face warped from one pose to another has the color that is rendered there."""
    first, first_surface = shown(Subject.of(source), FLAT)
    second, second_surface = shown(Subject.of(source), FLAT.but(yaw_deg=14, pitch_deg=3))
    field = field_to(second_surface, first_surface, first)
    x, y = (np.nan_to_num(field.xy[..., axis]) for axis in (0, 1))
    warped = cv2.remap(first.image, x, y, cv2.INTER_LINEAR)
    inside = cv2.erode((field.visible & (second.parts == Part.FACE)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert inside.sum() > 500
    error = np.abs(warped.astype(int) - second.image)[inside].mean()
    unmoved = np.abs(first.image.astype(int) - second.image)[inside].mean()
    assert error < 6
    assert error < 0.75 * unmoved


def test_a_turned_face_hides_its_far_side(source: Identity) -> None:
    ahead, surface = shown(Subject.of(source), FLAT)
    turned, other = shown(Subject.of(source), FLAT.but(yaw_deg=60))
    field = field_to(surface, other, turned)
    skin = ahead.parts == Part.FACE
    columns = np.arange(SIZE)[None] + 0 * skin
    near, far = skin & (columns < SIZE * 0.45), skin & (columns > SIZE * 0.58)
    assert field.visible[near].mean() > 0.8
    assert field.visible[far].mean() < 0.25
