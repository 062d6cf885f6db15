"""What a teacher is: whatever makes a fake before or beside the model that is being trained."""

from typing import Protocol

from swapcore.data.faces import Face
from swapcore.ops.image import Image


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

    def swap(self, source: Face, template: Face) -> Image:
        """Put the source's face into the template.

        Args:
            source: gives the identity.
            template: gives pose, expression, light, hair and background; of the same crop size as source.

        Returns:
            uint8 (S, S, 3) RGB, aligned as the template's crop is, at the size of the template's image.
        """
