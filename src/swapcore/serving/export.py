"""Export of a model with its recognizer to one ONNX file."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from swapcore.data.artifact import file_digest
from swapcore.errors import ArtifactError, InputError
from swapcore.files import atomic_path
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.field_swapper import FieldSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.models.artifact import WEIGHTS
from swapcore.ops.compose import GUIDE_CHANNELS

OPSET = 20
"""GridSample of the recognizer's framing needs at least this version."""
MAX_DIFFERENCE = 1e-3
"""Maximum difference of a pixel in [-1, 1] between torch and onnxruntime (an eighth of a gray level)."""
_PARITY_BATCHES = (1, 3)

FIELD_INPUTS = (
    "source",
    "template",
    "described",
    "small_source",
    "small_template",
    *(f"guide_{name}" for name in GUIDE_CHANNELS),
)
"""See ``FieldNetwork``; a model that predicts pixels has the first two."""

ExportedModel = CropSwapper | FieldSwapper

Crops = npt.NDArray[np.float32]
"""float32 (B, 3, S, S) in [-1, 1], RGB."""


class Export(NamedTuple):
    """Summary of an export."""

    size_px: int
    max_difference: float
    """Largest difference of a pixel in [-1, 1] between torch and onnxruntime on noise, over batches of 1 and 3."""


def export_onnx(model: Path, path: Path) -> Export:
    """Export a model folder to ONNX and compare the file with the model before it is moved to its path.

    For a model that computes pixels the inputs are ``source`` and ``template``; for a field model, those of
    ``FieldNetwork``, with source and template of any size. The output ``swapped`` is float32 (B, 3, S, S) in [-1, 1], RGB,
    any B. The metadata hold the model's digest and the alignment. The TorchScript exporter is used: the newer one gives the
    same graph in twenty times the time and needs two more packages.

    Args:
        model: a model folder.
        path: the file to write, .onnx.

    Raises:
        ArtifactError: the folder is not a model, or the exported file's results differ from the model's.
        InputError: there is no such folder, or the model's recognizer is an ONNX file, which cannot be exported into another one.
        OSError: the file cannot be written.
    """
    swapper = load_face_swapper(model, "cpu")
    assert isinstance(swapper, ExportedModel)
    if not swapper.recognizer.differentiable:
        raise InputError(
            f"{model}: cannot be exported, since its recognizer is an ONNX file; train with a recognizer of kind dlib or torchscript"
        )
    with atomic_path(path) as partial:
        _export(swapper, partial)
        _describe(
            partial,
            {"alignment": "ffhq", "size_px": str(swapper.size_px), "weights_sha256": file_digest(model / WEIGHTS)},
        )
        difference = max(_difference(swapper, partial, num) for num in _PARITY_BATCHES)
        if not difference <= MAX_DIFFERENCE:
            raise ArtifactError(
                f"{model}: not exported: pixels of the ONNX file differ by {difference:.2g}, allowed are {MAX_DIFFERENCE:g}"
            )
    return Export(swapper.size_px, difference)


def _noise(num: int, swapper: ExportedModel, size_px: int) -> tuple[torch.Tensor, ...]:
    """Make noise as inputs of the network."""
    noise = torch.Generator().manual_seed(num)

    def drawn(side_px: int, channels: int = 3) -> torch.Tensor:
        return torch.rand(num, channels, side_px, side_px, generator=noise) * 2 - 1

    if isinstance(swapper, CropSwapper):
        return drawn(size_px), drawn(size_px)
    guide = (
        0.05 * drawn(swapper.working_px, 2) if channels == 2 else drawn(swapper.working_px, 1).abs()
        for channels in GUIDE_CHANNELS.values()
    )
    small = (drawn(swapper.size_px), drawn(swapper.working_px), drawn(swapper.working_px))
    return drawn(size_px), drawn(size_px), *small, *guide


def _export(swapper: ExportedModel, path: Path) -> None:
    inputs = list(FIELD_INPUTS if isinstance(swapper, FieldSwapper) else FIELD_INPUTS[:2])
    axes = {name: {0: "batch"} for name in [*inputs, "swapped"]}
    if isinstance(swapper, FieldSwapper):
        axes["source"] |= {2: "source_height", 3: "source_width"}
        axes["template"] |= {2: "height", 3: "width"}
        axes["swapped"] |= {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation of the exporter, and constants in traces
        torch.onnx.export(
            swapper.network,
            _noise(2, swapper, swapper.size_px),
            str(path),
            input_names=inputs,
            output_names=["swapped"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def _describe(path: Path, facts: dict[str, str]) -> None:
    """Write model and alignment into the file's metadata."""
    import onnx

    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {f"swapcore.{name}": value for name, value in facts.items()})
    graph.producer_name = "swapcore"
    onnx.save(graph, path)


def _difference(swapper: ExportedModel, path: Path, num: int) -> float:
    """Largest difference on a batch; for a field model, at another size than the export's."""
    inputs = _noise(num, swapper, swapper.size_px + (96 if isinstance(swapper, FieldSwapper) else 0))
    with torch.no_grad():
        expected = swapper.network(*inputs).numpy()
    return float(np.abs(OnnxSwap(path)(*(values.numpy() for values in inputs)) - expected).max())


class OnnxSwap:
    """An exported file in onnxruntime, on the CPU."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the file; threads: 0 = one per core."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, *inputs: Crops) -> Crops:
        """Swap a batch of crops; inputs in the file's order."""
        names = [each.name for each in self._session.get_inputs()]
        swapped = self._session.run(["swapped"], dict(zip(names, inputs, strict=True)))[0]
        return np.asarray(swapped, dtype=np.float32)
