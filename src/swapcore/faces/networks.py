"""Loading of frozen networks: built in, or a user's file.

A user's file is given by path and sha256. A recognizer (ONNX or TorchScript) takes float (B, 3, H, W) RGB in [-1, 1] in
ArcFace's framing (112 px, or the fixed input size of an ONNX file) and returns (B, D). A TorchScript recognizer may
return (embedding, [level, …]) instead, early to late; it then also works as feature network. A feature network
(TorchScript) takes the whole crop, float (B, 3, S, S) RGB in [-1, 1], and returns [level, …].
"""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swapcore.config import NetworkParams
from swapcore.errors import ParamsError
from swapcore.faces.align import arcface_chip
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.features import FeatureNetwork, TorchvisionFeatures
from swapcore.faces.recognizer import DlibRecognizer, Features, Recognizer

ARCFACE_PX = 112


def load_recognizer(network: NetworkParams) -> Recognizer:
    """Load a differentiable recognizer for training: dlib's, or a TorchScript file.

    Raises:
        ParamsError: the file is missing, has another sha256, is not a recognizer, or is not differentiable.
        ArtifactError: dlib's file is missing or damaged.
    """
    recognizer = load_evaluator_recognizer(network)
    if not recognizer.differentiable:
        raise ParamsError(
            f"{network.path}: an ONNX recognizer is not differentiable and works in evaluate.recognizer only; "
            "use kind torchscript or dlib"
        )
    return recognizer


def load_evaluator_recognizer(network: NetworkParams) -> Recognizer:
    """Load a recognizer for evaluation: any that `load_recognizer` accepts, or an ONNX file.

    Raises:
        ParamsError: the file is missing, has another sha256, or is not a recognizer.
        ArtifactError: dlib's file is missing or damaged.
    """
    match network.kind:
        case "dlib":
            return DlibRecognizer(read_dlib_weights(package_file(RECOGNIZER_FILE)))
        case "torchscript":
            return ScriptRecognizer(_checked_file(network))
        case "onnx":
            return OnnxRecognizer(_checked_file(network))
        case "vgg16" | "alexnet":
            raise ParamsError(f"kind {network.kind}: not a recognizer; use kind dlib, torchscript or onnx")


def load_feature_network(network: NetworkParams) -> FeatureNetwork:
    """Load the network of the feature loss: dlib's recognizer, torchvision's VGG16 or AlexNet, or a TorchScript file.

    Raises:
        ParamsError: the file is missing, has another sha256, returns no levels, or is not differentiable.
        ArtifactError: dlib's file, or a state_dict, is missing or damaged.
    """
    match network.kind:
        case "dlib":
            return load_recognizer(network)
        case "torchscript":
            return ScriptFeatures(_checked_file(network))
        case "vgg16" | "alexnet":
            return TorchvisionFeatures(network.kind, _checked_file(network))
        case "onnx":
            raise ParamsError(f"{network.path}: an ONNX network is not differentiable; use kind torchscript")


def _checked_file(network: NetworkParams) -> Path:
    """Return the network's file after comparing its hash with the params."""
    assert network.path is not None
    try:
        with network.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ParamsError(f"{network.path}: cannot be read ({error.strerror}); correct path") from None
    if digest != network.sha256:
        raise ParamsError(
            f"{network.path}: sha256 is {digest}, params say {network.sha256}; replace the file or correct sha256"
        )
    return network.path


