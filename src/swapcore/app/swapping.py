"""A swap of two uploaded images, with metrics and marks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.uploads import Upload
from swapcore.data.images import MAX_UPLOAD_MEGAPIXELS, decode_photograph
from swapcore.faces.extract import AlignedFace
from swapcore.hub.face_swapper import FaceInImage
from swapcore.inference.finding import FaceChoice, select_faces
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image, encode_png
from swapcore.ops.metrics import psnr
from swapcore.provenance.inspection import as_text, inspect_bytes
from swapcore.provenance.marking import Ingredient, Provenance, mark


@dataclass(frozen=True)
class PageResult:
    """What the page shows of a swap."""

    result: bytes
    """The marked image, PNG."""
    template: bytes
    """The template upright and without metadata, PNG: the other side of the slider."""
    truth: bytes | None
    """The true swap, PNG, where both uploads are known rendered images."""
    num_faces: int
    """Faces of the template that were replaced."""
    metrics: dict[str, Any]
    """Of the largest of them."""
    marks: str


class PageSwapper:
    """A model and the rendered people of the page."""

    def __init__(self, swapper: Swapper, people: RenderedPeople) -> None:
        self._swapper = swapper
        self._people = people

    def swap(self, source: Upload, template: Upload, face: FaceChoice = "one") -> PageResult:
        """Swap two uploads, mark the result, and measure it.

        Args:
            source: image of one person.
            template: image whose faces are replaced.
            face: which of them.

        Raises:
            ImageError: an upload cannot be decoded; the message begins with the field's name.
            FaceError: the source does not show exactly one usable face, or the template not the chosen ones.
        """
        first, second = (
            decode_photograph(upload.data, Path(field), MAX_UPLOAD_MEGAPIXELS)
            for field, upload in (("source", source), ("template", template))
        )
        shown = self._swapper.source_face(first, Path("source"))
        faces = select_faces(second, face, self._swapper.model.size_px, Path("template"))
        swapped = np.ascontiguousarray(self._swapper.replace_all(second, faces, shown))
        data = mark(Path("result.png"), swapped, self._provenance(source, template))
        truth = self._people.true_swap(source.sha256, template.sha256)
        largest = max(faces, key=lambda each: each.box.width_px)
        return PageResult(
            result=data,
            template=encode_png(second),
            truth=None if truth is None else encode_png(truth),
            num_faces=len(faces),
            metrics=self._metrics(shown, FaceInImage(second, largest), swapped, truth),
            marks=as_text(inspect_bytes(data, Path("result.png"))),
        )

    def _provenance(self, source: Upload, template: Upload) -> Provenance:
        used = (
            Ingredient("source", source.name, source.sha256),
            Ingredient("template", template.name, template.sha256),
        )
        return Provenance("swapped", self._swapper.reference, used)

    def _metrics(
        self, source: FaceInImage, template: FaceInImage, swapped: Image, truth: Image | None
    ) -> dict[str, Any]:
        """Cosines by the model's own recognizer, before marking, and PSNR to the truth in the aligned crop."""
        face: AlignedFace = template.face
        size_px, shape = self._swapper.model.size_px, template.image.shape
        result = warp(swapped, face.affine, size_px)
        crops = np.stack([source.face.crop, face.crop, result])
        of_source, of_template, of_result = self._swapper.model.embed(crops)
        metrics = {
            "cosine to source": round(float(of_result @ of_source), 3),
            "cosine to template": round(float(of_result @ of_template), 3),
            "cosine of source and template": round(float(of_source @ of_template), 3),
            "size, px": f"{shape[1]} × {shape[0]}",
        }
        if truth is not None and truth.shape == shape:
            exact = warp(truth, face.affine, size_px)
            metrics["result to truth, dB PSNR"] = round(psnr(result, exact), 2)
            metrics["template to truth, dB PSNR"] = round(psnr(face.crop, exact), 2)
        return metrics
