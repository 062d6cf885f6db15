"""What a server is asked and answers: pairs of pictures in base64, checked before they are used."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from swapcore.data.photographs import decode_photograph
from swapcore.errors import InputError
from swapcore.inference.swapper import Swapper
from swapcore.ops.image import Image, encode_png, resize

MAX_MEGAPIXELS = 16.0
MAX_PAIRS = 64
BATCH_SIZE = 8


class SwapRequest(BaseModel):
    """One pair of aligned crops, square, of any size, each an image file in base64."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="gives the identity")
    template: str = Field(description="gives all else")


def answer(swapper: Swapper, requests: Sequence[SwapRequest]) -> list[str]:
    """The swapped crops, PNG in base64, in the order of the requests.

    Raises:
        InputError: too many pairs, or a field that is no base64, no image, not square or too large.
    """
    if len(requests) > MAX_PAIRS:
        raise InputError(f"{len(requests)} pairs in one request; send at most {MAX_PAIRS}")
    sources, templates = (
        [
            read_crop(getattr(request, field), f"inputs[{place}].{field}", swapper.size_px)
            for place, request in enumerate(requests)
        ]
        for field in ("source", "template")
    )
    answers: list[str] = []
    for first in range(0, len(requests), BATCH_SIZE):
        batch = slice(first, first + BATCH_SIZE)
        swapped = swapper.swap(np.stack(sources[batch]), np.stack(templates[batch]))
        answers += [to_base64(image) for image in swapped]
    return answers


def read_crop(text: str, field: str, size_px: int) -> Image:
    """A field's picture, resized to uint8 (size_px, size_px, 3).

    Raises:
        InputError: the field is no base64, no image, not square or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{field}: not base64; send an image file's bytes in base64, without a data: prefix") from None
    image = decode_photograph(data, Path(field), MAX_MEGAPIXELS)
    if image.shape[0] != image.shape[1]:
        raise InputError(f"{field}: {image.shape[1]} x {image.shape[0]} px; send a square aligned crop")
    return resize(image, size_px)


def to_base64(image: Image) -> str:
    """PNG in base64."""
    return base64.b64encode(encode_png(image)).decode("ascii")
