"""Whole photographs: the source's face onto the template's, at the template's own resolution, all else untouched."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from swapcore.data.images import Photograph, read_photograph
from swapcore.faces.extract import AlignedFace
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.hub.swapper import Swapper
from swapcore.inference.finding import FaceChoice, find_faces
from swapcore.inference.paste import keep_colour, paste_back
from swapcore.ops.image import Image
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, check_destination, write_marked

MAX_MEGAPIXELS = 100.0
"""Larger photographs are refused by their header."""


@dataclass(frozen=True)
class SwappedPhotograph:
    """What a swap gives."""

    image: Image
    """uint8 (H, W, 3), as large as the template."""
    faces: list[AlignedFace]
    """The template's faces that were replaced, from left to right."""
    provenance: Provenance
    """For ``marking.write_marked``."""


class PhotographSwapper:
    """A trained model that takes whole photographs; loaded once, used often."""

    def __init__(self, model: str | Path | LocatedModel, device: str = "cpu") -> None:
        """Find and load a model: see ``models.resolve_model`` for the forms of a reference, and its errors."""
        self._located = model if isinstance(model, LocatedModel) else resolve_model(model)
        self.swapper = Swapper(self._located.folder, device)

    @cached_property
    def reference(self) -> ModelReference:
        """The model, as marks name it."""
        return ModelReference(self._located.name, self._located.version, self._located.digest)

    def source_crop(self, photograph: Image, path: Path) -> Image:
        """The one face of a source photograph, uint8 (S, S, 3).

        Raises:
            FaceError: there is no face, or several, or it is too small or turned too far.
        """
        return find_faces(photograph, "one", self.swapper.size_px, path)[0].crop

    def replace(self, photograph: Image, face: AlignedFace, source: Image) -> Image:
        """The photograph (H, W, 3) with one face replaced by the source crop's, uint8 (S, S, 3), as ``source_crop`` gives it."""
        swapped = self.swapper.swap(source[None], face.crop[None])[0]
        return paste_back(photograph, face.crop, keep_colour(swapped, face.crop, face.points), face.points, face.affine)

    def replace_all(self, photograph: Image, faces: list[AlignedFace], source: Image) -> Image:
        """The same for several faces of one photograph."""
        for face in faces:
            photograph = self.replace(photograph, face, source)
        return photograph

    def swap(self, source: Path, template: Path, face: FaceChoice = "one") -> SwappedPhotograph:
        """Swap two photographs; shapes and errors as the function ``swap``."""
        first = read_photograph(source, MAX_MEGAPIXELS)
        return self.swap_onto(self.source_crop(first.image, source), ingredient(source, first), template, face)

    def swap_onto(self, source: Image, origin: Ingredient, template: Path, face: FaceChoice) -> SwappedPhotograph:
        """The same with a source crop that is there already, and where it came from."""
        second = read_photograph(template, MAX_MEGAPIXELS)
        faces = find_faces(second.image, face, self.swapper.size_px, template)
        used = (origin, Ingredient("template", template.name, second.sha256))
        image = self.replace_all(second.image, faces, source)
        return SwappedPhotograph(image, faces, Provenance("swapped", self.reference, used))


def ingredient(path: Path, photograph: Photograph) -> Ingredient:
    """A source photograph, as marks name it."""
    return Ingredient("source", path.name, photograph.sha256)


def swap(
    source: str | Path,
    template: str | Path,
    out: str | Path | None = None,
    *,
    model: str | Path,
    face: FaceChoice = "one",
    overwrite: bool = False,
    device: str = "cpu",
) -> SwappedPhotograph:
    """Put the source's face onto the template's photograph.

    Args:
        source: a photograph of one person: JPEG, PNG, WebP, TIFF, BMP or GIF. Its EXIF orientation is honoured.
        template: a photograph that gives all else.
        out: where to write the result, marked as synthetic: .png, .jpg or .webp; None writes nothing. The file holds none of the
            inputs' metadata (no GPS, no camera, no names).
        model: a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix.
        face: which of the template's faces: "one" (there must be one), "largest", "all", or N, the N-th from the left, from 1.
        overwrite: replace a file that is at out already.
        device: where torch computes.

    Returns:
        The picture, uint8 RGB (H, W, 3), upright, as large as the template; and which faces were replaced.

    Raises:
        ImageError: a file cannot be read, is no picture, is cut off, or has more than 100 megapixels.
        FaceError: no face where one is needed, several where one is meant, or one too small or turned too far.
        InputError: an unknown model, or a file at out that may not be replaced.
        ArtifactError: a model folder that is damaged or was made for another alignment.
    """
    if out is not None:
        check_destination(Path(out), overwrite=overwrite)
    swapped = PhotographSwapper(model, device).swap(Path(source), Path(template), face)
    if out is not None:
        write_marked(Path(out), np.ascontiguousarray(swapped.image), swapped.provenance, overwrite=overwrite)
    return swapped
