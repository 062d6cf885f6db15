"""Interface of teachers, and their construction from params."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from swapcore.config import GroupsParams
from swapcore.data.faces import Face, FaceSet
from swapcore.errors import ParamsError
from swapcore.faces.mesh.files import require_installed
from swapcore.hub.references import WARP
from swapcore.ops.device import select_device
from swapcore.ops.image import Image
from swapcore.synth.people import PARAMETERS
from swapcore.teachers.fake import Fake
from swapcore.teachers.oracle import OracleTeacher
from swapcore.teachers.registered import RegisteredTeacher
from swapcore.teachers.warp import WarpTeacher


class Teacher(Protocol):
    """Makes fakes: images with the identity of one face and everything else of another.

    A teacher is a pure function of its two faces: no state, no randomness, the same bytes in any process. It is pickled to worker
    processes, so it holds paths and parameters, not open files or networks.
    """

    @property
    def name(self) -> str:
        """Name in the card of the groups artifact."""

    @property
    def version(self) -> str:
        """Version, which changes with the fakes: a number or a model's digest."""

    @property
    def model(self) -> Path | None:
        """Folder of the model that makes the fakes, and whose digest is the version; None for a teacher without a model."""

    def swap(self, source: Face, template: Face) -> Fake:
        """Swap the source's identity into the template.

        Args:
            source: gives the identity.
            template: gives pose, expression, light, hair and background; same crop size as source.

        Returns:
            The fake, in the template's crop and at its size.
        """


@runtime_checkable
class BatchTeacher(Teacher, Protocol):
    """A teacher whose networks can run on a GPU: one process makes all images, the others load faces and find landmarks."""

    @property
    def in_batches(self) -> bool:
        """Whether it is on such a device; on a CPU ``swap`` is called in the worker processes."""

    def swap_images(self, sources: Sequence[Image], templates: Sequence[Image]) -> list[Image]:
        """Swap several pairs of images, uint8 (S, S, 3) of one size, in one batch."""

    def finish(self, template: Face, swapped: Image) -> Fake:
        """Find the landmarks of a swapped image, without the networks of ``swap_images``."""


def as_image_swap(teacher: Teacher) -> Callable[[Face, Face], Image]:
    """Return the teacher's swap as a function from (source, template) to the image alone."""
    return lambda source, template: teacher.swap(source, template).image


def load_teacher(params: GroupsParams, faces: FaceSet) -> Teacher:
    """Build the teacher that params name.

    Args:
        params: the section groups.
        faces: the faces that will be swapped; the oracle needs faces of rendered images.

    Raises:
        ParamsError: no model is named, or the faces were not rendered.
        InputError: the registered teacher's model does not exist.
        ArtifactError: the registered teacher's model is damaged.
    """
    if params.teacher == "warp":
        require_installed()
        return WarpTeacher()
    if params.teacher == "oracle":
        return _oracle(faces)
    if params.teacher_model is None:
        raise ParamsError(
            "groups.teacher_model: is null, and teacher: registered needs a model; name one, or choose another teacher"
        )
    if params.teacher_model == WARP:
        require_installed()
        return WarpTeacher()
    return RegisteredTeacher(params.teacher_model, str(select_device(params.device)))


def _oracle(faces: FaceSet) -> OracleTeacher:
    if not (faces.folder / PARAMETERS).is_file():
        raise ParamsError(
            f"groups.teacher: oracle needs rendered images, and {faces.folder} has no {PARAMETERS}; "
            "choose another teacher, or run crop on the output of synthesize"
        )
    return OracleTeacher(faces.folder, faces.size_px)
