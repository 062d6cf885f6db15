"""What a server is asked and answers: pairs of pictures in base64, checked before they are used, marked when they go out."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from swapcore.data.images import decode_photograph
from swapcore.errors import InputError
from swapcore.inference.finding import FaceChoice, find_faces
from swapcore.inference.image_swapper import PhotographSwapper
from swapcore.ops.image import Image, encode_png, resize
from swapcore.provenance.marking import Ingredient, Provenance, mark

MAX_MEGAPIXELS = 16.0
MAX_PAIRS = 64
BATCH_SIZE = 8
_ANSWER = Path("answer.png")


class SwapRequest(BaseModel):
    """One pair of photographs, or of aligned crops, each an image file in base64."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="gives the identity; shows one face")
    template: str = Field(description="gives all else, and the size of the answer")
    aligned: bool = Field(
        default=False, description="both are square aligned crops: nothing is detected or pasted back"
    )
    face: str = Field(
        default="one", description="which of the template's: one, largest, all, or N, the N-th from the left"
    )


def answer(swapper: PhotographSwapper, requests: Sequence[SwapRequest]) -> list[str]:
    """The swapped pictures, marked as synthetic, PNG in base64, in the order of the requests.

    Aligned crops are answered at the model's own size, photographs at the template's. Photographs are held one pair at a
    time, so memory does not grow with the number of pairs.

    Raises:
        InputError: too many pairs, or a field that is no base64, no face's name, or an aligned crop that is not square.
        ImageError: a field that is no image, or one too large.
        FaceError: a photograph without the face that is meant.
    """
    if len(requests) > MAX_PAIRS:
        raise InputError(f"{len(requests)} pairs in one request; send at most {MAX_PAIRS}")
    answers: dict[int, str] = {}
    aligned = [place for place, request in enumerate(requests) if request.aligned]
    for first in range(0, len(aligned), BATCH_SIZE):
        places = aligned[first : first + BATCH_SIZE]
        sources, templates = (
            np.stack([_crop(getattr(requests[place], field), f"inputs[{place}].{field}", swapper) for place in places])
            for field in ("source", "template")
        )
        swapped = swapper.swapper.swap(sources, templates)
        for place, image in zip(places, swapped, strict=True):
            answers[place] = _marked(swapper, requests[place], image)
    for place, request in enumerate(requests):
        if not request.aligned:
            answers[place] = _marked(swapper, request, _swap_photographs(swapper, request, f"inputs[{place}]"))
    return [answers[place] for place in range(len(requests))]


def _crop(text: str, field: str, swapper: PhotographSwapper) -> Image:
    """An aligned crop, resized to the model's."""
    image = read_picture(text, field)
    if image.shape[0] != image.shape[1]:
        raise InputError(
            f"{field}: {image.shape[1]} x {image.shape[0]} px; an aligned crop is square, leave out aligned for a photograph"
        )
    return resize(image, swapper.swapper.size_px)


def _swap_photographs(swapper: PhotographSwapper, request: SwapRequest, name: str) -> Image:
    choice = read_choice(request.face, f"{name}.face")
    source = swapper.source_crop(read_picture(request.source, f"{name}.source"), Path(f"{name}.source"))
    template = read_picture(request.template, f"{name}.template")
    faces = find_faces(template, choice, swapper.swapper.size_px, Path(f"{name}.template"))
    return swapper.replace_all(template, faces, source)


def _marked(swapper: PhotographSwapper, request: SwapRequest, image: Image) -> str:
    """A swapped picture with what says that it is synthetic, and out of what; no caller can leave it out."""
    ingredients = (
        Ingredient("source", "source", _sha256(request.source)),
        Ingredient("template", "template", _sha256(request.template)),
    )
    data = mark(_ANSWER, np.ascontiguousarray(image), Provenance("swapped", swapper.reference, ingredients))
    return base64.b64encode(data).decode("ascii")


def _sha256(text: str) -> str:
    return hashlib.sha256(base64.b64decode(text)).hexdigest()


def read_picture(text: str, field: str) -> Image:
    """A field's picture, upright, uint8 (H, W, 3).

    Raises:
        InputError: the field is no base64.
        ImageError: it is no image, damaged or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{field}: not base64; send an image file's bytes in base64, without a data: prefix") from None
    return decode_photograph(data, Path(field), MAX_MEGAPIXELS)


def read_choice(text: str, field: str) -> FaceChoice:
    """Which face is meant.

    Raises:
        InputError: it is none of the words and no number from 1.
    """
    if text in ("one", "largest", "all"):
        return text  # type: ignore[return-value]  # one of the literals
    if re.fullmatch(r"[1-9]\d{0,2}", text):
        return int(text)
    raise InputError(f"{field}: {text[:40]!r} is no choice; say one, largest, all, or N for the N-th from the left")


def to_base64(image: Image) -> str:
    """PNG in base64, as a request carries it: without any mark."""
    return base64.b64encode(encode_png(image)).decode("ascii")
