"""Conversion of embedded color profiles to sRGB."""

import functools
import io
import logging
import struct
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageCms

from swapcore.errors import first_line

_log = logging.getLogger(__name__)

_CREATED = slice(24, 36)
"""Bytes of a profile that hold the time of its creation."""
_MAX_DIFFERENCE = 1
"""A profile whose colors differ from sRGB by at most this many levels is sRGB: the pixels stay as they are."""
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Color space of a profile -> mode of the pixels that it describes."""


@functools.cache
def srgb_profile() -> bytes:
    """Return an sRGB profile for files that are written: always the same bytes."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[_CREATED] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    return bytes(data)


def to_srgb(colors: PIL.Image.Image, profile: bytes | None, path: Path) -> PIL.Image.Image:
    """Convert colors from an embedded profile to sRGB, relative colorimetric with black point compensation.

    Args:
        colors: of mode L, RGB or CMYK, without alpha.
        profile: the bytes of the ICC profile; None = sRGB.
        path: for warnings.

    Returns:
        An image of mode RGB, or colors themselves if there is no profile, if it is sRGB, or if it is damaged or made for
        other channels; a warning names the file in the last case.
    """
    if not profile:
        return colors
    try:
        return _convert(colors, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        _log.warning("%s: the color profile is ignored: it is damaged (%s)", path, first_line(error))
        return colors


def _convert(colors: PIL.Image.Image, profile: ImageCms.ImageCmsProfile) -> PIL.Image.Image:
    space = profile.profile.xcolor_space.strip()
    if colors.mode == "L" and space == "RGB":
        colors = colors.convert("RGB")
    if _MODES.get(space) != colors.mode:
        raise ValueError(f"it describes {space} and the pixels are {colors.mode}")
    target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    transform = ImageCms.buildTransform(profile, target, colors.mode, "RGB", intent, flags)
    if colors.mode != "CMYK" and _is_identity(transform, colors.mode):
        return colors
    return transform.point(colors)


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform leaves a grid of colors unchanged."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), -1).reshape(9, -1, len(mode))
    swatches = PIL.Image.fromarray(grid.squeeze(-1) if mode == "L" else grid)
    difference = np.asarray(transform.point(swatches), np.int16) - np.asarray(swatches.convert("RGB"), np.int16)
    return int(np.abs(difference).max()) <= _MAX_DIFFERENCE
