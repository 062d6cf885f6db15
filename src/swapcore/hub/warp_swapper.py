"""`builtin:warp`: a swapper without weights, which warps the source by landmarks."""

from typing import Final

import numpy as np

from swapcore.errors import FaceError
from swapcore.faces.dlib_mean import DLIB_MEAN
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.mesh.crops import STANDARD_SQUARE
from swapcore.faces.mesh.find import MIN_SCORE, landmarks_at
from swapcore.faces.mesh.landmarker import square_of_points
from swapcore.faces.recognizer import DlibRecognizer
from swapcore.hub.swapper import Batch, Swapper
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.warp.dense import dense_warp

_SIZE_PX: Final = 256


class WarpSwapper(Swapper):
    """The dense warp with the interface of a trained model."""

    def __init__(self, device: str = "cpu") -> None:
        """Load the recognizer; the face mesh is loaded at the first swap.

        Raises:
            ArtifactError: the recognizer's file is missing or damaged.
        """
        self._mesh_device = device
        self.recognizer = DlibRecognizer(read_dlib_weights(package_file(RECOGNIZER_FILE))).to(device)
        self.embedding_mean = np.array(DLIB_MEAN, dtype=np.float32)
        self.size_px = self.working_px = _SIZE_PX

    @property
    def composes(self) -> bool:
        """See Swapper."""
        return True

    def swap(self, sources: Batch, templates: Batch) -> Batch:
        """Give each template the face of its source; shapes as for Swapper, any sizes.

        Raises:
            FaceError: the mesh sees no face in a crop.
            ArtifactError: the mesh's files are not installed.
        """
        return np.stack([self._swap_one(*pair) for pair in zip(sources, templates, strict=True)])

    def _swap_one(self, source: Image, template: Image) -> Image:
        own = locate_in_crop(source, "source", self._mesh_device)
        wanted = locate_in_crop(template, "template", self._mesh_device)
        return dense_warp(source, own, template, wanted).image


def locate_in_crop(crop: Image, name: str, device: str = "cpu") -> Points:
    """Landmarks (478, 3) of the face in an aligned crop (S, S, 3), by two passes of the mesh.

    Raises:
        FaceError: the mesh sees no face; the message begins with name.
    """
    square = np.array([*(value * crop.shape[0] for value in STANDARD_SQUARE), 0.0])
    points, _ = landmarks_at(crop, square[None], device)
    points, scores = landmarks_at(crop, square_of_points(points[0])[None], device)
    if scores[0] < MIN_SCORE:
        raise FaceError(name, "no-face", "the face mesh sees no face in the crop; use another photograph")
    found: Points = points[0]
    return found
