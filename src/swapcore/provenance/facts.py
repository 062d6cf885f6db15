"""What made a synthetic picture, and out of what: the facts that its marks tell."""

from dataclasses import dataclass
from typing import Literal

Action = Literal["swapped", "anonymized", "video"]
ACTIONS: tuple[Action, ...] = ("swapped", "anonymized", "video")


@dataclass(frozen=True)
class ModelReference:
    """Which model made a picture."""

    name: str
    version: str | None
    """Its version in the registry, None for a folder."""
    digest: str
    """SHA-256 (hex) of the model artifact's card.json: its lineage id."""


@dataclass(frozen=True)
class Ingredient:
    """A photograph that went into a picture."""

    role: Literal["source", "template"]
    name: str
    """The file's name, without its folders."""
    sha256: str
    """Of the file's bytes, hex."""


@dataclass(frozen=True)
class Provenance:
    """What made a picture, and out of what."""

    action: Action
    model: ModelReference
    ingredients: tuple[Ingredient, ...]
