"""The registered teacher: a trained model of ours makes the fakes, e.g. one that learned from people who do not exist."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swapcore.data.faces import Face
from swapcore.faces.extract import find_in_crop
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.hub.references import resolve_model
from swapcore.ops.geometry import Points, apply
from swapcore.ops.image import Image, resize
from swapcore.teachers.fake import Fake


class RegisteredTeacher:
    """A model folder as a teacher: one pair at a time, on the CPU, with one thread.

    So its fakes are the same bytes in any process, whatever worked before or beside it: a network's last bits depend on
    the size of the batch and on the number of threads. Batches of 4 at 112 px would need 36 instead of 49 ms of a core.
    """

    name = "registered"

    def __init__(self, model: str | Path) -> None:
        """Find the model, and fetch it if it is elsewhere.

        Args:
            model: a folder, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``s3://bucket/prefix``.

        Raises:
            InputError: there is no such model.
            ArtifactError: it is damaged.
        """
        located = resolve_model(model)
        self.model = located.folder
        self.version = located.digest

    @cached_property
    def _swapper(self) -> FaceSwapper:
        return load_face_swapper(self.model, "cpu")

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: where the model is, not the networks, which each process loads at its first fake."""
        return {name: value for name, value in vars(self).items() if name != "_swapper"}

    def swap(self, source: Face, template: Face) -> Fake:
        """The model's swap, and by how much a detector finds its key points moved: not at all where it finds no face.

        A model of another crop size works at its own; then what it changed is resized, not its picture, so that outside
        the face the template's pixels stay what they were.
        """
        size_px = template.image.shape[0]
        own_px = side_for(self._swapper, size_px)
        small = resize(template.image, own_px)
        with _one_thread():
            swapped = self._swapper.swap_crops(resize(source.image, own_px)[None], small[None])[0]
        if size_px != own_px:
            change = resize(swapped, size_px).astype(np.int16) - resize(small, size_px)
            swapped = np.asarray(np.clip(template.image + change, 0, 255), dtype=np.uint8)
        return Fake(swapped, template.points + _moved(template.image, swapped))


def _moved(template: Image, fake: Image) -> Points:
    """By how much the key points (5, 2) of a fake lie elsewhere than its template's: in the difference a detector's bias is gone."""
    before, after = (find_in_crop(picture) for picture in (template, fake))
    if before is None or after is None:
        return np.zeros((5, 2))
    return apply(after.to_image, after.face.points) - apply(before.to_image, before.face.points)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
