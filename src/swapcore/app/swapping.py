"""From two uploaded photographs to everything that the page shows: the marked result, its figures and its marks."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from swapcore.app.rendered_people import KnownPeople
from swapcore.data.images import decode_photograph
from swapcore.faces.extract import AlignedFace
from swapcore.inference.finding import find_faces
from swapcore.inference.image_swapper import PhotographSwapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image, encode_png
from swapcore.ops.metrics import psnr
from swapcore.provenance.inspection import as_text, inspect_bytes
from swapcore.provenance.marking import Ingredient, Provenance, mark

MAX_MEGAPIXELS = 25.0


@dataclass(frozen=True)
class Upload:
    """One photograph as it came in."""

    name: str
    """As the browser says, without folders."""
    data: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What the page shows of a swap."""

    result: bytes
    """The marked picture, PNG."""
    template: bytes
    """The template upright and without metadata, PNG: what the slider compares the result with."""
    truth: bytes | None
    """PNG, where both photographs are known rendered people."""
    figures: dict[str, Any]
    marks: str


class Swapping:
    """A model and the people it may know, used by one request after the other."""

    def __init__(self, swapper: PhotographSwapper, people: KnownPeople) -> None:
        self._swapper = swapper
        self._people = people
        self._lock = Lock()

    @property
    def model(self) -> str:
        """The model, in words."""
        reference = self._swapper.reference
        version = f" version {reference.version}" if reference.version else ""
        return f"{reference.name}{version}, digest {reference.digest[:12]}…"

    def answer(self, source: Upload, template: Upload) -> Answer:
        """Swap, mark, measure.

        Raises:
            ImageError: a photograph cannot be decoded; the message begins with the field's name.
            FaceError: it does not show exactly one usable face.
        """
        with self._lock:
            first, second = (
                decode_photograph(upload.data, Path(field), MAX_MEGAPIXELS)
                for field, upload in (("source", source), ("template", template))
            )
            crop = self._swapper.source_crop(first, Path("source"))
            face = find_faces(second, "one", self._swapper.swapper.size_px, Path("template"))[0]
            swapped = np.ascontiguousarray(self._swapper.replace(second, face, crop))
            data = mark(Path("result.png"), swapped, self._provenance(source, template))
            true = self._people.true_swap(source.sha256, template.sha256)
            return Answer(
                result=data,
                template=encode_png(second),
                truth=None if true is None else encode_png(true),
                figures=self._figures(crop, face, swapped, second, true),
                marks=as_text(inspect_bytes(data, Path("result.png"))),
            )

    def _provenance(self, source: Upload, template: Upload) -> Provenance:
        used = (
            Ingredient("source", source.name, source.sha256),
            Ingredient("template", template.name, template.sha256),
        )
        return Provenance("swapped", self._swapper.reference, used)

    def _figures(
        self, source: Image, face: AlignedFace, swapped: Image, template: Image, true: Image | None
    ) -> dict[str, Any]:
        """Cosines by the model's own recogniser, before marking, and the distance to the truth over the aligned crop."""
        size_px = self._swapper.swapper.size_px
        result = warp(swapped, face.affine, size_px)
        of_source, of_template, of_result = self._swapper.swapper.embed(np.stack([source, face.crop, result]))
        figures = {
            "cosine to source": round(float(of_result @ of_source), 3),
            "cosine to template": round(float(of_result @ of_template), 3),
            "cosine of source and template": round(float(of_source @ of_template), 3),
            "size, px": f"{template.shape[1]} × {template.shape[0]}",
        }
        if true is not None and true.shape == template.shape:
            exact = warp(true, face.affine, size_px)
            figures["to the truth, dB"] = round(psnr(result, exact), 2)
            figures["template to the truth, dB"] = round(psnr(face.crop, exact), 2)
        return figures
