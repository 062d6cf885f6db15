"""Resampling of tensors, compared with ops.geometry.warp."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops.geometry import warp
from swapcore.ops.image import to_images, to_tensor
from swapcore.ops.sampling import resample


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    channels = [np.sin(x / 7), np.cos(y / 9), np.sin((x + y) / 8)]
    return (127.5 + 100 * np.stack(channels, -1)).astype(np.uint8)


def test_the_identity_changes_nothing():
    batch = torch.rand(2, 3, 9, 9)
    unchanged = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert torch.allclose(resample(batch, unchanged, 9), batch, atol=1e-5)


def test_a_whole_pixel_shift_by_hand():
    batch = torch.arange(16.0).view(1, 1, 4, 4)
    found = resample(batch, np.array([[1.0, 0.0, -1.0], [0.0, 1.0, -2.0]]), 2)  # crop (0, 0) is image (1, 2)
    assert torch.allclose(found, torch.tensor([[[[9.0, 10.0], [13.0, 14.0]]]]), atol=1e-4)


def test_the_border_is_replicated():
    found = resample(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]]), 4)
    assert torch.allclose(found, torch.ones(1, 1, 4, 4), atol=1e-5)


@given(st.floats(0.55, 2.5), st.floats(-1, 1), st.floats(-12, 12), st.floats(-12, 12))
@settings(max_examples=40, deadline=None)
def test_it_agrees_with_warp(scale, angle, shift_x, shift_y):
    """Also for an image that is not square; warp rounds to 1/32 px and to gray levels."""
    image = smooth(60, 90)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    affine = np.array([[cosine, -sine, shift_x], [sine, cosine, shift_y]])
    expected = warp(image, affine, 40).astype(int)
    found = to_images(resample(to_tensor(image[None]), affine, 40))[0]
    assert np.abs(found - expected).max() <= 2


def test_gradient():
    batch = torch.rand(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    affine = np.array([[1.3, 0.2, 0.4], [-0.2, 1.3, 0.1]])
    assert torch.autograd.gradcheck(
        lambda x: resample(x, affine, 4).double(), (batch,), eps=1e-2, atol=1e-3, rtol=1e-3, nondet_tol=0
    )


def test_a_singular_affine_is_refused():
    with pytest.raises(ValueError, match="singular"):
        resample(torch.zeros(1, 3, 4, 4), np.zeros((2, 3)), 4)