class ScriptRecognizer(Recognizer):
    """A user's TorchScript recognizer."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.script = _load_script(path)
        probe = _probe(path, self._split, torch.zeros(2, 3, ARCFACE_PX, ARCFACE_PX))
        self.embedding_dim = probe.embedding.shape[1]
        self.freeze()

    def features(self, crops: torch.Tensor) -> Features:
        """See Recognizer."""
        return self._split(self.cut_chip(crops, arcface_chip, ARCFACE_PX))

    def _split(self, chips: torch.Tensor) -> Features:
        found = self.script(chips)
        embedding, levels = found if isinstance(found, tuple) else (found, [])
        _require_shapes(len(chips), embedding, levels)
        return Features(list(levels), embedding.to(torch.float32))


class OnnxRecognizer(Recognizer):
    """A user's ONNX recognizer, run by onnxruntime on the CPU; for evaluation only, since it is not differentiable."""

    differentiable = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._session = _load_session(path)
        self._input = self._session.get_inputs()[0]
        side = self._input.shape[-1] if len(self._input.shape) == 4 else None
        self.chip_px = side if isinstance(side, int) else ARCFACE_PX
        self.embedding_dim = _probe(path, self._run, torch.zeros(2, 3, self.chip_px, self.chip_px)).embedding.shape[1]
        self.freeze()

    def features(self, crops: torch.Tensor) -> Features:
        """See Recognizer; no levels."""
        chips = self.cut_chip(crops.detach(), arcface_chip, self.chip_px)
        return self._run(chips)

    def _run(self, chips: torch.Tensor) -> Features:
        pixels = chips.cpu().numpy()
        step = 1 if self._input.shape[0] == 1 else len(pixels)  # many published files have a fixed batch size of 1
        parts = [
            self._session.run(None, {self._input.name: pixels[i : i + step]})[0] for i in range(0, len(pixels), step)
        ]
        embedding = torch.from_numpy(np.concatenate(parts).astype(np.float32)).to(chips.device)
        _require_shapes(len(chips), embedding, [])
        return Features([], embedding)


class ScriptFeatures(FeatureNetwork):
    """A user's TorchScript feature network."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.script = _load_script(path)
        _probe(path, self._levels, torch.zeros(2, 3, 128, 128))
        self.freeze()

    def levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """See FeatureNetwork."""
        return self._levels(crops)

    def _levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        found = self.script(crops)
        levels = list(found) if isinstance(found, list | tuple) else [found]
        if not levels or any(not isinstance(level, torch.Tensor) or level.ndim != 4 for level in levels):
            raise ValueError(f"it must return feature maps (B, C, H, W), it returned {_shapes(found)}")
        return levels


def _load_script(path: Path) -> torch.nn.Module:
    try:
        with warnings.catch_warnings():
            # torch deprecates TorchScript, but published recognizers come in that format.
            warnings.simplefilter("ignore", DeprecationWarning)
            script: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise ParamsError(f"{path}: cannot be read as TorchScript: {_first_line(error)}") from None
    return script


def _load_session(path: Path) -> Any:
    try:
        import onnxruntime  # optional: needed for ONNX recognizers only
    except ImportError:
        raise ParamsError(f"{path}: kind onnx needs onnxruntime; pip install 'swapcore[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class
        raise ParamsError(f"{path}: cannot be read as ONNX: {_first_line(error)}") from None


def _probe(path: Path, run: Any, batch: torch.Tensor) -> Any:
    """Run once on a batch of zeros, so that an incompatible network is rejected at load time."""
    try:
        with torch.no_grad():
            return run(batch)
    except Exception as error:  # a user's network may raise anything
        raise ParamsError(
            f"{path}: fails on an input of shape {_shapes(batch)}: {_first_line(error)}; export it for this shape"
        ) from None


def _require_shapes(batch_size: int, embedding: Any, levels: Sequence[Any]) -> None:
    if not isinstance(embedding, torch.Tensor) or embedding.ndim != 2 or len(embedding) != batch_size:
        raise ValueError(f"it must return an embedding ({batch_size}, D), it returned {_shapes(embedding)}")
    if any(not isinstance(level, torch.Tensor) or level.ndim != 4 for level in levels):
        raise ValueError(f"its levels must be feature maps (B, C, H, W), they are {_shapes(levels)}")


def _shapes(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return str(tuple(value.shape))
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shapes(item) for item in value)}]"
    return type(value).__name__


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
