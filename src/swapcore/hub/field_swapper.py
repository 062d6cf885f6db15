"""A field generator with its recognizer, composing swaps at the image's resolution."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import nn

from swapcore.faces.extract import AlignedFace
from swapcore.faces.mesh.crops import crop_guides
from swapcore.faces.recognizer import Recognizer
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.face_swapper import Crops, FaceInImage, SwappedFace
from swapcore.models.artifact import AnyGenerator
from swapcore.models.fields import FieldGenerator
from swapcore.ops.compose import Guide, compose
from swapcore.ops.geometry import apply, rescale, warp
from swapcore.ops.image import resize, to_images, to_tensor

MAX_COMPOSED_PX: Final = 2048
"""Crops are composed at most at this size; larger faces lose detail above it."""
_IDENTITY: Final = np.eye(2, 3)


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


class FieldSwapper(CropSwapper):
    """A model folder whose generator predicts fields; crops may have any size. Implements ``FaceSwapper``."""

    def _build(self, generator: AnyGenerator) -> nn.Module:
        assert isinstance(generator, FieldGenerator)
        return FieldNetwork(generator, self.recognizer)

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """See ``FaceSwapper``; each result has its template's own resolution."""
        return [self._swap_face(source, template) for source, template in zip(sources, templates, strict=True)]

    def _swap_face(self, source: FaceInImage, template: FaceInImage) -> SwappedFace:
        cut = cut_at_own_size(template)
        crop = cut_at_own_size(source).before
        return SwappedFace(cut.before, self.swap_crops(crop[None], cut.before[None])[0], cut.points, cut.affine, True)

    @torch.no_grad()
    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """See ``FaceSwapper``; sources and templates may differ in size."""
        return to_images(self.network(*self.network_inputs(sources, templates)))

    def network_inputs(self, sources: Crops, templates: Crops) -> tuple[torch.Tensor, ...]:
        """The inputs of ``FieldNetwork`` for pairs of aligned crops."""
        guide = crop_guides(sources, templates, self.working_px, self._device)
        images = [sources, templates, _resized(sources, self.size_px)]
        images += [_resized(crops, self.working_px) for crops in (sources, templates)]
        return (*(to_tensor(crops).to(self._device) for crops in images), *guide)


def cut_at_own_size(shown: FaceInImage) -> SwappedFace:
    """Cut a face at its image's own resolution, at least at the size of its crop; before and after are equal."""
    face: AlignedFace = shown.face
    size_px = face.crop.shape[0]
    scale = math.sqrt(abs(float(np.linalg.det(face.affine[:, :2]))))
    own_px = min(max(size_px, round(size_px / scale)), MAX_COMPOSED_PX)
    if own_px == size_px:
        return SwappedFace(face.crop, face.crop, face.points, face.affine)
    affine = rescale(face.affine, size_px, own_px)
    crop = warp(shown.image, affine, own_px)
    return SwappedFace(crop, crop, apply(rescale(_IDENTITY, size_px, own_px), face.points), affine)


def _resized(images: Crops, size_px: int) -> Crops:
    return np.stack([resize(image, size_px) for image in images])
