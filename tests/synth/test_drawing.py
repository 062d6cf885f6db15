from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.synth import shading
from swapcore.synth.camera import Camera
from swapcore.synth.compiled import sources_digest
from swapcore.synth.layers import Part, Ribbons
from swapcore.synth.rasterize import FAR, barycentric, rasterize
from swapcore.synth.ribbons import draw_ribbons
from swapcore.synth.surface import texel_map, to_uv

FRONT = np.array([[0, 1, 2]], np.int32)
ONE_SIDED, TWO_SIDED = np.zeros(1, np.bool_), np.ones(1, np.bool_)


def test_a_triangle_covers_the_pixels_whose_centers_it_holds() -> None:
    corners = np.array([[0.6, 5.4, 1], [5.4, 5.4, 1], [0.6, 0.6, 1]], np.float32)
    shown, depth = rasterize(corners, FRONT, ONE_SIDED, 7, 7)
    rows, columns = np.nonzero(shown == 0)
    assert set(zip(rows, columns, strict=True)) == {(y, x) for y in range(1, 6) for x in range(1, 6) if x <= y}
    assert (depth[shown < 0] == FAR).all()
    assert (depth[shown == 0] == 1).all()


def test_backs_are_seen_only_where_asked_for() -> None:
    corners = np.array([[0.6, 5.4, 1], [0.6, 0.6, 1], [5.4, 5.4, 1]], np.float32)
    assert (rasterize(corners, FRONT, ONE_SIDED, 7, 7)[0] == -1).all()
    assert (rasterize(corners, FRONT, TWO_SIDED, 7, 7)[0] == 0).any()


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=30, deadline=None)
def test_the_nearest_triangle_is_shown_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = np.concatenate([rng.uniform(-3, 20, (30, 2)), rng.uniform(5, 90, (30, 1))], 1).astype(np.float32)
    triangles = np.arange(30, dtype=np.int32).reshape(10, 3)
    both = np.ones(10, np.bool_)
    shown, depth = rasterize(corners, triangles, both, 16, 16)
    order = rng.permutation(10)
    again, depth_again = rasterize(corners, triangles[order], both, 16, 16)
    assert np.array_equal(depth, depth_again)
    same = np.where(again >= 0, order[again], -1)
    assert np.array_equal(shown, same)
    for y, x in zip(*np.nonzero(shown >= 0), strict=True):
        i, j, k = triangles[shown[y, x]]
        weights = np.array(barycentric(corners, i, j, k, float(x), float(y)))
        assert weights.min() > -1e-4
        np.testing.assert_allclose(weights @ corners[[i, j, k]], [x, y, depth[y, x]], atol=2e-2)


def strand(points: list[tuple[float, float, float]], width: float, opacity: float) -> Ribbons:
    count = len(points)
    return Ribbons(
        points=np.array([points], np.float32), width=np.full((1, count), width, np.float32),
        opacity=np.full((1, count), opacity, np.float32), color=np.ones((1, 3), np.float32),
        light=np.ones((1, count), np.float32), root=np.zeros(1, np.int32), fibers=0.0, gloss=0.0, part=Part.HAIR,
    )  # fmt: skip


def draw(ribbons: list[Ribbons], depth: float = float(FAR)) -> tuple[np.ndarray, np.ndarray]:
    """A black image 64 px wide of 16 cm, seen from 100 cm: white ribbons; and the parts."""
    camera = Camera(distance=100.0, focal_px=400.0, size_px=64)
    image, parts = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.int32)
    far = np.full((64, 64), depth, np.float32)
    drawn = [(r, r.points, np.ones_like(r.points)) for r in ribbons]
    draw_ribbons(drawn, camera, far.copy(), image, parts, far)
    return image[..., 0], parts


def test_a_ribbon_has_its_width_and_opacity() -> None:
    image, parts = draw([strand([(-6, -1.2, 0), (6, -1.2, 0)], 1.0, 0.75)])
    column = image[:, 32]
    assert abs(column.sum() - 4 * 0.75) < 0.05
    assert abs(column.max() - 0.75) < 1e-4
    assert (parts[:, 32] == Part.HAIR).sum() in (3, 4)


def test_a_hair_thinner_than_a_pixel_keeps_its_share_of_light() -> None:
    image, _ = draw([strand([(-6, -1.2, 0), (6, -1.2, 0)], 0.05, 1.0)])
    assert abs(image[:, 32].sum() - 4 * 0.05) < 0.02


def test_a_bent_ribbon_is_drawn_once_at_its_joints() -> None:
    bent = strand([(-6, -1.2, 0), (-2, -1.2, 0), (0, 0.6, 0), (2, -1.2, 0), (6, -1.2, 0)], 0.6, 0.5)
    image, _ = draw([bent])
    assert image.max() < 0.5 + 1e-4


def test_nearer_ribbons_hide_farther_ones_and_solids_hide_both() -> None:
    near, far = strand([(-6, -1.2, 2), (6, -1.2, 2)], 1.0, 1.0), strand([(0, -7, 0), (0, 5, 0)], 1.0, 0.5)
    image, _ = draw([far, near])
    again, _ = draw([near, far])
    np.testing.assert_allclose(image, again, atol=1e-6)
    assert image.max() < 1 + 1e-5
    assert draw([near, far], depth=90.0)[0].max() == 0


def test_every_texel_shows_the_place_that_it_is_looked_up_by() -> None:
    height = 128
    place = texel_map(height).place
    uv = to_uv(place.reshape(-1, 3)).reshape(height, 2 * height, 2)
    column, row = np.meshgrid((np.arange(2 * height) + 0.5) / (2 * height), 1 - (np.arange(height) + 0.5) / height)
    face = (np.abs(column - 0.5) < 0.25) & (np.abs(row - 0.5) < 0.2)
    assert np.abs(uv[..., 0] - column)[face].max() < 0.6 / height
    assert np.abs(uv[..., 1] - row)[face].max() < 0.6 / height


def test_machine_code_is_kept_only_while_no_source_changes(tmp_path: Path) -> None:
    """A kept function contains the functions of other files that it calls."""
    (tmp_path / "deep").mkdir()
    first, second = tmp_path / "one.py", tmp_path / "deep" / "two.py"
    first.write_text("a = 1")
    second.write_text("b = 1")
    before = sources_digest(tmp_path)
    sources_digest.cache_clear()
    assert sources_digest(tmp_path) == before
    second.write_text("b = 2")
    sources_digest.cache_clear()
    assert sources_digest(tmp_path) != before
    sources_digest.cache_clear()
    kept, digest = shading._lobe._cache._cache_file, sources_digest(Path(shading.__file__).parent)
    assert kept._source_stamp == (digest,)
    assert digest[:16] in kept._index_name, "an index of other sources is not opened: it may name classes that are gone"
