"""Facts that the marks of a synthetic image record."""

from dataclasses import dataclass
from typing import Literal

Action = Literal["swapped", "anonymized", "video"]
ACTIONS: tuple[Action, ...] = ("swapped", "anonymized", "video")


@dataclass(frozen=True)
class ModelReference:
    """The model that made an image."""

    name: str
    version: str | None
    """Version in the registry; None for a folder."""
    digest: str
    """SHA-256 (hex) of the model artifact's card.json, which identifies its lineage."""


@dataclass(frozen=True)
class Ingredient:
    """An input image."""

    role: Literal["source", "template"]
    name: str
    """File name without folders."""
    sha256: str
    """Of the file's bytes, or of the pixels of an image in memory, hex."""


@dataclass(frozen=True)
class Provenance:
    """Action, model and inputs of a synthetic image."""

    action: Action
    model: ModelReference
    ingredients: tuple[Ingredient, ...]
