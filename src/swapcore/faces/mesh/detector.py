"""MediaPipe's face detectors for short range (large faces) and back camera (small faces too)."""

import functools
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.mesh.files import BACK_RANGE, SHORT_RANGE, MeshFile, locate
from swapcore.faces.mesh.tflite import TfliteNetwork
from swapcore.ops.image import Image, to_tensor

Range = Literal["short", "back"]
Detections = npt.NDArray[np.float64]
"""(N, 17): score; left, top, right, bottom; x, y of left eye, right eye, nose tip, mouth, left ear, right ear."""
_SHARP_ENOUGH: Final = 0.8
"""Scales below are blurred before bilinear sampling, against aliasing."""
SAME_FACE_IOU: Final = 0.3
"""Detections that overlap by more are averaged, weighted by score."""


class _Design(NamedTuple):
    """How a detector's outputs map to the image."""

    file: MeshFile
    size_px: int
    strides: tuple[tuple[int, int], ...]
    """Stride in pixels and anchors per cell of each output map; all anchors are centers of cells."""


_DESIGNS: Final[dict[Range, _Design]] = {
    "short": _Design(SHORT_RANGE, 128, ((8, 2), (16, 6))),
    "back": _Design(BACK_RANGE, 256, ((16, 2), (32, 6))),
}


class FaceDetector:
    """One detector, on one device."""

    def __init__(self, which: Range, device: str = "cpu") -> None:
        """Load a detector.

        Raises:
            ArtifactError: its file is not installed or damaged.
        """
        design = _DESIGNS[which]
        self.size_px = design.size_px
        self._device = device
        self._network = TfliteNetwork(locate(design.file)).to(device)
        self._anchors = np.concatenate([_cell_centers(self.size_px, *stride) for stride in design.strides])

    @torch.no_grad()
    def detect(self, images: list[Image], threshold: float = 0.5) -> list[Detections]:
        """Find the faces of images of any sizes, each as a whole; the most certain first.

        Args:
            images: uint8 (H, W, 3) each.
            threshold: of the score, 0 to 1.
        """
        views = [_letterboxed(image, self.size_px) for image in images]
        outputs = self._network(to_tensor(np.stack([view for view, _ in views])).to(self._device))
        boxes, logits = (output.double().cpu().numpy() for output in outputs)
        scores = 1 / (1 + np.exp(-logits[..., 0].clip(-100, 100)))
        return [
            self._decode(boxes[i], scores[i], threshold, scale, np.array(images[i].shape[1::-1]))
            for i, (_, scale) in enumerate(views)
        ]

    def _decode(
        self, boxes: Detections, scores: Detections, threshold: float, scale: float, image_size: npt.NDArray[np.int_]
    ) -> Detections:
        """One image's detections in its pixels."""
        keep = scores > threshold
        # Each row: center, width and height, then six points, all relative to the anchor.
        center, size, points = np.split(boxes[keep].reshape(-1, 8, 2), [1, 2], axis=1)
        places = np.concatenate([center - size / 2, center + size / 2, points], 1) + self._anchors[keep, None] - 0.5
        in_image = (places - (self.size_px - 1) / 2) / scale + (image_size - 1) / 2
        return merge_overlapping(np.hstack([scores[keep, None], in_image.reshape(-1, 16)]))


def merge_overlapping(rows: Detections) -> Detections:
    """Average overlapping detections, weighted by score; each keeps the score of its best."""
    rows, merged = rows[np.argsort(-rows[:, 0], kind="stable")], []
    while len(rows):
        same = intersection_over_union(rows[:, 1:5], rows[0, 1:5]) > SAME_FACE_IOU
        same[0] = True
        merged.append(np.append(rows[0, :1], np.average(rows[same, 1:], axis=0, weights=rows[same, 0])))
        rows = rows[~same]
    return np.array(merged).reshape(-1, 17)


def intersection_over_union(boxes: Detections, box: Detections) -> Detections:
    """Of boxes (N, 4) with one box (4,): (N,)."""
    common = (np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(common / np.maximum(areas + (box[2:] - box[:2]).prod() - common, 1e-9))


@functools.cache
def load_detector(which: Range, device: str = "cpu") -> FaceDetector:
    """A detector, loaded once per process."""
    return FaceDetector(which, device)


def _cell_centers(size_px: int, stride: int, num: int) -> Detections:
    cells = size_px // stride
    y, x = np.mgrid[:cells, :cells]
    return np.asarray((np.stack([x, y], -1).reshape(-1, 2).repeat(num, 0) + 0.5) * stride, dtype=np.float64)


def _letterboxed(image: Image, size_px: int) -> tuple[Image, float]:
    """The image centered in a black square, averaged where it shrinks, and the scale."""
    height, width = image.shape[:2]
    scale = size_px / max(height, width)
    # Halvings first, so that the last, inexact step shrinks less than twofold.
    while min(image.shape[:2]) > 1 and size_px / max(image.shape[:2]) < 0.5:
        half = (max(1, round(image.shape[1] / 2)), max(1, round(image.shape[0] / 2)))
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    factors = np.array([width / image.shape[1], height / image.shape[0]]) * scale
    center = (np.array(image.shape[1::-1]) - 1) / 2
    affine = np.hstack([np.diag(factors), ((size_px - 1) / 2 - factors * center)[:, None]])
    if factors[0] < _SHARP_ENOUGH:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / float(factors[0])), dtype=np.uint8)
    view = cv2.warpAffine(image, affine, (size_px, size_px), flags=cv2.INTER_LINEAR)
    return np.asarray(view, dtype=np.uint8), scale
