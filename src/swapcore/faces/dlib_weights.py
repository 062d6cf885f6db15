"""Strict reader for the weights file of dlib's public-domain face-recognition network."""

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from swapcore.errors import ArtifactError

PACKAGE = "face_recognition_models"
RECOGNIZER_FILE = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARK_FILE = "shape_predictor_5_face_landmarks.dat"
INPUT_PX = 150
LAYER_COUNTS = {"con_4": 29, "affine_": 29, "relu_": 29, "add_prev_": 14, "avg_pool_2": 5, "max_pool_2": 1, "fc_2": 1}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A convolution with the per-channel affine that follows it."""

    weight: Floats
    """(out, in, height, width)."""
    bias: Floats
    stride: int
    padding: int
    gamma: Floats
    beta: Floats


@dataclass(frozen=True)
class DlibWeights:
    """The network's input mean and weights."""

    mean_rgb: tuple[float, float, float]
    convolutions: list[Convolution]
    """In forward order."""
    projection: Floats
    """(128, 256), pooled features to embedding."""


def package_file(name: str) -> Path:
    """Return the path of a file in the installed package face_recognition_models without importing the package.

    Its ``__init__`` needs pkg_resources, which is missing on current Python versions.

    Raises:
        ArtifactError: the package or the file is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ArtifactError(f"{name}: not found; install the package {PACKAGE}")


def read_dlib_weights(path: Path) -> DlibWeights:
    """Read and validate the whole weights file.

    Raises:
        ArtifactError: the file cannot be read, is damaged, or contains another network.
    """
    try:
        reader = _Reader(path.read_bytes())
        return _parse(reader)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, struct.error) as error:
        raise ArtifactError(
            f"{path}: not dlib's recognition network (byte {reader.position}: {error}); reinstall {PACKAGE}"
        ) from None


class _Reader:
    """Sequential reader of dlib's serialization format; raises ValueError on invalid bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def raw(self, num_bytes: int) -> bytes:
        chunk = self.data[self.position : self.position + num_bytes]
        if num_bytes < 0 or len(chunk) != num_bytes:
            raise ValueError("unexpected end of file")
        self.position += num_bytes
        return chunk

    def integer(self) -> int:
        """Read a control byte (low nibble: number of bytes, bit 7: sign), then the little-endian magnitude."""
        control = self.raw(1)[0]
        if control & 0x70 or not 1 <= control & 0x0F <= 8:
            raise ValueError(f"{control:#x} is not a valid integer prefix")
        magnitude = int.from_bytes(self.raw(control & 0x0F), "little")
        return -magnitude if control & 0x80 else magnitude

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def real(self) -> float:
        """Read an integer mantissa, then a binary exponent."""
        mantissa, exponent = self.integers(2)
        require(abs(exponent) < 1024, "number out of range")
        return mantissa * 2.0**exponent

    def text(self) -> str:
        return self.raw(self.integer()).decode("ascii")

    def tensor(self) -> Floats:
        """Read a tensor: version 2, four dimensions, then raw little-endian float32."""
        version, *shape = self.integers(5)
        require(version == 2 and min(shape) >= 0, "expected a tensor")
        return np.frombuffer(self.raw(4 * int(np.prod(shape))), "<f4").astype(np.float32).reshape(shape)

    def alias(self) -> list[int]:
        """Read the shape of a view into the layer's flat tensor: version 1, four dimensions."""
        version, *shape = self.integers(5)
        require(version == 1, "expected a tensor view")
        return shape


def require(condition: bool, problem: str) -> None:
    """Raise ValueError(problem) unless the condition holds."""
    if not condition:
        raise ValueError(problem)


