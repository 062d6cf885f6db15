"""Marked image files: the only way in which synthetic images are written."""

import io
from pathlib import Path
from typing import Any

import PIL.Image

from swapcore.data.color_profiles import srgb_profile
from swapcore.errors import InputError
from swapcore.files import write_atomic
from swapcore.ops.image import Image
from swapcore.provenance.credentials import signing_credentials
from swapcore.provenance.facts import Ingredient, ModelReference, Provenance
from swapcore.provenance.manifest import sign
from swapcore.provenance.payload import to_bits
from swapcore.provenance.watermark import MIN_SIDE_PX, embed

__all__ = ["Ingredient", "ModelReference", "Provenance", "check_destination", "write_marked"]

ENCODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 3}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
}
"""Formats that can be written: suffix -> Pillow's format and settings."""


def write_marked(
    path: Path,
    image: Image,
    provenance: Provenance,
    *,
    overwrite: bool = False,
) -> None:
    """Write a synthetic image atomically, with a watermark in its pixels and a signed C2PA manifest in its file.

    An image whose shorter side is below ``watermark.MIN_SIDE_PX`` is too small for the watermark and gets the manifest only.

    Args:
        path: its suffix chooses the format; missing folders are made.
        image: uint8 (H, W, 3) RGB.
        provenance: model and inputs.
        overwrite: replace an existing file.

    Raises:
        InputError: the file exists, its suffix is unknown, the image is too large for the format, or the user's signing
            certificate cannot be used.
        OSError: the folder cannot be written, or the disk is full.
    """
    check_destination(path, overwrite=overwrite)
    write_atomic(path, mark(path, image, provenance))


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Check a path before any work is done.

    Raises:
        InputError: the file exists, or its suffix is unknown.
    """
    if path.suffix.lower() not in ENCODINGS:
        raise InputError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use .png, .jpg or .webp")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; name another file or pass --overwrite")


def mark(path: Path, image: Image, provenance: Provenance) -> bytes:
    """Encode a marked image as a file; the path's suffix chooses the format.

    Raises:
        InputError: as for write_marked.
    """
    credentials = signing_credentials()
    data = encode(path, embed(image, to_bits(provenance)))
    mime_type = f"image/{ENCODINGS[path.suffix.lower()][0].lower()}"
    return sign(data, mime_type, provenance, credentials, watermarked=min(image.shape[:2]) >= MIN_SIDE_PX)


def encode(path: Path, image: Image) -> bytes:
    """Encode an sRGB image, tagged as such, without marks or other metadata; the path's suffix chooses the format.

    Raises:
        InputError: the image is too large for the format.
    """
    name, settings = ENCODINGS[path.suffix.lower()]
    stream = io.BytesIO()
    try:
        PIL.Image.fromarray(image).save(stream, name, icc_profile=srgb_profile(), **settings)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {name} cannot hold {image.shape[1]} x {image.shape[0]} px ({error}); write .png"
        ) from None
    return stream.getvalue()
