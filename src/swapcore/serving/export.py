"""A trained model as one ONNX file: source and template crops in, swapped crops out, recogniser included."""

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
from swapcore.hub.swapper import SwapNetwork, Swapper
from swapcore.models.artifact import WEIGHTS

OPSET = 20
"""The first that has GridSample for what the recogniser's framing needs."""
MAX_DIFFERENCE = 1e-3
"""Of a pixel in [-1, 1] between torch and onnxruntime; an eighth of a grey level. An export that differs more is refused."""
_PARITY_BATCHES = (1, 3)

Crops = npt.NDArray[np.float32]
"""float32 (B, 3, S, S) in [-1, 1], RGB."""


class Export(NamedTuple):
    """What was written."""

    size_px: int
    max_difference: float
    """The largest difference of a pixel in [-1, 1] between torch and onnxruntime on noise, over batches of 1 and 3."""


def export_onnx(model: Path, path: Path) -> Export:
    """Write a model folder as ONNX and compare the file with the model before it takes its name.

    The file has inputs ``source`` and ``template``, output ``swapped``: float32 (B, 3, S, S) in [-1, 1], RGB, any B. Its
    metadata say which model it is and how crops must be aligned. With the TorchScript exporter: the newer one gives the
    same graph in twenty times the time and needs two further packages.

    Args:
        model: a model folder.
        path: the file to write, .onnx.

    Raises:
        ArtifactError: the folder is no model, or the exported file does not compute what the model computes.
        InputError: the model's recogniser is an ONNX file itself, which cannot become part of another one.
        OSError: the file cannot be written.
    """
    swapper = Swapper(model)
    if not swapper.network.recogniser.differentiable:
        raise InputError(
            f"{model}: its recogniser runs in onnxruntime and cannot be exported; export needs dlib or TorchScript"
        )
    with in_place(path) as partial:
        _export(swapper.network, swapper.size_px, partial)
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


def _noise(num: int, size_px: int) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(num)
    first, second = (torch.rand(num, 3, size_px, size_px, generator=noise) * 2 - 1 for _ in range(2))
    return first, second


def _export(network: SwapNetwork, size_px: int, path: Path) -> None:
    names = ["source", "template", "swapped"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own age and of constants that are constant
        torch.onnx.export(
            network,
            _noise(2, size_px),
            str(path),
            input_names=names[:2],
            output_names=names[2:],
            dynamic_axes={name: {0: "batch"} for name in names},
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


def _difference(swapper: Swapper, path: Path, num: int) -> float:
    source, template = _noise(num, swapper.size_px)
    with torch.no_grad():
        wanted = swapper.network(source, template).numpy()
    return float(np.abs(OnnxSwap(path)(source.numpy(), template.numpy()) - wanted).max())


class OnnxSwap:
    """An exported file, run by onnxruntime on the CPU."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the file; threads: 0 means one for each core."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, source: Crops, template: Crops) -> Crops:
        """Swap a batch of crops."""
        swapped = self._session.run(["swapped"], {"source": source, "template": template})[0]
        return np.asarray(swapped, dtype=np.float32)
