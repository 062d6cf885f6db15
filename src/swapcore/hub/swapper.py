"""A trained model, loaded to be used: aligned crops in, aligned swapped crops out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from swapcore.data.recognizer_file import read_recogniser_file
from swapcore.faces.networks import load_judge
from swapcore.faces.recognizer import Embeddings, Recogniser
from swapcore.models.artifact import load_generator
from swapcore.models.generator import Generator
from swapcore.ops.image import to_images, to_tensor

Batch = npt.NDArray[np.uint8]
"""RGB pictures of one size, uint8 (B, S, S, 3)."""


class SwapNetwork(nn.Module):
    """Generator and recogniser as one network: what is exported, and what runs here."""

    def __init__(self, generator: Generator, recogniser: Recogniser) -> None:
        super().__init__()
        self.generator = generator
        self.recogniser = recogniser

    def forward(self, source: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
        """Swapped crops, like source and template float (B, 3, S, S) in [-1, 1]."""
        description = self.generator.description.describe(self.recogniser.features, source)
        swapped: torch.Tensor = self.generator(source, template, description).image
        return swapped


class Swapper:
    """Generator and recogniser of a model folder, ready for inference."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recogniser.json.

        Raises:
            ArtifactError: a file is missing or damaged.
            ParamsError: the recogniser's own file is missing or another.
        """
        self._device = torch.device(device)
        generator, configuration = load_generator(folder, self._device)
        recogniser = read_recogniser_file(folder)
        self.network = SwapNetwork(generator, load_judge(recogniser.network).to(self._device)).eval()
        self.embedding_mean = recogniser.embedding_mean
        self.size_px = configuration.size_px

    @torch.no_grad()
    def swap(self, sources: Batch, templates: Batch) -> Batch:
        """Give each template the face of its source: three times uint8 (B, S, S, 3), S = ``size_px``."""
        source, template = (to_tensor(images).to(self._device) for images in (sources, templates))
        return to_images(self.network(source, template))

    def embed(self, crops: Batch, batch_size: int = 16) -> Embeddings:
        """Face features of crops, uint8 (B, S, S, 3), centred by the training people's mean and of length 1: float32 (B, D)."""
        centred = self.network.recogniser.embed(crops, batch_size) - self.embedding_mean
        return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-8), dtype=np.float32)
