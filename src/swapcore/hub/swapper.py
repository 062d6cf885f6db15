"""A trained model, loaded to be used: aligned crops in, aligned swapped crops out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.faces.mesh.crops import crop_guides
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Embeddings, Recognizer
from swapcore.models.artifact import AnyGenerator, load_generator
from swapcore.models.fields import FieldGenerator
from swapcore.ops.compose import Guide, compose
from swapcore.ops.image import resize, to_images, to_tensor

Batch = npt.NDArray[np.uint8]
"""RGB pictures of one size, uint8 (B, S, S, 3)."""


class SwapNetwork(nn.Module):
    """Generator and recognizer as one network: what is exported, and what runs here."""

    def __init__(self, generator: AnyGenerator, recognizer: Recognizer) -> None:
        super().__init__()
        self.generator = generator
        self.recognizer = recognizer

    def forward(self, source: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
        """Swapped crops of a generator that predicts pixels, like source and template float (B, 3, S, S) in [-1, 1]."""
        description = self.generator.description.describe(self.recognizer.features, source)
        swapped: torch.Tensor = self.generator(source, template, description).image
        return swapped


class FieldNetwork(nn.Module):
    """Field generator and recognizer as one network, composing at any size."""

    def __init__(self, generator: FieldGenerator, recognizer: Recognizer) -> None:
        super().__init__()
        self.generator = generator
        self.recognizer = recognizer

    def forward(
        self,
        source: torch.Tensor,
        template: torch.Tensor,
        described: torch.Tensor,
        small_source: torch.Tensor,
        small_template: torch.Tensor,
        guide_flow: torch.Tensor,
        guide_visible: torch.Tensor,
    ) -> torch.Tensor:
        """Swap crops at their own size.

        Args:
            source: (B, 3, R, R) in [-1, 1].
            template: (B, 3, S, S) in [-1, 1].
            described: (B, 3, C, C), the source at the size of the training's crops, for the recognizer.
            small_source: (B, 3, w, w), the source at the working size.
            small_template: (B, 3, w, w), the template at the working size.
            guide_flow: (B, 2, w, w), see ``Guide``.
            guide_visible: (B, 1, w, w).

        Returns:
            (B, 3, S, S).
        """
        description = self.generator.description.describe(self.recognizer.features, described)
        guide = Guide(guide_flow, guide_visible)
        fields = self.generator.predict(small_source, small_template, description, guide)
        return compose(fields, source, template, smooth=True)[0]


class Swapper:
    """Generator and recognizer of a model folder, ready for inference."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recognizer.json.

        Raises:
            ArtifactError: a file is missing or damaged.
            ParamsError: the recognizer's own file is missing or another.
        """
        self._device = torch.device(device)
        generator, configuration = load_generator(folder, self._device)
        recognizer = read_recognizer_file(folder)
        network = load_evaluator_recognizer(recognizer.network).to(self._device)
        self.network: SwapNetwork | FieldNetwork = (
            FieldNetwork(generator, network)
            if isinstance(generator, FieldGenerator)
            else SwapNetwork(generator, network)
        ).eval()
        self.embedding_mean = recognizer.embedding_mean
        self.size_px = configuration.composed_px
        """Side of the crops that the model was trained on, and at which faces are cut to be looked at."""
        self.working_px = configuration.size_px

    @property
    def composes(self) -> bool:
        """Whether crops of any size are swapped at that size."""
        return isinstance(self.network, FieldNetwork)

    @torch.no_grad()
    def swap(self, sources: Batch, templates: Batch) -> Batch:
        """Give each template the face of its source.

        Args:
            sources: uint8 (B, R, R, 3); R = ``size_px``, or any where the model ``composes``.
            templates: uint8 (B, S, S, 3), S likewise.

        Returns:
            uint8 (B, S, S, 3).
        """
        if isinstance(self.network, FieldNetwork):
            return to_images(self.network(*self.field_inputs(sources, templates)))
        source, template = (to_tensor(images).to(self._device) for images in (sources, templates))
        return to_images(self.network(source, template))

    def field_inputs(self, sources: Batch, templates: Batch) -> tuple[torch.Tensor, ...]:
        """The inputs of ``FieldNetwork`` for pairs of aligned crops."""
        guide = crop_guides(sources, templates, self.working_px, self._device)
        pictures = [sources, templates, _resized(sources, self.size_px)]
        pictures += [_resized(images, self.working_px) for images in (sources, templates)]
        return (*(to_tensor(images).to(self._device) for images in pictures), *guide)

    def embed(self, crops: Batch, batch_size: int = 16) -> Embeddings:
        """Face features of crops, uint8 (B, S, S, 3), centered by the training people's mean and of length 1: float32 (B, D)."""
        centered = self.network.recognizer.embed(crops, batch_size) - self.embedding_mean
        return np.asarray(
            centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-8), dtype=np.float32
        )


def _resized(images: Batch, size_px: int) -> Batch:
    return np.stack([resize(image, size_px) for image in images])
