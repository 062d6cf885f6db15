"""A trained model as one ONNX file: source and template crops in, swapped crops out, recognizer included."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from swapcore.data.artifact import file_digest
from swapcore.errors import ArtifactError, InputError
from swapcore.files import in_place
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.field_swapper import FieldSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.models.artifact import WEIGHTS

OPSET = 20
"""The first that has GridSample for what the recognizer's framing needs."""
MAX_DIFFERENCE = 1e-3
"""Of a pixel in [-1, 1] between torch and onnxruntime; an eighth of a gray level. An export that differs more is refused."""
_PARITY_BATCHES = (1, 3)

FIELD_INPUTS = (
    "source", "template", "described", "small_source", "small_template", "guide_flow", "guide_visible"
)  # fmt: skip
"""See ``FieldNetwork``; a model that predicts pixels has the first two."""

Loaded = CropSwapper | FieldSwapper

Crops = npt.NDArray[np.float32]
"""float32 (B, 3, S, S) in [-1, 1], RGB."""


class Export(NamedTuple):
    """What was written."""

    size_px: int
    max_difference: float
    """The largest difference of a pixel in [-1, 1] between torch and onnxruntime on noise, over batches of 1 and 3."""


def export_onnx(model: Path, path: Path) -> Export:
    """Write a model folder as ONNX and compare the file with the model before it takes its name.

    Of a model that predicts pixels the file has inputs ``source`` and ``template``; of one that composes, those of
    ``FieldNetwork``, source and template of any size. Output ``swapped``: float32 (B, 3, S, S) in [-1, 1], RGB, any B. Its
    metadata say which model it is and how crops must be aligned. With the TorchScript exporter: the newer one gives the
    same graph in twenty times the time and needs two further packages.

    Args:
        model: a model folder.
        path: the file to write, .onnx.

    Raises:
        ArtifactError: the folder is no model, or the exported file does not compute what the model computes.
        InputError: the model's recognizer is an ONNX file itself, which cannot become part of another one.
        OSError: the file cannot be written.
    """
    swapper = load_face_swapper(model, "cpu")
    assert isinstance(swapper, Loaded)
    if not swapper.network.recognizer.differentiable:
        raise InputError(
            f"{model}: its recognizer runs in onnxruntime and cannot be exported; export needs dlib or TorchScript"
        )
    with in_place(path) as partial:
        _export(swapper, partial)
        _describe(
            partial,
            {"alignment": "ffhq", "size_px": str(swapper.size_px), "weights_sha256": file_digest(model / WEIGHTS)},
        )
        difference = max(_difference(swapper, partial, num) for num in _PARITY_BATCHES)
        if not difference <= MAX_DIFFERENCE:
            raise ArtifactError(
                f"{model}: exported, pixels differ by {difference:.2g} (at most {MAX_DIFFERENCE:g}); nothing was kept"
            )
    return Export(swapper.size_px, difference)


def _noise(num: int, swapper: Loaded, size_px: int) -> tuple[torch.Tensor, ...]:
    """Inputs of the network, of noise: what a real image gives would not reach every branch any better."""
    noise = torch.Generator().manual_seed(num)

    def drawn(side_px: int, channels: int = 3) -> torch.Tensor:
        return torch.rand(num, channels, side_px, side_px, generator=noise) * 2 - 1

    if isinstance(swapper, CropSwapper):
        return drawn(size_px), drawn(size_px)
    guide = (0.05 * drawn(swapper.working_px, 2), drawn(swapper.working_px, 1).abs())
    small = (drawn(swapper.size_px), drawn(swapper.working_px), drawn(swapper.working_px))
    return drawn(size_px), drawn(size_px), *small, *guide


def _export(swapper: Loaded, path: Path) -> None:
    inputs = list(FIELD_INPUTS if isinstance(swapper, FieldSwapper) else FIELD_INPUTS[:2])
    axes = {name: {0: "batch"} for name in [*inputs, "swapped"]}
    if isinstance(swapper, FieldSwapper):
        axes["source"] |= {2: "source_height", 3: "source_width"}
        axes["template"] |= {2: "height", 3: "width"}
        axes["swapped"] |= {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own age and of constants that are constant
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
    """Name model and alignment in the file's metadata."""
    import onnx

    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {f"swapcore.{name}": value for name, value in facts.items()})
    graph.producer_name = "swapcore"
    onnx.save(graph, path)


def _difference(swapper: Loaded, path: Path, num: int) -> float:
    """The largest difference on a batch; of a model that composes, at another size than the export's."""
    inputs = _noise(num, swapper, swapper.size_px + (96 if isinstance(swapper, FieldSwapper) else 0))
    with torch.no_grad():
        wanted = swapper.network(*inputs).numpy()
    return float(np.abs(OnnxSwap(path)(*(values.numpy() for values in inputs)) - wanted).max())


class OnnxSwap:
    """An exported file, run by onnxruntime on the CPU."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the file; threads: 0 means one for each core."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, *inputs: Crops) -> Crops:
        """Swap a batch of crops; the inputs in the file's order."""
        names = [each.name for each in self._session.get_inputs()]
        swapped = self._session.run(["swapped"], dict(zip(names, inputs, strict=True)))[0]
        return np.asarray(swapped, dtype=np.float32)
