"""Everything on a person that is not skin: hair, brows, beard, lashes, clothes, glasses, headwear."""

from dataclasses import dataclass

from swapcore.synth.attributes import Attributes
from swapcore.synth.head import Head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Layer, Ribbons
from swapcore.synth.skin import Cover


@dataclass(frozen=True)
class Grown:
    """What grows on a person, once for all images."""

    ribbons: tuple[Ribbons, ...]
    layers: tuple[Layer, ...]


def grow(identity: Identity, head: Head, detail: float) -> Grown:
    """Hair, brows, beard and lashes."""
    return Grown((), ())


def covers(identity: Identity, height: int) -> list[Cover]:
    """Painted hair."""
    return []


def wear(attributes: Attributes, head: Head) -> tuple[Layer, ...]:
    """Clothes, glasses and headwear of one image."""
    return ()
