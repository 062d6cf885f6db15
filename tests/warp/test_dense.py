"""The dense warp on drawn people."""

import numpy as np
import pytest
from drawn_photographs import draw_face

from swapcore.faces.mesh.find import find_faces
from swapcore.faces.mesh.mean_shape import STIFF
from swapcore.ops.color import to_lab
from swapcore.warp.color import Areas, LightTransfer, estimate_light, relight
from swapcore.warp.dense import DenseWarp, dense_warp
from swapcore.warp.flow import correspond, rasterize
from swapcore.warp.reshaping import reshape_template
from swapcore.warp.view import VIEW_PX, FaceView, blur, grow, view_face


def landmarks(image: np.ndarray) -> np.ndarray:
    return find_faces(image, every=False)[0].points


@pytest.fixture(scope="module")
def people() -> list[tuple[np.ndarray, np.ndarray]]:
    images = [draw_face(person, size_px=360, eye_distance_px=70)[0] for person in range(3)]
    return [(image, landmarks(image)) for image in images]


@pytest.fixture(scope="module")
def warped(people) -> DenseWarp:
    return dense_warp(*people[0], *people[1])


def change(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first.astype(int) - second).max(-1)


def test_the_face_changes_and_the_image_around_it_does_not(people, warped):
    image, points = people[1]
    assert warped.image.shape == image.shape
    assert warped.image.dtype == np.uint8
    differences = change(warped.image, image)
    x, y = points[1, :2].round().astype(int)
    assert differences[y - 20 : y + 20, x - 20 : x + 20].mean() > 3
    assert differences[:20].max() == differences[:, :20].max() == differences[:, -20:].max() == 0


def test_a_face_put_onto_itself_stays(people):
    image, points = people[2]
    assert change(dense_warp(image, points, image, points).image, image).mean() < 1.5


def test_the_same_bytes_again(people, warped):
    assert np.array_equal(dense_warp(*people[0], *people[1]).image, warped.image)


def test_the_new_face_has_the_skin_of_the_template(people, warped):
    image, points = people[1]
    x, y = points[[50, 280], :2].round().astype(int).T
    for column, row in zip(x, y, strict=True):
        patches = [
            to_lab(each)[row - 6 : row + 7, column - 6 : column + 7].mean((0, 1)) for each in (warped.image, image)
        ]
        assert np.linalg.norm(patches[0] - patches[1]) < 6


def test_landmarks_of_the_result_are_those_found_in_it(warped):
    found = landmarks(warped.image)
    eye = np.linalg.norm(found[263] - found[33])
    assert np.median(np.linalg.norm(found[:468, :2] - warped.points[:468, :2], axis=1)) < 0.03 * eye


def test_flow_between_equal_faces_is_the_identity(people):
    view = view_face(*people[0])
    found = correspond(view.points, view.points, VIEW_PX)
    rows, columns = np.nonzero(found.inside)
    np.testing.assert_allclose(found.flow[rows, columns], np.stack([columns, rows], 1), atol=1e-3)
    assert found.facing[found.inside].min() >= 0


def test_flow_follows_a_shift(people):
    view = view_face(*people[0])
    found = correspond(view.points, view.points + np.array([7, -3, 0]), VIEW_PX, smoothing_px=2)
    rows, columns = np.nonzero(found.inside)
    np.testing.assert_allclose(found.flow[rows, columns], np.stack([columns + 7, rows - 3], 1), atol=1e-2)


def test_near_triangles_cover_far_ones():
    corners = np.array([[0.0, 0, 5], [20, 0, 5], [0, 20, 5], [0, 0, 1], [20, 0, 1], [0, 20, 1]])
    index = rasterize(corners, np.array([[3, 4, 5], [0, 1, 2]]), 24)
    assert index[5, 5] == 0
    assert index[22, 22] == -1


def test_a_view_seen_twice_in_the_mirror_is_itself(people):
    view = view_face(*people[0])
    twice = view.mirrored().mirrored()
    assert np.array_equal(twice.image, view.image)
    np.testing.assert_allclose(twice.points, view.points, atol=1e-9)
    np.testing.assert_allclose(twice.affine, view.affine, atol=1e-9)
    np.testing.assert_allclose(view.in_photograph(), people[0][1], atol=1e-6)


