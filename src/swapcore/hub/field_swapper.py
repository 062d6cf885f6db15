"""A field generator with its recognizer, loaded for inference at any resolution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from swapcore.errors import ArtifactError
from swapcore.faces.recognizer import Recognizer
from swapcore.hub.face_swapper import Crops, FaceInImage, SwappedFace
from swapcore.hub.folder_model import FolderModel
from swapcore.hub.native_crop import crop_native
from swapcore.models.fields import FieldGenerator
from swapcore.ops.compose import Guide, compose
from swapcore.ops.image import resize, to_images, to_tensor
from swapcore.warp.crop_guides import crop_guides

MAX_CROP_PX: Final = 2048
"""Maximum side at which a face is composed, which needs about 400 MB."""


class FieldNetwork(nn.Module):
    """Field generator and recognizer as one network, for inference and for the ONNX export."""

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
        guide_own_flow: torch.Tensor,
        guide_visible: torch.Tensor,
        guide_kept: torch.Tensor,
        guide_skin: torch.Tensor,
        guide_eyes: torch.Tensor,
        guide_brows: torch.Tensor,
        guide_lips: torch.Tensor,
        guide_near: torch.Tensor,
    ) -> torch.Tensor:
        """Swap crops at their own size.

        Args:
            source: (B, 3, R, R) in [-1, 1].
            template: (B, 3, S, S) in [-1, 1].
            described: (B, 3, C, C), the source at the size of the training's crops, for the recognizer.
            small_source: (B, 3, w, w), the source at the working size.
            small_template: (B, 3, w, w), the template at the working size.
            guide_flow: (B, 2, w, w), see ``Guide``.
            guide_own_flow: (B, 2, w, w).
            guide_visible: (B, 1, w, w).
            guide_kept: (B, 1, w, w).
            guide_skin: (B, 1, w, w).
            guide_eyes: (B, 1, w, w).
            guide_brows: (B, 1, w, w).
            guide_lips: (B, 1, w, w).
            guide_near: (B, 1, w, w).

        Returns:
            (B, 3, S, S).
        """
        description = self.generator.description.describe(self.recognizer.features, described)
        guide = Guide(
            guide_flow,
            guide_own_flow,
            guide_visible,
            guide_kept,
            guide_skin,
            guide_eyes,
            guide_brows,
            guide_lips,
            guide_near,
        )
        fields = self.generator.predict(small_source, small_template, description, guide)
        return compose(fields, source, template, smooth=True)[0]


class FieldSwapper(FolderModel):
    """A model folder whose generator predicts fields; implements ``FaceSwapper`` at the images' own resolution."""

    max_crop_px = MAX_CROP_PX
    relights = True

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recognizer.json.

        Raises:
            ArtifactError: a file is missing or damaged, or the generator predicts pixels.
            ParamsError: the recognizer's own file is missing or differs from the one that the model was trained with.
        """
        super().__init__(folder, device)
        if not isinstance(self.generator, FieldGenerator):
            raise ArtifactError(f"{folder}: predicts pixels, not fields; load it with load_face_swapper")
        self.network = FieldNetwork(self.generator, self.recognizer).eval()
        self.size_px = self.configuration.composed_px
        self.working_px = self.configuration.size_px

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """See ``FaceSwapper``; each result has its template's resolution."""
        return [self._swap_face(*pair) for pair in zip(sources, templates, strict=True)]

    def _swap_face(self, source: FaceInImage, template: FaceInImage) -> SwappedFace:
        first, second = (crop_native(shown, self.max_crop_px) for shown in (source, template))
        after = self.swap_crops(first.crop[None], second.crop[None])[0]
        return SwappedFace(second.crop, after, second.points, second.affine, relit=True)

    @torch.no_grad()
    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """See ``FaceSwapper``; sources and templates may have any two sizes, the result has the templates'."""
        return to_images(self.network(*self.inputs(sources, templates)))

    def inputs(self, sources: Crops, templates: Crops) -> tuple[torch.Tensor, ...]:
        """Make the inputs of ``FieldNetwork`` for pairs of aligned crops, uint8 (B, R, R, 3) and (B, S, S, 3)."""
        guide = crop_guides(sources, templates, self.working_px, self._device)
        images = [sources, templates, _resized(sources, self.size_px)]
        images += [_resized(crops, self.working_px) for crops in (sources, templates)]
        return (*(to_tensor(crops).to(self._device) for crops in images), *guide)


def _resized(crops: Crops, size_px: int) -> Crops:
    return np.stack([resize(crop, size_px) for crop in crops])
