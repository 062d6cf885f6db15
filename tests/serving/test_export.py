"""ONNX export: parity with torch for any batch, metadata, and no file after an error."""

import numpy as np
import onnx
import pytest
import torch

from swapcore.data.artifact import file_digest
from swapcore.errors import ArtifactError, InputError
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.serving import export
from swapcore.serving.export import OnnxSwap, export_onnx


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "new" / "swap.onnx"
    return path, export_onnx(model, path)


def noise(num: int, size_px: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (num, 3, size_px, size_px)).astype(np.float32)


@pytest.mark.parametrize("num", [1, 2, 5])
def test_onnxruntime_and_torch_agree_for_any_batch(model, exported, num):
    path, summary = exported
    swapper = CropSwapper(model)
    source, template = noise(num, swapper.size_px, 10), noise(num, swapper.size_px, 11)
    with torch.no_grad():
        expected = swapper.network(torch.from_numpy(source), torch.from_numpy(template)).numpy()
    difference = np.abs(OnnxSwap(path, threads=1)(source, template) - expected).max()
    assert difference < 1e-4  # a hundredth of a gray level
    assert summary.max_difference < 1e-4
    assert summary.size_px == swapper.size_px


def test_the_metadata_name_model_and_alignment(model, exported):
    graph = onnx.load(exported[0])
    onnx.checker.check_model(graph)
    facts = {item.key: item.value for item in graph.metadata_props}
    assert facts == {
        "swapcore.alignment": "ffhq",
        "swapcore.size_px": str(exported[1].size_px),
        "swapcore.weights_sha256": file_digest(model / "weights.safetensors"),
    }


def test_a_file_with_other_results_is_not_kept(model, tmp_path, monkeypatch):
    monkeypatch.setattr(export.OnnxSwap, "__call__", lambda _self, _source, template, *_: template)
    with pytest.raises(ArtifactError, match=r"not exported: pixels of the ONNX file differ by"):
        export_onnx(model, tmp_path / "swap.onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        export_onnx(tmp_path / "nothing", tmp_path / "swap.onnx")
    assert not list(tmp_path.iterdir())
