"""Similarity transforms, affine maps and warps.

Points are x, y in pixels; the center of the top-left pixel is (0, 0).
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.image import Image

Points = npt.NDArray[np.float64]
"""(N, 2), x then y, in pixels."""
Affine = npt.NDArray[np.float64]
"""A (2, 3) matrix [A | t] that maps a point p to A p + t."""


def similarity_transform(source: Points, target: Points) -> Affine:
    """Fit rotation, uniform scale and shift from source to target points (N, 2), N >= 2, by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991;
    without reflection.

    Raises:
        ValueError: the shapes differ, or the source points coincide.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"expected two (N, 2) arrays with N >= 2, got {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(0), target.mean(0)
    source_centered, target_centered = source - source_mean, target - target_mean
    variance = float((source_centered**2).sum())
    if variance < 1e-12:
        raise ValueError("the source points coincide")
    u, singular, vt = np.linalg.svd(target_centered.T @ source_centered)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = float((singular * sign).sum()) / variance
    shift = target_mean - scale * rotation @ source_mean
    return np.hstack([scale * rotation, shift[:, None]])


def apply(affine: Affine, points: Points) -> Points:
    """Map points (..., 2) by an affine (2, 3)."""
    return points @ affine[:, :2].T + affine[:, 2]


def invert(affine: Affine) -> Affine:
    """Return the inverse of an affine (2, 3).

    Raises:
        ValueError: the affine is singular.
    """
    if abs(float(np.linalg.det(affine[:, :2]))) < 1e-12:
        raise ValueError("the affine is singular")
    inverse = np.linalg.inv(affine[:, :2])
    return np.hstack([inverse, (-inverse @ affine[:, 2])[:, None]])


def compose(outer: Affine, inner: Affine) -> Affine:
    """Return the affine (2, 3) that applies inner, then outer."""
    return np.hstack([outer[:, :2] @ inner[:, :2], (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]])


def rescale(affine: Affine, from_px: int, to_px: int) -> Affine:
    """Change an image-to-crop affine to another crop size; the crop covers the same area."""
    factor = to_px / from_px
    scaling = np.array([[factor, 0.0, (factor - 1) / 2], [0.0, factor, (factor - 1) / 2]])
    return compose(scaling, affine)


def in_half_sides(affine: Affine, size_px: int) -> Affine:
    """Convert an affine (2, 3) between images of size_px to torch's units, in which the outer edges are -1 and 1."""
    to_half_sides = np.array([[2.0 / size_px, 0.0, 1.0 / size_px - 1.0], [0.0, 2.0 / size_px, 1.0 / size_px - 1.0]])
    return compose(to_half_sides, compose(affine, invert(to_half_sides)))


def warp(image: Image, affine: Affine, size_px: int, interpolation: int = cv2.INTER_LINEAR) -> Image:
    """Cut a crop, uint8 (size_px, size_px, 3); edges are replicated.

    Beyond a reduction of two, the image is averaged down first, against aliasing.

    Args:
        image: uint8 (H, W, 3).
        affine: (2, 3), points of the image to points of the crop.
        size_px: side of the crop.
        interpolation: OpenCV's flag.
    """
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    num_halvings = max(0, math.ceil(-math.log2(scale)) - 1)
    image, affine = _cut_region(image, affine, size_px, 2**num_halvings)
    for _ in range(num_halvings):
        image, affine = _halve(image, affine)
    cut = cv2.warpAffine(
        np.ascontiguousarray(image), affine, (size_px, size_px), flags=interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, dtype=np.uint8)


def _cut_region(image: Image, affine: Affine, size_px: int, step_px: int) -> tuple[Image, Affine]:
    """Cut the region that a crop samples, from a multiple of step_px, so that only it is averaged down."""
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]]) - 0.5
    seen = apply(invert(affine), corners)
    height, width = image.shape[:2]
    margin = 2 * step_px
    left, top = (
        int(np.clip(low - margin, 0, side - 1)) // step_px * step_px
        for low, side in zip(seen.min(0), (width, height), strict=True)
    )
    right, bottom = (
        int(np.clip(high + margin + 1, 1, side)) for high, side in zip(seen.max(0), (width, height), strict=True)
    )
    region = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    return region, compose(affine, np.array([[1.0, 0.0, left], [0.0, 1.0, top]]))


def _halve(image: Image, affine: Affine) -> tuple[Image, Affine]:
    """Average the image down to half its size and adapt the affine."""
    height, width = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
    halving = np.array([[width / image.shape[1], 0, 0], [0, height / image.shape[0], 0]])
    halving[:, 2] = (np.diag(halving) - 1) / 2
    smaller = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return smaller, compose(affine, invert(halving))
