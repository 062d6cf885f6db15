"""Conversion between uint8 images and float tensors, resizing, and PNG."""

import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import torch

Image = npt.NDArray[np.uint8]
"""RGB, uint8 (H, W, 3)."""


_PNG_SETTINGS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
_PNG_HEADER_BYTES = 33  # signature and IHDR; text chunks may follow
_SYNTHETIC = (
    b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType='
    b'"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)
"""XMP packet with the IPTC digital source type, uncompressed, as image libraries expect it."""
_SYNTHETIC_CHUNK = (
    struct.pack(">I", len(_SYNTHETIC)) + b"iTXt" + _SYNTHETIC + struct.pack(">I", zlib.crc32(b"iTXt" + _SYNTHETIC))
)


def to_tensor(images: npt.NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    """Convert uint8 (B, H, W, 3) in 0..255 to float32 (B, 3, H, W) in [-1, 1]."""
    batch = torch.as_tensor(images)
    if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[-1] != 3:
        raise ValueError(f"expected uint8 (B, H, W, 3), got {batch.dtype} {tuple(batch.shape)}")
    return batch.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0


def to_images(batch: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Convert float (B, 3, H, W) in [-1, 1] to uint8 (B, H, W, 3), rounded and clipped."""
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ValueError(f"expected (B, 3, H, W), got {tuple(batch.shape)}")
    scaled = (batch.detach().to(torch.float32).clamp(-1.0, 1.0) + 1.0) * 127.5 + 0.5
    pixels: npt.NDArray[np.uint8] = scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels


def resize(image: Image, size_px: int) -> Image:
    """Resize a square image to (size_px, size_px, 3); shrinking averages."""
    if image.shape[0] == size_px:
        return image
    interpolation = cv2.INTER_AREA if size_px < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=interpolation), dtype=np.uint8)


def encode_png(image: Image) -> bytes:
    """Encode as PNG with zlib's lowest level and one filter: 1 % larger for faces, and a third faster than adaptive filters."""
    done, data = cv2.imencode(".png", image[..., ::-1], _PNG_SETTINGS)
    if not done:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return data.tobytes()


def encode_sheet(image: Image) -> bytes:
    """Encode a sheet of synthetic images as PNG with the IPTC digital source type; deterministic."""
    data = encode_png(image)
    return data[:_PNG_HEADER_BYTES] + _SYNTHETIC_CHUNK + data[_PNG_HEADER_BYTES:]


def decode(data: bytes) -> Image:
    """Decode an 8-bit image file.

    Raises:
        ValueError: the bytes are not a complete image.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError("not a readable image")
    return np.asarray(image, dtype=np.uint8)


def tile(rows: list[list[Image]], size_px: int, gap_px: int = 2) -> Image:
    """Arrange rows of equal length as a sheet; each square image is resized to size_px, gaps are white."""
    step = size_px + gap_px
    sheet = np.full((len(rows) * step - gap_px, len(rows[0]) * step - gap_px, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet[y * step : y * step + size_px, x * step : x * step + size_px] = resize(image, size_px)
    return sheet
