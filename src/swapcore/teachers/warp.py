"""The warp teacher: fakes by the dense warp, without training."""

from dataclasses import dataclass
from typing import ClassVar

from swapcore.data.faces import Face
from swapcore.errors import FaceError
from swapcore.faces.mesh.five_points import five_points
from swapcore.hub.warp_swapper import locate_in_crop
from swapcore.ops.geometry import Points
from swapcore.teachers.fake import Fake
from swapcore.warp import WARP_VERSION
from swapcore.warp.dense import dense_warp


@dataclass(frozen=True)
class WarpTeacher:
    """Dense warp with the template's expression and light."""

    name: ClassVar[str] = "warp"
    version: ClassVar[str] = WARP_VERSION
    model: ClassVar[None] = None

    def swap(self, source: Face, template: Face) -> Fake:
        """Put the source's face into the template.

        Where the mesh does not see a face in one of the crops, the template is returned; the checks reject it as unchanged.

        Raises:
            ArtifactError: the face mesh's files are not installed.
        """
        try:
            own, wanted = _landmarks(source), _landmarks(template)
        except FaceError:
            return Fake(template.image, template.points)
        warped = dense_warp(source.image, own, template.image, wanted)
        # The mesh's constant errors on this face cancel in the difference.
        return Fake(warped.image, template.points + five_points(warped.points) - five_points(wanted))


def _landmarks(face: Face) -> Points:
    """The landmarks (478, 3) that cropping stored, or else those found in the crop."""
    return locate_in_crop(face.image, face.key) if face.mesh is None else face.mesh
