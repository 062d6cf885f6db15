"""The oracle teacher: it knows how its photographs were rendered, and renders the true swap."""

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
    """Makes true swaps of faces that were cropped from synthesized photographs."""

    name = "oracle"
    version = __version__
    model = None

    def __init__(self, folder: Path, crop_px: int) -> None:
        """Read the parameters of the photographs.

        Args:
            folder: holds the parameters.parquet that the synthesize stage wrote and crop handed on.
            crop_px: side at which crop cut the faces.

        Raises:
            ArtifactError: the table is missing or of another version.
        """
        self._table = folder / PARAMETERS
        self._crop_px = crop_px
        self._shots = read_shots(folder)

    def knows(self, face: Face) -> bool:
        """Whether the face was cropped from one of these photographs."""
        return face.file in self._shots

    def attributes(self, face: Face) -> Attributes:
        """How a face's photograph was rendered.

        Raises:
            ArtifactError: it is none of these photographs.
        """
        return self._shot(face).attributes

    def swap(self, source: Face, template: Face) -> Fake:
        """The source's face as the template was photographed, cut like the template, and its exact key points.

        Raises:
            ArtifactError: a face was not cropped from these photographs.
        """
        shot, size_px = self._shot(template), template.image.shape[0]
        picture = render_true_swap(self._shot(source).identity, shot.identity, shot.attributes, shot.size_px)
        # First cut, then resized, as the template was: else truth and template would differ where nothing was swapped.
        cut = warp(picture.image, rescale(template.affine, size_px, self._crop_px), self._crop_px)
        return Fake(resize(cut, size_px), apply(template.affine, picture.points[: len(template.points)]))

    def _shot(self, face: Face) -> Shot:
        try:
            return self._shots[face.file]
        except KeyError:
            raise ArtifactError(
                f"{self._table}: does not know {face.file}; the oracle needs faces cropped from synthesized photographs"
            ) from None
