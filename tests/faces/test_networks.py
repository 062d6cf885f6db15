"""User-supplied network files: loading, and one-line errors."""

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from swapcore.config import NetworkParams
from swapcore.errors import ArtifactError, ParamsError
from swapcore.faces.features import IMAGENET_MEAN, IMAGENET_STD
from swapcore.faces.networks import load_evaluator_recognizer, load_feature_network, load_recognizer
from swapcore.ops.vision import models


class ToyEmbedding(nn.Module):
    """Mean color, projected: (B, 3, H, W) to (B, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(3, 4, bias=False)
        nn.init.orthogonal_(self.projection.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(x.mean((2, 3)))


class ToyWithLevels(ToyEmbedding):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return self.projection(x.mean((2, 3))), [x * 2, x[:, :, ::2, ::2]]


class ToyLevels(nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x.abs(), x[:, :, ::2, ::2] * 3]


class ToyImage(nn.Module):
    """Returns an image, which is not a valid embedding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def params(kind: str, path: Path) -> NetworkParams:
    return NetworkParams(kind=kind, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def script(folder: Path, module: nn.Module) -> NetworkParams:
    path = folder / "toy.pt"
    torch.jit.script(module).save(str(path))
    return params("torchscript", path)


def onnx_file(folder: Path, batch: int | str = "batch", side: int | str = 112, flatten: bool = True) -> NetworkParams:
    """An ONNX file: mean color times a fixed matrix, or, without flatten, the image itself."""
    matrix = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4) / 10, "matrix")
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["out"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, side, side])
    shape = [batch, 4] if flatten else [batch, 3, side, side]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    nodes = nodes if flatten else [helper.make_node("Identity", ["image"], ["out"])]
    graph = helper.make_graph(nodes, "toy", [image], [out], [matrix] if flatten else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "toy.onnx"
    onnx.save(model, path)
    return params("onnx", path)


@pytest.fixture
def crops() -> torch.Tensor:
    return torch.rand(3, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_torchscript_recognizer_is_differentiable(tmp_path, crops):
    recognizer = load_recognizer(script(tmp_path, ToyEmbedding()))
    crops.requires_grad_()
    features = recognizer.features(crops)
    assert features.embedding.shape == (3, recognizer.embedding_dim) == (3, 4)
    assert features.levels == []
    features.embedding.sum().backward()
    assert crops.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in recognizer.parameters())


def test_torchscript_recognizer_may_return_levels(tmp_path, crops):
    network = script(tmp_path, ToyWithLevels())
    levels = load_recognizer(network).levels(crops)
    assert [tuple(level.shape) for level in levels] == [(3, 3, 112, 112), (3, 3, 56, 56)]


def test_user_recognizer_gets_arcface_framing(tmp_path):
    """A crop that is white only in the region of ArcFace's chip gives an all-white chip."""
    crops = torch.full((1, 3, 256, 256), -1.0)
    crops[:, :, 20:245, 20:240] = 1.0
    embedding = load_evaluator_recognizer(onnx_file(tmp_path)).forward(crops)
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4) / 10
    np.testing.assert_allclose(embedding.numpy(), np.ones((1, 3)) @ matrix, atol=1e-5)


@pytest.mark.parametrize(("batch", "side"), [("batch", 112), (1, 112), ("batch", 64), ("batch", "side")])
def test_onnx_recognizer_works_in_any_exported_shape(tmp_path, crops, batch, side):
    recognizer = load_evaluator_recognizer(onnx_file(tmp_path, batch, side))
    embedding = recognizer(crops)
    assert recognizer.chip_px == (side if isinstance(side, int) else 112)
    assert embedding.shape == (3, recognizer.embedding_dim) == (3, 4)
    images = np.full((2, 96, 96, 3), 255, np.uint8)
    expected = np.ones((2, 3)) @ (np.arange(12).reshape(3, 4) / 10)
    np.testing.assert_allclose(recognizer.embed(images, batch_size=2), expected, atol=1e-5)