def test_proportions_of_oneself_change_nothing_and_the_forehead_stays(people):
    (_, first), (_, second) = people[:2]
    np.testing.assert_allclose(reshape_template(first, first), first, atol=1e-6)
    reshaped = reshape_template(second, first)
    np.testing.assert_allclose(reshaped[10], second[10], atol=1e-6)
    assert np.abs(reshaped - second)[list(STIFF)].max() > 0.2


def even(value: float, channels: tuple[int, ...] = ()) -> np.ndarray:
    return np.full((40, 40, *channels), value, np.float32)


def equal_light() -> LightTransfer:
    return LightTransfer(even(4.5, (3,)), even(4.5, (3,)), even(1.0), even(0.0), even(0.0), even(0.0))


def test_light_of_equal_faces_changes_no_pixel():
    generator = np.random.default_rng(0)
    image = generator.uniform(40, 220, (40, 40, 3)).astype(np.float32)
    light = equal_light()
    np.testing.assert_allclose(relight(image, light), image, rtol=0.15, atol=3)


def test_estimated_light_brings_a_dark_face_to_the_tone_of_a_pale_one():
    dark, pale = even(60, (3,)), even(200, (3,))
    light = estimate_light(
        dark, pale, Areas(*(even(value) for value in (1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))), 20.0
    )
    np.testing.assert_allclose(relight(dark, light), pale, atol=1)


@pytest.mark.parametrize(("own", "wanted"), [(60, 200), (200, 50)])
def test_lips_of_darker_and_paler_sources_get_the_tone_of_the_template(own, wanted):
    """Dark lips on pale skin, and pale ones on dark skin, look like paint."""
    rows = np.arange(40)[:, None]
    lips = blur(((rows > 24) & (rows < 32) + np.zeros((1, 40), bool)).astype(np.float32), 1.0)
    first, second = even(own, (3,)), even(wanted, (3,))
    own_lips, wanted_lips = np.float32([0.75, 0.6, 0.7]) * own, np.float32([0.9, 0.5, 0.55]) * wanted
    first, second = first + lips[..., None] * (own_lips - first), second + lips[..., None] * (wanted_lips - second)
    skin = 1 - grow(lips, 3)
    none = even(0.0)
    light = estimate_light(first, second, Areas(skin, skin, even(1.0), none, none, lips, none, none), 40.0)
    after = relight(first, light)[28].mean(0)
    without = estimate_light(first, second, Areas(skin, skin, even(1.0), none, none, none, none, none), 40.0)
    before = relight(first, without)[28].mean(0)
    assert np.abs(after - wanted_lips).mean() < 0.5 * np.abs(before - wanted_lips).mean()


def test_highlights_of_dark_skin_do_not_become_white_patches():
    own, wanted = np.log(66.0), np.log(216.0)
    light = equal_light()._replace(own=even(own, (3,)), wanted=even(wanted, (3,)))
    plain, shiny = (relight(even(level, (3,)), light).mean() for level in (60.0, 120.0))
    assert plain == pytest.approx(210, abs=1)
    assert plain < shiny < 235


def test_brows_are_not_bluer_than_gray():
    skin = np.broadcast_to(np.log([226.0, 186.0, 166.0]), (40, 40, 3)).astype(np.float32)
    light = equal_light()._replace(own=even(np.log(66.0), (3,)), wanted=skin, brows=even(1.0))
    gray = relight(even(25.0, (3,)), light)
    assert (gray[..., 0] > gray[..., 2] + 4).all()
    elsewhere = relight(even(25.0, (3,)), light._replace(brows=even(0.0)))
    assert elsewhere[..., 0].mean() < gray[..., 0].mean()


def test_slivers_at_the_outline_move_no_farther_than_their_corners(people):
    view = view_face(*people[0])
    moved = view.points.copy()
    # The outline's triangles at the left jaw are folded to slivers.
    moved[[132, 58, 172], :2] = view.points[[177, 215, 138], :2] + 0.05
    found = correspond(moved, view.points, VIEW_PX)
    rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX]
    shift = found.flow - np.stack([columns, rows], -1)
    corners = (view.points - moved)[:, :2]
    assert (shift >= corners.min(0) - 1e-3).all()
    assert (shift <= corners.max(0) + 1e-3).all()


def test_views_are_upright(people):
    image, points = people[0]
    view: FaceView = view_face(
        np.rot90(image).copy(), np.column_stack([points[:, 1], 359 - points[:, 0], points[:, 2]])
    )
    assert abs(view.points[263, 1] - view.points[33, 1]) < 1e-6
    assert view.image.shape == (VIEW_PX, VIEW_PX, 3)
