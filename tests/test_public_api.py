"""The public API: frozen names, a fast import, and documented examples that run."""

import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

import swapcore
from swapcore.anonymization import folder as anonymization_folder
from swapcore.anonymization import replacements
from swapcore.errors import ImageError, ParamsError
from swapcore.evaluation.truth_benchmark import command
from swapcore.inference import image_swapper
from swapcore.provenance.inspection import inspect_file

PUBLIC = ["SwapResult", "Swapper", "__version__", "anonymize", "evaluate_pairs", "swap"]


def test_the_names_are_frozen():
    assert swapcore.__all__ == PUBLIC
    assert all(getattr(swapcore, name) is not None for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(swapcore))
    with pytest.raises(AttributeError, match="no attribute 'swop'"):
        swapcore.swop  # noqa: B018


def test_the_stub_declares_the_same_names():
    tree = ast.parse((Path(swapcore.__file__).parent / "__init__.pyi").read_text())
    imported = {
        (node.module, name.name) for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert imported == {(module, name) for name, module in swapcore._MODULES.items()}
    declared = next(node.value for node in tree.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(declared) == PUBLIC


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (swapcore.Swapper.from_pretrained, ["reference", "device"]),
        (swapcore.Swapper.swap, ["self", "source", "template", "face"]),
        (swapcore.SwapResult.save, ["self", "path", "overwrite"]),
        (swapcore.swap, ["source", "template", "out", "model", "face", "overwrite", "device"]),
        (swapcore.anonymize, ["folder", "out", "model", "seed", "workers", "overwrite", "device"]),
        (swapcore.evaluate_pairs, ["swap", "label", "size_px", "num_people", "workers", "cache"]),
    ],
)
def test_the_parameters_are_frozen(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters


def test_the_import_loads_nothing_heavy():
    code = "import sys, swapcore; print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'numpy', 'cv2', 'mlflow'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def workspace(photographs, tmp_path, monkeypatch):
    """A working directory with the files that the examples name."""
    for name in ("source.png", "template.png"):
        (tmp_path / name).write_bytes((photographs / name).read_bytes())
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes((photographs / "template.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(replacements, "MAX_PEOPLE", 2)
    return tmp_path


@pytest.mark.parametrize(
    ("documented", "module"),
    [
        (image_swapper.Swapper, image_swapper),
        (image_swapper.swap, image_swapper),
        (anonymization_folder.anonymize, anonymization_folder),
        (command.evaluate_pairs, command),
    ],
    ids=["Swapper", "swap", "anonymize", "evaluate_pairs"],
)
def test_the_examples_run(documented, module, workspace, model):
    names = vars(module) | {"model_folder": model}
    tests = doctest.DocTestFinder(recurse=False).find(documented, documented.__name__, globs=names)
    assert sum(len(test.examples) for test in tests) > 0
    for test in tests:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_paths_pillow_images_and_arrays_give_the_same_image(swapper, photographs):
    files = photographs / "source.png", photographs / "template.png"
    expected = swapper.swap(*files).image
    assert np.array_equal(swapper.swap(*map(str, files)).image, expected)
    pictures = [PIL.Image.open(path) for path in files]
    assert np.array_equal(swapper.swap(*pictures).image, expected)
    arrays = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in files]
    result = swapper.swap(*arrays)
    assert repr(result).startswith("SwapResult(400 x 400 px, faces=1, model=")
    assert np.array_equal(result.image, expected)
    assert [item.name for item in result.provenance.ingredients] == ["source", "template"]
    assert len({item.sha256 for item in result.provenance.ingredients}) == 2


def test_pillow_orientation_and_transparency_are_applied(swapper, photographs):
    upright = PIL.Image.open(photographs / "template.png")
    turned = upright.rotate(-90, expand=True)
    turned.getexif()[0x0112] = 8
    opaque = upright.convert("RGBA")
    source = photographs / "source.png"
    expected = swapper.swap(source, upright).image
    assert np.array_equal(swapper.swap(source, turned).image, expected)
    assert np.array_equal(swapper.swap(source, opaque).image, expected)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        None,
    ],
)
def test_another_array_is_refused_in_one_line(swapper, photographs, array):
    with pytest.raises(ImageError, match="template: ") as caught:
        swapper.swap(photographs / "source.png", array)
    assert "\n" not in str(caught.value)


def test_save_marks_the_image(swapper, photographs, tmp_path):
    path = swapper.swap(photographs / "source.png", photographs / "template.png").save(tmp_path / "new" / "out.png")
    found = inspect_file(path)
    assert found.manifest is not None
    assert found.watermark is not None


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_one_line(model, device):
    with pytest.raises(ParamsError, match=f"device: {device}") as caught:
        swapcore.Swapper.from_pretrained(model, device)
    assert "\n" not in str(caught.value)
