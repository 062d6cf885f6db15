"""The classical teacher on drawn people."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import face, five_points
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.faces.align import template_points
from swapcore.ops.color import to_lab
from swapcore.ops.masks import face_mask, nose_offset
from swapcore.teachers.classical import (
    ClassicalTeacher,
    facing_alike,
    feather,
    forehead_skin,
    poisson,
    thin_plate_spline,
    transfer_color,
    transfer_light,
    warp_to_points,
)

BLENDS = ("feather", "poisson")


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first.astype(int) - second).mean(-1)


@pytest.mark.parametrize("blend", BLENDS)
def test_swap_changes_the_face_and_nothing_else(blend: str) -> None:
    source, template = face(1), face(2)
    fake = ClassicalTeacher(blend).swap(source, template).image  # type: ignore[arg-type]
    assert fake.shape == template.image.shape
    assert fake.dtype == np.uint8
    mask = face_mask(template.points, len(fake), softness=0)
    change = difference(fake, template.image)
    assert change[mask == 0].max() == 0
    assert change[mask > 0].mean() > 3


@pytest.mark.parametrize("blend", BLENDS)
def test_a_face_put_into_itself_stays(blend: str) -> None:
    template = face(3)
    fake = ClassicalTeacher(blend).swap(template, template).image  # type: ignore[arg-type]
    assert difference(fake, template.image).mean() < 1


def test_the_sources_features_arrive_at_the_templates_points() -> None:
    source, template = face(1), face(2)
    fake = ClassicalTeacher("feather").swap(source, template).image
    x, y = template.points[0].round().astype(int)
    patch = np.s_[y - 2 : y + 3, x - 2 : x + 3]
    assert difference(fake[patch], source.image[patch]).mean() < difference(fake[patch], template.image[patch]).mean()


def test_same_bytes_again_and_after_pickling() -> None:
    teacher = ClassicalTeacher("feather")
    again = pickle.loads(pickle.dumps(teacher))
    assert np.array_equal(teacher.swap(face(1), face(2)).image, again.swap(face(1), face(2)).image)


def test_spline_passes_through_its_points_and_keeps_affine_maps() -> None:
    rng = np.random.default_rng(0)
    controls, at = rng.uniform(0, 100, (9, 2)), rng.uniform(0, 100, (30, 2))
    values = controls + rng.normal(0, 5, (9, 2))
    assert thin_plate_spline(controls, values, controls) == pytest.approx(values, abs=1e-6)
    linear, shift = np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([3.0, -4.0])
    assert thin_plate_spline(controls, controls @ linear + shift, at) == pytest.approx(at @ linear + shift, abs=1e-6)


def test_warp_brings_the_points_there() -> None:
    points, target = five_points(0), five_points(1)
    image = np.zeros((96, 96, 3), np.uint8)
    for x, y in points:
        image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    bent = warp_to_points(image, points, target, 96)
    for x, y in target:
        assert bent[round(y), round(x)].max() > 150
    assert warp_to_points(image, points, points, 96) == pytest.approx(image, abs=40)


def test_a_source_that_looks_the_other_way_is_mirrored() -> None:
    to_left, to_right = face(1), face(2)
    to_left.points[2, 0] -= 6
    to_right.points[2, 0] += 6
    image, points = facing_alike(to_left, to_right)
    assert np.array_equal(image, to_left.image[:, ::-1])
    assert nose_offset(points) == pytest.approx(-nose_offset(to_left.points))
    assert points[0, 0] < points[1, 0]
    assert facing_alike(to_left, face(4))[0] is to_left.image


@settings(deadline=None, max_examples=20)
@given(st.floats(0.8, 1.25), st.floats(-20, 20), st.floats(0.8, 1.25))
def test_color_transfer_undoes_a_change_of_light(contrast: float, brightness: float, chroma: float) -> None:
    wanted = to_lab(face(5).image)
    mask = face_mask(template_points(96), 96, softness=0.2)
    changed = wanted * np.array([contrast, chroma, chroma], np.float32)
    changed[..., 0] += brightness
    assert transfer_color(changed, wanted, mask) == pytest.approx(wanted, abs=0.05)


def test_a_shadow_of_a_darker_face_does_not_turn_blue() -> None:
    mask = np.ones((8, 8), np.float32)
    dark = np.full((8, 8, 3), (40, 12, 20), np.float32)
    dark[0, 0] = (20, 6, 10)
    pale = np.full((8, 8, 3), (75, 9, 11), np.float32)
    assert transfer_color(dark, pale, mask)[0, 0, 2] > 2


def test_color_gain_is_bounded() -> None:
    mask = np.ones((8, 8), np.float32)
    flat = np.full((8, 8, 3), 50, np.float32)
    flat[::2] += 0.1
    wanted = np.random.default_rng(0).uniform(0, 100, (8, 8, 3)).astype(np.float32)
    assert np.ptp(transfer_color(flat, wanted, mask)[..., 0]) == pytest.approx(0.14, abs=0.01)


def test_light_moves_toward_the_templates_shadow() -> None:
    flat = np.full((64, 64, 3), 60, np.float32)
    shadow = flat + np.linspace(-20, 20, 64, dtype=np.float32)[None, :, None]
    lit = transfer_light(flat, shadow, np.ones((64, 64), np.float32), 4.0)
    assert lit[32, 8, 0] < 55
    assert lit[32, 56, 0] > 65


def test_a_fringe_is_no_skin_and_only_the_forehead_is_asked() -> None:
    plain = face(6)
    points = plain.points
    assert forehead_skin(to_lab(plain.image), points, 0.1)[int(points[0, 1]) :].min() == 1
    fringe = plain.image.copy()
    brow_line = int(points[0, 1] - 0.6 * (points[1, 0] - points[0, 0]))
    fringe[:brow_line] = 15
    seen = forehead_skin(to_lab(fringe), points, 0.1)
    assert seen[: brow_line - 2, 30:66].max() < 0.1


def test_feather_leaves_bytes_where_the_mask_is_zero() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    mask = np.zeros((16, 16), np.float32)
    mask[4:8] = 1
    mask[8:10] = 0.5
    mixed = feather(one, other, mask)
    assert np.array_equal(mixed[:4], other[:4])
    assert np.array_equal(mixed[4:8], one[4:8])
    assert mixed[8, 3, 1] == pytest.approx((float(one[8, 3, 1]) + float(other[8, 3, 1])) / 2, abs=1)


def test_poisson_takes_the_color_of_the_surroundings() -> None:
    face_image = np.full((64, 64, 3), 100, np.uint8)
    template = np.full((64, 64, 3), 180, np.uint8)
    mask = face_mask(template_points(64), 64, softness=0.2)
    assert poisson(face_image, template, mask) == pytest.approx(template, abs=2)


def test_poisson_leaves_a_template_without_face_alone() -> None:
    image = face(1).image
    assert np.array_equal(poisson(face(2).image, image, np.zeros((96, 96), np.float32)), image)


def test_points_at_the_border_are_no_trouble() -> None:
    template = replace(face(2), points=face(2).points + np.array([30, 20]))
    for blend in BLENDS:
        fake = ClassicalTeacher(blend).swap(face(1), template).image  # type: ignore[arg-type]
        assert fake.shape == template.image.shape