def test_onnx_recognizer_is_rejected_for_training(tmp_path):
    network = onnx_file(tmp_path)
    assert not load_evaluator_recognizer(network).differentiable
    with pytest.raises(ParamsError, match=r"not differentiable and works in evaluate.recognizer only"):
        load_recognizer(network)
    with pytest.raises(ParamsError, match="not differentiable"):
        load_feature_network(network)


def test_torchscript_feature_network_gets_the_whole_crop(tmp_path, crops):
    levels = load_feature_network(script(tmp_path, ToyLevels())).levels(crops)
    assert torch.equal(levels[0], crops.abs())
    assert torch.equal(levels[1], crops[:, :, ::2, ::2] * 3)


def test_dlib_works_as_feature_network(crops):
    levels = load_feature_network(NetworkParams(kind="dlib", path=None, sha256=None)).levels(crops)
    assert [level.shape[1] for level in levels] == [32, 64, 128, 256, 256]


@pytest.mark.parametrize("kind", ["vgg16", "alexnet"])
def test_torchvision_features_equal_torchvisions(tmp_path, kind):
    torch.manual_seed(0)
    whole = getattr(models, kind)(weights=None)
    path = tmp_path / f"{kind}.pth"
    torch.save({name: tensor for name, tensor in whole.state_dict().items() if name.startswith("features.")}, path)
    network = load_feature_network(params(kind, path))
    crops = torch.rand(2, 3, 64, 64).requires_grad_()
    levels = network.levels(crops)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    last = max(i for i, layer in enumerate(whole.features) if isinstance(layer, nn.ReLU))
    expected = whole.features[: last + 1](((crops + 1) / 2 - mean) / std)
    assert len(levels) == 5
    assert torch.allclose(levels[-1], expected, atol=1e-5)
    sum(level.mean() for level in levels).backward()
    assert crops.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_state_dict_of_another_network_is_rejected(tmp_path):
    path = tmp_path / "toy.pth"
    torch.save(ToyEmbedding().state_dict(), path)
    with pytest.raises(ArtifactError, match="tensor shapes differ from torchvision's alexnet"):
        load_feature_network(params("alexnet", path))


def test_unsafe_pickle_is_rejected(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save(ToyEmbedding(), path)
    with pytest.raises(ArtifactError, match="cannot be read as the state_dict of vgg16"):
        load_feature_network(params("vgg16", path))


def refusal(load, network: NetworkParams) -> str:
    with pytest.raises(ParamsError) as caught:
        load(network)
    line = str(caught.value)
    assert "\n" not in line
    assert str(network.path) in line
    return line


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_missing_file_is_named(tmp_path, kind):
    network = NetworkParams(kind=kind, path=tmp_path / "none", sha256="0" * 64)
    assert "No such file" in refusal(load_evaluator_recognizer, network)


def test_wrong_sha256_is_rejected(tmp_path):
    network = onnx_file(tmp_path)
    wrong = network.model_copy(update={"sha256": "0" * 64})
    assert f"sha256 is {network.sha256}, params say {'0' * 64}" in refusal(load_evaluator_recognizer, wrong)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_file_of_another_format_is_rejected(tmp_path, kind):
    path = tmp_path / "text"
    path.write_text("not a network")
    assert "cannot be read as" in refusal(load_evaluator_recognizer, params(kind, path))


def test_wrong_output_shape_is_rejected(tmp_path):
    assert "must return an embedding (2, D)" in refusal(load_evaluator_recognizer, script(tmp_path, ToyImage()))
    assert "must return an embedding (2, D)" in refusal(load_evaluator_recognizer, onnx_file(tmp_path, flatten=False))
    assert "must return feature maps" in refusal(load_feature_network, script(tmp_path, ToyEmbedding()))


def test_feature_network_is_rejected_as_recognizer(tmp_path):
    path = tmp_path / "any"
    path.write_bytes(b"")
    with pytest.raises(ParamsError, match=re.escape("kind vgg16: not a recognizer")):
        load_recognizer(params("vgg16", path))


def test_missing_onnxruntime_names_the_fix(tmp_path, monkeypatch):
    import sys

    network = onnx_file(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install 'swapcore[onnx]'" in refusal(load_evaluator_recognizer, network)
