"""Registered teacher: a trained model makes the fakes."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.data.faces import Face
from swapcore.faces.extract import find_in_crop
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.hub.references import resolve_model
from swapcore.ops.device import single_thread
from swapcore.ops.geometry import Points, apply
from swapcore.ops.image import Image, resize
from swapcore.teachers.fake import Fake


class RegisteredTeacher:
    """A model as a teacher: on the CPU one pair at a time with one thread, on a GPU in batches of one process.

    The last bits of a network's output depend on batch size and number of threads; so on the CPU the fakes are the same bytes in
    any process. Batches of 4 at 112 px would take 36 instead of 49 ms per fake and core.
    """

    name = "registered"

    def __init__(self, model: str | Path, device: str = "cpu") -> None:
        """Resolve the model and download it if necessary.

        Args:
            model: a folder, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``s3://bucket/prefix``.
            device: of the networks: cpu, mps, cuda or cuda:N.

        Raises:
            InputError: the model does not exist.
            ArtifactError: the model is damaged.
        """
        located = resolve_model(model)
        self.model = located.folder
        self.version = located.digest
        self.device = device

    @cached_property
    def _swapper(self) -> FaceSwapper:
        return load_face_swapper(self.model, self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the networks; each process loads them at its first fake."""
        return {name: value for name, value in vars(self).items() if name != "_swapper"}

    @property
    def in_batches(self) -> bool:
        """Whether one process makes all fakes, see ``BatchTeacher``."""
        return not self.device.startswith("cpu")

    def swap(self, source: Face, template: Face) -> Fake:
        """Swap with the model; a detector measures how far the landmarks move (0 if it finds no face).

        A model of another crop size works at its own size. Then the change is resized, not the image, so that the template's
        pixels outside the face are kept.
        """
        with single_thread():
            swapped = self.swap_images([source.image], [template.image])
        return self.finish(template, swapped[0])

    def swap_images(self, sources: Sequence[Image], templates: Sequence[Image]) -> list[Image]:
        """See BatchTeacher."""
        size_px = templates[0].shape[0]
        own_px = side_for(self._swapper, size_px)
        first, small = (np.stack([resize(image, own_px) for image in images]) for images in (sources, templates))
        swapped = self._swapper.swap_crops(first, small)
        if size_px == own_px:
            return list(swapped)
        changes = (
            resize(after, size_px).astype(np.int16) - resize(before, size_px)
            for after, before in zip(swapped, small, strict=True)
        )
        return [
            np.asarray(np.clip(template + change, 0, 255), dtype=np.uint8)
            for template, change in zip(templates, changes, strict=True)
        ]

    def finish(self, template: Face, swapped: Image) -> Fake:
        """See BatchTeacher."""
        return Fake(swapped, template.points + _moved(template.image, swapped))


def _moved(template: Image, fake: Image) -> Points:
    """Compute how far the landmarks (5, 2) of a fake moved from its template's; the difference cancels the detector's bias."""
    before, after = (find_in_crop(image) for image in (template, fake))
    if before is None or after is None:
        return np.zeros((5, 2))
    return apply(after.to_image, after.face.points) - apply(before.to_image, before.face.points)
