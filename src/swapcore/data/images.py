"""Decoding of image files to upright uint8 RGB."""

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

# Pillow's limit is a constant; here it is a parameter, checked on the header before decoding.
PIL.Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""Formats that are decoded, recognized by content and not by file name. None of these decoders starts another program."""
MAX_MEGAPIXELS = 100.0
"""Larger image files are refused by their header."""
MAX_UPLOAD_MEGAPIXELS = 25.0
"""The same for images that arrive over HTTP."""
_MAX_SIDE_PX = 32_000  # OpenCV's warps use 16-bit coordinates
_HEADER_ERRORS = (OSError, SyntaxError, ValueError, OverflowError, struct.error)
_TRANSPARENT = {"RGBA", "RGBa", "LA", "La", "PA"}


@dataclass(frozen=True)
class Photograph:
    """A decoded image file."""

    image: Image
    """uint8 (H, W, 3) RGB, upright."""
    sha256: str
    """Of the file's bytes, hex."""


def read_photograph(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Photograph:
    """Read and decode one file.

    Raises:
        ImageError: with reason unreadable, empty, not-an-image, too-large, truncated or unsupported.
    """
    data = read_file(path)
    return Photograph(decode_photograph(data, path, max_megapixels), hashlib.sha256(data).hexdigest())


def read_file(path: Path) -> bytes:
    """Read a regular file; pipes and devices are refused, since reading them can block.

    Raises:
        ImageError: with reason unreadable or empty.
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
    """Decode to uint8 (H, W, 3) RGB, upright by the EXIF orientation; of an animation the first frame. Colors: see to_rgb.

    Args:
        data: the file's bytes.
        path: for error messages; not opened.
        max_megapixels: larger images are refused before decoding.

    Raises:
        ImageError: with reason not-an-image, too-large, truncated or unsupported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata that does not affect the pixels
        image = _open(data, path)
        width, height = image.size
        if width * height > max_megapixels * 1e6 or max(width, height) > _MAX_SIDE_PX:
            raise ImageError(
                path, "too-large", f"{width} x {height} px is more than max_megapixels {max_megapixels:g} allows"
            )
        try:
            image.load()
            upright = PIL.ImageOps.exif_transpose(image)
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


def to_rgb(image: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """Convert an image of any mode to 8-bit RGB.

    16-bit channels keep their upper 8 bits. CMYK is converted without its color profile, so its colors are approximate.
    Transparent pixels are blended over mid-gray, which is neither under- nor overexposed.

    Args:
        image: of any mode.
        path: for error messages.

    Raises:
        ImageError: with reason unsupported, for 32-bit channels.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        upper = np.asarray(image, dtype=np.uint16) >> 8
        return PIL.Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise ImageError(path, "unsupported", f"pixels of mode {image.mode} (32 bits) have no known range")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        ground = PIL.Image.new("RGBA", image.size, (128, 128, 128, 255))
        return PIL.Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
