"""Similarity transforms, affine maps and warps."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swapcore.ops.geometry import apply, compose, in_half_sides, invert, rescale, similarity_transform, warp

NUMBERS = st.floats(-100, 100)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=6).map(lambda points: np.array(points))
SIMILARITIES = st.builds(
    lambda scale, angle, x, y: np.array(
        [[scale * np.cos(angle), -scale * np.sin(angle), x], [scale * np.sin(angle), scale * np.cos(angle), y]]
    ),
    st.floats(0.1, 10), st.floats(-3.1, 3.1), NUMBERS, NUMBERS,
)  # fmt: skip
IDENTITY = np.eye(2, 3)


def gradient(height=60, width=80):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, x + y], -1).astype(np.uint8)


def test_similarity_by_hand():
    source = np.array([[0.0, 0], [1, 0], [0, 1]])
    target = np.array([[5.0, 5], [5, 7], [3, 5]])  # rotated by 90 degrees, scaled by 2
    np.testing.assert_allclose(similarity_transform(source, target), [[0, -2, 5], [2, 0, 5]], atol=1e-12)


@given(POINTS, SIMILARITIES)
def test_similarity_is_recovered(points, affine):
    assume(np.ptp(points, axis=0).max() > 0.1)
    found = similarity_transform(points, apply(affine, points))
    np.testing.assert_allclose(apply(found, points), apply(affine, points), atol=1e-6)


def test_two_points_give_a_similarity_without_reflection():
    found = similarity_transform(np.array([[0.0, 0], [2, 0]]), np.array([[1.0, 1], [1, 3]]))
    np.testing.assert_allclose(found, [[0, -1, 1], [1, 0, 1]], atol=1e-12)


def test_a_mirrored_target_gives_no_reflection():
    source = np.array([[0.0, 0], [2, 0], [0, 1]])
    found = similarity_transform(source, source * (-1, 1))
    assert np.linalg.det(found[:, :2]) > 0


@pytest.mark.parametrize("shapes", [((2, 2), (3, 2)), ((1, 2), (1, 2)), ((3, 3), (3, 3)), ((4,), (4,))])
def test_similarity_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match="expected two"):
        similarity_transform(np.ones(shapes[0]), np.ones(shapes[1]))


def test_degenerate_input_is_refused():
    with pytest.raises(ValueError, match="coincide"):
        similarity_transform(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="the affine is singular"):
        invert(np.array([[1.0, 2, 0], [2, 4, 0]]))


@given(SIMILARITIES, SIMILARITIES, POINTS)
def test_compose_and_invert(outer, inner, points):
    np.testing.assert_allclose(apply(compose(outer, inner), points), apply(outer, apply(inner, points)), atol=1e-6)
    np.testing.assert_allclose(apply(invert(outer), apply(outer, points)), points, atol=1e-6)


def test_apply_takes_any_batch():
    assert apply(IDENTITY, np.zeros((4, 5, 2))).shape == (4, 5, 2)


def test_rescale_keeps_pixel_edges():
    """At twice the size the edge at -0.5 stays, and the first pixel's center is between the first two."""
    np.testing.assert_allclose(
        apply(rescale(IDENTITY, 64, 128), np.array([[-0.5, 63.5], [0, 0]])), [[-0.5, 127.5], [0.5, 0.5]]
    )


def test_warp_by_shift_and_rotation():
    image = gradient()
    moved = warp(image, np.array([[1.0, 0, -5], [0, 1, -7]]), 40)
    np.testing.assert_array_equal(moved, image[7:47, 5:45])
    turned = warp(image, np.array([[0.0, 1, 0], [-1, 0, 39]]), 40)
    np.testing.assert_array_equal(turned, np.rot90(image[:40, :40]))


def test_warp_replicates_edges():
    image = gradient()
    shifted = warp(image, np.array([[1.0, 0, 10], [0, 1, 10]]), 40)
    np.testing.assert_array_equal(shifted[:10, 10:], np.repeat(image[:1, :30], 10, 0))
    far = warp(image, np.array([[1.0, 0, 500], [0, 1, 0]]), 20)
    np.testing.assert_array_equal(far, np.repeat(image[:20, :1], 20, 1))


@pytest.mark.parametrize("factor", [2, 3, 4, 7, 16])
def test_shrinking_averages(factor):
    """A fine checkerboard becomes gray, and a gradient keeps its position."""
    size = 40 * factor
    board = np.repeat((np.indices((size, size)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, -1)
    affine = rescale(IDENTITY, size, 40)
    inner = warp(board, affine, 40)[2:-2, 2:-2].astype(float)
    assert abs(inner.mean() - 127.5) < 2
    assert inner.std() < 70 if factor < 4 else inner.std() < 5
    ramp = np.repeat(np.linspace(0, 255, size)[None, :, None], size, 0).repeat(3, -1).astype(np.uint8)
    expected = cv2.resize(ramp, (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(warp(ramp, affine, 40)[2:-2, 2:-2].astype(int) - expected[2:-2, 2:-2]).max() <= 3


def test_cutting_a_region_first_gives_the_same_crop():
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    affine = np.array([[0.3, 0.05, -60.0], [-0.05, 0.3, -40.0]])
    padded = np.pad(image, ((64, 64), (64, 64), (0, 0)), mode="edge")
    moved = compose(affine, np.array([[1.0, 0, -64], [0, 1, -64]]))
    difference = warp(image, affine, 64).astype(int) - warp(padded, moved, 64)
    assert np.abs(difference).max() <= 1


def test_an_image_of_one_pixel():
    assert (warp(np.full((1, 1, 3), 9, np.uint8), np.array([[0.1, 0, 0], [0, 0.1, 0]]), 16) == 9).all()


def test_half_sides_reach_from_edge_to_edge():
    to_half_sides = lambda points: (points + 0.5) / 64 * 2 - 1  # noqa: E731
    affine, points = (
        np.array([[1.2, 0.3, 5.0], [-0.3, 1.2, -7.0]]),
        np.array([[-0.5, -0.5], [63.5, 20.0], [31.5, 31.5]]),
    )
    np.testing.assert_allclose(
        apply(in_half_sides(affine, 64), to_half_sides(points)), to_half_sides(apply(affine, points))
    )
