"""The reader accepts dlib's complete file only."""

import numpy as np
import pytest

from swapcore.errors import ArtifactError
from swapcore.faces import dlib_weights
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights


@pytest.fixture(scope="module")
def data() -> bytes:
    return package_file(RECOGNIZER_FILE).read_bytes()


def test_all_layers_are_read():
    weights = read_dlib_weights(package_file(RECOGNIZER_FILE))
    assert weights.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert len(weights.convolutions) == 29
    assert weights.convolutions[0].weight.shape == (32, 3, 7, 7)
    assert weights.projection.shape == (128, 256)
    assert all(np.isfinite(layer.weight).all() for layer in weights.convolutions)


def test_file_is_found_without_importing_the_package():
    import sys

    package_file(RECOGNIZER_FILE)
    assert dlib_weights.PACKAGE not in sys.modules


def test_missing_package_is_named(monkeypatch):
    with pytest.raises(ArtifactError, match=r"absent\.dat: not found; install the package face_recognition_models"):
        package_file("absent.dat")
    monkeypatch.setattr(dlib_weights, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(ArtifactError, match="install the package no_such_package_at_all"):
        package_file(RECOGNIZER_FILE)


DAMAGE = {
    "empty": lambda data: b"",
    "cut short in the header": lambda data: data[:50],
    "cut short in a tensor": lambda data: data[: len(data) // 2],
    "last byte missing": lambda data: data[:-1],
    "a byte too many": lambda data: data + b"\0",
    "another beginning": lambda data: b"\x01\x01\x01\x03abc" + data[3:],
    "an unknown layer": lambda data: data.replace(b"\x01\x05relu_", b"\x01\x05selu_", 1),
    "a byte of structure changed": lambda data: data.replace(b"\x01\x07affine_", b"\x71\x07affine_", 1),
    "a layer left out": lambda data: data[: data.rindex(b"\x01\x04fc_2")],
    "an HTML page": lambda data: b"<!DOCTYPE html>" * 100,
    "not ASCII": lambda data: data.replace(b"\x01\x05relu_", b"\x01\x05\xffelu_", 1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_file_raises_one_line(tmp_path, data, damage):
    path = tmp_path / "damaged.dat"
    path.write_bytes(damage(data))
    with pytest.raises(ArtifactError) as caught:
        read_dlib_weights(path)
    line = str(caught.value)
    assert str(path) in line
    assert "byte" in line
    assert "\n" not in line


def test_missing_file_raises_one_line(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        read_dlib_weights(tmp_path / "none.dat")
