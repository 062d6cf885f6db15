"""Gaussian blur with a width for each image and channel."""

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F


def blur(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Blur (B, C, H, W) with kernels (K, B, C), edges mirrored as cv2.GaussianBlur does.

    Sums of shifted images instead of a convolution: exact in float32 on every device, and independent of the rest of the batch.
    """
    reach = min(len(kernels) // 2, *(side - 1 for side in images.shape[-2:]))
    kernels = kernels[len(kernels) // 2 - reach :][: 2 * reach + 1, :, :, None, None]
    height, width = images.shape[-2:]
    padded = F.pad(images, (reach, reach, 0, 0), mode="reflect")
    across = sum_shifted([padded[..., n : n + width] for n in range(2 * reach + 1)], kernels)
    padded = F.pad(across, (0, 0, reach, reach), mode="reflect")
    return sum_shifted([padded[..., n : n + height, :] for n in range(2 * reach + 1)], kernels)


def sum_shifted(shifted: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """Sum of images times their weights."""
    total = shifted[0] * weights[0]
    for image, weight in zip(shifted[1:], weights[1:], strict=True):
        total.addcmul_(image, weight)
    return total


def gaussian_kernels(sigma: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Kernels (K, ...) of deviations (...) in pixels, as cv2 makes them; 0 is no blur."""
    sizes = np.rint(sigma * 8 + 1).astype(int) | 1
    longest = int(sizes.max(initial=1))
    kernels = np.zeros((longest, *sigma.shape), np.float32)
    for place in np.ndindex(*sigma.shape):
        if sigma[place] > 0:
            margin = (longest - sizes[place]) // 2
            kernels[(slice(margin, longest - margin), *place)] = cv2.getGaussianKernel(
                int(sizes[place]), float(sigma[place]), cv2.CV_32F
            )[:, 0]
        else:
            kernels[(longest // 2, *place)] = 1
    return kernels
