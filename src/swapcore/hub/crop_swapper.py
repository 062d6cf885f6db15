"""A generator with its recognizer, loaded for inference on aligned crops."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from swapcore.errors import ArtifactError
from swapcore.faces.recognizer import Recognizer
from swapcore.hub.face_swapper import Crops, FaceInImage, SwappedFace
from swapcore.hub.folder_model import FolderModel
from swapcore.models.generator import Generator
from swapcore.ops.image import to_images, to_tensor


class SwapNetwork(nn.Module):
    """Generator and recognizer as one network, for inference and for the ONNX export."""

    def __init__(self, generator: Generator, recognizer: Recognizer) -> None:
        super().__init__()
        self.generator = generator
        self.recognizer = recognizer

    def forward(self, source: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
        """Swap crops: source, template and result are float (B, 3, S, S) in [-1, 1]."""
        description = self.generator.description.describe(self.recognizer.features, source)
        swapped: torch.Tensor = self.generator(source, template, description).image
        return swapped


class CropSwapper(FolderModel):
    """A model folder whose generator computes the pixels of an aligned crop; implements ``FaceSwapper``."""

    relights = False

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recognizer.json.

        Raises:
            ArtifactError: a file is missing or damaged, or the generator predicts fields.
            ParamsError: the recognizer's own file is missing or differs from the one that the model was trained with.
        """
        super().__init__(folder, device)
        if not isinstance(self.generator, Generator):
            raise ArtifactError(f"{folder}: predicts fields, not pixels; load it with load_face_swapper")
        self.network = SwapNetwork(self.generator, self.recognizer).eval()
        self.size_px = self.max_crop_px = self.configuration.size_px

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """See ``FaceSwapper``; the result has the crop's resolution."""
        faces = [template.face for template in templates]
        before = np.stack([face.crop for face in faces])
        after = self.swap_crops(np.stack([source.face.crop for source in sources]), before)
        return [
            SwappedFace(face.crop, image, face.points, face.affine) for face, image in zip(faces, after, strict=True)
        ]

    @torch.no_grad()
    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """See ``FaceSwapper``."""
        source, template = (to_tensor(images).to(self._device) for images in (sources, templates))
        return to_images(self.network(source, template))
