"""One photograph's bytes to an upright uint8 RGB picture, or one ImageError that says why not."""

import hashlib
import io
import stat
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps

from swapcore.errors import ImageError
from swapcore.ops.image import Image

# Pillow's own limit is a fixed number; ours is a parameter, checked on the header before any pixel is decoded.
PIL.Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""What is decoded, told by the file's first bytes and never by its name. Nothing here starts another program."""
MAX_MEGAPIXELS = 100.0
"""Larger image files are refused by their header."""
MAX_UPLOAD_MEGAPIXELS = 25.0
"""The same for images that arrive over HTTP."""
_MAX_SIDE_PX = 32_000  # OpenCV's warps count pixels in 16 bits
_HEADER_ERRORS = (OSError, SyntaxError, ValueError, OverflowError, struct.error)
_TRANSPARENT = {"RGBA", "RGBa", "LA", "La", "PA"}


@dataclass(frozen=True)
class Photograph:
    """A decoded photograph."""

    image: Image
    """uint8 (H, W, 3) RGB, upright."""
    sha256: str
    """Of the file's bytes, hex."""


def read_photograph(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Photograph:
    """Read and decode one file.

    Raises:
        ImageError: its reason is unreadable, empty, not-an-image, too-large, truncated or unsupported.
    """
    data = read_file(path)
    return Photograph(decode_photograph(data, path, max_megapixels), hashlib.sha256(data).hexdigest())


def read_file(path: Path) -> bytes:
    """The bytes of a regular file: a pipe or a device, which could block for ever, is refused.

    Raises:
        ImageError: reason unreadable or empty.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError(path, "unreadable", "is not a regular file")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(path, "unreadable", error.strerror or type(error).__name__) from None
    if not data:
        raise ImageError(path, "empty", "the file has no bytes")
    return data


def decode_photograph(data: bytes, path: Path, max_megapixels: float) -> Image:
    """Decode to uint8 (H, W, 3) RGB: EXIF orientation applied, first frame of an animation, see `to_rgb` for colors.

    Args:
        data: the file's bytes.
        path: named in errors, not opened.
        max_megapixels: more pixels are refused by the header alone.

    Raises:
        ImageError: reason not-an-image, too-large, truncated or unsupported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata that does not concern the pixels
        picture = _open(data, path)
        width, height = picture.size
        if width * height > max_megapixels * 1e6 or max(width, height) > _MAX_SIDE_PX:
            raise ImageError(
                path, "too-large", f"{width} x {height} px is more than max_megapixels {max_megapixels:g} allows"
            )
        try:
            picture.load()
            upright = PIL.ImageOps.exif_transpose(picture)
        except _HEADER_ERRORS as error:
            raise ImageError(path, "truncated", f"the file is cut off or damaged ({error})") from None
        return np.asarray(to_rgb(upright, path), dtype=np.uint8)


def _open(data: bytes, path: Path) -> PIL.Image.Image:
    try:
        return PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise ImageError(path, "not-an-image", f"is none of {', '.join(FORMATS)}") from None
    except _HEADER_ERRORS as error:
        raise ImageError(path, "truncated", f"the header is cut off or damaged ({error})") from None


def to_rgb(picture: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """Convert an image of any mode to 8-bit RGB.

    16 bits keep their upper 8. CMYK is converted without its color profile, so its colors are approximate. What is
    transparent is laid over mid-gray: neither black nor white, so that it counts neither as under- nor overexposed.
    """
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I;16"):
        upper = np.asarray(picture, dtype=np.uint16) >> 8
        return PIL.Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if picture.mode in {"I", "F"}:
        raise ImageError(path, "unsupported", f"pixels of mode {picture.mode} (32 bits) have no known range")
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        ground = PIL.Image.new("RGBA", picture.size, (128, 128, 128, 255))
        return PIL.Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")
