"""478 landmarks of faces in squares of images, as a torch module."""

import functools
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from swapcore.faces.mesh.files import ATTENTION_MESH, locate
from swapcore.faces.mesh.tflite import TfliteNetwork
from swapcore.faces.mesh.topology import LEFT_IRIS, NUM_SURFACE, RIGHT_IRIS

VIEW_PX: Final = 192
"""Side of the square that the network sees."""
SQUARE_PER_BOX: Final = 1.5
"""Side of the square over the longer side of a detection's box."""
_REFINED_SHIFT_PX: Final = -0.35
"""Of refined points, in the view. Measured: mirrored images then agree to 0.04 px (docs/explanation/face-mesh.md)."""


class Landmarks(NamedTuple):
    """Landmarks of a batch of faces."""

    points: torch.Tensor
    """float32 (B, 478, 3): x, y in pixels, and depth in the same unit, negative toward the camera."""
    scores: torch.Tensor
    """float32 (B,): probability that there is a face, 0 to 1."""


class FaceMesh(nn.Module):
    """MediaPipe's attention mesh: a surface of 468 points, with lips, eyes and irises refined."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            ArtifactError: its file is not installed or damaged.
        """
        super().__init__()
        self._network = TfliteNetwork(locate(ATTENTION_MESH))
        subsets = [options["subset_idxs"] for _, options in self._network.custom_options if "subset_idxs" in options]
        refined = [*subsets, list(LEFT_IRIS), list(RIGHT_IRIS)]
        self._refined = [f"refined_{number}" for number in range(len(refined))]
        for name, indices in zip(self._refined, refined, strict=True):
            self.register_buffer(name, torch.tensor(indices), persistent=False)

    def forward(self, views: torch.Tensor) -> Landmarks:
        """Landmarks in the network's own squares; differentiable.

        Args:
            views: float (B, 3, 192, 192) in [-1, 1], upright faces, as ``crop_views`` gives them.
        """
        mesh, *refined, logits = self._network((views.float() + 1) / 2)
        points = F.pad(mesh.reshape(-1, NUM_SURFACE, 3), (0, 0, 0, 10))
        flat = points[..., :2]
        for name, own in zip(self._refined, refined, strict=True):
            flat = flat.index_copy(1, self.get_buffer(name), own.reshape(len(own), -1, 2) + _REFINED_SHIFT_PX)
        return Landmarks(torch.cat([flat, points[..., 2:]], 2), torch.sigmoid(logits.flatten()))

    def landmarks(self, images: torch.Tensor, squares: torch.Tensor, smallest_px: float | None = None) -> Landmarks:
        """Landmarks in pixels of the images; differentiable with respect to the images.

        Args:
            images: float (B, 3, H, W) in [-1, 1].
            squares: float (B, 4): center x, center y, side in pixels, rotation in radians (0 = upright, positive =
                clockwise as seen), as ``square_of_box`` and ``square_of_points`` give them.
            smallest_px: side of the smallest square, where it is known without reading squares from a GPU.
        """
        if smallest_px is None and len(squares):
            smallest_px = float(squares[:, 2].min())
        squares = squares.to(images.device, torch.float32)
        found = self(crop_views(images, squares, smallest_px or 0.0))
        linear, shift = _view_to_image(squares)
        points = found.points[..., :2] @ linear.mT + shift[:, None]
        depth = found.points[..., 2:] * (squares[:, 2] / VIEW_PX)[:, None, None]
        return Landmarks(torch.cat([points, depth], 2), found.scores)


@functools.cache
def load_face_mesh(device: str = "cpu") -> FaceMesh:
    """The face mesh on a device, loaded once per process.

    Raises:
        ArtifactError: its file is not installed; the message names the command that installs it.
    """
    return FaceMesh().to(device)


def crop_views(images: torch.Tensor, squares: torch.Tensor, smallest_px: float) -> torch.Tensor:
    """Squares (B, 4) of images (B, 3, H, W), bilinear, float32 (B, 3, 192, 192); edges are replicated.

    Where all squares are more than twice as large as the view, the images are averaged down first, against aliasing.
    """
    images = images.float()
    while smallest_px > 2 * VIEW_PX and min(images.shape[2:]) > 1:
        images, smallest_px = F.avg_pool2d(images, 2), smallest_px / 2
        squares = torch.cat([(squares[:, :2] - 0.5) / 2, squares[:, 2:3] / 2, squares[:, 3:]], 1)
    linear, shift = _view_to_image(squares)
    steps = torch.arange(VIEW_PX, device=images.device, dtype=torch.float32)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    pixels = torch.stack([x, y], -1).reshape(1, -1, 2) @ linear.mT + shift[:, None]
    sides = (images.shape[3], images.shape[2])
    grid = torch.stack([(2 * pixels[..., axis] + 1) / side - 1 for axis, side in enumerate(sides)], -1)
    grid = grid.reshape(-1, VIEW_PX, VIEW_PX, 2)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _view_to_image(squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Linear part (B, 2, 2) and shift (B, 2) from pixels of the view to pixels of the image."""
    cosine, sine = torch.cos(squares[:, 3]), torch.sin(squares[:, 3])
    rotation = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    linear = rotation * (squares[:, 2] / VIEW_PX)[:, None, None]
    middle = torch.full((2,), (VIEW_PX - 1) / 2, device=squares.device)
    return linear, squares[:, :2] - linear @ middle


Floats = npt.NDArray[np.float64]


def square_of_box(box: Floats, eyes: Floats) -> Floats:
    """The square (4,) around a detection.

    Args:
        box: (4,) left, top, right, bottom.
        eyes: (2, 2) the eye on the image's left, then the other; they are level in the square.
    """
    along = eyes[1] - eyes[0]
    side = SQUARE_PER_BOX * float((box[2:] - box[:2]).max())
    return np.array([*(box[:2] + box[2:]) / 2, side, np.arctan2(along[1], along[0])])


def square_of_points(points: Floats) -> Floats:
    """The square (4,) around landmarks (478, 2 or 3) of the same face, for the next video frame or a second pass."""
    along = points[263, :2] - points[33, :2]
    angle = float(np.arctan2(along[1], along[0]))
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    inside = points[:NUM_SURFACE, :2] @ rotation.T
    low, high = inside.min(0), inside.max(0)
    return np.array([*(low + high) / 2 @ rotation, SQUARE_PER_BOX * float((high - low).max()), angle])
