"""The networks against LiteRT's outputs, and damaged files."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from faces.mesh.make_litert_reference import EVERY, pattern

from swapcore.errors import ArtifactError
from swapcore.faces.mesh import files
from swapcore.faces.mesh.files import ATTENTION_MESH, BACK_RANGE, PLAIN_MESH, SHORT_RANGE, locate
from swapcore.faces.mesh.flatbuffer import read_flexbuffer
from swapcore.faces.mesh.tflite import TfliteNetwork

NETWORKS = [("short", SHORT_RANGE, 128), ("back", BACK_RANGE, 256), ("mesh", PLAIN_MESH, 192)]


@pytest.mark.parametrize(("name", "file", "size_px"), NETWORKS)
def test_outputs_equal_litert(name, file, size_px):
    reference = np.load(Path(__file__).with_name("litert_reference.npz"))
    outputs = TfliteNetwork(locate(file))(torch.from_numpy(pattern(size_px)).permute(0, 3, 1, 2))
    for i, output in enumerate(outputs):
        expected = reference[f"{name}{i}"]
        np.testing.assert_allclose(output.numpy().ravel()[::EVERY], expected, atol=2e-6 * np.abs(expected).max() + 1e-4)


def test_a_batch_equals_single_images():
    network = TfliteNetwork(locate(ATTENTION_MESH))
    images = torch.from_numpy(np.concatenate([pattern(192), pattern(192)[:, ::-1].copy()])).permute(0, 3, 1, 2)
    together = network(images)
    for i in range(2):
        for batch, single in zip(together, network(images[i : i + 1]), strict=True):
            torch.testing.assert_close(batch[i : i + 1], single, atol=1e-3, rtol=1e-4)


def test_gradients_reach_the_pixels_through_the_attention():
    network = TfliteNetwork(locate(ATTENTION_MESH))
    image = torch.from_numpy(pattern(192)).permute(0, 3, 1, 2).requires_grad_()
    lips = network(image)[1]
    lips.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_a_damaged_structure_is_one_line_or_a_network(tmp_path):
    """Fuzzing found weights of another number of dimensions, of which torch raised an error of its own."""
    whole, rng = locate(SHORT_RANGE).read_bytes(), np.random.default_rng(0)
    path, refused = tmp_path / "n.tflite", 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(len(whole) - 25_000, len(whole), 6):  # the tables are after the weights
            data[place] = int(rng.integers(256))
        path.write_bytes(data)
        with contextlib.suppress(ArtifactError):
            TfliteNetwork(path)
            continue
        refused += 1
    assert refused > 20


def test_a_cut_off_file_is_one_line(tmp_path):
    path = tmp_path / "half.tflite"
    path.write_bytes(locate(SHORT_RANGE).read_bytes()[:5000])
    with pytest.raises(ArtifactError, match="install its package again"):
        TfliteNetwork(path)


def test_other_bytes_are_refused(monkeypatch, tmp_path):
    (tmp_path / "face.tflite").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="pip install --no-deps mediapipe"):
        files._check_bytes(tmp_path / "face.tflite", SHORT_RANGE)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda name: None)
    files.missing_reason.cache_clear()
    try:
        assert "pip install --no-deps" in (files.missing_reason() or "")
        assert not files.is_installed()
    finally:
        files.missing_reason.cache_clear()


def test_flexbuffer_by_hand():
    # A vector of two small integers: values, their types, then offset, type and width of the root.
    data = bytes([2, 5, 9, 4, 4, 4, 10 << 2, 1])
    assert read_flexbuffer(data) == [5, 9]
    assert read_flexbuffer(b"") == {}
