"""What a teacher is: whatever makes a fake before or beside the model that is being trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from swapcore.config import GroupsParams
from swapcore.data.faces import Face, FaceSet
from swapcore.errors import ParamsError
from swapcore.faces.mesh.files import require_installed
from swapcore.ops.image import Image
from swapcore.synth.people import PARAMETERS
from swapcore.teachers.fake import Fake
from swapcore.teachers.oracle import OracleTeacher
from swapcore.teachers.registered import RegisteredTeacher
from swapcore.teachers.warp import WarpTeacher


class Teacher(Protocol):
    """Makes fakes: the identity of one face, all else of another.

    A teacher is a pure function of its two faces: no state, no chance, the same bytes in any process. It is pickled
    into worker processes, so it holds paths and parameters rather than open files or networks.
    """

    @property
    def name(self) -> str:
        """The word that the card of the groups artifact tells it by."""

    @property
    def version(self) -> str:
        """What changes whenever its fakes do: a number, a model's digest."""

    @property
    def model(self) -> Path | None:
        """Folder of the model whose fakes these are, and whose digest is the version; None where code alone makes them."""

    def swap(self, source: Face, template: Face) -> Fake:
        """Put the source's face into the template.

        Args:
            source: gives the identity.
            template: gives pose, expression, light, hair and background; of the same crop size as source.

        Returns:
            The fake in the template's crop, at the size of the template's image.
        """


def pictures_of(teacher: Teacher) -> Callable[[Face, Face], Image]:
    """What a teacher makes of source and template, without the key points."""
    return lambda source, template: teacher.swap(source, template).image


def load_teacher(params: GroupsParams, faces: FaceSet) -> Teacher:
    """The teacher that the params name.

    Args:
        params: which, and what it needs.
        faces: the faces that it will swap; the oracle finds in them whose true swap to render.

    Raises:
        ParamsError: no model is named, or the oracle is asked about photographs that were not rendered.
        InputError, ArtifactError: the registered teacher's model is not there or damaged.
    """
    if params.teacher == "warp":
        require_installed()
        return WarpTeacher()
    if params.teacher == "oracle":
        return _oracle(faces)
    if params.teacher_model is None:
        raise ParamsError("groups.teacher_model: name the model that teacher: registered stands for, or choose warp")
    return RegisteredTeacher(params.teacher_model)


def _oracle(faces: FaceSet) -> OracleTeacher:
    if not (faces.folder / PARAMETERS).is_file():
        raise ParamsError(
            f"groups.teacher: oracle knows synthesized photographs only, and {faces.folder} has no {PARAMETERS}; "
            "choose warp, or run crop on what synthesize made"
        )
    return OracleTeacher(faces.folder, faces.size_px)
