"""Models, functions and folders as methods; one-line errors."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from swapcore.errors import ArtifactError, InputError
from swapcore.evaluation.truth_benchmark.methods import (
    import_function,
    swap_of_folder,
    swap_of_function,
    swap_of_model,
    upscale_change,
)
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.hub.references import WARP
from swapcore.ops.image import encode_png

PIXELS = arrays(np.uint8, (16, 16, 3))


def sides(truth_set: TruthSet) -> tuple[list, list]:
    pairs = truth_set.pairs
    return [truth_set.faces[p.source] for p in pairs], [truth_set.faces[p.template] for p in pairs]


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_function_gets_copies_of_source_and_template(tiny: TruthSet) -> None:
    sources, templates = sides(tiny)
    before = templates[0].image.copy()

    def paint(source: np.ndarray, template: np.ndarray) -> np.ndarray:
        template[:] = source
        return template

    swapped = swap_of_function(paint, "paint", tiny)(sources, templates)
    assert np.array_equal(swapped, np.stack([face.image for face in sources]))
    assert np.array_equal(templates[0].image, before)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda s, t: t[:32], r"pair 0000: returned uint8 \(32, 64, 3\), must return uint8 \(64, 64, 3\)"),
        (lambda s, t: t / 255, r"returned float64 \(64, 64, 3\)"),
        (lambda s, t: None, "returned NoneType"),
        (lambda s, t: 1 // 0, "pair 0000: ZeroDivisionError"),
        (lambda s: s, "pair 0000: TypeError"),
    ],
)
def test_failing_function_is_rejected(tiny: TruthSet, function, said: str) -> None:
    swap = swap_of_function(function, "mine:swap", tiny)
    with pytest.raises(InputError, match=said):
        swap(*sides(tiny))
    assert refused(lambda: swap(*sides(tiny))).startswith("mine:swap: pair 0000: ")


def test_function_is_imported_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_swapping.py").write_text("class Kit:\n    @staticmethod\n    def swap(s, t): return t\n")
    monkeypatch.chdir(tmp_path)
    assert import_function("their_swapping:Kit.swap")(1, 2) == 2


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nothing", "expected module:function"),
        (":swap", "expected module:function"),
        ("no_such_module_anywhere:swap", "ModuleNotFoundError"),
        ("json:swap", "AttributeError"),
        ("json:__name__", "is a str; name a function"),
        ("broken_swapping:swap", "SyntaxError"),
    ],
)
def test_function_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, said: str
) -> None:
    (tmp_path / "broken_swapping.py").write_text("def swap(:\n")
    monkeypatch.chdir(tmp_path)
    message = refused(lambda: import_function(reference))
    assert said in message
    assert reference in message


def write_outputs(folder: Path, truth_set: TruthSet) -> Path:
    folder.mkdir()
    for number, truth in enumerate(truth_set.truths):
        (folder / f"{number:04d}.png").write_bytes(encode_png(truth))
    return folder


def test_folder_outputs_are_matched_by_name(tiny: TruthSet, tmp_path: Path) -> None:
    swap = swap_of_folder(write_outputs(tmp_path / "out", tiny), tiny)
    assert np.array_equal(swap(*sides(tiny)), tiny.truths)
    sources, templates = sides(tiny)
    assert np.array_equal(swap(sources[1:], templates[1:]), tiny.truths[1:])


def test_invalid_outputs_are_named(tiny: TruthSet, tmp_path: Path) -> None:
    out = write_outputs(tmp_path / "out", tiny)
    last = out / "0001.png"
    last.write_bytes(encode_png(tiny.truths[1][:32, :32]))
    assert "0001.png: size is 32 x 32 px, expected 64 x 64" in refused(lambda: swap_of_folder(out, tiny))
    for content in (b"no picture", b""):
        last.write_bytes(content)
        assert "0001.png: not a readable image" in refused(lambda: swap_of_folder(out, tiny))
    last.unlink()
    assert "1 of 2 outputs are missing, the first is 0001.png" in refused(lambda: swap_of_folder(out, tiny))


def test_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.json: no such file"):
        swap_of_model(tmp_path)


@given(swapped=PIXELS, before=PIXELS)
def test_swap_at_the_models_size_is_unchanged(swapped: np.ndarray, before: np.ndarray) -> None:
    assert np.array_equal(upscale_change(swapped, before, before), swapped)


@given(small=PIXELS, full=arrays(np.uint8, (24, 24, 3)))
def test_unchanged_pixels_stay_identical(small: np.ndarray, full: np.ndarray) -> None:
    assert np.array_equal(upscale_change(small, small, full), full)


def test_the_built_in_warp_is_a_model(small: TruthSet) -> None:
    sources, templates = sides(small)
    swapped = swap_of_model(WARP)(sources, templates)
    before = np.stack([face.image for face in templates])
    assert swapped.shape == before.shape
    assert np.abs(swapped.astype(int) - before).mean() > 1