def _parse(reader: _Reader) -> DlibWeights:
    mean_rgb = _header(reader)
    convolutions: list[Convolution] = []
    projection: Floats | None = None
    counts = dict.fromkeys(LAYER_COUNTS, 0)
    pending: _Filters | None = None
    while reader.position < len(reader.data):
        kind = reader.text()
        require(kind in counts, f"unknown layer type {kind[:20]!r}")
        require((pending is None) == (kind != "affine_"), "each convolution must be followed by one affine layer")
        if kind == "con_4":
            pending = _filters(reader)
        elif kind == "affine_" and pending is not None:
            gamma, beta = _affine(reader, len(pending.bias))
            convolutions.append(Convolution(pending.weight, pending.bias, pending.stride, pending.padding, gamma, beta))
            pending = None
        elif kind == "fc_2":
            projection = _projection(reader)
        elif kind in ("avg_pool_2", "max_pool_2"):
            reader.integers(6)  # height, width, strides, paddings: fixed by the architecture
        _layer_end(reader, first=sum(counts.values()) == 0)
        counts[kind] += 1
    require(counts == LAYER_COUNTS and projection is not None, f"unexpected number of layers: {counts}")
    assert projection is not None
    return DlibWeights(mean_rgb, convolutions, projection)


def _header(reader: _Reader) -> tuple[float, float, float]:
    """Read the loss, the version numbers of the nested layers and the input layer; return its mean RGB."""
    reader.integer()
    require(reader.text() == "loss_metric_2", "expected dlib's metric loss as the first layer")
    reader.real()
    reader.real()
    tag = b"input_rgb_image_sized"
    while reader.data[reader.position + 2 : reader.position + 2 + len(tag)] != tag:
        require(reader.integer() in (1, 2, 3), "expected a list of layer versions")
    reader.text()
    red, green, blue = reader.real(), reader.real(), reader.real()
    require(reader.integers(2) == [INPUT_PX, INPUT_PX], "input size is not 150 px")
    return red, green, blue


@dataclass(frozen=True)
class _Filters:
    weight: Floats
    bias: Floats
    stride: Literal[1, 2]
    padding: int


def _filters(reader: _Reader) -> _Filters:
    values = reader.tensor().ravel()
    num_filters, _, _, stride, stride_x, padding, padding_x = reader.integers(7)
    shape, bias_shape = reader.alias(), reader.alias()
    for _ in range(4):
        reader.real()  # multipliers of learning rate and weight decay
    num_weights = int(np.prod(shape))
    require(shape[0] == num_filters == int(np.prod(bias_shape)), "inconsistent convolution shapes")
    require(len(values) == num_weights + num_filters, "wrong number of convolution weights")
    require((stride, padding) == (stride_x, padding_x) and stride in (1, 2), "unexpected stride or padding")
    return _Filters(values[:num_weights].reshape(shape), values[num_weights:], 2 if stride == 2 else 1, padding)


def _affine(reader: _Reader, num_channels: int) -> tuple[Floats, Floats]:
    values = reader.tensor().ravel()
    gamma_shape, beta_shape = reader.alias(), reader.alias()
    require(reader.integer() == 0, "affine layer is not per channel")
    require(int(np.prod(gamma_shape)) == int(np.prod(beta_shape)) == num_channels, "wrong width of an affine layer")
    require(len(values) == 2 * num_channels, "wrong number of affine weights")
    return values[:num_channels], values[num_channels:]


def _projection(reader: _Reader) -> Floats:
    num_outputs, num_inputs = reader.integers(2)
    values = reader.tensor()
    reader.alias()
    reader.alias()
    require(reader.integer() == 1, "projection has a bias")
    for _ in range(4):
        reader.real()  # multipliers of learning rate and weight decay
    require(values.size == num_inputs * num_outputs, "wrong number of projection weights")
    return values.reshape(num_inputs, num_outputs).T.copy()


def _layer_end(reader: _Reader, *, first: bool) -> None:
    """Skip three flags and three empty tensors (gradients, caches), and one more integer after the input layer."""
    require(set(reader.raw(3)) <= set(b"01"), "flags are neither 0 nor 1")
    require(all(reader.tensor().size == 0 for _ in range(3)), "cache is not empty")
    if first:
        require(reader.integer() == 1, "more than one image per sample")
