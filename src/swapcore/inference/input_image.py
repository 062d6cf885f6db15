"""Images as users give them: a path, a PIL image or an array."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from swapcore.data.images import MAX_MEGAPIXELS, read_photograph, to_rgb, upright
from swapcore.errors import ImageError
from swapcore.ops.image import Image
from swapcore.provenance.facts import Ingredient

Role = Literal["source", "template"]
ImageInput = str | Path | PIL.Image.Image | npt.NDArray[np.uint8]
"""A path, a PIL image of any mode, or uint8 (H, W, 3) RGB."""


@dataclass(frozen=True)
class InputImage:
    """A decoded input."""

    image: Image
    """uint8 (H, W, 3) RGB, upright."""
    path: Path
    """The file, or the role's name for an image in memory: named in errors."""
    ingredient: Ingredient
    """Name and SHA-256 for the marks: of the file's bytes, or of the pixels of an image in memory."""


def read_input(given: ImageInput, role: Role) -> InputImage:
    """Read a path, or convert an image in memory.

    Raises:
        ImageError: the file cannot be read or decoded, has more than 100 megapixels, or an array is not uint8 (H, W, 3).
    """
    if isinstance(given, str | Path):
        path = Path(given)
        photograph = read_photograph(path)
        return InputImage(photograph.image, path, Ingredient(role, path.name, photograph.sha256))
    image = _from_pillow(given, role) if isinstance(given, PIL.Image.Image) else _from_array(given, role)
    if image.shape[0] * image.shape[1] > MAX_MEGAPIXELS * 1e6:
        raise ImageError(role, "too-large", f"has more than {MAX_MEGAPIXELS:g} megapixels; resize it")
    digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
    return InputImage(image, Path(role), Ingredient(role, role, digest))


def _from_pillow(picture: PIL.Image.Image, role: Role) -> Image:
    return np.asarray(to_rgb(upright(picture, Path(role)), Path(role)), dtype=np.uint8)


def _from_array(given: Any, role: Role) -> Image:
    found = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
    if not isinstance(given, np.ndarray) or given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3:
        raise ImageError(role, "unsupported", f"is {found}; give a path, a PIL image or a uint8 (H, W, 3) RGB array")
    if given.size == 0:
        raise ImageError(role, "empty", "has no pixels")
    return np.ascontiguousarray(given)
