"""From params to frozen network: the built-in one, or the user's own file named by path and sha256.

A user's recogniser (ONNX or TorchScript) gets float (B, 3, H, W) RGB in [-1, 1] in ArcFace's framing (112 px, or the
square that an ONNX file fixes) and returns (B, D). A TorchScript one may return (embedding, [level, …]) instead, levels
early to late, and so serve as feature network too. A user's feature network (TorchScript) gets the whole crop, float
(B, 3, S, S) RGB in [-1, 1], and returns [level, …].
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
from swapcore.faces.dlib_weights import RECOGNISER_FILE, package_file, read_dlib_weights
from swapcore.faces.features import FeatureNetwork, TorchvisionFeatures
from swapcore.faces.recognizer import DlibRecogniser, Features, Recogniser, cut_chip

ARCFACE_PX = 112


def load_recogniser(network: NetworkParams) -> Recogniser:
    """Load a recogniser that training can use: dlib's, or a TorchScript file.

    Raises:
        ParamsError: the file is missing, has another sha256, is no recogniser, or lets no gradient through.
        ArtifactError: dlib's file is missing or damaged.
    """
    recogniser = load_judge(network)
    if not recogniser.differentiable:
        raise ParamsError(
            f"{network.path}: an ONNX recogniser lets no gradient through, so it can judge (evaluate.judge) but not train; "
            "use kind torchscript or dlib"
        )
    return recogniser


def load_judge(network: NetworkParams) -> Recogniser:
    """Load a recogniser that only has to judge: any that ``load_recogniser`` takes, or an ONNX file.

    Raises:
        ParamsError: the file is missing, has another sha256, or is no recogniser.
        ArtifactError: dlib's file is missing or damaged.
    """
    match network.kind:
        case "dlib":
            return DlibRecogniser(read_dlib_weights(package_file(RECOGNISER_FILE)))
        case "torchscript":
            return ScriptRecogniser(_checked_file(network))
        case "onnx":
            return OnnxRecogniser(_checked_file(network))
        case "vgg16" | "alexnet":
            raise ParamsError(f"kind {network.kind}: compares features, not people; use kind dlib, torchscript or onnx")


def load_feature_network(network: NetworkParams) -> FeatureNetwork:
    """Load the network of the feature loss: dlib's recogniser, torchvision's VGG16 or AlexNet, or a TorchScript file.

    Raises:
        ParamsError: the file is missing, has another sha256, gives no levels, or lets no gradient through.
        ArtifactError: dlib's file, or a state_dict, is missing or damaged.
    """
    match network.kind:
        case "dlib":
            return load_recogniser(network)
        case "torchscript":
            return ScriptFeatures(_checked_file(network))
        case "vgg16" | "alexnet":
            return TorchvisionFeatures(network.kind, _checked_file(network))
        case "onnx":
            raise ParamsError(f"{network.path}: an ONNX network lets no gradient through; use kind torchscript")


def _checked_file(network: NetworkParams) -> Path:
    """The network's file, after comparing its bytes with the sha256 of the params."""
    assert network.path is not None
    try:
        with network.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ParamsError(f"{network.path}: cannot be read ({error.strerror}); correct path") from None
    if digest != network.sha256:
        raise ParamsError(
            f"{network.path}: its sha256 is {digest}, the params say {network.sha256}; put the right file there or correct sha256"
        )
    return network.path


class ScriptRecogniser(Recogniser):
    """A user's TorchScript recogniser."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.script = _load_script(path)
        probe = _probe(path, self._split, torch.zeros(2, 3, ARCFACE_PX, ARCFACE_PX))
        self.embedding_dim = probe.embedding.shape[1]
        self.freeze()

    def features(self, crops: torch.Tensor) -> Features:
        """See Recogniser."""
        return self._split(cut_chip(crops, lambda size_px: arcface_chip(size_px, ARCFACE_PX), ARCFACE_PX))

    def _split(self, chips: torch.Tensor) -> Features:
        found = self.script(chips)
        embedding, levels = found if isinstance(found, tuple) else (found, [])
        _require_shapes(len(chips), embedding, levels)
        return Features(list(levels), embedding.to(torch.float32))


class OnnxRecogniser(Recogniser):
    """A user's ONNX recogniser, run by onnxruntime on the CPU: a judge, since no gradient comes back."""

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
        """See Recogniser; no levels."""
        chips = cut_chip(crops.detach(), lambda size_px: arcface_chip(size_px, self.chip_px), self.chip_px)
        return self._run(chips)

    def _run(self, chips: torch.Tensor) -> Features:
        pixels = chips.cpu().numpy()
        step = 1 if self._input.shape[0] == 1 else len(pixels)  # many published files fix the batch at one
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
            # torch would like its newer formats better; TorchScript is what published recognisers come in.
            warnings.simplefilter("ignore", DeprecationWarning)
            script: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise ParamsError(f"{path}: cannot be read as TorchScript: {_first_line(error)}") from None
    return script


def _load_session(path: Path) -> Any:
    try:
        import onnxruntime  # an optional package: only those who judge by an ONNX file need it
    except ImportError:
        raise ParamsError(f"{path}: kind onnx needs onnxruntime; pip install 'swapcore[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise ParamsError(f"{path}: cannot be read as ONNX: {_first_line(error)}") from None


def _probe(path: Path, run: Any, batch: torch.Tensor) -> Any:
    """Run once on a batch of zeros, so that a network of another kind is refused when it is loaded."""
    try:
        with torch.no_grad():
            return run(batch)
    except Exception as error:  # a user's network may raise anything
        raise ParamsError(f"{path}: does not work on {_shapes(batch)}: {_first_line(error)}") from None


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
