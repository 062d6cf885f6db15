"""Swap faces in whole images at the template's own resolution."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from swapcore.errors import InputError
from swapcore.faces.extract import AlignedFace
from swapcore.files import is_same_file
from swapcore.hub.face_swapper import FaceInImage, SwappedFace
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import DEFAULT_MODEL, LocatedModel, resolve_model
from swapcore.inference.finding import FaceChoice, close_up, select_faces
from swapcore.inference.input_image import ImageInput, read_input
from swapcore.inference.paste import keep_color, paste_back
from swapcore.ops.image import Image
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, check_destination, write_marked


@dataclass(frozen=True, repr=False)
class SwapResult:
    """A swapped image. ``save`` writes it with the marks of a synthetic image."""

    image: Image
    """uint8 (H, W, 3) RGB, upright, as large as the template; without watermark."""
    faces: list[AlignedFace]
    """The template's faces that were replaced, from left to right."""
    provenance: Provenance
    """Model and inputs, for the marks."""

    def __repr__(self) -> str:
        """Return size, number of faces and model instead of all pixels."""
        height, width = self.image.shape[:2]
        return f"SwapResult({width} x {height} px, faces={len(self.faces)}, model={self.provenance.model.name!r})"

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the image with a watermark and a signed C2PA manifest.

        The file holds none of the inputs' metadata (no GPS position, camera or names).

        Args:
            path: .png, .jpg, .jpeg or .webp; missing folders are made.
            overwrite: replace an existing file.

        Returns:
            The path.

        Raises:
            InputError: the file exists, the suffix is unknown, or the signing certificate cannot be used.
        """
        write_marked(Path(path), np.ascontiguousarray(self.image), self.provenance, overwrite=overwrite)
        return Path(path)


class Swapper:
    """A loaded model that swaps faces in whole images.

    Load it once and use it for many images:

    >>> swapper = Swapper.from_pretrained(model_folder)
    >>> result = swapper.swap("source.png", "template.png")
    >>> result.image.shape
    (400, 400, 3)
    >>> result.save("swapped.png").name
    'swapped.png'
    """

    def __init__(self, model: str | Path | LocatedModel, device: str = "auto") -> None:
        """Find and load a model; arguments and errors as for ``from_pretrained``."""
        self._located = model if isinstance(model, LocatedModel) else resolve_model(model)
        self.model = load_face_swapper(self._located, device)

    @classmethod
    def from_pretrained(cls, reference: str | Path, device: str = "auto") -> "Swapper":
        """Find a model, download it if necessary, and load it.

        Args:
            reference: ``builtin:warp`` (needs no training), a model folder, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``s3://bucket/prefix``.
            device: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps.

        Raises:
            InputError: there is no such model.
            ArtifactError: the model folder is incomplete, damaged, or made for another alignment.
            ParamsError: there is no such device.
            TrackingError, StorageError: the registry or the object storage cannot be reached.
        """
        return cls(reference, device)

    @cached_property
    def reference(self) -> ModelReference:
        """Name, version and digest of the model, as the marks record them."""
        return ModelReference(self._located.name, self._located.version, self._located.digest)

    def swap(self, source: ImageInput, template: ImageInput, face: FaceChoice = "largest") -> SwapResult:
        """Put the source's face onto the template.

        Args:
            source: an image of one person: a path, a PIL image, or uint8 (H, W, 3) RGB. EXIF orientation is applied.
            template: the image that gives pose, expression, light and background; forms as for source.
            face: which of the template's faces: "largest", "one" (the template must show exactly one), "all", or N, the
                N-th from the left, from 1.

        Raises:
            ImageError: an image cannot be read, is cut off, or has more than 100 megapixels.
            FaceError: no face was found, several where one is needed, or it is too small or turned too far.
        """
        first = read_input(source, "source")
        return self.swap_onto(self.source_face(first.image, first.path), first.ingredient, template, face)

    def swap_onto(
        self, source: FaceInImage, origin: Ingredient, template: ImageInput, face: FaceChoice = "largest"
    ) -> SwapResult:
        """Swap with a source face that was found before.

        Args:
            source: from ``source_face``.
            origin: the source's name and hash, for the marks.
            template: see ``swap``.
            face: see ``swap``.
        """
        second = read_input(template, "template")
        faces = select_faces(second.image, face, self.model.size_px, second.path)
        image = self.replace_all(second.image, faces, source)
        return SwapResult(image, faces, Provenance("swapped", self.reference, (origin, second.ingredient)))

    def source_face(self, image: Image, path: Path) -> FaceInImage:
        """Find the one face of a source image, uint8 (H, W, 3); path is named in errors only.

        Raises:
            FaceError: there is no face, or several, or it is too small or turned too far.
        """
        return close_up(FaceInImage(image, select_faces(image, "one", self.model.size_px, path)[0]))

    def replace(self, image: Image, face: AlignedFace, source: FaceInImage) -> Image:
        """Replace one face of an image, uint8 (H, W, 3), by the source's."""
        return paste_face(image, self.model.swap_faces([source], [FaceInImage(image, face)])[0])

    def replace_all(self, image: Image, faces: Sequence[AlignedFace], source: FaceInImage) -> Image:
        """Replace several faces of one image by the source's."""
        for face in faces:
            image = self.replace(image, face, source)
        return image


def paste_face(image: Image, swapped: SwappedFace) -> Image:
    """Paste a swapped face into its image, uint8 (H, W, 3), with the skin color of the template unless it was relit."""
    after = swapped.after if swapped.relit else keep_color(swapped.after, swapped.before, swapped.points)
    return paste_back(image, swapped.before, after, swapped.points, swapped.affine)


def swap(
    source: ImageInput,
    template: ImageInput,
    out: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    face: FaceChoice = "largest",
    overwrite: bool = False,
    device: str = "auto",
) -> SwapResult:
    """Put the source's face onto the template: load a model, swap two images, write the result.

    For many images load the model once with ``Swapper.from_pretrained``.

    Args:
        source: an image of one person: a path (JPEG, PNG, WebP, TIFF, BMP, GIF), a PIL image, or uint8 (H, W, 3) RGB.
        template: the image that gives pose, expression, light and background.
        out: the file to write, .png, .jpg or .webp, marked as synthetic; None writes nothing.
        model: ``builtin:warp`` (needs no training), a model folder, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or
            ``s3://bucket/prefix``.
        face: which of the template's faces: "largest", "one" (the template must show exactly one), "all", or N, the N-th
            from the left, from 1.
        overwrite: replace an existing file at out.
        device: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps.

    Raises:
        ImageError: an image cannot be read, is cut off, or has more than 100 megapixels.
        FaceError: no face was found, several where one is needed, or it is too small or turned too far.
        InputError: there is no such model, or the file at out exists.
        ArtifactError: the model folder is incomplete, damaged, or made for another alignment.
        ParamsError: there is no such device.

    Example:
        >>> result = swap("source.png", "template.png", "swapped.jpg", model=model_folder)
        >>> len(result.faces)
        1
    """
    if out is not None:
        check_destination(Path(out), overwrite=overwrite)
        _check_is_no_input(Path(out), source, template)
    swapped = Swapper(model, device).swap(source, template, face)
    if out is not None:
        swapped.save(out, overwrite=overwrite)
    return swapped


def _check_is_no_input(out: Path, *inputs: ImageInput) -> None:
    """Refuse to replace an input, also by another name of it, since a swap cannot be undone."""
    for given in inputs:
        if isinstance(given, str | Path) and is_same_file(out, Path(given)):
            raise InputError(f"{out}: is an input of the swap; name another file")
