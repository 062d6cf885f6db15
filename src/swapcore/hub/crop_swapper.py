"""A generator with its recognizer, loaded for inference on aligned crops."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.faces.mesh.crops import crop_guides
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Embeddings, Recognizer
from swapcore.hub.face_swapper import Crops, FaceInImage, SwappedFace
from swapcore.models.artifact import AnyGenerator, load_generator
from swapcore.models.fields import FieldGenerator
from swapcore.ops.compose import Guide, compose
from swapcore.ops.embedding import centered
from swapcore.ops.geometry import apply, rescale, warp
from swapcore.ops.image import resize, to_images, to_tensor

MAX_COMPOSED_PX: Final = 2048
"""Maximum side of composed crops; larger faces lose detail above it."""


class SwapNetwork(nn.Module):
    """Pixel generator and recognizer as one network, for inference and for the ONNX export."""

    def __init__(self, generator: AnyGenerator, recognizer: Recognizer) -> None:
        super().__init__()
        self.generator = generator
        self.recognizer = recognizer

    def forward(self, source: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
        """Swap crops: source, template and result are float (B, 3, S, S) in [-1, 1]."""
        description = self.generator.description.describe(self.recognizer.features, source)
        swapped: torch.Tensor = self.generator(source, template, description).image
        return swapped


class FieldNetwork(nn.Module):
    """Field generator and recognizer as one network that composes at any size."""

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
            described: (B, 3, C, C), the source at the training's crop size, for the recognizer.
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


class CropSwapper:
    """The generator of a model folder, on aligned crops; implements ``FaceSwapper``."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recognizer.json.

        Raises:
            ArtifactError: a file is missing or damaged.
            ParamsError: the recognizer's own file is missing or differs from the one that the model was trained with.
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
        """Side of the crops that the model was trained on."""
        self.working_px = configuration.size_px
        """Side of the generator's input."""

    @property
    def composes(self) -> bool:
        """Whether crops of any size are swapped at that size."""
        return isinstance(self.network, FieldNetwork)

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """See ``FaceSwapper``; the squares have the image's resolution if the model composes, else the crop's."""
        squares = [self._cut(template) for template in templates]
        if self.composes:
            cut = [self._cut(source).before for source in sources]
            after = [
                self.swap_crops(source[None], square.before[None])[0]
                for source, square in zip(cut, squares, strict=True)
            ]
        else:
            crops = np.stack([source.face.crop for source in sources])
            after = list(self.swap_crops(crops, np.stack([square.before for square in squares])))
        return [replace(square, after=image) for square, image in zip(squares, after, strict=True)]

    def _cut(self, shown: FaceInImage) -> SwappedFace:
        """Cut the square in which a face is swapped; ``after`` is a placeholder."""
        face, size_px = shown.face, shown.face.crop.shape[0]
        scale = math.sqrt(abs(float(np.linalg.det(face.affine[:, :2]))))
        native_px = min(max(size_px, round(size_px / scale)), MAX_COMPOSED_PX)
        if not self.composes or native_px == size_px:
            return SwappedFace(face.crop, face.crop, face.points, face.affine, keeps_color=self.composes)
        affine = rescale(face.affine, size_px, native_px)
        square = warp(shown.image, affine, native_px)
        points = apply(rescale(np.eye(2, 3), size_px, native_px), face.points)
        return SwappedFace(square, square, points, affine, keeps_color=True)

    @torch.no_grad()
    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """See ``FaceSwapper``; a model that composes takes sources and templates of any two sizes."""
        if isinstance(self.network, FieldNetwork):
            return to_images(self.network(*self.field_inputs(sources, templates)))
        source, template = (to_tensor(images).to(self._device) for images in (sources, templates))
        return to_images(self.network(source, template))

    def field_inputs(self, sources: Crops, templates: Crops) -> tuple[torch.Tensor, ...]:
        """Make the inputs of ``FieldNetwork`` for pairs of aligned crops."""
        guide = crop_guides(sources, templates, self.working_px, self._device)
        images = [sources, templates, _resized(sources, self.size_px)]
        images += [_resized(crops, self.working_px) for crops in (sources, templates)]
        return (*(to_tensor(crops).to(self._device) for crops in images), *guide)

    def embed(self, crops: Crops, batch_size: int = 16) -> Embeddings:
        """See ``FaceSwapper``; embeddings are centered by the mean of the training people."""
        raw = torch.from_numpy(self.network.recognizer.embed(crops, batch_size))
        return np.asarray(centered(raw, torch.from_numpy(self.embedding_mean)).numpy(), dtype=np.float32)


def _resized(images: Crops, size_px: int) -> Crops:
    return np.stack([resize(image, size_px) for image in images])
