"""`builtin:warp`: a swapper without weights, which warps the source by landmarks."""

from collections.abc import Sequence

import numpy as np
import torch

from swapcore.errors import FaceError
from swapcore.faces.dlib_mean import DLIB_MEAN
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.mesh.crops import STANDARD_SQUARE
from swapcore.faces.mesh.find import MIN_SCORE, landmarks_at
from swapcore.faces.mesh.landmarker import square_of_points
from swapcore.faces.recognizer import DlibRecognizer, Embeddings
from swapcore.hub.face_swapper import Crops, FaceInImage, SwappedFace
from swapcore.hub.native_crop import NativeCrop, crop_native
from swapcore.ops.embedding import centered
from swapcore.ops.geometry import Points, apply
from swapcore.ops.image import Image
from swapcore.warp.dense import dense_warp

_SIZE_PX, _MAX_CROP_PX = 256, 2048


class WarpSwapper:
    """The dense warp; implements ``FaceSwapper``."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Load the recognizer; the face mesh is loaded at the first swap.

        Raises:
            ArtifactError: the recognizer's file is missing or damaged.
        """
        self._device = str(device)
        self.recognizer = DlibRecognizer(read_dlib_weights(package_file(RECOGNIZER_FILE))).to(device)
        self.size_px, self.max_crop_px = _SIZE_PX, _MAX_CROP_PX
        self.relights = True

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """See ``FaceSwapper``; each result has its template's own resolution.

        Raises:
            FaceError: the mesh sees no face in a crop.
            ArtifactError: the mesh's files are not installed.
        """
        return [self._swap_face(*pair) for pair in zip(sources, templates, strict=True)]

    def _swap_face(self, source: FaceInImage, template: FaceInImage) -> SwappedFace:
        view = crop_native(template, _MAX_CROP_PX)
        wanted = self._landmarks(template, view, "template")
        if source.face.mesh is not None:
            warped = dense_warp(source.image, source.face.mesh, view.crop, wanted)
        else:
            crop = crop_native(source, _MAX_CROP_PX)
            warped = dense_warp(crop.crop, self._landmarks(source, crop, "source"), view.crop, wanted)
        return SwappedFace(view.crop, warped.image, view.points, view.affine, relit=True)

    def _landmarks(self, shown: FaceInImage, view: NativeCrop, name: str) -> Points:
        """Landmarks (478, 3) in pixels of a view."""
        mesh = shown.face.mesh
        if mesh is None:
            return locate_in_crop(view.crop, name, self._device)
        scale = float(np.sqrt(abs(np.linalg.det(view.affine[:, :2]))))
        return np.column_stack([apply(view.affine, mesh[:, :2]), mesh[:, 2] * scale])

    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """See ``FaceSwapper``; sources and templates may have any sizes. Errors as for ``swap_faces``."""
        return np.stack([self._swap_crop(*pair) for pair in zip(sources, templates, strict=True)])

    def _swap_crop(self, source: Image, template: Image) -> Image:
        own = locate_in_crop(source, "source", self._device)
        wanted = locate_in_crop(template, "template", self._device)
        return dense_warp(source, own, template, wanted).image

    def embed(self, crops: Crops, batch_size: int = 16) -> Embeddings:
        """See ``FaceSwapper``; embeddings are centered by a mean of photographs."""
        raw = torch.from_numpy(self.recognizer.embed(crops, batch_size))
        return np.asarray(centered(raw, torch.tensor(DLIB_MEAN)).numpy(), dtype=np.float32)


def locate_in_crop(crop: Image, name: str, device: str = "cpu") -> Points:
    """Find the landmarks (478, 3) of the face in an aligned crop (S, S, 3), by two passes of the mesh.

    Raises:
        FaceError: the mesh sees no face; the message begins with name.
    """
    square = np.array([*(value * crop.shape[0] for value in STANDARD_SQUARE), 0.0])
    points, _ = landmarks_at(crop, square[None], device)
    points, scores = landmarks_at(crop, square_of_points(points[0])[None], device)
    if scores[0] < MIN_SCORE:
        raise FaceError(name, "no-face", "the face mesh sees no face in the crop; use another image")
    found: Points = points[0]
    return found
