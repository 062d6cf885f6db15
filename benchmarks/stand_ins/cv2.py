"""What a training calls of OpenCV, for a machine without it: PNG files of swapcore's own encoder, resizing, affine cuts.

Only benchmarks/gpu.py puts this folder on the path, after the machine's own packages. Occluders cannot be drawn with it.
"""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

__version__ = "stand-in"
INTER_LINEAR, INTER_CUBIC, INTER_AREA = 1, 2, 3
BORDER_REPLICATE = 1
IMREAD_COLOR_RGB = 256
IMWRITE_PNG_COMPRESSION, IMWRITE_PNG_FILTER, IMWRITE_PNG_FILTER_UP = 16, 18, 32
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FILTER_UP = 2

Pixels = npt.NDArray[Any]


def imdecode(data: npt.NDArray[np.uint8], flags: int) -> npt.NDArray[np.uint8] | None:
    """Decode an 8-bit RGB file whose rows are all filtered by the row above; None for every other file."""
    raw, place, header, packed = data.tobytes(), len(_SIGNATURE), b"", b""
    while place + 8 <= len(raw):
        length, name = struct.unpack(">I4s", raw[place : place + 8])
        body = raw[place + 8 : place + 8 + length]
        header = body if name == b"IHDR" else header
        packed += body if name == b"IDAT" else b""
        place += 12 + length
    if raw[: len(_SIGNATURE)] != _SIGNATURE or header[8:] != bytes([8, 2, 0, 0, 0]):
        return None
    width, height = struct.unpack(">II", header[:8])
    try:
        rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    except (zlib.error, ValueError):
        return None
    if (rows[:, 0] != _FILTER_UP).any():
        return None
    image = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, 3)
    return image if flags == IMREAD_COLOR_RGB else image[..., ::-1]


def imencode(_suffix: str, image: npt.NDArray[np.uint8], _settings: list[int]) -> tuple[bool, npt.NDArray[np.uint8]]:
    """Encode BGR pixels (H, W, 3) as PNG, with rows filtered by the row above."""
    height, width = image.shape[:2]
    rows = image[..., ::-1].reshape(height, 3 * width)
    filtered = np.full((height, 1 + 3 * width), _FILTER_UP, np.uint8)
    filtered[:, 1:] = rows
    filtered[1:, 1:] -= rows[:-1]
    header = struct.pack(">II", width, height) + bytes([8, 2, 0, 0, 0])
    bodies = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in bodies
    )
    return True, np.frombuffer(_SIGNATURE + b"".join(chunks), np.uint8)


def resize(image: Pixels, size: tuple[int, int], interpolation: int = INTER_LINEAR) -> npt.NDArray[np.uint8]:
    """Resize (H, W, 3) to a width and height."""
    batch = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    if interpolation == INTER_AREA:
        return _pixels(F.interpolate(batch, size=size[::-1], mode="area"))
    mode = "bicubic" if interpolation == INTER_CUBIC else "bilinear"
    return _pixels(F.interpolate(batch, size=size[::-1], mode=mode, align_corners=False))


def warpAffine(  # noqa: N802  # OpenCV's name
    image: Pixels,
    affine: Pixels,
    size: tuple[int, int],
    flags: int,
    borderMode: int,  # noqa: N803
) -> npt.NDArray[np.uint8]:
    """Cut a square, bilinearly also where OpenCV would use cubic kernels; edges are replicated."""
    from swapcore.ops.sampling import resample  # which imports this module

    del flags, borderMode
    batch = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    return _pixels(resample(batch, affine, size[0]))


def _pixels(batch: torch.Tensor) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = batch[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels
