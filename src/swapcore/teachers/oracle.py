"""Oracle teacher: renders the true swap of two rendered images."""

from pathlib import Path

from swapcore import __version__
from swapcore.data.faces import Face
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import apply, rescale, warp
from swapcore.ops.image import resize
from swapcore.synth.attributes import Attributes
from swapcore.synth.people import PARAMETERS, Shot, read_shots
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
        self._shots = read_shots(folder)

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
        return Fake(resize(cut, size_px), apply(template.affine, picture.points[: len(template.points)]))

    def _shot(self, face: Face) -> Shot:
        try:
            return self._shots[face.file]
        except KeyError:
            raise ArtifactError(
                f"{self._table}: has no row for {face.file}; the oracle needs faces cropped from rendered images"
            ) from None
