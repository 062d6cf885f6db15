"""Positions under autocast: the same as in float32."""

import numpy as np
import pytest
import torch

from swapcore.losses.jitter import Jitter, apply_jitter
from swapcore.models.discriminator import Discriminator
from swapcore.models.generator import displace
from swapcore.ops.sampling import identity_grid, resample, sample_at, sampling_grid

FORMATS = [torch.bfloat16, torch.float16]
TOLERANCE = 2e-6
"""Of a grid, whose side is 2: 1e-6 of the side."""


def positions(size: int) -> torch.Tensor:
    """An image (1, 3, S, S) whose first two channels are each pixel's own place, -1 to 1."""
    grid = identity_grid(torch.zeros(1), size).permute(0, 3, 1, 2)
    return torch.cat([grid, grid[:, :1]], 1)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("size", [112, 512])
def test_grids_are_float32(dtype: torch.dtype, size: int) -> None:
    affine = torch.tensor([[[0.93, 0.05, 0.011], [-0.05, 0.93, -0.007]]])
    exact = sampling_grid(affine, size, size)
    with torch.autocast("cpu", dtype):
        assert torch.equal(sampling_grid(affine, size, size), exact)
        own = identity_grid(affine.to(dtype), size)
    places = (torch.arange(size, dtype=torch.float64) + 0.5) / size * 2 - 1
    assert own.dtype == torch.float32
    torch.testing.assert_close(own[0, 0, :, 0].double(), places, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("dtype", FORMATS)
def test_the_jitter_samples_the_same_places(dtype: torch.dtype) -> None:
    image = positions(256).expand(2, -1, -1, -1)
    jitter = Jitter(
        torch.tensor([[0.013, -0.02], [0.0, 0.007]]), torch.tensor([0.961, 1.037]), torch.tensor([0.3, 0.0])
    )
    view = torch.tensor([[[0.83, 0.02, 0.013], [-0.02, 0.83, 0.07]]]).expand(2, -1, -1)
    exact = apply_jitter(image, jitter, view)
    with torch.autocast("cpu", dtype):
        torch.testing.assert_close(apply_jitter(image, jitter, view), exact, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("dtype", FORMATS)
def test_displacement_and_resampling_sample_the_same_places(dtype: torch.dtype) -> None:
    image = positions(224)
    flow = torch.randn(1, 2, 28, 28, generator=torch.Generator().manual_seed(0))
    affine = np.array([[0.71, 0.03, -4.2], [-0.03, 0.71, 3.3]])
    exact = displace(image, flow), resample(image, affine, 150)
    with torch.autocast("cpu", dtype):
        found = displace(image, flow), resample(image, affine, 150)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=0)


def test_values_of_half_precision_are_sampled_in_float32() -> None:
    image = torch.rand(1, 3, 8, 8).bfloat16()
    assert torch.equal(sample_at(image, identity_grid(image, 8)), sample_at(image.float(), identity_grid(image, 8)))


@pytest.mark.parametrize("dtype", FORMATS)
def test_spectral_norms_are_computed_without_autocast(dtype: torch.dtype) -> None:
    model = Discriminator(4)
    seen = []
    for layer in [*model.layers, model.head]:
        layer.parametrizations.weight[0].register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    with torch.autocast("cpu", dtype):
        model(torch.rand(1, 3, 16, 16))
    assert seen == [False] * 5
