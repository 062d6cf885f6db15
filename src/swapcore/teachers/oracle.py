"""The oracle teacher: it knows how its photographs were rendered, and renders the true swap."""

from pathlib import Path

from swapcore import __version__
from swapcore.data.faces import Face
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image
from swapcore.synth.people import PARAMETERS, Shot, read_shots
from swapcore.synth.truth import render_true_swap


class OracleTeacher:
    """Makes true swaps of faces that were cropped from synthesized photographs."""

    name = "oracle"
    version = __version__

    def __init__(self, folder: Path) -> None:
        """Read the parameters of the photographs.

        Args:
            folder: holds the parameters.parquet that the synthesize stage wrote.

        Raises:
            ArtifactError: the table is missing or of another version.
        """
        self._table = folder / PARAMETERS
        self._shots = read_shots(folder)

    def swap(self, source: Face, template: Face) -> Image:
        """The source's face as the template was photographed, cut like the template: uint8 (S, S, 3).

        Raises:
            ArtifactError: a face was not cropped from these photographs.
        """
        shot = self._shot(template)
        picture = render_true_swap(self._shot(source).identity, shot.identity, shot.attributes, shot.size_px)
        return warp(picture.image, template.affine, template.image.shape[0])

    def _shot(self, face: Face) -> Shot:
        try:
            return self._shots[face.file]
        except KeyError:
            raise ArtifactError(
                f"{self._table}: does not know {face.file}; the oracle needs faces cropped from synthesized photographs"
            ) from None
