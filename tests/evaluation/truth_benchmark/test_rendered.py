"""Rendered images are equal for any number of workers and from the cache."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swapcore.evaluation.truth_benchmark import rendered
from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.rendered import TruthSet, load_or_render, render_set
from swapcore.faces.align import template_points


@pytest.mark.slow
def test_digest_does_not_depend_on_workers(tiny: TruthSet, tiny_extent: Extent) -> None:
    assert render_set(tiny_extent, workers=2).digest == tiny.digest


def test_digest_depends_on_every_pixel(tiny: TruthSet) -> None:
    changed = tiny.truths.copy()
    changed[1, 5, 5, 0] ^= 1
    assert replace(tiny, truths=changed).digest != tiny.digest
    assert replace(tiny, truths=tiny.truths.copy()).digest == tiny.digest


def test_faces_are_aligned(small: TruthSet) -> None:
    for face in small.faces:
        away = np.linalg.norm(face.points[:3] - template_points(64)[:3], axis=1)
        assert away.max() < 0.12 * 64, face.key
        assert face.image.shape == (64, 64, 3)


def test_true_swap_changes_the_face_only(small: TruthSet) -> None:
    for pair, truth in zip(small.pairs, small.truths, strict=True):
        template = small.faces[pair.template].image
        assert np.array_equal(truth[:4, :4], template[:4, :4])
        assert np.abs(truth[24:48, 20:44].astype(int) - template[24:48, 20:44]).mean() > 2


def test_pair_number_is_found_by_faces(small: TruthSet) -> None:
    for number, pair in enumerate(small.pairs):
        assert small.number(small.faces[pair.source], small.faces[pair.template]) == number


def test_cache_gives_the_same_set(
    tiny: TruthSet, tiny_extent: Extent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = load_or_render(tiny_extent, 1, tmp_path / "cache")
    monkeypatch.setattr(rendered, "render_set", lambda *_: pytest.fail("rendered again"))
    kept = load_or_render(tiny_extent, 1, tmp_path / "cache")
    assert made.digest == kept.digest == tiny.digest
    for one, other in zip(made.faces, kept.faces, strict=True):
        assert (one.key, one.identity) == (other.key, other.identity)
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.affine, other.affine)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["swapcore-truth-benchmark-v4-64px.npz"]


@pytest.mark.parametrize("damage", ["cut off", "another renderer", "another truth", "another extent"])
def test_invalid_cache_is_rendered_again(tiny: TruthSet, tiny_extent: Extent, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "swapcore-truth-benchmark-v4-64px.npz"
    changed = tiny
    if damage == "another renderer":
        changed = replace(tiny, faces=[replace(face, image=face.image + np.uint8(1)) for face in tiny.faces])
    elif damage == "another extent":
        changed = replace(tiny, faces=tiny.faces * 2)
    rendered._write(path, changed)
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "another truth":
        with np.load(path) as kept:
            arrays = dict(kept)
        arrays["truths"] = arrays["truths"] ^ np.uint8(1)
        np.savez(path, **arrays)
    assert load_or_render(tiny_extent, 1, tmp_path).digest == tiny.digest
