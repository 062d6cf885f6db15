"""The one place where a model reference becomes a loaded model."""

from pathlib import Path

from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.field_swapper import FieldSwapper
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.hub.warp_swapper import WarpSwapper
from swapcore.models.artifact import read_configuration
from swapcore.ops.device import select_device


def load_face_swapper(model: str | Path | LocatedModel, device: str = "auto") -> FaceSwapper:
    """Load a model for inference.

    Args:
        model: a reference as for ``resolve_model``, or a model that was resolved before.
        device: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps.

    Raises:
        InputError: there is no such model.
        ArtifactError: the model folder is incomplete or damaged.
        ParamsError: there is no such device, or the recognizer's own file is missing.
    """
    located = model if isinstance(model, LocatedModel) else resolve_model(model)
    if located.place is None:
        return WarpSwapper(select_device(device))
    is_composed = read_configuration(located.place).generator.kind == "fields"
    return (FieldSwapper if is_composed else CropSwapper)(located.place, select_device(device))
