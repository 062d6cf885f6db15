"""Decoding of image files to upright uint8 RGB."""

import hashlib
import io
import logging
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pillow_heif

from swapcore.data.color_profiles import to_srgb
from swapcore.errors import ImageError, first_line
from swapcore.ops.image import Image

_log = logging.getLogger(__name__)

# Pillow's limit is a constant; here it is a parameter, checked on the header before decoding.
PIL.Image.MAX_IMAGE_PIXELS = None
PIL.Image.init()
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
"""Formats that are decoded, recognized by content and not by file name. None of these decoders starts another program."""
MAX_MEGAPIXELS = 100.0
"""Larger image files are refused by their header."""
MAX_UPLOAD_MEGAPIXELS = 25.0
"""The same for images that arrive over HTTP."""
_MAX_SIDE_PX = 32_000  # OpenCV's warps use 16-bit coordinates
_MAX_FILE_BYTES = 2 * 10**9
"""Twice the pixels of the largest image with four channels of 16 bits."""
_HEAD_BYTES = 16
"""Pillow recognizes a format by as many bytes."""
_TRANSPARENT = {"RGBA", "RGBa", "LA", "La", "PA"}
_ORIENTATION = 0x0112
"""EXIF tag."""
_TO_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> the operation that undoes it."""


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
    """Read a regular file that begins like an image; other files are not read to their end.

    Pipes and devices are refused, since reading them can block.

    Raises:
        ImageError: with reason unreadable, empty, not-an-image or too-large.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError(path, "unreadable", "is a folder, pipe or device; give an image file")
        with path.open("rb") as stream:
            _check_head(stream.read(_HEAD_BYTES), path)
            stream.seek(0)
            data = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ImageError(path, "unreadable", "no such file; give the path of an image") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        problem = getattr(error, "strerror", None) or first_line(error)
        raise ImageError(path, "unreadable", f"cannot be read ({problem}); make the file readable") from None
    if len(data) > _MAX_FILE_BYTES:
        raise ImageError(path, "too-large", f"the file has more than {_MAX_FILE_BYTES / 1e9:g} GB")
    return data


def _check_head(head: bytes, path: Path) -> None:
    """Refuse an empty file, and one whose first bytes are not those of an image."""
    if not head:
        raise ImageError(path, "empty", "the file has no bytes")
    if not any(accept is None or accept(head) for _, accept in (PIL.Image.OPEN[name] for name in FORMATS)):
        raise ImageError(path, "not-an-image", f"is none of {', '.join(FORMATS)}")


def decode_photograph(data: bytes, path: Path, max_megapixels: float) -> Image:
    """Decode to uint8 (H, W, 3) sRGB, upright by the EXIF orientation; of an animation the first frame. Colors: see to_rgb.

    Args:
        data: the file's bytes.
        path: for messages; not opened.
        max_megapixels: larger images are refused before decoding.

    Raises:
        ImageError: with reason empty, not-an-image, too-large, truncated or unsupported.
    """
    _check_head(data[:_HEAD_BYTES], path)
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
        except MemoryError:
            raise ImageError(path, "too-large", f"{width} x {height} px do not fit into memory") from None
        except Exception as error:  # decoders raise almost any type for a damaged file
            raise _damaged(path, "the file", error) from None
        return np.asarray(to_rgb(upright(image, path), path), dtype=np.uint8)


def _open(data: bytes, path: Path) -> PIL.Image.Image:
    try:
        return PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise ImageError(path, "truncated", "the header is cut off or damaged, or of an unknown variant") from None
    except Exception as error:  # as above
        raise _damaged(path, "the header", error) from None


def _damaged(path: Path, part: str, error: Exception) -> ImageError:
    return ImageError(path, "truncated", f"{part} is cut off or damaged ({first_line(error, 100)})")


def upright(image: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """Turn and flip an image as its EXIF orientation says; damaged EXIF data is ignored with a warning."""
    try:
        operation = _TO_UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception as error:  # Pillow raises almost any type for damaged EXIF data
        _log.warning("%s: the EXIF data is ignored: it is damaged (%s)", path, first_line(error, 100))
        return image
    return image if operation is None else image.transpose(operation)


def to_rgb(image: PIL.Image.Image, path: Path) -> PIL.Image.Image:
    """Convert an image of any mode to 8-bit sRGB.

    Colors are converted from the embedded color profile; without one they are sRGB, and CMYK is approximate. 16-bit
    channels keep their upper 8 bits. Transparent pixels are blended over mid-gray, which is neither under- nor overexposed.

    Args:
        image: of any mode; the profile is image.info["icc_profile"].
        path: for messages.

    Raises:
        ImageError: with reason unsupported, for 32-bit channels.
    """
    profile = image.info.get("icc_profile")
    if image.mode in {"I", "F"}:
        raise ImageError(path, "unsupported", f"pixels of mode {image.mode} (32 bits) have no known range")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        layers = image.convert("RGBA")
        colors = to_srgb(layers.convert("L" if image.mode in {"LA", "La"} else "RGB"), profile, path).convert("RGB")
        ground = PIL.Image.new("RGB", image.size, (128, 128, 128))
        return PIL.Image.composite(colors, ground, layers.getchannel("A"))
    if image.mode == "LAB":
        return image.convert("RGB")
    return to_srgb(_opaque(image), profile, path).convert("RGB")


def _opaque(image: PIL.Image.Image) -> PIL.Image.Image:
    """Convert an image without alpha to one of the modes L, RGB and CMYK."""
    if image.mode.startswith("I;16"):
        upper = np.asarray(image, dtype=np.uint16) >> 8
        return PIL.Image.fromarray(upper.astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")
