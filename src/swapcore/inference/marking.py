"""The one function that writes synthetic pictures: PNG, JPEG or WebP, atomically, with what says that they are synthetic."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import PIL.Image

from swapcore.errors import InputError
from swapcore.ops.image import Image

ENCODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 3}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
}
"""What can be written: the file name's suffix -> Pillow's format and settings."""


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

    action: Literal["swapped", "anonymised", "video"]
    model: ModelReference
    ingredients: tuple[Ingredient, ...]


def write_marked(
    path: Path,
    image: Image,
    provenance: Provenance,  # noqa: ARG001  # the marks are not written yet
    *,
    overwrite: bool = False,
) -> None:
    """Write a synthetic picture, whole or not at all.

    Args:
        path: its suffix chooses the format; missing folders are made.
        image: uint8 (H, W, 3) RGB.
        provenance: what made it.
        overwrite: replace a file that is there already.

    Raises:
        InputError: the file exists, its suffix is unknown, or the format cannot hold a picture so large.
        OSError: the folder cannot be written, or the disk is full.
    """
    check_destination(path, overwrite=overwrite)
    put_in_place(path, encode(path, image))


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a path that write_marked would refuse, before any work is done.

    Raises:
        InputError: the file exists, or its suffix is unknown.
    """
    if path.suffix.lower() not in ENCODINGS:
        raise InputError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use .png, .jpg or .webp")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; name another file or pass --overwrite")


def encode(path: Path, image: Image) -> bytes:
    """The bytes of a file with this name's format, without any metadata.

    Raises:
        InputError: the picture has more pixels than the format can hold.
    """
    name, settings = ENCODINGS[path.suffix.lower()]
    stream = io.BytesIO()
    try:
        PIL.Image.fromarray(image).save(stream, name, **settings)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {name} cannot hold {image.shape[1]} x {image.shape[0]} px ({error}); write .png"
        ) from None
    return stream.getvalue()


def put_in_place(path: Path, data: bytes) -> None:
    """Write beside path, then rename: a killed or failed write leaves no file that looks whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
