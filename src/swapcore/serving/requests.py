"""Requests and responses of a served model: image pairs in base64."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from swapcore.data.images import MAX_UPLOAD_MEGAPIXELS, decode_photograph
from swapcore.errors import InputError
from swapcore.inference.finding import FaceChoice, select_faces
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.image import Image, encode_png, resize
from swapcore.provenance.marking import Ingredient, Provenance, mark

MAX_PAIRS = 64
BATCH_SIZE = 8
_RESULT = Path("result.png")


class SwapRequest(BaseModel):
    """One pair of images or of aligned crops, each an image file in base64."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="image that gives the identity; it must show exactly one face")
    template: str = Field(description="image that gives pose, expression, light, background and the result's size")
    aligned: bool = Field(
        default=False, description="both are square aligned crops: no face is detected, nothing is pasted back"
    )
    face: str = Field(
        default="one", description="which of the template's faces: one, largest, all, or N, the N-th from the left"
    )


def respond(swapper: Swapper, requests: Sequence[SwapRequest]) -> list[str]:
    """Swap each pair: PNG files in base64, marked as synthetic, in the order of the requests.

    Results of aligned crops have the model's own size, results of images the template's. Images are decoded one pair at a
    time, so memory does not grow with the number of pairs.

    Raises:
        InputError: there are too many pairs, a field is not base64, `face` is unknown, or an aligned crop is not square.
        ImageError: a field is not an image, or the image is too large.
        FaceError: an image does not show the chosen face.
    """
    if len(requests) > MAX_PAIRS:
        raise InputError(f"{len(requests)} pairs in one request: too many; send at most {MAX_PAIRS}")
    responses: dict[int, str] = {}
    aligned = [index for index, request in enumerate(requests) if request.aligned]
    for first in range(0, len(aligned), BATCH_SIZE):
        batch = aligned[first : first + BATCH_SIZE]
        sources, templates = (
            np.stack([_crop(getattr(requests[index], field), f"inputs[{index}].{field}", swapper) for index in batch])
            for field in ("source", "template")
        )
        swapped = swapper.model.swap_crops(sources, templates)
        for index, image in zip(batch, swapped, strict=True):
            responses[index] = _marked(swapper, requests[index], image)
    for index, request in enumerate(requests):
        if not request.aligned:
            responses[index] = _marked(swapper, request, _swap_images(swapper, request, f"inputs[{index}]"))
    return [responses[index] for index in range(len(requests))]


def _crop(text: str, field: str, swapper: Swapper) -> Image:
    """Decode an aligned crop and resize it to the model's size."""
    image = read_image(text, field)
    if image.shape[0] != image.shape[1]:
        raise InputError(
            f"{field}: {image.shape[1]} x {image.shape[0]} px, but an aligned crop is square; for a whole image leave out `aligned`"
        )
    return resize(image, swapper.model.size_px)


def _swap_images(swapper: Swapper, request: SwapRequest, name: str) -> Image:
    choice = read_choice(request.face, f"{name}.face")
    source = swapper.source_face(read_image(request.source, f"{name}.source"), Path(f"{name}.source"))
    template = read_image(request.template, f"{name}.template")
    faces = select_faces(template, choice, swapper.model.size_px, Path(f"{name}.template"))
    return swapper.replace_all(template, faces, source)


def _marked(swapper: Swapper, request: SwapRequest, image: Image) -> str:
    """Mark a result as synthetic and encode it; a request cannot turn this off."""
    ingredients = (
        Ingredient("source", "source", _sha256(request.source)),
        Ingredient("template", "template", _sha256(request.template)),
    )
    data = mark(_RESULT, np.ascontiguousarray(image), Provenance("swapped", swapper.reference, ingredients))
    return base64.b64encode(data).decode("ascii")


def _sha256(text: str) -> str:
    return hashlib.sha256(base64.b64decode(text)).hexdigest()


def read_image(text: str, field: str) -> Image:
    """Decode a field: uint8 (H, W, 3) RGB, upright.

    Raises:
        InputError: the field is not base64.
        ImageError: it is not an image, is damaged or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{field}: not base64; send an image file's bytes in base64, without a data: prefix") from None
    return decode_photograph(data, Path(field), MAX_UPLOAD_MEGAPIXELS)


def read_choice(text: str, field: str) -> FaceChoice:
    """Parse a choice of faces.

    Raises:
        InputError: it is neither one of the words nor a number from 1.
    """
    if text in ("one", "largest", "all"):
        return text  # type: ignore[return-value]  # one of the literals
    if re.fullmatch(r"[1-9]\d{0,2}", text):
        return int(text)
    raise InputError(
        f"{field}: {text[:40]!r} is no choice of faces; use one, largest, all, or N for the N-th from the left"
    )


def to_base64(image: Image) -> str:
    """Encode a request's image as PNG in base64, without marks."""
    return base64.b64encode(encode_png(image)).decode("ascii")
