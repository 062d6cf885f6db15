"""Import of torchvision that works with any build of torch."""

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare two operators that torchvision looks up on import, if its compiled library cannot be loaded.

    torchvision from PyPI is linked against CUDA. With a CPU torch its ``_C.so`` does not load, and the import fails with
    "operator torchvision::nms does not exist". With the declarations transforms and models work; nms does not.
    """
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    try:
        for library in (path for folder in folders or [] for path in Path(folder).glob("_C*.so")):
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            declared.define(schema)  # type: ignore[no-untyped-call]
        return declared
    return None


_declared = _declare_missing_operators()  # keeps the declarations alive

from torchvision import models  # noqa: E402  # only after the declarations

__all__ = ["models"]
