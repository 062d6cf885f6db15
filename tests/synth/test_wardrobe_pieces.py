"""Glasses, headwear, clothes and backgrounds: they fit the head and stay within their bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.synth import clothes, glasses, headwear
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.backgrounds import draw_background, environment
from swapcore.synth.hair.roots import Obstacle
from swapcore.synth.head import Head, build_head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.shape import coarse_vertices
from swapcore.synth.solids import RadialFit, clip_mesh, directions, grid_triangles, sweep


@pytest.fixture(scope="module")
def head() -> Head:
    return build_head(coarse_vertices(Identity.mean()))


def _check(layer: Layer) -> None:
    count = len(layer.vertices)
    assert layer.vertices.dtype == np.float32
    assert np.isfinite(layer.vertices).all()
    assert layer.triangles.dtype == np.int32
    assert layer.triangles.min() >= 0
    assert layer.triangles.max() < count
    assert layer.color.shape == (count, 3)
    assert layer.color.min() >= 0
    assert layer.color.max() <= 1
    assert layer.opacity.shape == (count,)
    assert layer.detail.shape == (count, 2)
    assert layer.attach in ("head", "body")


@pytest.mark.parametrize("style", range(1, glasses.NUM_STYLES + 1))
def test_glasses_are_in_front_of_the_eyes_and_outside_the_head(head: Head, style: int) -> None:
    layers = glasses.wear_glasses(style, head, 3)
    lenses = [layer for layer in layers if layer.material is Material.GLASS]
    assert len(lenses) == 2
    for layer in layers:
        _check(layer)
        assert layer.part is Part.GLASSES
        assert layer.attach == "head"
    for lens, (center, radius) in zip(
        sorted(lenses, key=lambda lens: lens.vertices[:, 0].mean()), head.eyes, strict=True
    ):
        assert lens.vertices[:, 2].min() > center[2] + radius
        assert lens.vertices[:, 0].min() < center[0] < lens.vertices[:, 0].max()
        assert lens.opacity.max() < 0.3
        distance, _ = Obstacle(head).distance(lens.vertices)
        assert distance.min() > 0


def test_glasses_have_a_temple_on_both_sides(head: Head) -> None:
    points = np.concatenate([layer.vertices for layer in glasses.wear_glasses(1, head, 3)])
    for side in (-1, 1):
        assert (points[:, 2][points[:, 0] * side > 5]).min() < -6


@pytest.mark.parametrize("style", [headwear.CAP, headwear.BEANIE])
def test_headwear_covers_the_crown_and_not_the_eyes(head: Head, style: int) -> None:
    layers = headwear.wear_headwear(style, head, 2)
    for layer in layers:
        _check(layer)
    points = layers[0].vertices
    assert points[:, 1].max() > head.vertices[:, 1].max()
    front = points[(points[:, 2] > 0) & (np.abs(points[:, 0]) < 4)]
    assert front[:, 1].min() > 2.0
    crown = head.vertices[head.vertices[:, 1] > 7]
    fit = RadialFit(points, headwear.SKULL_CENTER, 1)
    offset = crown - headwear.SKULL_CENTER
    radius = np.linalg.norm(offset, axis=1)
    assert (fit.radius(offset / radius[:, None]) > radius).mean() > 0.99


@pytest.mark.parametrize("style", range(clothes.NUM_STYLES))
def test_clothes_are_outside_the_skin_and_below_the_neckline(head: Head, style: int) -> None:
    layers = clothes.wear_clothes(style, head, (0.2, 0.1, 0.3), 4)
    for layer in layers:
        _check(layer)
        assert layer.part is Part.CLOTHES
        assert layer.attach == "body"
    distance, _ = Obstacle(head).distance(layers[0].vertices)
    assert np.mean(distance < -0.2) < 0.01
    assert layers[0].vertices[:, 1].max() < -6
    edges = np.sort(np.concatenate([layers[0].triangles[:, [0, 1]], layers[0].triangles[:, [1, 2]]]), 1)
    assert (edges[:, 0] != edges[:, 1]).all()


def test_clothes_differ_in_where_they_begin() -> None:
    notch = np.array([[0.0, -17.0, -4.8]], np.float32)
    throat = np.array([[0.0, -14.0, -4.0]], np.float32)
    assert clothes.neckline(clothes.CREW, notch)[0] > 0 > clothes.neckline(clothes.V_NECK, notch)[0]
    assert clothes.neckline(clothes.TURTLENECK, throat)[0] > 0 > clothes.neckline(clothes.CREW, throat)[0]


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda head: glasses.wear_glasses(99, head, 0), "glasses: style 99"),
        (lambda head: headwear.wear_headwear(-1, head, 0), "headwear: style -1"),
        (lambda head: clothes.wear_clothes(7, head, (0.1, 0.1, 0.1), 0), "clothes: style 7"),
    ],
)
def test_unknown_styles_are_refused(head: Head, call, names: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=names):
        call(head)


def test_nothing_is_worn_with_style_zero(head: Head) -> None:
    assert glasses.wear_glasses(0, head, 0) == ()
    assert headwear.wear_headwear(0, head, 0) == ()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), blur=st.floats(0, 1), size=st.sampled_from([64, 96]))
def test_backgrounds_are_bounded_light(seed: int, blur: float, size: int) -> None:
    image = draw_background(NEUTRAL.but(background_seed=seed, background_blur=blur), size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.min() > 0
    assert image.max() <= 4


def test_backgrounds_repeat_and_scale() -> None:
    attributes = NEUTRAL.but(background_seed=11)
    first = draw_background(attributes, 128)
    assert first.tobytes() == draw_background(attributes, 128).tobytes()
    large = draw_background(attributes, 256).reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(large - first).mean() < 0.1 * first.mean() + 0.02


def test_more_blur_leaves_less_detail() -> None:
    sharp, soft = (
        np.mean([
            np.abs(np.diff(draw_background(NEUTRAL.but(background_seed=seed, background_blur=blur), 96), axis=1)).mean()
            for seed in range(8)
        ])
        for blur in (0.0, 1.0)
    )  # fmt: skip
    assert soft < 0.8 * sharp


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), ambient=st.floats(0.1, 1.0))
def test_environment_is_near_the_ambient_light_and_positive(seed: int, ambient: float) -> None:
    terms = environment(NEUTRAL.but(background_seed=seed, ambient=ambient))
    assert terms.shape == (9, 3)
    assert terms.dtype == np.float32
    assert terms[0].mean() == pytest.approx(0.72 * ambient, rel=0.15)
    x, y, z = (direction := np.random.default_rng(1).normal(size=(200, 3))).T / np.linalg.norm(direction, axis=1)
    basis = np.stack([np.ones(200), y, z, x, x * y, y * z, 3 * z**2 - 1, x * z, x**2 - y**2], 1)
    assert (basis @ terms).min() > 0


def test_clip_mesh_cuts_one_triangle_along_the_line() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    triangle = np.array([[0, 1, 2]], np.int32)
    points, kept, _, _ = clip_mesh(corners, triangle, 0.5 - corners[:, 0])

    def area(vertices: np.ndarray, faces: np.ndarray) -> float:
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        return float(np.cross(b - a, c - a)[:, 2].sum() / 2)

    assert points[:, 0].max() == pytest.approx(0.5)
    assert area(points, kept) == pytest.approx(0.5 - 0.125)
    points, kept, _, _ = clip_mesh(corners, triangle, corners[:, 0] - 0.5)
    assert area(points, kept) == pytest.approx(0.125)


def test_radial_fit_of_a_sphere() -> None:
    rng = np.random.default_rng(2)
    ray = rng.normal(size=(20000, 3)).astype(np.float32)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    center = np.array([1.0, 2.0, 3.0], np.float32)
    fit = RadialFit(center + 5 * ray, center, pole=2)
    np.testing.assert_allclose(fit.radius(ray[:100]), 5.0, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(directions(ray[:9, 0], ray[:9, 1], 1), axis=1), 1, atol=1e-6)


def test_tube_has_outward_triangles() -> None:
    path = np.stack([np.zeros(5), np.zeros(5), np.linspace(0, 4, 5)], 1).astype(np.float32)
    square = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]], np.float32)
    points, triangles = sweep(path, np.array([0, 1, 0], np.float32), square)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    outward = (a + b + c) / 3 * np.array([1, 1, 0])
    assert (np.einsum("nc,nc->n", np.cross(b - a, c - a), outward) > 0).all()
    assert len(grid_triangles(3, 4)) == 12
    assert len(grid_triangles(3, 4, closed=True)) == 16
