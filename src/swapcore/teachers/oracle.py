"""Oracle teacher: renders the true swap of two rendered images."""

from pathlib import Path
from typing import Any

import numpy as np

from swapcore import __version__
from swapcore.data.faces import Face
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import Points, apply, rescale, warp
from swapcore.ops.image import resize
from swapcore.synth.attributes import Attributes
from swapcore.synth.people import PARAMETERS, Shot, read_rows, to_shot
from swapcore.synth.truth import render_true_swap
from swapcore.teachers.fake import Fake


class OracleTeacher:
    """Renders true swaps of faces that were cropped from rendered images."""

    name = "oracle"
    version = __version__
    model = None

    def __init__(self, folder: Path, crop_px: int) -> None:
        """Read the parameters of the images.

        Args:
            folder: contains the parameters.parquet that the synthesize stage wrote and crop copied.
            crop_px: crop size of the faces artifact.

        Raises:
            ArtifactError: the table is missing or of another version.
        """
        self._table = folder / PARAMETERS
        self._crop_px = crop_px
        self._rows: dict[str, Any] = {row.file: row for row in read_rows(folder)}
        self._shots = {file: to_shot(row) for file, row in self._rows.items()}

    def knows(self, face: Face) -> bool:
        """Return whether the face was cropped from one of these images."""
        return face.file in self._shots

    def attributes(self, face: Face) -> Attributes:
        """Return the attributes with which a face's image was rendered.

        Raises:
            ArtifactError: the face was not cropped from these images.
        """
        return self._shot(face).attributes

    def swap(self, source: Face, template: Face) -> Fake:
        """Render the source's identity with the template's attributes, in the template's crop, with exact landmarks.

        Raises:
            ArtifactError: a face was not cropped from these images.
        """
        shot, size_px = self._shot(template), template.image.shape[0]
        picture = render_true_swap(self._shot(source).identity, shot.identity, shot.attributes, shot.size_px)
        # Cropped first, then resized, as the template was; otherwise both would differ in the background.
        cut = warp(picture.image, rescale(template.affine, size_px, self._crop_px), self._crop_px)
        points = apply(template.affine, picture.points)
        surface = np.column_stack([points, picture.visible])
        return Fake(resize(cut, size_px), points[: len(template.points)], surface)

    def surface(self, face: Face) -> Points:
        """Return the exact surface points (P, 3) of a face's own image, see ``Fake``.

        Raises:
            ArtifactError: the face was not cropped from these images.
        """
        self._shot(face)
        row = self._rows[face.file]
        return np.column_stack([apply(face.affine, np.reshape(row.points, (-1, 2))), row.visible])

    def _shot(self, face: Face) -> Shot:
        try:
            return self._shots[face.file]
        except KeyError:
            raise ArtifactError(
                f"{self._table}: has no row for {face.file}; the oracle needs faces cropped from rendered images"
            ) from None
